"""S17.2: the auditor's page."""

from __future__ import annotations

from typing import Any

from bot.database import execute
from models.people import WechatUser
from simulator.people import openid_of
from tests.handlers.api_world import ACCOUNTS, World
from tests.handlers.test_api_review import apply
from tests.handlers.test_pages import browsers

__all__ = ["browsers"]


async def test_the_auditor_reads_and_filters_and_others_find_no_page(world: World, browsers: Any) -> None:
    """S17.2: every filter leads to a page, what no link of ours holds to none."""
    await apply(world)
    officer = await WechatUser.get(account="changge", openid=openid_of(ACCOUNTS["changge"].appid, "shen"))
    await execute(
        """INSERT INTO audit_entry (county, at, actor_id, action, subject_kind, subject_id, details)
           SELECT '411082', '2026-11-28T00:50:00Z', $1, 'view', 'application', n, '{}'
           FROM generate_series(1, 60) n""",
        officer.person_id,
    )
    auditor = await browsers("shen")
    status, text, headers = await auditor.get("/m/audit")
    assert status == 200
    assert "还没有检查过" in text
    assert "提交申请" in text
    assert headers["Cache-Control"] == "no-store"
    status, text, _ = await auditor.get("/m/audit?action=view")
    assert text.count("查看资料</b>") == 50
    older = text.split("看更早的")[0].rsplit('href="', 1)[1].split('"')[0].replace("&amp;", "&")
    status, text, _ = await auditor.get(f"/m/audit{older}")
    assert text.count("查看资料</b>") == 10
    status, text, _ = await auditor.get("/m/audit?day=2026-11-01&person=&action=")
    assert (status, "没有这样的记录" in text) == (200, True)
    for odd in ("day=x", "person=%27", "action=A", "subject=1", "after=x", "other=1"):
        assert (await auditor.get(f"/m/audit?{odd}"))[0] == 404, odd
    for name in ("zhang", "liu"):
        assert (await (await browsers(name)).get("/m/audit"))[0] == 404
