"""Three-level early warning: which facts call for which level, and when a level may go down by itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import IntEnum, StrEnum
from hashlib import sha256


class Level(IntEnum):
    """关注, 重点关注, 风险; nought is no warning. Clause: S10.1."""

    NONE = 0
    WATCH = 1
    PRIORITY_WATCH = 2
    AT_RISK = 3


NAMES: Mapping[Level, str] = {
    Level.NONE: "正常",
    Level.WATCH: "关注",
    Level.PRIORITY_WATCH: "重点关注",
    Level.AT_RISK: "风险",
}


class Fact(StrEnum):
    """What a rule may look at: two counts of the night, broken promises, and what people report."""

    DAYS_PAST_DUE = "days_past_due"
    MISSED_SETTLEMENTS = "missed_settlements"
    BROKEN_PROMISES = "broken_promises"
    REPORTED = "reported"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the pack. A counted fact fires at `at_least`; a report fires when its code is named."""

    code: str
    fact: Fact
    level: Level
    at_least: int = 1
    codes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Report:
    """What somebody saw or entered; `number` names it for good."""

    number: int
    code: str


@dataclass(frozen=True, slots=True)
class LoanFacts:
    """All that the rules may know of one loan at the end of a day."""

    days_past_due: int = 0
    missed_settlements: int = 0
    broken_promises: int = 0
    last_promise: int = 0
    reports: tuple[Report, ...] = ()


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason to warn. The same cause has the same key on every day: it warns once."""

    rule: str
    level: Level
    key: str
    facts: Mapping[str, int | str] = field(default_factory=dict)


def fired(facts: LoanFacts, rules: Sequence[Rule], on: date) -> list[Cause]:
    """The causes that hold on that day: of each counted fact the highest rule it reaches, and every report.

    A count belongs to its spell: the due date of the oldest unpaid line is part of the key. Clause: S10.1.
    """
    found = [
        cause
        for fact in (Fact.DAYS_PAST_DUE, Fact.MISSED_SETTLEMENTS, Fact.BROKEN_PROMISES)
        if (cause := _counted(fact, facts, rules, on)) is not None
    ]
    for report in facts.reports:
        found += [
            Cause(rule.code, rule.level, f"{rule.code}:r{report.number}", {"report": report.code})
            for rule in rules
            if rule.fact is Fact.REPORTED and report.code in rule.codes
        ]
    return found


def _counted(fact: Fact, facts: LoanFacts, rules: Sequence[Rule], on: date) -> Cause | None:
    count = int(getattr(facts, fact.value))
    reached = [rule for rule in rules if rule.fact is fact and count >= rule.at_least]
    if not reached:
        return None
    top = max(reached, key=lambda rule: (rule.level, rule.at_least, rule.code))
    since = on - timedelta(days=facts.days_past_due)
    episode = f"p{facts.last_promise}" if fact is Fact.BROKEN_PROMISES else since.isoformat()
    return Cause(top.code, top.level, f"{top.code}:{episode}", {fact.value: count})


def highest(causes: Iterable[Cause]) -> Level:
    """The level that these causes call for together. Clause: S10.1."""
    return max((cause.level for cause in causes), default=Level.NONE)


def after_new(level: Level, new: Iterable[Cause]) -> Level:
    """The level after causes that had not warned before: it only rises. Clause: S10.1."""
    return max(level, highest(new))


def is_lowered(clean_since: date | None, on: date, clean_days: int) -> bool:
    """Has less been found for so many days, today included, that the level goes down? Clause: S10.1."""
    return clean_since is not None and (on - clean_since).days + 1 >= clean_days


def holds_until(from_on: date, report_days: int) -> date:
    """The last day on which a report without an end of its own counts. Clause: S10.1."""
    return from_on + timedelta(days=report_days - 1)


def version(rules: Sequence[Rule]) -> str:
    """A short name of the rules as they stand: kept with each warning. Clause: S10.1."""
    said = sorted(f"{r.code}|{r.fact}|{r.at_least}|{int(r.level)}|{','.join(sorted(r.codes))}" for r in rules)
    return sha256("\n".join(said).encode()).hexdigest()[:16]
