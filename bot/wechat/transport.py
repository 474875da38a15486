"""One HTTP exchange with WeChat's API: what was certainly not sent, what was answered, what is uncertain."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Final, NamedTuple

import aiohttp
import orjson
from aiohttp import hdrs
from aiohttp.http import HttpProcessingError
from yarl import URL

from bot.wechat.errors import NotSent, Uncertain, WeChatError
from bot.wechat.messages import printable

MAX_ANSWER: Final = 1024 * 1024
MAX_MEDIA: Final = 20 * 1024 * 1024
_TOTAL: Final = 8.0
TIMEOUT: Final = aiohttp.ClientTimeout(total=_TOTAL, connect=3)

Answer = dict[str, Any]
Body = bytes | Callable[[], aiohttp.FormData] | None
"""JSON as bytes, or what builds the form: a form can be sent only once."""

# No compression: a body says its size before it is read, and nothing can unfold to gigabytes.
_PLAIN: Final = {"Accept-Encoding": "identity"}
_JSON: Final = {**_PLAIN, "Content-Type": "application/json"}

# Raised before a byte of the request was written.
_NEVER_SENT: Final = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)
_LOST: Final = (aiohttp.ClientError, HttpProcessingError, TimeoutError, OSError)


class Raw(NamedTuple):
    status: int
    content_type: str
    disposition: str
    body: bytes


def dumps(payload: object) -> bytes:
    """JSON in real UTF-8: WeChat refuses escapes, so what would need one is dropped."""
    try:
        body = orjson.dumps(payload)
    except TypeError:  # a lone surrogate
        return orjson.dumps(_cleaned(payload))
    return orjson.dumps(_cleaned(payload)) if b"\\u00" in body else body


def _cleaned(value: Any) -> Any:
    match value:
        case str():
            return printable(value)
        case dict():
            return {name: _cleaned(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_cleaned(inner) for inner in value]
    return value


class Address:
    """Where calls go, and what all JSON that is posted there has in common: worked out once."""

    def __init__(self, text: str) -> None:
        self.url = URL(text, encoded=True)

    @cached_property
    def request(self) -> aiohttp.ClientRequest:
        """What a connector finds the way there by. Raises aiohttp.InvalidURL."""
        return aiohttp.ClientRequest("POST", self.url, headers=_JSON)

    @cached_property
    def head(self) -> bytes:
        """The beginning of a POST, up to the length of its body."""
        headers = self.request.headers.copy()
        headers.pop(hdrs.CONTENT_LENGTH, None)
        lines = (f"POST {self.url.raw_path_qs} HTTP/1.1", *(": ".join(pair) for pair in headers.items()))
        return "\r\n".join((*lines, "Content-Length: ")).encode()


async def exchange(
    session: aiohttp.ClientSession,
    api: str,
    to: Address,
    body: Body = None,
    *,
    timeout: aiohttp.ClientTimeout = TIMEOUT,  # noqa: ASYNC109 - aiohttp's own, one per request
    limit: int = MAX_ANSWER,
) -> Raw:
    """POST the body, or GET where there is none. Raises NotSent or Uncertain.

    The errors are raised away from their causes: aiohttp's words hold the address, and with it the token.
    """
    connector = session.connector
    if connector is None or connector.closed:
        raise NotSent(api, "the session is closed")
    failure: WeChatError
    try:
        if isinstance(body, bytes):
            raw = await _post(connector, to, body, timeout, limit)
        else:
            raw = await _request(session, to, body, timeout, limit)
        if raw is not None:
            return raw
        failure = Uncertain(api, f"answer over {limit} bytes")
    except _NEVER_SENT as error:
        failure = NotSent(api, type(error).__name__)
    except _LOST as error:
        failure = Uncertain(api, type(error).__name__)
    raise failure


async def _post(
    connector: aiohttp.BaseConnector,
    to: Address,
    body: bytes,
    timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109
    limit: int,
) -> Raw | None:
    """POST JSON over a connection of aiohttp's pool, and read the answer with its parser.

    `ClientSession.request` costs two to three times as much processor time, and a notice is little more than
    this call: it makes a request, a payload, a task that writes it and a response each time, and looks for
    cookies, redirects and proxies that WeChat's API does not have.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + (timeout.total or _TOTAL)
    try:
        connection = await connector.connect(to.request, [], timeout)  # waits for `timeout.connect` at most
    except TimeoutError:
        raise aiohttp.ConnectionTimeoutError from None
    protocol, line = connection.protocol, connection.transport
    if protocol is None or line is None:
        connection.close()
        raise aiohttp.ClientConnectionResetError
    late = loop.call_at(deadline, line.abort)  # asyncio.timeout costs three times as much
    try:
        protocol.set_response_params(read_until_eof=True)
        line.write(b"%b%d\r\n\r\n%b" % (to.head, len(body), body))
        message, content = await protocol.read()
        while message.code < 200:  # "go on": the answer is still to come
            message, content = await protocol.read()
        raw = await _raw(message.code, message.headers, content, limit)
    except BaseException as error:
        connection.close()  # an answer that comes now must not be taken for that of the next call
        if isinstance(error, aiohttp.ClientError) and loop.time() >= deadline:
            raise TimeoutError from None
        raise
    finally:
        late.cancel()
    connection.release()
    return raw


async def _request(
    session: aiohttp.ClientSession,
    to: Address,
    form: Callable[[], aiohttp.FormData] | None,
    timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109
    limit: int,
) -> Raw | None:
    async with session.request(
        "GET" if form is None else "POST",
        to.url,
        data=None if form is None else form(),
        headers=_PLAIN,
        timeout=timeout,
        allow_redirects=False,
    ) as response:
        return await _raw(response.status, response.headers, response.content, limit)


async def _raw(
    status: int, headers: Mapping[str, str], content: aiohttp.StreamReader, limit: int
) -> Raw | None:
    """The answer, or None when it is longer than the limit."""
    body = await _content(headers, content, limit)
    if body is None:
        return None
    return Raw(status, headers.get(hdrs.CONTENT_TYPE, ""), headers.get(hdrs.CONTENT_DISPOSITION, ""), body)


async def _content(headers: Mapping[str, str], content: aiohttp.StreamReader, limit: int) -> bytes | None:
    size = headers.get(hdrs.CONTENT_LENGTH)
    if size is not None and hdrs.CONTENT_ENCODING not in headers:
        if int(size) > limit:
            return None
        # a short answer came in one piece with its head: nothing to wait for
        return content.read_nowait() if content.is_eof() else await content.read()
    found = bytearray()
    async for chunk in content.iter_any():
        found += chunk
        if len(found) > limit:
            return None
    return bytes(found)


def understand(api: str, raw: Raw) -> Answer:
    """The JSON object in an answer, whatever its HTTP status. Raises Uncertain when there is none.

    A code that stands twice, or is no number, could be read as success: that is uncertain too.
    """
    body = raw.body.removeprefix(b"\xef\xbb\xbf")
    try:
        answer = orjson.loads(body)
    except ValueError:
        raise Uncertain(api, f"HTTP {raw.status}, {len(body)} bytes that are no JSON") from None
    if not isinstance(answer, dict):
        raise Uncertain(api, f"HTTP {raw.status}, no JSON object")
    code = answer.get("errcode", 0)
    if type(code) is not int or (body.count(b'"errcode"') > 1 and _twice(body)):
        raise Uncertain(api, f"HTTP {raw.status}, errcode is not one number")
    if code == 0 and raw.status != 200:
        raise Uncertain(api, f"HTTP {raw.status} without an error code")
    return answer


def _twice(body: bytes) -> bool:
    """Whether one object of the JSON has errcode twice: then readers differ in what it says."""

    def check(pairs: list[tuple[str, Any]]) -> None:
        if sum(name == "errcode" for name, _ in pairs) > 1:
            raise ValueError

    try:
        json.loads(body, object_pairs_hook=check)
    except (ValueError, RecursionError):
        return True
    return False
