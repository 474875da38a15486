"""How the deliveries of a county go, town by town: counted every few minutes, read at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from actions.access import Actor, require_staff
from actions.trails import WAY_WORDS
from bot import database
from bot.errors import RuleRefused
from models.notice import DeliveryCount
from models.people import Region

WINDOWS = (24, 168)
"""Hours that are counted: a day, a week."""
READERS = ("county_clerk", "administrator", "town_clerk")
STANDINGS: Mapping[str, str] = MappingProxyType(
    {
        "delivered": "送到了",
        "accepted": "等回执",
        "waiting": "等着发",
        "uncertain": "说不准",
        "refused": "没送到",
        "dropped": "不用发了",
    }
)
"""How a delivery stands, in words; each stands in exactly one way."""

_COUNT = """
WITH counted AS (
  SELECT CASE WHEN p.village IS NULL THEN '' ELSE left(p.village, 9) || '000' END AS town, d.channel,
         CASE WHEN d.state IN ('planned', 'leased', 'sending') THEN 'waiting'
              WHEN d.state = 'sent' THEN 'accepted'
              WHEN d.state IN ('refused', 'given_up') THEN 'refused'
              WHEN d.state IN ('suppressed', 'expired') THEN 'dropped' ELSE d.state END AS standing,
         d.state IN ('planned', 'leased', 'sending') OR greatest(d.first_attempt_at, d.final_at) >= $3
           AS lately
  FROM delivery d JOIN notice n ON n.id = d.notice_id JOIN person p ON p.id = n.person_id
  WHERE d.county = $1 AND (d.first_attempt_at >= $4 OR d.final_at >= $4
                           OR d.state IN ('planned', 'leased', 'sending'))
), grouped AS (
  SELECT town, channel, standing, count(*) AS week, count(*) FILTER (WHERE lately) AS day
  FROM counted GROUP BY town, channel, standing
)
INSERT INTO delivery_count (county, hours, town, channel, standing, deliveries, counted_at)
SELECT $1, w.hours, g.town, g.channel, g.standing, CASE w.hours WHEN $5 THEN g.day ELSE g.week END, $2
FROM grouped g CROSS JOIN unnest(ARRAY[$5::int, $6::int]) AS w(hours)
WHERE CASE w.hours WHEN $5 THEN g.day ELSE g.week END > 0"""


@dataclass(frozen=True, slots=True)
class TownCount:
    """One town: how many deliveries stand how, in all and by channel."""

    town: str
    name: str
    total: int
    by_standing: Mapping[str, int]
    by_channel: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """The deliveries of the last `hours`, by town; `counted_at` None: not counted yet."""

    hours: int
    counted_at: datetime | None
    total: int
    by_standing: Mapping[str, int]
    by_channel: Mapping[str, Mapping[str, int]]
    towns: tuple[TownCount, ...]


async def count(county: str, now: datetime) -> int:
    """Count the deliveries of the last day and week anew; how many lines there are. Clause: S18.7."""
    day, week = WINDOWS
    async with database.transaction() as connection:
        await connection.execute("DELETE FROM delivery_count WHERE county = $1", county)
        status: str = await connection.execute(
            _COUNT, county, now, now - timedelta(hours=day), now - timedelta(hours=week), day, week
        )
    return int(status.rsplit(" ", 1)[-1])


async def dashboard(actor: Actor, hours: int) -> Dashboard:
    """What county and town staff see of their region. Raises RuleRefused. Clause: S17.2, S18.7."""
    _ = require_staff(actor, *READERS)
    if hours not in WINDOWS:
        raise RuleRefused("S18.7", "只能看最近一天或七天的。", code="hours", field="hours")
    posts = [post for post in actor.posts if post.role in READERS]
    rows = [
        row
        for row in await DeliveryCount.filter(county=actor.county, hours=hours)
        if any(post.covers(row.town or f"{actor.county}000000") for post in posts)
    ]
    towns = sorted({row.town for row in rows})
    names = {region.code: region.name for region in await Region.filter(code__in=towns)}
    counted = [_town(town, names.get(town, "没有登记村的"), rows) for town in towns]
    return Dashboard(
        hours=hours,
        counted_at=max((row.counted_at for row in rows), default=None),
        total=sum(row.deliveries for row in rows),
        by_standing=_by_standing(rows),
        by_channel=_by_channel(rows),
        towns=tuple(sorted(counted, key=lambda each: (-each.total, each.town))),
    )


def _town(town: str, name: str, rows: list[DeliveryCount]) -> TownCount:
    own = [row for row in rows if row.town == town]
    return TownCount(town, name, sum(row.deliveries for row in own), _by_standing(own), _by_channel(own))


def _by_standing(rows: list[DeliveryCount]) -> Mapping[str, int]:
    found: Counter[str] = Counter()
    for row in rows:
        found[row.standing] += row.deliveries
    return {standing: found[standing] for standing in STANDINGS}


def _by_channel(rows: list[DeliveryCount]) -> Mapping[str, Mapping[str, int]]:
    return {
        channel: _by_standing([row for row in rows if row.channel == channel])
        for channel in WAY_WORDS
        if any(row.channel == channel for row in rows)
    }
