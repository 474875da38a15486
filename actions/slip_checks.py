"""What an officer should know before he decides on a slip: doubts about it, and what the books hold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import asyncpg

from actions import slips
from actions.access import Actor, access_task
from actions.slips import SlipView, of_task
from actions.visits import SAME_PICTURE_BITS
from bot import database
from bot.config import SHANGHAI
from bot.errors import RuleRefused
from models.conversation import StoredFile
from models.slip import RepaymentSlip
from policies import Pack
from rules.application import yuan


@dataclass(frozen=True, slots=True)
class Booked:
    """A repayment of the loan that no slip was confirmed by yet."""

    serial: str
    amount_fen: int
    received_on: date


@dataclass(frozen=True, slots=True)
class SlipCheck:
    """A slip to decide, with what speaks against it and the payments that it may be."""

    slip: SlipView
    doubts: tuple[str, ...]
    booked: tuple[Booked, ...]


async def check_of(actor: Actor, task_key: str, pack: Pack, on: date) -> SlipCheck:
    """What the officer is shown. Doubts are shown, never hidden. Raises NotFound. Clause: S11.4, S18.9."""
    view = await of_task(actor, task_key)
    task = await access_task(actor, task_key)
    slip = await RepaymentSlip.get(task_id=task.id)
    photo = await StoredFile.get_or_none(id=slip.file_id) if slip.file_id else None
    oldest = on - timedelta(days=pack.slips(on).oldest_days)
    return SlipCheck(view, tuple(await _doubts(slip, photo)), await _booked(slip.loan_id, oldest))


async def _booked(loan_id: int, oldest: date) -> tuple[Booked, ...]:
    rows = await database.fetch(
        """SELECT r.serial, r.amount_fen, r.received_on FROM repayment r
           WHERE r.loan_id = $1 AND r.received_on >= $2 AND r.kind = 'payment' AND r.reversed_at IS NULL
             AND NOT EXISTS (SELECT 1 FROM repayment_slip s WHERE s.repayment_id = r.id)
           ORDER BY r.received_on DESC, r.id DESC LIMIT 10""",
        loan_id,
        oldest,
    )
    return tuple(Booked(row["serial"], row["amount_fen"], row["received_on"]) for row in rows)


async def _doubts(slip: RepaymentSlip, photo: StoredFile | None) -> list[str]:
    if photo is None:
        return ["没有照片，只是口头说的。"]
    if photo.state == "pending":
        return ["照片还没有传好，过一会儿再看。"]
    if photo.state == "failed":
        return ["照片没有传成，可以请借款人再发一次。"]
    found = [
        f"和{row['on'].month}月{row['on'].day}日报的另一张单据{_whose(row, slip)}是同一张照片。"
        for row in await _same_pictures(slip, photo)
    ]
    taken_on = photo.taken_at.astimezone(SHANGHAI).date() if photo.taken_at else None
    if taken_on and slip.paid_on and taken_on < slip.paid_on:
        found.append(f"照片是{taken_on.month}月{taken_on.day}日拍的，比说的还款日子早。")
    return found


def _whose(row: asyncpg.Record, slip: RepaymentSlip) -> str:
    amount = row["amount_fen"]
    other = "" if row["loan_id"] == slip.loan_id else "（别的贷款）"
    return f"（{yuan(amount)}）{other}" if amount else other


async def _same_pictures(slip: RepaymentSlip, photo: StoredFile) -> list[asyncpg.Record]:
    """Other slips of the county with this picture, byte for byte or to the eye. Clause: S18.9."""
    rows = await database.fetch(
        """SELECT s.loan_id, s.amount_fen, (s.created_at AT TIME ZONE 'Asia/Shanghai')::date AS on
           FROM stored_file f JOIN repayment_slip s ON s.file_id = f.id
           WHERE f.county = $1 AND f.purpose = 'repayment_slip' AND s.id <> $2
             AND (f.sha256 = $3 OR f.phash IS NOT NULL AND bit_count((f.phash # $4::bigint)::bit(64)) <= $5)
           ORDER BY s.id DESC LIMIT 3""",
        slip.county,
        slip.id,
        photo.sha256,
        photo.phash,
        SAME_PICTURE_BITS,
    )
    return list(rows)


@dataclass(frozen=True, slots=True)
class Checked:
    """The bank's word. Outcome: found (with serial, amount and day), booked (with serial), not_found."""

    outcome: str
    serial: str = ""
    amount_fen: int | None = None
    received_on: date | None = None
    reason: str = ""


async def decide(actor: Actor, task_key: str, said: Checked, pack: Pack, now: datetime) -> SlipView:
    """Do what the bank says of a slip. Raises NotFound, RuleRefused, Conflict. Clause: S11.4."""
    if said.outcome == "not_found":
        return await slips.refuse(actor, task_key, said.reason, pack, now)
    if said.outcome == "booked":
        return await slips.link(actor, task_key, said.serial, pack, now)
    if said.amount_fen is None or said.received_on is None:
        field = "amount_fen" if said.amount_fen is None else "received_on"
        raise RuleRefused("S11.4", "请写明银行收到多少、哪天收到。", code="missing", field=field)
    return await slips.confirm(actor, task_key, said.serial, said.amount_fen, said.received_on, pack, now)
