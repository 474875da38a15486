"""Who sits in judgement on an application: the seats of a group, who abstains, and how the votes stand."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from actions.access import family_of
from bot.database import fetch
from models.application import Decision as DecisionRow
from models.application import LoanApplication, Task, Visit
from models.panel import Panel, Vote
from models.people import Person
from rules.identity import mask_name
from rules.regions import covers, scope_of
from rules.routes import Route
from rules.votes import OF_ITS_BODY, PANEL_TITLES, seated

TASK = "vote"
MEMBER = "panel_member"
"""What stands as the role of a task that is one member's alone: no post has it."""


@dataclass(frozen=True, slots=True)
class SeatView:
    """A member and whether he has voted; what he said only once it is decided."""

    member: str
    voted: bool
    choice: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class BallotView:
    """One vote of a group. `decision`: empty until it is decided."""

    stage: str
    title: str
    panel: str
    round: int
    seats: tuple[SeatView, ...]
    decision: str = ""


async def involved(application: LoanApplication, stage: str) -> tuple[frozenset[int], frozenset[int]]:
    """Whose own case it is (family, and who filled it in), and who holds another of the five posts on it.

    Clause: S4.3.
    """
    family = await family_of(application)
    first = Route.from_json(application.resolved_route).steps[0].stages
    if application.route != "paper" or stage not in [each.name for each in first]:
        # 途径一: the village clerk who enters the paper gives the preliminary review himself (S2.1)
        family |= {application.filled_by_id}
    decided = DecisionRow.filter(application_id=application.id, reviewer_id__isnull=False)
    elsewhere = {row.reviewer_id for row in await decided.exclude(stage=stage) if row.reviewer_id}
    elsewhere |= {row.visitor_id for row in await Visit.filter(application_id=application.id)}
    return family, frozenset(elsewhere) | await voters(application.id, besides=stage)


async def voters(application_id: int, *, besides: str = "", of_a_body: bool = False) -> frozenset[int]:
    """Who voted on an application, not at stage `besides`; `of_a_body`: for a lender. Clause: S4.3."""
    rows = await Vote.filter(application_id=application_id).exclude(stage=besides)
    if rows and of_a_body:
        application = await LoanApplication.get(id=application_id)
        route = Route.from_json(application.resolved_route)
        rows = [row for row in rows if route.stage(row.stage).panel in OF_ITS_BODY]
    return frozenset(row.member_id for row in rows)


_MEMBERS = """
SELECT m.person_id FROM panel_member m
WHERE m.panel_id = $1 AND m.from_on <= $2 AND coalesce(m.to_on, $2) >= $2 AND EXISTS (
  SELECT 1 FROM post p WHERE p.person_id = m.person_id AND p.from_on <= $2 AND coalesce(p.to_on, $2) >= $2)
GROUP BY m.person_id ORDER BY min(m.id)"""


async def members_on(panel_id: int, on: date) -> list[int]:
    """Ids of those who sit in a group on a day and still hold a post. Clause: S17.1."""
    return [row["person_id"] for row in await fetch(_MEMBERS, panel_id, on)]


async def panel_for(application: LoanApplication, kind: str, body: int | None) -> Panel | None:
    """The group of a kind for an application: that of the body, else the closest one around its village.

    Clause: S4.3.
    """
    found = Panel.filter(county=application.county, kind=kind)
    panels = [
        panel
        for panel in await (found.filter(organisation_id=body) if body else found).order_by("id")
        if covers(panel.region, application.village)
    ]
    return max(panels, key=lambda panel: len(scope_of(panel.region)), default=None)


async def seats_for(application: LoanApplication, panel: Panel, stage: str, on: date) -> list[int]:
    """Ids of the members who vote on an application; who is involved abstains. Clause: S4.3."""
    family, elsewhere = await involved(application, stage)
    return seated(await members_on(panel.id, on), family=family, other_posts=elsewhere)


async def of_stage(application: LoanApplication, round_: int, stage: str) -> list[Task]:
    """The tasks of the seats of one vote, in the order of the seats; those taken from the group are gone."""
    tasks = await Task.filter(application_id=application.id, kind=TASK, round=round_, stage=stage).order_by(
        "id"
    )
    return [task for task in tasks if task.outcome != "left"]


async def without_task(application: LoanApplication, stage: str, seats: Collection[int]) -> list[int]:
    """Those of the seats whom the vote of this round has not asked yet. Clause: S4.3."""
    asked = Task.filter(application_id=application.id, kind=TASK, round=application.round, stage=stage)
    known = {task.assignee_id for task in await asked}
    return [member for member in seats if member not in known]


async def ballot(application: LoanApplication, round_: int, stage: str) -> BallotView:
    """How one vote stands: who has voted; how, only once it is decided. Clause: S4.3."""
    asked = Route.from_json(application.resolved_route).stage(stage)
    tasks = await of_stage(application, round_, stage)
    people = await Person.in_bulk([task.assignee_id for task in tasks if task.assignee_id], "id")
    cast = await Vote.filter(application_id=application.id, round=round_, stage=stage)
    said = {vote.member_id: vote for vote in cast}
    decided = await DecisionRow.get_or_none(
        application_id=application.id, round=round_, stage=stage, reviewer_id__isnull=True
    )
    return BallotView(
        stage=stage,
        title=asked.title,
        panel=PANEL_TITLES[asked.panel],
        round=round_,
        seats=tuple(
            _seat(people[task.assignee_id], said.get(task.assignee_id), shown=decided is not None)
            for task in tasks
            if task.assignee_id
        ),
        decision=decided.decision if decided else "",
    )


def _seat(member: Person, vote: Vote | None, *, shown: bool) -> SeatView:
    name = mask_name(member.name)
    if vote is None or not shown:
        return SeatView(name, voted=vote is not None)
    return SeatView(name, voted=True, choice=vote.choice, reason=vote.reason)


async def decided_ballots(application: LoanApplication) -> list[BallotView]:
    """Every vote on an application that has been decided, the oldest first. Clause: S4.3."""
    rows = await DecisionRow.filter(application_id=application.id, reviewer_id__isnull=True).order_by("id")
    return [await ballot(application, row.round, row.stage) for row in rows]


def lacks(panel: Panel | None, seats: Collection[int], needed: int) -> str:
    """What is missing for a vote, for people; empty: nothing. Clause: S4.3."""
    if panel is None:
        return "还没有登记审议的小组"
    if len(seats) < needed:
        return f"{panel.name}能表决的只有{len(seats)}人，至少要{needed}人"
    return ""
