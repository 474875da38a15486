"""确认申请: who finds what somebody filled in for him reads the papers, one after the other, and agrees;
then it counts. Clause: S1.4, S1.7."""

from __future__ import annotations

from dataclasses import replace

from actions import confirmations, drafts
from actions.applications import GivenConsent
from actions.inbox import KeptDraft, new_draft
from bot import dialog
from bot.dialog import Cancelled, Save, State, Submit, Turn
from bot.wechat.messages import Text
from handlers import texts
from handlers.chat.apply import input_of, render
from handlers.chat.talk import IDLE, Alone, ChatOutcome, ChatTurn, Where, say
from handlers.forms.confirmation import CONFIRMATION as FORM
from rules.drafts import expires_at

NAME = "confirm"


def begin(turn: ChatTurn, key: str) -> ChatOutcome:
    """The first paper, or the one at which he stopped."""
    draft = turn.draft(FORM.name, key)
    if draft is not None:
        return _outcome(turn, draft, dialog.resume(FORM, State.from_json(draft.state), turn.context))
    made = dialog.start(FORM, turn.context)
    expiry = expires_at(turn.now, turn.pack.contents.application.expiry_days.on(turn.on))
    return _outcome(turn, new_draft(FORM.name, key, made.state.to_json(), turn.now, expiry), made)


def talk(turn: ChatTurn) -> ChatOutcome | Alone:
    """同意, or a question in between; the last 同意 has consequences."""
    draft = turn.draft(FORM.name, str(turn.where.data.get("subject", "")))
    if draft is None or turn.incoming.kind == "event":
        return say(texts.APPLY_GONE, IDLE)
    made = dialog.turn(FORM, State.from_json(draft.state), input_of(turn.incoming), turn.context)
    if any(isinstance(effect, Submit) for effect in made.effects):
        return Alone(_confirmed)
    return _outcome(turn, draft, made)


async def _confirmed(turn: ChatTurn) -> ChatOutcome:
    draft = turn.draft(FORM.name, str(turn.where.data.get("subject", "")))
    if draft is None:
        return say(texts.APPLY_GONE, IDLE)
    made = dialog.turn(FORM, State.from_json(draft.state), input_of(turn.incoming), turn.context)
    given = next(effect for effect in made.effects if isinstance(effect, Submit))
    consents = [GivenConsent(each.kind, each.version, each.sha256) for each in given.consents]
    application = await confirmations.confirm(
        turn.actor, draft.subject, turn.pack, turn.now, consents=consents
    )
    await drafts.mark_submitted(turn.actor, draft.key, turn.now)
    return say(texts.CONFIRMED.format(number=application.number), IDLE)


def _outcome(turn: ChatTurn, draft: KeptDraft, made: Turn) -> ChatOutcome:
    reply = Text(render(made.effects, turn.page(f"/m/applications/{draft.subject}")))
    if any(isinstance(effect, Cancelled) for effect in made.effects):
        return ChatOutcome(reply, IDLE, closed=draft, keep_body=made.keep_input)
    kept = replace(draft, state=made.state.to_json(), updated_at=turn.now)
    left = any(isinstance(effect, Save) for effect in made.effects)
    then = IDLE if left else Where(NAME, {"subject": draft.subject})
    return ChatOutcome(reply, then, draft=kept, keep_body=made.keep_input)
