"""Uploaded bytes into something safe to keep: kind by content, pictures written anew, what the camera said.

A picture is decoded and encoded again, so nothing but pixels survives; camera time and place are read first.
Decoding runs in two threads at most: it never holds the event loop, nor more than two pictures in memory.
"""

from __future__ import annotations

import asyncio
import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from PIL import Image, ImageOps, UnidentifiedImageError

from bot.errors import RuleRefused

MAX_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 40_000_000
_LONG_SIDE = 2560  # enough to read a paper on a photo; keeps a county's pictures on one disk
_SHANGHAI = timezone(timedelta(hours=8))
_THREADS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="pictures")
_MAGIC = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"), (b"%PDF-", "application/pdf"))
_TAG_ORIENTATION, _TAG_EXIF, _TAG_GPS = 0x0112, 0x8769, 0x8825
_TAG_TAKEN, _TAG_OFFSET = 0x9003, 0x9011


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is kept: content without anything hidden in it, its kind, and what the camera said."""

    data: bytes
    media_type: str
    taken_at: datetime | None = None
    latitude: float | None = None
    longitude: float | None = None
    phash: int | None = None


def kind_of(data: bytes) -> str | None:
    """The media type by the first bytes: JPEG, PNG or PDF; None for everything else."""
    return next((kind for magic, kind in _MAGIC if data.startswith(magic)), None)


async def prepare(data: bytes, *, pdf_allowed: bool) -> Prepared:
    """Check and re-encode an upload. Raises RuleRefused: file_size, file_type, file_broken. S18.9."""
    if len(data) > MAX_BYTES:
        raise RuleRefused("S1.1", "文件太大了，不能超过10兆。请换一张小一点的。", code="file_size")
    kind = kind_of(data)
    if kind is None or (kind == "application/pdf" and not pdf_allowed):
        raise RuleRefused("S1.1", "只能上传照片（JPG 或 PNG）。请重新拍照后再传。", code="file_type")
    if kind == "application/pdf":
        return Prepared(data, kind)
    return await asyncio.get_running_loop().run_in_executor(_THREADS, _write_anew, data, kind)


def _write_anew(data: bytes, kind: str) -> Prepared:
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise RuleRefused("S1.1", "照片的像素太高了，请用手机普通拍照后再传。", code="file_size")
            exif = picture.getexif()
            taken_at, place = _taken_at(exif), _place(exif)
            picture.draft("RGB", (_LONG_SIDE, _LONG_SIDE))
            upright = ImageOps.exif_transpose(picture)
            upright.thumbnail((_LONG_SIDE, _LONG_SIDE))
            return Prepared(_encode(upright, kind), kind, taken_at, *place, perceptual_hash(upright))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise RuleRefused("S1.1", "照片的像素太高了，请用手机普通拍照后再传。", code="file_size") from None
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError) as error:
        raise RuleRefused(
            "S1.1", "这张照片打不开，可能没有传完整。请重新拍一张。", code="file_broken"
        ) from error


def _encode(picture: Image.Image, kind: str) -> bytes:
    out = io.BytesIO()
    if kind == "image/png":
        clean = picture if picture.mode in ("L", "RGB", "RGBA") else picture.convert("RGBA")
        clean.info.clear()
        clean.save(out, "PNG")
    else:
        picture.convert("RGB").save(out, "JPEG", quality=85, exif=b"", icc_profile=None)
    return out.getvalue()


def perceptual_hash(picture: Image.Image) -> int:
    """64-bit difference hash as a signed integer: brightness steps along the rows of a 9 × 8 thumbnail."""
    grey = picture.convert("L").resize((9, 8), Image.Resampling.BOX).tobytes()
    bits = 0
    for row in range(8):
        for column in range(8):
            left, right = grey[row * 9 + column], grey[row * 9 + column + 1]
            bits = bits << 1 | (left > right)
    return bits - (1 << 64) if bits >> 63 else bits


def hash_distance(first: int, second: int) -> int:
    """In how many of the 64 bits two perceptual hashes differ: up to about 6 is the same picture."""
    return ((first ^ second) & ((1 << 64) - 1)).bit_count()


def _taken_at(exif: Image.Exif) -> datetime | None:
    details = exif.get_ifd(_TAG_EXIF)
    try:
        wall = datetime.strptime(str(details[_TAG_TAKEN]).strip("\x00 "), "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007
        offset = datetime.strptime(str(details.get(_TAG_OFFSET, "+08:00")).strip("\x00 "), "%z").tzinfo
    except (KeyError, ValueError):
        return None
    return wall.replace(tzinfo=offset or _SHANGHAI).astimezone(UTC)


def _place(exif: Image.Exif) -> tuple[float | None, float | None]:
    gps: dict[int, Any] = exif.get_ifd(_TAG_GPS)
    latitude, longitude = _degrees(gps, 1, 90), _degrees(gps, 3, 180)
    return (latitude, longitude) if latitude is not None and longitude is not None else (None, None)


def _degrees(gps: dict[int, Any], tag: int, limit: int) -> float | None:
    try:
        degrees, minutes, seconds = (float(part) for part in gps[tag + 1])
        value = degrees + minutes / 60 + seconds / 3600
        value = -value if str(gps[tag]).strip("\x00 ").upper() in ("S", "W") else value
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return round(value, 7) if abs(value) <= limit else None  # a NaN compares false and is dropped
