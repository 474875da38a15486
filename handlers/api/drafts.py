"""Half-filled forms: the same drafts the chat fills, changed answer by answer and handed in once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
from pydantic import Field, JsonValue

from actions import drafts, files, status
from actions.access import Actor, require_staff
from actions.drafts import FOR_ANOTHER, FOR_OTHERS, ON_PAPER, DraftView
from actions.filing import hand_in, hand_in_again
from bot.dialog import Context, Form, State, patch, submission
from bot.dialog_checks import applies
from bot.errors import NotFound, RuleRefused
from handlers.api.applications import ApplicationOut, current_actor, view
from handlers.county import county_context
from handlers.endpoint import Call, In, Out, Query
from handlers.errors import HttpError
from handlers.forms import FORMS, filled

FORM = "loan_application"
_VERSION = re.compile(r'(?:W/)?"?(\d{1,9})"?')
Subject = Annotated[str, Field(max_length=22, pattern=r"^[A-Za-z0-9_-]*$")]


class Which(Query):
    """Which draft is looked for. `subject`: the key of the application that was returned, `other` for what is
    filled in for somebody else, empty for one's own."""

    form: Literal["loan_application"] = "loan_application"
    subject: Subject = ""


class DraftIn(In):
    """Which form is begun. `subject`: the key of the application that was returned, `other` to fill it in for
    somebody else, `paper` to enter what came on paper, empty for oneself."""

    form: Literal["loan_application"]
    subject: Subject = ""


class Changes(In):
    """Answers by key: in their kept form, or as people say them; null takes one back.

    A paper is agreed to with its `sha256`, a place is `{latitude, longitude, label}`, photos are file keys.
    """

    answers: dict[Annotated[str, Field(max_length=40)], JsonValue] = Field(max_length=80)


class HandIn(In):
    """`version`: hand in only what was seen. `route`: `paper` when a village clerk enters it."""

    version: int | None = Field(None, ge=1)
    route: Literal["online", "paper"] = "online"


class DraftOut(Out):
    """A draft. `version` goes into If-Match; `applies` are the questions to ask now."""

    key: str
    form: str
    form_version: int
    subject: str
    version: int
    answers: dict[str, JsonValue]
    applies: list[str]
    problems: dict[str, str] = Field(description="A sentence for each question that is open or not right.")
    dropped: list[str] = Field(
        default_factory=list, description="Answers that had to go with the last change."
    )
    updated_at: datetime
    expires_at: datetime
    channel: str = Field(description="Where it was changed last: chat, mini_program, page.")


class DraftsOut(Out):
    """The open draft that was asked for, if there is one."""

    items: list[DraftOut]


@dataclass(frozen=True, slots=True)
class _Opened:
    """A draft with what it is judged by."""

    form: Form
    context: Context
    draft: DraftView

    @property
    def state(self) -> State:
        return State.from_json(orjson.dumps(self.draft.state))


async def listed(call: Call, query: Which) -> DraftsOut:
    """One's open draft of a form, begun here or in the chat."""
    found = await drafts.current(call.actor, query.form, query.subject, call.now)
    return DraftsOut(items=[await _out(call, found)] if found else [])


async def begin(call: Call, body: DraftIn) -> DraftOut:
    """The open draft of a form; made when there is none. An answer to a return begins with what was said."""
    answers: dict[str, Any] = {}
    if body.subject == FOR_ANOTHER:
        answers = {"applying_for": "other"}
    elif body.subject == ON_PAPER:
        require_staff(call.actor, "cadre")
        answers = dict(filled.FROM_PAPER)
    elif body.subject:
        answers = await _answers_to_mend(call.actor, body.subject, call.now)
    draft = await drafts.open_draft(
        call.actor, body.form, FORMS[body.form].version, body.subject, call.now, call.pack, call.actor.channel
    )
    if draft.version == 1 and answers and not draft.state.get("a"):
        state = {**draft.state, "a": answers}
        draft = await drafts.save(call.actor, draft.key, state, draft.version, call.now, call.actor.channel)
    return await _out(call, draft)


async def _answers_to_mend(actor: Actor, key: str, now: datetime) -> dict[str, Any]:
    """What was said before, without what is to be answered again and without the papers. Clause: S1.5."""
    application = await status.view(actor, key, now)
    if not application.may_supplement:
        raise RuleRefused("S1.5", "这份申请现在不用补充材料。", code="not_returned")
    papers = {field.key for field in FORMS[FORM].fields if field.kind == "confirm"}
    again = papers | set(application.return_fields)
    return {name: value for name, value in (await status.answers_of(actor, key)).items() if name not in again}


async def show(call: Call, key: str) -> DraftOut:
    """One's own open draft."""
    return await _out(call, await drafts.load(call.actor, key, call.now))


async def change(call: Call, key: str, body: Changes) -> DraftOut:
    """Change answers of the version one saw (If-Match). All are kept or, when one is refused, none.

    When somebody changed the draft since, the answer is 409 with `draft` as it is now and `merged`, the
    answers as they would be with this change on top. A refused answer is 422 with `errors`.
    """
    opened = await _open(call, key)
    seen = _seen_version(call)
    changes = await _checked(call, opened, body.answers)
    done = patch(opened.form, opened.state, changes, opened.context)
    if seen != opened.draft.version:
        raise await _changed_meanwhile(call, opened.draft, done.state.answers)
    if done.errors:
        raise _refused("answer_refused", done.errors)
    if done.state == opened.state:
        return await _out(call, opened.draft)
    try:
        saved = await drafts.save(
            call.actor, key, orjson.loads(done.state.to_json()), seen, call.now, call.actor.channel
        )
    except RuleRefused as refusal:
        if refusal.code != "draft_version":
            raise
        raise await _changed_meanwhile(call, await drafts.load(call.actor, key, call.now), {}) from refusal
    return await _out(call, saved, done.dropped)


def _seen_version(call: Call) -> int:
    header = call.request.headers.get("If-Match")
    if header is None:
        raise HttpError(428, field="If-Match")
    found = _VERSION.fullmatch(header.strip())
    if found is None:
        raise HttpError(400, field="If-Match")
    return int(found[1])


async def _checked(call: Call, opened: _Opened, answers: Mapping[str, Any]) -> dict[str, Any]:
    """Answers a program may give: when something was agreed to we say, and pictures are one's own."""
    changes = dict(answers)
    for key, value in answers.items():
        field = opened.form.by_key.get(key)
        if field is None or value is None:
            continue
        if field.kind == "confirm" and not isinstance(value, str):
            raise _refused("answer_refused", {key: "请先看完，再选“同意”。"})
        if field.kind == "photo":
            await _own_photos(call.actor, key, value, opened.state.answers.get(key))
    return changes


async def _own_photos(actor: Actor, key: str, value: Any, before: Any) -> None:
    known = before if isinstance(before, list) else []
    fresh = [each for each in value if each not in known] if isinstance(value, list) else []
    try:
        await files.views(actor, [str(each) for each in fresh])
    except NotFound as error:
        raise _refused("answer_refused", {key: error.message}) from error


async def _changed_meanwhile(call: Call, draft: DraftView, merged: Mapping[str, Any]) -> HttpError:
    now = await _out(call, draft)
    return HttpError(
        409,
        code="draft_version",
        rule="S1.1",
        message="这张表刚在别处改过，请看一下最新的内容再改。",
        extra={"draft": now.model_dump(mode="json"), "merged": dict(merged)},
    )


def _refused(code: str, errors: Mapping[str, str]) -> HttpError:
    field, message = next(iter(errors.items()))
    return HttpError(
        422, code=code, rule="S1.1", message=message, field=field, extra={"errors": dict(errors)}
    )


async def cancel(call: Call, key: str) -> None:
    """Give a draft up; its answers are deleted."""
    await drafts.cancel(call.actor, key, call.now)


async def hand_in_draft(call: Call, key: str, body: HandIn) -> ApplicationOut:
    """Hand the form in: it becomes an application, or answers the return it was opened for.

    What is still missing is 422 with `errors`, a sentence for each question.
    """
    opened = await _open(call, key)
    if body.version is not None and body.version != opened.draft.version:
        raise await _changed_meanwhile(call, opened.draft, {})
    ready, faults = submission(opened.form, _skipped(opened.form, opened.state.answers), opened.context)
    if ready is None:
        raise _refused("form_incomplete", faults)
    route = "paper" if opened.draft.subject == ON_PAPER else body.route
    returned = opened.draft.subject if opened.draft.subject not in FOR_OTHERS else ""
    draft_key = None if returned else key
    given = filled.submission(ready.answers, ready.consents, route=route, draft_key=draft_key)
    photos = _photos(opened.form, ready.answers)
    if returned:
        filed = await hand_in_again(call.actor, returned, given, photos, call.pack, call.now)
        await drafts.mark_submitted(call.actor, key, call.now)
    else:
        filed = await hand_in(call.actor, given, photos, call.pack, call.now)
    return await view(call, await current_actor(call), filed.key)


def _skipped(form: Form, answers: Mapping[str, Any]) -> dict[str, Any]:
    """The answers, with every optional question that was left alone counted as skipped."""
    return {**{field.key: None for field in form.fields if field.optional}, **answers}


def _photos(form: Form, answers: Mapping[str, Any]) -> list[str]:
    fields = [field.key for field in form.fields if field.kind == "photo"]
    return [photo for key in fields for photo in answers.get(key) or ()]


async def _open(call: Call, key: str) -> _Opened:
    draft = await drafts.load(call.actor, key, call.now)
    if draft.form != FORM:
        raise HttpError(404)
    return _Opened(FORMS[FORM], await county_context(call.runtime, call.actor.county), draft)


async def _out(call: Call, draft: DraftView, dropped: tuple[str, ...] = ()) -> DraftOut:
    form, context = FORMS[draft.form], await county_context(call.runtime, call.actor.county)
    answers: dict[str, Any] = dict(draft.state.get("a", {}))
    _, problems = submission(form, _skipped(form, answers), context)
    return DraftOut(
        key=draft.key,
        form=draft.form,
        form_version=draft.form_version,
        subject=draft.subject,
        version=draft.version,
        answers=answers,
        applies=[field.key for field in form.fields if applies(field, answers, context)],
        problems=problems,
        dropped=list(dropped),
        updated_at=draft.updated_at,
        expires_at=draft.expires_at,
        channel=draft.channel,
    )
