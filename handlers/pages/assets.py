"""Style sheets and scripts: named by their content, so a phone fetches each only once, and compressed."""

from __future__ import annotations

import asyncio
import gzip
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from aiohttp import web

import pages

FOLDER = Path(pages.__file__).parent / "static"
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".png": "image/png"}
_FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent. `packed` is gzip, empty where that would not help."""

    data: bytes
    packed: bytes
    media_type: str
    digest: str


@lru_cache(maxsize=64)
def load(name: str) -> Asset:
    """The file of that name below the folder. Raises FileNotFoundError for anything else."""
    path = (FOLDER / name).resolve()
    if not path.is_relative_to(FOLDER.resolve()) or path.suffix not in _TYPES or not path.is_file():
        raise FileNotFoundError(name)
    data = path.read_bytes()
    packed = gzip.compress(data, 9, mtime=0) if path.suffix != ".png" else b""
    return Asset(data, packed, _TYPES[path.suffix], sha256(data).hexdigest()[:12])


def url(name: str) -> str:
    """The address of a file, which changes with its content."""
    try:
        return f"/static/{name}?v={load(name).digest}"
    except FileNotFoundError:  # vendor files are fetched at set-up; a page without them still works
        return f"/static/{name}"


async def serve(request: web.Request) -> web.Response:
    """GET /static/…"""
    try:
        asset = await asyncio.to_thread(load, request.match_info["name"])
    except (FileNotFoundError, ValueError):
        raise web.HTTPNotFound from None
    known = request.query.get("v") == asset.digest
    headers = {
        "Cache-Control": _FOREVER if known else "public, max-age=300",
        "ETag": f'"{asset.digest}"',
        "Vary": "Accept-Encoding",
    }
    if request.headers.get("If-None-Match") == headers["ETag"]:
        return web.Response(status=304, headers=headers)
    body = asset.data
    if asset.packed and "gzip" in request.headers.get("Accept-Encoding", ""):
        body, headers["Content-Encoding"] = asset.packed, "gzip"
    return web.Response(body=body, content_type=asset.media_type, charset="utf-8", headers=headers)
