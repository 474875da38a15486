"""我要贷款: the loan application as a conversation; also the answer to a return. Clause: S1.1, S1.5, S1.7.

Answering questions is pure. What has consequences – a picture to fetch, the form handed in, a person called –
is done alone, in one transaction with the draft and the reply.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from actions import contacts, drafts, files, filing, profile, status
from actions.drafts import FOR_ANOTHER, FOR_OTHERS, ON_PAPER
from actions.handovers import call_for_help
from actions.inbox import KeptDraft, new_draft
from bot import database, dialog, spoken
from bot.dialog import Cancelled, Effect, Handover, Input, Save, State, Submit, Turn
from bot.errors import RuleRefused
from bot.wechat.inbound import Incoming
from bot.wechat.messages import TEXT_BYTES, Text
from handlers import texts
from handlers.chat import menu
from handlers.chat.links import cost, page_link, with_links
from handlers.chat.talk import IDLE, Alone, ChatOutcome, ChatTurn, Where, say
from handlers.forms.filled import FROM_PAPER, submission
from handlers.forms.loan_application import LOAN_APPLICATION as FORM
from rules.drafts import expires_at

NAME = "apply"
GOES_ON = ("继续", "接着填", "继续填", "继续申请")
STARTS = ("我要贷款", "申请", "贷款", "我要申请", "申请贷款", "我想贷款", "借钱", "我要借钱", *GOES_ON)
"""Words that begin an application, or take up the one there is."""
_LONG_AGO = timedelta(hours=6)
_CONSENTS_LOOKED_AT = 100


def apply(turn: ChatTurn) -> ChatOutcome | Alone:
    """Begin, go on or take up again; one message of it."""
    if turn.where.conversation != NAME or turn.incoming.kind == "event":
        return begin(turn)
    draft = turn.draft(FORM.name, str(turn.where.data.get("subject", "")))
    if draft is None:
        return _gone(turn)
    if turn.incoming.kind == "image":
        return Alone(_with_picture)
    made = _step(turn, draft, input_of(turn.incoming))
    if any(isinstance(effect, Submit | Handover) for effect in made.effects):
        return Alone(_with_consequences)
    return _outcome(turn, draft, made)


def _gone(turn: ChatTurn) -> ChatOutcome:
    """The form was handed in or given up elsewhere, on a page or in the mini-program."""
    if turn.open_application or spoken.bare(turn.said) in STARTS:
        return begin(turn)
    return say(with_links(texts.APPLY_GONE, texts.APPLY_GONE_NEXT), IDLE)


def begin(turn: ChatTurn) -> ChatOutcome:
    """Take up the draft there is, or begin one; the first sentence may answer questions (S18.2)."""
    draft = turn.draft(FORM.name) or _another(turn, of_others=spoken.bare(turn.said) in GOES_ON)
    if draft is not None:
        return _outcome(turn, draft, dialog.resume(FORM, State.from_json(draft.state), turn.context))
    if turn.open_application:
        words = texts.APPLY_OPEN.format(number=turn.open_application)
        return say(with_links(words, texts.APPLY_OPEN_NEXT), IDLE)
    made = dialog.start(FORM, turn.context)
    if spoken.bare(turn.said) in GOES_ON:
        made = replace(made, effects=(dialog.Say(texts.NOTHING_TO_GO_ON), *made.effects))
    heard = _heard(turn, made)
    return _outcome(turn, _new_draft(turn, "", made.state), heard)


def _another(turn: ChatTurn, *, of_others: bool) -> KeptDraft | None:
    """The answer to a return that was begun; `of_others`: or what is being filled in for somebody else."""
    found = [d for d in turn.drafts if d.form == FORM.name and (of_others or d.subject not in FOR_OTHERS)]
    return found[0] if found else None


def give_up(turn: ChatTurn) -> ChatOutcome:
    """取消, said back to a reminder: asked once more, then the answers are deleted. Clause: S1.1."""
    draft = turn.draft(FORM.name) or _another(turn, of_others=True)
    if draft is None:
        return say(with_links(texts.NOTHING_TO_CANCEL, texts.APPLY_NEXT), IDLE)
    return _outcome(turn, draft, _step(turn, draft, Input.said("取消")))


def for_another(turn: ChatTurn) -> ChatOutcome:
    """替人申请: the same, filled in for somebody who confirms it himself. Clause: S1.7."""
    return _for_somebody(turn, FOR_ANOTHER, {"applying_for": "other"})


def on_paper(turn: ChatTurn) -> ChatOutcome:
    """录入纸质申请: the village's clerk enters a paper; it goes by the paper route. Clause: S2.1."""
    if "cadre" not in turn.actor.roles:
        return say(with_links(texts.PAPER_NOT_YOURS, menu.choices_for(turn.actor)))
    return _for_somebody(turn, ON_PAPER, FROM_PAPER)


def _for_somebody(turn: ChatTurn, subject: str, known: Mapping[str, Any]) -> ChatOutcome:
    draft = turn.draft(FORM.name, subject)
    if draft is not None:
        return _outcome(turn, draft, dialog.resume(FORM, State.from_json(draft.state), turn.context))
    made = dialog.start(FORM, turn.context, dict(known))
    return _outcome(turn, _new_draft(turn, subject, made.state), _heard(turn, made))


def _heard(turn: ChatTurn, made: Turn) -> Turn:
    """The first question, or the reading back of what the first sentence said already."""
    if turn.incoming.kind not in ("text", "voice"):
        return made
    answered = dialog.turn(FORM, made.state, input_of(turn.incoming), turn.context)
    return answered if answered.state.pending else made


def _new_draft(turn: ChatTurn, subject: str, state: State) -> KeptDraft:
    return new_draft(FORM.name, subject, state.to_json(), turn.now, _expiry(turn))


def _expiry(turn: ChatTurn) -> Any:
    return expires_at(turn.now, turn.pack.contents.application.expiry_days.on(turn.on))


def input_of(incoming: Incoming) -> Input:
    """What the person sent, as the dialog takes it."""
    match incoming.kind:
        case "text" if incoming.menu_id and incoming.menu_id != "0":
            return Input.tap(incoming.menu_id, incoming.text)
        case "text":
            return Input.said(incoming.text)
        case "voice":
            return Input.voice(incoming.text)
        case "location" if incoming.latitude is not None and incoming.longitude is not None:
            return Input.place(incoming.latitude, incoming.longitude, incoming.label)
    return Input.other()


def _step(turn: ChatTurn, draft: KeptDraft, given: Input) -> Turn:
    """One step of the dialog; after a long pause it begins with what was filled in so far."""
    state, context = State.from_json(draft.state), turn.context
    if not state.cursor:  # begun in the mini-program, where no question is open
        state = dialog.resume(FORM, state, context).state
    made = dialog.turn(FORM, state, given, context)
    if turn.now - draft.updated_at < _LONG_AGO:
        return made
    brief = dialog.resume(FORM, state, context).effects[:1]
    return replace(made, effects=(*brief, *made.effects))


def _outcome(turn: ChatTurn, draft: KeptDraft, made: Turn) -> ChatOutcome:
    """The reply and the draft after a step without further consequences."""
    where = f"/m/apply?subject={draft.subject}" if draft.subject else "/m/apply"
    reply = Text(render(made.effects, turn.page(where)))
    if any(isinstance(effect, Cancelled) for effect in made.effects):
        return ChatOutcome(reply, IDLE, closed=draft, keep_body=made.keep_input)
    kept = replace(draft, state=made.state.to_json(), updated_at=turn.now, expires_at=_expiry(turn))
    left = any(isinstance(effect, Save) for effect in made.effects)
    then = IDLE if left else Where(NAME, {"subject": draft.subject} if draft.subject else {})
    return ChatOutcome(reply, then, draft=kept, keep_body=made.keep_input)


def render(effects: Iterable[Effect], page: str) -> str:
    """The one text of a turn, with its choices to tap, inside what WeChat takes.

    `page` is where the same form stands as a page: offered to who is at a loss (S18.3).
    """
    effects = tuple(effects)
    found = dialog.render_chat(effects)
    room = TEXT_BYTES - cost(found.choices)
    if found.choices and len(found.text.encode()) > room:
        found = dialog.render_chat(effects, room=max(room, TEXT_BYTES // 2))
    text = with_links(found.text, found.choices)
    way = f"\n{page_link(texts.ON_A_PAGE, page)}"
    fits = len((text + way).encode()) <= TEXT_BYTES
    return text + way if found.open_field is not None and fits else text


# ---- with consequences ----


async def _with_picture(turn: ChatTurn) -> ChatOutcome:
    """A picture: noted for fetching only where a question wants one."""
    draft, media_id = _draft(turn), turn.incoming.media_id
    made = _step(turn, draft, Input.photo(media_id))
    if not any(media_id in value for value in made.state.answers.values() if isinstance(value, list)):
        return _outcome(turn, draft, made)
    file = await files.register_wechat_media(turn.actor, media_id, "photo", turn.now, turn.account.name)
    return _outcome(turn, draft, _step(turn, draft, Input.photo(file.key)))


async def _with_consequences(turn: ChatTurn) -> ChatOutcome:
    draft = _draft(turn)
    made = _step(turn, draft, input_of(turn.incoming))
    for effect in made.effects:
        if isinstance(effect, Submit):
            return await _hand_in(turn, draft, effect)
        if isinstance(effect, Handover):
            field = FORM.by_key.get(effect.field)
            _ = await call_for_help(
                turn.actor, effect.reason, field.title if field else "", turn.pack, turn.now
            )
    outcome = _outcome(turn, draft, made)
    called = any(isinstance(effect, Handover) for effect in made.effects)
    if called and not made.state.answers.get("phone") and not await contacts.phone_known(turn.actor):
        return replace(outcome, reply=Text(f"{_said(outcome)}\n{texts.LEAVE_PHONE}"))
    return outcome


def _said(outcome: ChatOutcome) -> str:
    return outcome.reply.text if isinstance(outcome.reply, Text) else ""


def _draft(turn: ChatTurn) -> KeptDraft:
    draft = turn.draft(FORM.name, str(turn.where.data.get("subject", "")))
    if draft is None:
        raise RuleRefused("S1.1", texts.APPLY_GONE, code="draft_closed")
    return draft


async def _hand_in(turn: ChatTurn, draft: KeptDraft, given: Submit) -> ChatOutcome:
    """File it; what a rule refuses is said, and the question it is about is asked again. Clause: S1.8."""
    try:
        async with database.transaction():
            if draft.subject and draft.subject not in FOR_OTHERS:
                return await _supplemented(turn, draft, given)
            return await _filed(turn, draft, given)
    except RuleRefused as refusal:
        if refusal.code == "prove_identity":
            way = page_link(texts.CLAIM_PAGE, turn.page("/m/identity"))
            return say(f"{refusal.message}\n{way}\n{texts.CLAIMED_THEN}")
        if refusal.field is None or refusal.field not in FORM.by_key:
            return say(refusal.message)
        state = State.from_json(draft.state)
        return _outcome(turn, draft, dialog.reopen(FORM, state, refusal.field, turn.context, refusal.message))


async def _filed(turn: ChatTurn, draft: KeptDraft, given: Submit) -> ChatOutcome:
    route = "paper" if draft.subject == ON_PAPER else "online"
    form = submission(given.answers, given.consents, route=route, draft_key=draft.key)
    application = await filing.hand_in(turn.actor, form, _photos(given), turn.pack, turn.now)
    if not form.own:
        page = page_link(texts.CONFIRM_PAGE, turn.page(f"/m/applications/{application.key}"))
        return say(f"{texts.APPLY_FOR_OTHER.format(number=application.number)}\n{page}", IDLE)
    farmer = replace(turn.actor, person_id=application.applicant_id)  # his ID number may have told who he is
    view = await status.view(farmer, application.key, turn.now)
    due = f"，最晚{texts.day(texts.last_day(view.expected_at))}办完" if view.expected_at else ""
    words = texts.APPLY_SUBMITTED.format(number=view.number, who="、".join(view.now_with), due=due)
    return say(with_links(words, texts.APPLY_NEXT), IDLE)


async def _supplemented(turn: ChatTurn, draft: KeptDraft, given: Submit) -> ChatOutcome:
    form = submission(given.answers, given.consents)
    application = await filing.hand_in_again(
        turn.actor, draft.subject, form, _photos(given), turn.pack, turn.now
    )
    await drafts.mark_submitted(turn.actor, draft.key, turn.now)
    words = texts.SUPPLEMENTED
    if application.state == "awaiting_confirmation":
        words = texts.SUPPLEMENTED_ASKS
    return say(words.format(number=application.number), IDLE)


def _photos(given: Submit) -> list[str]:
    fields = [field.key for field in FORM.fields if field.kind == "photo"]
    return [photo for key in fields for photo in given.answers.get(key) or ()]


async def supplement(turn: ChatTurn, key: str) -> ChatOutcome:
    """Answer a return: the named questions are open again, the other answers are kept. Clause: S1.5."""
    draft = turn.draft(FORM.name, key)
    if draft is not None:
        return _outcome(turn, draft, dialog.resume(FORM, State.from_json(draft.state), turn.context))
    view = await status.view(turn.actor, key, turn.now)
    if not view.may_supplement:
        raise RuleRefused("S1.5", texts.NOTHING_TO_SUPPLEMENT, code="not_returned")
    given = {**await status.answers_of(turn.actor, key), **await _agreed(turn)}
    kept = {name: value for name, value in given.items() if name not in view.return_fields}
    made = dialog.start(FORM, turn.context, {name: kept[name] for name in kept if name in FORM.by_key})
    made = replace(made, effects=(dialog.Say(texts.SUPPLEMENT_ASK.format(reason=view.reason)), *made.effects))
    return _outcome(turn, _new_draft(turn, key, made.state), made)


async def _agreed(turn: ChatTurn) -> dict[str, Any]:
    """The papers this person agreed to before, as answers: an unchanged text is not asked twice."""
    context = turn.context
    fields = {
        context.papers[str(field.paper)].sha256: field.key for field in FORM.fields if field.kind == "confirm"
    }
    return {
        fields[seen.text_sha256]: {
            "version": seen.version,
            "sha256": seen.text_sha256,
            "agreed_at": seen.agreed_at.isoformat(),
        }
        for seen in await profile.consents(turn.actor, limit=_CONSENTS_LOOKED_AT)
        if seen.text_sha256 in fields
    }
