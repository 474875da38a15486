"""A credit query needs the person's written authorisation: its purposes, its period, not withdrawn."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from rules.refusal import Refusal


class Purpose(StrEnum):
    """What a query may be for: deciding a loan, or looking after it until it is settled."""

    LOAN_REVIEW = "loan_review"
    AFTER_LOAN = "after_loan"


class Standing(StrEnum):
    """Where the matter stands that somebody gave his authorisation for."""

    REVIEW = "review"
    LOAN = "loan"
    OVER = "over"


PURPOSES = {
    "credit_query_consent": {Standing.REVIEW: Purpose.LOAN_REVIEW, Standing.LOAN: Purpose.AFTER_LOAN},
}
"""The papers that authorise a query, and for what, as long as the matter stands so."""


@dataclass(frozen=True, slots=True)
class Authorisation:
    """A person's written authorisation as it stands: which text he agreed to, for which matter."""

    consent_id: int
    person_id: int
    application_id: int
    kind: str
    version: str
    text_sha256: str
    agreed_on: date
    until: date | None
    withdrawn_on: date | None
    standing: Standing


def check_query(authorisation: Authorisation, purpose: Purpose, on: date) -> Refusal | None:
    """Why this authorisation does not cover a query for this purpose on that day, or None. Clause: S6.6."""
    if authorisation.withdrawn_on is not None and authorisation.withdrawn_on <= on:
        return Refusal("S6.6", "本人已经收回授权，不能再查。", "authorisation_withdrawn")
    ended = authorisation.until is not None and on > authorisation.until
    if ended or on < authorisation.agreed_on or authorisation.standing is Standing.OVER:
        return Refusal("S6.6", "授权已经过期，不能再查。要查请本人重新授权。", "authorisation_over")
    allowed = PURPOSES.get(authorisation.kind, {}).get(authorisation.standing)
    if purpose is not allowed:
        return Refusal("S6.6", "授权书没有写这个用途，不能查。", "other_purpose", "purpose")
    return None
