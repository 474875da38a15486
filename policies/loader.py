"""From TOML files to packs: read, inherit, validate, remember where each value came from."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from policies.pack import Citation, Pack, Packs, PolicyError
from policies.schema import SECTIONS, TABLES, Contents, Head

BUILT_IN = Path(__file__).parent
CITING = frozenset({"source", "text", "note", "defaults"})


@dataclass(frozen=True)
class _Layer:
    """One file as it stands."""

    name: str
    file: str
    raw: Mapping[str, Any]

    def has(self, path: Sequence[Any]) -> bool:
        """Does this file itself say something at this key?"""
        here: Any = self.raw
        for key in path:
            if not isinstance(here, dict) or key not in here:
                return False
            here = here[key]
        return True


def load_packs(folder: Path | None = None) -> Packs:
    """Every county pack of a folder, or those that come with the program.

    A folder of its own need not hold `base.toml`: the program's base is taken then. Raises PolicyError that
    names file and key. Clause: S19.1.
    """
    layers = {layer.name: layer for layer in map(_read, _files(folder or BUILT_IN))}
    if "base" not in layers:
        layers["base"] = _read(BUILT_IN / "base.toml")
    counties = [layer for layer in layers.values() if layer.raw["pack"].get("code")]
    return Packs.of([_build(_chain(layer, layers)) for layer in counties])


def _files(folder: Path) -> list[Path]:
    files = sorted(folder.glob("*.toml"))
    if not files:
        raise PolicyError(f"{folder}: no pack here; a pack is a file such as changge.toml")
    return files


def _read(path: Path) -> _Layer:
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PolicyError(f"{path.name}: {error}") from error
    if not isinstance(raw.get("pack"), dict):
        raise PolicyError(f"{path.name}: the section [pack] with name, title and code is missing")
    for section, entries in raw.items():
        _check_section(path.name, section, entries)
    return _Layer(path.stem, path.name, raw)


def _check_section(file: str, section: str, entries: Any) -> None:
    if section == "pack":
        return
    known = ["pack", *SECTIONS, *TABLES]
    if section not in known:
        raise PolicyError(f"{file}: unknown section [{section}]{_nearest(section, known)}")
    for name, entry in entries.items() if isinstance(entries, dict) else [("", entries)]:
        key = f"{section}.{name}".rstrip(".")
        if not isinstance(entry, dict):
            raise PolicyError(f"{file}: {key} must be a table such as [{key}] with value and source")
        if "source" not in entry:
            raise PolicyError(f"{file}: {key} has no source; write the document or 'default' with a note")


def _nearest(name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name, known, 1)
    return f"; did you mean {close[0]}?" if close else f"; known: {', '.join(sorted(known))}"


def _chain(layer: _Layer, layers: Mapping[str, _Layer]) -> list[_Layer]:
    chain = [layer]
    while parent := chain[0].raw["pack"].get("inherits"):
        if parent not in layers:
            raise PolicyError(f"{chain[0].file}: pack.inherits names {parent!r}, there is no such pack")
        if layers[parent] in chain:
            raise PolicyError(f"{layer.file}: pack.inherits goes in a circle")
        chain.insert(0, layers[parent])
    return chain


def _build(chain: list[_Layer]) -> Pack:
    merged: dict[str, Any] = {"pack": chain[-1].raw["pack"]}
    citations: dict[str, Citation] = {}
    for layer in chain:
        for section in (*SECTIONS, *TABLES):
            for name, entry in layer.raw.get(section, {}).items():
                inherited = merged.setdefault(section, {}).get(name, {})
                merged[section][name] = _over(section, inherited, entry)
                citations.update(_cite(layer, section, name, entry))
    try:
        return Pack.of(Contents.model_validate(merged), citations)
    except ValidationError as error:
        raise PolicyError(_say(error, chain)) from error


def _over(section: str, inherited: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    """A value replaces the inherited one, only its name may stay; a table changes field by field."""
    kept = {key: each for key, each in inherited.items() if section in TABLES or key == "name"}
    own = {key: each for key, each in entry.items() if key != "defaults" or section not in TABLES}
    return {**{key: each for key, each in kept.items() if key not in CITING}, **own}


def _cite(layer: _Layer, section: str, name: str, entry: Mapping[str, Any]) -> dict[str, Citation]:
    key = f"{section}.{name}"
    whole = Citation(entry["source"], entry.get("text", ""), entry.get("note", ""), layer.name)
    if section not in TABLES:
        return {key: whole}
    unknown = [field for field in entry.get("defaults", ()) if field not in entry]
    if unknown:
        raise PolicyError(
            f"{layer.file}: {key}.defaults names {unknown[0]!r}, which does not stand beside it"
        )
    ours = Citation("default", "", whole.note, layer.name)
    fields = {
        f"{key}.{field}": ours if field in entry.get("defaults", ()) else whole
        for field in entry
        if field not in CITING
    }
    return {key: whole, **fields}


def _say(error: ValidationError, chain: Sequence[_Layer]) -> str:
    first = error.errors(include_url=False)[0]
    path = [each for each in first["loc"] if not str(each).startswith(("function-", "tuple["))]
    key = ".".join(str(each) for each in path)
    file = next((layer.file for layer in reversed(chain) if layer.has(path)), chain[-1].file)
    if first["type"] == "extra_forbidden":
        return f"{file}: unknown key {key}{_nearest(str(path[-1]), _fields(path))}"
    if first["type"] == "missing":
        return f"{file}: {key} is missing"
    words = first["msg"].removeprefix("Value error, ")
    return f"{file}: {key}: {words}" if key else f"{file}: {words}"


def _fields(path: Sequence[Any]) -> list[str]:
    model: Any = {"pack": Head, **SECTIONS, **TABLES}[path[0]]
    if path[0] in SECTIONS and len(path) > 2:
        return ["name", "value", "dated", "source", "text", "note"]
    return [field.alias or name for name, field in model.model_fields.items()]
