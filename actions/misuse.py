"""Money that went elsewhere than it was lent for: said once, then nothing more is paid out. S9.3."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import asyncpg
from tortoise.expressions import Q

from actions import audit
from actions.access import Actor, access_loan, posts_for_loan, require_post
from actions.defaulters import sees_loan
from actions.notices import NewNotice, plan
from actions.refusal import refuse
from actions.routing import on_day, said_on, tell_holders
from actions.visit_plans import keep_findings
from bot import database
from bot.errors import Conflict, NotFound, RuleRefused
from models.application import Task
from models.loan import Loan
from models.sealing import new_key, open_text, seal_text
from models.subsidy import Misuse
from models.warnings import CreditEvent
from policies import Pack
from rules.identity import check_free_text
from rules.tasks import end_of_day

FINDING = "misused"
REMARK_MAX = 500
_MAY_REPORT = ("bank_officer", "county_clerk", "town_clerk", "case_officer")


@dataclass(frozen=True)
class Found:
    """What was found out about a loan, and by when its money is to come back."""

    falsified: bool
    pay_by_on: date
    remark: str


@dataclass(frozen=True)
class MisuseView:
    """One case."""

    key: str
    loan_key: str
    found_on: date
    falsified: bool
    pay_by_on: date
    state: str
    remark: str
    ended_on: date | None
    ended_reason: str


async def report(actor: Actor, loan_key: str, found: Found, pack: Pack, now: datetime) -> MisuseView:
    """Record that a loan's money was misused: alert, a day to repay, work for all who collect.

    From then on no loan is paid out to the borrower and no subsidy is earned. A loan has one open case;
    the same again returns it. Raises NotFound, RuleRefused. Clause: S9.3.
    """
    loan = await access_loan(actor, loan_key)
    require_post(posts_for_loan(actor, loan, *_MAY_REPORT))
    if loan.borrower_id == actor.person_id:
        raise RuleRefused("S4.3", "这是您本人的贷款，请交给其他同事办理。", code="own_case")
    on = on_day(now)
    _check(loan, found, on, pack.contents.misuse.pay_within_days.on(on))
    async with database.transaction() as connection:
        await connection.execute("SELECT 1 FROM loan WHERE id = $1 FOR UPDATE", loan.id)
        known = await Misuse.get_or_none(loan_id=loan.id, state="open")
        if known is not None:
            return _view(known, loan)
        await keep_findings(actor, loan, [FINDING], found.remark, pack, now)
        key = new_key()
        case = await Misuse.create(
            county=loan.county, key=key, loan_id=loan.id, person_id=loan.borrower_id, village=loan.village,
            found_on=on, falsified=found.falsified, pay_by_on=found.pay_by_on,
            remark_sealed=seal_text(found.remark.strip(), "misuse", "remark", key),
            reported_by_id=actor.person_id, reported_at=now,
        )  # fmt: skip
        await CreditEvent.update_or_create(  # one that was taken back the same day stands again
            loan_id=loan.id,
            kind="falsified" if found.falsified else "misused",
            episode_on=on,
            defaults={
                "county": loan.county, "person_id": loan.borrower_id, "since_on": on, "cured_on": None,
                "facts": {"misuse": key}, "recorded_at": now,
            },
        )  # fmt: skip
        await _ask(connection, loan, case, pack, now)
        await audit.record(
            loan.county, actor.person_id, "report_misuse", ("loan", loan.id), now, falsified=found.falsified
        )
        told = NewNotice(
            loan.borrower_id, "misuse_found", "loan", loan.id, {"due_on": said_on(case.pay_by_on)}, on
        )
        await plan(connection, loan.county, [told], pack, now)
    return _view(case, loan)


def _check(loan: Loan, found: Found, on: date, within_days: int) -> None:
    if loan.state != "active":
        raise RuleRefused("S9.3", "这笔贷款已经结清，不用登记。", code="settled")
    if not on <= found.pay_by_on <= on + timedelta(days=within_days):
        words = f"还款日要在今天到{within_days}天之内，请重新选。"
        raise RuleRefused("S9.3", words, code="pay_by", field="pay_by_on")
    if not 2 <= len(found.remark.strip()) <= REMARK_MAX:
        words = f"请写明钱用到哪里去了，{REMARK_MAX}字以内。"
        raise RuleRefused("S9.3", words, code="remark", field="remark")
    refuse([check_free_text(found.remark, "remark")])


async def _ask(connection: asyncpg.Connection, loan: Loan, case: Misuse, pack: Pack, now: datetime) -> None:
    """The county, the town, the village and the bank collect together. Clause: S9.3."""
    note = f"贷款没用在申请的项目上，请在{said_on(case.pay_by_on)}前一起把钱收回来。"
    tasks = [
        await Task.create(
            county=loan.county, kind="misuse", loan_id=loan.id, person_id=loan.borrower_id, role=role,
            organisation_id=loan.bank_id if role == "bank_officer" else None, region=loan.village, note=note,
            opened_at=now, due_at=end_of_day(case.pay_by_on),
        )
        for role in pack.contents.misuse.roles.on(on_day(now))
    ]  # fmt: skip
    await tell_holders(connection, tasks, "task_assigned", pack, now)


async def end(actor: Actor, key: str, *, withdrawn: bool, reason: str, now: datetime) -> MisuseView:
    """Close a case: the money came back, or (`withdrawn`) it was not so after all.

    The county decides, not who reported it. Raises NotFound, RuleRefused, Conflict. Clause: S9.3.
    """
    case, loan = await _access(actor, key)
    require_post(posts_for_loan(actor, loan, "county_clerk"))
    if case.reported_by_id == actor.person_id:
        raise RuleRefused("S9.3", "谁登记的，就要由另一位同事来了结。", code="own_report")
    if not 2 <= len(reason.strip()) <= 300:
        raise RuleRefused("S9.3", "请写明原因，300字以内。", code="reason_missing", field="reason")
    refuse([check_free_text(reason, "reason")])
    on = on_day(now)
    async with database.transaction():
        changed = await Misuse.filter(id=case.id, state="open").update(
            state="withdrawn" if withdrawn else "closed", ended_on=on, ended_by_id=actor.person_id,
            ended_reason=reason.strip(),
        )  # fmt: skip
        if changed != 1:
            raise Conflict("S9.3", "这件事刚刚已经了结了。", code="already_ended")
        await Task.filter(loan_id=loan.id, kind="misuse", state="open").update(
            state="cancelled", outcome="withdrawn" if withdrawn else "paid", done_at=now
        )
        await CreditEvent.filter(
            loan_id=loan.id, kind__in=("misused", "falsified"), episode_on=case.found_on, cured_on=None
        ).update(cured_on=on)
        await audit.record(
            loan.county, actor.person_id, "end_misuse", ("loan", loan.id), now, withdrawn=withdrawn
        )
    return _view(await Misuse.get(id=case.id), loan)


async def refuse_payment(person_id: int) -> None:
    """Refuse when money of this person was misused and is not back, or papers were falsified. S9.3."""
    standing = Q(state="open") | Q(falsified=True, state="closed")
    if await Misuse.filter(standing, person_id=person_id).exists():
        words = "这户有一笔贷款没用在申请的项目上，不能再放款。请先收回那笔贷款，或由县中心了结。"
        raise RuleRefused("S9.3", words, code="misused")


async def of_loan(actor: Actor, loan_key: str, now: datetime) -> list[MisuseView]:
    """The cases of a loan, newest first, for staff; audited. Raises NotFound. Clause: S9.3, S17.2."""
    loan = await access_loan(actor, loan_key)
    if not actor.staff or loan.borrower_id == actor.person_id:
        raise NotFound("没有找到这笔贷款。")
    await audit.viewed(loan.county, actor.person_id, ("loan", loan.id), now)
    return [_view(case, loan) for case in await Misuse.filter(loan_id=loan.id).order_by("-id")]


async def _access(actor: Actor, key: str) -> tuple[Misuse, Loan]:
    case = await Misuse.get_or_none(key=key, county=actor.county)
    if case is None or not actor.staff or case.person_id == actor.person_id:
        raise NotFound("没有找到这条记录。")
    loan = await Loan.get(id=case.loan_id)
    if not await sees_loan(actor, loan):
        raise NotFound("没有找到这条记录。")
    return case, loan


def _view(case: Misuse, loan: Loan) -> MisuseView:
    return MisuseView(
        key=case.key,
        loan_key=loan.key,
        found_on=case.found_on,
        falsified=case.falsified,
        pay_by_on=case.pay_by_on,
        state=case.state,
        remark=open_text(case.remark_sealed, "misuse", "remark", case.key),
        ended_on=case.ended_on,
        ended_reason=case.ended_reason,
    )
