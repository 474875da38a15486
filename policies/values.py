"""A value and its source in one breath: the smallest part of a pack."""

from __future__ import annotations

import re
from datetime import date, time
from itertools import pairwise
from typing import Any, ClassVar, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from rules.roles import StaffRole

T = TypeVar("T")
Role = Literal["farmer", "helper"] | StaffRole

SOURCE = re.compile(r"default|00[0-4] \S.*|requirement S\d+\.\d+.*|platform \S.*|law \S.*")
"""`default` is our own choice, 000–004 are the source documents, the rest binds us from outside."""


class Frozen(BaseModel):
    """No unknown key gets in, nothing changes afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Sourced(Frozen):
    """Whatever is cited: `source` says where it stands, `text` quotes it, `note` explains our choice."""

    source: str
    text: str = ""
    note: str = ""

    @model_validator(mode="after")
    def _cite(self) -> Sourced:
        if not SOURCE.fullmatch(self.source):
            raise ValueError(
                f"source {self.source!r} is neither 'default' nor a document, e.g. '004 …第三条'"
            )
        if self.source == "default" and not self.note:
            raise ValueError("a default needs a note that says why it was chosen")
        if self.source[0].isdigit() and not self.text:
            raise ValueError("a value from a document needs its text, the passage itself")
        return self


class Table(Sourced):
    """Named fields under one source. `USED_BY` is the clause and the function that reads them."""

    USED_BY: ClassVar[str]
    title: str


class Dated(Frozen, Generic[T]):
    """A value and the first day it holds."""

    first_day: date = Field(alias="from")
    value: T


class Value(Sourced, Generic[T]):
    """One value of a pack: either the same for ever, or a series by first day. Clause: S19.1, S19.2."""

    name: str
    value: T | None = None
    dated: tuple[Dated[T], ...] = ()

    @model_validator(mode="after")
    def _one_shape(self) -> Value[T]:
        if (self.value is None) == (not self.dated):
            raise ValueError("give either `value` or a non-empty `dated` series, not both")
        days = [each.first_day for each in self.dated]
        if any(later <= earlier for earlier, later in pairwise(days)):
            raise ValueError("the `dated` series must rise from day to day")
        return self

    def on(self, day: date) -> T:
        """The value in force on that day; before the first day of a series its first value holds."""
        if self.value is not None:
            return self.value
        held = [each.value for each in self.dated if each.first_day <= day]
        return held[-1] if held else self.dated[0].value

    def ever(self) -> list[T]:
        """Every value it has on any day."""
        return [self.value] if self.value is not None else [each.value for each in self.dated]


def plain(value: Any) -> Any:
    """The value as JSON would hold it: models become dictionaries, tuples lists, dates text."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return value.isoformat() if isinstance(value, date | time) else value
