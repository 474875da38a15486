"""Uploaded bytes, kept in a folder for three days of the platform's clock."""

from __future__ import annotations

import io
import secrets
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

MEDIA_SECONDS = 3 * 86_400
SUFFIXES = {"image": ".jpg", "voice": ".amr", "video": ".mp4", "thumb": ".jpg"}
TYPES = {
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".amr": "audio/amr",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
}
QR_DOT, QR_QUIET = 12, 4
"""Pixels of a module, and modules left white around the code, as the standard asks."""
SAMPLE_VOICE = b"#!AMR\n" + bytes([0x3C]) + bytes(31)
SAMPLE_VIDEO = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"


@dataclass(frozen=True, slots=True)
class Media:
    """One file: whose it is, what it is, how long it lives."""

    id: str
    appid: str
    kind: str
    path: Path
    content_type: str
    name: str
    expires: float

    @property
    def link(self) -> str:
        """Address of the bytes, relative to where the simulator is mounted."""
        return f"media/file/{self.id}{self.path.suffix}"


class MediaStore:
    """Files by media_id."""

    def __init__(self, folder: str = "") -> None:
        self._given = folder
        self._folder: Path | None = None
        self.files: dict[str, Media] = {}

    @property
    def folder(self) -> Path:
        """The folder, made when first needed."""
        if self._folder is None:
            self._folder = Path(self._given or tempfile.mkdtemp(prefix="wechat-media-"))
            self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder

    def keep(self, appid: str, kind: str, data: bytes, now: float, name: str = "") -> Media:
        """Write bytes to the folder and give them a media_id."""
        number = secrets.token_urlsafe(48)
        suffix = Path(name).suffix.lower() if Path(name).suffix.lower() in TYPES else SUFFIXES[kind]
        path = self.folder / f"{number}{suffix}"
        path.write_bytes(data)
        media = Media(number, appid, kind, path, TYPES[suffix], name or path.name, now + MEDIA_SECONDS)
        self.files[number] = media
        return media

    def get(self, appid: str, number: str, now: float) -> Media | None:
        """The file of an account, None when it is unknown or older than three days."""
        media = self.files.get(number)
        return media if media is not None and media.appid == appid and now < media.expires else None

    def forget(self) -> None:
        for media in self.files.values():
            media.path.unlink(missing_ok=True)
        self.files.clear()

    def close(self) -> None:
        """Remove a folder nobody asked to keep."""
        if self._folder is not None and not self._given:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = None


def sample_photo(text: str = "") -> bytes:
    """A small JPEG: sky, field and a line of text."""
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (640, 480), (176, 208, 232))
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, 300, 640, 480), fill=(120, 160, 84))
    pen.rectangle((220, 200, 420, 340), fill=(188, 112, 84))
    pen.polygon(((200, 200), (320, 120), (440, 200)), fill=(136, 72, 56))
    pen.text((16, 452), text or "sample photo", fill=(255, 255, 255))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=80)
    return out.getvalue()


def qr_picture(text: str) -> bytes:
    """A QR code of the text as a JPEG, as a camera reads it, with the text below."""
    import segno
    from PIL import Image, ImageDraw

    rows = segno.make(text, error="m", micro=False).matrix
    size, quiet = len(rows), QR_QUIET * QR_DOT
    picture = Image.new("RGB", (size * QR_DOT + 2 * quiet, size * QR_DOT + 2 * quiet + 30), "white")
    pen = ImageDraw.Draw(picture)
    for y, row in enumerate(rows):
        for x, dark in enumerate(row):
            if dark:
                left, top = quiet + x * QR_DOT, quiet + y * QR_DOT
                pen.rectangle((left, top, left + QR_DOT - 1, top + QR_DOT - 1), fill="black")
    pen.text((quiet, size * QR_DOT + 2 * quiet), text[:60], fill="black")
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=90)
    return out.getvalue()
