"""What came of attempts: answers, crashes, receipts, and receipts that never came; for many at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import asyncpg
import structlog

from actions import ledgers
from actions.attempts import SAME_MESSAGE, Attempt, trail
from actions.errands import cancel_for
from actions.ladder import Final, settle
from actions.notices import business_date, wake
from bot.database import execute, transaction
from bot.queue import enqueue
from policies import Pack
from rules.delivery import (
    RECEIPT_CHANNELS,
    Move,
    Outcome,
    Receipt,
    RetryPolicy,
    after_attempt,
    after_receipt,
    after_uncertain,
)
from rules.gates import quiet_until, spread
from rules.notices import Channel, DeliveryState, NoticeClass, QuietHours
from rules.tasks import end_of_day

log = structlog.get_logger(__name__)

JITTER = timedelta(seconds=20)
PAUSE = timedelta(seconds=15)
FORGOTTEN = timedelta(days=3)
"""A receipt for a message that is not ours is looked at no longer than this."""
S = DeliveryState
NOT_SENT = frozenset({Outcome.UNREACHABLE, Outcome.BAD_DATA, Outcome.BUSY, Outcome.THROTTLED, Outcome.QUOTA})
RECEIPTS = {
    "success": Receipt.DELIVERED,
    "user_block": Receipt.BLOCKED,
    "freq_limit": Receipt.THROTTLED,
    "system_failed": Receipt.FAILED,
}
"""What the statuses of receipts mean; any other is a failure of this message."""


@dataclass(slots=True)
class Result:
    """What came of one attempt. `action` is WeChat's word for a refusal; `called`: the call was made."""

    attempt: Attempt
    outcome: Outcome
    msgid: str = ""
    errcode: int | None = None
    action: str = ""
    called: bool = True


@dataclass(slots=True)
class _Applied:
    """One row to be written: the attempt it is about, the move, and its line in the trail."""

    result: Result
    move: Move
    unsure_since: datetime | None
    line: str

    @property
    def final(self) -> bool:
        state, channel = self.move.state, self.result.attempt.channel
        if state is S.SENT:
            return channel not in RECEIPT_CHANNELS
        return state is not S.PLANNED


async def record(
    connection: asyncpg.Connection, county: str, results: Sequence[Result], pack: Pack, now: datetime
) -> int:
    """Write down what came of these attempts and what follows; how many rows were changed.

    A late answer to an attempt that was given up for lost still counts, unless another attempt has begun.
    Clause: S11.7, S18.7.
    """
    taken = [result for result in results if _awaits_receipt(result)]
    if len(taken) == len(results):
        return len(await _accept(connection, taken, now))  # one statement is its own transaction
    policy, quiet = pack.retries(business_date(now)), pack.quiet_hours(business_date(now))
    rest = [_apply(result, policy, quiet, now) for result in results if not _awaits_receipt(result)]
    async with connection.transaction():
        accepted = await _accept(connection, taken, now) if taken else set()
        written = await _write(connection, rest)
        done = [each for each in rest if each.result.attempt.delivery_id in written]
        await _ledgers(connection, county, [each.result for each in done], now)
        finals = [Final.of(each.result.attempt, each.move.state) for each in done if each.final]
        await settle(connection, county, finals, pack, now)
        if any(each.move.state is S.PLANNED and each.move.retry_at == now for each in done):
            await enqueue(connection, [wake(county)])
    for each in done:
        if each.move.alarm and each.result.called:
            _alarm(each)
    return len(accepted) + len(written)


def _awaits_receipt(result: Result) -> bool:
    """Taken by WeChat, which will say later what became of it: the usual case."""
    return result.outcome is Outcome.ACCEPTED and result.attempt.channel in RECEIPT_CHANNELS


def _alarm(each: _Applied) -> None:
    attempt = each.result.attempt
    log.error(
        "notice_alarm",
        notice_id=attempt.notice_id,
        kind=attempt.kind,
        channel=attempt.channel.value,
        outcome=each.result.outcome.value,
        action=each.result.action,
        errcode=each.result.errcode,
        attempts=attempt.number,
    )


def _apply(result: Result, policy: RetryPolicy, quiet: QuietHours, now: datetime) -> _Applied:
    attempt = result.attempt
    unsure_since = attempt.unsure_since
    if result.outcome in (Outcome.UNKNOWN, Outcome.LOST):
        unsure_since = unsure_since or attempt.started_at
        move = _after_unknown(result, unsure_since, policy, now)
    elif result.outcome is Outcome.QUOTA:
        move = _after_quota(attempt, quiet, now)
    elif not result.called:
        move = Move(S.PLANNED, now)
    else:
        move = after_attempt(result.outcome, attempt.number, now, now, policy)
        if move.retry_at is not None:
            move = Move(move.state, spread(move.retry_at, f"{attempt.delivery_id}", JITTER), move.alarm)
    more: dict[str, Any] = {"n": attempt.number}
    if result.errcode:
        more["errcode"] = result.errcode
    if move.retry_at is not None:
        more["until"] = move.retry_at.isoformat(timespec="seconds")
    line = trail(now, "attempt", result.action or result.outcome.value, **more)
    return _Applied(result, move, unsure_since, line)


def _after_unknown(result: Result, unsure_since: datetime, policy: RetryPolicy, now: datetime) -> Move:
    """Nobody knows whether it was sent: when the rule says again, after a crash at once; when WeChat does not
    answer, after a pause that grows: five tries last five minutes, within which it recognises the repeat.
    """
    attempt = result.attempt
    lost = result.outcome is Outcome.LOST
    pause = PAUSE * 2 ** (attempt.number - 1)
    at = now if lost else spread(now + pause, f"{attempt.delivery_id}", PAUSE)
    same = attempt.channel is Channel.TEMPLATE and now < unsure_since + SAME_MESSAGE
    return after_uncertain(attempt.notice_class, attempt.number, at, policy, recognised=same, lost=lost)


def _after_quota(attempt: Attempt, quiet: QuietHours, now: datetime) -> Move:
    """Nothing more goes this way today: tomorrow, or another way when that is too late."""
    tomorrow = quiet_until(end_of_day(business_date(now)), quiet)
    retry_at = spread(tomorrow, f"{attempt.delivery_id}", timedelta(minutes=30))
    if retry_at >= attempt.expires_at:
        return Move(S.REFUSED, alarm=True)
    return Move(S.PLANNED, retry_at, alarm=True)


_WRITE = """
UPDATE delivery d SET state = t.state, not_before = coalesce(t.retry_at, d.not_before),
  msgid = CASE WHEN t.msgid <> '' THEN t.msgid ELSE d.msgid END, errcode = t.errcode,
  attempts = d.attempts - t.undo, unsure_since = t.unsure_since, final_at = t.final_at, lease_until = NULL,
  lease_owner = '', trail = d.trail || t.trail
FROM unnest($1::bigint[], $2::int[], $3::text[], $4::timestamptz[], $5::text[], $6::int[], $7::int[],
            $8::timestamptz[], $9::timestamptz[], $10::jsonb[])
  AS t(id, number, state, retry_at, msgid, errcode, undo, unsure_since, final_at, trail)
WHERE d.id = t.id AND d.attempts = t.number AND d.state IN ('sending', 'planned', 'uncertain')
RETURNING d.id"""


_ACCEPT = """
UPDATE delivery d SET state = 'sent', msgid = t.msgid, errcode = NULL, lease_until = NULL, lease_owner = '',
  trail = d.trail || $4::jsonb
FROM unnest($1::bigint[], $2::int[], $3::text[]) AS t(id, number, msgid)
WHERE d.id = t.id AND d.attempts = t.number AND d.state IN ('sending', 'planned', 'uncertain')
RETURNING d.id"""


async def _accept(connection: asyncpg.Connection, results: Sequence[Result], now: datetime) -> set[int]:
    rows = await connection.fetch(
        _ACCEPT,
        [result.attempt.delivery_id for result in results],
        [result.attempt.number for result in results],
        [result.msgid for result in results],
        trail(now, "attempt", Outcome.ACCEPTED.value),
    )
    return {row["id"] for row in rows}


async def _write(connection: asyncpg.Connection, applied: Sequence[_Applied]) -> set[int]:
    values = list(
        zip(
            *(
                (
                    each.result.attempt.delivery_id,
                    each.result.attempt.number,
                    each.move.state.value,
                    each.move.retry_at,
                    each.result.msgid,
                    each.result.errcode,
                    int(not each.result.called),
                    each.unsure_since,
                    each.result.attempt.started_at if each.final else None,
                    each.line,
                )
                for each in applied
            ),
            strict=True,
        )
    )
    rows = await connection.fetch(_WRITE, *values)
    return {row["id"] for row in rows}


async def _ledgers(
    connection: asyncpg.Connection, county: str, results: Sequence[Result], now: datetime
) -> None:
    """Give back what was not used after all, and learn from refusals."""
    not_sent = [result for result in results if result.outcome in NOT_SENT]
    for day in sorted({business_date(result.attempt.started_at) for result in not_sent}):
        await _give_back(connection, day, [r for r in not_sent if business_date(r.attempt.started_at) == day])
    await ledgers.use_up(
        connection,
        county,
        business_date(now),
        ((r.attempt.account, r.attempt.channel.value) for r in results if r.outcome is Outcome.QUOTA),
    )
    await ledgers.refuse_templates(
        connection,
        county,
        (
            (r.attempt.account, r.attempt.openid, r.attempt.template_id)
            for r in results
            if r.action == "refused" and r.attempt.template_id
        ),
        now,
    )
    for result in results:
        who = [(result.attempt.account, result.attempt.openid)]
        if result.action == "not_following":
            await ledgers.unfollow(connection, who, result.attempt.started_at)
        elif result.action == "window_closed":
            await ledgers.close_windows(connection, who)


async def _give_back(connection: asyncpg.Connection, day: date, results: Sequence[Result]) -> None:
    contacts: Counter[ledgers.Contact] = Counter()
    lines: Counter[ledgers.Line] = Counter()
    grants: Counter[ledgers.GrantKey] = Counter()
    windows: Counter[tuple[str, str]] = Counter()
    for result in results:
        attempt = result.attempt
        if attempt.notice_class is not NoticeClass.TASK and attempt.unsure_since is None:
            contacts[(attempt.person_id, attempt.notice_class.value)] += 1
        if not result.called:
            lines[(attempt.account, attempt.channel.value)] += 1
        if attempt.channel is Channel.SUBSCRIBE and result.action != "refused":
            grants[(attempt.account, attempt.openid, attempt.template_id)] += 1
        if attempt.channel is Channel.SERVICE_MESSAGE and result.action != "window_closed":
            windows[(attempt.account, attempt.openid)] += 1
    await ledgers.give_back_contacts(connection, day, contacts)
    await ledgers.give_back_quota(connection, day, lines)
    await ledgers.give_back_grants(connection, grants)
    await ledgers.give_back_windows(connection, windows)


_ROW = """d.id, d.notice_id, d.rung, d.channel, d.priority, d.attempts, d.unsure_since, d.account, d.openid,
  d.state, d.not_before, n.person_id, n.kind, n.expires_at"""


def _attempt(row: asyncpg.Record, pack: Pack, now: datetime) -> Attempt:
    """The attempt a row is in, as far as it can be known again."""
    policy = pack.notices.get(row["kind"])
    return Attempt(
        delivery_id=row["id"],
        notice_id=row["notice_id"],
        person_id=row["person_id"],
        kind=row["kind"],
        # of a kind that the pack no longer knows nothing is repeated
        notice_class=policy.notice_class if policy else NoticeClass.COLLECTION,
        rung=row["rung"],
        channel=Channel(row["channel"]),
        priority=row["priority"],
        number=row["attempts"],
        started_at=row["not_before"],
        expires_at=row["expires_at"],
        unsure_since=row["unsure_since"],
        account=row["account"],
        openid=row["openid"],
    )


async def sweep(county: str, pack: Pack, now: datetime, *, limit: int = 500) -> dict[str, int]:
    """Take back what workers that died had in hand: leased ones are planned again, of those that were being
    sent nobody knows, and the policy of their class decides. Clause: S11.5, S18.7.
    """
    leased = await execute(
        """UPDATE delivery SET state = 'planned', lease_until = NULL, lease_owner = '',
             trail = trail || $2::jsonb
           WHERE county = $1 AND state = 'leased' AND lease_until < clock_timestamp()""",
        county,
        trail(now, "sweep", "planned_again"),
    )
    lost = 0
    while True:
        async with transaction() as connection:
            rows = await connection.fetch(
                f"""SELECT {_ROW} FROM delivery d JOIN notice n ON n.id = d.notice_id
                    WHERE d.county = $1 AND d.state = 'sending' AND d.lease_until < clock_timestamp()
                    ORDER BY d.id LIMIT $2 FOR UPDATE OF d SKIP LOCKED""",  # noqa: S608 - a constant
                county,
                limit,
            )
            if rows:
                results = [Result(_attempt(row, pack, now), Outcome.LOST) for row in rows]
                lost += await record(connection, county, results, pack, now)
        if len(rows) < limit:
            break
    if leased:
        async with transaction() as connection:
            await enqueue(connection, [wake(county)])
    return {"leased": leased, "lost": lost}


async def apply_receipts(county: str, pack: Pack, now: datetime, *, limit: int = 1000) -> dict[str, int]:
    """Write what WeChat said later about messages, also where it said so before our own answer was stored.

    Clause: S11.7, S18.7.
    """
    counts: Counter[str] = Counter()
    while True:
        async with transaction() as connection:
            rows = await connection.fetch(
                f"""SELECT r.id AS receipt_id, r.status, {_ROW}
                    FROM receipt r
                    JOIN delivery d ON d.account = r.account AND d.msgid = r.msgid AND d.openid = r.openid
                    JOIN notice n ON n.id = d.notice_id
                    WHERE r.county = $1 AND r.applied_at IS NULL AND d.msgid <> ''
                    ORDER BY r.received_at, r.id LIMIT $2 FOR UPDATE OF r SKIP LOCKED""",  # noqa: S608
                county,
                limit,
            )
            if rows:
                counts.update(await _apply_receipts(connection, county, rows, pack, now))
        if len(rows) < limit:
            break
    counts["forgotten"] += await execute(
        """UPDATE receipt SET applied_at = $2
           WHERE county = $1 AND applied_at IS NULL AND received_at < $3""",
        county,
        now,
        now - FORGOTTEN,
    )
    return dict(counts)


async def _apply_receipts(
    connection: asyncpg.Connection, county: str, rows: Sequence[asyncpg.Record], pack: Pack, now: datetime
) -> Counter[str]:
    policy = pack.retries(business_date(now))
    moves = [_after_receipt(row, policy, now) for row in rows]
    changed = await connection.fetch(
        """UPDATE delivery d SET state = t.state, not_before = coalesce(t.retry_at, d.not_before),
             final_at = t.final_at, unsure_since = NULL, trail = d.trail || t.trail
           FROM unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::jsonb[])
             AS t(id, state, retry_at, final_at, trail)
           WHERE d.id = t.id AND d.state IN ('sent', 'uncertain') RETURNING d.id""",
        [row["id"] for row in rows],
        [move.state.value for move in moves],
        [move.retry_at for move in moves],
        [None if move.state is S.PLANNED else now for move in moves],
        [trail(now, "receipt", row["status"]) for row in rows],
    )
    written = {row["id"] for row in changed}
    await connection.execute(
        "UPDATE receipt SET applied_at = $2 WHERE id = ANY($1::bigint[])",
        [row["receipt_id"] for row in rows],
        now,
    )
    done = [(row, move) for row, move in zip(rows, moves, strict=True) if row["id"] in written]
    finals = [
        Final.of(_attempt(row, pack, now), move.state, accepted=True)
        for row, move in done
        if move.state is not S.PLANNED
    ]
    await settle(connection, county, finals, pack, now)
    await cancel_for(connection, [f.notice_id for f in finals if f.state is S.DELIVERED], now)
    return Counter(move.state.value for _, move in done)


def _after_receipt(row: asyncpg.Record, policy: RetryPolicy, now: datetime) -> Move:
    receipt = RECEIPTS.get(row["status"], Receipt.FAILED)
    if row["status"] == "system_failed" and row["attempts"] < policy.attempts_max:
        # WeChat's own trouble; sooner than this it would take the next try for the same message
        return Move(S.PLANNED, now + max(SAME_MESSAGE + JITTER * 3, _pause(row["attempts"], policy)))
    return after_receipt(receipt, row["attempts"], now, policy)


def _pause(attempts: int, policy: RetryPolicy) -> timedelta:
    return timedelta(minutes=policy.retry_minutes[min(attempts, len(policy.retry_minutes)) - 1])


async def mark_unanswered(county: str, pack: Pack, now: datetime) -> int:
    """Mark messages whose receipt should have come long ago: no more will be known. Clause: S18.7."""
    hours = pack.retries(business_date(now)).receipt_wait_hours
    async with transaction() as connection:
        rows = await connection.fetch(
            """UPDATE delivery d SET final_at = $2, trail = d.trail || $4::jsonb FROM notice n
               WHERE n.id = d.notice_id AND d.county = $1 AND d.state = 'sent' AND d.final_at IS NULL
                 AND d.first_attempt_at < $3
               RETURNING d.notice_id, n.kind, d.rung, d.channel, d.priority""",
            county,
            now,
            now - timedelta(hours=hours),
            trail(now, "receipt", "never_came"),
        )
        await connection.execute(
            "UPDATE notice SET state = 'uncertain' WHERE id = ANY($1::bigint[]) AND state = 'open'",
            [row["notice_id"] for row in rows],
        )
    return len(rows)
