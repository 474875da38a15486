"""The texts people agree to, from the county's pack: 告知书, 承诺书, 授权书. Clause: S1.4, S6.6.

The words are the county's own and stand in its pack with their source; here they only get the outer form of a
letter. The hash that is kept with a consent is over title and text exactly as they were shown.
"""

from __future__ import annotations

from collections.abc import Mapping

from actions.applications import GivenConsent
from bot.dialog import Paper
from policies.pack import Pack
from policies.schema import Document
from rules.application import PAPERS

KINDS = PAPERS
QUERY_AUTHORISATION, NOTICE_OF_TERMS, PLEDGE = KINDS


def papers_of(pack: Pack) -> dict[str, Paper]:
    """Every paper of the loan application by kind. Raises PolicyError when the pack lacks one."""
    return {kind: paper(kind, pack.document(kind)) for kind in KINDS}


def agreed(pack: Pack, hashes: Mapping[str, str]) -> tuple[GivenConsent, ...]:
    """The papers among `hashes` (kind -> SHA-256 of what was shown) whose present text was shown. S1.4."""
    now = papers_of(pack)
    return tuple(
        GivenConsent(kind, now[kind].version, now[kind].sha256)
        for kind, shown in hashes.items()
        if kind in now and now[kind].sha256 == shown
    )


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
