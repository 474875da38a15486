"""What notices are about, read just before they are sent: is it still true, where is it, what do words need?

One statement for each kind of subject, however many notices there are.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, NamedTuple

import asyncpg
import orjson

from rules.arrears_rates import month_end


def confirmation_code(application_key: str, round_: int) -> str:
    """What the code that confirms an application is worked out from: another one in every round. S1.7."""
    return f"confirm:{application_key}" + (f":{round_}" if round_ > 1 else "")


def claim_code(claim_key: str, sent: int) -> str:
    """What the code of a claim is worked out from: every one that is sent is another one. S1.7."""
    return f"bind:{claim_key}:{sent}"


class Sealed(NamedTuple):
    """Somebody whose name may be needed: opened only when the words ask for it."""

    key: str
    name: bytes | None
    id_number: bytes | None


class About(NamedTuple):
    """A notice's subject at this moment. `person`: whom it is about, where that is not who is told."""

    still_true: bool
    region: str = ""
    facts: Mapping[str, Any] = MappingProxyType({})
    person: Sealed | None = None


class Asked(NamedTuple):
    """A notice whose subject is asked for."""

    notice_id: int
    person_id: int
    kind: str
    subject_kind: str
    subject_id: int
    due_on: date
    created_at: datetime

    @classmethod
    def of(cls, notice: Mapping[str, Any]) -> Asked:
        """From a row of `notice`."""
        names = ("person_id", "kind", "subject_kind", "subject_id", "due_on", "created_at")
        return cls(notice["id"], *(notice[name] for name in names))


GONE = About(still_true=False)

FITTING_STATES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "confirm_filled_by_helper": frozenset({"awaiting_confirmation"}),
        "confirm_changed_by_helper": frozenset({"awaiting_confirmation"}),
        "application_expired": frozenset({"expired"}),
        "application_submitted": frozenset({"in_review"}),
        "application_approved_stage": frozenset({"in_review"}),
        "application_recommended": frozenset({"in_review", "approved"}),
        "application_returned": frozenset({"returned"}),
        "application_rejected": frozenset({"rejected"}),
        "application_approved": frozenset({"approved", "disbursed"}),
        "application_withdrawn": frozenset({"withdrawn"}),
        "application_disbursed": frozenset({"disbursed"}),
    }
)
"""A notice about an application is true only while the application is in one of these states."""
AFTER_DUE = frozenset({"overdue"})
"""Kinds about an instalment that are true after its day; the others are true up to it."""


async def about(connection: asyncpg.Connection, asked: Iterable[Asked], on: date) -> dict[int, About]:
    """The subject of each notice, by notice id. A subject that is gone is no longer true. Clause: S11.6."""
    found: dict[int, About] = {}
    by_kind: dict[str, list[Asked]] = {}
    for one in asked:
        by_kind.setdefault(one.subject_kind, []).append(one)
    for kind, some in by_kind.items():
        reader = _READERS.get(kind)
        if reader is None:
            found.update({one.notice_id: About(still_true=True) for one in some})
        else:
            found.update({one.notice_id: GONE for one in some})
            found.update(await reader(connection, some, on))
    return found


async def _rows(
    connection: asyncpg.Connection, sql: str, some: Sequence[Asked], *more: object
) -> list[asyncpg.Record]:
    return await connection.fetch(  # type: ignore[no-any-return]
        sql, [one.notice_id for one in some], [one.subject_id for one in some], *more
    )


async def _tasks(connection: asyncpg.Connection, some: Sequence[Asked], _on: date) -> dict[int, About]:
    rows = await _rows(
        connection,
        """SELECT n.id AS notice_id, t.key, t.kind, t.stage, t.state, t.region, t.due_at, r.name AS place,
                  a.number, p.key AS person_key, p.name_sealed, p.id_number_sealed
           FROM unnest($1::bigint[], $2::bigint[]) AS n(id, subject_id)
           JOIN task t ON t.id = n.subject_id
           LEFT JOIN region r ON r.code = t.region
           LEFT JOIN loan_application a ON a.id = t.application_id
           LEFT JOIN person p ON p.id = coalesce(a.applicant_id, t.person_id)""",
        some,
    )
    return {
        row["notice_id"]: About(
            still_true=row["state"] == "open",
            region=row["region"],
            facts={
                "key": row["key"],
                "task_kind": row["kind"],
                "stage": row["stage"],
                "due_at": row["due_at"],
                "place": row["place"] or "",
                "number": row["number"] or "",
            },
            person=Sealed(row["person_key"], row["name_sealed"], row["id_number_sealed"])
            if row["person_key"]
            else None,
        )
        for row in rows
    }


async def _applications(connection: asyncpg.Connection, some: Sequence[Asked], _on: date) -> dict[int, About]:
    rows = await _rows(
        connection,
        """SELECT n.id AS notice_id, a.key, a.number, a.state, a.round, a.village, a.expected_at, a.progress,
                  a.resolved_route, a.closed_reason, r.name AS place, l.principal_fen, l.maturity_on,
                  p.key AS person_key, p.name_sealed, p.id_number_sealed
           FROM unnest($1::bigint[], $2::bigint[]) AS n(id, subject_id)
           JOIN loan_application a ON a.id = n.subject_id
           JOIN person p ON p.id = a.applicant_id
           LEFT JOIN loan l ON l.application_id = a.id
           LEFT JOIN region r ON r.code = a.village""",
        some,
    )
    kinds = {one.notice_id: one.kind for one in some}
    return {
        row["notice_id"]: About(
            still_true=row["state"] in FITTING_STATES.get(kinds[row["notice_id"]], (row["state"],)),
            region=row["village"],
            facts={
                "key": row["key"],
                "code_for": confirmation_code(row["key"], row["round"]),
                "number": row["number"],
                "expected_at": row["expected_at"],
                "place": row["place"] or "",
                "reason": row["closed_reason"],
                "route": row["resolved_route"],
                "progress": row["progress"],
                "amount_fen": row["principal_fen"],
                "maturity_on": row["maturity_on"],
            },
            # also told to whoever filled it in: the name in it is the applicant's
            person=Sealed(row["person_key"], row["name_sealed"], row["id_number_sealed"]),
        )
        for row in rows
    }


async def _instalments(connection: asyncpg.Connection, some: Sequence[Asked], on: date) -> dict[int, About]:
    rows = await _rows(
        connection,
        """SELECT n.id AS notice_id, l.key, l.number, l.village, i.due_on,
                  i.principal_fen - i.paid_principal_fen AS principal_fen,
                  i.interest_fen - i.paid_interest_fen AS interest_fen,
                  i.paid_on IS NULL AND l.state = 'active' AS owed,
                  (SELECT p.quiet_through FROM promise p
                   WHERE p.loan_id = l.id AND p.state = 'open') AS promised_through,
                  EXISTS (SELECT 1 FROM notice later
                          WHERE later.person_id = n.person_id AND later.kind = n.kind
                            AND later.subject_kind = 'instalment' AND later.subject_id = i.id
                            AND later.due_on = n.due_on AND later.id > n.id) AS superseded
           FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::date[])
             AS n(id, subject_id, person_id, kind, due_on)
           JOIN instalment i ON i.id = n.subject_id
           JOIN loan l ON l.id = i.loan_id""",
        some,
        [one.person_id for one in some],
        [one.kind for one in some],
        [one.due_on for one in some],
    )
    kinds = {one.notice_id: one.kind for one in some}
    found = {}
    for (
        notice_id,
        key,
        number,
        village,
        due_on,
        principal_fen,
        interest_fen,
        owed,
        promised,
        superseded,
    ) in rows:
        past = (on - due_on).days
        fits = past > 0 if kinds[notice_id] in AFTER_DUE else past <= 0
        found[notice_id] = About(
            still_true=owed and fits and not superseded,
            region=village,
            facts={
                "key": key,
                "number": number,
                "principal_fen": principal_fen,
                "interest_fen": interest_fen,
                "amount_fen": principal_fen + interest_fen,
                "days": past,
                "promised_through": promised,
            },
        )
    return found


async def _loans(connection: asyncpg.Connection, some: Sequence[Asked], _on: date) -> dict[int, About]:
    rows = await _rows(
        connection,
        """SELECT n.id AS notice_id, l.key, l.number, l.village, l.state, l.principal_fen, l.maturity_on
           FROM unnest($1::bigint[], $2::bigint[]) AS n(id, subject_id) JOIN loan l ON l.id = n.subject_id""",
        some,
    )
    return {
        row["notice_id"]: About(
            still_true=row["state"] == "active",
            region=row["village"],
            facts={
                "key": row["key"],
                "number": row["number"],
                "amount_fen": row["principal_fen"],
                "maturity_on": row["maturity_on"],
            },
        )
        for row in rows
    }


async def _credit_events(
    connection: asyncpg.Connection, some: Sequence[Asked], _on: date
) -> dict[int, About]:
    rows = await _rows(
        connection,
        """SELECT n.id AS notice_id, l.key, l.number, l.village, l.state, e.cured_on
           FROM unnest($1::bigint[], $2::bigint[]) AS n(id, subject_id)
           JOIN credit_event e ON e.id = n.subject_id JOIN loan l ON l.id = e.loan_id""",
        some,
    )
    return {
        row["notice_id"]: About(
            still_true=row["state"] == "active" and row["cured_on"] is None,
            region=row["village"],
            facts={"key": row["key"], "number": row["number"]},
        )
        for row in rows
    }


async def _drafts(connection: asyncpg.Connection, some: Sequence[Asked], on: date) -> dict[int, About]:
    rows = await _rows(
        connection,
        """SELECT n.id AS notice_id, d.key, d.state, d.updated_at, d.expires_at
           FROM unnest($1::bigint[], $2::bigint[]) AS n(id, subject_id)
           JOIN draft d ON d.id = n.subject_id""",
        some,
    )
    planned_at = {one.notice_id: one.created_at for one in some}
    return {
        row["notice_id"]: About(
            # somebody who went on with his draft after the reminder was planned needs none
            still_true=row["state"] == "open" and row["updated_at"] <= planned_at[row["notice_id"]],
            facts={"key": row["key"], "ends_at": row["expires_at"]},
        )
        for row in rows
    }


async def _claims(connection: asyncpg.Connection, some: Sequence[Asked], _on: date) -> dict[int, About]:
    rows = await _rows(
        connection,
        """SELECT n.id AS notice_id, c.key, c.state, c.sent, c.sent_at
           FROM unnest($1::bigint[], $2::bigint[]) AS n(id, subject_id)
           JOIN identity_claim c ON c.id = n.subject_id""",
        some,
    )
    planned_at = {one.notice_id: one.created_at for one in some}
    return {
        row["notice_id"]: About(
            # only the code that was asked for last is told
            still_true=row["state"] == "open" and row["sent_at"] <= planned_at[row["notice_id"]],
            facts={"code_for": claim_code(row["key"], row["sent"])},
        )
        for row in rows
    }


async def _slips(connection: asyncpg.Connection, some: Sequence[Asked], _on: date) -> dict[int, About]:
    rows = await _rows(
        connection,
        """SELECT n.id AS notice_id, l.key, l.number, l.village, s.state, s.reason, r.amount_fen,
                  g.name AS place
           FROM unnest($1::bigint[], $2::bigint[]) AS n(id, subject_id)
           JOIN repayment_slip s ON s.id = n.subject_id
           JOIN loan l ON l.id = s.loan_id
           LEFT JOIN repayment r ON r.id = s.repayment_id
           LEFT JOIN region g ON g.code = l.village""",
        some,
    )
    kinds = {one.notice_id: one.kind for one in some}
    return {
        row["notice_id"]: About(
            still_true=(row["state"] == "refused") == (kinds[row["notice_id"]] == "slip_refused"),
            region=row["village"],
            facts={name: row[name] for name in ("key", "number", "reason", "amount_fen", "place")},
        )
        for row in rows
    }


async def _repayments(connection: asyncpg.Connection, some: Sequence[Asked], _on: date) -> dict[int, About]:
    rows = await _rows(
        connection,
        """SELECT n.id AS notice_id, l.key, l.number, l.village, r.amount_fen, r.reversed_at,
                  r.reversal_reason AS reason, g.name AS place
           FROM unnest($1::bigint[], $2::bigint[]) AS n(id, subject_id)
           JOIN repayment r ON r.id = n.subject_id
           JOIN loan l ON l.id = r.loan_id
           LEFT JOIN region g ON g.code = l.village""",
        some,
    )
    return {
        row["notice_id"]: About(
            still_true=row["reversed_at"] is not None,
            region=row["village"],
            facts={name: row[name] for name in ("key", "number", "reason", "amount_fen", "place")},
        )
        for row in rows
    }


async def _announced(connection: asyncpg.Connection, some: Sequence[Asked], on: date) -> dict[int, About]:
    """What is told from facts kept with the notice: true until the same is told anew, or its day is past."""
    rows = await _rows(
        connection,
        """SELECT n.id AS notice_id FROM unnest($1::bigint[], $2::bigint[]) AS n(id, subject_id)
           JOIN notice own ON own.id = n.id
           WHERE NOT EXISTS (
             SELECT 1 FROM notice later WHERE later.subject_kind = own.subject_kind
               AND later.subject_id = own.subject_id AND later.kind = own.kind
               AND later.person_id = own.person_id AND later.id > own.id)""",
        some,
    )
    newest = {row["notice_id"] for row in rows}
    return {
        one.notice_id: About(
            still_true=one.notice_id in newest and (one.subject_kind != "credit_line" or one.due_on >= on)
        )
        for one in some
    }


async def _reports(connection: asyncpg.Connection, some: Sequence[Asked], _on: date) -> dict[int, About]:
    """A report of a month: its name is among the facts, the number of the subject is the month."""
    rows = await connection.fetch(
        "SELECT id, facts ->> 'report' AS report, subject_id FROM notice WHERE id = ANY($1::bigint[])",
        [one.notice_id for one in some],
    )
    return {
        row["id"]: About(
            still_true=True, facts={"key": f"{row['report']}/{month_end(*divmod(row['subject_id'], 100))}"}
        )
        for row in rows
    }


_Reader = Callable[[asyncpg.Connection, Sequence[Asked], date], Awaitable[dict[int, About]]]
_READERS: Mapping[str, _Reader] = MappingProxyType(
    {
        "task": _tasks,
        "application": _applications,
        "instalment": _instalments,
        "loan": _loans,
        "credit_event": _credit_events,
        "draft": _drafts,
        "slip": _slips,
        "repayment": _repayments,
        "subsidy": _announced,
        "grade": _announced,
        "credit_line": _announced,
        "claim": _claims,
        "report": _reports,
    }
)


def stored_json(value: Any) -> Any:
    """A JSON column as asyncpg gives it (text), decoded."""
    return orjson.loads(value) if isinstance(value, str | bytes) else value
