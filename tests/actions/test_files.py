"""Photos and papers: only safe content is kept, sealed, and shown to who may see it."""

from __future__ import annotations

import asyncio
import io
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from PIL import Image

from actions import files, pictures
from actions.access import Actor, actor_for
from bot.database import fetch
from bot.errors import Conflict, NotFound, RuleRefused
from models.application import LoanApplication
from models.people import Household, Organisation, Post
from models.work import AuditEntry

NOW = datetime(2026, 11, 28, 1, tzinfo=UTC)
ON = date(2026, 11, 28)
VILLAGE = "411082101201"


def photo(
    size: tuple[int, int] = (640, 480), *, kind: str = "JPEG", exif: Image.Exif | None = None, seed: int = 0
) -> bytes:
    picture = Image.linear_gradient("L").rotate(90 * (seed % 4)).resize(size).convert("RGB")
    picture.paste((200, 40, 40), (20 + 40 * seed, 30, 200 + 40 * seed, 200))
    out = io.BytesIO()
    picture.save(out, kind, **({"exif": exif} if exif else {}))
    return out.getvalue()


def camera_facts() -> Image.Exif:
    exif = Image.Exif()
    exif[0x8769] = {0x9003: "2026:11:27 16:05:30"}
    exif[0x8825] = {1: "N", 2: (34.0, 12.0, 36.0), 3: "E", 4: (113.0, 46.0, 12.0)}
    return exif


async def somebody(openid: str = "farmer") -> Actor:
    return await actor_for("gzh", "411082", openid, on=ON, now=NOW, channel="mini_program")


async def cadre(village: str) -> Actor:
    person = await somebody(f"cadre-{village}")
    station = await Organisation.create(county="411082", kind="village_station", name=village, region=village)
    await Post.create(
        county="411082", person_id=person.person_id, organisation_id=station.id, role="cadre",
        region=village, from_on=ON,
    )  # fmt: skip
    return await somebody(f"cadre-{village}")


async def application_of(actor: Actor, number: str = "CG1") -> LoanApplication:
    household = await Household.create(county="411082", village=VILLAGE)
    row = LoanApplication(
        county="411082", number=number, state="in_review", applicant_id=actor.person_id,
        filled_by_id=actor.person_id, household_id=household.id, village=VILLAGE, applicant_kind="farmer",
        industry="sheep", amount_fen=3_000_000, term_months=12, form_version=1, answers_hash="",
        route="online", resolved_route={}, terms={}, progress={}, channel="chat", submitted_at=NOW,
        step_entered_at=NOW,
    )  # fmt: skip
    row.seal_answers({})
    await row.save()
    return row


async def test_a_photo_comes_back_as_a_picture_and_lies_sealed_on_disk(db: str, tmp_path: Path) -> None:
    """S9.2"""
    actor = await somebody()
    stored = await files.store(actor, photo(), "application_photo", NOW, tmp_path)
    view, data = await files.fetch(actor, stored.key, NOW, tmp_path)
    assert (view.state, view.media_type, view.size) == ("stored", "image/jpeg", len(data))
    assert Image.open(io.BytesIO(data)).size == (640, 480)
    on_disk = (tmp_path / stored.key[:2] / stored.key).read_bytes()
    assert data[:64] not in on_disk
    assert b"JFIF" not in on_disk


async def test_camera_time_and_place_become_facts_and_leave_the_picture(db: str, tmp_path: Path) -> None:
    """S18.9: 16:05 on the camera without an offset is Shanghai time."""
    actor = await somebody()
    stored = await files.store(actor, photo(exif=camera_facts()), "visit_photo", NOW, tmp_path)
    assert stored.taken_at == datetime(2026, 11, 27, 8, 5, 30, tzinfo=UTC)
    assert stored.latitude == pytest.approx(34.21)
    assert stored.longitude == pytest.approx(113.77)
    _, data = await files.fetch(actor, stored.key, NOW, tmp_path)
    assert dict(Image.open(io.BytesIO(data)).getexif()) == {}
    assert await files.view(actor, stored.key) == stored


@pytest.mark.parametrize(
    "gps",
    [{1: "N", 2: (91.0, 0.0, 0.0)}, {1: "N", 2: 34.0}, {1: "N", 2: (float("nan"), 0, 0)}, {2: (1, 1, 1)}, {}],
)
def test_an_impossible_place_is_no_place(gps: dict[int, object]) -> None:
    assert pictures._degrees(gps, 1, 90) is None


def test_the_same_picture_smaller_is_near_and_another_is_far() -> None:
    """S18.9"""
    first, smaller, other = (
        pictures.perceptual_hash(Image.open(io.BytesIO(data)))
        for data in (photo(), photo((320, 240)), photo(seed=3))
    )
    resized = Image.open(io.BytesIO(photo())).resize((300, 225))
    assert pictures.hash_distance(first, pictures.perceptual_hash(resized)) <= 6
    assert pictures.hash_distance(first, other) > 6
    assert min(first, smaller, other) >= -(1 << 63)
    assert max(first, smaller, other) < 1 << 63


async def test_a_sideways_photo_is_turned_upright(db: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    actor = await somebody()
    stored = await files.store(actor, photo(exif=exif), "visit_photo", NOW, tmp_path)
    _, data = await files.fetch(actor, stored.key, NOW, tmp_path)
    assert Image.open(io.BytesIO(data)).size == (480, 640)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"<html>", "file_type"),
        (b"", "file_type"),
        (b"GIF89a" + b"\0" * 50, "file_type"),
        (b"%PDF-1.7 ...", "file_type"),
        (b"\xff\xd8\xff" + b"\0" * 100, "file_broken"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "file_broken"),
        (photo()[:2000], "file_broken"),
        (b"\xff\xd8\xff" + b"\0" * pictures.MAX_BYTES, "file_size"),
    ],
    ids=["html", "empty", "gif", "pdf", "broken-jpeg", "broken-png", "cut", "large"],
)
async def test_what_is_no_safe_picture_is_refused_with_a_sentence(
    data: bytes, code: str, db: str, tmp_path: Path
) -> None:
    with pytest.raises(RuleRefused) as refused:
        await files.store(await somebody(), data, "application_photo", NOW, tmp_path)
    assert refused.value.code == code
    assert refused.value.message.endswith("。")


async def test_a_pixel_flood_is_refused_before_it_is_decoded(db: str, tmp_path: Path) -> None:
    out = io.BytesIO()
    Image.new("1", (8000, 5001)).save(out, "PNG")
    assert len(out.getvalue()) < 20_000
    with pytest.raises(RuleRefused, match="file_size"):
        await files.store(await somebody(), out.getvalue(), "application_photo", NOW, tmp_path)


async def test_a_paper_may_be_a_pdf(db: str, tmp_path: Path) -> None:
    actor = await somebody()
    stored = await files.store(actor, b"%PDF-1.7 hello", "paper", NOW, tmp_path)
    assert (await files.fetch(actor, stored.key, NOW, tmp_path))[1] == b"%PDF-1.7 hello"


async def test_a_stranger_sees_no_file_and_the_cadre_of_the_village_sees_it_with_a_trace(
    db: str, tmp_path: Path
) -> None:
    """S17.2"""
    farmer, own, other = await somebody(), await cadre(VILLAGE), await cadre("411082101202")
    stored = await files.store(farmer, photo(), "application_photo", NOW, tmp_path)
    with pytest.raises(NotFound):
        await files.fetch(own, stored.key, NOW, tmp_path)
    await files.attach(farmer, [stored.key], (await application_of(farmer)).id)
    await files.fetch(own, stored.key, NOW, tmp_path)
    with pytest.raises(NotFound):
        await files.fetch(other, stored.key, NOW, tmp_path)
    trail = await AuditEntry.filter(action="view_file").values_list("actor_id", flat=True)
    assert trail == [own.person_id]


async def test_attaching_twice_is_once_and_another_application_cannot_take_it(
    db: str, tmp_path: Path
) -> None:
    """S9.2"""
    farmer = await somebody()
    stored = await files.store(farmer, photo(), "application_photo", NOW, tmp_path)
    first, second = await application_of(farmer), None
    assert [v.key for v in await files.attach(farmer, [stored.key], first.id)] == [stored.key]
    await files.attach(farmer, [stored.key], first.id)
    await LoanApplication.filter(id=first.id).update(state="withdrawn")
    second = await application_of(farmer, "CG2")
    with pytest.raises(NotFound):
        await files.attach(farmer, [stored.key], second.id)
    with pytest.raises(NotFound):
        await files.attach(await somebody("thief"), [stored.key], second.id)


async def test_a_picture_from_the_chat_is_fetched_once_by_the_job(db: str, tmp_path: Path) -> None:
    """S9.2: the row first, the content when the job has brought it."""
    actor = await somebody()
    pending = await files.register_wechat_media(actor, "media-1", "visit_photo", NOW, "gzh")
    again = await files.register_wechat_media(actor, "media-1", "visit_photo", NOW, "gzh")
    assert (pending.state, again.key) == ("pending", pending.key)
    jobs = await fetch("SELECT entrypoint FROM pgqueuer")
    assert [job["entrypoint"] for job in jobs] == ["fetch_media"]
    with pytest.raises(Conflict, match="file_pending"):
        await files.fetch(actor, pending.key, NOW, tmp_path)

    asked: list[tuple[str, str]] = []

    async def download(account: str, media_id: str) -> bytes:
        asked.append((account, media_id))
        return photo()

    stored = await files.fetch_media(pending.key, download, tmp_path)
    assert stored is not None
    assert stored.state == "stored"
    assert await files.fetch_media(pending.key, download, tmp_path) is None
    assert asked == [("gzh", "media-1")]
    assert (await files.fetch(actor, pending.key, NOW, tmp_path))[0] == stored


async def test_a_media_that_is_no_picture_fails_and_a_broken_line_leaves_it_waiting(
    db: str, tmp_path: Path
) -> None:
    actor = await somebody()
    pending = await files.register_wechat_media(actor, "media-2", "visit_photo", NOW, "gzh")

    async def broken(account: str, media_id: str) -> bytes:
        raise OSError("line broken")

    async def text(account: str, media_id: str) -> bytes:
        return b'{"errcode":40007}'

    with pytest.raises(OSError, match="line broken"):
        await files.fetch_media(pending.key, broken, tmp_path)
    assert (await files.view(actor, pending.key)).state == "pending"
    failed = await files.fetch_media(pending.key, text, tmp_path)
    assert failed is not None
    assert failed.state == "failed"


async def test_ten_people_uploading_at_once_all_get_their_own_picture(db: str, tmp_path: Path) -> None:
    actor = await somebody()
    stored = await asyncio.gather(
        *(files.store(actor, photo(seed=n), "visit_photo", NOW, tmp_path) for n in range(10))
    )
    assert len({view.key for view in stored}) == 10
    assert [v.key for v in await files.views(actor, [v.key for v in stored])] == [v.key for v in stored]


async def test_sweeping_removes_what_has_no_row_and_nothing_else(db: str, tmp_path: Path) -> None:
    """I14"""
    actor = await somebody()
    stored = await files.store(actor, photo(), "visit_photo", NOW, tmp_path)
    (tmp_path / "zz").mkdir()
    (tmp_path / "zz" / "zzstray").write_bytes(b"x")
    assert await files.sweep(tmp_path, datetime.now(UTC) - timedelta(hours=24)) == 0
    assert await files.sweep(tmp_path, datetime.now(UTC) + timedelta(hours=1)) == 1
    assert (await files.fetch(actor, stored.key, NOW, tmp_path))[0] == stored
