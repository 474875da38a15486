"""The texts people agree to, from the county's pack: 告知书, 承诺书, 授权书. Clause: S1.4, S6.6.

The words are the county's own and stand in its pack with their source; here they only get the outer form of a
letter. The hash that is kept with a consent is over title and text exactly as they were shown.
"""

from __future__ import annotations

from bot.dialog import Paper
from policies.pack import Pack
from policies.schema import Document

NOTICE_OF_TERMS = "notice_of_terms"
PLEDGE = "pledge"
QUERY_AUTHORISATION = "credit_query_consent"
KINDS = (QUERY_AUTHORISATION, NOTICE_OF_TERMS, PLEDGE)


def papers_of(pack: Pack) -> dict[str, Paper]:
    """Every paper of the loan application by kind. Raises PolicyError when the pack lacks one."""
    return {kind: paper(kind, pack.document(kind)) for kind in KINDS}


def paper(kind: str, document: Document) -> Paper:
    """One document as shown: an opening where the source has one, and its points, numbered if several."""
    points = document.points
    lines = [f"{n}.{point}" for n, point in enumerate(points, 1)] if len(points) > 1 else list(points)
    if opening := _opening(document):
        lines = ["各贷户:", opening, *lines]
    return Paper(kind, document.version, document.title, "\n".join(lines))


def _opening(document: Document) -> str:
    """The cited passage is the opening of the letter when it ends in a colon (004 附件2)."""
    passage = document.text.strip()
    return passage if passage.endswith((":", "：")) else ""
