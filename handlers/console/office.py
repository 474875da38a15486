"""What keeps the office going: values with their sources, jobs and queue, notices for a person to see to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from actions import held_notices, work_queue
from handlers.console.base import Desk, back_to, render
from handlers.errors import HttpError
from handlers.login import form_of
from policies.schema import SECTIONS

SLOT_WORDS = {"planned": "等着跑", "running": "正在跑", "done": "跑好了", "failed": "没跑成"}
_NUMBER_DIGITS = 18


async def policy(viewer: Desk) -> web.StreamResponse:
    """GET /console/policy: every value of the county's pack, what it says today and where that stands."""
    pack, text = viewer.pack, viewer.request.query.get("q", "").strip()[:40]
    found = [pack.explain(key, viewer.on) for key in pack.keys()]  # noqa: SIM118 - keys of values, no mapping
    rows = [
        each for each in found if not text or text in each.name or text in each.source or text in each.key
    ]
    groups: dict[str, list[Any]] = {}
    for each in rows:
        groups.setdefault(each.key.split(".")[0], []).append(each)
    return render(
        viewer,
        "policy.html",
        groups=groups,
        text=text,
        total=len(found),
        sections=SECTIONS,
        words=_value_words,
    )


def _value_words(value: Any) -> str:
    """A value as one reads it: lists with commas, yes and no, the rest as it is."""
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, list | tuple | set | frozenset):
        return "、".join(_value_words(each) for each in value)
    if isinstance(value, dict):
        return "，".join(f"{name}：{_value_words(each)}" for name, each in value.items())
    dump = getattr(value, "model_dump", None)
    return _value_words(dump(exclude={"source", "text", "note"})) if dump else str(value)


async def jobs(viewer: Desk) -> web.StreamResponse:
    """GET /console/jobs: what the clock made happen, what waits, what is held."""
    found = await work_queue.standing(viewer.actor)
    template = "jobs_live.html" if viewer.partial else "jobs.html"
    may_mend = bool(viewer.actor.roles & set(work_queue.MENDERS))
    return render(viewer, template, it=found, words=SLOT_WORDS, may_mend=may_mend)


async def run_again(viewer: Desk) -> web.StreamResponse:
    """POST /console/jobs/{key}/again: a failed run once more, or a held job back into the queue (`queue`)."""
    number = _number(viewer.key)
    given = await form_of(viewer.request)
    if given.get("what") == "queue":
        done = await work_queue.release(viewer.actor, [number], viewer.now) > 0
    else:
        done = await work_queue.run_slot_again(viewer.actor, number, viewer.now)
    return back_to(viewer, "/console/jobs", "again" if done else "nothing")


async def retry(viewer: Desk) -> web.StreamResponse:
    """POST /console/notices/{key}/retry"""
    return await _mend(
        viewer, "retried", lambda number: held_notices.retry(viewer.actor, number, viewer.pack, viewer.now)
    )


async def give(viewer: Desk) -> web.StreamResponse:
    """POST /console/notices/{key}/give: the cadre of the village calls or visits."""
    return await _mend(
        viewer,
        "given",
        lambda number: held_notices.give_to_cadre(viewer.actor, number, viewer.pack, viewer.now),
    )


async def close(viewer: Desk) -> web.StreamResponse:
    """POST /console/notices/{key}/close: with the reason why nothing more is to be done."""
    reason = str((await form_of(viewer.request)).get("reason", ""))
    return await _mend(
        viewer, "closed", lambda number: held_notices.close(viewer.actor, number, reason, viewer.now)
    )


async def _mend(viewer: Desk, said: str, act: Callable[[int], Awaitable[bool]]) -> web.StreamResponse:
    done = await act(_number(viewer.key))
    return back_to(viewer, "/console/notices", said if done else "nothing")


def _number(key: str) -> int:
    if not (key.isascii() and key.isdigit() and len(key) <= _NUMBER_DIGITS):
        raise HttpError(404)
    return int(key)
