"""What a body may decide itself: which kinds of loans, and up to what amount each (S4.4)."""

from __future__ import annotations

from collections.abc import Mapping

from rules.refusal import Refusal

Authority = Mapping[str, int]
"""Kind of applicant -> the largest loan in fen; a kind that is not named is not the body's to lend to."""


def may_decide(authority: Authority | None, applicant_kind: str, amount_fen: int) -> bool:
    """Whether a body may decide such a loan itself; None: it is not restricted.

    What exceeds its authority goes to the body above it, whose region is wider. Clause: S4.4.
    """
    return authority is None or amount_fen <= authority.get(applicant_kind, -1)


def check_authority(authority: Authority, kinds: frozenset[str]) -> Refusal | None:
    """May these be the limits of a body? Clause: S4.4."""
    if unknown := set(authority) - kinds:
        return Refusal("S4.4", f"没有这种贷款：{min(unknown)}。", "unknown_kind", "authority")
    if any(limit <= 0 for limit in authority.values()):
        words = "权限要大于零；不办这种贷款的，不要列出来。"
        return Refusal("S4.4", words, "limit", "authority")
    return None
