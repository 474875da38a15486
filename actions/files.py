"""Photos and papers: stored once, sealed on disk under a random name, shown only to who may see them.

The content lies in `folder`/ab/<key> (ab: the first two letters of the key), sealed like a column; the row
says what it is. The file is on disk before its row is committed, so a row never points at nothing.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from actions.access import Actor, access_application, posts_for_loan, sees_slip
from actions.pictures import Prepared, prepare
from bot import database
from bot.database import transaction
from bot.errors import Conflict, NotFound, RuleRefused
from bot.queue import Job, enqueue
from models.application import LoanApplication
from models.conversation import StoredFile
from models.loan import Loan
from models.sealing import keyring, new_key
from models.slip import RepaymentSlip
from models.work import AuditEntry

PDF_PURPOSES = frozenset({"paper", "repayment_slip"})
_PURPOSE = re.compile(r"[a-z][a-z0-9_]{0,29}")
Download = Callable[[str, str], Awaitable[bytes]]
"""(account, media_id) -> content: how the job that fetches from WeChat gets at the bytes."""


@dataclass(frozen=True, slots=True)
class FileView:
    """A stored file without its content. State: pending (still at WeChat), stored, failed."""

    key: str
    purpose: str
    state: str
    media_type: str
    size: int
    sha256: str
    created_at: datetime
    taken_at: datetime | None = None
    latitude: float | None = None
    longitude: float | None = None
    phash: int | None = None


async def store(actor: Actor, data: bytes, purpose: str, now: datetime, folder: Path) -> FileView:
    """Keep an upload of the actor. Raises RuleRefused (file_size, file_type, file_broken, file_purpose).

    Camera time and place are kept as facts and taken out of the picture. Clause: S9.2, S18.9.
    """
    return await keep(actor, await prepare_for(data, purpose), purpose, now, folder)


async def prepare_for(data: bytes, purpose: str) -> Prepared:
    """The slow half of `store`, to be done outside a transaction. Raises RuleRefused as it does."""
    if not _PURPOSE.fullmatch(purpose):
        raise RuleRefused("S9.2", "没有说明这个文件的用途，请重试。", code="file_purpose", field="purpose")
    return await prepare(data, pdf_allowed=purpose in PDF_PURPOSES)


async def keep(actor: Actor, prepared: Prepared, purpose: str, now: datetime, folder: Path) -> FileView:
    """The quick half of `store`: the sealed content on disk, then the row. Clause: S9.2."""
    row = StoredFile(
        county=actor.county, key=new_key(), owner_id=actor.person_id, purpose=purpose, created_at=now
    )
    await _keep(row, prepared, folder)
    await row.save()
    return _view(row)


async def register_wechat_media(
    actor: Actor, media_id: str, purpose: str, now: datetime, account: str
) -> FileView:
    """Note a picture sent in the chat, for the job `fetch_media` to bring. A repeat returns the first.

    Takes part in the transaction it is called in. Clause: S9.2.
    """
    async with transaction() as connection:
        key = await connection.fetchval(
            """INSERT INTO stored_file (county, key, owner_id, purpose, state, media_type, size, sha256,
                                        account, media_id, created_at)
               VALUES ($1, $2, $3, $4, 'pending', '', 0, '', $5, $6, $7)
               ON CONFLICT (account, media_id) WHERE media_id <> '' DO NOTHING RETURNING key""",
            actor.county, new_key(), actor.person_id, purpose, account, media_id, now,
        )  # fmt: skip
        if key is not None:
            await enqueue(connection, [Job("fetch_media", {"key": key}, dedupe_key=f"fetch_media:{key}")])
        row = await StoredFile.get(account=account, media_id=media_id)
    if row.owner_id != actor.person_id:
        raise NotFound("没有找到这张照片，请重新发一次。")
    return _view(row)


async def fetch_media(key: str, download: Download, folder: Path) -> FileView | None:
    """Bring a pending picture from WeChat and keep it, as the job `fetch_media` does; None: nothing to do.

    What cannot be a picture is marked failed; an error of `download` goes up, so that the job is tried again.
    Run twice, the second changes nothing.
    """
    row = await StoredFile.get_or_none(key=key, state="pending")
    if row is None:
        return None
    data = await download(row.account, row.media_id)
    try:
        prepared = await prepare(data, pdf_allowed=False)
    except RuleRefused:
        await StoredFile.filter(key=key, state="pending").update(state="failed")
        return _view(await StoredFile.get(key=key))
    await _keep(row, prepared, folder)
    await row.save()
    return _view(row)


async def media_lost(key: str) -> None:
    """Note that WeChat no longer has the picture (three days are over, or the id is unknown)."""
    await StoredFile.filter(key=key, state="pending").update(state="failed")


async def fetch(actor: Actor, key: str, now: datetime, folder: Path) -> tuple[FileView, bytes]:
    """A file with its content, for its owner or who may see its application; a look by others is audited.

    Raises NotFound, or Conflict while it is still on its way. Clause: S17.2.
    """
    row = await _access_file(actor, key)
    if row.state != "stored":
        raise Conflict("S9.2", "照片还没有传好，请过一会儿再看。", code="file_pending")
    sealed = await asyncio.to_thread(_path(folder, key).read_bytes)
    data = keyring().open(sealed, _place(key))
    if row.owner_id != actor.person_id:
        _ = await AuditEntry.create(
            county=row.county, at=now, actor_id=actor.person_id, action="view_file",
            subject_kind="file", subject_id=row.id,
        )  # fmt: skip
    return _view(row), data


async def view(actor: Actor, key: str) -> FileView:
    """What is known of a file, for whoever may see it. Raises NotFound. Clause: S17.2."""
    return _view(await _access_file(actor, key))


async def views(actor: Actor, keys: Sequence[str]) -> list[FileView]:
    """The actor's own files of these keys, in the order asked. Raises NotFound naming none of them."""
    rows = {row.key: row for row in await StoredFile.filter(key__in=list(keys), owner_id=actor.person_id)}
    if any(key not in rows for key in keys):
        raise NotFound("有照片没有找到，请重新上传。")
    return [_view(rows[key]) for key in keys]


async def attach(actor: Actor, keys: Sequence[str], application_id: int) -> list[FileView]:
    """Make the actor's own files part of an application. Raises NotFound; doing it twice changes nothing.

    A file belongs to one application for ever: the same picture for another has to be uploaded again. S9.2.
    """
    found = await views(actor, keys)
    wanted = list(dict.fromkeys(keys))
    changed = await StoredFile.filter(
        key__in=wanted, owner_id=actor.person_id, application_id__isnull=True
    ).update(application_id=application_id)
    attached = await StoredFile.filter(key__in=wanted, application_id=application_id).count()
    if changed < len(wanted) and attached != len(wanted):
        raise NotFound("有照片已经用在别的申请里了，请重新上传。")
    return found


async def sweep(folder: Path, older_than: datetime) -> int:
    """Remove contents without a row that were written before `older_than`; how many (I14)."""
    names = await asyncio.to_thread(_names_before, folder, older_than.timestamp())
    known = {row["key"] for row in await StoredFile.filter(key__in=names).values("key")} if names else set()
    strays = [name for name in names if name.split(".")[0] not in known]
    for name in strays:
        await asyncio.to_thread(_path(folder, name).unlink, missing_ok=True)
    return len(strays)


async def _access_file(actor: Actor, key: str) -> StoredFile:
    row = await StoredFile.get_or_none(key=key, county=actor.county)
    if row is not None and (
        row.owner_id == actor.person_id
        or await _may_see_application(actor, row)
        or any(sees_slip(actor, slip) for slip in await RepaymentSlip.filter(file_id=row.id))
        or await _may_see_visited_loan(actor, row)
    ):
        return row
    raise NotFound("没有找到这个文件。")


async def _may_see_visited_loan(actor: Actor, row: StoredFile) -> bool:
    """A photo of a visit after the loan was paid out: for staff who see the loan, not for the borrower."""
    visits = await database.fetch(
        "SELECT loan_id FROM visit WHERE visitor_id = $1 AND photos ? $2", row.owner_id, row.key
    )
    loan = await Loan.get_or_none(id=visits[0]["loan_id"]) if visits else None
    return loan is not None and loan.borrower_id != actor.person_id and bool(posts_for_loan(actor, loan))


async def _may_see_application(actor: Actor, row: StoredFile) -> bool:
    application = await LoanApplication.get_or_none(id=row.application_id) if row.application_id else None
    if application is None:
        return False
    try:
        _ = await access_application(actor, application.key)
    except NotFound:  # whose words would tell that the file is there
        return False
    return True


async def _keep(row: StoredFile, prepared: Prepared, folder: Path) -> None:
    sealed = keyring().seal(prepared.data, _place(row.key))
    await asyncio.to_thread(_write, _path(folder, row.key), sealed)
    row.state, row.media_type = "stored", prepared.media_type
    row.size, row.sha256 = len(prepared.data), sha256(prepared.data).hexdigest()
    row.taken_at, row.phash = prepared.taken_at, prepared.phash
    row.latitude, row.longitude = prepared.latitude, prepared.longitude


def is_under_old_key(folder: Path, key: str) -> bool:
    """Whether a content is sealed under another key than the current one; not where it is gone."""
    try:
        with _path(folder, key).open("rb") as file:
            head = file.read(2)
    except FileNotFoundError:
        return False
    return head[1] != keyring().current


def reseal(folder: Path, key: str) -> bool:
    """Seal a content under the current key; False where it is already, or gone."""
    path, ring = _path(folder, key), keyring()
    if not is_under_old_key(folder, key):
        return False
    sealed = path.read_bytes()
    _write(path, ring.seal(ring.open(sealed, _place(key)), _place(key)))
    return True


def _write(path: Path, sealed: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".part")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(sealed)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _names_before(folder: Path, instant: float) -> list[str]:
    found = folder.glob("??/*") if folder.exists() else ()
    return [path.name for path in found if path.stat().st_mtime < instant]


def _path(folder: Path, key: str) -> Path:
    return folder / key[:2] / key


def _place(key: str) -> str:
    return f"stored_file:content:{key}"


def _view(row: StoredFile) -> FileView:
    return FileView(
        row.key, row.purpose, row.state, row.media_type, row.size, row.sha256, row.created_at,
        row.taken_at, row.latitude, row.longitude, row.phash,
    )  # fmt: skip
