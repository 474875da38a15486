"""How every call to WeChat's API goes: counted, with a token, read, and once more with another token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from time import perf_counter
from typing import TypeVar
from urllib.parse import quote, urlencode

import aiohttp
from redis.asyncio import Redis

from bot.config import Account
from bot.wechat.answers import string, whole
from bot.wechat.errors import TOKEN_CODES, Uncertain, WeChatError, error_from
from bot.wechat.quota import Quota
from bot.wechat.tokens import Keeper
from bot.wechat.transport import MAX_ANSWER, TIMEOUT, Address, Answer, Body, Raw, dumps, exchange, understand

T = TypeVar("T")

Observe = Callable[[str, str, float], None]
"""Told after each exchange: api, outcome (`ok` or the action of its error), seconds."""


def _unobserved(_api: str, _outcome: str, _seconds: float) -> None:
    return None


class Caller:
    """Calls of one account. The session, the Redis client and the clock come from outside."""

    def __init__(
        self,
        account: Account,
        session: aiohttp.ClientSession,
        base_url: str,
        redis: Redis,
        now: Callable[[], datetime],
        *,
        limits: Mapping[str, int] | None = None,
        observe: Observe = _unobserved,
        timeout: aiohttp.ClientTimeout = TIMEOUT,
    ) -> None:
        self.account = account
        self._session = session
        self._base = base_url.rstrip("/")
        self._now = now
        self._observe = observe
        self._timeout = timeout
        self._quota = Quota(account.appid, redis, now, limits)
        self._tokens = Keeper(f"token:{account.appid}", account.secret, redis, now, self._fetch_token)
        self._token = ""
        self._addresses: dict[str, Address] = {}

    async def ready(self) -> None:
        """Get a token now, to learn at the start whether secret and IP list are right. Raises WeChatError."""
        await self._tokens.get()

    async def close(self) -> None:
        """Stop what runs in the background and put the counts away. The session is the caller's to close."""
        await self._tokens.close()
        await self._quota.close()

    async def quota_left(self, api: str) -> int | None:
        """Calls of this API left today, over all processes; None where no limit is known."""
        return await self._quota.left(api)

    def _call(
        self, api: str, payload: object = None, *, form: Body = None, query: str = "", expect: str = "errcode"
    ) -> Awaitable[Answer]:
        """POST the payload or form with the token, or GET; the answer if it is a success and has `expect`.

        Raises WeChatError: NotSent, Uncertain, or what WeChat said. A dead token is replaced, once.
        """
        body = dumps(payload) if payload is not None else form
        return self._with_token(
            api, query, body, lambda raw: self._success(api, understand(api, raw), expect)
        )

    async def _with_token(
        self, api: str, query: str, body: Body, read: Callable[[Raw], T], limit: int = MAX_ANSWER
    ) -> T:
        token = self._tokens.current(self._now().timestamp())
        if token is None:
            token = await self._awaited(api, self._tokens.get())
        try:
            return await self._exchange(api, self._address(api, token, query), body, read, limit)
        except WeChatError as error:
            if error.errcode not in TOKEN_CODES:
                raise
        token = await self._awaited(api, self._tokens.replace(token))
        return await self._exchange(api, self._address(api, token, query), body, read, limit)

    async def _awaited(self, api: str, credential: Awaitable[str]) -> str:
        # Whatever went wrong with the token, the call itself was not made and may be repeated.
        try:
            return await credential
        except WeChatError as error:
            failure = WeChatError(api, error.errcode, error.errmsg, "token", rid=error.rid)
        raise failure

    def _ask(self, api: str, to: Address, body: Body, expect: str) -> Awaitable[Answer]:
        return self._exchange(api, to, body, lambda raw: self._success(api, understand(api, raw), expect))

    async def _exchange(
        self, api: str, to: Address, body: Body, read: Callable[[Raw], T], limit: int = MAX_ANSWER
    ) -> T:
        self._quota.count(api, self._now().timestamp())
        started, outcome = perf_counter(), "interrupted"
        try:
            raw = await exchange(self._session, api, to, body, timeout=self._timeout, limit=limit)
            found = read(raw)
            outcome = "ok"
        except WeChatError as error:
            outcome = error.action
            self._quota.refused(error, self._now().timestamp())
            raise
        finally:
            self._observe(api, outcome, perf_counter() - started)
        return found

    @staticmethod
    def _success(api: str, answer: Answer, expect: str) -> Answer:
        code = answer.get("errcode", 0)
        if code != 0:
            raise error_from(api, code, answer.get("errmsg"))
        if expect not in answer:
            raise Uncertain(api, f"no {expect} in the answer")
        return answer

    def _address(self, api: str, token: str, query: str = "") -> Address:
        if token != self._token:
            self._token, self._addresses = token, {}
        found = self._addresses.get(api)
        if found is None or query:
            words = f"access_token={quote(token, safe='')}" + (f"&{query}" if query else "")
            found = Address(f"{self._base}/{api}?{words}")
            if not query:
                self._addresses[api] = found
        return found

    async def _sns(self, api: str, expect: str, query: Mapping[str, str]) -> Answer:
        """A GET with appid and secret in place of a token."""
        words = urlencode({"appid": self.account.appid, **query})
        return await self._ask(api, Address(f"{self._base}/{api}?{words}"), None, expect)

    async def _fetch_token(self) -> tuple[str, int]:
        api = "cgi-bin/stable_token"
        wanted = {
            "grant_type": "client_credential",
            "appid": self.account.appid,
            "secret": self.account.secret,
            "force_refresh": False,
        }
        answer = await self._ask(api, Address(f"{self._base}/{api}"), dumps(wanted), "access_token")
        seconds = whole(api, answer, "expires_in")
        token = string(api, answer, "access_token")
        if not token or seconds <= 0:
            raise Uncertain(api, "an empty or expired token")
        return token, seconds
