"""The credit register over HTTP: one question, one answer, nothing believed that is not whole."""

from __future__ import annotations

from typing import Final

import aiohttp
import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from actions.credit_query import BureauError, CreditBureau, Question, Report
from bot.runtime import Runtime

TIMEOUT: Final = aiohttp.ClientTimeout(total=8, connect=3)
MAX_ANSWER: Final = 64 * 1024


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    reference: str
    loans: int = Field(ge=0)
    balance_fen: int = Field(ge=0)
    overdue_fen: int = Field(ge=0)
    bad_records: int = Field(ge=0)


class HttpBureau:
    """A register behind a gateway of the county's or the bank's."""

    def __init__(
        self, http: aiohttp.ClientSession, base_url: str, token: str, *, wait: aiohttp.ClientTimeout = TIMEOUT
    ) -> None:
        self._http, self._url, self._wait = http, f"{base_url.rstrip('/')}/v1/credit-reports", wait
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    async def report(self, question: Question) -> Report:
        """Ask once. Raises BureauError: no answer in time, a refusal, or an answer to something else."""
        body = orjson.dumps(
            {
                "reference": question.reference,
                "name": question.name,
                "id_number": question.id_number,
                "purpose": question.purpose,
                "authorisation_version": question.text_version,
                "authorisation_sha256": question.text_sha256,
            }
        )
        try:
            async with self._http.post(
                self._url, data=body, headers=self._headers, timeout=self._wait
            ) as answer:
                raw = await answer.content.read(MAX_ANSWER + 1)
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise BureauError(f"no answer: {type(error).__name__}") from None  # the cause names the person
        if status != 200:
            raise BureauError(f"status {status}")
        try:
            found = _Answer.model_validate_json(raw)
        except ValidationError:
            raise BureauError("no report in the answer") from None
        if found.reference != question.reference:
            raise BureauError("an answer to another question")
        return Report(found.loans, found.balance_fen, found.overdue_fen, found.bad_records)


def bureau_of(runtime: Runtime) -> CreditBureau | None:
    """The register of the settings; None where none is set."""
    settings = runtime.settings
    if not settings.bureau_url:
        return None
    return HttpBureau(runtime.http, settings.bureau_url, settings.bureau_token)
