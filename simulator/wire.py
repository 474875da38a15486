"""The XML and JSON of pushes and replies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.parsers import expat

import orjson

Fields = dict[str, Any]


class WireError(Exception):
    """A text that is not the XML or JSON it should be."""


def to_xml(fields: Mapping[str, Any]) -> str:
    """Strings in CDATA, numbers bare, groups as child elements, lists as repeated elements."""
    return f"<xml>{_children(fields)}</xml>"


def _children(fields: Mapping[str, Any]) -> str:
    return "".join(_element(name, value) for name, value in fields.items())


def _element(name: str, value: Any) -> str:
    if isinstance(value, list):
        return "".join(_element(name, item) for item in value)
    if isinstance(value, Mapping):
        return f"<{name}>{_children(value)}</{name}>"
    if isinstance(value, int | float):
        return f"<{name}>{value}</{name}>"
    text = str(value).replace("]]>", "]]]]><![CDATA[>")
    return f"<{name}><![CDATA[{text}]]></{name}>"


def to_json(fields: Mapping[str, Any]) -> str:
    return orjson.dumps(fields).decode()


def from_xml(text: str | bytes) -> Fields:
    """The children of the root `xml` as a tree; repeated names become lists. Raises WireError."""
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = reader.refuse
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise WireError(f"not XML: {error}") from error
    if reader.root != "xml" or not isinstance(reader.result, dict):
        raise WireError(f"the root must be <xml> with children, not <{reader.root}>")
    return reader.result


class _Reader:
    def __init__(self) -> None:
        self.stack: list[tuple[str, Fields, list[str]]] = []
        self.root = ""
        self.result: Fields | str = ""

    def start(self, name: str, _attributes: Mapping[str, str]) -> None:
        self.stack.append((name, {}, []))

    def text(self, data: str) -> None:
        self.stack[-1][2].append(data)

    def end(self, name: str) -> None:
        _, children, texts = self.stack.pop()
        value: Fields | str = children or "".join(texts)
        if not self.stack:
            self.root, self.result = name, value
            return
        parent = self.stack[-1][1]
        if name not in parent:
            parent[name] = value
        elif isinstance(parent[name], list):
            parent[name].append(value)
        else:
            parent[name] = [parent[name], value]

    def refuse(self, *_: object) -> None:
        raise WireError("a DOCTYPE is not allowed")


def for_json(fields: Mapping[str, Any], shape: str) -> Fields:
    """Event fields as a JSON push has them; `observed`: lists at the top, a single row as an object."""
    if shape == "official":
        return dict(fields)
    changed: Fields = {}
    for name, value in fields.items():
        rows = value.get("List") if isinstance(value, Mapping) else None
        if isinstance(rows, list):
            changed["List"] = rows[0] if len(rows) == 1 else rows
        else:
            changed[name] = value
    return changed
