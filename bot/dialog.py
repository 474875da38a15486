"""The form interpreter: one message in, the next state and the effects out. Pure: no clock, no I/O.

The next question is the first field that applies and has no answer; there are no step numbers, so skips,
corrections, answers given early and new versions of a form need no code of their own. Import all of the
dialog from here; its parts are the dialog_* files beside this one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bot import spoken
from bot.dialog_checks import applies, choices_of, show, wrong
from bot.dialog_commands import GIVE_UP, KEEP, SKIP, Command, command_of, looks_secret
from bot.dialog_flow import (
    FINISH,
    WAYS_OUT,
    advance,
    answered,
    ask,
    is_numbered,
    leave_question,
    noted,
    place,
    question_of,
    reopen,
    stumble,
    submission,
    summary,
    take,
    titles,
    to,
)
from bot.dialog_json import Patch, check_answers, describe, patch
from bot.dialog_media import location, photo, photo_words
from bot.dialog_render import ChatReply, render_chat
from bot.dialog_types import (
    CANCEL,
    DONE,
    RESTART,
    REVIEW,
    Answers,
    Ask,
    Cancelled,
    Check,
    Choice,
    Choices,
    Consent,
    Context,
    Effect,
    Field,
    Form,
    Handover,
    Input,
    OpenMiniProgram,
    Paper,
    Save,
    Say,
    State,
    Submit,
    Turn,
    Value,
    Warn,
    tap_id,
)
from bot.dialog_values import FOUND, NOT_CLEAR, Fault, Read, find, pick, read, settle

__all__ = [
    "Answers",
    "Ask",
    "Cancelled",
    "ChatReply",
    "Check",
    "Choice",
    "Choices",
    "Consent",
    "Context",
    "Effect",
    "Field",
    "Form",
    "Handover",
    "Input",
    "OpenMiniProgram",
    "Paper",
    "Patch",
    "Save",
    "Say",
    "State",
    "Submit",
    "Turn",
    "Value",
    "Warn",
    "check_answers",
    "describe",
    "patch",
    "render_chat",
    "reopen",
    "resume",
    "start",
    "submission",
    "summary",
    "tap_id",
    "turn",
]

_NOTHING: Mapping[str, Any] = {}
_LONG_ENOUGH = 6  # a text answer of this many signs may hold other answers too
_SURE = frozenset({"是", "是的", "确定", "确认", "对", "对的", "嗯", "1"})
_WARNINGS = (
    "请不要发密码、验证码或银行卡号！我们从来不问这些，谁要都别给。刚才那条没有保存。",
    "又像是密码或验证码，没有保存。有人让您发的话，可能是骗子，请先给家里人或村干部打电话。",
)
_WARNED_AGAIN = "密码、验证码谁要都别给。刚才那条没有保存，已经请工作人员联系您。（第{count}条没看明白）"
_SAVED = "存好了。什么时候想接着填，发“继续”就行。"
_OVER = "这份表已经办完了。想再办，请从菜单重新开始。"
_HUMAN = "好的，已经通知工作人员，会有人联系您。填好的都存着。"


def start(form: Form, context: Context, prefill: Mapping[str, Any] = _NOTHING) -> Turn:
    """A new conversation; `prefill` are answers known already, those that do not hold are asked."""
    answers, _ = settle(form, prefill, context)
    return advance(form, State(form.name, form.version, answers), context)


def resume(form: Form, state: State, context: Context) -> Turn:
    """Take up a draft after hours or after a deploy: two lines of summary, then the question. S1.1.

    What was read back and not yet confirmed is read back once more.
    """
    unsure = state.pending if state.version == form.version else None
    state, lead = _migrate(form, state, context)
    if state.cursor == DONE:
        return Turn(state, (Say(_OVER),))
    if unsure and all(_still_holds(form, key, value, state, context) for key, value in unsure.items()):
        state = replace(state, pending=unsure)
    done = answered(form, state.answers, context)
    left = [f for f in form.fields if f.key not in state.answers and applies(f, state.answers, context)]
    brief = "，".join(f"{f.title}{show(f, state.answers[f.key], context)}" for f in done[-4:])
    lines = f"您的{form.title}还没填完：填了{len(done)}项，还有{len(left)}项。\n已记下：{brief or '还没有'}。"
    return ask(form, state, context, Say(lines), *lead)


def turn(form: Form, state: State, given: Input, context: Context) -> Turn:
    """One message of the person: the next state and what the host has to do.

    Clauses: S18.1, S18.2, S18.3, S18.8.
    """
    lead: tuple[Effect, ...] = ()
    if state.version != form.version or state.form != form.name or not _is_place(form, state.cursor):
        state, lead = _migrate(form, state, context)
    if state.cursor == DONE:
        return Turn(state, (Say(_OVER),))
    if given.kind == "photo":
        return photo(form, state, given.ref, context, *lead)
    if given.kind == "location":
        return location(form, state, given, context, *lead)
    words = _words_of(form, state, given, context)
    if isinstance(words, Turn):
        return words
    return _hear(form, state, words, given.kind == "voice", context, *lead)


def _still_holds(form: Form, key: str, value: Value, state: State, context: Context) -> bool:
    field = form.by_key.get(key)
    if field is None or not applies(field, state.answers, context):
        return False
    return wrong(field, value, state.answers, context) is None


def _is_place(form: Form, cursor: str) -> bool:
    return cursor in form.by_key or cursor in (REVIEW, CANCEL, RESTART, DONE)


def _hear(form: Form, state: State, text: str, voice: bool, context: Context, *lead: Effect) -> Turn:
    field = form.by_key.get(state.cursor)
    if looks_secret(text, field):
        return _warn(form, state, context)
    if not (field and is_numbered(field) and _is_choice(field, text, context)):
        command = command_of(form, text)
        if command:
            return _obey(form, state, command, context, *lead)
    if state.pending is not None:
        return _read_back(form, state, text, context)
    if field is None:
        return _at_no_field(form, state, text, context)
    return _answer(form, state, field, text, voice, context, *lead)


def _words_of(form: Form, state: State, given: Input, context: Context) -> str | Turn:
    """The words of a message; a tap stands for its choice, an old tap for nothing."""
    text = given.text.strip()
    if given.kind == "tap":
        return _tapped(form, state, text, given.ref, context)
    if given.kind == "voice":
        text = text.rstrip("。，,.")
    if text:
        return text
    return stumble(form, state, Fault("这种消息我看不了，请打字、说话，或者按要求发照片、发位置。"), context)


# ---- answers ----


def _answer(
    form: Form, state: State, field: Field, text: str, voice: bool, context: Context, *lead: Effect
) -> Turn:
    said = spoken.bare(text)
    if field.key in state.answers and field.kind != "photo" and (said in KEEP or said in GIVE_UP):
        return take(form, state, {field.key: state.answers[field.key]}, context, *lead)
    if field.optional and said in SKIP:
        return take(form, state, {field.key: None}, context, *lead)
    if field.kind == "photo":
        return photo_words(form, state, field, said, context)
    found = _short_list(state, field, said, context) or read(field, text, state.answers, context)
    if isinstance(found, Fault):
        hits = _hits(form, state, text, context)
        if hits:
            return ask(form, replace(state, pending=hits), context, *lead)
        if said in GIVE_UP:
            return _obey(form, state, Command("cancel"), context)
        return stumble(form, state, found, context, *lead)
    others: Mapping[str, Value] = _NOTHING
    if (field.kind == "text" or not found.plain) and len(text) >= _LONG_ENOUGH:
        others = _hits(form, state, text, context)
    if others or (field.kind != "confirm" and (not found.plain or (voice and field.kind != "yesno"))):
        pending = {field.key: found.value, **others}
        return ask(form, replace(state, pending=pending), context, *lead)
    lead = (*lead, *noted(field, found.value, context))
    return take(form, state, {field.key: found.value}, context, *lead)


def _is_choice(field: Field, text: str, context: Context) -> bool:
    return choices_of(field, context).words.get(spoken.bare(text)) is not None


def _short_list(state: State, field: Field, said: str, context: Context) -> Read | None:
    """A number that picks from the short list shown last."""
    if not state.shown or field.kind != "choice":
        return None
    every = choices_of(field, context).values
    found = pick(Choices(every[value] for value in state.shown if value in every), said)
    return None if isinstance(found, Fault) else Read(found[0].value, found[1])


def _hits(form: Form, state: State, text: str, context: Context) -> dict[str, Value]:
    """What the sentence says about open questions: one hit each, and no piece of it claimed twice. S18.2."""
    found: dict[str, tuple[Value, int, int]] = {}
    for field in form.fields:
        is_open = field.key == state.cursor or field.key not in state.answers
        if (
            not is_open
            or not field.extract
            or field.kind not in FOUND
            or not applies(field, state.answers, context)
        ):
            continue
        hits = find(field, text, state.answers, context)
        if hits and len({str(hit.value) for hit in hits}) == 1:
            found[field.key] = hits[0]
    return {
        key: value
        for key, (value, start_at, end_at) in found.items()
        if key == state.cursor
        or not any(o != key and a < end_at and start_at < b for o, (_, a, b) in found.items())
    }


def _read_back(form: Form, state: State, text: str, context: Context) -> Turn:
    """The answer to "对吗？": yes counts it, no asks again, a correction is read back once more."""
    pending = dict(state.pending or {})
    said = spoken.bare(text)
    answer = {"1": True, "2": False}.get(said, spoken.yes_no(text))
    if answer is False:
        again = replace(state, pending=None)
        return ask(form, again, context, Say("好，刚才的不算。请再说一遍。"))
    if answer:
        return _count(form, state, pending, context)
    corrected = _corrected(form, state, pending, spoken.after_no(text) or text, context)
    if corrected:
        return ask(form, replace(state, pending={**pending, **corrected}, attempts=0), context)
    return stumble(form, state, Fault("请回复“对”或者“不对”，也可以直接说对的。"), context)


def _count(form: Form, state: State, pending: Mapping[str, Value], context: Context) -> Turn:
    good: dict[str, Value] = {}
    lead: list[Effect] = []
    for key in sorted(pending, key=list(form.by_key).index):
        fault = wrong(form.by_key[key], pending[key], {**state.answers, **good}, context)
        if fault is None:
            good[key] = pending[key]
        else:
            lead.append(Say(fault))
    return take(form, state, good, context, *lead)


def _corrected(
    form: Form, state: State, pending: Mapping[str, Value], text: str, context: Context
) -> dict[str, Value]:
    hits = _hits(form, state, text, context)
    if hits:
        return hits
    named = {}
    for key in pending:
        found = read(form.by_key[key], text, state.answers, context)
        if isinstance(found, Read) and form.by_key[key].kind != "text":
            named[key] = found.value
    if not named and len(pending) == 1:
        key = next(iter(pending))
        found = read(form.by_key[key], text, state.answers, context)
        return {key: found.value} if isinstance(found, Read) else {}
    return named if len(named) == 1 else {}


# ---- taps, codes, commands ----


def _tapped(form: Form, state: State, text: str, ref: str, context: Context) -> str | Turn:
    question = question_of(form, state, context)
    field = form.by_key.get(question.field)
    listed = choices_of(field, context) if field else question.choices
    for choice in (*listed, *FINISH, *WAYS_OUT):
        if tap_id(question.field, choice.value or choice.label) == ref:
            return choice.value if field and is_numbered(field) and choice in listed else choice.label
    for other in form.fields:
        if other is not field and any(tap_id(other.key, c.value) == ref for c in choices_of(other, context)):
            words = f"这是前面“{other.title}”的选项。要改它，请回复“改{other.title}”。"
            return ask(form, state, context, Say(words))
    return text or stumble(form, state, Fault(NOT_CLEAR), context)


def _warn(form: Form, state: State, context: Context) -> Turn:
    """A message like a password or a code: not kept, not read, answered with a warning. Clause: S18.8."""
    count = state.attempts + 1
    state = replace(state, attempts=count)
    if count <= len(_WARNINGS):
        return ask(form, state, context, Warn(_WARNINGS[count - 1]))
    return Turn(
        state,
        (Warn(_WARNED_AGAIN.format(count=count)), Handover("stuck")),
    )


def _obey(form: Form, state: State, command: Command, context: Context, *lead: Effect) -> Turn:
    verb, field = command.verb, form.by_key.get(state.cursor)
    if verb == "change" and command.field:
        return _change(form, state, command.field, command.value, context)
    if verb in ("cancel", "restart"):
        sure = CANCEL if verb == "cancel" else RESTART
        if state.cursor == sure:
            return _give_up(form, state, context)
        inside = leave_question(state)
        return ask(form, replace(to(inside, sure), shown=(inside.cursor,)), context)
    if verb == "back":
        return _back(form, state, context)
    if verb == "human":
        return Turn(state, (*lead, Say(_HUMAN), Handover("asked", field.key if field else "")))
    if verb == "later":
        return Turn(leave_question(state), (*lead, Say(_SAVED), Save()))
    if verb == "look":
        return ask(form, state, context, *lead, Say("填了这些：\n" + summary(form, state.answers, context)))
    if verb == "help":
        return stumble(form, state, Fault(_help_text(field)), context, *lead)
    if field and field.key in state.answers and field.kind != "photo":
        return take(form, state, {field.key: state.answers[field.key]}, context, *lead)
    return ask(form, leave_question(state), context, *lead)


def _help_text(field: Field | None) -> str:
    steer = "还可以回复：返回、看一看、改加名称（比如“改金额”）、稍后、人工、取消。"
    return f"{field.help}\n{steer}" if field and field.help else steer


def _back(form: Form, state: State, context: Context) -> Turn:
    if state.cursor in (CANCEL, RESTART):
        return ask(form, leave_question(state), context)
    if state.pending is not None:
        return ask(form, replace(state, pending=None, attempts=0), context)
    trail = state.trail
    if state.cursor in trail:
        trail = trail[: trail.index(state.cursor)]
    field = form.by_key.get(state.cursor)
    papers = field is not None and field.kind == "confirm" and form.review
    for key in reversed(trail):
        if papers and form.by_key[key].kind != "confirm":
            break
        if applies(form.by_key[key], state.answers, context):
            return reopen(form, state, key, context)
    if papers:
        return ask(form, replace(to(state, REVIEW), reviewed=False), context)
    return ask(form, state, context, Say("已经是第一题了。"))


def _change(form: Form, state: State, field: Field, value: str, context: Context) -> Turn:
    """改金额 reopens one answer and keeps the rest; 改金额五万 is read back. Clause: S18.2."""
    state = leave_question(state)
    pending = {key: kept for key, kept in (state.pending or {}).items() if key != field.key}
    because = ""
    if value and field.kind not in ("photo", "location", "confirm"):
        found = read(field, value, state.answers, context)
        if isinstance(found, Read) and applies(field, state.answers, context):
            again = replace(state, pending={**pending, field.key: found.value}, shown=(), attempts=0)
            return ask(form, again, context)
        because = found.text if isinstance(found, Fault) else ""
    if pending:
        state = _count(form, state, pending, context).state
    return reopen(form, replace(state, pending=None), field.key, context, because)


# ---- places that are no field ----


def _at_no_field(form: Form, state: State, text: str, context: Context) -> Turn:
    said = spoken.bare(text)
    if state.cursor == REVIEW:
        return _at_review(form, state, said, context)
    if said in _SURE:
        return _give_up(form, state, context)
    # What cannot be undone needs a clear word; everything else means going on.
    return ask(form, leave_question(state), context, Say("没有删，接着填。"))


def _give_up(form: Form, state: State, context: Context) -> Turn:
    if state.cursor == CANCEL:
        return Turn(to(state, DONE), (Say("已经取消，填的内容删掉了。想办的时候再来。"), Cancelled()))
    return start(
        form, context, {key: value for key, value in state.answers.items() if key not in state.trail}
    )


def _at_review(form: Form, state: State, said: str, context: Context) -> Turn:
    number = (
        said.removeprefix("改").removeprefix("第").removesuffix("个").removesuffix("项").removesuffix("条")
    )
    fields = answered(form, state.answers, context)
    chosen = int(number) if number.isdecimal() and len(number) < 4 else 0
    if 1 <= chosen <= len(fields):
        return reopen(form, state, fields[chosen - 1].key, context)
    if said in form.by_name:
        return reopen(form, state, form.by_name[said].key, context)
    answer = True if said in ("都对", "全对") else spoken.yes_no(said)
    if answer:
        return advance(form, replace(state, reviewed=True), context)
    if answer is False or said == "有不对的":
        return stumble(form, state, Fault("哪一项不对？发它前面的数字就能改。\n"), context)
    return stumble(form, state, Fault(NOT_CLEAR), context)


# ---- drafts of another version ----


def _migrate(form: Form, state: State, context: Context) -> tuple[State, tuple[Effect, ...]]:
    """Carry answers over by key; what no longer holds is dropped and named, and asked again."""
    clean, faults = settle(form, state.answers, context)
    for field in form.fields:
        have = state.answers.get(field.key)
        if field.kind == "photo" and field.key in faults and isinstance(have, list) and have:
            clean[field.key] = have  # fewer than asked for: they stay, the question is open
            del faults[field.key]
    lost = [form.by_key[key] for key in faults if key in form.by_key]
    cursor = state.shown[0] if state.cursor in (CANCEL, RESTART) and state.shown else state.cursor
    found = State(
        form.name,
        form.version,
        clean,
        "",
        tuple(key for key in state.trail if key in clean),
        reviewed=state.reviewed and not faults and state.version == form.version,
    )
    here = form.by_key.get(cursor)
    stays = here and applies(here, clean, context) and (found.reviewed or here.kind != "confirm")
    if cursor != DONE and (lost or not stays):
        cursor = place(form, found, context)
        cursor = REVIEW if cursor == DONE else cursor
    lead = (Say(f"表格有变化，{titles(lost)}要重新填。"),) if lost else ()
    return replace(found, cursor=cursor), lead
