"""What I agreed to, who asked about me, my data: to look at, take along, have put right, take back."""

from __future__ import annotations

from aiohttp import web

from actions import consents, own_data
from handlers.errors import HttpError
from handlers.pages.base import Viewer, render

PAGE = 20
MEANS_WORDS = {"wechat": "本人微信", "code": "本人手机收到的验证码", "signature": "本人签字的照片"}
STATE_WORDS = {"open": "正在办", "granted": "同意了", "refused": "没有同意"}


async def mine(viewer: Viewer) -> web.Response:
    """GET /m/consents: 我的授权和资料. Clause: S1.4, S6.6."""
    after = viewer.request.query.get("after")
    if after is not None and not (after.isascii() and after.isdigit() and len(after) <= 18):
        raise HttpError(404)
    found = await consents.ledger(viewer.actor, viewer.pack, after=int(after) if after else None, limit=PAGE)
    return render(
        viewer,
        "consents.html",
        lines=found,
        means=MEANS_WORDS,
        states=STATE_WORDS,
        requests=await own_data.mine(viewer.actor),
        days=viewer.pack.contents.privacy.answer_working_days.on(viewer.on),
        fresh=viewer.request.query.get("fresh") == "1",
        older=found[-1].id if len(found) == PAGE else None,
    )
