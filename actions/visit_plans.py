"""Visits after the loan is paid out: planned for a period, findings turned into facts. S9.1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import asyncpg

from actions import audit
from actions.access import Actor, access_loan, access_task, posts_for_loan, require_post, require_staff
from actions.bulk_tasks import NEW_KEY
from actions.refusal import refuse
from actions.routing import on_day, tell_holders
from bot import database
from bot.errors import RuleRefused
from models.application import Task, Visit
from models.loan import Loan
from models.sealing import new_key, seal_text
from models.warnings import RiskFact
from policies import Pack
from rules.identity import check_free_text
from rules.regions import covers, scope_of
from rules.tasks import deadline, end_of_day
from rules.visit_plans import period_of

REMARK_MAX = 500
_EACH_LOAN = f"""
INSERT INTO task (county, key, kind, loan_id, person_id, round, stage, role, organisation_id, region, state,
                  outcome, note, opened_at, due_at, escalation, escalated_role)
SELECT $1::varchar, {NEW_KEY}, 'post_loan_visit', l.id, l.borrower_id, 1, $2, $3::varchar,
       CASE $3::varchar WHEN 'bank_officer' THEN l.bank_id WHEN 'guarantor_officer' THEN l.guarantor_id END,
       l.village, 'open', '', '到户看看生产、家里情况和贷款用途，拍照、定位。', $4, $5, 0, ''
FROM loan l LEFT JOIN loan_application a ON a.id = l.application_id
WHERE l.county = $1 AND l.state = 'active' AND l.disbursed_on < $6
  AND coalesce(a.applicant_kind, 'farmer') = ANY($7::text[])
  AND ($3::varchar <> 'guarantor_officer' OR l.guarantor_id IS NOT NULL)
ON CONFLICT DO NOTHING"""  # noqa: S608 - put together from parts of ours, every value is bound
_EACH_VILLAGE = f"""
INSERT INTO task (county, key, kind, round, stage, role, region, state, outcome, note, opened_at, due_at,
                  escalation, escalated_role)
SELECT $1::varchar, {NEW_KEY}, 'village_watch', 1, $2, $3, l.village, 'open', '',
       '村里有' || count(*) || '户在用贷款，看看有没有异常。有异常马上报，没有也报一声。', $4, $5, 0, ''
FROM loan l LEFT JOIN loan_application a ON a.id = l.application_id
WHERE l.county = $1 AND l.state = 'active' AND l.disbursed_on < $6
  AND coalesce(a.applicant_kind, 'farmer') = ANY($7::text[])
GROUP BY l.village
ON CONFLICT DO NOTHING"""  # noqa: S608 - put together from parts of ours, every value is bound
_ENDED = """
UPDATE task t SET state = 'cancelled', outcome = 'settled', done_at = $2
FROM loan l WHERE t.county = $1 AND t.kind = 'post_loan_visit' AND t.state = 'open'
  AND l.id = t.loan_id AND l.state <> 'active'"""


async def plan_visits(county: str, on: date, pack: Pack, now: datetime) -> dict[str, int]:
    """Open the visits of the periods that a day lies in, by the pack's rounds; how many of each role are new.

    A loan without an application of ours counts as a farmer's. Visits of loans settled since are cancelled.
    Run again it changes nothing. Clause: S9.1.
    """
    made: dict[str, int] = {}
    async with database.transaction() as connection:
        await connection.execute(_ENDED, county, now)
        for each in pack.contents.visit_plan.rounds.on(on):
            period = period_of(on, each.every)
            status: str = await connection.execute(
                _EACH_LOAN if each.each == "loan" else _EACH_VILLAGE,
                county,
                period.name,
                each.role,
                now,
                end_of_day(period.last_on),
                period.first_on,
                [kind.value for kind in each.kinds],
            )
            made[each.role] = made.get(each.role, 0) + int(status.rsplit(" ", 1)[-1])
    return made


@dataclass(frozen=True)
class Progress:
    """How far the visits of a period are, for one role in one village."""

    period: str
    kind: str
    role: str
    village: str
    planned: int
    done: int
    missed: int


async def progress(actor: Actor, on: date, now: datetime) -> list[Progress]:
    """Planned, done and missed visits of the periods of a day, in the actor's regions. Clause: S9.1."""
    require_staff(actor, "town_clerk", "county_clerk", "bank_officer", "case_officer", "cadre")
    names = [period_of(on, "month").name, period_of(on, "quarter").name]
    rows = await database.fetch(
        """SELECT stage, kind, role, region, organisation_id, count(*) AS planned,
                  count(*) FILTER (WHERE state = 'done') AS done,
                  count(*) FILTER (WHERE state = 'open' AND due_at < $3) AS missed
           FROM task WHERE county = $1 AND kind IN ('post_loan_visit', 'village_watch')
             AND stage = ANY($2::text[]) AND state <> 'cancelled'
           GROUP BY stage, kind, role, region, organisation_id ORDER BY stage, role, region""",
        actor.county,
        names,
        now,
    )
    return [
        Progress(
            row["stage"], row["kind"], row["role"], row["region"], row["planned"], row["done"], row["missed"]
        )
        for row in rows
        if _sees(actor, row["region"], row["organisation_id"])
    ]


def _sees(actor: Actor, region: str, organisation_id: int | None) -> bool:
    banks = ("bank_officer", "guarantor_officer", "loan_officer")
    return any(
        covers(post.region, region) and (post.role not in banks or organisation_id == post.organisation_id)
        for post in actor.posts
    )


async def report(
    actor: Actor, loan_key: str, findings: Sequence[str], remark: str, pack: Pack, now: datetime
) -> list[RiskFact]:
    """Say at once what is abnormal about a loan: kept as facts for the warnings, and the town gets a task.

    The same findings on the same day are kept once. Raises NotFound, RuleRefused. Clause: S9.1, S10.1.
    """
    loan = await access_loan(actor, loan_key)
    require_post(posts_for_loan(actor, loan))
    if loan.borrower_id == actor.person_id:
        raise RuleRefused("S4.3", "这是您本人的贷款，请交给其他同事办理。", code="own_case")
    async with database.transaction() as connection:
        await connection.execute("SELECT 1 FROM loan WHERE id = $1 FOR UPDATE", loan.id)
        made = await keep_findings(actor, loan, findings, remark, pack, now)
        if made and "town_clerk" not in actor.roles:
            await _tell_town(connection, loan, made, pack, now)
    return made


async def keep_findings(
    actor: Actor,
    loan: Loan,
    findings: Sequence[str],
    remark: str,
    pack: Pack,
    now: datetime,
    *,
    visit: Visit | None = None,
) -> list[RiskFact]:
    """The facts that are new, of what was found about a loan. Raises RuleRefused. Clause: S9.1, S10.1."""
    on = on_day(now)
    known = {each.code for each in pack.contents.warning.findings.on(on)}
    known |= {each.code for each in pack.contents.warning.reports.on(on)} if visit is None else set()
    if not findings or set(findings) - known:
        raise RuleRefused("S9.1", "请从列出的情况里选。", code="finding", field="findings")
    if len(remark) > REMARK_MAX:
        raise RuleRefused("S9.1", f"说明请写在{REMARK_MAX}字以内。", code="remark_too_long", field="remark")
    refuse([check_free_text(remark, "remark")])
    there = await RiskFact.filter(loan_id=loan.id, from_on=on, withdrawn_at=None)
    made = []
    for kind in dict.fromkeys(findings):
        if kind in {fact.kind for fact in there}:
            continue
        key = new_key()
        made.append(
            await RiskFact.create(
                county=loan.county,
                key=key,
                kind=kind,
                loan_id=loan.id,
                region=loan.village,
                from_on=on,
                visit_id=visit.id if visit else None,
                remark_sealed=seal_text(remark.strip(), "risk_fact", "remark", key),
                entered_by_id=actor.person_id,
                entered_at=now,
            )
        )
    if made:
        await audit.record(
            loan.county,
            actor.person_id,
            "report_findings",
            ("loan", loan.id),
            now,
            kinds=[f.kind for f in made],
        )
    return made


async def _tell_town(
    connection: asyncpg.Connection, loan: Loan, made: Sequence[RiskFact], pack: Pack, now: datetime
) -> None:
    """S9.1: the town hears of it at once, not in the morning's digest."""
    on = on_day(now)
    held = pack.contents
    names = {each.code: each.name for each in (*held.warning.findings.on(on), *held.warning.reports.on(on))}
    words = "、".join(names[fact.kind] for fact in made)
    known = await Task.filter(loan_id=loan.id, kind="abnormal", state="open").first()
    if known is not None:
        await Task.filter(id=known.id).update(note=f"{known.note}；{words}"[:300])
        return
    task = await Task.create(
        county=loan.county,
        kind="abnormal",
        loan_id=loan.id,
        person_id=loan.borrower_id,
        role="town_clerk",
        region=loan.village,
        note=f"村里报来：{words}。请去看看，商量怎么办。",
        opened_at=now,
        due_at=deadline(on, held.visit_plan.abnormal_working_days.on(on)).at,
    )
    await tell_holders(connection, [task], "task_assigned", pack, now)


@dataclass(frozen=True)
class RegionReport:
    """News of a region: prices, disaster. `industry` empty: all of them."""

    kind: str
    region: str
    industry: str
    from_on: date
    until_on: date | None
    remark: str = ""


async def report_region(actor: Actor, given: RegionReport, pack: Pack, now: datetime) -> RiskFact:
    """Enter a price or disaster notice for a village, town or county; the next night warns by it.

    Raises RuleRefused. Clause: S10.1.
    """
    post = require_staff(actor, "county_clerk", "town_clerk")
    on = on_day(now)
    held = pack.contents
    if given.kind not in {each.code for each in held.warning.reports.on(on)}:
        raise RuleRefused("S10.1", "请从列出的消息里选一种。", code="kind", field="kind")
    if not post.covers(given.region) or len(scope_of(given.region)) < len(scope_of(post.region)):
        raise RuleRefused("S17.2", "只能登记自己管的地方。", code="region", field="region")
    if given.industry and given.industry not in {each.code for each in held.industries.leading.on(on)}:
        raise RuleRefused("S10.1", "请从列出的产业里选，或者不选。", code="industry", field="industry")
    if given.until_on is not None and given.until_on < given.from_on:
        raise RuleRefused("S10.1", "结束日期不能早于开始日期。", code="dates", field="until_on")
    refuse([check_free_text(given.remark, "remark")])
    key = new_key()
    made = await RiskFact.create(
        county=actor.county,
        key=key,
        kind=given.kind,
        region=given.region,
        industry=given.industry,
        from_on=given.from_on,
        until_on=given.until_on,
        remark_sealed=seal_text(given.remark.strip(), "risk_fact", "remark", key),
        entered_by_id=actor.person_id,
        entered_at=now,
    )
    await audit.record(
        actor.county, actor.person_id, "report_region", ("risk_fact", made.id), now, kind=given.kind
    )
    return made


async def finish_watch(actor: Actor, task_key: str, now: datetime) -> Task:
    """The cadre has looked at the village's borrowers; what is abnormal he has reported. Clause: S9.1."""
    task = await access_task(actor, task_key)
    if task.kind != "village_watch":
        raise RuleRefused("S9.1", "这项任务不是看村里借款户。", code="not_a_watch")
    reported = await RiskFact.filter(
        entered_by_id=actor.person_id, region=task.region, entered_at__gte=task.opened_at
    ).count()
    async with database.transaction():
        await Task.filter(id=task.id, state="open").update(
            state="done",
            outcome="abnormal" if reported else "normal",
            done_at=now,
            done_by_id=actor.person_id,
        )
        await audit.record(
            task.county, actor.person_id, "village_watch", ("task", task.id), now, period=task.stage
        )
    return await Task.get(id=task.id)


def finding_names(pack: Pack, on: date) -> Mapping[str, str]:
    """Codes of findings with the words for them. Clause: S9.1."""
    return {each.code: each.name for each in pack.contents.warning.findings.on(on)}
