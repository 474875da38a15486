"""One HTTP exchange with WeChat's API: what was certainly not sent, what was answered, what is uncertain."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import aiohttp
import orjson
from yarl import URL

from bot.wechat.errors import NotSent, Uncertain, WeChatError
from bot.wechat.messages import printable

MAX_ANSWER: Final = 1024 * 1024
MAX_MEDIA: Final = 20 * 1024 * 1024
TIMEOUT: Final = aiohttp.ClientTimeout(total=8, connect=3)

Answer = dict[str, Any]
Body = bytes | Callable[[], aiohttp.FormData] | None
"""JSON as bytes, or what builds the form: a form can be sent only once."""

# No compression: a body says its size before it is read, and nothing can unfold to gigabytes.
_PLAIN: Final = {"Accept-Encoding": "identity"}
_JSON: Final = {**_PLAIN, "Content-Type": "application/json"}

# Raised before a byte of the request was written.
_NEVER_SENT: Final = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)
_LOST: Final = (aiohttp.ClientError, TimeoutError, OSError)


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


async def exchange(
    session: aiohttp.ClientSession,
    api: str,
    url: URL,
    body: Body = None,
    *,
    timeout: aiohttp.ClientTimeout = TIMEOUT,  # noqa: ASYNC109 - aiohttp's own, one per request
    limit: int = MAX_ANSWER,
) -> Raw:
    """POST the body, or GET where there is none. Raises NotSent or Uncertain.

    The errors are raised away from their causes: aiohttp's words hold the address, and with it the token.
    """
    failure: WeChatError
    try:
        async with session.request(
            "GET" if body is None else "POST",
            url,
            data=body() if callable(body) else body,
            headers=_JSON if isinstance(body, bytes) else _PLAIN,
            timeout=timeout,
            allow_redirects=False,
        ) as response:
            content = await _content(response, limit)
            if content is not None:
                headers = response.headers
                kind, disposition = headers.get("Content-Type", ""), headers.get("Content-Disposition", "")
                return Raw(response.status, kind, disposition, content)
            failure = Uncertain(api, f"answer over {limit} bytes")
    except _NEVER_SENT as error:
        failure = NotSent(api, type(error).__name__)
    except _LOST as error:
        failure = Uncertain(api, type(error).__name__)
    except RuntimeError as error:
        if not session.closed:
            raise
        failure = NotSent(api, type(error).__name__)
    raise failure


async def _content(response: aiohttp.ClientResponse, limit: int) -> bytes | None:
    size = response.content_length
    if size is not None and "Content-Encoding" not in response.headers:
        return await response.read() if size <= limit else None
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > limit:
            return None
    return bytes(content)


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
