"""Pages of a list by key: `?after=` is the `next` of the page before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from handlers.endpoint import Out, Page
from handlers.errors import HttpError

Item = TypeVar("Item", bound=Out)


class Listed(Out, Generic[Item]):
    """A page of a list. `next` is null on the last page."""

    items: list[Item]
    next: str | None


def page_of(rows: Sequence[Any], query: Page, item: type[Item]) -> Listed[Item]:
    """The part of a short list that was asked for; rows are named by `key`. Raises HttpError 400."""
    keys = [row.key for row in rows]
    if query.after is not None and query.after not in keys:
        raise HttpError(400, field="after")
    start = keys.index(query.after) + 1 if query.after else 0
    page = rows[start : start + query.limit]
    more = len(rows) > start + query.limit
    items = [item.model_validate(row) for row in page]
    return Listed[item](items=items, next=page[-1].key if more else None)  # type: ignore[valid-type]


def number(after: str | None) -> int | None:
    """The number that `after` names. Raises HttpError 400."""
    if after is None:
        return None
    if not (after.isascii() and after.isdigit() and len(after) <= 18):
        raise HttpError(400, field="after")
    return int(after)


def next_of(rows: Sequence[object], limit: int, key: str) -> str | None:
    """The key of the last row when there may be more behind it."""
    return str(getattr(rows[-1], key)) if len(rows) == limit else None
