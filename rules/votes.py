"""Groups that decide together: what kinds there are, who may sit in one, what a vote comes to. S4.3, S17.1"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, get_args

from rules.refusal import Refusal
from rules.roles import THREE
from rules.routes import Decision

PanelKind = Literal["village_panel", "three_helpers", "risk_panel", "deliberation"]
PANEL_KINDS: tuple[str, ...] = get_args(PanelKind)
PANEL_TITLES: dict[str, str] = {
    "village_panel": "村五人小组",
    "three_helpers": "扶贫三员",
    "risk_panel": "风控小组",
    "deliberation": "审议小组",
}
OF_ITS_BODY = ("deliberation",)
"""Groups whose members all work in the body that the group belongs to: it lends, so its people decide."""


class Outcome(StrEnum):
    """What the votes of a stage come to."""

    OPEN = "open"  # 还在表决
    APPROVED = "approved"  # 同意
    RETURNED = "returned"  # 退回补充
    REJECTED = "rejected"  # 不同意
    TIE = "tie"  # 没有形成多数意见
    NO_QUORUM = "no_quorum"  # 人数不够


@dataclass(frozen=True, slots=True)
class VotePolicy:
    """The values of a pack. `quorum`: at least this share of the seats votes, and never fewer than `least`.

    `majority`: more than this share of the votes decides. `tie`: what it means when none has it.
    """

    quorum: tuple[int, int]
    majority: tuple[int, int]
    least: int
    tie: Decision


def votes_needed(seats: int, policy: VotePolicy) -> int:
    """How many must vote before anything is decided. Clause: S4.3 (default)."""
    share, whole = policy.quorum
    return max(policy.least, -(-seats * share // whole))


def count(seats: int, said: Collection[Decision], policy: VotePolicy, *, over: bool) -> Outcome:
    """What the votes come to; `seats` are the members who do not abstain, `over`: the time has run out.

    Before the time is over it is decided as soon as the votes that are still out can change nothing.
    Clause: S4.3 (default).
    """
    needed = votes_needed(seats, policy)
    if seats < needed:
        return Outcome.NO_QUORUM
    if len(said) < needed:
        return Outcome.NO_QUORUM if over else Outcome.OPEN
    share, whole = policy.majority
    of = len(said) if over else seats
    for decision, outcome in _OUTCOME_OF.items():
        if sum(1 for each in said if each is decision) * whole > of * share:
            return outcome
    return Outcome.TIE if over or len(said) == seats else Outcome.OPEN


_OUTCOME_OF = {
    Decision.APPROVE: Outcome.APPROVED,
    Decision.RETURN: Outcome.RETURNED,
    Decision.REJECT: Outcome.REJECTED,
}


def decision_of(outcome: Outcome, policy: VotePolicy) -> Decision | None:
    """What the stage says by such an outcome; None: nothing yet. Clause: S4.3 (default)."""
    if outcome is Outcome.TIE:
        return policy.tie
    return next((said for said, named in _OUTCOME_OF.items() if named is outcome), None)


def seated(members: Iterable[int], *, family: Collection[int], other_posts: Collection[int]) -> list[int]:
    """Who votes: nobody on his own or his family's application, nor who holds another post on it.

    Clause: S4.3.
    """
    return [member for member in members if member not in family and member not in other_posts]


def check_seat(kind: str, roles: Collection[str], bodies: Collection[int], body: int) -> Refusal | None:
    """May somebody with these roles in these bodies sit in a group of that kind in `body`? Clause: S17.1."""
    if not roles:
        return Refusal("S17.1", "他还没有岗位，先办到岗，再进小组。", "no_post", "person")
    if set(roles) & set(THREE):
        return Refusal("S17.1", "系统、安全、审计三员不进小组。请换一个人。", "two_duties", "person")
    if kind in OF_ITS_BODY and body not in bodies:
        return Refusal("S17.1", "审议小组的成员要是本单位的人。请换一个人。", "other_body", "person")
    return None
