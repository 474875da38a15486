"""The words of a notice: the pack's wording filled with what its subject says at this moment.

Names are opened only when a wording asks for them. On a lock screen no amount and no name beyond the surname
may stand (S18.5): the pack's wordings are checked for that when it is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import orjson

from actions.routing import ROLE_TITLES, TASK_TITLES, said_at, said_on
from actions.subjects import About, Sealed, stored_json
from bot.config import SHANGHAI
from models.sealing import one_time_code, open_text
from policies import Pack
from rules.application import yuan
from rules.identity import honorific, surname
from rules.notices import NoticePolicy
from rules.routes import Route
from rules.words import fill, fill_fields, placeholders

NO_ADVICE = "有不明白的，问村干部或者打电话给我们；情况变了可以再申请"


@dataclass(slots=True)
class Told:
    """A notice as its words need it: when it was made, about which day, with which facts, to whom."""

    kind: str
    step: str
    due_on: date
    created_at: datetime
    facts: Mapping[str, Any]
    person: Sealed
    about: About


class Facts(dict[str, str]):
    """The facts of one notice: as planned, else worked out when a wording asks. Raises KeyError."""

    def __init__(self, told: Told, pack: Pack) -> None:
        super().__init__()
        self.told = told
        self.pack = pack

    def __missing__(self, name: str) -> str:
        planned = self.told.facts.get(name)
        found = str(planned) if planned not in (None, "") else _SAY[name](self)
        self[name] = found
        return found

    def given(self, name: str) -> Any:
        """A fact as the subject has it now, else as it was when the notice was planned."""
        found = self.told.about.facts.get(name)
        return found if found not in (None, "") else self.told.facts.get(name)

    @property
    def person(self) -> Sealed:
        return self.told.about.person or self.told.person


def fields_of(policy: NoticePolicy, facts: Facts) -> Mapping[str, str]:
    """The typed keys of the template, filled and made to fit. Raises KeyError, ValueError. Clause: S18.7."""
    wordings = tuple(policy.words.fields.items())
    return _filled(wordings, tuple((name, facts[name]) for name in _asked(wordings)))


@lru_cache(maxsize=256)
def _asked(wordings: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for _, words in wordings for name in placeholders(words)))


@lru_cache(maxsize=4096)
def _filled(wordings: tuple[tuple[str, str], ...], facts: tuple[tuple[str, str], ...]) -> Mapping[str, str]:
    """On a lock screen stand surnames and days: many people are told the same words."""
    return MappingProxyType(fill_fields(dict(wordings), dict(facts)))


def text_of(policy: NoticePolicy, facts: Facts, *, detailed: bool) -> str:
    """The chat bubble; with the detail only for somebody who chose so. Raises KeyError. Clause: S18.5."""
    if detailed and policy.words.detail:
        return f"{fill(policy.words.text, facts)}\n{fill(policy.words.detail, facts)}"
    return fill(policy.words.text, facts)


def sms_of(policy: NoticePolicy, facts: Facts) -> str:
    """The short message. Raises KeyError. Clause: S18.5."""
    return fill(policy.words.sms, facts)


def opened(policy: NoticePolicy, facts: Facts) -> str:
    """What the person reads after opening the notice: the detail where there is one. Clause: S18.5."""
    return fill(policy.words.detail or policy.words.text, facts)


def errand_of(policy: NoticePolicy, facts: Facts) -> str:
    """What a cadre is asked to do who must call or visit. Raises KeyError. Clause: S11.7."""
    return fill(policy.words.task or policy.words.text, facts)


_PAGES = MappingProxyType(
    {
        "task": "/m/tasks/",
        "application": "/m/applications/",
        "instalment": "/m/loans/",
        "loan": "/m/loans/",
        "report": "/m/reports/",
        "slip": "/m/loans/",
        "repayment": "/m/loans/",
    }
)


def link(subject_kind: str, about: About, base_url: str, account: str = "", *, several: bool = False) -> str:
    """The page that opens when the notice is tapped: its subject, or the list where it speaks of `several`.

    A link in a message names its `account`.
    """
    page = _PAGES.get(subject_kind)
    path = f"{page}{about.facts['key']}" if page and "key" in about.facts else "/m/"
    path = page.rstrip("/") if page and several else path
    return f"{base_url}/m/login?account={account}&to={path}" if account else f"{base_url}{path}"


def last_day(ends_at: datetime) -> str:
    """The day whose end a deadline is: midnight belongs to the day before."""
    return said_on((ends_at - timedelta(seconds=1)).astimezone(SHANGHAI).date())


def _name(facts: Facts) -> str:
    return open_text(facts.person.name, "person", "name", facts.person.key)


def _surname(facts: Facts) -> str:
    return surname(_name(facts))


def _honorific(facts: Facts) -> str:
    number = open_text(facts.person.id_number, "person", "id_number", facts.person.key)
    sex = ("male" if int(number[16]) % 2 else "female") if len(number) == 18 else None
    return honorific(sex if facts["surname"] else None)  # type: ignore[arg-type]


def _stage(facts: Facts) -> str:
    named = facts.given("stage")
    if named:
        table = facts.pack.contents.stages.get(named)
        return table.title if table else str(named)
    route, step = _standing(facts)
    return "、".join(stage.title for stage in route.steps[max(0, step - 1)].stages)


def _role(facts: Facts) -> str:
    route, step = _standing(facts)
    return "和".join(dict.fromkeys(ROLE_TITLES[stage.role] for stage in route.steps[step].stages))


def _standing(facts: Facts) -> tuple[Route, int]:
    """The application's route and the step it has reached."""
    route = facts.told.about.facts["route"]
    text = route if isinstance(route, str) else orjson.dumps(route).decode()
    return _route(text), int(stored_json(facts.told.about.facts["progress"])["step"])


@lru_cache(maxsize=64)
def _route(text: str) -> Route:
    return Route.from_json(orjson.loads(text))


def _task(facts: Facts) -> str:
    stage = facts.pack.contents.stages.get(facts.given("stage") or "")
    return stage.title if stage else TASK_TITLES.get(facts.given("task_kind") or "", "请处理一件事")


def _due_on(facts: Facts) -> str:
    if facts.given("due_at") is not None:
        return last_day(_instant(facts.given("due_at")))
    if facts.given("maturity_on") is not None:
        return said_on(facts.given("maturity_on"))
    return said_on(facts.told.due_on)


def _expected_on(facts: Facts) -> str:
    expected = facts.given("expected_at")
    return last_day(_instant(expected)) if expected is not None else "近期"


def _instant(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def _phone(facts: Facts) -> str:
    return facts.pack.phone(facts.told.created_at.astimezone(SHANGHAI).date())


def _money(name: str) -> Callable[[Facts], str]:
    return lambda facts: yuan(int(facts.given(name)))


def _word(name: str, otherwise: str | None = None) -> Callable[[Facts], str]:
    def say(facts: Facts) -> str:
        found = facts.given(name)
        if found in (None, "") and otherwise is None:
            raise KeyError(name)
        return str(found if found not in (None, "") else otherwise)

    return say


_SAY: Mapping[str, Callable[[Facts], str]] = MappingProxyType(
    {
        "surname": _surname,
        "honorific": _honorific,
        "name": _name,
        "stage": _stage,
        "role": _role,
        "status": _word("status"),
        "task": _task,
        "place": _word("place", "本村"),
        "number": _word("number", "—"),
        "at": lambda facts: said_at(facts.told.created_at),
        "due_on": _due_on,
        "expected_on": _expected_on,
        "days": _word("days"),
        "count": _word("count"),
        "centre": lambda facts: facts.pack.centre,
        "phone": _phone,
        "reply": _word("reply"),
        "amount": _money("amount_fen"),
        "principal": _money("principal_fen"),
        "interest": _money("interest_fen"),
        "product": _word("product"),
        "reason": _word("reason", "请看申请里的说明"),
        "advice": _word("advice", NO_ADVICE),
        "borrower_phone": _word("borrower_phone"),
        "grade": _word("grade"),
        "old_grade": _word("old_grade", "没有等级"),
        "code": lambda facts: one_time_code(str(facts.given("code_for"))),
    }
)
"""Each fact that a wording may ask for (rules.words), and how it is worked out."""
