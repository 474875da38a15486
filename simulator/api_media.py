"""Temporary media: upload, download, and the plain addresses pictures are shown under."""

from __future__ import annotations

from aiohttp import BodyPartReader, web

from simulator.errors import ApiError
from simulator.gate import Answer, Call, Endpoint

KB, MB = 1024, 1024 * 1024
LIMITS = {"voice": 2 * MB, "video": 10 * MB, "thumb": 64 * KB}
SIGNS = {
    "image": (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM"),
    "thumb": (b"\xff\xd8\xff",),
    "voice": (b"#!AMR", b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2"),
    "video": (b"",),
}


async def _part(call: Call) -> tuple[str, bytes]:
    """File name and bytes of the form field `media`. Raises 41005."""
    if not call.request.content_type.startswith("multipart/"):
        raise ApiError(41005)
    try:
        async for part in await call.request.multipart():
            if isinstance(part, BodyPartReader) and part.name == "media":
                return part.filename or "", bytes(await part.read())
    except ValueError as error:
        raise ApiError(41005) from error
    raise ApiError(41005)


async def upload(call: Call) -> Answer:
    """Keep a file for three days."""
    kind = call.query("type")
    if kind not in SIGNS:
        raise ApiError(40004)
    name, data = await _part(call)
    if not data:
        raise ApiError(44001, "empty media data")
    limit = call.platform.switches.image_max_bytes if kind == "image" else LIMITS[kind]
    if len(data) > limit:
        raise ApiError(40009 if kind == "image" else 40006)
    if not data.startswith(SIGNS[kind]):
        raise ApiError(40005, "invalid file type")
    media = call.platform.media.keep(call.account.appid, kind, data, call.now, name)
    key = call.platform.switches.thumb_key if kind == "thumb" else "media_id"
    return {"type": kind, key: media.id, "created_at": int(call.now)}


def download(call: Call) -> Answer:
    """The bytes; a video answers with its address, an error with JSON."""
    media = call.platform.media.get(call.account.appid, call.query("media_id"), call.now)
    if media is None:
        raise ApiError(40007)
    if media.kind == "video":
        return {"video_url": f"{call.base}/{media.link}"}
    disposition = f'attachment; filename="{media.path.name}"'
    headers = {"Content-Disposition": disposition, "Content-Type": media.content_type}
    return web.Response(body=media.path.read_bytes(), headers=headers)


def shown(call: Call) -> Answer:
    """The file itself, for the phone and for PicUrl."""
    number = call.request.match_info["file"].rsplit(".", 1)[0]
    media = call.platform.media.files.get(number)
    if media is None:
        return web.Response(status=404)
    return web.Response(body=media.path.read_bytes(), content_type=media.content_type)


ENDPOINTS = (
    Endpoint("/cgi-bin/media/upload", "POST", upload, body=False),
    Endpoint("/cgi-bin/media/get", "GET", download),
)
FILES = Endpoint("/media/file/{file}", "GET", shown, token=False)
