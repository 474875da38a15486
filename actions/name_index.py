"""The blind index of names for people who were registered before there was one. Found by full name alone."""

from __future__ import annotations

from bot.database import execute, fetch
from models.sealing import blind_index, open_text

CHUNK = 2_000


async def fill(county: str) -> int:
    """Work out what is missing, chunk by chunk; how many. Done again it finds nothing. Clause: S17.2."""
    done, last = 0, 0
    while rows := await fetch(
        """SELECT id, key, name_sealed FROM person
           WHERE county = $1 AND name_index IS NULL AND name_sealed IS NOT NULL AND id > $2
           ORDER BY id LIMIT $3""",
        county,
        last,
        CHUNK,
    ):
        names = {row["id"]: open_text(row["name_sealed"], "person", "name", row["key"]) for row in rows}
        found = {number: blind_index("name", name) for number, name in names.items() if name.strip()}
        # a name that was changed meanwhile has its index already
        done += await execute(
            """UPDATE person p SET name_index = t.name_index
               FROM unnest($1::bigint[], $2::bytea[]) AS t(id, name_index)
               WHERE p.id = t.id AND p.name_index IS NULL""",
            list(found),
            list(found.values()),
        )
        last = rows[-1]["id"]
    return done
