"""A pack as the program uses it: typed values, and the same values by key with their sources."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from difflib import get_close_matches
from functools import cached_property
from types import MappingProxyType
from typing import Any

from policies.schema import SECTIONS, TABLES, Contents, Document, NoticeTable, Product
from policies.values import Value, plain
from rules.application import ApplicantKind, Terms
from rules.binding import CodePolicy
from rules.delivery import RetryPolicy
from rules.distance import VisitPolicy
from rules.easing import Policy as EasingPolicy
from rules.gates import GatePolicy
from rules.notices import NoticePolicy, QuietHours, Steps, Words
from rules.promises import PromisePolicy
from rules.regions import covers
from rules.repayment import Policy as RepaymentPolicy
from rules.routes import Route, Stage, Step, with_requirement
from rules.slips import SlipPolicy
from rules.tasks import EscalationPolicy
from rules.votes import VotePolicy
from rules.watching import WatchPolicy


class PolicyError(ValueError):
    """A pack cannot be used; the message names file and key and says what is wrong."""


@dataclass(frozen=True, slots=True)
class Citation:
    """Where a value stands: document, passage, our note, and the pack that says it."""

    source: str
    text: str
    note: str
    origin: str


@dataclass(frozen=True, slots=True)
class Explained:
    """All there is to know about one value. `used_by` is the clause and the function that reads it."""

    key: str
    name: str
    value: Any
    source: str
    text: str
    note: str
    origin: str
    used_by: str


@dataclass(frozen=True, eq=False)
class Pack:
    """One county's values. Use the typed parts in code; keys are for people, snapshots and comparisons."""

    contents: Contents
    citations: Mapping[str, Citation]
    notices: Mapping[str, NoticePolicy]

    @classmethod
    def of(cls, contents: Contents, citations: Mapping[str, Citation]) -> Pack:
        """A pack from its validated contents."""
        notices = {kind: _notice(kind, table) for kind, table in contents.notices.items()}
        return cls(contents, MappingProxyType(dict(citations)), MappingProxyType(notices))

    @property
    def name(self) -> str:
        return self.contents.pack.name

    @property
    def county(self) -> str:
        """Six digits, as in every `county` column."""
        return self.contents.pack.code

    @property
    def title(self) -> str:
        return self.contents.pack.title

    @property
    def centre(self) -> str:
        """What people there call their 金融扶贫服务中心."""
        return self.contents.pack.centre

    def phone(self, on: date) -> str:
        """Where people call whom a message leaves with a question."""
        return self.contents.contact.phone.on(on)

    def keys(self) -> list[str]:
        """Every key that can be asked for, in order."""
        return list(self._keys)

    @cached_property
    def _keys(self) -> Mapping[str, None]:
        """In order, and quick to look up: a page explains every one of them."""
        return dict.fromkeys(sorted(self._named()))

    def _named(self) -> Iterator[str]:
        for section in SECTIONS:
            entries = getattr(self.contents, section)
            yield from (f"{section}.{name}" for name in type(entries).model_fields if getattr(entries, name))
        for section, model in TABLES.items():
            fields = [name for name in model.model_fields if name not in ("source", "text", "note")]
            for name in getattr(self.contents, section):
                yield from (f"{section}.{name}.{_shown(field)}" for field in fields)

    def value(self, key: str, on: date) -> Any:
        """The value of a key in force on that day, as plain data. Raises PolicyError on an unknown key."""
        section, name, *field = self._known(key).split(".")
        entry = getattr(self.contents, section)
        if section in SECTIONS:
            held: Value[Any] = getattr(entry, name)
            return plain(held.on(on))
        return plain(getattr(entry[name], _stored(field[0])))

    def explain(self, key: str, on: date) -> Explained:
        """A value with source, passage and origin. Raises PolicyError on an unknown key. Clause: S19.1."""
        section, name, *_ = self._known(key).split(".")
        cited = self.citations.get(key) or self.citations[f"{section}.{name}"]
        entry = getattr(self.contents, section)
        title = getattr(entry, name).name if section in SECTIONS else entry[name].title
        return Explained(
            key, title, self.value(key, on), cited.source, cited.text, cited.note, cited.origin, used_by(key)
        )

    def _known(self, key: str) -> str:
        if key in self._keys:
            return key
        close = get_close_matches(key, self._keys, 3)
        raise PolicyError(
            f"no value {key!r} in {self.name}" + (f"; near: {', '.join(close)}" if close else "")
        )

    def terms(self, on: date) -> Terms:
        """What decides an application made on that day."""
        c = self.contents
        sections = (c.application, c.limits, c.rates)
        held = {
            name: getattr(section, name).on(on)
            for section in sections
            for name in type(section).model_fields
            if name in Terms.__dataclass_fields__ and getattr(section, name) is not None
        }
        held["kinds"] = tuple(kind.value for kind in held["kinds"])
        industries = {each.code: each.name for each in c.industries.leading.on(on)}
        return Terms(**{"registered_poor_fen": None, **held, "industries": industries})

    def product(self, kind: ApplicantKind) -> Product | None:
        """The kind of loan that such an applicant gets; None when the county lends to no such applicant."""
        return next((each for each in self.contents.products.values() if kind in each.kinds), None)

    def repayments(self, on: date) -> RepaymentPolicy:
        """How payments are booked."""
        held = self.contents.loan
        return RepaymentPolicy(
            order=held.allocation.on(on),
            by=held.allocate_by.on(on),
            penalty_percent=held.penalty_percent.on(on),
            ahead_days=held.ahead_days.on(on),
            remake=held.early_remake.on(on),
        )

    def easing(self, on: date) -> EasingPolicy:
        """When a loan may be extended or renewed."""
        held = self.contents.easing
        return EasingPolicy(**{name: getattr(held, name).on(on) for name in type(held).model_fields})

    def quiet_hours(self, on: date) -> QuietHours:
        """When nobody is disturbed."""
        return QuietHours(self.contents.contact.quiet_from.on(on), self.contents.contact.quiet_to.on(on))

    def gates(self, on: date) -> GatePolicy:
        """What the gates of a notice need."""
        contact, channels = self.contents.contact, self.contents.channels
        shares = channels.quota_percent_by_priority.on(on)
        return GatePolicy(
            quiet=self.quiet_hours(on),
            collection_cap_per_day=contact.collection_cap_per_day.on(on),
            conversation_pause=timedelta(minutes=contact.conversation_pause_minutes.on(on)),
            release_spread=timedelta(minutes=contact.release_spread_minutes.on(on)),
            daily_quota=channels.daily_quota.on(on),
            quota_percent_by_priority={int(priority): percent for priority, percent in shares.items()},
        )

    def retries(self, on: date) -> RetryPolicy:
        """How often and when a delivery is tried again."""
        channels = self.contents.channels
        return RetryPolicy(
            attempts_max=channels.attempts_max.on(on),
            retry_minutes=channels.retry_minutes.on(on),
            throttled_hours=channels.throttled_hours.on(on),
            receipt_wait_hours=channels.receipt_wait_hours.on(on),
        )

    def escalation(self, on: date) -> EscalationPolicy:
        """Where tasks go that nobody does."""
        held = self.contents.escalation
        return EscalationPolicy(
            levels=tuple(held.levels.on(on)),
            first_level={str(role): str(level) for role, level in held.first_level.on(on).items()},
            due_soon_hours=held.due_soon_hours.on(on),
            again_working_days=held.again_working_days.on(on),
            delegation_max_days=held.delegation_max_days.on(on),
        )

    def votes(self, on: date) -> VotePolicy:
        """How a group decides together. Clause: S4.3."""
        held = self.contents.votes
        return VotePolicy(held.quorum.on(on), held.majority.on(on), held.least.on(on), held.tie.on(on))

    def codes(self, on: date) -> CodePolicy:
        """How a WeChat proves by short message whose it is. Clause: S1.7."""
        held = self.contents.identity
        return CodePolicy(
            code_minutes=held.code_minutes.on(on),
            code_tries=held.code_tries.on(on),
            codes_per_hour=held.codes_per_hour.on(on),
            codes_per_day=held.codes_per_day.on(on),
            claims_per_day=held.claims_per_day.on(on),
        )

    def slips(self, on: date) -> SlipPolicy:
        """What a borrower may report as paid."""
        held = self.contents.slips
        return SlipPolicy(**{name: getattr(held, name).on(on) for name in SlipPolicy.__dataclass_fields__})

    def promises(self, on: date) -> PromisePolicy:
        """What a borrower may promise, and what it is worth."""
        held = self.contents.promises
        return PromisePolicy(
            **{name: getattr(held, name).on(on) for name in PromisePolicy.__dataclass_fields__}
        )

    def audit_watch(self, on: date) -> WatchPolicy:
        """How much use of personal data is usual. Clause: S17.2."""
        held = self.contents.audit_watch
        return WatchPolicy(**{name: getattr(held, name).on(on) for name in WatchPolicy.__dataclass_fields__})

    def visits(self, on: date) -> VisitPolicy:
        """What makes a visit doubtful."""
        held = self.contents.visit
        return VisitPolicy(
            photos_min=held.photos_min.on(on),
            distance_warn_m=held.distance_warn_m.on(on),
            accuracy_warn_m=held.accuracy_warn_m.on(on),
            speed_warn_kmh=held.speed_warn_kmh.on(on),
            clock_warn_minutes=held.clock_warn_minutes.on(on),
        )

    def route(self, name: str, on: date) -> Route:
        """A route as it is on that day, the visit it asks for included. Raises PolicyError."""
        if name not in self.contents.routes:
            raise PolicyError(
                f"no route {name!r} in {self.name}; there are {', '.join(self.contents.routes)}"
            )
        table = self.contents.routes[name]
        steps = tuple(Step(tuple(self._stage(stage) for stage in step)) for step in table.steps)
        route = Route(name, table.title, steps, table.return_to)
        if not self.needs_visit(name, on):
            return route
        return with_requirement(route, self.contents.visit.blocks_stage.on(on), "visit")

    def _stage(self, name: str) -> Stage:
        table = self.contents.stages[name]
        return Stage(
            name=name,
            title=table.title,
            role=table.role,
            organisation_kind=table.organisation,
            level=table.level,
            limit_working_days=table.limit_working_days,
            decisions=table.decisions,
            requires=table.requires,
            panel=table.panel,
        )

    def needs_visit(self, route: str, on: date) -> bool:
        """Does an application on this route open a visit task? Clause: S1.3."""
        return route in self.contents.visit.routes.on(on)

    def quiet_day(self, region: str, on: date) -> date | None:
        """The last day of the quiet days that hold in this region on that day, or None. Clause: S18.6."""
        held = [
            day.last_day
            for day in self.contents.contact.quiet_days.on(on)
            if day.first_day <= on <= day.last_day and (not day.region or covers(day.region, region))
        ]
        return max(held, default=None)

    def document(self, name: str) -> Document:
        """A text to read or sign. Raises PolicyError when the pack has none of that name. Clause: S1.4."""
        if name not in self.contents.documents:
            raise PolicyError(f"no document {name!r} in {self.name}")
        return self.contents.documents[name]

    def resolved(self, route: str, on: date) -> dict[str, Any]:
        """Route and terms as they are on that day, to be kept with an application for good. Clause: S19.2."""
        return {
            "pack": self.name,
            "on": on.isoformat(),
            "route": self.route(route, on).as_json(),
            "terms": self.terms(on).as_json(),
            "digest": self.digest(on),
        }

    def digest(self, on: date) -> str:
        """A fingerprint of every value in force on that day: equal packs have equal digests."""
        values = {key: self.value(key, on) for key in self._keys}
        text = json.dumps(values, ensure_ascii=False, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class Packs:
    """All packs of a deployment, by name and by county."""

    by_name: Mapping[str, Pack]

    @classmethod
    def of(cls, packs: Sequence[Pack]) -> Packs:
        """Raises PolicyError when two packs are for the same county or there is none."""
        counties = [pack.county for pack in packs]
        twice = {county for county in counties if counties.count(county) > 1}
        if twice:
            raise PolicyError(f"two packs for county {min(twice)}")
        if not packs:
            raise PolicyError("no pack has a county code; give one in [pack] code")
        return cls(MappingProxyType({pack.name: pack for pack in packs}))

    def __iter__(self) -> Iterator[Pack]:
        return iter(self.by_name.values())

    def __getitem__(self, name: str) -> Pack:
        """The pack of that name. Raises PolicyError when there is none."""
        try:
            return self.by_name[name]
        except KeyError:
            raise PolicyError(f"no pack {name!r}; there are {', '.join(self.by_name)}") from None

    def by_county(self, county: str) -> Pack:
        """The pack of a county, by six or twelve digits. Raises PolicyError when there is none."""
        for pack in self:
            if pack.county == county[:6]:
                return pack
        raise PolicyError(f"no pack for county {county}; there are {', '.join(self.by_name)}")


def used_by(key: str) -> str:
    """The clause and the function that reads a value, as the schema says it."""
    section, name, *_ = key.split(".")
    if section in SECTIONS:
        return SECTIONS[section].model_fields[name].description or ""
    return TABLES[section].USED_BY


def _shown(field: str) -> str:
    return "class" if field == "notice_class" else field


def _stored(field: str) -> str:
    return "notice_class" if field == "class" else field


def _notice(kind: str, table: NoticeTable) -> NoticePolicy:
    words = Words(
        template=table.template,
        fields=MappingProxyType(table.fields),
        text=table.message,
        sms=table.sms,
        task=table.task,
        detail=table.detail,
    )
    return NoticePolicy(
        kind=kind,
        title=table.title,
        notice_class=table.notice_class,
        priority=table.priority,
        ladder=table.ladder,
        words=words,
        counts_from=table.counts_from,
        steps=Steps(table.steps, table.repeat_every_days, table.too_late_days),
        too_late_hours=table.too_late_hours,
        obeys_quiet_hours=table.obeys_quiet_hours,
        reminder=table.reminder,
    )
