"""还款清单: the borrower says that he has paid, the bank looks into its books, the guarantor keeps it.

A slip is no payment: the balance moves only when the bank confirms it by a serial number of its own. Of two
officers at once one wins, the other hears what came of it; the same photo, sent or tapped twice, is one slip.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import asyncpg

from actions import audit, notices, routing
from actions.access import Actor, access_loan, access_task, sees_slip
from actions.notices import NewNotice
from actions.refusal import refuse as refuse_by
from actions.repayments import keepers_of, record_repayment
from actions.tasks import take
from bot import database
from bot.errors import Conflict, NotFound, RuleRefused
from models.application import Task
from models.conversation import StoredFile
from models.loan import Loan, Repayment
from models.people import Person
from models.slip import RepaymentSlip
from policies import Pack
from rules.application import yuan
from rules.regions import scope_of
from rules.slips import check_reason, check_slip, check_waiting
from rules.tasks import check_reviewer, deadline

PURPOSE = "repayment_slip"
REASON_MAX = 200
KIND = "slip"
DECIDED = {"confirmed": "银行已经查到", "refused": "银行没有查到"}


@dataclass(frozen=True, slots=True)
class SlipView:
    """A slip for whoever may see it. `received_fen` and `received_on` are what the bank's books say.

    `reversed_on`: the day the bank took that payment back, with its reason; None while it counts.
    """

    key: str
    loan_key: str
    loan_number: str
    state: str
    amount_fen: int | None
    paid_on: date | None
    photo: str | None
    created_at: datetime
    decided_at: datetime | None
    reason: str
    serial: str
    received_fen: int | None
    received_on: date | None
    reversed_on: date | None = None
    reversal_reason: str = ""
    repeated: bool = False


async def report(
    actor: Actor,
    loan_key: str,
    *,
    amount_fen: int | None,
    paid_on: date | None,
    photo: str | None,
    pack: Pack,
    now: datetime,
) -> SlipView:
    """The borrower reports a repayment; the lending bank gets a task. A repeat returns the slip there is.

    `photo` is the key of his file of the purpose `repayment_slip`; None where he has none. Raises NotFound,
    RuleRefused, Conflict. Clause: S11.4, S18.4.
    """
    loan = await access_loan(actor, loan_key)
    if loan.borrower_id != actor.person_id:
        raise RuleRefused("S11.4", "还款要由借款人本人来报。", code="not_the_borrower")
    async with database.transaction() as connection:
        loan = await Loan.select_for_update().get(id=loan.id)
        file = await _own_photo(actor, photo)
        known = await _known(loan, file)
        if known is not None:
            return await _view(known, loan, repeated=True)
        await _check(loan, amount_fen, paid_on, pack, routing.on_day(now))
        slip = await RepaymentSlip.create(
            county=loan.county,
            loan_id=loan.id,
            bank_id=loan.bank_id,
            guarantor_id=loan.guarantor_id,
            person_id=actor.person_id,
            village=loan.village,
            file_id=file.id if file else None,
            amount_fen=amount_fen,
            paid_on=paid_on,
            channel=actor.channel,
            created_at=now,
        )
        await _ask_the_bank(connection, slip, loan, pack, now)
        await audit.record(loan.county, actor.person_id, "report_repayment", ("slip", slip.id), now)
    return await _view(slip, loan)


async def _own_photo(actor: Actor, key: str | None) -> StoredFile | None:
    if key is None:
        return None
    file = await StoredFile.get_or_none(key=key, owner_id=actor.person_id)
    if file is None:
        raise NotFound("没有找到这张照片，请重新发一次。")
    if file.purpose != PURPOSE or file.application_id is not None:
        raise RuleRefused(
            "S11.4", "这张照片不是作还款单据传的，请重新拍一张。", code="file_purpose", field="photo"
        )
    return file


async def _known(loan: Loan, file: StoredFile | None) -> RepaymentSlip | None:
    """The slip that this one would repeat. Raises Conflict when it has been confirmed."""
    if file is None:
        return await RepaymentSlip.get_or_none(loan_id=loan.id, file_id=None, state="waiting")
    known = await RepaymentSlip.get_or_none(loan_id=loan.id, file_id=file.id)
    if known is None and file.sha256:
        same = await StoredFile.filter(
            owner_id=file.owner_id, sha256=file.sha256, purpose=PURPOSE
        ).values_list("id", flat=True)
        earlier = RepaymentSlip.filter(loan_id=loan.id, file_id__in=list(same)).exclude(state="refused")
        known = await earlier.order_by("-id").first()
        if known is not None and known.state == "confirmed":
            raise Conflict("S11.4", "这张单据银行已经核实过了，不用再发。", code="slip_used")
    return known


async def _check(loan: Loan, amount_fen: int | None, paid_on: date | None, pack: Pack, on: date) -> None:
    if loan.state != "active":
        raise RuleRefused("S11.4", "这笔贷款已经还清了，不用再报。谢谢您！", code="settled")
    policy = pack.slips(on)
    waiting = await RepaymentSlip.filter(loan_id=loan.id, state="waiting").count()
    refuse_by(
        [check_slip(amount_fen, paid_on, loan.disbursed_on, on, policy), check_waiting(waiting, policy)]
    )


async def _ask_the_bank(
    connection: asyncpg.Connection, slip: RepaymentSlip, loan: Loan, pack: Pack, now: datetime
) -> None:
    on = routing.on_day(now)
    task = await Task.create(
        county=loan.county,
        kind=KIND,
        loan_id=loan.id,
        person_id=slip.person_id,
        role="bank_officer",
        organisation_id=loan.bank_id,
        region=loan.village,
        note=f"借据{loan.number}：{said(slip.amount_fen, slip.paid_on)}"
        + ("，有照片" if slip.file_id else "，没有照片"),
        opened_at=now,
        due_at=deadline(on, pack.slips(on).limit_working_days).at,
    )
    slip.task_id = task.id
    await slip.save(update_fields=["task_id"])
    await routing.tell_holders(connection, [task], "task_assigned", pack, now)


def said(amount_fen: int | None, paid_on: date | None) -> str:
    """What the borrower says: 说11月27日还了500元."""
    day = f"{paid_on.month}月{paid_on.day}日" if paid_on else ""
    return f"说{day}还了{yuan(amount_fen)}" if amount_fen else f"说{day}还了，没说多少"


# ---- the bank's word


async def confirm(
    actor: Actor,
    task_key: str,
    serial: str,
    amount_fen: int,
    received_on: date,
    pack: Pack,
    now: datetime,
) -> SlipView:
    """The money is there: record the repayment under the bank's serial number and tell everybody.

    A repayment of that serial that stands in the books already is linked, not recorded again. Raises
    NotFound, RuleRefused, Conflict. Clause: S11.4.
    """
    async with database.transaction() as connection:
        slip, task, loan = await _in_hand(actor, task_key)
        if slip.state != "waiting":
            return await _again(slip, loan, "confirmed", serial)
        made = await record_repayment(actor, loan.key, serial.strip(), amount_fen, received_on, now)
        await _confirmed(connection, actor, slip, task, loan, made, pack, now)
    return await _view(slip, loan)


async def link(actor: Actor, task_key: str, serial: str, pack: Pack, now: datetime) -> SlipView:
    """The payment is in the books already: the slip is confirmed by it and nothing is recorded.

    Raises NotFound, RuleRefused, Conflict. Clause: S11.4.
    """
    async with database.transaction() as connection:
        slip, task, loan = await _in_hand(actor, task_key)
        if slip.state != "waiting":
            return await _again(slip, loan, "confirmed", serial)
        booked = await Repayment.get_or_none(
            bank_id=loan.bank_id,
            serial=serial.strip(),
            loan_id=loan.id,
            kind="payment",
            reversed_at=None,
        )
        if booked is None:
            raise RuleRefused(
                "S11.4", "这笔贷款的账上没有这个流水号，请核对。", code="not_in_books", field="serial"
            )
        await _confirmed(connection, actor, slip, task, loan, booked, pack, now)
    return await _view(slip, loan)


async def refuse(actor: Actor, task_key: str, reason: str, pack: Pack, now: datetime) -> SlipView:
    """The bank has not found it: the borrower is told why. Raises NotFound, RuleRefused, Conflict.

    Clause: S11.4, S1.8.
    """
    refuse_by([check_reason(reason, pack.slips(routing.on_day(now)))])
    if len(reason) > REASON_MAX:
        raise RuleRefused("S11.4", f"原因请写在{REASON_MAX}字以内。", code="reason_too_long", field="reason")
    async with database.transaction() as connection:
        slip, task, loan = await _in_hand(actor, task_key)
        if slip.state != "waiting":
            return await _again(slip, loan, "refused", "")
        slip.reason = reason.strip()
        await _finish(actor, slip, task, "refused", now)
        told = NewNotice(
            slip.person_id, "slip_refused", KIND, slip.id, {"reason": slip.reason}, routing.on_day(now)
        )
        await notices.plan(connection, slip.county, [told], pack, now)
    return await _view(slip, loan)


async def _in_hand(actor: Actor, task_key: str) -> tuple[RepaymentSlip, Task, Loan]:
    """Slip, task and loan, the slip locked, for an officer of the lending bank who is not of the family."""
    task = await access_task(actor, task_key)
    if task.kind != KIND:
        raise RuleRefused("S11.4", "这项任务不是核对还款单据。", code="not_a_slip")
    slip = await RepaymentSlip.select_for_update().get(task_id=task.id)
    own = any(
        post.role == "bank_officer" and post.organisation_id == slip.bank_id and post.covers(slip.village)
        for post in actor.posts
    )
    if not own:
        raise RuleRefused("S11.4", "只有放款银行能核对，请催银行尽快查。", code="not_allowed")
    loan = await Loan.get(id=slip.loan_id)
    members = await Person.filter(household_id=loan.household_id) if loan.household_id else []
    family = frozenset((loan.borrower_id, *(member.id for member in members)))
    refuse_by([check_reviewer(actor.person_id, family_ids=family)])
    return slip, await Task.get(id=task.id), loan


async def _again(slip: RepaymentSlip, loan: Loan, state: str, serial: str) -> SlipView:
    """The same word once more changes nothing; another one comes too late. Raises Conflict."""
    view = await _view(slip, loan, repeated=True)
    if slip.state == state and (state == "refused" or view.serial == serial.strip()):
        return view
    words = f"这张单据已经由同事核对完了，结果是：{DECIDED[slip.state]}。"
    raise Conflict("S11.4", words, code="already_decided")


async def _confirmed(
    connection: asyncpg.Connection,
    actor: Actor,
    slip: RepaymentSlip,
    task: Task,
    loan: Loan,
    booked: Repayment,
    pack: Pack,
    now: datetime,
) -> None:
    if await RepaymentSlip.filter(repayment_id=booked.id).exists():
        raise Conflict(
            "S11.4", "这个流水号已经核对给另一张单据了，请核对。", code="serial_linked", field="serial"
        )
    slip.repayment_id = booked.id
    await _finish(actor, slip, task, "confirmed", now)
    keepers = await keepers_of(loan, routing.on_day(now))
    told = [("slip_confirmed", slip.person_id), *(("slip_for_guarantor", person) for person in keepers)]
    await notices.plan(
        connection,
        slip.county,
        [NewNotice(person, kind, KIND, slip.id, {}, booked.received_on) for kind, person in told],
        pack,
        now,
    )


async def _finish(actor: Actor, slip: RepaymentSlip, task: Task, state: str, now: datetime) -> None:
    slip.state, slip.decided_by_id, slip.decided_at = state, actor.person_id, now
    await take(task, actor, state, now)
    await slip.save(update_fields=["state", "reason", "repayment_id", "decided_by_id", "decided_at"])
    await audit.record(slip.county, actor.person_id, f"slip_{state}", ("slip", slip.id), now)


# ---- reading


async def of_loan(actor: Actor, loan_key: str) -> list[SlipView]:
    """The slips of a loan that the actor may see, the newest first. Raises NotFound. Clause: S11.4, S17.2."""
    loan = await access_loan(actor, loan_key)
    rows = await RepaymentSlip.filter(loan_id=loan.id).order_by("-id")
    return [await _view(row, loan) for row in rows if sees_slip(actor, row)]


async def view(actor: Actor, loan_key: str, key: str) -> SlipView:
    """One slip. Raises NotFound. Clause: S11.4, S17.2."""
    loan = await access_loan(actor, loan_key)
    slip = await RepaymentSlip.get_or_none(key=key, loan_id=loan.id)
    if slip is None or not sees_slip(actor, slip):
        raise NotFound("没有找到这张单据。")
    return await _view(slip, loan)


async def of_task(actor: Actor, task_key: str) -> SlipView:
    """The slip that a task is about. Raises NotFound. Clause: S11.4."""
    task = await access_task(actor, task_key)
    slip = await RepaymentSlip.get_or_none(task_id=task.id) if task.kind == KIND else None
    if slip is None:
        raise NotFound("没有找到这张单据。")
    return await _view(slip, await Loan.get(id=slip.loan_id))


async def listed(
    actor: Actor, *, state: str | None = None, after: str | None = None, limit: int = 20
) -> list[SlipView]:
    """The slips of the actor's bank, guarantor or county, the newest first, after the one of key `after`.

    Clause: S11.4, S17.2.
    """
    scopes, values = _scopes(actor)
    if not scopes:
        return []
    values += [state, after]
    rows = await database.fetch(
        f"""SELECT id FROM repayment_slip WHERE county = $1 AND ({" OR ".join(scopes)})
            AND (${len(values) - 1}::text IS NULL OR state = ${len(values) - 1})
            AND (${len(values)}::text IS NULL
                 OR id < (SELECT s.id FROM repayment_slip s WHERE s.key = ${len(values)}))
            ORDER BY id DESC LIMIT {int(limit)}""",  # noqa: S608 - only placeholders are put together
        *values,
    )
    found = {slip.id: slip for slip in await RepaymentSlip.filter(id__in=[row["id"] for row in rows])}
    loans = {loan.id: loan for loan in await Loan.filter(id__in=[slip.loan_id for slip in found.values()])}
    return [await _view(found[row["id"]], loans[found[row["id"]].loan_id]) for row in rows]


def _scopes(actor: Actor) -> tuple[list[str], list[object]]:
    scopes: list[str] = []
    values: list[object] = [actor.county]
    for post in actor.posts:
        body = {"bank_officer": "bank_id = ${}", "guarantor_officer": "guarantor_id = ${}"}.get(post.role)
        if body is None and post.role != "county_clerk":
            continue
        values += [scope_of(post.region) + "%", post.organisation_id]
        at = len(values)
        own = body.format(f"{at}") if body else f"${at}::bigint IS NOT NULL"
        kept = " AND state = 'confirmed'" if post.role == "guarantor_officer" else ""
        scopes.append(f"(village LIKE ${at - 1} AND {own}{kept})")
    return scopes, values


async def days_since_reminder(actor: Actor, on: date) -> int | None:
    """How many days ago the actor was last reminded of something to pay; None: never. Clause: S18.4."""
    rows = await database.fetch(
        """SELECT max((n.created_at AT TIME ZONE 'Asia/Shanghai')::date) AS last FROM notice n
           WHERE n.person_id = $1 AND n.subject_kind = 'instalment'
             AND n.state IN ('open', 'delivered', 'uncertain', 'handed_over')""",
        actor.person_id,
    )
    last = rows[0]["last"]
    return None if last is None else max(0, (on - last).days)


async def _view(slip: RepaymentSlip, loan: Loan, *, repeated: bool = False) -> SlipView:
    file = await StoredFile.get_or_none(id=slip.file_id) if slip.file_id else None
    booked = await Repayment.get_or_none(id=slip.repayment_id) if slip.repayment_id else None
    return SlipView(
        key=slip.key,
        loan_key=loan.key,
        loan_number=loan.number,
        state=slip.state,
        amount_fen=slip.amount_fen,
        paid_on=slip.paid_on,
        photo=file.key if file else None,
        created_at=slip.created_at,
        decided_at=slip.decided_at,
        reason=slip.reason,
        serial=booked.serial if booked else "",
        received_fen=booked.amount_fen if booked else None,
        received_on=booked.received_on if booked else None,
        reversed_on=routing.on_day(booked.reversed_at) if booked and booked.reversed_at else None,
        reversal_reason=booked.reversal_reason if booked else "",
        repeated=repeated,
    )
