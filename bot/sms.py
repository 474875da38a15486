"""Short messages: what a gateway must do, and the one that only writes down that it would have sent."""

from __future__ import annotations

from typing import Protocol

import structlog

from bot.errors import TianxinError

log = structlog.get_logger(__name__)


class SmsRefused(TianxinError):  # noqa: N818 - an answer of the gateway
    """The gateway certainly did not send. `again`: it may later; else this number cannot be reached.

    Anything else that is raised means that nobody knows whether it was sent.
    """

    def __init__(self, reason: str, *, again: bool) -> None:
        super().__init__(reason)
        self.again = again


class SmsGateway(Protocol):
    """An adapter to a provider of short messages."""

    async def send(self, phone: str, text: str, key: str) -> str:
        """Send one message and return the provider's id for it ("" when it gives none).

        `key` is the same whenever the same message is tried again. Raises SmsRefused.
        """
        ...


class LoggingSms:
    """The default, without a provider: the message is only noted.

    In the demo (`pretend`) that counts as sent; elsewhere the person must be reached another way.
    """

    def __init__(self, *, pretend: bool) -> None:
        self._pretend = pretend

    async def send(self, phone: str, text: str, key: str) -> str:
        """Note the message. Raises SmsRefused outside the demo."""
        log.info("sms_not_connected", delivery_id=key, digits=len(phone), characters=len(text))
        if not self._pretend:
            raise SmsRefused("no provider of short messages is connected", again=False)
        return ""
