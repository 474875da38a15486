"""How a conversation moves on: the next place, its question, taking answers, the ladder of wrong ones.

Most functions take the state and give a `Turn`; `lead` are effects that come before the question. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from bot.dialog_checks import applies, choices_of, paper_of, photo_range, show, wrong
from bot.dialog_types import (
    CANCEL,
    DONE,
    READBACK,
    RESTART,
    REVIEW,
    Answers,
    Ask,
    Choice,
    Choices,
    Context,
    Effect,
    Field,
    Form,
    Handover,
    OpenMiniProgram,
    Say,
    State,
    Submit,
    Turn,
    Value,
)
from bot.dialog_values import Fault, consent, settle

MANY = 12
"""A list longer than this is not written out in a message; the person says the name instead."""

RIGHT = Choices((Choice("yes", "对"), Choice("no", "不对")))
ALL_RIGHT = Choices((Choice("yes", "都对"), Choice("no", "有不对的")))
SURE = Choices((Choice("yes", "是"), Choice("no", "不")))
FINISH = (Choice("done", "好了"),)
WAYS_OUT = (Choice("human", "人工"), Choice("later", "稍后"))
_QUIET = frozenset({"text", "photo", "confirm"})  # no "记下了" after these


# ---- where we are ----


def place(form: Form, state: State, context: Context) -> str:
    """The first question without an answer, the summary before the papers, or DONE."""
    answers, looked = state.answers, state.reviewed or not form.review
    for field in form.fields:
        if field.kind == "confirm" and not looked:
            return REVIEW
        if field.key not in answers:
            if (not field.when and not field.needs) or applies(field, answers, context):
                return field.key
        elif field.kind == "photo" and _too_few(answers[field.key], field, context):
            return field.key
    return DONE if looked else REVIEW


def _too_few(value: Value, field: Field, context: Context) -> bool:
    return isinstance(value, list) and len(value) < photo_range(field, context)[0]


def drop_unfit(
    form: Form, answers: dict[str, Value], changed: Iterable[str], context: Context
) -> tuple[list[Field], list[tuple[Field, str]]]:
    """Take out what no longer applies (first list) or no longer holds (second, with the reason)."""
    unneeded: list[Field] = []
    unfit: list[tuple[Field, str]] = []
    waiting = list(changed)
    while waiting:
        for field in form.dependants.get(waiting.pop(), ()):
            if field.key not in answers:
                continue
            if not applies(field, answers, context):
                unneeded.append(field)
            elif field.depends and (fault := wrong(field, answers[field.key], answers, context)):
                unfit.append((field, fault))
            else:
                continue
            del answers[field.key]
            waiting.append(field.key)
    return unneeded, unfit


def titles(fields: Iterable[Field]) -> str:
    """Names of fields in a row, for a sentence."""
    return "、".join(f"“{field.title}”" for field in fields)


def answered(form: Form, answers: Answers, context: Context) -> list[Field]:
    """The fields of the summary in order: answered, applying, and no papers."""
    return [
        f for f in form.fields if f.kind != "confirm" and f.key in answers and applies(f, answers, context)
    ]


def summary(form: Form, answers: Answers, context: Context) -> str:
    """All answers, one numbered line each; what is sensitive is masked."""
    fields = answered(form, answers, context)
    lines = [f"{n}. {f.title}：{show(f, answers[f.key], context)}" for n, f in enumerate(fields, 1)]
    return "\n".join(lines) or "还没有填。"


# ---- asking ----


def ask(form: Form, state: State, context: Context, *lead: Effect) -> Turn:
    """The open question of the state."""
    return Turn(state, (*lead, question_of(form, state, context)))


def question_of(form: Form, state: State, context: Context) -> Ask:
    """What is to be asked now: a field, the summary, a reading back, or "are you sure"."""
    if state.pending is not None:
        text = f"我记下了：{pending_text(form, state.pending, context)}。对吗？"
        return Ask(text, RIGHT, READBACK, "yesno")
    if state.cursor == REVIEW:
        text = (
            f"请看看填得对不对：\n{summary(form, state.answers, context)}\n"
            "都对就回复“都对”；要改哪一项，就发它的数字。"
        )
        return Ask(text, ALL_RIGHT, REVIEW, "yesno", numbered=False)
    if state.cursor == CANCEL:
        return Ask("确定取消吗？填好的内容会删掉。想留着以后填，就回复“稍后”。", SURE, CANCEL, "yesno")
    if state.cursor == RESTART:
        return Ask("要把填好的都清掉，从头再来吗？", SURE, RESTART, "yesno")
    return _field_question(form.by_key[state.cursor], state, context)


def _field_question(field: Field, state: State, context: Context) -> Ask:
    text = field.ask
    if field.kind == "confirm":
        paper = paper_of(field, context)
        text = f"《{paper.title}》\n{paper.text}\n\n{text}"
    elif field.kind == "photo":
        have = state.answers.get(field.key)
        if isinstance(have, list):
            return Ask(photo_text(len(have)), FINISH, field.key, field.kind, numbered=False)
    elif field.key in state.answers:
        text = f"{text}\n现在记的是：{show(field, state.answers[field.key], context)}。不用改就回复“不改”。"
    if field.optional:
        text = f"{text}（没有就回复“跳过”）"
    return Ask(text, shown_choices(field, context), field.key, field.kind, numbered=is_numbered(field))


def photo_text(count: int) -> str:
    """What is said after a picture came."""
    return f"收到，现在有{count}张照片。还有就接着发，没有了就回复“好了”。"


def is_numbered(field: Field) -> bool:
    """Whether the choices of the field are answers by number, not only suggestions."""
    return field.kind in ("choice", "multi", "yesno", "confirm")


def shown_choices(field: Field, context: Context) -> tuple[Choice, ...]:
    """The choices to write under the question: a short list; not a long one, not mere suggestions."""
    if not is_numbered(field):
        return ()
    choices = choices_of(field, context)
    return choices if len(choices) <= MANY else ()


def pending_text(form: Form, pending: Mapping[str, Value], context: Context) -> str:
    """What was understood, for reading back; in full, because what is hidden cannot be checked."""
    fields = [(form.by_key[key], value) for key, value in pending.items()]
    return "，".join(f"{field.title} {show(field, value, context, whole=True)}" for field, value in fields)


# ---- moving ----


def to(state: State, cursor: str, answers: Answers | None = None) -> State:
    """The state at another place, with a clean slate of attempts."""
    found = state.answers if answers is None else answers
    return State(state.form, state.version, found, cursor, state.trail, reviewed=state.reviewed)


def advance(form: Form, state: State, context: Context, *lead: Effect) -> Turn:
    """On to the next open question, or to the end."""
    cursor = place(form, state, context)
    if cursor != DONE:
        return ask(form, to(state, cursor), context, *lead)
    ready, faults = submission(form, state.answers, context)
    if ready is not None:
        return Turn(to(state, DONE), (*lead, ready))
    kept = {key: value for key, value in state.answers.items() if key not in faults}
    lines = [f"“{form.by_key[key].title}”要重新填：{text}" for key, text in faults.items()]
    state = replace(state, answers=kept, trail=tuple(key for key in state.trail if key in kept))
    return advance(form, state, context, *lead, Say("\n".join(lines)))


def submission(form: Form, answers: Answers, context: Context) -> tuple[Submit | None, dict[str, str]]:
    """The finished form as `Submit`, or None and what is wrong or missing, by key. All is checked again."""
    clean, faults = settle(form, answers, context)
    for field in form.fields:
        if field.key not in clean and field.key not in faults and applies(field, clean, context):
            faults[field.key] = f"还没有填：{field.title}。"
    if faults:
        return None, faults
    typed: dict[str, Any] = {}
    consents = []
    for field in form.fields:
        if field.key not in clean:
            continue
        value = clean[field.key]
        if field.kind == "confirm":
            consents.append(consent(field, value))
        else:
            typed[field.key] = date.fromisoformat(str(value)) if field.kind == "date" and value else value
    return Submit(typed, tuple(consents)), {}


def take(form: Form, state: State, values: Mapping[str, Value], context: Context, *lead: Effect) -> Turn:
    """Count checked answers, drop and name what they made unfit, and go on."""
    answers = dict(state.answers)
    changed = [key for key, value in values.items() if key not in answers or answers[key] != value]
    answers.update(values)
    trail = (*state.trail, *(key for key in values if key not in state.trail))
    reviewed = state.reviewed and all(form.by_key[key].kind == "confirm" for key in changed)
    if any(key in form.dependants for key in changed):
        unneeded, unfit = drop_unfit(form, answers, changed, context)
        if unneeded:
            lead = (*lead, Say(f"{titles(unneeded)}不用填了。"))
        lead = (*lead, *(Say(f"“{field.title}”要重新填：{fault}") for field, fault in unfit))
        trail = tuple(key for key in trail if key in answers)
    return advance(
        form, State(form.name, form.version, answers, "", trail, reviewed=reviewed), context, *lead
    )


def leave_question(state: State) -> State:
    """Out of "are you sure" back to where it was asked."""
    if state.cursor in (CANCEL, RESTART):
        return to(state, state.shown[0] if state.shown else "")
    return state


def noted(field: Field, value: Value, context: Context) -> tuple[Effect, ...]:
    """A short echo of a typed answer, where there was something to understand."""
    if value is None or field.kind in _QUIET:
        return ()
    return (Say(f"好，{field.title}：{show(field, value, context)}。"),)


def reopen(form: Form, state: State, key: str, context: Context, because: str = "") -> Turn:
    """Ask one field again and keep the rest, for 改<field> or when an action refused the answer.

    `because` is said first. Raises KeyError for a field the form does not have.
    """
    field = form.by_key[key]
    lead = (Say(because),) if because else ()
    if not applies(field, state.answers, context):
        return ask(form, state, context, *lead, Say(f"“{field.title}”现在不用填。"))
    return ask(form, to(state, key), context, *lead)


# ---- the ladder of wrong answers (S18.3) ----


def stumble(form: Form, state: State, fault: Fault, context: Context, *lead: Effect) -> Turn:
    """Say what is wrong with an example; then offer choices and the mini-program; then call a person.

    No sentence comes three times: from the fourth on they are counted. Clause: S18.3.
    """
    if state.cursor in (CANCEL, RESTART):
        return ask(form, leave_question(state), context, *lead, Say(fault.text))
    count = state.attempts + 1
    field = form.by_key.get(state.cursor) if state.pending is None else None
    question = question_of(form, state, context)
    key = field.key if field else ""
    shown = tuple(choice.value for choice in fault.choices if choice.value)
    state = replace(state, attempts=count, shown=shown)
    choices = fault.choices or question.choices
    if count == 1:
        again = replace(question, text=_first_help(fault, field, question), choices=choices)
        return Turn(state, (*lead, again))
    if count == 2:
        suggested = choices or (choices_of(field, context)[:MANY] if field else ())
        taps = "可以点选项，" if suggested else ""
        page = "可以在网页上填，" if key else ""
        ways = f"{taps}{page}也可以回复“人工”找人帮忙。"
        text = f"{fault.text}\n{_short(field, question)}{ways}"
        again = replace(question, text=text, choices=suggested, extra=WAYS_OUT)
        return Turn(state, (*lead, again, *((OpenMiniProgram(key),) if key else ())))
    if count == 3:
        help_comes = "没关系，我请工作人员来帮您，请留意电话。填好的都存着。想再看一遍题目，回复“继续”。"
        return Turn(state, (*lead, Say(help_comes), Handover("stuck", key)))
    return Turn(state, (*lead, Say(f"已经告诉工作人员了，请等一等。（第{count}次没看明白）")))


def _first_help(fault: Fault, field: Field | None, question: Ask) -> str:
    if field is None:
        return f"{fault.text}{question.text}"
    if fault.choices:
        return fault.text
    return f"{fault.text}\n{'比如：' + field.example + '。' if field.example else field.help or field.ask}"


def _short(field: Field | None, question: Ask) -> str:
    if field is None:
        return question.text + "\n"
    return "" if field.kind == "confirm" else field.ask + "\n"
