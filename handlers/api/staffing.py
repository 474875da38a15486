"""Changes of staff, and what administrators do about logins."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from actions import joining, staff_changes, staff_logins
from actions.staff_changes import Asked
from bot.wechat.errors import WeChatError
from handlers.endpoint import Call, In, Out
from handlers.errors import HttpError


class StaffChangeIn(In):
    """What a body asks for: that a post begins, ends or moves from a day on."""

    kind: Literal["start", "end", "move"]
    effective_on: date = Field(description="First day of a new or moved post, last day of one that ends.")
    reason: str = Field(min_length=1, max_length=200)
    organisation: str = Field("", max_length=22, description="Key of the body; empty: that of the post.")
    role: str = Field("", max_length=24)
    region: str = Field("", pattern=r"^([0-9]{12})?$", description="Empty: the region of the body or post.")
    person: str = Field("", max_length=22, description="Key of somebody who is known already.")
    name: str = Field("", max_length=30)
    phone: str = Field("", pattern=r"^([0-9]{11})?$")
    post: int | None = Field(None, ge=1, le=2**63 - 1, description="The post that ends or moves.")


class StaffChangeOut(Out):
    """A change, how it stands and until when it is to be done."""

    key: str
    kind: str
    title: str
    state: str
    organisation: str
    person: str
    role: str
    region: str
    effective_on: date
    reason: str
    asked_at: datetime
    due_at: datetime
    late: bool
    done_at: datetime | None


class StaffChangesOut(Out):
    """The newest first."""

    items: list[StaffChangeOut]


class InvitedOut(Out):
    """A one-time link, told only now, and the staff number it is for."""

    link: str
    staff_number: str


class JoinCodeOut(Out):
    """A picture to scan in WeChat: its address at the platform, and what it carries."""

    image: str
    scene: str


class UnlockedOut(Out):
    """Whether there were wrong tries to forget."""

    waited: bool


class Nothing(In):
    """An empty object."""


async def ask(call: Call, body: StaffChangeIn) -> StaffChangeOut:
    """Ask for a change of staff; an administrator does it within two working days."""
    return StaffChangeOut.model_validate(
        await staff_changes.ask(call.actor, Asked(**body.model_dump()), call.pack, call.now)
    )


async def listed(call: Call) -> StaffChangesOut:
    """Changes of one's own bodies; for administrators those of the county."""
    found = await staff_changes.listed(call.actor, call.now)
    return StaffChangesOut(items=[StaffChangeOut.model_validate(each) for each in found])


async def invite(call: Call, key: str, body: Nothing) -> InvitedOut:
    """A first link to the console for somebody who has no login yet; the system's administrator."""
    return _told(call, await staff_logins.invite(call.actor, key, call.now))


async def reset(call: Call, key: str, body: Nothing) -> InvitedOut:
    """Take password and authenticator away and give a new link; the safety administrator."""
    return _told(call, await staff_logins.reset(call.actor, key, call.now))


def _told(call: Call, invited: staff_logins.Invited) -> InvitedOut:
    link = f"{call.runtime.settings.base_url()}/console/setup/{invited.token}"
    return InvitedOut(link=link, staff_number=invited.staff_number)


async def join_code(call: Call, key: str, body: Nothing) -> JoinCodeOut:
    """A one-time code by which somebody with a post connects his WeChat with it."""
    accounts = call.runtime.county_accounts(call.actor.county)
    if not accounts:
        raise HttpError(503, message="本县还没有公众号，不能生成二维码。")
    scene = await joining.make_code(call.actor, key, call.now)
    seconds = int(joining.LIFE.total_seconds())
    try:
        made = await call.runtime.wechat[accounts[0].name].create_qr(scene, seconds)
    except WeChatError as error:
        raise HttpError(503, message="微信暂时没有回应，请过几分钟再试。") from error
    return JoinCodeOut(image=made.image_url, scene=scene)


async def unlock(call: Call, key: str, body: Nothing) -> UnlockedOut:
    """Let somebody try again who was wrong too often; the safety administrator."""
    return UnlockedOut(waited=await staff_logins.unlock(call.actor, key, call.now))
