"""The context in which people of a county fill in forms now."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from actions.regions import villages
from bot.dialog import Choices, Context
from bot.runtime import Runtime
from handlers.forms import form_context
from handlers.forms.choices import village_choices

_KEPT = timedelta(minutes=10)


class _Villages(NamedTuple):
    until: datetime
    choices: Choices


async def county_villages(runtime: Runtime, county: str) -> Choices:
    """The county's villages to choose from; read from the database at most every ten minutes."""
    kept: dict[str, _Villages] = runtime.extras.setdefault("county_villages", {})
    now = runtime.now()
    found = kept.get(county)
    if found is None or not now < found.until <= now + _KEPT:  # the demo's clock also goes back
        names = [(village.code, village.name) for village in await villages(county)]
        found = kept[county] = _Villages(now + _KEPT, village_choices(names))
    return found.choices


async def county_context(runtime: Runtime, county: str) -> Context:
    """Lists, limits, papers and villages of the county, as they are today."""
    options = {"villages": await county_villages(runtime, county)}
    return form_context(runtime.packs.by_county(county), runtime.now(), runtime.today(), options=options)
