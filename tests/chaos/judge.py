"""What a scenario left behind, judged: by the platform's own log, by the rows, and by the invariants.

The platform writes down what it takes before it answers. What it took is the truth; our rows must agree.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from actions import invariants, notices
from actions.notices import NewNotice
from bot import database
from models.loan import Instalment, Loan
from models.people import Person, WechatUser
from rules.gates import is_quiet
from simulator.people import openid_of
from tests.chaos.site import ACCOUNT, COUNTY, PATIENCE, Site, until

VILLAGE = "411082101201"
UNSETTLED = ("planned", "leased", "sending")


@dataclass
class Tally:
    """The figures of one scenario. `lost` and `doubled` must be 0; `uncertain` is counted and said aloud."""

    name: str
    rounds: int = 0
    kills: int = 0
    faults: int = 0
    expected: int = 0
    reached: int = 0
    lost: int = 0
    doubled: int = 0
    repeats: int = 0
    uncertain: int = 0
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not (self.lost or self.doubled or self.broken)

    def must(self, condition: bool, what: str) -> None:
        """Note what was not so."""
        if not condition:
            self.broken.append(what)

    def row(self) -> list[str]:
        figures = (self.rounds, self.kills, self.faults, self.expected, self.reached, self.lost, self.doubled)
        words = "; ".join([*self.notes, *(f"BROKEN: {what}" for what in self.broken)])
        return [
            self.name,
            *map(str, figures),
            str(self.repeats),
            str(self.uncertain),
            f"{self.seconds:.0f}",
            "yes" if self.holds else "NO",
            words,
        ]


HEADINGS = (
    *("scenario", "rounds", "kills", "faults", "expected", "reached", "lost", "doubled", "repeats"),
    *("uncertain", "s", "holds", "notes"),
)


async def crowd(site: Site, count: int) -> list[Person]:
    """So many people who follow the account, here and at the platform."""
    first = site.made + 1
    site.made += count
    numbers = {"prefix": "c-", "count": count, "start": first}
    await site.admin("users", {"range": numbers, "follow": [ACCOUNT]})
    people = [Person(county=COUNTY, village=VILLAGE, created_at=site.now) for _ in range(count)]
    for person in people:
        person.name = "李秀英"
    await Person.bulk_create(people)
    people = list(reversed(await Person.all().order_by("-id").limit(count)))
    users = [
        WechatUser(
            county=COUNTY,
            account=ACCOUNT,
            openid=openid_of(site.appids[ACCOUNT], f"c-{number}"),
            person=person,
            following=True,
        )
        for number, person in enumerate(people, first)
    ]
    await WechatUser.bulk_create(users)
    return people


async def lend(site: Site, people: Sequence[Person], *, days_past_due: int) -> list[Instalment]:
    """One running loan for each of them, with one unpaid line that was due so many days ago."""
    due_on = site.now.date() - timedelta(days=days_past_due)
    loans = [
        Loan(
            county=COUNTY,
            number=f"J-{person.id}",
            bank_id=1,
            borrower_id=person.id,
            village=VILLAGE,
            principal_fen=1_000_000,
            balance_fen=1_000_000,
            annual_rate_bp=435,
            day_count="actual/360",
            method="bullet",
            disbursed_on=due_on - timedelta(days=300),
            maturity_on=due_on,
            created_at=site.now,
        )
        for person in people
    ]
    await Loan.bulk_create(loans)
    kept = list(reversed(await Loan.all().order_by("-id").limit(len(loans))))
    lines = [
        Instalment(
            county=COUNTY,
            loan=loan,
            number=1,
            kind="maturity",
            due_on=due_on,
            days=300,
            principal_fen=1_000_000,
            interest_fen=10_000,
        )
        for loan in kept
    ]
    await Instalment.bulk_create(lines)
    return list(reversed(await Instalment.all().order_by("-id").limit(len(lines))))


async def dun(site: Site, count: int) -> None:
    """Plan for so many new people the notice that a line of theirs is overdue: a collection notice."""
    people = await crowd(site, count)
    lines = await lend(site, people, days_past_due=1)
    await tell(site, people, lines)


async def tell(site: Site, people: Sequence[Person], lines: Sequence[Instalment]) -> None:
    async with database.transaction() as connection:
        planned = [
            NewNotice(person.id, "overdue", "instalment", line.id, {}, line.due_on, "1")
            for person, line in zip(people, lines, strict=True)
        ]
        await notices.plan(connection, COUNTY, planned, site.pack, site.now)


async def open_deliveries(site: Site, states: Sequence[str] = UNSETTLED) -> int:
    return int(await site.value("SELECT count(*) FROM delivery WHERE state = ANY($1::text[])", list(states)))


async def settled(site: Site, seconds: float = PATIENCE) -> float:
    """Wait until every delivery has an outcome; how long it took."""

    async def done() -> bool:
        return await open_deliveries(site) == 0

    return await until(done, "every delivery to have an outcome", seconds)


async def lose_leases(site: Site) -> None:
    """Thirty seconds pass for the database. Only when every worker is dead: it says that they are."""
    await database.execute(
        """UPDATE delivery SET lease_until = clock_timestamp() - interval '1 s'
           WHERE lease_until IS NOT NULL"""
    )
    await database.execute(
        "UPDATE pgqueuer SET heartbeat = now() - interval '1 hour' WHERE status = 'picked'"
    )


async def judge_notices(site: Site, tally: Tally) -> dict[str, int]:
    """Compare what the platform took with what was planned: I3, I4, I5, I12. Returns deliveries by state.

    In every scenario a person has one reason to be told, so a second message is one too many.
    """
    sent = [row for row in await site.sent() if row["kind"] in ("template", "custom", "subscribe")]
    rows = await site.rows(
        """SELECT d.id, d.state, d.msgid, d.channel, n.person_id, n.id AS notice_id, n.kind, u.openid
           FROM delivery d JOIN notice n ON n.id = d.notice_id
           LEFT JOIN wechat_user u ON u.person_id = n.person_id AND u.account = $1""",
        ACCOUNT,
    )
    by_id = {str(row["id"]): row for row in rows}
    taken = Counter(row["client_msg_id"] for row in sent)
    told = Counter(by_id[key]["person_id"] for key in taken.elements() if key in by_id)
    tally.reached += len(told)
    tally.repeats += sum(int(row["repeats"]) for row in sent)
    tally.doubled += sum(count - 1 for count in told.values())
    strays = [key for key in taken if key not in by_id]
    tally.must(not strays, f"the platform has {len(strays)} messages that no row of ours knows")
    phantoms = [k for k, row in by_id.items() if row["state"] in ("sent", "delivered") and k not in taken]
    phantoms = [key for key in phantoms if by_id[key]["channel"] != "cadre_task"]
    tally.must(not phantoms, f"{len(phantoms)} rows say sent, and the platform has nothing")
    states = Counter(str(row["state"]) for row in rows)
    tally.uncertain += states["uncertain"]
    silent = {row["person_id"] for row in rows} - set(told)
    tally.lost += sum(1 for person in silent if not _accounted(rows, person))
    quiet = site.pack.gates(site.now.date()).quiet
    at_night = [row for row in sent if is_quiet(datetime.fromisoformat(row["at"]), quiet)]
    tally.must(not at_night, f"I12: {len(at_night)} messages in the quiet hours")
    return dict(states)


def _accounted(rows: Sequence[Mapping[str, Any]], person_id: int) -> bool:
    """Does a row say openly that this person was not told, or that nobody knows?"""
    said = ("refused", "uncertain", "given_up", "expired", "planned")
    return any(row["person_id"] == person_id and row["state"] in said for row in rows)


async def judge(site: Site, tally: Tally) -> Tally:
    """The invariants of the rows, and what was counted on the way."""
    tally.kills += site.kills
    tally.faults += site.faults

    async def caught_up() -> bool:
        return await site.value("SELECT count(*) FROM job_slot WHERE state IN ('planned', 'running')") == 0

    with contextlib.suppress(TimeoutError):  # then I13 says so
        await until(caught_up, "every slot to be run")
    for finding in await invariants.check_all(site.now, site.folder / "files"):
        tally.must(finding.holds, f"{finding.name}: {finding.broken}")
    doubled = await site.value(
        "SELECT count(*) FROM (SELECT 1 FROM job_slot GROUP BY county, job, slot HAVING count(*) > 1) x"
    )
    tally.must(doubled == 0, "I13: a slot stands twice")
    for row in await site.rows("SELECT job, day, error FROM job_slot WHERE state = 'failed'"):
        tally.notes.append(f"{row['job']} {row['day']}: {row['error']}")
    return tally
