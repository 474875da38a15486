"""Promises to pay by a day: taken, replaced by a later one, and every night found kept or broken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

import asyncpg

from actions import audit, errands, routing
from actions.access import Actor, access_loan
from actions.notices import NewNotice, plan
from actions.refusal import refuse
from bot import database
from bot.errors import RuleRefused
from models.loan import Loan
from models.people import Post
from models.sealing import new_key
from models.slip import Promise
from policies import Pack
from rules.promises import PromiseState, check_promise, last_day, quiet_through
from rules.regions import covers
from rules.tasks import deadline

KIND = "promise"
ROLES = ("case_officer", "cadre", "county_clerk")
"""Who asks after a broken promise: the first of these that anybody holds for the village."""
SAID_MAX = 60


@dataclass(frozen=True, slots=True)
class PromiseView:
    """A promise as its borrower and his bank see it."""

    key: str
    loan_key: str
    loan_number: str
    given_on: date
    promised_on: date
    amount_fen: int
    state: str
    repeated: bool = False


async def give(
    actor: Actor, loan_key: str, promised_on: date, said: str, pack: Pack, now: datetime
) -> PromiseView:
    """The borrower says by which day he pays what is due. Said again, nothing changes; a new day replaces it.

    A new day does not make the time without reminders longer than the pack allows from the first. Raises
    NotFound, RuleRefused. Clause: S18.4.
    """
    loan = await access_loan(actor, loan_key)
    if loan.borrower_id != actor.person_id:
        raise RuleRefused("S18.4", "哪天还，要由借款人本人来说。", code="not_the_borrower")
    on = routing.on_day(now)
    policy = pack.promises(on)
    async with database.transaction():
        loan = await Loan.select_for_update().get(id=loan.id)
        known = await Promise.get_or_none(loan_id=loan.id, state=PromiseState.OPEN)
        if known is not None and known.promised_on == promised_on:
            return _view(known, loan, repeated=True)
        amount = await _owed(loan, on)
        broken = await _broken_before(loan.id)
        refuse([check_promise(promised_on, broken, on, policy)])
        if known is not None:
            known.state = PromiseState.REPLACED
            await known.save(update_fields=["state"])
        made = await Promise.create(
            county=loan.county,
            loan_id=loan.id,
            person_id=actor.person_id,
            village=loan.village,
            given_on=on,
            promised_on=promised_on,
            quiet_through=quiet_through(await _since(loan.id, on), promised_on, policy),
            amount_fen=amount,
            said=said.strip()[:SAID_MAX],
            channel=actor.channel,
            created_at=now,
        )
        await audit.record(loan.county, actor.person_id, "promise", ("loan", loan.id), now)
    return _view(made, loan)


async def _owed(loan: Loan, on: date) -> int:
    """What is past its day, else the next line, in fen. Raises RuleRefused when there is nothing."""
    rows = await database.fetch(
        """SELECT due_on, principal_fen + interest_fen + penalty_fen
                  - paid_principal_fen - paid_interest_fen - paid_penalty_fen AS owed_fen
           FROM instalment WHERE loan_id = $1 AND paid_on IS NULL ORDER BY due_on, number""",
        loan.id,
    )
    late = sum(row["owed_fen"] for row in rows if row["due_on"] < on)
    owed = late or next((row["owed_fen"] for row in rows if row["owed_fen"]), 0)
    if loan.state != "active" or not owed:
        raise RuleRefused("S18.4", "这笔贷款现在没有要还的。谢谢您惦记着！", code="nothing_owed")
    return int(owed)


async def _broken_before(loan_id: int) -> int:
    """How many promises of this loan were broken since one was last kept."""
    rows = await database.fetch(
        """SELECT count(*) AS broken FROM promise
           WHERE loan_id = $1 AND state = 'broken' AND id > coalesce(
             (SELECT max(id) FROM promise WHERE loan_id = $1 AND state = 'kept'), 0)""",
        loan_id,
    )
    return int(rows[0]["broken"])


async def _since(loan_id: int, on: date) -> date:
    """The day of the first of the promises that replaced each other until now."""
    rows = await database.fetch(
        """SELECT min(given_on) AS first FROM promise
           WHERE loan_id = $1 AND state = 'replaced' AND id > coalesce(
             (SELECT max(id) FROM promise WHERE loan_id = $1 AND state IN ('kept', 'broken')), 0)""",
        loan_id,
    )
    return rows[0]["first"] or on


async def of_loan(actor: Actor, loan_key: str) -> list[PromiseView]:
    """The promises about a loan, the newest first. Raises NotFound. Clause: S18.4, S17.2."""
    loan = await access_loan(actor, loan_key)
    return [_view(row, loan) for row in await Promise.filter(loan_id=loan.id).order_by("-id")]


def furthest(pack: Pack, on: date) -> date:
    """The latest day that may be promised today. Clause: S18.4."""
    return last_day(on, pack.promises(on))


def _view(row: Promise, loan: Loan, *, repeated: bool = False) -> PromiseView:
    return PromiseView(
        row.key,
        loan.key,
        loan.number,
        row.given_on,
        row.promised_on,
        row.amount_fen,
        row.state,
        repeated,
    )


# ---- the night

_SETTLE = """
WITH standing AS (
  SELECT p.id, p.loan_id, p.person_id, p.village, p.state AS before, p.promised_on,
         l.state = 'active' AS running, coalesce(l.extended_on >= p.given_on, false) AS extended,
         coalesce((SELECT sum(r.amount_fen) FROM repayment r
                   WHERE r.loan_id = p.loan_id AND r.received_on BETWEEN p.given_on AND p.promised_on
                     AND r.recorded_at > p.created_at AND r.kind = 'payment'
                     AND r.reversed_at IS NULL), 0) >= p.amount_fen AS kept
  FROM promise p JOIN loan l ON l.id = p.loan_id
  WHERE p.county = $1 AND p.given_on <= $2
    AND (p.state = 'open' OR p.state = 'broken' AND p.promised_on >= $2::date - $4::int)
), found AS (
  SELECT *, CASE WHEN kept THEN 'kept' WHEN NOT running OR extended THEN 'replaced'
                 WHEN $2::date > promised_on + $3::int THEN 'broken' ELSE 'open' END AS after
  FROM standing
)
UPDATE promise p SET state = found.after, settled_on = $2 FROM found
WHERE p.id = found.id AND p.state = found.before AND found.after <> found.before
  AND (found.before = 'open' OR found.after = 'kept')
RETURNING p.id, p.loan_id, p.person_id, p.village, p.task_id, p.promised_on, found.after"""


async def settle(county: str, on: date, pack: Pack, now: datetime) -> dict[str, int]:
    """Find out which promises were kept or broken by the business date, from the bank's books, set by set.

    A broken one opens a task; a payment that is booked late turns it into a kept one and closes its task. A
    loan that was renewed or extended since has another plan: its promise counts no more. Run again, nothing
    changes. Clause: S18.4.
    """
    policy = pack.promises(on)
    async with database.transaction() as connection:
        rows = await connection.fetch(_SETTLE, county, on, policy.grace_days, policy.longest_days)
        broken = [row for row in rows if row["after"] == PromiseState.BROKEN]
        await _open_tasks(connection, county, broken, on, pack, now)
        kept = [row["task_id"] for row in rows if row["after"] == PromiseState.KEPT and row["task_id"]]
        await errands.cancel(connection, kept, "settled", now)
        cured = await _cured(connection, county, on)
        await errands.cancel(connection, cured, "settled", now)
    counts = {state.value: 0 for state in PromiseState if state is not PromiseState.OPEN}
    for row in rows:
        counts[row["after"]] += 1
    return counts | {"closed": len(kept) + len(cured)}


async def _cured(connection: asyncpg.Connection, county: str, on: date) -> list[int]:
    """Tasks about a broken promise whose loan has nothing past its day any more."""
    rows = await connection.fetch(
        """SELECT t.id FROM task t WHERE t.county = $1 AND t.kind = 'promise' AND t.state = 'open'
             AND NOT EXISTS (SELECT 1 FROM instalment i
                             WHERE i.loan_id = t.loan_id AND i.paid_on IS NULL AND i.due_on < $2)""",
        county,
        on,
    )
    return [row["id"] for row in rows]


async def _open_tasks(
    connection: asyncpg.Connection,
    county: str,
    broken: Iterable[asyncpg.Record],
    on: date,
    pack: Pack,
    now: datetime,
) -> None:
    rows = list(broken)
    if not rows:
        return
    whom = await _who_asks(county, {row["village"] for row in rows}, on)
    made = await connection.fetch(
        """WITH made AS (
             INSERT INTO task (county, key, kind, loan_id, person_id, round, stage, role, region, state,
                               outcome, note, opened_at, due_at, escalation, escalated_role)
             SELECT $1, key, 'promise', loan_id, person_id, 1, '', role, village, 'open', '', note, $2, $3, 0,
                    ''
             FROM unnest($4::text[], $5::bigint[], $6::bigint[], $7::text[], $8::text[], $9::text[])
               AS t(key, loan_id, person_id, role, village, note)
             RETURNING id, loan_id, region)
           UPDATE promise p SET task_id = made.id FROM made
           WHERE p.loan_id = made.loan_id AND p.id = ANY($10::bigint[])
           RETURNING made.id, made.region""",
        county,
        now,
        deadline(on, pack.promises(on).limit_working_days).at,
        [new_key() for _ in rows],
        [row["loan_id"] for row in rows],
        [row["person_id"] for row in rows],
        [whom[row["village"]][0] for row in rows],
        [row["village"] for row in rows],
        [
            f"说好{row['promised_on'].month}月{row['promised_on'].day}日还，还没有到账。问问有什么难处"
            for row in rows
        ],
        [row["id"] for row in rows],
    )
    told = [
        NewNotice(person, "task_assigned", "task", row["id"], {}, on)
        for row in made
        for person in whom[row["region"]][1]
    ]
    await plan(connection, county, told, pack, now)


async def _who_asks(county: str, villages: Iterable[str], on: date) -> Mapping[str, tuple[str, list[int]]]:
    """Role and people for each village, with one look at the posts of the county."""
    posts = await Post.filter(county=county, role__in=ROLES, from_on__lte=on).order_by("id")
    current = [post for post in posts if post.to_on is None or post.to_on >= on]
    found = {}
    for village in villages:
        covering = [post for post in current if covers(post.region, village)]
        role = next((each for each in ROLES if any(post.role == each for post in covering)), ROLES[-1])
        found[village] = (role, [post.person_id for post in covering if post.role == role])
    return found
