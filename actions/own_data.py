"""All that is kept about a person, for himself (PIPL art. 45), and what he asks to be put right (46, 47)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import asyncpg

from actions import audit, routing
from actions.access import Actor, access_task
from actions.contacts import MOBILE
from bot.database import fetch, transaction
from bot.errors import Conflict, RuleRefused
from models.application import LoanApplication, Task
from models.people import Person
from models.privacy import LegalHold, PrivacyRequest
from models.sealing import blind_index, seal_text
from policies import Pack
from rules.tasks import deadline

TASK = "privacy_request"
KINDS = ("correction", "deletion")
WORDS_MAX = 500
_PARTS: Mapping[str, str] = {
    "wechat": "SELECT account, following FROM wechat_user WHERE person_id = $1 ORDER BY id",
    "loans": """SELECT number, principal_fen, balance_fen, annual_rate_bp, disbursed_on, maturity_on, state
                FROM loan WHERE borrower_id = $1 ORDER BY id""",
    "instalments": """SELECT l.number AS loan, i.number, i.due_on, i.principal_fen, i.interest_fen, i.paid_on
                      FROM instalment i JOIN loan l ON l.id = i.loan_id WHERE l.borrower_id = $1
                      ORDER BY l.id, i.number""",
    "repayments": """SELECT l.number AS loan, r.received_on, r.amount_fen FROM repayment r
                     JOIN loan l ON l.id = r.loan_id WHERE l.borrower_id = $1 AND r.reversed_at IS NULL
                     ORDER BY r.id""",
    "notices": """SELECT kind, due_on, state, created_at FROM notice WHERE person_id = $1 ORDER BY id""",
    "consents": """SELECT kind, version, text_sha256, purpose, means, channel, agreed_at, withdrawn_at
                   FROM consent WHERE person_id = $1 ORDER BY id""",
    "credit_queries": """SELECT q.purpose, q.state, q.asked_at, o.name AS asked_by FROM credit_query q
                         LEFT JOIN organisation o ON o.id = q.organisation_id
                         WHERE q.person_id = $1 ORDER BY q.id""",
    "files": """SELECT purpose, media_type, size, created_at FROM stored_file WHERE owner_id = $1
                AND state = 'stored' ORDER BY id""",
    "looked_at_by": """SELECT e.at, e.action, coalesce(p.role, '') AS role FROM audit_entry e
                       LEFT JOIN LATERAL (SELECT role FROM post WHERE person_id = e.actor_id
                                          ORDER BY from_on DESC LIMIT 1) p ON true
                       WHERE e.action LIKE 'view%' AND e.actor_id <> $1 AND (
                         e.subject_kind = 'person' AND e.subject_id = $1
                         OR e.subject_kind = 'application' AND e.subject_id IN (
                              SELECT id FROM loan_application WHERE applicant_id = $1)
                         OR e.subject_kind = 'loan' AND e.subject_id IN (
                              SELECT id FROM loan WHERE borrower_id = $1))
                       ORDER BY e.at DESC LIMIT 1000""",
}


@dataclass(frozen=True, slots=True)
class RequestView:
    """A request: what was asked, until when it is answered, what came of it."""

    key: str
    kind: str
    words: str
    state: str
    asked_at: datetime
    due_on: date
    done: str
    person: str = ""


async def export(actor: Actor, now: datetime) -> dict[str, Any]:
    """All that is kept about the actor, in one piece; that he took it is noted. Clause: S17.2."""
    person = await Person.get(id=actor.person_id)
    found: dict[str, Any] = {
        "made_at": now,
        "person": {
            "name": person.name,
            "id_number": person.id_number,
            "phone": person.phone,
            "village": person.village,
        },
        "applications": [
            {
                "number": row.number,
                "state": row.state,
                "submitted_at": row.submitted_at,
                "amount_fen": row.amount_fen,
                "term_months": row.term_months,
                "answers": row.answers,
            }
            for row in await LoanApplication.filter(applicant_id=person.id).order_by("id")
        ],
    }
    for part, sql in _PARTS.items():
        found[part] = [dict(row) for row in await fetch(sql, person.id)]
    await audit.record(actor.county, actor.person_id, "export_own", ("person", person.id), now)
    return found


async def ask(
    actor: Actor, kind: str, words: str, pack: Pack, now: datetime, *, phone: str = ""
) -> RequestView:
    """Ask that one's data be corrected or deleted: a task with a deadline for the county centre.

    A new `phone` is put in when the request is granted. Raises RuleRefused, Conflict. Clause: S17.2.
    """
    if kind not in KINDS or not words.strip() or len(words) > WORDS_MAX:
        asked = f"请写清楚要改什么、删什么，不超过{WORDS_MAX}个字。"
        raise RuleRefused("S17.2", asked, code="words", field="words")
    if phone and not MOBILE.fullmatch(phone):
        raise RuleRefused("S17.2", "手机号要11位数字，请再看一遍。", code="phone", field="phone")
    last = deadline(routing.on_day(now), pack.contents.privacy.answer_working_days.on(routing.on_day(now)))
    async with transaction() as connection:
        await Person.select_for_update().get(id=actor.person_id)  # two at once take turns
        if await PrivacyRequest.filter(person_id=actor.person_id, kind=kind, state="open").exists():
            raise Conflict("S17.2", "您已经提过，正在办，请等答复。", code="request_open")
        task = await Task.create(
            county=actor.county,
            kind=TASK,
            person_id=actor.person_id,
            role="county_clerk",
            region=f"{actor.county}000000",
            note="有人要求更正自己的资料。" if kind == "correction" else "有人要求删除自己的资料。",
            opened_at=now,
            due_at=last.at,
        )
        row = PrivacyRequest(
            county=actor.county,
            person_id=actor.person_id,
            kind=kind,
            task_id=task.id,
            asked_at=now,
            due_on=last.on,
        )
        row.words = f"{words.strip()}\n{phone}" if phone else words.strip()
        await row.save()
        await audit.record(
            actor.county, actor.person_id, f"ask_{kind}", ("person", actor.person_id), now, request=row.key
        )
        await routing.tell_holders(connection, [task], "office_task", pack, now)
    return _view(row)


async def mine(actor: Actor) -> list[RequestView]:
    """The actor's own requests, the newest first. Clause: S17.2."""
    rows = await PrivacyRequest.filter(person_id=actor.person_id).order_by("-id").limit(20)
    return [_view(row) for row in rows]


async def of_task(actor: Actor, task_key: str, now: datetime) -> RequestView | None:
    """The request of a task for whoever decides it; the look is noted. None for others. Clause: S17.2."""
    task = await access_task(actor, task_key)
    row = await PrivacyRequest.get_or_none(task_id=task.id)
    if row is None:
        return None
    await audit.viewed(actor.county, actor.person_id, ("person", row.person_id), now)
    return _view(row, (await Person.get(id=row.person_id)).name)


async def settle(
    connection: asyncpg.Connection, actor: Actor, task: Task, outcome: str, pack: Pack, now: datetime
) -> None:
    """Do what was decided, in the transaction of the decision; never about oneself. Clause: S17.2."""
    row = await PrivacyRequest.get(task_id=task.id)
    if row.person_id == actor.person_id:
        raise RuleRefused("S4.3", "不能办自己的事，请交给其他同事。", code="own_case")
    if outcome not in ("granted", "refused"):
        raise RuleRefused("S17.2", "请选同意或者不同意。", code="outcome", field="outcome")
    row.state, row.decided_at, row.decided_by_id = outcome, now, actor.person_id
    if outcome == "refused":
        row.done = "没有同意。要知道原因或者有不同意见，请找县中心，也可以向监管部门投诉。"
    elif row.kind == "correction":
        row.done = await _correct(row)
    else:
        row.done = await _delete(connection, row, now)
    await row.save()
    await audit.record(
        actor.county,
        actor.person_id,
        f"{row.kind}_{outcome}",
        ("person", row.person_id),
        now,
        request=row.key,
    )


async def _correct(row: PrivacyRequest) -> str:
    phone = row.words.rsplit("\n", 1)[-1]
    if "\n" not in row.words or not MOBILE.fullmatch(phone):
        return "同意更正，工作人员会联系您办理。"
    person = await Person.get(id=row.person_id)
    await Person.filter(id=person.id).update(
        phone_sealed=seal_text(phone, "person", "phone", person.key), phone_index=blind_index("phone", phone)
    )
    return "手机号已经更正。"


async def _delete(connection: asyncpg.Connection, row: PrivacyRequest, now: datetime) -> str:
    """Delete what no contract and no law asks to keep. Raises RuleRefused while a legal hold stands."""
    if await LegalHold.filter(person_id=row.person_id, lifted_at__isnull=True).exists():
        raise RuleRefused("S17.2", "这个人的资料正在封存（诉讼或纠纷），现在不能删。", code="legal_hold")
    person = row.person_id
    for statement in (
        """UPDATE inbox i SET body_sealed = NULL, reply_sealed = NULL FROM wechat_user u
           WHERE u.person_id = $1 AND i.account = u.account AND i.openid = u.openid""",
        """UPDATE dialog d SET state_sealed = NULL, version = d.version + 1 FROM wechat_user u
           WHERE u.person_id = $1 AND d.account = u.account AND d.openid = u.openid""",
        "UPDATE draft SET state_sealed = NULL, state = 'cancelled' WHERE person_id = $1",
        "DELETE FROM stored_file f WHERE f.owner_id = $1 AND f.application_id IS NULL AND NOT EXISTS ("
        "SELECT 1 FROM repayment_slip s WHERE s.file_id = f.id) AND NOT EXISTS ("
        "SELECT 1 FROM visit v WHERE v.visitor_id = $1 AND v.photos ? f.key)",
        "UPDATE wechat_user SET unionid = NULL WHERE person_id = $1",
    ):
        await connection.execute(statement, person)
    (bound,) = await fetch(
        """SELECT EXISTS (SELECT 1 FROM loan_application WHERE $1 IN (applicant_id, filled_by_id))
               OR EXISTS (SELECT 1 FROM loan WHERE borrower_id = $1)
               OR EXISTS (SELECT 1 FROM post WHERE person_id = $1) AS bound""",
        person,
    )
    if bound["bound"]:
        return "聊天内容、草稿和没有用上的照片已经删除。申请和贷款的记录按法律规定还要保存，到期再删。"
    await Person.filter(id=person).update(
        name_sealed=None, phone_sealed=None, phone_index=None, id_number_sealed=None, id_number_index=None,
        village=None,
    )  # fmt: skip
    return "您的资料已经删除。"


async def hold(actor: Actor | None, person_key: str, reason: str, county: str, now: datetime) -> None:
    """Keep all of a person from deletion, as a court or a dispute asks. Twice is once. Clause: S17.2."""
    person = await Person.get_or_none(key=person_key, county=county)
    if person is None or not reason.strip():
        raise RuleRefused("S17.2", "请写对编号和原因。", code="hold")
    async with transaction():
        if await LegalHold.filter(person_id=person.id, lifted_at__isnull=True).exists():
            return
        by = actor.person_id if actor else None
        await LegalHold.create(
            county=county, person_id=person.id, reason=reason.strip()[:200], placed_by_id=by, placed_at=now
        )
        await audit.record(county, by, "place_hold", ("person", person.id), now)


async def lift_hold(actor: Actor | None, person_key: str, county: str, now: datetime) -> bool:
    """End a hold; False where there is none. Clause: S17.2."""
    person = await Person.get_or_none(key=person_key, county=county)
    by = actor.person_id if actor else None
    async with transaction():
        lifted = person is not None and await LegalHold.filter(
            person_id=person.id, lifted_at__isnull=True
        ).update(lifted_at=now, lifted_by_id=by)
        if person is not None and lifted:
            await audit.record(county, by, "lift_hold", ("person", person.id), now)
        return bool(lifted)


def _view(row: PrivacyRequest, person: str = "") -> RequestView:
    return RequestView(row.key, row.kind, row.words, row.state, row.asked_at, row.due_on, row.done, person)
