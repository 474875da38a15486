"""The XML and JSON of pushes, read into plain dicts: names in lower case, every leaf a str."""

from __future__ import annotations

from typing import Any, Final
from xml.parsers import expat

import orjson

from bot.wechat.messages import printable

_DEPTH: Final = 8

Tree = dict[str, Any]
"""Name in lower case -> str, a nested Tree, or a list of these where the name stood several times."""


class Malformed(Exception):  # noqa: N818 - a finding about the input; it never leaves this package
    """The document cannot be used; `reason` is a word for counting."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def read(body: bytes) -> tuple[Tree, bool]:
    """The fields of a push and whether it was JSON. Raises Malformed and nothing else.

    Its first character decides, not the content type, which senders set as they like. Control characters,
    which people's keyboards do send, are dropped; no document type, entity or comment is taken.
    """
    text = printable(body.decode("utf-8", "replace")).strip("\ufeff \t\r\n")
    if text.startswith("{"):
        return _read_json(text), True
    if text.startswith("<"):
        return _read_xml(text), False
    raise Malformed("empty" if not text else "format")


def _read_json(text: str) -> Tree:
    try:
        found = orjson.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Malformed("format")
    tree = _leaves(found, 1)
    return tree if isinstance(tree, dict) else {}


def _leaves(value: object, depth: int) -> str | Tree | list[Any]:
    if depth > _DEPTH:
        raise Malformed("too_deep")
    match value:
        case str():
            return printable(value)
        case dict():
            tree: Tree = {}
            for name, inner in value.items():
                if name.lower() in tree:
                    raise Malformed("twice")
                tree[name.lower()] = _leaves(inner, depth + 1)
            return tree
        case list():
            return [_leaves(inner, depth + 1) for inner in value]
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)


def _read_xml(text: str) -> Tree:
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    root: Tree = {}
    stack: list[tuple[Tree, list[str]]] = [(root, [])]

    def start(_name: str, _attributes: object) -> None:
        if len(stack) > _DEPTH:
            raise Malformed("too_deep")
        stack.append(({}, []))

    def end(name: str) -> None:
        children, words = stack.pop()
        _put(stack[-1][0], name.lower(), children or "".join(words))

    def words(chunk: str) -> None:
        stack[-1][1].append(chunk)

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = words
    parser.StartDoctypeDeclHandler = _refuse
    parser.CommentHandler = _refuse
    try:
        parser.Parse(text, True)
    except expat.ExpatError:
        root = {}
    found = root.get("xml")
    if not isinstance(found, dict):
        raise Malformed("format")
    return found


def _refuse(*_: object) -> None:
    raise Malformed("declaration")


def _put(tree: Tree, name: str, value: str | Tree) -> None:
    if name not in tree:
        tree[name] = value
    elif isinstance(tree[name], list):
        tree[name].append(value)
    else:
        tree[name] = [tree[name], value]
