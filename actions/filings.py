"""Monthly filings of banks: drafted, refreshed until they are submitted, then frozen with their hash. S5."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import asyncpg

from actions import audit
from actions.access import Actor, HeldPost, access_task, require_staff, role_holders
from actions.notices import NewNotice, plan
from actions.routing import on_day, said_on, tell_holders
from bot import database
from bot.errors import Conflict, NotFound
from models.application import Task
from models.filings import Filing, FilingLine
from models.people import Organisation, Region
from policies import Pack
from rules import filings as rules
from rules.tasks import end_of_day
from rules.workdays import WorkingDate

SHEET_ROWS = 1_000_000
"""Fewer than a sheet holds, and more than a bank lends in a month."""
KINDS = {"disbursements": "放款备案", "releases": "解除担保责任通知书"}
_CHOSEN = {
    "disbursements": """
      SELECT l.id, l.guarantor_id, l.principal_fen AS fen, l.number, jsonb_build_object(
        'number', l.number, 'village', l.village, 'principal_fen', l.principal_fen,
        'disbursed_on', l.disbursed_on, 'maturity_on', l.maturity_on, 'annual_rate_bp', l.annual_rate_bp,
        'method', l.method, 'renewal', l.renewed_from_id IS NOT NULL) AS content
      FROM loan l WHERE l.bank_id = $1 AND l.disbursed_on < $3 AND (l.disbursed_on >= $2 OR EXISTS (
        SELECT 1 FROM filing f WHERE f.bank_id = $1 AND f.kind = 'disbursements' AND f.state = 'submitted'
          AND f.month = date_trunc('month', l.disbursed_on)::date))""",
    "releases": """
      SELECT l.id, l.guarantor_id, l.principal_fen AS fen, l.number, jsonb_build_object(
        'number', l.number, 'village', l.village, 'principal_fen', l.principal_fen,
        'disbursed_on', l.disbursed_on, 'settled_on', l.settled_on) AS content
      FROM loan l WHERE l.bank_id = $1 AND l.state = 'settled' AND l.guarantor_id IS NOT NULL
        AND l.settled_on < $3 AND (l.settled_on >= $2 OR EXISTS (
        SELECT 1 FROM filing f WHERE f.bank_id = $1 AND f.kind = 'releases' AND f.state = 'submitted'
          AND f.month = date_trunc('month', l.settled_on)::date))""",
}
"""Loans of the month, and loans of earlier months that were entered after those had been filed."""
_HASH = """encode(sha256(convert_to(coalesce(
  string_agg(content::text, E'\\n' ORDER BY number COLLATE "C"), ''), 'UTF8')), 'hex')"""
_REFRESH = """
WITH chosen AS MATERIALIZED (
  SELECT c.* FROM ({chosen}) c
  WHERE NOT EXISTS (SELECT 1 FROM filing_line x JOIN filing f ON f.id = x.filing_id
                    WHERE x.loan_id = c.id AND x.kind = $5 AND f.state = 'submitted')
), said AS (
  SELECT count(*)::int AS lines, coalesce(sum(fen), 0)::bigint AS total_fen, {hash} AS sha256 FROM chosen
), changed AS (
  UPDATE filing f SET lines = said.lines, total_fen = said.total_fen, sha256 = said.sha256
  FROM said WHERE f.id = $4 AND f.state = 'drafted' AND f.sha256 <> said.sha256 RETURNING f.id
), gone AS (
  DELETE FROM filing_line x USING changed WHERE x.filing_id = changed.id
    AND x.loan_id NOT IN (SELECT id FROM chosen)
)
INSERT INTO filing_line (county, filing_id, kind, number, loan_id, guarantor_id, letter, content)
SELECT $6::varchar, changed.id, $5, row_number() OVER (ORDER BY c.number COLLATE "C"), c.id, c.guarantor_id,
       '', c.content
FROM chosen c, changed
ON CONFLICT (filing_id, loan_id) DO UPDATE SET number = excluded.number, guarantor_id = excluded.guarantor_id,
  content = excluded.content"""

_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtextextended('filings', $1::bigint))"


async def draft(county: str, on: date, pack: Pack, now: datetime) -> dict[str, int]:
    """Draft last month's filings of every bank, refresh what is not submitted, mark who is late.

    A month without disbursements is filed too, so that it is known that there were none; a month without a
    loan fully repaid needs no letter. The bank gets a task; county and bank are told when it is late. Run
    again it changes nothing. Clause: S5.1, S5.2, S5.3.
    """
    month = rules.month_to_file(on)
    due = rules.due_on(month, pack.contents.filing.due_day.on(on))
    made = late = 0
    async with database.transaction() as connection:
        await connection.execute(_ONE_AT_A_TIME, int(county))
        banks = await connection.fetch(
            """SELECT id FROM organisation o WHERE county = $1 AND kind = 'partner_bank'
               AND EXISTS (SELECT 1 FROM loan l WHERE l.bank_id = o.id) ORDER BY id""",
            county,
        )
        for bank in banks:
            for kind in KINDS:
                if await _wanted(connection, bank["id"], kind, month):
                    made += await _open(connection, county, bank["id"], kind, month, due, pack, now)
        for filing in await Filing.filter(county=county, state="drafted").order_by("id"):
            await _refresh(connection, filing)
            late += await _mark_late(connection, filing, on, pack, now)
    return {"drafted": made, "late": late}


async def _wanted(connection: asyncpg.Connection, bank_id: int, kind: str, month: date) -> bool:
    if kind == "disbursements":
        return True
    found: bool = await connection.fetchval(
        f"SELECT EXISTS ({_CHOSEN[kind]})",
        bank_id,
        month,
        rules.month_after(month),
    )
    return found


async def _open(
    connection: asyncpg.Connection,
    county: str,
    bank_id: int,
    kind: str,
    month: date,
    due: WorkingDate,
    pack: Pack,
    now: datetime,
) -> int:
    if await Filing.filter(bank_id=bank_id, kind=kind, month=month).exists():
        return 0
    await Filing.create(
        county=county, kind=kind, bank_id=bank_id, month=month, due_on=due.on, approximate=due.approximate,
        drafted_at=now,
    )  # fmt: skip
    bank = await Organisation.get(id=bank_id)
    task = await Task.create(
        county=county,
        kind="filing",
        stage=_stage(kind, month),
        role="bank_officer",
        organisation_id=bank_id,
        region=bank.region,
        note=f"{month.year}年{month.month}月的{KINDS[kind]}已经起草好，请核对后提交。",
        opened_at=now,
        due_at=end_of_day(due.on),
    )
    await tell_holders(connection, [task], "task_assigned", pack, now)
    return 1


def _stage(kind: str, month: date) -> str:
    return f"{kind}:{month:%Y-%m}"


async def _refresh(connection: asyncpg.Connection, filing: Filing) -> None:
    await connection.execute(
        _REFRESH.format(chosen=_CHOSEN[filing.kind], hash=_HASH),
        filing.bank_id,
        filing.month,
        rules.month_after(filing.month),
        filing.id,
        filing.kind,
        filing.county,
    )


async def _mark_late(
    connection: asyncpg.Connection, filing: Filing, on: date, pack: Pack, now: datetime
) -> int:
    if filing.late or not rules.is_late(filing.due_on, None, on):
        return 0
    await Filing.filter(id=filing.id).update(late=True)
    await audit.record(filing.county, None, "filing_late", ("filing", filing.id), now)
    await _tell(connection, filing, "filing_late", [("county_clerk", None)], pack, now)
    await _tell(connection, filing, "filing_overdue", [("bank_officer", filing.bank_id)], pack, now)
    return 1


async def _tell(
    connection: asyncpg.Connection,
    filing: Filing,
    kind: str,
    roles: Sequence[tuple[str, int | None]],
    pack: Pack,
    now: datetime,
) -> None:
    on, bank = on_day(now), await Organisation.get(id=filing.bank_id)
    people = [
        person
        for role, body in roles
        for person in await role_holders(
            filing.county,
            role,
            bank.region if body == filing.bank_id else f"{filing.county}000000",
            on=on,
            organisation_id=body,
        )
    ]
    facts = {
        "task": KINDS[filing.kind],
        "place": bank.name,
        "due_on": said_on(filing.due_on),
        "count": filing.lines,
    }
    told = [NewNotice(who, kind, "filing", filing.id, facts, on) for who in dict.fromkeys(people)]
    await plan(connection, filing.county, told, pack, now)


async def submit(actor: Actor, key: str, sha256: str, pack: Pack, now: datetime) -> FilingView:
    """Submit a filing as it was read: rows are frozen, letters get numbers, county and guarantor hear.

    `sha256` is that of what was shown; when a loan was entered since, it must be read again. The same again
    changes nothing. Raises NotFound, Conflict. Clause: S5.1, S5.2.
    """
    filing = await _access(actor, key)
    if not any(_files_for(post, filing) for post in actor.posts):
        raise NotFound("没有找到这份备案。")
    async with database.transaction() as connection:
        filing = await Filing.select_for_update().get(id=filing.id)
        if filing.state == "submitted":
            return await _view(filing)
        await _refresh(connection, filing)
        filing = await Filing.get(id=filing.id)
        if filing.sha256 != sha256:
            raise Conflict("S5.1", "备案的内容刚刚有变化，请重新看一遍再提交。", code="stale")
        on = on_day(now)
        if filing.kind == "releases":
            await _number(connection, filing, on)
        await Filing.filter(id=filing.id).update(
            state="submitted", submitted_at=now, submitted_by_id=actor.person_id,
            late=rules.is_late(filing.due_on, on, on),
        )  # fmt: skip
        await Task.filter(
            kind="filing",
            organisation_id=filing.bank_id,
            stage=_stage(filing.kind, filing.month),
            state="open",
        ).update(state="done", outcome="submitted", done_at=now, done_by_id=actor.person_id)
        await audit.record(filing.county, actor.person_id, "file", ("filing", filing.id), now, sha256=sha256)
        filing = await Filing.get(id=filing.id)
        lines = FilingLine.filter(filing_id=filing.id, guarantor_id__isnull=False)
        guarantors = await lines.distinct().values_list("guarantor_id", flat=True)
        roles: list[tuple[str, int | None]] = [("county_clerk", None)]
        roles += [("guarantor_officer", int(str(body))) for body in guarantors]
        await _tell(connection, filing, "filing_received", roles, pack, now)
    return await _view(filing)


async def _number(connection: asyncpg.Connection, filing: Filing, on: date) -> None:
    """Numbers without gaps: the counter row is locked until this transaction ends. Clause: S5.2."""
    last = await connection.fetchval(
        """INSERT INTO counter (name, county, value) VALUES ($1, $2, $3)
           ON CONFLICT (name) DO UPDATE SET value = counter.value + $3 RETURNING value""",
        f"release:{filing.bank_id}:{on.year}",
        filing.county,
        filing.lines,
    )
    rows = await FilingLine.filter(filing_id=filing.id).order_by("number").values_list("id", flat=True)
    first = last - filing.lines + 1
    letters = [
        rules.letter_number(filing.county, on.year, filing.bank_id, first + at) for at in range(len(rows))
    ]
    await connection.execute(
        """UPDATE filing_line x
           SET letter = t.letter, content = x.content || jsonb_build_object('letter', t.letter)
           FROM unnest($1::bigint[], $2::text[]) AS t(id, letter) WHERE x.id = t.id""",
        list(rows),
        letters,
    )
    await connection.execute(
        f"""UPDATE filing SET sha256 = (SELECT {_HASH} FROM (
              SELECT content, content ->> 'number' AS number FROM filing_line WHERE filing_id = $1) l)
            WHERE id = $1""",  # noqa: S608 - put together from parts of ours
        filing.id,
    )


@dataclass(frozen=True)
class FilingView:
    """A filing without its lines."""

    key: str
    kind: str
    title: str
    bank: str
    month: date
    due_on: date
    approximate: bool
    state: str
    late: bool
    lines: int
    total_fen: int
    sha256: str
    submitted_at: datetime | None


@dataclass(frozen=True)
class LineView:
    """One loan of a filing."""

    number: int
    letter: str
    content: dict[str, Any]
    village_name: str


async def listed(actor: Actor, *, after: int | None = None, limit: int = 20) -> list[tuple[int, FilingView]]:
    """The filings the actor may see, newest first, each with its number for paging. Clause: S5.1, S17.2."""
    require_staff(actor, "bank_officer", "county_clerk", "guarantor_officer")
    found: list[tuple[int, FilingView]] = []
    query = Filing.filter(county=actor.county)
    own = [post.organisation_id for post in actor.posts if post.role == "bank_officer"]
    if "county_clerk" not in actor.roles and "guarantor_officer" not in actor.roles:
        query = query.filter(bank_id__in=own)
    if after is not None:
        query = query.filter(id__lt=after)
    for filing in await query.order_by("-id"):
        if len(found) == limit:
            break
        if await _may_see(actor, filing):
            found.append((filing.id, await _view(filing)))
    return found


async def show(actor: Actor, key: str) -> FilingView:
    """One filing. Raises NotFound. Clause: S5.1, S17.2."""
    return await _view(await _access(actor, key))


async def lines(actor: Actor, key: str, *, after: int = 0, limit: int = 50) -> list[LineView]:
    """The lines of a filing, for a guarantor those of his loans. Raises NotFound. Clause: S5.1, S17.2."""
    filing = await _access(actor, key)
    query = FilingLine.filter(filing_id=filing.id, number__gt=after)
    if not any(_sees_whole(post, filing) for post in actor.posts):
        bodies = [post.organisation_id for post in actor.posts if post.role == "guarantor_officer"]
        query = query.filter(guarantor_id__in=bodies)
    rows = await query.order_by("number").limit(limit)
    named = await Region.filter(code__in={row.content["village"] for row in rows})
    names = {region.code: region.name for region in named}
    return [
        LineView(
            row.number,
            row.letter,
            dict(row.content),
            names.get(row.content["village"], row.content["village"]),
        )
        for row in rows
    ]


async def whole(actor: Actor, key: str, now: datetime) -> tuple[FilingView, list[LineView]]:
    """A filing with every line that the actor may see, for a sheet; audited. Raises NotFound.

    Clause: S5.1, S17.2.
    """
    filing = await _access(actor, key)
    await audit.record(filing.county, actor.person_id, "download_filing", ("filing", filing.id), now)
    return await _view(filing), await lines(actor, key, limit=SHEET_ROWS)


async def check(filing: Filing) -> bool:
    """Whether a filing's rows are still those of its hash. Clause: S5.1."""
    rows = await database.fetch(
        f"""SELECT {_HASH} AS sha256 FROM (
              SELECT content, content ->> 'number' AS number FROM filing_line WHERE filing_id = $1) l""",  # noqa: S608
        filing.id,
    )
    return bool(rows[0]["sha256"] == filing.sha256)


async def of_task(actor: Actor, task_key: str) -> str:
    """Key of the filing that a task is about. Raises NotFound. Clause: S5.1."""
    task = await access_task(actor, task_key)
    kind, _, month = task.stage.partition(":")
    filing = (
        await Filing.get_or_none(
            bank_id=task.organisation_id, kind=kind, month=date.fromisoformat(f"{month}-01")
        )
        if month
        else None
    )
    if filing is None:
        raise NotFound("没有找到这份备案。")
    return str(filing.key)


def _files_for(post: HeldPost, filing: Filing) -> bool:
    """A filing is the bank's of the whole county: a branch has no part in it."""
    return (
        post.role == "bank_officer"
        and post.organisation_id == filing.bank_id
        and post.covers(f"{filing.county}000000")
    )


def _sees_whole(post: HeldPost, filing: Filing) -> bool:
    centre = post.role == "county_clerk" and post.covers(f"{filing.county}000000")
    return centre or _files_for(post, filing)


async def _may_see(actor: Actor, filing: Filing) -> bool:
    if any(_sees_whole(post, filing) for post in actor.posts):
        return True
    guarantors = [
        post.organisation_id
        for post in actor.posts
        if post.role == "guarantor_officer" and post.covers(f"{filing.county}000000")
    ]
    if not guarantors or filing.state != "submitted":
        return False
    return await FilingLine.filter(filing_id=filing.id, guarantor_id__in=guarantors).exists()


async def _access(actor: Actor, key: str) -> Filing:
    filing = await Filing.get_or_none(key=key, county=actor.county)
    if filing is None or not await _may_see(actor, filing):
        raise NotFound("没有找到这份备案。")
    return filing


async def _view(filing: Filing) -> FilingView:
    bank = await Organisation.get(id=filing.bank_id)
    return FilingView(
        key=filing.key,
        kind=filing.kind,
        title=f"{filing.month.year}年{filing.month.month}月{KINDS[filing.kind]}",
        bank=bank.name,
        month=filing.month,
        due_on=filing.due_on,
        approximate=filing.approximate,
        state=filing.state,
        late=filing.late,
        lines=filing.lines,
        total_fen=filing.total_fen,
        sha256=filing.sha256,
        submitted_at=filing.submitted_at,
    )
