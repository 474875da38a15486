"""What a form may know of its county on a day: lists, limits, papers and terms, taken from the pack."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from bot.dialog import Choice, Context, Paper
from handlers.forms.choices import finding_choices, industry_choices, kind_choices
from handlers.forms.decision import DECISIONS, QUESTIONS
from handlers.forms.papers import papers_of
from policies.pack import Pack

_NOTHING: Mapping[str, Any] = {}


class _County(NamedTuple):
    options: Mapping[str, Sequence[Choice]]
    limits: Mapping[str, int]
    papers: Mapping[str, Paper]
    facts: Mapping[str, Any]
    may: frozenset[str]


@lru_cache(maxsize=64)
def _county(pack: Pack, on: date) -> _County:
    terms = pack.terms(on)
    options = {
        "kinds": kind_choices(terms.kinds),
        "industries": industry_choices(terms.industries),
        "findings": finding_choices(pack, on),
        "decisions": DECISIONS,
        "questions": QUESTIONS,
    }
    limits = {
        "amount_min_fen": terms.amount_min_fen,
        "term_min_months": terms.term_min_months,
        "term_max_months": terms.term_max_months,
        "photos_min": pack.visits(on).photos_min,
    }
    may = frozenset({"three_haves"}) if terms.three_haves else frozenset()
    return _County(options, limits, papers_of(pack), {"terms": terms}, may)


def form_context(
    pack: Pack,
    now: datetime,
    on: date,
    *,
    options: Mapping[str, Sequence[Choice]] = _NOTHING,
    limits: Mapping[str, int] = _NOTHING,
    facts: Mapping[str, Any] = _NOTHING,
    may: Iterable[str] = ("apply_for_others",),
) -> Context:
    """The context of a turn. What the county's pack says is worked out once a day.

    `options` must hold "villages" for the loan application and may narrow "decisions" to those of the stage;
    `limits` may hold applied_fen and rate_cap_bp for a disbursement; `facts` may hold "grade" (as rated) and
    "filed_on". Clause: S3.1, S3.4, S19.2.
    """
    county = _county(pack, on)
    return Context(
        now=now,
        on=on,
        options={**county.options, **options},
        limits={**county.limits, **limits},
        may=county.may | frozenset(may),
        papers=county.papers,
        facts={**county.facts, **facts},
    )
