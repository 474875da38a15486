"""Notices as values, and on which day which step of one is due."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from enum import StrEnum


class NoticeClass(StrEnum):
    """What may go wrong with a notice decides its class: two of a collection notice are worse than none,
    none of a staff task is worse than two."""

    SERVICE = "service"
    COLLECTION = "collection"
    TASK = "task"


class Channel(StrEnum):
    """The rungs a ladder may have (S18.7)."""

    TEMPLATE = "template"
    SUBSCRIBE = "subscribe"
    SERVICE_MESSAGE = "service_message"
    SMS = "sms"
    CADRE_TASK = "cadre_task"


class Anchor(StrEnum):
    """The day that the steps of a notice are counted from: a line of the plan, or the end of a line."""

    SETTLEMENT = "settlement"
    INSTALMENT = "instalment"
    MATURITY = "maturity"
    CREDIT_LINE = "credit_line"


class DeliveryState(StrEnum):
    """The life of one rung. The attempt is committed as SENDING before the call is made."""

    PLANNED = "planned"
    LEASED = "leased"
    SENDING = "sending"
    SENT = "sent"  # accepted by the far end, receipt awaited
    DELIVERED = "delivered"
    REFUSED = "refused"  # known not to have reached the person; this rung cannot
    UNCERTAIN = "uncertain"  # nobody knows whether it reached the person
    EXPIRED = "expired"  # too late to be of use
    SUPPRESSED = "suppressed"  # no longer true, or not wanted
    GIVEN_UP = "given_up"  # known not to have been sent, and tried often enough


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `start` to `end` (Asia/Shanghai wall time, over midnight) nobody is disturbed. Clause: S11.5."""

    start: time
    end: time


@dataclass(frozen=True, slots=True)
class Steps:
    """Days against the due date on which a notice steps: -7 is a week before, 3 is three days after.

    `repeat_every` goes on from the last step for ever (overdue: each 30 days); `too_late_days` is how long
    after its day a missed step may still be made good.
    """

    days: tuple[int, ...]
    repeat_every: int | None = None
    too_late_days: int = 0


@dataclass(frozen=True, slots=True)
class Words:
    """What a person reads. Placeholders such as {surname} are filled by `rules.words.fill`.

    `template` names an entry of the account's templates, `fields` are its typed keys; `text` is the service
    message, `sms` the short message, `task` the line a cadre reads when a call is needed. These are neutral:
    anybody may see them on a lock screen. `detail` is read after opening and may hold amounts (S18.5).
    """

    template: str
    fields: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    sms: str = ""
    task: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class NoticePolicy:
    """All that a pack says about one kind of notice."""

    kind: str
    title: str
    notice_class: NoticeClass
    priority: int  # 1 goes first and may use the whole quota
    ladder: tuple[Channel, ...]
    words: Words
    counts_from: tuple[Anchor, ...] = ()  # none: a notice of a moment
    steps: Steps = Steps(days=(0,))
    too_late_hours: int | None = None  # for notices of a moment; None: only the day limit of `steps`
    obeys_quiet_hours: bool = True
    reminder: bool = False  # no answer to what was just done: it does not break into a conversation (S18.6)


@dataclass(frozen=True, slots=True)
class Window:
    """One step with the days against the due date, both included, on which it may go out."""

    step: int
    first_day: int
    last_day: int


def step_on(steps: Steps, due_on: date, on: date, *, last_step: int | None = None) -> int | None:
    """The step that is due on that day, or None.

    It is the latest step whose day has come: days that were missed are made good by one notice, not by all
    of them, as long as the step is not older than `too_late_days`. Nothing comes back once `last_step` has
    gone out. Clause: S11.2, S11.6.
    """
    day = (on - due_on).days
    step = _latest(steps, day)
    if step is None or day - step > steps.too_late_days:
        return None
    return None if last_step is not None and step <= last_step else step


def _latest(steps: Steps, day: int) -> int | None:
    passed = [step for step in steps.days if step <= day]
    if not passed:
        return None
    last = max(steps.days)
    if steps.repeat_every is None or day < last:
        return max(passed)
    return day - (day - last) % steps.repeat_every


def windows(steps: Steps, until_day: int) -> list[Window]:
    """Every step up to that day with its days, for a scan by set: no two windows share a day.

    Clause: S11.2, S11.6.
    """
    days = sorted(steps.days)
    while steps.repeat_every is not None and days[-1] + steps.repeat_every <= until_day:
        days.append(days[-1] + steps.repeat_every)
    ends = [*(following - 1 for following in days[1:]), until_day]
    return [
        Window(step, step, min(step + steps.too_late_days, end))
        for step, end in zip(days, ends, strict=True)
        if step <= until_day
    ]


def step_day(due_on: date, step: int) -> date:
    """The day a step is meant for. Clause: S11.2."""
    return due_on + timedelta(days=step)


def natural_key(person_id: object, kind: str, subject: str, due_on: date | None, step: int = 0) -> str:
    """What makes a notice the same notice: person, kind, subject, due date and step. Clause: S11.6."""
    return f"{person_id}|{kind}|{subject}|{due_on.isoformat() if due_on else '-'}|{step}"
