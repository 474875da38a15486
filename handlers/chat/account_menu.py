"""The menu at the bottom of the chat: one for everybody, one for staff by tag."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from bot.wechat.client import WeChat

STAFF_TAG = "staff"
TAG_AT_ONCE = 50
Buttons = Sequence[dict[str, Any]]


def _click(name: str, key: str) -> dict[str, Any]:
    return {"type": "click", "name": name, "key": key}


def _group(name: str, *lines: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "sub_button": list(lines)}


def _pages(home: str) -> dict[str, Any]:
    return {"type": "view", "name": "网页办理", "url": home}


_OWN = (_click("我的申请", "STATUS"), _click("我的贷款", "LOANS"), _click("我还款了", "PAID"))
_ASK = (_click("怎么用", "HELP"), _click("人工", "HUMAN"))


def farmer_menu(home: str) -> Buttons:
    """What everybody sees. The keys are those of CHAT_ROUTES; `home` is where our pages begin."""
    return _click("我要贷款", "APPLY"), _group("我的", *_OWN, _pages(home)), _group("帮助", *_ASK)


def staff_menu(home: str) -> Buttons:
    """What a person with a post sees; five lines are the most that WeChat shows in a group."""
    others = (_click("替人申请", "APPLY_OTHER"), _click("录入纸质申请", "APPLY_PAPER"))
    return _click("待办", "TASKS"), _group("办理", *others, _pages(home)), _group("我的", *_OWN, *_ASK)


async def publish(client: WeChat, staff: Iterable[str], base_url: str) -> None:
    """Publish both menus and tag the openids of `staff`. Raises WeChatError."""
    home = f"{base_url}/m/login?account={client.account.name}&to=/m/"
    openids = list(staff)
    await client.create_menu(farmer_menu(home))
    tags = await client.tags()
    tag = tags[STAFF_TAG] if STAFF_TAG in tags else await client.create_tag(STAFF_TAG)
    await client.add_conditional_menu(staff_menu(home), tag)
    for at in range(0, len(openids), TAG_AT_ONCE):
        await client.tag_people(tag, openids[at : at + TAG_AT_ONCE])
