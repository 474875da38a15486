"""What follows from a night's arrears in one town: warnings, events of conduct, the disposal list."""

from __future__ import annotations

from datetime import date, datetime

from actions import conduct, disposal, warnings
from bot.database import refresh_statistics, transaction
from policies import Pack

_PREPARE = "SET LOCAL jit = off; SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL work_mem = '64MB'"
_FILLED = ("arrears_day", "warning", "warning_event", "credit_event", "disposal", "task", "notice")
"""What the towns before this one have filled, on a county's first night from nothing."""


async def run_town(county: str, town: str, on: date, pack: Pack, now: datetime) -> dict[str, int]:
    """All of it in one transaction, after the arrears of that day are written; how much of each was new.

    Run again it changes nothing. Clause: S7.3, S10.1, S11.3, S12.2.
    """
    await refresh_statistics(*_FILLED)
    async with transaction() as connection:
        await connection.execute(_PREPARE)
        # two nights at once would both find the same causes new
        await connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('risk', $1::bigint))", int(town)
        )
        return {
            **await warnings.run_town(connection, county, town, on, pack, now),
            **await conduct.run_town(connection, county, town, on, pack, now),
            **await disposal.run_town(connection, county, town, on, pack, now),
        }
