"""Which slots of a schedule have come due: pure arithmetic over cron data, Asia/Shanghai wall time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from apscheduler.triggers.cron import CronTrigger

from bot.config import SHANGHAI

MOST_SLOTS = 400
"""More than a year of nights: what is older is not made good by itself."""
_INSTANT = timedelta(microseconds=1)


@lru_cache(maxsize=64)
def trigger(schedule: str) -> CronTrigger:
    """The trigger of a five-field schedule. Raises ValueError when it cannot be read."""
    return CronTrigger.from_crontab(schedule, timezone=SHANGHAI)


def slots_between(schedule: str, after: datetime, until: datetime) -> list[datetime]:
    """The slots later than `after` and not later than `until`, in order; the newest `MOST_SLOTS` of them."""
    slots: list[datetime] = []
    for slot in _slots_after(schedule, after):
        if slot > until:
            break
        slots.append(slot)
    return slots[-MOST_SLOTS:]


def next_slot(schedule: str, after: datetime) -> datetime:
    """The first slot later than `after`."""
    return next(_slots_after(schedule, after))


def slot_on(schedule: str, on: date) -> datetime:
    """The last slot of a day, or midnight where it has none: what `job run NAME --on DATE` stands for."""
    start = datetime.combine(on, time(), SHANGHAI)
    of_day = slots_between(schedule, start - _INSTANT, start + timedelta(days=1) - _INSTANT)
    return of_day[-1] if of_day else start


def _slots_after(schedule: str, after: datetime) -> Iterator[datetime]:
    cron = trigger(schedule)
    slot = cron.get_next_fire_time(None, after.astimezone(SHANGHAI) + _INSTANT)
    while slot is not None:
        yield slot
        slot = cron.get_next_fire_time(slot, slot)
