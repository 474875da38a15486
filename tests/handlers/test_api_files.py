"""Uploading and seeing photos through the JSON interface."""

from __future__ import annotations

import io
from typing import Any

import aiohttp
import pytest
from PIL import Image

from actions import files
from bot.database import fetch
from tests.handlers.api_world import World

UPLOAD = "/api/v1/files?purpose=application_photo"


def photo(colour: str = "green", size: tuple[int, int] = (320, 240), kind: str = "JPEG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, kind)
    return out.getvalue()


async def raw(world: World, person: str, data: bytes, key: str = "k1", **headers: str) -> tuple[int, Any]:
    farmer = await world.login(person)
    headers = {"Idempotency-Key": key, "Content-Type": "image/jpeg", **headers}
    return await farmer.ask("POST", UPLOAD, data=io.BytesIO(data), headers=headers)


async def form(world: World, data: bytes, name: str = "file", key: str = "k1") -> tuple[int, Any]:
    farmer = await world.login("zhang")
    body = aiohttp.FormData()
    body.add_field("note", "x")
    body.add_field(name, io.BytesIO(data), filename="../../etc/passwd.jpg", content_type="image/jpeg")
    return await farmer.ask("POST", UPLOAD, data=body, headers={"Idempotency-Key": key})


async def test_a_photo_goes_up_raw_or_as_a_form_and_comes_down_as_an_attachment(world: World) -> None:
    """S9.2"""
    status, stored = await raw(world, "zhang", photo())
    assert (status, stored["state"], stored["media_type"]) == (201, "stored", "image/jpeg")
    assert (await form(world, photo("red"), key="k2"))[0] == 201
    farmer = await world.login("zhang")
    answer = await world.client.get(f"/api/v1/files/{stored['key']}", headers=farmer.headers())
    assert answer.status == 200
    assert Image.open(io.BytesIO(await answer.read())).size == (320, 240)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{stored["key"]}.jpg"'
    assert answer.headers["Content-Security-Policy"].startswith("sandbox")
    assert (await farmer.get(f"/api/v1/files/{stored['key']}/facts")) == (200, stored)


async def test_the_same_upload_twice_is_stored_once(world: World) -> None:
    first = await raw(world, "zhang", photo())
    assert await raw(world, "zhang", photo()) == first
    rows = await fetch("SELECT count(*) AS n FROM stored_file")
    assert rows[0]["n"] == 1
    status, body = await raw(world, "zhang", photo("blue"))
    assert (status, body["error"]["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"", 422, "file_type"),
        (b"<svg onload=alert(1)>", 422, "file_type"),
        (b"%PDF-1.7", 422, "file_type"),
        (photo()[:200], 422, "file_broken"),
        (b"\xff\xd8\xff" + b"\0" * (10 * 1024 * 1024), 413, "too_large"),
    ],
)
async def test_what_is_no_picture_is_refused(data: bytes, status: int, code: str, world: World) -> None:
    for found in (await raw(world, "zhang", data), await form(world, data)):
        assert (found[0], found[1]["error"]["code"]) == (status, code)


async def test_a_form_without_the_file_is_400(world: World) -> None:
    status, body = await form(world, photo(), name="other")
    assert (status, body["error"]["field"]) == (400, "file")


@pytest.mark.parametrize(
    ("path", "headers", "status", "field"),
    [
        ("/api/v1/files", {}, 400, "purpose"),
        ("/api/v1/files?purpose=", {}, 400, "purpose"),
        ("/api/v1/files?purpose=a&purpose=b", {}, 400, None),
        ("/api/v1/files?purpose=UPPER", {}, 400, "purpose"),
        ("/api/v1/files?purpose=a&more=1", {}, 400, "more"),
        (UPLOAD, {"Content-Type": "text/html"}, 415, "Content-Type"),
        (UPLOAD, {"Content-Type": "multipart/form-data"}, 400, "file"),
        (UPLOAD, {"Content-Encoding": "gzip"}, 415, "Content-Encoding"),
        (UPLOAD, {"Idempotency-Key": "k" * 256}, 400, "Idempotency-Key"),
        (UPLOAD, {"Idempotency-Key": ""}, 400, "Idempotency-Key"),
    ],
)
async def test_a_wrong_upload_says_which_part_is_wrong(
    path: str, headers: dict[str, str], status: int, field: str | None, world: World
) -> None:
    farmer = await world.login("zhang")
    sent = {"Idempotency-Key": "k1", "Content-Type": "image/jpeg", **headers}
    found, body = await farmer.ask("POST", path, data=photo(), headers=sent)
    assert (found, body["error"]["field"]) == (status, field)


async def test_a_stranger_sees_neither_the_file_nor_that_it_is_there(world: World) -> None:
    """S17.2"""
    _, stored = await raw(world, "zhang", photo())
    stranger, cadre = await world.login("li"), await world.login("wang")
    for person in (stranger, cadre):
        for path in (f"/api/v1/files/{stored['key']}", f"/api/v1/files/{stored['key']}/facts"):
            found = await person.get(path)
            missing = await person.get(path.replace(stored["key"], "A" * 22))
            assert found == missing
            assert found[0] == 404


async def test_a_picture_still_on_its_way_is_a_conflict(world: World) -> None:
    farmer = await world.login("zhang")
    row = (await fetch("SELECT person_id, openid FROM api_session"))[0]
    actor = files.Actor(row["person_id"], "411082", "mini", row["openid"], "chat")
    pending = await files.register_wechat_media(actor, "m1", "visit_photo", world.runtime.now(), "changge")
    status, body = await farmer.get(f"/api/v1/files/{pending.key}")
    assert (status, body["error"]["code"]) == (409, "file_pending")
    assert (await farmer.get(f"/api/v1/files/{pending.key}/facts"))[1]["state"] == "pending"


async def test_uploads_are_limited_by_the_hour(world: World) -> None:
    farmer = await world.login("zhang")
    person = (await fetch("SELECT person_id FROM api_session"))[0]["person_id"]
    await world.runtime.redis.set(f"tianxin:limit:upload:{person}", 120, ex=3600)
    status, body = await raw(world, "zhang", photo())
    assert (status, body["error"]["code"]) == (429, "too_many_requests")
    assert (await farmer.get("/api/v1/files/x/facts"))[0] == 404
