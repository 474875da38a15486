"""Notices on their way through the gates, the real client and a simulated WeChat."""

from __future__ import annotations

from notice_world import World


async def test_a_notice_is_sent_with_neutral_words_and_its_delivery_id(world: World) -> None:
    """S18.5, S18.7: no amount and no full name on the lock screen; client_msg_id is the delivery's id."""
    await world.overdue(await world.person())
    counts = await world.deliver()
    [message] = await world.sent()
    [row] = await world.deliveries()
    assert counts["accepted"] == 1
    assert message["client_msg_id"] == str(row["id"])
    assert message["body"]["data"]["thing1"]["value"] == "张老乡的约定事项"
    assert "100" not in str(message["body"]["data"])
    assert "/m/loans/" in message["body"]["url"]
    assert (row["state"], row["attempts"], row["msgid"]) == ("sent", 1, message["msgid"])
