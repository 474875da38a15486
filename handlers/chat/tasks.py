"""待办: the tasks of a cadre, clerk or officer: the list, one task, and the form by which it is done.

A decision, a visit and a disbursement are forms like any other, with a draft of their own for each task: they
can be left and taken up again, and finished on a page or in the mini-program. Clause: S1.2, S1.3, S4.7.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from actions import contacts, drafts, files, loans, slip_checks, slips, tasks, visits
from actions.inbox import KeptDraft, new_draft
from actions.shown import ShownApplication
from actions.tasks import TaskView
from bot import database, dialog
from bot.dialog import Cancelled, Choice, Context, Form, Handover, Input, Save, State, Submit, Turn
from bot.errors import RuleRefused
from bot.runtime import business_date
from bot.wechat.messages import Text
from handlers import texts
from handlers.chat.apply import input_of, render
from handlers.chat.links import link, page_link, plain, with_links
from handlers.chat.talk import IDLE, ChatOutcome, ChatTurn, Where, say
from handlers.forms import form_context
from handlers.forms.decision import DECISION, decision_choices
from handlers.forms.disbursement import DISBURSEMENT
from handlers.forms.filled import disbursement, visit_report
from handlers.forms.slip import SLIP, checked
from handlers.forms.visit import POST_LOAN_VISIT, VISIT
from rules.application import ApplicantKind, rate_cap_bp, yuan
from rules.drafts import expires_at
from rules.routes import Decision

NAME = "tasks"
PAGE = 8
FORMS: Mapping[str, Form] = {
    "review": DECISION,
    "visit": VISIT,
    "post_loan_visit": POST_LOAN_VISIT,
    "disburse": DISBURSEMENT,
    "slip": SLIP,
}
"""Kind of task -> the form that does it."""
VISITS = ("visit", "post_loan_visit")
ON_A_PAGE = frozenset({"disposal", "filing", "subsidy", "village_watch", "privacy_request", "vote"})
"""Kinds of tasks that need a list in front of one's eyes: the chat leads to the page."""
_TO_THE_LIST = frozenset({"待办", "任务", "我的任务", "待办任务", "走访"})
_DECIDED = {Decision.APPROVE: "通过", Decision.RETURN: "退回补充", Decision.REJECT: "不通过"}


async def open_list(turn: ChatTurn) -> ChatOutcome:
    """The person's open tasks, the most urgent first. Clause: S1.2."""
    found = await tasks.inbox(turn.actor, turn.now, limit=PAGE + 1)
    if not found:
        return say(texts.NO_TASK, IDLE)
    shown = [_line(task) for task in found[:PAGE]]
    head = texts.TASKS_HEAD.format(count=f"{PAGE}+" if len(found) > PAGE else len(found))
    lines = [head, *(f"{number}. {line}" for number, line in enumerate(shown, 1))]
    where = Where(NAME, {"list": [task.key for task in found[:PAGE]], "lines": shown})
    return say(with_links("\n".join(lines), [("", line) for line in shown]), where)


async def talk(turn: ChatTurn) -> ChatOutcome:
    """Open the list, or the next message of somebody who is at his tasks."""
    data = turn.where.data if turn.where.conversation == NAME and turn.incoming.kind != "event" else {}
    if turn.said.strip() in _TO_THE_LIST:
        return await open_list(turn)
    if "form" in data:
        return await _fill_in(turn, str(data["task"]))
    if "close" in data:
        return await _close(turn, str(data["task"]), str(data["close"]))
    at = _number(turn.said, data.get("lines", ()))
    keys: Sequence[str] = data.get("list", ())
    if at is not None and 1 <= at <= len(keys):
        return await show(turn, keys[at - 1])
    return await open_list(turn)


async def show(turn: ChatTurn, key: str) -> ChatOutcome:
    """One task: what it is about, then the first question of its form. Clause: S1.2, S17.2."""
    task = await tasks.view_task(turn.actor, key, turn.now)
    lines = [f"【{task.title}】", *_about(task, turn), *await _whom(task, turn), *await _slip(task, turn)]
    if task.missing:
        return say("\n".join([*lines, texts.VISIT_MISSING, link("待办")]), Where(NAME, {}))
    if task.kind in ON_A_PAGE:
        opened = page_link("点这里打开办理", turn.page(f"/m/tasks/{task.key}"))
        return say("\n".join([*lines, opened, link("待办")]), Where(NAME, {}))
    if task.kind not in FORMS:
        words = texts.close_words(task.kind)
        lines += [f"{number}. {word}" for number, word in enumerate(words, 1)]
        where = Where(NAME, {"task": key, "close": task.kind})
        return say(with_links("\n".join(lines), [("", word) for word in words]), where)
    form = FORMS[task.kind]
    context = await _context(turn, task)
    draft = turn.draft(form.name, key)
    made = (
        dialog.resume(form, State.from_json(draft.state), context) if draft else dialog.start(form, context)
    )
    made = replace(made, effects=(dialog.Say(plain("\n".join(lines))), *made.effects))
    return _outcome(turn, draft or _new_draft(turn, form, key, made), made, task)


def _new_draft(turn: ChatTurn, form: Form, key: str, made: Turn) -> KeptDraft:
    expiry = expires_at(turn.now, turn.pack.contents.application.expiry_days.on(turn.on))
    return new_draft(form.name, key, made.state.to_json(), turn.now, expiry)


async def _context(turn: ChatTurn, task: TaskView) -> Context:
    """What a task's form may know: the decisions of its stage, the sum applied for, the cap of the rate."""
    options: dict[str, Sequence[Choice]] = {"decisions": decision_choices(d.value for d in task.decisions)}
    limits, facts = {}, {}
    if task.kind == "disburse" and task.application is not None:
        applied = task.application
        cap = rate_cap_bp(
            ApplicantKind(applied.applicant_kind), applied.term_months, turn.pack.terms(turn.on)
        )
        limits = {"applied_fen": applied.amount_fen, "rate_cap_bp": cap}
        facts = {"filed_on": business_date(applied.submitted_at)}
    return form_context(turn.pack, turn.now, turn.on, options=options, limits=limits, facts=facts)


async def _fill_in(turn: ChatTurn, key: str) -> ChatOutcome:
    """The next answer of a task's form."""
    task = await tasks.view_task(turn.actor, key, turn.now)
    form = FORMS[task.kind]
    draft = turn.draft(form.name, key)
    if draft is None:
        return await open_list(turn)
    made = dialog.turn(form, State.from_json(draft.state), await _given(turn), await _context(turn, task))
    submitted = next((effect for effect in made.effects if isinstance(effect, Submit)), None)
    if submitted is None:
        return _outcome(turn, draft, made, task)
    try:
        async with database.transaction():
            said = await _DONE[task.kind](turn, key, submitted.answers)
            await drafts.mark_submitted(turn.actor, draft.key, turn.now)
    except RuleRefused as refusal:
        if refusal.field not in form.by_key:
            return say(f"{refusal.message}\n{link('待办')}", IDLE)
        again = dialog.reopen(
            form,
            State.from_json(draft.state),
            str(refusal.field),
            await _context(turn, task),
            refusal.message,
        )
        return _outcome(turn, draft, again, task)
    return await _then_the_rest(turn, said)


async def _given(turn: ChatTurn) -> Input:
    """What was sent, as the dialog takes it; a picture is noted for fetching."""
    if turn.incoming.kind != "image":
        return input_of(turn.incoming)
    account = turn.account.name
    media_id = turn.incoming.media_id
    kept = await files.register_wechat_media(turn.actor, media_id, "visit", turn.now, account)
    return Input.photo(kept.key)


def _outcome(turn: ChatTurn, draft: KeptDraft, made: Turn, task: TaskView) -> ChatOutcome:
    page = turn.page(f"/m/{'visit' if task.kind in VISITS else 'tasks'}/{task.key}")
    reply = Text(render(made.effects, page))
    if any(isinstance(effect, Cancelled) for effect in made.effects):
        return ChatOutcome(reply, IDLE, closed=draft, keep_body=made.keep_input)
    kept = replace(draft, state=made.state.to_json(), updated_at=turn.now)
    left = any(isinstance(effect, Save | Handover) for effect in made.effects)
    where = IDLE if left else Where(NAME, {"task": task.key, "form": draft.form, "hash": _hash(turn, task)})
    return ChatOutcome(reply, where, draft=kept, keep_body=made.keep_input)


def _hash(turn: ChatTurn, task: TaskView) -> str:
    """The hash of what was shown when the task was opened: a later change must be seen before deciding."""
    data = turn.where.data
    return str(data["hash"]) if data.get("task") == task.key and "hash" in data else task.shown_hash


async def _decided(turn: ChatTurn, key: str, answers: Mapping[str, Any]) -> str:
    decision = Decision(answers["decision"])
    result = await tasks.decide(
        turn.actor,
        key,
        decision,
        turn.pack,
        turn.now,
        reason=answers.get("reason") or "",
        return_fields=answers.get("return_fields") or (),
        shown_hash=str(turn.where.data["hash"]),
    )
    return f"记下了：{result.number} {_DECIDED[decision]}。"


async def _visited(turn: ChatTurn, key: str, answers: Mapping[str, Any]) -> str:
    report = visit_report(answers, f"chat-{key}", turn.incoming.created_at)
    visit = await visits.record(turn.actor, key, report, turn.pack, turn.now)
    doubts = "；".join(str(doubt["message"]) for doubt in visit.doubts)
    return "走访记好了，辛苦了！" + (f"\n提醒：{doubts}" if doubts else "")


async def _disbursed(turn: ChatTurn, key: str, answers: Mapping[str, Any]) -> str:
    loan = await loans.disburse(turn.actor, key, disbursement(answers), turn.pack, turn.now)
    return f"放款登记好了，借据号 {loan.number}，还款计划已经排好，会按时提醒借款人。"


async def _slip_checked(turn: ChatTurn, key: str, answers: Mapping[str, Any]) -> str:
    made = await slip_checks.decide(turn.actor, key, checked(answers), turn.pack, turn.now)
    return f"记下了：借据 {made.loan_number} 的还款，{slips.DECIDED[made.state]}。已经告诉借款人。"


_DONE: Mapping[str, Callable[[ChatTurn, str, Mapping[str, Any]], Awaitable[str]]] = {
    "review": _decided,
    "visit": _visited,
    "post_loan_visit": _visited,
    "disburse": _disbursed,
    "slip": _slip_checked,
}


async def _close(turn: ChatTurn, key: str, kind: str) -> ChatOutcome:
    outcomes = texts.close_words(kind)
    words = list(outcomes)
    at = _number(turn.said, words)
    if at is None or not 1 <= at <= len(words):
        return say(with_links(texts.CLOSE_HOW, [("", word) for word in words]))
    word = words[at - 1]
    await tasks.close(turn.actor, key, outcomes[word], turn.pack, turn.now, note=word)
    return await _then_the_rest(turn, "记下了。")


async def _then_the_rest(turn: ChatTurn, head: str) -> ChatOutcome:
    left = len(await tasks.inbox(turn.actor, turn.now, limit=PAGE + 1))
    tail = f"还有{left}件：{link('待办')}" if left else texts.NO_TASK
    return say(f"{head}\n{tail}", IDLE)


def _number(said: str, options: Sequence[str]) -> int | None:
    """Which option was said: its number, or its words."""
    text = said.strip().rstrip(".。、")
    if text.isdecimal() and len(text) <= 2:
        return int(text)
    return next((number for number, option in enumerate(options, 1) if option == text), None)


def _line(task: TaskView) -> str:
    """One task in a list: title, who, where, until when."""
    parts = [task.title]
    if task.application is not None:
        parts += [task.application.applicant, task.application.village_name]
    elif task.loan is not None:
        parts += [task.loan.borrower, task.loan.village_name]
    due = "已超期" if task.overdue else f"{texts.day(business_date(task.due_at - timedelta(seconds=1)))}前"
    return " ".join([*parts, due])


def _about(task: TaskView, turn: ChatTurn) -> list[str]:
    if task.application is None:
        loan = task.loan
        about = [f"借款人 {loan.borrower}，{loan.village_name}，余额{yuan(loan.balance_fen)}"] if loan else []
        return [*about, task.note] if task.note else about
    return facts_of(task.application, turn)


async def _whom(task: TaskView, turn: ChatTurn) -> list[str]:
    """Whom to call or visit, in full, and what to tell him. Clause: S11.7, S18.3."""
    if task.kind not in contacts.CALLED or task.state != "open":
        return []
    found = await contacts.contact_of(turn.actor, task.key, turn.pack, turn.now)
    who = "，".join(part for part in (found.name or "没有留姓名", found.place) if part)
    return [
        *([plain(found.words)] if found.words else []),
        f"找谁：{who}",
        f"电话：{found.phone or '没有留'}",
    ]


async def _slip(task: TaskView, turn: ChatTurn) -> list[str]:
    """What an officer should know of a slip before he decides. Clause: S11.4, S18.9."""
    if task.kind != "slip" or task.state != "open":
        return []
    found = await slip_checks.check_of(turn.actor, task.key, turn.pack, turn.on)
    booked = [
        f"账上有：{texts.day(each.received_on)} {yuan(each.amount_fen)}，流水号 {each.serial}"
        for each in found.booked
    ]
    return [*(f"注意：{doubt}" for doubt in found.doubts), *booked]


def facts_of(shown: ShownApplication, turn: ChatTurn) -> list[str]:
    """What a reviewer reads of an application: masked, one fact a line. Clause: S17.2."""
    industry = turn.pack.terms(turn.on).industries.get(shown.industry, shown.industry)
    lines = [
        f"编号 {shown.number}",
        f"申请人 {shown.applicant} {shown.phone}，{shown.village_name}",
        f"借{yuan(shown.amount_fen)}，{shown.term_months}个月，{industry}",
    ]
    lines += [
        f"{title}：{str(shown.answers[key])[:60]}"
        for key, title in (("purpose", "用途"), ("repayment_source", "还款来源"))
        if shown.answers.get(key)
    ]
    if shown.filled_by_helper:
        lines.append("由别人代填，本人已确认")
    if shown.visit is not None:
        lines.append(_visit_line(shown))
    lines += [f"上次的意见：{decision.reason}" for decision in shown.decisions[-1:] if decision.reason]
    return lines


def _visit_line(shown: ShownApplication) -> str:
    visit = shown.visit
    if visit is None:
        return ""
    result = "属实" if visit.result == "confirmed" else "不属实"
    doubts = "；".join(str(doubt["message"]) for doubt in visit.doubts)
    return f"走访：{result}，照片{len(visit.photos)}张" + (f"。注意：{doubts}" if doubts else "")
