"""One call of one attempt, and what the answer means for the delivery."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import structlog

from actions.attempts import Attempt
from actions.outcomes import Result
from bot.runtime import Runtime
from bot.sms import LoggingSms, SmsGateway, SmsRefused
from bot.wechat.client import WeChatError
from bot.wechat.messages import Text
from rules.delivery import Outcome
from rules.notices import Channel

log = structlog.get_logger(__name__)

OUTCOMES: Final = {
    "retry_later": Outcome.BUSY,
    "token": Outcome.BUSY,
    "quota_minute": Outcome.BUSY,
    "too_frequent": Outcome.THROTTLED,
    "quota_day": Outcome.QUOTA,
    "quota_month": Outcome.QUOTA,
    "not_following": Outcome.UNREACHABLE,
    "refused": Outcome.UNREACHABLE,
    "bad_recipient": Outcome.UNREACHABLE,
    "window_closed": Outcome.UNREACHABLE,
    "uncertain": Outcome.UNKNOWN,
}
"""What WeChat's refusals mean for a delivery; every other one is our own fault and needs somebody to look."""


class Caller:
    """Makes the calls of one sender. An account that said "no more today" is not asked again."""

    def __init__(self, runtime: Runtime, failpoint: Callable[[str], None]) -> None:
        self._runtime = runtime
        self._failpoint = failpoint
        self._sms: SmsGateway = runtime.extras.get("sms") or LoggingSms(pretend=runtime.settings.demo)
        self._used_up: set[tuple[str, Channel]] = set()

    async def call(self, attempt: Attempt) -> Result:
        """Make the call of an attempt and say what came of it; raises nothing of the far end's."""
        line = (attempt.account, attempt.channel)
        if line in self._used_up:
            return Result(attempt, Outcome.QUOTA, action="quota_day", called=False)
        self._failpoint("calling")
        try:
            msgid = await self._send(attempt)
        except WeChatError as error:
            outcome = OUTCOMES.get(error.action, Outcome.BAD_DATA)
            if outcome is Outcome.QUOTA:
                self._used_up.add(line)
            return Result(attempt, outcome, errcode=error.errcode, action=error.action)
        except SmsRefused as error:
            outcome = Outcome.BUSY if error.again else Outcome.UNREACHABLE
            return Result(attempt, outcome, action="sms_refused")
        except Exception as error:
            log.exception("delivery_call_broke", delivery_id=attempt.delivery_id, error=type(error).__name__)
            return Result(attempt, Outcome.UNKNOWN, action="broken")
        self._failpoint("called")
        return Result(attempt, Outcome.ACCEPTED, msgid=msgid)

    async def _send(self, attempt: Attempt) -> str:
        """The message's id where one is told. Raises WeChatError, SmsRefused."""
        if attempt.channel is Channel.SMS:
            return await self._sms.send(attempt.phone, attempt.text, str(attempt.delivery_id))
        client = self._runtime.wechat[attempt.account]
        if attempt.channel is Channel.TEMPLATE:
            return await client.send_template(
                attempt.openid,
                attempt.template_id,
                attempt.fields,
                url=attempt.url,
                client_msg_id=str(attempt.delivery_id),
            )
        if attempt.channel is Channel.SERVICE_MESSAGE:
            await client.send_custom(attempt.openid, Text(attempt.text))
            return ""
        if client.account.kind == "mini_program":
            return await client.send_subscribe(attempt.openid, attempt.template_id, attempt.fields)
        return await client.send_bizsubscribe(
            attempt.openid, attempt.template_id, attempt.fields, page=attempt.url
        )
