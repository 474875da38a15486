"""The words of the dialog: forms as data, the state of one conversation, what comes in, what goes out.

Everything here is a frozen value. A `Form` is written once (handlers/forms) and is rendered as a chat, as
JSON and as pages; a `State` is what is kept between two messages. Nothing in here knows WeChat or a loan.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import orjson

Value = str | int | bool | list[str] | dict[str, Any] | None
"""An answer as kept: fen, months, basis points as int; a date as ISO text; None = skipped on purpose."""

Answers = Mapping[str, Value]

Kind = Literal[
    "text", "money", "int", "term", "rate", "date", "phone", "idcard",
    "choice", "multi", "yesno", "photo", "location", "confirm",
]  # fmt: skip

REVIEW, CANCEL, RESTART, DONE, READBACK = "~review", "~cancel", "~restart", "~done", "~readback"
"""Places that are no field: the summary, the two "are you sure", after submitting, "我记下了 … 对吗？"."""

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer to choose: `value` is stored, `label` is shown, `keywords` are other words for it."""

    value: str
    label: str
    keywords: tuple[str, ...] = ()


class Choices(tuple[Choice, ...]):
    """A list of choices that looks words up fast; build it once per county and put it into every Context."""

    @cached_property
    def values(self) -> dict[str, Choice]:
        return {choice.value: choice for choice in self}

    @cached_property
    def words(self) -> dict[str, Choice | None]:
        """Label or keyword -> its choice; None where two choices share the word."""
        found: dict[str, Choice | None] = {}
        for choice in self:
            for word in dict.fromkeys((choice.label, *choice.keywords)):
                found[word] = None if word in found else choice
        return found


def as_choices(found: Iterable[Choice]) -> Choices:
    """The list as `Choices`, unchanged where it already is one."""
    return found if isinstance(found, Choices) else Choices(found)


YES_NO = Choices((Choice("yes", "是"), Choice("no", "不是")))


@dataclass(frozen=True)
class Paper:
    """A legal text people read and agree to. `version` changes whenever a character of it changes."""

    kind: str
    version: str
    title: str
    text: str

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(f"{self.title}\n{self.text}".encode()).hexdigest()


Check = Callable[[Any, Answers, "Context"], str | None]
"""A field's own rule: the value, the other answers, the context -> the sentence that says what is wrong."""


@dataclass(frozen=True, slots=True)
class Field:
    """One question.

    `ask` is the question, `title` its short name in summaries and in 改<title>, `names` other short names.
    `when` maps earlier keys to the values under which the question applies; all must hold. `needs` is a word
    that must be in `context.may`. `choices` are the choices, or the name of a list in `context.options`; for
    money and terms they are suggestions. `minimum` and `maximum` bound the number (fen, months, count) or the
    length; of dates the days from today, of ID numbers the age; a name is looked up in `context.limits`.
    `clean` tidies a text, `check` is the field's own rule, `depends` the other answers it reads. `extract`: a
    sentence about something else may fill it. `digits`: the answer may be a bare row of digits or a code, so
    it is no suspect for the password guard. `paper` is for confirm only: a text, or its kind in the context.
    """

    key: str
    kind: Kind
    title: str
    ask: str
    help: str = ""
    example: str = ""
    when: Mapping[str, tuple[Value, ...]] = field(default_factory=lambda: _NOTHING)
    needs: str = ""
    choices: Choices | tuple[Choice, ...] | str = ()
    minimum: int | str | None = None
    maximum: int | str | None = None
    clean: Callable[[str], str] | None = None
    check: Check | None = None
    depends: tuple[str, ...] = ()
    sensitive: bool = False
    optional: bool = False
    extract: bool = True
    digits: bool = False
    names: tuple[str, ...] = ()
    unit: str = ""
    page: str = ""
    paper: Paper | str = ""

    def __post_init__(self) -> None:
        choices = self.choices or (YES_NO if self.kind == "yesno" else ())
        if not isinstance(choices, str):
            object.__setattr__(self, "choices", as_choices(choices))


@dataclass(frozen=True)
class Form:
    """Questions with a name and a version. Confirm fields come last: the summary stands before them."""

    name: str
    version: int
    title: str
    fields: tuple[Field, ...]
    review: bool = True
    by_key: Mapping[str, Field] = field(init=False, repr=False, compare=False)
    dependants: Mapping[str, tuple[Field, ...]] = field(init=False, repr=False, compare=False)
    by_name: Mapping[str, Field] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_key: dict[str, Field] = {}
        by_name: dict[str, Field] = {}
        confirming = False
        for item in self.fields:
            if item.key in by_key:
                raise ValueError(f"form {self.name}: two fields named {item.key}")
            unknown = [key for key in item.when if key not in by_key]
            if unknown:
                raise ValueError(
                    f"form {self.name}: {item.key} waits for {unknown[0]}, which is not before it"
                )
            if confirming and item.kind != "confirm":
                raise ValueError(f"form {self.name}: {item.key} stands after a confirm field")
            if (item.kind == "confirm") != bool(item.paper):
                raise ValueError(
                    f"form {self.name}: {item.key} needs a paper exactly when it is a confirm field"
                )
            confirming = item.kind == "confirm"
            by_key[item.key] = item
            for name in (item.title, *item.names):
                by_name.setdefault(name, item)
        dependants = {
            key: tuple(f for f in self.fields if key in f.when or key in f.depends) for key in by_key
        }
        object.__setattr__(self, "by_key", by_key)
        object.__setattr__(self, "by_name", by_name)
        object.__setattr__(self, "dependants", {key: found for key, found in dependants.items() if found})


@dataclass(frozen=True, slots=True)
class Context:
    """What the interpreter may know of the world: the time, the county's lists and limits, the rights.

    `limits` are whole numbers by name: those the fields name (max_amount_fen, max_term_months …), and
    harvest_month, wheat_month, spring_month for 秋收后, 麦收后, 开春. `papers` are county texts by kind;
    they stand in for those of the form. `facts` are for the checks of the form; the interpreter never looks.
    """

    now: datetime
    on: date
    options: Mapping[str, Sequence[Choice]] = field(default_factory=lambda: _NOTHING)
    limits: Mapping[str, int] = field(default_factory=lambda: _NOTHING)
    may: frozenset[str] = frozenset()
    papers: Mapping[str, Paper] = field(default_factory=lambda: _NOTHING)
    facts: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True, slots=True)
class Input:
    """What a person sent in one message."""

    kind: Literal["text", "voice", "tap", "photo", "location", "other"] = "text"
    text: str = ""
    ref: str = ""
    latitude: float = 0.0
    longitude: float = 0.0

    @classmethod
    def said(cls, text: str) -> Input:
        """Typed text."""
        return cls("text", text)

    @classmethod
    def voice(cls, text: str) -> Input:
        """A voice message, as recognised."""
        return cls("voice", text)

    @classmethod
    def tap(cls, ref: str, text: str = "") -> Input:
        """A tapped choice: its id (see `tap_id`) and the words on it."""
        return cls("tap", text, ref)

    @classmethod
    def photo(cls, ref: str) -> Input:
        """A picture, by the name the host keeps it under."""
        return cls("photo", "", ref)

    @classmethod
    def place(cls, latitude: float, longitude: float, label: str = "") -> Input:
        """A location message (degrees, GCJ-02 as WeChat sends it)."""
        return cls("location", label, "", latitude, longitude)

    @classmethod
    def other(cls) -> Input:
        """A message of a kind no form reads (a video, a link, a sticker)."""
        return cls("other")


@dataclass(frozen=True, slots=True)
class State:
    """What is kept of one conversation. `answers` are checked ones only; never change the dicts in place.

    `cursor` is the key of the open question, `trail` the keys answered in order (for 返回), `attempts` counts
    wrong answers to it, `pending` waits for "对吗？", `shown` are the values of a short-list by number.
    """

    form: str
    version: int
    answers: Mapping[str, Value] = field(default_factory=lambda: _NOTHING)
    cursor: str = ""
    trail: tuple[str, ...] = ()
    attempts: int = 0
    pending: Mapping[str, Value] | None = None
    shown: tuple[str, ...] = ()
    reviewed: bool = False

    def to_json(self) -> bytes:
        """Compact JSON; it holds ID numbers and phones where the form asks for them, so keep it encrypted."""
        data: dict[str, Any] = {"f": self.form, "v": self.version, "a": dict(self.answers), "c": self.cursor}
        if self.trail:
            data["t"] = self.trail
        if self.attempts:
            data["n"] = self.attempts
        if self.pending is not None:
            data["p"] = dict(self.pending)
        if self.shown:
            data["s"] = self.shown
        if self.reviewed:
            data["r"] = True
        return orjson.dumps(data)

    @classmethod
    def from_json(cls, data: bytes | str) -> State:
        """The state that `to_json` wrote, by this or an older program. Raises ValueError on anything else."""
        found = orjson.loads(data)
        if not isinstance(found, dict) or "f" not in found or "v" not in found:
            raise ValueError("not a dialog state")
        return cls(
            found["f"],
            found["v"],
            found.get("a", {}),
            found.get("c", ""),
            tuple(found.get("t", ())),
            found.get("n", 0),
            found.get("p"),
            tuple(found.get("s", ())),
            found.get("r", False),
        )


class Consent(NamedTuple):
    """A text somebody agreed to: which, in which version, its hash, and when (aware UTC, ISO)."""

    kind: str
    version: str
    sha256: str
    agreed_at: str


@dataclass(frozen=True, slots=True)
class Say:
    """Words for the person; no answer is expected to them."""

    text: str


@dataclass(frozen=True, slots=True)
class Ask:
    """The open question. `numbered`: the number of a choice answers it; `extra` are ways out without one."""

    text: str
    choices: tuple[Choice, ...] = ()
    field: str = ""
    kind: str = "text"
    numbered: bool = True
    extra: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True)
class Submit:
    """All is answered and agreed: answers by key (dates as `date`), and the consents."""

    answers: Mapping[str, Any]
    consents: tuple[Consent, ...] = ()


@dataclass(frozen=True, slots=True)
class Save:
    """The person leaves it for later: keep the draft."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The person gave it up and confirmed that: delete the draft."""


@dataclass(frozen=True, slots=True)
class Handover:
    """A human being is needed. `reason`: asked | stuck; `field` is the open question."""

    reason: Literal["asked", "stuck"]
    field: str = ""


@dataclass(frozen=True, slots=True)
class OpenMiniProgram:
    """Offer the mini-program page of this field."""

    field: str


@dataclass(frozen=True, slots=True)
class Warn:
    """The message looked like a password or a code: it must not be stored. `text` warns the person."""

    text: str


Effect = Say | Ask | Submit | Save | Cancelled | Handover | OpenMiniProgram | Warn


@dataclass(frozen=True, slots=True)
class Turn:
    """The state after one message, and what the host has to do."""

    state: State
    effects: tuple[Effect, ...]

    @property
    def keep_input(self) -> bool:
        """False when the body of the message must not be stored (S18.8)."""
        return not any(isinstance(effect, Warn) for effect in self.effects)


def tap_id(key: str, value: str) -> str:
    """The id of a tappable choice: digits only, the same for the same field and value on any day."""
    return str(zlib.crc32(f"{key}={value}".encode()))
