"""失信: able to pay and unwilling. Listed with the evidence as it stands, and handed to law. S12.4."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import asyncpg

from actions import audit
from actions.access import Actor, access_loan, posts_for_loan, require_post
from actions.routing import on_day, tell_holders
from bot import database
from bot.errors import NotFound, RuleRefused
from models.application import Task
from models.disposal import Defaulter, Disposal
from models.loan import Loan
from models.sealing import content_hash
from models.warnings import CreditEvent
from policies import Pack
from rules.tasks import deadline


async def list_defaulter(
    connection: asyncpg.Connection, actor: Actor, entry: Disposal, loan: Loan, pack: Pack, now: datetime
) -> Defaulter:
    """List a borrower once for an entry, freeze the evidence and open the task for law. Clause: S12.4."""
    known = await Defaulter.get_or_none(disposal_id=entry.id)
    if known is not None:
        return known
    on = on_day(now)
    evidence = await _evidence(entry, loan, on)
    made = await Defaulter.create(
        county=loan.county,
        loan_id=loan.id,
        person_id=loan.borrower_id,
        disposal_id=entry.id,
        village=loan.village,
        bank_id=loan.bank_id,
        listed_on=on,
        listed_by_id=actor.person_id,
        evidence=evidence,
        evidence_sha256=content_hash(evidence),
    )
    await CreditEvent.get_or_create(
        loan_id=loan.id,
        kind="defaulter",
        episode_on=entry.overdue_since,
        defaults={
            "county": loan.county,
            "person_id": loan.borrower_id,
            "since_on": on,
            "facts": {"evidence_sha256": made.evidence_sha256},
            "recorded_at": now,
        },
    )
    await _hand_to_law(connection, loan, pack, now)
    await audit.record(loan.county, actor.person_id, "list_defaulter", ("loan", loan.id), now)
    return made


async def _hand_to_law(connection: asyncpg.Connection, loan: Loan, pack: Pack, now: datetime) -> None:
    if await Task.filter(loan_id=loan.id, kind="hand_to_law", state="open").exists():
        return
    on, held = on_day(now), pack.contents.disposal
    role = held.law_role.on(on)
    bodies = {"bank_officer": loan.bank_id, "guarantor_officer": loan.guarantor_id}
    task = await Task.create(
        county=loan.county,
        kind="hand_to_law",
        loan_id=loan.id,
        person_id=loan.borrower_id,
        role=role,
        organisation_id=bodies.get(role),
        region=loan.village,
        note="有能力还却不愿意还：已列入失信名单，请备齐证据，移交法律程序。",
        opened_at=now,
        due_at=deadline(on, held.law_working_days.on(on)).at,
    )
    await tell_holders(connection, [task], "task_assigned", pack, now)


async def _evidence(entry: Disposal, loan: Loan, on: date) -> dict[str, Any]:
    """What is known of the case on that day: no name, no number of a person, nothing that changes later."""
    lines = await database.fetch(
        """SELECT number, due_on, principal_fen, interest_fen, paid_principal_fen, paid_interest_fen, paid_on
           FROM instalment WHERE loan_id = $1 AND due_on <= $2 ORDER BY number""",
        loan.id,
        on,
    )
    notices = await database.fetch(
        """SELECT n.kind, n.due_on, n.step, n.state, d.channel, d.state AS delivery, d.final_at
           FROM notice n JOIN delivery d ON d.notice_id = n.id
           WHERE n.person_id = $1 AND n.kind IN ('overdue', 'early_repayment_asked') ORDER BY n.id, d.rung""",
        loan.borrower_id,
    )
    visits = await database.fetch(
        "SELECT key, device_at, result, findings FROM visit WHERE loan_id = $1 ORDER BY id", loan.id
    )
    promises = await database.fetch(
        "SELECT given_on, promised_on, state FROM promise WHERE loan_id = $1 ORDER BY id", loan.id
    )
    return {
        "on": on.isoformat(),
        "loan": {
            "number": loan.number,
            "principal_fen": loan.principal_fen,
            "balance_fen": loan.balance_fen,
            "disbursed_on": loan.disbursed_on.isoformat(),
            "maturity_on": loan.maturity_on.isoformat(),
        },
        "entry": {
            "overdue_since": entry.overdue_since.isoformat(),
            "cause": entry.cause,
            "ability": entry.ability,
            "willingness": entry.willingness,
            "way": entry.way,
            "round": entry.round,
        },
        "lines": [_plain(row) for row in lines],
        "notices": [_plain(row) for row in notices],
        "visits": [_plain(row) for row in visits],
        "promises": [_plain(row) for row in promises],
    }


def _plain(row: asyncpg.Record) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in row.items()}


@dataclass(frozen=True)
class DefaulterView:
    """One case of the list with its evidence; `intact` says that the evidence is still what was hashed."""

    key: str
    loan_key: str
    village: str
    listed_on: date
    evidence: dict[str, Any]
    evidence_sha256: str
    intact: bool
    removed_on: date | None
    removed_reason: str


async def show(actor: Actor, key: str, now: datetime) -> DefaulterView:
    """One case; staff only, the look is audited. Raises NotFound. Clause: S12.4, S17.2."""
    case, loan = await _access(actor, key)
    await audit.viewed(loan.county, actor.person_id, ("loan", loan.id), now)
    return _view(case, loan)


async def remove(actor: Actor, key: str, reason: str, now: datetime) -> DefaulterView:
    """Take a case off the list with a reason: paid, or listed wrongly. Audited, the evidence stays.

    Raises NotFound, RuleRefused. Clause: S12.4.
    """
    case, loan = await _access(actor, key)
    require_post(posts_for_loan(actor, loan, "county_clerk"))
    if len(reason.strip()) < 2:
        raise RuleRefused("S12.4", "请写明移出名单的原因。", code="reason_missing", field="reason")
    async with database.transaction():
        changed = await Defaulter.filter(id=case.id, removed_on=None).update(
            removed_on=on_day(now), removed_reason=reason.strip()[:300]
        )
        if changed:
            await CreditEvent.filter(loan_id=loan.id, kind="defaulter", cured_on=None).update(
                cured_on=on_day(now)
            )
            await audit.record(loan.county, actor.person_id, "unlist_defaulter", ("loan", loan.id), now)
    return _view(await Defaulter.get(id=case.id), loan)


async def _access(actor: Actor, key: str) -> tuple[Defaulter, Loan]:
    case = await Defaulter.get_or_none(key=key, county=actor.county)
    if case is None or not actor.staff or case.person_id == actor.person_id:
        raise NotFound("没有找到这条记录。")
    loan = await Loan.get(id=case.loan_id)
    if not await sees_loan(actor, loan):
        raise NotFound("没有找到这条记录。")
    return case, loan


async def sees_loan(actor: Actor, loan: Loan) -> bool:
    """Whether the actor may see a loan: what hangs on one he may not see looks absent. Clause: S17.2."""
    try:
        return await access_loan(actor, loan.key) is not None
    except NotFound:
        return False


def _view(case: Defaulter, loan: Loan) -> DefaulterView:
    return DefaulterView(
        key=case.key,
        loan_key=loan.key,
        village=case.village,
        listed_on=case.listed_on,
        evidence=dict(case.evidence),
        evidence_sha256=case.evidence_sha256,
        intact=content_hash(case.evidence) == case.evidence_sha256,
        removed_on=case.removed_on,
        removed_reason=case.removed_reason,
    )
