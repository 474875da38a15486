"""JOBS: what the clock makes happen, as data. Times are Asia/Shanghai; a slot run twice changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

import structlog

from actions import (
    arrears,
    audit_chain,
    audit_watch,
    bulk_tasks,
    collection,
    confirmations,
    console_sessions,
    delivery_counts,
    drafts,
    due_days,
    errands,
    escalation,
    exports,
    files,
    filings,
    idempotency,
    login_guard,
    name_index,
    night,
    night_figures,
    outcomes,
    promises,
    reminders,
    report_push,
    retention,
    risk_night,
    scan_logins,
    sessions,
    slots,
    staff_changes,
    subsidies,
    visit_plans,
    votes,
)
from bot.runtime import Runtime
from scheduler import sending

log = structlog.get_logger(__name__)

Run = Callable[[Runtime, str, date, str], Awaitable[Mapping[str, Any]]]
"""Given runtime, county, business date and part ("" where a job has no parts); returns what it did."""
KEEP_SESSIONS = timedelta(days=1)
KEEP_REQUESTS = timedelta(days=7)
"""Offline phones send again after days: a request key outlives that."""
KEEP_STRAYS = timedelta(days=1)
Parts = Callable[[str], Awaitable[list[str]]]
CatchUp = Literal["all", "latest", "none"]
"""What happens after a pause: every missed slot in order; only the latest; or nothing is kept at all.

`none` is for jobs that only look whether there is anything to do: every tick wakes them where there is. They
leave no slot rows, so a clock that goes backwards does not stop them.
"""


@dataclass(frozen=True)
class JobSpec:
    """One job: when, what is made good after a pause, what it does, into which parts it is split.

    `after` names the job whose slots of the same and earlier days must be done first.
    The first line of `run`'s docstring tells people what the job does.
    """

    name: str
    schedule: str
    catch_up: CatchUp
    run: Run
    parts: Parts | None = None
    after: str = ""


async def _night(runtime: Runtime, county: str, on: date, town: str) -> Mapping[str, Any]:
    """Write what is late and plan the notices of a business date, town by town."""
    return await night.run_town(county, town, on, runtime.packs.by_county(county), runtime.now())


async def _night_figures(runtime: Runtime, county: str, on: date, _part: str) -> Mapping[str, Any]:
    """Write the figures of villages, towns, county and banks once the night is done; check a sample of it."""
    pack = runtime.packs.by_county(county)
    done = await night_figures.write(county, on, pack, runtime.now())
    wrong = await arrears.disagreements(county, on.toordinal())
    if wrong:
        log.error("night_disagrees", county=county, day=on.isoformat(), loans=wrong[:20])
    return {**done, "disagree": len(wrong)}


async def _deliver(runtime: Runtime, county: str, _on: date, _part: str) -> Mapping[str, Any]:
    """Send what is ready."""
    return dict(await sending.deliver(runtime, county))


async def _receipts(runtime: Runtime, county: str, _on: date, _part: str) -> Mapping[str, Any]:
    """Write down what became of sent messages."""
    return await outcomes.apply_receipts(county, runtime.packs.by_county(county), runtime.now())


async def _sweep(runtime: Runtime, county: str, _on: date, _part: str) -> Mapping[str, Any]:
    """Take back what dead workers had in hand."""
    return await outcomes.sweep(county, runtime.packs.by_county(county), runtime.now())


async def _unanswered(runtime: Runtime, county: str, _on: date, _part: str) -> Mapping[str, Any]:
    """Mark messages whose receipt never came."""
    pack = runtime.packs.by_county(county)
    return {"marked": await outcomes.mark_unanswered(county, pack, runtime.now())}


async def _risk(runtime: Runtime, county: str, on: date, town: str) -> Mapping[str, Any]:
    """Raise warnings, record conduct and list overdue loans once the night is done, town by town."""
    return await risk_night.run_town(county, town, on, runtime.packs.by_county(county), runtime.now())


async def _visit_plans(runtime: Runtime, county: str, on: date, _part: str) -> Mapping[str, Any]:
    """Open the visits of the month and the quarter."""
    return await visit_plans.plan_visits(county, on, runtime.packs.by_county(county), runtime.now())


async def _filings(runtime: Runtime, county: str, on: date, _part: str) -> Mapping[str, Any]:
    """Draft what banks file of last month; mark who is late."""
    return await filings.draft(county, on, runtime.packs.by_county(county), runtime.now())


async def _subsidies(runtime: Runtime, county: str, on: date, _part: str) -> Mapping[str, Any]:
    """Draft the subsidies that banks declare of last quarter; mark who is late."""
    return await subsidies.draft(county, on, runtime.packs.by_county(county), runtime.now())


async def _task_digest(runtime: Runtime, county: str, on: date, _part: str) -> Mapping[str, Any]:
    """Tell everybody once how many tasks the night has opened for him."""
    return {"told": await bulk_tasks.tell(county, on, runtime.packs.by_county(county), runtime.now())}


async def _escalate(runtime: Runtime, county: str, _on: date, _part: str) -> Mapping[str, Any]:
    """Close errands whose reason is gone, remind of tasks that end soon, pass late ones up."""
    pack, now = runtime.packs.by_county(county), runtime.now()
    closed = await errands.close_settled(county, now)
    reminded = await escalation.remind_tasks(county, pack, now)
    escalated = await escalation.escalate_due(county, pack, now)
    return {"closed": closed, "reminded": reminded, "escalated": escalated}


async def _delivery_counts(runtime: Runtime, county: str, _on: date, _part: str) -> Mapping[str, Any]:
    """Count how deliveries went, for the dashboard."""
    return {"lines": await delivery_counts.count(county, runtime.now())}


async def _due_days(runtime: Runtime, county: str, on: date, _part: str) -> Mapping[str, Any]:
    """Move due days off days of rest in a year whose calendar has come out."""
    return await due_days.settle(county, runtime.packs.by_county(county), on)


async def _promises(runtime: Runtime, county: str, on: date, _part: str) -> Mapping[str, Any]:
    """Find out which promises to pay were kept and which were broken."""
    return await promises.settle(county, on, runtime.packs.by_county(county), runtime.now())


async def _draft_reminders(runtime: Runtime, county: str, _on: date, _part: str) -> Mapping[str, Any]:
    """Remind of half-filled applications."""
    pack = runtime.packs.by_county(county)
    return {"planned": await reminders.remind_drafts(county, pack, runtime.now())}


async def _expire_drafts(runtime: Runtime, county: str, _on: date, _part: str) -> Mapping[str, Any]:
    """End half-filled forms that nobody went on with, and filled ones that the farmer never confirmed."""
    now, pack = runtime.now(), runtime.packs.by_county(county)
    return {
        "expired": await drafts.expire_due(county, now),
        "unconfirmed": await confirmations.expire_unconfirmed(county, pack, now),
    }


async def _audit_chain(runtime: Runtime, county: str, _on: date, _part: str) -> Mapping[str, Any]:
    """Link new entries of the audit trail."""
    return {"linked": await audit_chain.link(county, runtime.now())}


async def _audit_head(runtime: Runtime, county: str, on: date, _part: str) -> Mapping[str, Any]:
    """Write the head of the audit chain to the file outside."""
    await audit_chain.link(county, runtime.now())
    head = await audit_chain.head(county, on)
    if head is not None:
        await asyncio.to_thread(audit_chain.write_head, runtime.settings.audit_heads_path(), head)
        log.info("audit_head", county=county, day=on.isoformat(), number=head.number, digest=head.digest)
    return {"entries": head.number if head else 0}


async def _audit_verify(runtime: Runtime, county: str, _on: date, _part: str) -> Mapping[str, Any]:
    """Go through the whole audit chain and hold it against the heads outside."""
    heads = await asyncio.to_thread(audit_chain.read_heads, runtime.settings.audit_heads_path())
    verdict = await audit_chain.verify(county, runtime.now(), heads)
    if not verdict.whole:
        log.error("audit_chain_broken", county=county, problems=verdict.problems[:20])
    return {"entries": verdict.links, "problems": len(verdict.problems)}


async def _retention(runtime: Runtime, county: str, _on: date, _part: str) -> Mapping[str, Any]:
    """Delete personal data whose time is over."""
    return await retention.clear(county, runtime.packs.by_county(county), runtime.now())


async def _audit_watch(runtime: Runtime, county: str, _on: date, _part: str) -> Mapping[str, Any]:
    """Tell of people who look at more personal data than is usual."""
    return {"told": await audit_watch.look(county, runtime.packs.by_county(county), runtime.now())}


async def _tidy(runtime: Runtime, county: str, _on: date, _part: str) -> Mapping[str, Any]:
    """Delete old slots, counters, queue logs, sessions, request keys and stray uploads."""
    now = runtime.now()
    return {
        **await slots.tidy(county, now),
        "sessions": await sessions.forget_before(now - KEEP_SESSIONS),
        "desks": await console_sessions.forget_before(now - KEEP_SESSIONS),
        "scans": await scan_logins.forget_before(now - KEEP_SESSIONS),
        "tries": await login_guard.forget_before(now),
        "requests": await idempotency.forget_before(now - KEEP_REQUESTS),
        "exports": await exports.forget(county, now),
        "strays": await files.sweep(runtime.files, now - KEEP_STRAYS),
    }


async def _posts(runtime: Runtime, county: str, on: date, _part: str) -> Mapping[str, Any]:
    """End the logins of posts whose last day was yesterday, and tell who goes on with their tasks."""
    pack = runtime.packs.by_county(county)
    return {"ended": await staff_changes.end_of_posts(county, on, pack, runtime.now())}


async def _name_index(_runtime: Runtime, county: str, _on: date, _part: str) -> Mapping[str, Any]:
    """Work out the index of names that have none yet."""
    return {"people": await name_index.fill(county)}


async def _collection(runtime: Runtime, county: str, on: date, _part: str) -> Mapping[str, Any]:
    """Keep what was due and repaid in the month up to yesterday, by town and bank."""
    return {"rows": await collection.fill(county, on - timedelta(days=1))}


async def _report_push(runtime: Runtime, county: str, on: date, _part: str) -> Mapping[str, Any]:
    """Tell the staff of towns and county that last month's reports are there."""
    pack = runtime.packs.by_county(county)
    return {"planned": await report_push.tell(county, pack, on, runtime.now())}


async def _votes(runtime: Runtime, county: str, _on: date, _part: str) -> Mapping[str, Any]:
    """Decide the votes of groups whose time is over."""
    return {"over": await votes.close_due(county, runtime.packs.by_county(county), runtime.now())}


JOBS: tuple[JobSpec, ...] = (
    JobSpec("due_days", "20 0 * * *", "latest", _due_days),
    JobSpec("night", "30 0 * * *", "all", _night, night.towns),
    JobSpec("night_figures", "40 0 * * *", "all", _night_figures, after="night"),
    JobSpec("promises", "50 0 * * *", "all", _promises),
    JobSpec("risk", "55 0 * * *", "all", _risk, night.towns, after="night"),
    JobSpec("visit_plans", "0 1 * * *", "latest", _visit_plans),
    JobSpec("filings", "10 1 * * *", "all", _filings),
    JobSpec("subsidies", "20 1 * * *", "latest", _subsidies),
    JobSpec("task_digest", "0 7 * * *", "latest", _task_digest, after="risk"),
    JobSpec("votes", "2 * * * *", "latest", _votes),
    JobSpec("escalate", "5 * * * *", "latest", _escalate),
    JobSpec("draft_reminders", "15 * * * *", "latest", _draft_reminders),
    JobSpec("unanswered", "35 * * * *", "latest", _unanswered),
    JobSpec("delivery_counts", "*/10 * * * *", "latest", _delivery_counts),
    JobSpec("expire_drafts", "45 0 * * *", "latest", _expire_drafts),
    JobSpec("audit_chain", "*/10 * * * *", "latest", _audit_chain),
    JobSpec("audit_watch", "5-55/10 * * * *", "latest", _audit_watch),
    JobSpec("audit_verify", "5 4 * * *", "latest", _audit_verify),
    JobSpec("retention", "40 2 * * *", "latest", _retention),
    JobSpec("audit_head", "55 23 * * *", "latest", _audit_head),
    JobSpec("collection", "30 1 * * *", "all", _collection),
    JobSpec("report_push", "40 8 * * *", "latest", _report_push),
    JobSpec("posts", "5 0 * * *", "all", _posts),
    JobSpec("name_index", "40 3 * * *", "latest", _name_index),
    JobSpec("tidy", "20 3 * * *", "latest", _tidy),
    JobSpec("deliver", "* * * * *", "none", _deliver),
    JobSpec("receipts", "* * * * *", "none", _receipts),
    JobSpec("sweep_leases", "* * * * *", "none", _sweep),
)
BY_NAME: Mapping[str, JobSpec] = {job.name: job for job in JOBS}


def followers(name: str) -> list[str]:
    """The jobs that wait for this one."""
    return [job.name for job in JOBS if job.after == name]


def named(name: str) -> JobSpec:
    """The job of that name. Raises KeyError with the names there are."""
    if name not in BY_NAME:
        raise KeyError(f"no job {name!r}; there are {', '.join(BY_NAME)}")
    return BY_NAME[name]
