"""For whom a file is imported and what its rows may name: banks, guarantors and villages of the county."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from actions.regions import villages
from bot.database import fetch
from policies import Pack
from rules.cells import Limits
from rules.regions import covers

LENDERS = "partner_bank"


@dataclass(frozen=True)
class Scope:
    """One batch on its way. `bank_id` 0: each row names its bank, or the county has only one."""

    batch_id: int
    county: str
    bank_id: int
    region: str
    officer_id: int | None
    family_ids: frozenset[int]
    pack: Pack
    on: date
    now: datetime
    banks: Mapping[str, int]
    guarantors: Mapping[str, int]
    villages: Mapping[str, str | None]
    """Code, name or town and name -> code; None where two villages have the name."""

    @property
    def limits(self) -> Limits:
        values = self.pack.contents.imports
        return Limits(
            self.on,
            values.amount_max_fen.on(self.on),
            values.rate_max_bp.on(self.on),
            values.term_max_months.on(self.on),
        )

    def bank_of(self, name: str | None) -> int | str:
        """The bank that a row means, or why that cannot be. Clause: S17.2."""
        if name is None:
            if self.bank_id:
                return self.bank_id
            if len(self.banks) == 1:
                return next(iter(self.banks.values()))
            return f"县里有{len(self.banks)}家银行，请填放款银行。"
        found = self.banks.get(name)
        if found is None:
            return "县里没有登记这家银行，请写登记的全称。"
        if self.bank_id and found != self.bank_id:
            return "这不是本行的，只能导入本行的。"
        return found

    def village_of(self, said: str) -> str | None:
        """The code of a village by what a row says; None when nobody or two are meant."""
        return self.villages.get(said)

    def covers(self, village: str) -> bool:
        """Does the village lie in the officer's region? Clause: S17.2."""
        return covers(self.region, village)


async def bodies(county: str) -> tuple[dict[str, int], dict[str, int], dict[str, str | None]]:
    """Banks and guarantors of a county by name, and its villages by code and names."""
    rows = await fetch(
        "SELECT id, kind, name FROM organisation WHERE county = $1 AND kind = ANY($2)",
        county,
        [LENDERS, "guarantor"],
    )
    banks = {row["name"]: row["id"] for row in rows if row["kind"] == LENDERS}
    guarantors = {row["name"]: row["id"] for row in rows if row["kind"] == "guarantor"}
    known: dict[str, str | None] = {}
    for village in await villages(county):
        for name in {village.name, f"{village.town}{village.name}"}:
            known[name] = None if name in known else village.code
        known[village.code] = village.code
    return banks, guarantors, known
