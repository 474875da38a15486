"""The way of an application through its stages: values from a pack and a pure state machine over them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from rules.refusal import Refusal


class Decision(StrEnum):
    """What a reviewer may say."""

    APPROVE = "approve"  # 通过
    RETURN = "return"  # 退回补充
    REJECT = "reject"  # 拒绝


class State(StrEnum):
    """Where an application stands. The first two and EXPIRED belong to drafts; the rest to the route."""

    DRAFT = "draft"
    AWAITING_CONFIRMATION = "awaiting_confirmation"
    IN_REVIEW = "in_review"
    RETURNED = "returned"
    APPROVED = "approved"
    DISBURSED = "disbursed"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class ReturnTo(StrEnum):
    """Who looks again after the farmer has answered a return."""

    STAGE = "stage"  # only the stage that returned
    STEP = "step"  # every stage of the step that runs side by side with it
    FIRST = "first"  # the route starts again


FINAL_STATES = frozenset({State.DISBURSED, State.REJECTED, State.WITHDRAWN, State.EXPIRED})
OPEN_STATES = frozenset({State.IN_REVIEW, State.RETURNED, State.APPROVED})
WITHDRAWABLE_STATES = frozenset(
    {State.DRAFT, State.AWAITING_CONFIRMATION, State.IN_REVIEW, State.RETURNED}
)  # S1.5: before approval


@dataclass(frozen=True, slots=True)
class Stage:
    """One decision by one kind of person. `requires` names what must be done before it may decide."""

    name: str
    title: str
    role: str
    organisation_kind: str
    level: str  # village | town | county
    limit_working_days: int
    decisions: tuple[Decision, ...]
    requires: tuple[str, ...] = ()
    panel: str = ""
    """The kind of group that decides by vote; empty: one person decides."""


@dataclass(frozen=True, slots=True)
class Step:
    """Stages that run side by side; the step is done when each of them has approved."""

    stages: tuple[Stage, ...]


@dataclass(frozen=True, slots=True)
class Route:
    """Ordered steps. The last step pays out: reaching it means approved, approving it means disbursed."""

    name: str
    title: str
    steps: tuple[Step, ...]
    return_to: ReturnTo = ReturnTo.STAGE

    def stages(self) -> tuple[Stage, ...]:
        """All stages in order."""
        return tuple(stage for step in self.steps for stage in step.stages)

    def stage(self, name: str) -> Stage:
        """The stage of that name. Raises KeyError when the route has none."""
        for stage in self.stages():
            if stage.name == name:
                return stage
        raise KeyError(name)

    def as_json(self) -> dict[str, Any]:
        """Plain values, as stored with the application (S19.2)."""
        return {
            "name": self.name,
            "title": self.title,
            "return_to": self.return_to.value,
            "steps": [[_stage_json(stage) for stage in step.stages] for step in self.steps],
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Route:
        """The route that `as_json` wrote."""
        steps = tuple(Step(tuple(_stage(row) for row in step)) for step in stored["steps"])
        return cls(stored["name"], stored["title"], steps, ReturnTo(stored["return_to"]))


@dataclass(frozen=True, slots=True)
class Progress:
    """Where an application is on its route: equal values mean the same standing."""

    state: State
    round: int = 1
    step: int = 0
    decided: tuple[tuple[str, Decision], ...] = ()  # of the current step, in the order of its stages

    def decision_of(self, stage: str) -> Decision | None:
        """What the stage of the current step has said in force, or None while it is open."""
        return dict(self.decided).get(stage)


def first_step(route: Route) -> Progress:
    """The standing right after submission: round 1, the first step open. Clause: S1.2, S2.1."""
    return _enter(route, Progress(State.IN_REVIEW), 0)


def open_stages(route: Route, progress: Progress) -> tuple[Stage, ...]:
    """The stages that may decide now: tasks stand open for exactly these. Clause: S1.2."""
    if progress.state not in OPEN_STATES:
        return ()
    said = dict(progress.decided)
    return tuple(stage for stage in route.steps[progress.step].stages if stage.name not in said)


def check_decision(
    route: Route,
    progress: Progress,
    stage: str,
    decision: Decision,
    fulfilled: Iterable[str] = (),
) -> Refusal | None:
    """Why this decision may not be taken now, or None. `fulfilled` names the requirements that are met.

    A requirement that was done and speaks against the application (`denied`) forbids approval alone.
    Clause: S1.2, S1.3.
    """
    if progress.state in FINAL_STATES:
        return Refusal("S1.2", f"这笔申请{STATE_WORDS[progress.state]}，不能再处理。", "application_closed")
    here = {each.name: each for each in open_stages(route, progress)}
    if stage not in here:
        return Refusal("S1.2", "这一步已经处理过，或者还没轮到。请刷新后再看。", "stage_not_open")
    if decision not in here[stage].decisions:
        return Refusal("S1.2", "这一步不能选这个结果，请换一个。", "decision_not_allowed", "decision")
    return _check_requirements(here[stage], decision, frozenset(fulfilled))


def _check_requirements(stage: Stage, decision: Decision, met: frozenset[str]) -> Refusal | None:
    for need in stage.requires:
        if denied(need) in met:
            if decision is Decision.APPROVE:
                return Refusal("S1.3", DENIED_WORDS.get(need, _DENIED), "requirement_denied", "decision")
        elif need not in met:
            return Refusal("S1.3", REQUIREMENT_WORDS.get(need, _MISSING), "requirement_missing")
    return None


def denied(requirement: str) -> str:
    """The name, among those fulfilled, of a requirement that was done and did not confirm. Clause: S1.3."""
    return f"{requirement}_denied"


STATE_WORDS: Mapping[State, str] = {
    State.DRAFT: "还没有提交",
    State.AWAITING_CONFIRMATION: "在等本人确认",
    State.IN_REVIEW: "正在审核",
    State.RETURNED: "在等补充材料",
    State.APPROVED: "已经同意，等银行放款",
    State.DISBURSED: "已经放款",
    State.REJECTED: "没有通过",
    State.WITHDRAWN: "已经撤回",
    State.EXPIRED: "已经过期",
}
REQUIREMENT_WORDS: Mapping[str, str] = {
    "visit": "村干部还没有走访确认，请等走访完成后再处理。",
}
DENIED_WORDS: Mapping[str, str] = {
    "visit": "村干部走访后说情况不属实，不能通过。可以退回补充，或者不通过。",
}
_MISSING = "还有材料没有齐，请先补齐。"
_DENIED = "核实的结果是不属实，不能通过。可以退回补充，或者不通过。"


def after_decision(route: Route, progress: Progress, stage: str, decision: Decision) -> Progress:
    """The standing after one stage has decided.

    The outcome depends on which decisions were taken, never on their order: a reject ends the matter at
    once, a return waits for the farmer while the stages beside it may still speak, approvals of all open the
    next step.
    Raises ValueError when `check_decision` would refuse (requirements aside). Clause: S1.2.
    """
    refusal = check_decision(route, progress, stage, decision, route.stage(stage).requires)
    if refusal is not None:
        raise ValueError(f"{refusal.code}: {stage} {decision}")
    said = {**dict(progress.decided), stage: decision}
    order = [each.name for each in route.steps[progress.step].stages]
    noted = replace(progress, decided=tuple((name, said[name]) for name in order if name in said))
    return _settle(route, noted)


def _settle(route: Route, progress: Progress) -> Progress:
    said = [decision for _, decision in progress.decided]
    if Decision.REJECT in said:
        return replace(progress, state=State.REJECTED)
    if Decision.RETURN in said:
        return replace(progress, state=State.RETURNED)
    if len(said) < len(route.steps[progress.step].stages):
        return progress
    if progress.step == len(route.steps) - 1:
        return replace(progress, state=State.DISBURSED)
    return _enter(route, progress, progress.step + 1)


def _enter(route: Route, progress: Progress, step: int) -> Progress:
    last = step == len(route.steps) - 1
    return Progress(State.APPROVED if last else State.IN_REVIEW, progress.round, step)


def after_supplement(route: Route, progress: Progress) -> Progress:
    """The standing after the farmer has answered a return: a new round, who returned looks again.

    Raises ValueError unless the state is RETURNED. Clause: S1.2, S1.5.
    """
    if progress.state is not State.RETURNED:
        raise ValueError(f"nothing was returned: {progress.state}")
    again = replace(progress, round=progress.round + 1)
    if route.return_to is ReturnTo.FIRST:
        return _enter(route, again, 0)
    kept = () if route.return_to is ReturnTo.STEP else progress.decided
    decided = tuple((name, said) for name, said in kept if said is not Decision.RETURN)
    return replace(_enter(route, again, progress.step), decided=decided)


def withdraw(progress: Progress) -> Progress | Refusal:
    """The standing after the farmer has taken the application back, or why it is too late. Clause: S1.5."""
    if progress.state in WITHDRAWABLE_STATES:
        return replace(progress, state=State.WITHDRAWN)
    words = f"这笔申请{STATE_WORDS[progress.state]}，不能撤回。有疑问请联系县金融扶贫服务中心。"
    return Refusal("S1.5", words, "too_late_to_withdraw")


def _stage_json(stage: Stage) -> dict[str, Any]:
    return {
        "name": stage.name,
        "title": stage.title,
        "role": stage.role,
        "organisation_kind": stage.organisation_kind,
        "level": stage.level,
        "limit_working_days": stage.limit_working_days,
        "decisions": [decision.value for decision in stage.decisions],
        "requires": list(stage.requires),
        "panel": stage.panel,
    }


def _stage(row: Mapping[str, Any]) -> Stage:
    decisions = tuple(Decision(each) for each in row["decisions"])
    return Stage(**{**row, "decisions": decisions, "requires": tuple(row["requires"])})


def with_requirement(route: Route, stage: str, requirement: str) -> Route:
    """The route in which that stage also needs this to be done first; unchanged when it has no such stage.

    Clause: S1.3.
    """
    steps = tuple(
        Step(tuple(_needing(each, requirement) if each.name == stage else each for each in step.stages))
        for step in route.steps
    )
    return replace(route, steps=steps)


def _needing(stage: Stage, requirement: str) -> Stage:
    return replace(stage, requires=tuple(dict.fromkeys((*stage.requires, requirement))))
