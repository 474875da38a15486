"""The demo's clock jumps; what was done before must not look as if it had been slipped in."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from actions import audit, audit_chain
from bot.database import transaction
from tests.flows.demos import running_demo

COUNTY = "411082"


async def test_the_trail_is_whole_after_the_clock_was_moved(db_url: str, tmp_path: Path) -> None:
    """S17.2: an entry of the minute before the jump is linked before it."""
    async with running_demo(db_url, tmp_path) as demo:
        runtime = demo.runtime
        async with transaction():
            await audit.record(COUNTY, None, "view", ("application", 1), runtime.now())
        address = f"{runtime.settings.wechat_api}/admin/clock"
        before = runtime.now()
        async with runtime.http.post(address, json={"advance_seconds": 7 * 86_400}) as answer:
            assert answer.status == 200, await answer.text()
        assert runtime.now() - before > timedelta(days=6)
        await audit_chain.link(COUNTY, runtime.now())
        verdict = await audit_chain.verify(COUNTY, runtime.now())
        assert (verdict.whole, verdict.links > 0) == (True, True), verdict.problems
