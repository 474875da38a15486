"""Interest subsidies (贴息): drafted each quarter for every bank, declared, checked, paid, taken back. S13.

A line is the difference between what a period of interest has earned and what was declared of it before. So a
loan that was forgotten, a payment that was reversed and money that was misused all correct themselves in the
next declaration, and what a bank has submitted never changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import asyncpg

from actions import audit
from actions.access import Actor, access_loan, access_task, require_staff, role_holders
from actions.announcements import SubsidyPaid, subsidies_paid
from actions.notices import NewNotice, plan
from actions.refusal import refuse
from actions.routing import on_day, said_on, tell_holders
from actions.subsidy_lines import refresh
from bot import database
from bot.errors import Conflict, NotFound, RuleRefused
from models.application import Task
from models.people import Organisation
from models.subsidy import SubsidyDeclaration
from policies import Pack
from rules import subsidy as rules
from rules.identity import check_free_text
from rules.tasks import deadline, end_of_day

TITLE = "贴息申报表"
ROLES = ("bank_officer", "county_clerk", "finance_officer")
CHECK_WORKING_DAYS, PAY_WORKING_DAYS = 5, 10
_LATE = """
UPDATE subsidy s SET days_late = $2::date - q.due_on,
  extra_fen = div(s.fen::numeric * l.annual_rate_bp * ($2::date - q.due_on) + 1800000, 3600000)::bigint
FROM unnest($3::date[], $4::date[]) AS q(quarter, due_on), loan l
WHERE s.declaration_id = $1 AND s.fen > 0 AND l.id = s.loan_id
  AND q.quarter = date_trunc('quarter', s.paid_on)::date AND $2::date > q.due_on"""
"""What a line costs that comes after the day of the quarter in which its interest was paid."""


async def draft(county: str, on: date, pack: Pack, now: datetime) -> dict[str, int]:
    """Draft last quarter's declarations, refresh what is not submitted, mark who is late.

    A bank without anything to declare gets none. Run again it changes nothing. Clause: S13.1, S13.2.
    """
    quarter = rules.quarter_to_declare(on)
    made = late = 0
    async with database.transaction() as connection:
        await connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('subsidies', $1::bigint))", int(county)
        )
        banks = await connection.fetch(
            """SELECT id FROM organisation o WHERE county = $1 AND kind = 'partner_bank'
               AND EXISTS (SELECT 1 FROM loan l WHERE l.bank_id = o.id) ORDER BY id""",
            county,
        )
        earlier = SubsidyDeclaration.filter(county=county, state="drafted", quarter__lt=quarter)
        for declaration in await earlier.order_by("quarter", "id"):
            await refresh(connection, declaration, pack, on)
        for bank in banks:
            made += await _open(connection, county, bank["id"], quarter, pack, now)
        for declaration in await SubsidyDeclaration.filter(county=county, state="drafted").order_by("id"):
            late += await _mark_late(connection, declaration, on, pack, now)
    return {"drafted": made, "late": late}


async def _open(
    connection: asyncpg.Connection, county: str, bank_id: int, quarter: date, pack: Pack, now: datetime
) -> int:
    """Open the declaration of a bank's quarter, or refresh its draft; whether it is new."""
    on = on_day(now)
    known = await SubsidyDeclaration.get_or_none(bank_id=bank_id, quarter=quarter)
    if known is not None:
        if known.state == "drafted":
            await refresh(connection, known, pack, on)
        return 0
    due = rules.due_on(quarter, pack.contents.subsidy.due_day.on(on))
    declaration = await SubsidyDeclaration.create(
        county=county, bank_id=bank_id, quarter=quarter, due_on=due.on, approximate=due.approximate,
        drafted_at=now,
    )  # fmt: skip
    if not await refresh(connection, declaration, pack, on):
        await declaration.delete()
        return 0
    note = f"{_title(quarter)}已经起草好，请核对后提交。"
    await _ask(
        connection, declaration, "bank_officer", bank_id, note, end_of_day(declaration.due_on), pack, now
    )
    return 1


def _title(quarter: date) -> str:
    return f"{quarter.year}年第{(quarter.month + 2) // 3}季度{TITLE}"


def _stage(declaration: SubsidyDeclaration) -> str:
    return f"subsidy:{declaration.quarter:%Y-%m}:{declaration.bank_id}"


async def _ask(
    connection: asyncpg.Connection,
    declaration: SubsidyDeclaration,
    role: str,
    body: int | None,
    note: str,
    due_at: datetime,
    pack: Pack,
    now: datetime,
) -> None:
    task = await Task.create(
        county=declaration.county, kind="subsidy", stage=_stage(declaration), role=role, organisation_id=body,
        region=f"{declaration.county}000000", note=note, opened_at=now, due_at=due_at,
    )  # fmt: skip
    await tell_holders(connection, [task], "task_assigned", pack, now)


async def _mark_late(
    connection: asyncpg.Connection, declaration: SubsidyDeclaration, on: date, pack: Pack, now: datetime
) -> int:
    if declaration.late or on <= declaration.due_on:
        return 0
    await SubsidyDeclaration.filter(id=declaration.id).update(late=True)
    await audit.record(declaration.county, None, "subsidy_late", ("subsidy_declaration", declaration.id), now)
    bank = await Organisation.get(id=declaration.bank_id)
    facts = {"task": TITLE, "place": bank.name, "due_on": said_on(declaration.due_on)}
    people = await role_holders(declaration.county, "county_clerk", f"{declaration.county}000000", on=on)
    told = [NewNotice(who, "filing_late", "declaration", declaration.id, facts, on) for who in people]
    await plan(connection, declaration.county, told, pack, now)
    return 1


async def submit(actor: Actor, key: str, sha256: str, pack: Pack, now: datetime) -> DeclarationView:
    """Declare as it was read: the lines are frozen, the county gets it to check.

    What comes after its day costs interest, which the bank bears. The same again changes nothing. Raises
    NotFound, Conflict. Clause: S13.1.
    """
    declaration = await _access(actor, key, "bank_officer")
    on = on_day(now)
    async with database.transaction() as connection:
        declaration = await SubsidyDeclaration.select_for_update().get(id=declaration.id)
        if declaration.state != "drafted":
            return await _view(declaration)
        await refresh(connection, declaration, pack, on)
        declaration = await SubsidyDeclaration.get(id=declaration.id)
        if declaration.sha256 != sha256:
            raise Conflict("S13.1", "申报的内容刚刚有变化，请重新看一遍再提交。", code="stale")
        await _charge_lateness(connection, declaration, on, pack)
        await SubsidyDeclaration.filter(id=declaration.id).update(
            state="submitted", submitted_at=now, submitted_by_id=actor.person_id, returned_reason="",
            late=declaration.late or on > declaration.due_on,
        )  # fmt: skip
        await _done(declaration, actor, "submitted", now)
        note = f"{_title(declaration.quarter)}报来了，一共{declaration.lines}笔，请核对。"
        await _ask(
            connection,
            declaration,
            "county_clerk",
            None,
            note,
            deadline(on, CHECK_WORKING_DAYS).at,
            pack,
            now,
        )
        await audit.record(
            declaration.county, actor.person_id, "declare_subsidies",
            ("subsidy_declaration", declaration.id), now, sha256=sha256,
        )  # fmt: skip
    return await _view(await SubsidyDeclaration.get(id=declaration.id))


async def _charge_lateness(
    connection: asyncpg.Connection, declaration: SubsidyDeclaration, on: date, pack: Pack
) -> None:
    rows = await connection.fetch(
        "SELECT DISTINCT date_trunc('quarter', paid_on)::date AS quarter FROM subsidy"
        " WHERE declaration_id = $1 AND paid_on IS NOT NULL",
        declaration.id,
    )
    quarters = [row["quarter"] for row in rows]
    due_day = pack.contents.subsidy.due_day.on(on)
    await connection.execute(
        _LATE, declaration.id, on, quarters, [rules.due_on(each, due_day).on for each in quarters]
    )
    await connection.execute(
        """UPDATE subsidy_declaration SET extra_fen =
             (SELECT coalesce(sum(extra_fen), 0) FROM subsidy WHERE declaration_id = $1) WHERE id = $1""",
        declaration.id,
    )


async def check(
    actor: Actor, key: str, *, correct: bool, reason: str, pack: Pack, now: datetime
) -> DeclarationView:
    """The county finds a declaration correct, which sends it to finance, or sends it back with a reason.

    The same again changes nothing. Raises NotFound, RuleRefused, Conflict. Clause: S13.1.
    """
    declaration = await _access(actor, key, "county_clerk")
    if not correct:
        if len(reason.strip()) < 2:
            raise RuleRefused("S13.1", "请写明退回的原因。", code="reason_missing", field="reason")
        refuse([check_free_text(reason, "reason")])
    async with database.transaction() as connection:
        declaration = await SubsidyDeclaration.select_for_update().get(id=declaration.id)
        if declaration.state == ("checked" if correct else "drafted"):
            return await _view(declaration)
        if declaration.state != "submitted":
            raise Conflict("S13.1", "这份申报表现在不用核对。", code="not_submitted")
        if declaration.submitted_by_id == actor.person_id:
            raise RuleRefused("S4.3", "这份申报表是您报的，请让另一位同事来核对。", code="own_declaration")
        values = {"state": "checked", "checked_at": now, "checked_by_id": actor.person_id}
        if not correct:
            values = {"state": "drafted", "returned_reason": reason.strip()[:300]}
        await SubsidyDeclaration.filter(id=declaration.id).update(**values)
        await _done(declaration, actor, "approve" if correct else "return", now)
        on = on_day(now)
        if correct:
            note = f"{_title(declaration.quarter)}已核对，请拨付到户，拨完登记。"
            at = deadline(on, PAY_WORKING_DAYS).at
            await _ask(connection, declaration, "finance_officer", None, note, at, pack, now)
        else:
            note = f"{_title(declaration.quarter)}被退回：{reason.strip()[:200]}。请改好再报。"
            at = deadline(on, CHECK_WORKING_DAYS).at
            await _ask(connection, declaration, "bank_officer", declaration.bank_id, note, at, pack, now)
        await audit.record(
            declaration.county, actor.person_id, "check_subsidies",
            ("subsidy_declaration", declaration.id), now, correct=correct,
        )  # fmt: skip
    return await _view(await SubsidyDeclaration.get(id=declaration.id))


async def pay(actor: Actor, key: str, paid_on: date, pack: Pack, now: datetime) -> DeclarationView:
    """Finance has paid: everybody is told what he got; what was taken back becomes work for the county.

    The same again changes nothing. Raises NotFound, RuleRefused, Conflict. Clause: S13.1, S13.2, S11.2.
    """
    declaration = await _access(actor, key, "finance_officer")
    async with database.transaction() as connection:
        declaration = await SubsidyDeclaration.select_for_update().get(id=declaration.id)
        if declaration.state == "paid":
            return await _view(declaration)
        if declaration.state != "checked":
            raise Conflict("S13.1", "这份申报表县中心还没核对，不能拨付。", code="not_checked")
        _check_payment(declaration, actor, paid_on, now)
        await SubsidyDeclaration.filter(id=declaration.id).update(
            state="paid", paid_on=paid_on, paid_by_id=actor.person_id
        )
        await _done(declaration, actor, "approve", now)
        await audit.record(
            declaration.county, actor.person_id, "pay_subsidies",
            ("subsidy_declaration", declaration.id), now, paid_on=paid_on.isoformat(),
        )  # fmt: skip
        await _tell(connection, declaration, paid_on, pack, now)
    return await _view(await SubsidyDeclaration.get(id=declaration.id))


def _check_payment(declaration: SubsidyDeclaration, actor: Actor, paid_on: date, now: datetime) -> None:
    if declaration.checked_by_id == actor.person_id:
        words = "这份申报表是您核对的，请让财政的另一位同事来拨付。"
        raise RuleRefused("S4.3", words, code="own_check")
    if declaration.checked_at is None or not on_day(declaration.checked_at) <= paid_on <= on_day(now):
        words = "拨付日期不能早于核对的那天，也不能晚于今天。"
        raise RuleRefused("S13.1", words, code="date", field="paid_on")


async def _tell(
    connection: asyncpg.Connection, declaration: SubsidyDeclaration, paid_on: date, pack: Pack, now: datetime
) -> None:
    rows = await connection.fetch(
        """SELECT person_id, sum(fen)::bigint AS fen FROM subsidy WHERE declaration_id = $1
           GROUP BY person_id ORDER BY person_id""",
        declaration.id,
    )
    paid = [
        SubsidyPaid(row["person_id"], declaration.id, row["fen"], paid_on) for row in rows if row["fen"] > 0
    ]
    await subsidies_paid(connection, declaration.county, paid, pack, now)
    back = [row for row in rows if row["fen"] < 0]
    if back:
        total = -sum(row["fen"] for row in back)
        note = (
            f"{_title(declaration.quarter)}里有{len(back)}户要收回贴息，一共{total / 100:.2f}元，请逐户收回。"
        )
        at = deadline(on_day(now), PAY_WORKING_DAYS).at
        await _ask(connection, declaration, "county_clerk", None, note, at, pack, now)


async def _done(declaration: SubsidyDeclaration, actor: Actor, outcome: str, now: datetime) -> None:
    await Task.filter(kind="subsidy", stage=_stage(declaration), state="open").update(
        state="done", outcome=outcome, done_at=now, done_by_id=actor.person_id
    )


@dataclass(frozen=True)
class DeclarationView:
    """A declaration without its lines."""

    key: str
    title: str
    bank: str
    quarter: date
    due_on: date
    approximate: bool
    state: str
    late: bool
    lines: int
    total_fen: int
    extra_fen: int
    sha256: str
    returned_reason: str
    paid_on: date | None


@dataclass(frozen=True)
class SubsidyView:
    """One line: a period of interest of a loan. `fen` below nought is taken back."""

    id: int
    loan_number: str
    village: str
    end_on: date
    paid_on: date | None
    interest_fen: int
    days: int
    clean_days: int
    fen: int
    days_late: int
    extra_fen: int


async def listed(
    actor: Actor, *, after: int | None = None, limit: int = 20
) -> list[tuple[int, DeclarationView]]:
    """The declarations the actor may see, newest first, each with its number. Clause: S13.1, S17.2."""
    require_staff(actor, *ROLES)
    query = SubsidyDeclaration.filter(county=actor.county)
    posts = [post for post in actor.posts if post.covers(f"{actor.county}000000")]
    if not {post.role for post in posts} & {"county_clerk", "finance_officer"}:
        query = query.filter(
            bank_id__in=[post.organisation_id for post in posts if post.role == "bank_officer"]
        )
    if after is not None:
        query = query.filter(id__lt=after)
    return [(each.id, await _view(each)) for each in await query.order_by("-id").limit(limit)]


async def show(actor: Actor, key: str) -> DeclarationView:
    """One declaration. Raises NotFound. Clause: S13.1, S17.2."""
    return await _view(await _access(actor, key))


async def lines(actor: Actor, key: str, *, after: int = 0, limit: int = 50) -> list[SubsidyView]:
    """The lines of a declaration in order. Raises NotFound. Clause: S13.1, S17.2."""
    declaration = await _access(actor, key)
    rows = await database.fetch(
        """SELECT s.id, l.number AS loan_number, l.village, s.end_on, s.paid_on, s.interest_fen, s.days,
                  s.clean_days, s.fen, s.days_late, s.extra_fen
           FROM subsidy s JOIN loan l ON l.id = s.loan_id
           WHERE s.declaration_id = $1 AND s.id > $2 ORDER BY s.id LIMIT $3""",
        declaration.id,
        after,
        limit,
    )
    return [SubsidyView(**dict(row)) for row in rows]


async def of_task(actor: Actor, task_key: str) -> str:
    """Key of the declaration that a task is about. Raises NotFound. Clause: S13.1."""
    task = await access_task(actor, task_key)
    kind, _, quarter = task.stage.partition(":")
    month, _, bank = quarter.partition(":")
    if kind != "subsidy":
        raise NotFound("没有找到这份申报表。")
    found = await SubsidyDeclaration.get(bank_id=int(bank), quarter=date.fromisoformat(f"{month}-01"))
    return str(found.key)


@dataclass(frozen=True)
class MySubsidy:
    """What a borrower got, or must give back, of one period of interest."""

    end_on: date
    interest_fen: int
    fen: int
    paid_on: date


async def of_loan(actor: Actor, loan_key: str) -> list[MySubsidy]:
    """What finance has paid for a loan, newest first. Raises NotFound. Clause: S13.1, S17.2."""
    loan = await access_loan(actor, loan_key)
    rows = await database.fetch(
        """SELECT s.end_on, s.interest_fen, s.fen, d.paid_on
           FROM subsidy s JOIN subsidy_declaration d ON d.id = s.declaration_id
           WHERE s.loan_id = $1 AND d.state = 'paid' ORDER BY d.paid_on DESC, s.end_on DESC LIMIT 100""",
        loan.id,
    )
    return [MySubsidy(**dict(row)) for row in rows]


async def _access(actor: Actor, key: str, *roles: str) -> SubsidyDeclaration:
    """The declaration, to somebody with a post of these roles for it (default: of any that sees it).

    A branch has no part in what its bank declares. Raises NotFound. Clause: S13.1, S17.2.
    """
    declaration = await SubsidyDeclaration.get_or_none(key=key, county=actor.county)
    for post in actor.posts:
        if (
            declaration is not None
            and post.role in (roles or ROLES)
            and post.covers(f"{actor.county}000000")
            and (post.role != "bank_officer" or post.organisation_id == declaration.bank_id)
        ):
            return declaration
    raise NotFound("没有找到这份申报表。")


async def _view(declaration: SubsidyDeclaration) -> DeclarationView:
    bank = await Organisation.get(id=declaration.bank_id)
    return DeclarationView(
        key=declaration.key,
        title=_title(declaration.quarter),
        bank=bank.name,
        quarter=declaration.quarter,
        due_on=declaration.due_on,
        approximate=declaration.approximate,
        state=declaration.state,
        late=declaration.late,
        lines=declaration.lines,
        total_fen=declaration.total_fen,
        extra_fen=declaration.extra_fen,
        sha256=declaration.sha256,
        returned_reason=declaration.returned_reason,
        paid_on=declaration.paid_on,
    )
