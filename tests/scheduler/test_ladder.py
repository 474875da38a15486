"""One way after the other until the person is told: template, subscribe, service message, SMS, a human."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from notice_world import COUNTY, SEND_TEMPLATE, TODAY, World

from actions.notices import NewNotice
from bot.errors import TianxinError
from bot.sms import SmsRefused
from models.application import Task
from models.notice import Notice, SubscribeGrant
from models.people import Person, WechatUser

TRAIL_TO_THE_CADRE = [
    "gate not_following",
    "gate no_grant",
    "gate window_closed",
    "gate no_phone",
    "task task_opened",
]


class Gateway:
    """A provider of short messages that remembers, refuses or breaks."""

    def __init__(self, error: Exception | None = None) -> None:
        self.sent: list[tuple[str, str]] = []
        self.error = error

    async def send(self, phone: str, text: str, key: str) -> str:
        if self.error:
            raise self.error
        self.sent.append((phone, text))
        return "sms-1"


async def test_whom_no_machine_reaches_the_cadre_calls_or_visits(world: World) -> None:
    """S11.7, S18.7: every rung is tried in order, each "no" is named, and the cadre is told on his phone."""
    cadre = await world.staff("cadre")
    farmer = await world.person(following=False)
    await world.overdue(farmer)
    await world.deliver()
    task = await Task.get(kind="call_or_visit")
    assert (task.person_id, task.role, task.region, task.state) == (
        farmer.id,
        "cadre",
        "411082101201",
        "open",
    )
    assert task.note == ""  # what is to be said holds a name: it is read from the notice when it is opened
    assert (await world.trail())[:5] == TRAIL_TO_THE_CADRE
    assert await world.notice_states() == ["handed_over", "open"]
    [message] = await world.sent()
    assert message["person"] == f"p{cadre.id}"


async def test_without_a_cadre_the_town_is_asked_and_then_the_county(world: World) -> None:
    """S11.7: a village without a cadre is nobody's excuse."""
    await world.staff("county_clerk", "411082000000")
    await world.overdue(await world.person(following=False))
    await world.deliver()
    assert (await Task.get(kind="call_or_visit")).role == "county_clerk"


async def test_a_rung_is_never_tried_while_the_one_before_may_still_succeed(world: World) -> None:
    """S18.7: accepted by WeChat, so nothing else is planned until its receipt says no."""
    await world.overdue(await world.person(phone="13800001111"))
    await world.deliver()
    assert await world.states() == ["template sent"]


async def test_who_left_is_marked_and_reached_another_way(world: World) -> None:
    """S11.7: 43004 tells that the person does not follow."""
    gateway = world.runtime.extras["sms"] = Gateway()
    person = await world.person(phone="13800001111")
    await world.admin("users", {"person": f"p{person.id}", "unfollow": ["county"], "quiet": True})
    await world.overdue(person)
    await world.deliver()
    assert not (await WechatUser.get(person_id=person.id)).following
    assert [text for _, text in gateway.sent] == [
        "张老乡，您有一件约定的事过了日子，请打开微信查看，或打12345。"
    ]
    assert await world.states() == [
        "template refused",
        "subscribe refused",
        "service_message refused",
        "sms sent",
    ]
    assert await world.notice_states() == ["delivered"]


async def test_who_follows_again_meanwhile_is_not_marked_as_gone(world: World) -> None:
    """S11.7: a refusal that was asked for before the new follow says nothing about it."""
    person = await world.person()
    await world.admin("users", {"person": f"p{person.id}", "unfollow": ["county"], "quiet": True})
    await WechatUser.filter(person_id=person.id).update(changed_at=world.now + timedelta(seconds=1))
    await world.overdue(person)
    await world.deliver()
    assert (await WechatUser.get(person_id=person.id)).following


async def test_a_template_that_was_turned_off_is_not_tried_every_day(world: World) -> None:
    """S11.7: 43101 is remembered; after a month it is tried again, for nobody tells when it is back on."""
    person = await world.person()
    await world.admin("users", {"person": f"p{person.id}", "refuse_template": ["TPL-date"]})
    for wanted in ("attempt refused", "gate refused_by_person"):
        await world.overdue(person)
        await world.deliver()
        assert wanted in await world.trail()
    assert (await SubscribeGrant.get(template="TPL-date")).refused
    await world.admin("users", {"person": f"p{person.id}", "accept_template": ["TPL-date"]})
    await world.pass_time(days=31)
    await world.overdue(person, days=-30, step="1")
    await world.deliver()
    assert [message["kind"] for message in await world.sent()] == ["template"]


async def grant(world: World, person: Person, times: int) -> None:
    user = await WechatUser.get(person_id=person.id, account="county_mini")
    await SubscribeGrant.create(
        county=COUNTY,
        account="county_mini",
        openid=user.openid,
        template="SUB-date",
        granted=times,
        changed_at=world.now,
    )
    await world.admin("users", {"person": f"p{person.id}", "grant": {"SUB-date": times}})


async def test_each_grant_pays_for_one_subscribe_message(world: World) -> None:
    """S18.7: the ledger reserves a grant before the call; without one the next way is taken."""
    gateway = world.runtime.extras["sms"] = Gateway()
    person = await world.person(following=False, account="county_mini", phone="13800001111")
    await grant(world, person, 2)
    for _ in range(3):
        await world.dunned(person)
    await world.deliver()
    assert [message["kind"] for message in await world.sent()] == ["subscribe", "subscribe"]
    assert len(gateway.sent) == 1
    assert (await SubscribeGrant.get(template="SUB-date")).used == 2


async def test_a_grant_is_given_back_when_nothing_was_sent(world: World) -> None:
    """S18.7: reserve, then commit or roll back."""
    person = await world.person(following=False, account="county_mini")
    await grant(world, person, 1)
    await world.admin(
        "faults", {"endpoint": "/cgi-bin/message/subscribe/send", "kind": "errcode", "errcode": -1}
    )
    await world.overdue(person)
    await world.deliver()
    assert (await SubscribeGrant.get(template="SUB-date")).used == 0
    assert "subscribe planned" in await world.states()


async def test_service_messages_are_sent_only_inside_their_window(world: World) -> None:
    """S18.7: two left and three to say: the third goes by SMS."""
    gateway = world.runtime.extras["sms"] = Gateway()
    person = await world.person(phone="13800001111", following=False)
    who = {"account": "county", "person": f"p{person.id}"}
    await world.admin("users", {"person": f"p{person.id}", "follow": ["county"], "quiet": True})
    await world.platform.post("/admin/push", json={**who, "say": "你好"})
    await WechatUser.filter(person_id=person.id).update(
        window_until=world.now + timedelta(hours=1), window_left=2
    )
    for _ in range(3):
        await world.dunned(person)
    await world.deliver()
    assert [message["kind"] for message in await world.sent()] == ["custom", "custom"]
    assert "您有一件约定的事过了日子" in (await world.sent())[0]["body"]["text"]["content"]
    assert len(gateway.sent) == 1
    assert (await WechatUser.get(person_id=person.id)).window_left == 0
    assert await world.notice_states() == ["delivered"] * 3


async def test_a_window_that_has_closed_is_written_down(world: World) -> None:
    """S18.7: 45015 closes the window in our books and the next way is taken."""
    person = await world.person(following=False)
    await WechatUser.filter(person_id=person.id).update(
        window_until=world.now + timedelta(hours=1), window_left=4
    )
    await world.overdue(person)
    await world.deliver()
    assert (await WechatUser.get(person_id=person.id)).window_left == 0
    assert "attempt window_closed" in await world.trail()


@pytest.mark.parametrize("errcode", [47003, 40037, 41030, 48001, 40003])
async def test_what_can_never_succeed_goes_to_the_next_rung_at_once(world: World, errcode: int) -> None:
    """S18.7: our fault or a wrong id: no second call, another way."""
    await world.admin("faults", {"endpoint": SEND_TEMPLATE, "kind": "errcode", "errcode": errcode})
    await world.overdue(await world.person())
    await world.deliver()
    states = await world.states()
    assert states[0] == ("template refused" if errcode == 40003 else "template given_up")
    assert states[-1] == "cadre_task delivered"
    faults = await (await world.platform.get("/admin/faults")).json()
    assert faults["faults"][0]["fired"] == 1


async def test_a_busy_platform_is_asked_again_a_bounded_number_of_times(world: World) -> None:
    """S18.7: -1 means nothing was sent: later, with longer pauses, and then another way."""
    await world.admin("faults", {"endpoint": SEND_TEMPLATE, "kind": "errcode", "errcode": -1})
    await world.overdue(await world.person())
    pauses = []
    for _ in range(5):
        await world.deliver()
        row = (await world.deliveries())[0]
        pauses.append(round((row["not_before"] - world.now).total_seconds() / 60))
        await world.pass_time(minutes=20)
    assert pauses[:4] == [1, 2, 4, 15]
    assert (row["state"], row["attempts"]) == ("given_up", 5)
    assert len(await world.states()) > 1


async def test_somebody_who_gets_too_much_is_left_alone_for_hours(world: World) -> None:
    """S18.7: 43117 is about the person, so the pause is long."""
    await world.admin("faults", {"endpoint": SEND_TEMPLATE, "kind": "errcode", "errcode": 43117, "count": 1})
    await world.overdue(await world.person())
    await world.deliver()
    [row] = await world.deliveries()
    assert timedelta(hours=6) <= row["not_before"] - world.now < timedelta(hours=6, minutes=1)


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (SmsRefused("no such number", again=False), "sms refused"),
        (SmsRefused("busy", again=True), "sms planned"),
        (TianxinError("connection lost"), "sms uncertain"),
    ],
)
async def test_a_gateway_says_whether_it_sent(world: World, error: Exception, state: str) -> None:
    """S11.7: only a certain refusal takes the next rung at once; what is uncertain is not repeated."""
    world.runtime.extras["sms"] = Gateway(error)
    await world.overdue(await world.person(following=False, phone="13800001111"))
    await world.deliver()
    assert (await world.states())[3] == state


async def test_the_detail_is_shown_only_to_who_chose_so(world: World) -> None:
    """S18.5: amounts in the chat bubble are the person's own choice."""
    for detailed in (False, True):
        person = await world.person(following=True, detailed_notices=detailed)
        await world.platform.post(
            "/admin/push", json={"account": "county", "person": f"p{person.id}", "say": "你好"}
        )
        await WechatUser.filter(person_id=person.id).update(
            window_until=world.now + timedelta(hours=1), window_left=5, following=False
        )
        await world.overdue(person)
    await world.deliver()
    plain, detailed_text = [message["body"]["text"]["content"] for message in await world.sent()]
    assert "元" not in plain
    assert "应还的1.01万元还没有到账，已经过了1天" in detailed_text


async def test_words_that_cannot_be_made_close_the_rung_and_nothing_else(world: World) -> None:
    """S18.7: a missing fact is our fault: an alarm, and the ladder goes on."""
    person = await world.person()
    await world.plan(NewNotice(person.id, "late_reply", "inbox", 1, {}, TODAY))
    await world.deliver()
    assert await world.states() == ["service_message refused", "template sent"]
    assert (await Notice.get()).state == "open"


async def test_a_template_that_is_not_registered_is_our_fault_and_said_so(world: World) -> None:
    """S18.7: accounts.toml does not name it: an alarm, never "he does not follow", and another way."""
    accounts = {name: replace(account, templates={}) for name, account in world.runtime.accounts.items()}
    world.runtime.accounts = accounts
    gateway = world.runtime.extras["sms"] = Gateway()
    await world.overdue(await world.person(phone="13800001111"))
    await world.deliver()
    assert (await world.states())[0] == "template given_up"
    assert (await world.trail())[0] == "gate no_template"
    assert len(gateway.sent) == 1


@pytest.mark.parametrize(("env", "state"), [("demo", "sms sent"), ("production", "sms refused")])
async def test_without_a_provider_only_the_demo_counts_a_short_message_as_sent(
    world: World, env: str, state: str
) -> None:
    """S11.7: nobody is taken for told because a line was written to a log."""
    world.runtime.settings = replace(world.runtime.settings, env=env)
    await world.overdue(await world.person(following=False, phone="13800001111"))
    await world.deliver()
    assert (await world.states())[3] == state
