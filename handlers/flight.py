"""Several who want the same at the same time get it from one question."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class Flights:
    """`once(key, ask)`: while an `ask` for this key is under way, others wait for its outcome."""

    def __init__(self) -> None:
        self._running: dict[Hashable, asyncio.Task[Any]] = {}

    async def once(self, key: Hashable, ask: Callable[[], Awaitable[T]]) -> T:
        """The outcome of `ask`, or of the one under way; an asker who goes away does not stop it."""
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = asyncio.ensure_future(ask())
            task.add_done_callback(lambda _: self._running.pop(key, None))
        return await asyncio.shield(task)
