"""Pictures and places sent into a conversation: asked for, sent early, sent twice, or not wanted. Pure."""

from __future__ import annotations

from dataclasses import replace

from bot.dialog_checks import applies, photo_range, wrong
from bot.dialog_commands import FINISHED
from bot.dialog_flow import ask, leave_question, stumble, take, to
from bot.dialog_types import Context, Effect, Field, Form, Input, Say, State, Turn, Value
from bot.dialog_values import Fault


def photo(form: Form, state: State, ref: str, context: Context, *lead: Effect) -> Turn:
    state = leave_question(state)
    field = wanted(form, state, "photo", context)
    if field is None:
        return ask(form, state, context, *lead, Say("现在不用发照片。"))
    have = state.answers.get(field.key)
    refs = list(have) if isinstance(have, list) else []
    high = photo_range(field, context)[1]
    if ref in refs:
        return ask(form, state, context, *lead)
    if len(refs) >= high:
        return ask(form, state, context, *lead, Say(f"照片够了，最多{high}张。"))
    refs.append(ref)
    answers = {**state.answers, field.key: refs}
    state = replace(state, answers=answers, attempts=0, reviewed=False)
    if field.key == state.cursor and state.pending is None:
        return ask(form, state, context, *lead)
    if field.key not in state.trail:
        state = replace(state, trail=(*state.trail, field.key))
    return ask(form, state, context, *lead, Say(f"照片收到，放到“{field.title}”里了（第{len(refs)}张）。"))


def photo_words(form: Form, state: State, field: Field, said: str, context: Context) -> Turn:
    have = state.answers.get(field.key)
    refs = have if isinstance(have, list) else []
    low = photo_range(field, context)[0]
    if said in ("重拍", "删掉", "删掉重拍", "重发"):
        answers = {key: value for key, value in state.answers.items() if key != field.key}
        return ask(form, to(state, field.key, answers), context, Say("好，前面的照片不要了。"))
    if said not in FINISHED:
        return stumble(form, state, Fault("这里请发照片，发完了回复“好了”。"), context)
    if len(refs) < low:
        return stumble(form, state, Fault(f"还差{low - len(refs)}张照片。"), context)
    return take(form, state, {field.key: refs}, context)


def location(form: Form, state: State, given: Input, context: Context, *lead: Effect) -> Turn:
    state = leave_question(state)
    field = wanted(form, state, "location", context)
    if field is None:
        return ask(form, state, context, *lead, Say("现在不用发位置。"))
    value: Value = {
        "latitude": round(given.latitude, 6),
        "longitude": round(given.longitude, 6),
        "label": given.text.strip()[:200],
    }
    fault = wrong(field, value, state.answers, context)
    if fault:
        return stumble(form, state, Fault(fault), context, *lead)
    if field.key == state.cursor and state.pending is None:
        return take(form, state, {field.key: value}, context, *lead, Say("位置收到了。"))
    answers = {**state.answers, field.key: value}
    trail = state.trail if field.key in state.trail else (*state.trail, field.key)
    state = replace(state, answers=answers, trail=trail, reviewed=False)
    return ask(form, state, context, *lead, Say(f"位置收到，放到“{field.title}”里了。"))


def wanted(form: Form, state: State, kind: str, context: Context) -> Field | None:
    """Where a picture or a place belongs: the open field, else the only empty or needed one."""
    cursor = form.by_key.get(state.cursor)
    if cursor and cursor.kind == kind:
        return cursor
    fitting = [f for f in form.fields if f.kind == kind and applies(f, state.answers, context)]
    empty = [f for f in fitting if state.answers.get(f.key) is None]
    for found in (empty, [f for f in empty if not f.optional], fitting):
        if len(found) == 1:
            return found[0]
    return None
