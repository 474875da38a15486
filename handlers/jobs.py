"""Jobs of the queue that answer or fetch; bot.app hands them to the workers: the edge rooms do not meet."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from actions import exports, files, import_run, imports, visits
from bot.runtime import Runtime
from bot.wechat.errors import WeChatError
from handlers.chat.late import late_reply, late_turn

_GONE = frozenset({"bad_request", "bad_recipient", "unknown"})


async def fetch_media(runtime: Runtime, payload: Mapping[str, Any]) -> None:
    """Bring a picture that somebody sent in the chat; what WeChat no longer has is marked failed.

    A visit that was written down before is then judged with the picture.
    """
    key = str(payload["key"])

    async def download(account: str, media_id: str) -> bytes:
        return (await runtime.wechat[account].get_media(media_id)).content

    try:
        await files.fetch_media(key, download, runtime.files)
    except WeChatError as error:
        if error.action not in _GONE:
            raise
        await files.media_lost(key)
    await visits.photo_arrived(key, runtime.packs, runtime.now())


async def run_import(runtime: Runtime, payload: Mapping[str, Any]) -> None:
    """Work off a file that a bank handed in, from where it stands."""
    batch = await imports.find(str(payload["key"]))
    await import_run.work(batch.key, runtime.packs.by_county(batch.county), runtime.now())


async def run_export(runtime: Runtime, payload: Mapping[str, Any]) -> None:
    """Make a workbook that somebody asked for."""
    key = str(payload["key"])
    pack = runtime.packs.by_county(await exports.county_of(key))
    await exports.work(key, pack, runtime.today(), runtime.now())


ENTRYPOINTS: Mapping[str, Callable[[Runtime, Mapping[str, Any]], Awaitable[None]]] = {
    "late_reply": late_reply,
    "late_turn": late_turn,
    "fetch_media": fetch_media,
    "run_import": run_import,
    "run_export": run_export,
}
