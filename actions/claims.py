"""认领: a WeChat proves that it belongs to a person whom a helper or the staff registered (S1.7, S18.8).

Who knows name and ID number proves it by a code sent to the phone that is on file, entered on our page; where
there is no phone, or another one now, the cadre of the village looks at the ID card and at the number on the
screen. No code is kept: it is worked out from the claim.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from actions import audit, notices, routing
from actions.access import Actor, role_holders
from actions.notices import NewNotice
from actions.refusal import refuse
from actions.subjects import claim_code
from bot import database
from bot.errors import Conflict, NotFound, RuleRefused
from models.application import Task
from models.identity import IdentityClaim
from models.people import Person, Post, WechatUser
from models.sealing import blind_index, one_time_code
from policies import Pack
from rules import binding as rules
from rules.identity import mask_phone
from rules.tasks import deadline

TASK = "identity_check"
CONFIRMED, REFUSED = "confirmed", "not_him"
_LOOKED_AT = 50


@dataclass(frozen=True)
class ClaimView:
    """A claim as its claimer sees it. `phone` is masked, empty where none is on file; `check_number` is what
    he shows to the cadre; `code_until`: until when the code that was sent last holds."""

    key: str
    state: str
    means: str
    phone: str
    check_number: str
    code_until: datetime | None
    """None: no code was sent yet."""


async def begin(actor: Actor, name: str, id_number: str, pack: Pack, now: datetime) -> ClaimView:
    """Say who one is. Nothing changes yet; wrong guesses are counted and all answered alike.

    Raises RuleRefused. Clause: S1.6, S1.7.
    """
    me = await Person.get(id=actor.person_id)
    if me.id_number_index or actor.staff:
        words = "这个微信已经登记过了，不用再认领。登记错了，请带身份证到县中心更正。"
        raise RuleRefused("S1.7", words, code="already_bound")
    async with database.transaction():
        await database.execute("SELECT pg_advisory_xact_lock(hashtextextended('claim', $1))", actor.person_id)
        mine = IdentityClaim.filter(account=actor.account, openid=actor.openid)
        claimed = [row.created_at for row in await mine.order_by("-id").limit(_LOOKED_AT)]
        refuse([rules.check_may_claim(claimed, pack.codes(routing.on_day(now)), now)])
        person = await claimable(actor.county, name.strip(), id_number)
        await mine.filter(state="open").update(state="replaced", ended_at=now)
        claim = await IdentityClaim.create(
            county=actor.county,
            person_id=person.id if person else 0,
            claimer_id=actor.person_id,
            account=actor.account,
            openid=actor.openid,
            state="open" if person else "unknown",
            created_at=now,
        )
    if person is None:
        words = (
            "没有找到可以认领的登记。请对着身份证再看一遍；没有人替您办过的，直接申请就行；"
            "换了微信的，请带身份证到县中心更正。"
        )
        raise RuleRefused("S1.7", words, code="nobody_to_claim", field="id_number")
    return _view(claim, person, pack)


async def claimable(county: str, name: str, id_number: str) -> Person | None:
    """The registered person of that name and number who uses no WeChat yet; staff are never found so."""
    person = await Person.get_or_none(county=county, id_number_index=blind_index("id_number", id_number))
    if person is None or person.name != name:
        return None
    taken = await WechatUser.filter(person_id=person.id).exists()
    return None if taken or await Post.filter(person_id=person.id).exists() else person


async def current(actor: Actor, pack: Pack) -> ClaimView | None:
    """The claim the actor has begun and not finished."""
    claim = (
        await IdentityClaim.filter(account=actor.account, openid=actor.openid, state="open")
        .order_by("-id")
        .first()
    )
    return _view(claim, await Person.get(id=claim.person_id), pack) if claim else None


async def send_code(actor: Actor, key: str, pack: Pack, now: datetime) -> ClaimView:
    """Send a new code to the phone on file; an earlier one counts no more. Raises RuleRefused. S1.7."""
    async with database.transaction() as connection:
        claim, person = await _open_claim(actor, key)
        if not person.phone:
            words = "登记时没有留手机号，请选“请村干部当面核对”。"
            raise RuleRefused("S1.7", words, code="no_phone")
        earlier = await IdentityClaim.filter(person_id=person.id, sent_at__isnull=False).order_by("-id")
        sent = [each.sent_at for each in earlier[:_LOOKED_AT] if each.sent_at for _ in range(each.sent)]
        refuse([rules.check_may_send(sent, pack.codes(routing.on_day(now)), now)])
        claim.sent, claim.sent_at, claim.tries, claim.means = claim.sent + 1, now, 0, "sms"
        await claim.save()
        told = NewNotice(
            person.id, "identity_code", "claim", claim.id, {}, routing.on_day(now), step=f"c{claim.sent}"
        )
        await notices.plan(connection, actor.county, [told], pack, now)
        await _record(actor, claim, "send_identity_code", now)
    return _view(claim, person, pack)


async def enter_code(actor: Actor, key: str, code: str, pack: Pack, now: datetime) -> ClaimView:
    """Bind this WeChat by the code from the short message; a wrong one is counted. Raises RuleRefused.

    Clause: S1.7.
    """
    bound = await IdentityClaim.get_or_none(
        key=key, account=actor.account, openid=actor.openid, state="bound", person_id=actor.person_id
    )
    if bound is not None:  # said twice
        return _view(bound, await Person.get(id=bound.person_id), pack)
    wrong = False
    async with database.transaction() as connection:
        claim, person = await _open_claim(actor, key)
        if claim.sent_at is None:
            raise RuleRefused("S1.7", "还没有发过短信，请先点“发短信”。", code="no_code", field="code")
        refuse([rules.check_code_usable(claim.sent_at, claim.tries, pack.codes(routing.on_day(now)), now)])
        if hmac.compare_digest(
            code.strip().encode(), one_time_code(claim_code(claim.key, claim.sent)).encode()
        ):
            await _bind(connection, claim, person, actor.person_id, "sms", pack, now)
        else:
            wrong = True
            claim.tries += 1
            await claim.save(update_fields=["tries"])
    if wrong:
        raise RuleRefused("S1.7", "验证码不对，请看清短信再输一次。", code="wrong_code", field="code")
    return _view(claim, person, pack)


async def ask_cadre(actor: Actor, key: str, pack: Pack, now: datetime) -> ClaimView:
    """Ask the cadre of the village to look at the person and his ID card. Twice is once. Clause: S1.7."""
    async with database.transaction() as connection:
        claim, person = await _open_claim(actor, key)
        if claim.task_id is not None:
            return _view(claim, person, pack)
        on = routing.on_day(now)
        village = person.village or ""
        nearby = bool(village) and bool(await role_holders(actor.county, "cadre", village, on=on))
        task = await Task.create(
            county=actor.county,
            kind=TASK,
            person_id=person.id,
            role="cadre" if nearby else "county_clerk",
            region=village if nearby else f"{actor.county}000000",
            note=f"请本人带身份证和手机来。人证对得上，他手机上的核对号是 {_number(claim)}，才点“是本人”。",
            opened_at=now,
            due_at=deadline(on, pack.contents.identity.check_working_days.on(on)).at,
        )
        claim.task_id, claim.means = task.id, "cadre"
        await claim.save()
        await routing.tell_holders(connection, [task], "identity_check_task", pack, now)
        await _record(actor, claim, "ask_identity_check", now)
    return _view(claim, person, pack)


async def settle_check(
    connection: asyncpg.Connection, actor: Actor, task: Task, outcome: str, pack: Pack, now: datetime
) -> None:
    """What the cadre found: it is he, then the WeChat is his from now on; or it is not. Clause: S1.7."""
    if outcome not in (CONFIRMED, REFUSED):
        raise RuleRefused("S1.7", "请选“是本人”或者“不是本人”。", code="outcome", field="outcome")
    claim = await IdentityClaim.select_for_update().get_or_none(task_id=task.id, state="open")
    if claim is None:
        raise Conflict("S1.7", "这次认领已经办完了，不用再核对。", code="claim_closed")
    if actor.person_id in (claim.claimer_id, claim.person_id):
        raise RuleRefused("S4.3", "不能给自己核对，请交给其他同事。", code="own_case")
    person = await Person.select_for_update().get(id=claim.person_id)
    if outcome == CONFIRMED:
        await _bind(connection, claim, person, actor.person_id, "cadre", pack, now)
        return
    claim.state, claim.ended_at = "refused", now
    await claim.save()
    await _record(actor, claim, "refuse_claim", now)
    told = NewNotice(
        claim.claimer_id, "identity_refused", "person", claim.claimer_id, {}, routing.on_day(now)
    )
    await notices.plan(connection, claim.county, [told], pack, now)


async def _open_claim(actor: Actor, key: str) -> tuple[IdentityClaim, Person]:
    """The actor's own claim, locked together with the person it is about. Raises NotFound, Conflict."""
    claim = await IdentityClaim.select_for_update().get_or_none(
        key=key, account=actor.account, openid=actor.openid
    )
    if claim is None or not claim.person_id:
        raise NotFound("没有找到这次认领，请重新开始。")
    person = await Person.select_for_update().get(id=claim.person_id)
    if claim.state != "open" or await WechatUser.filter(person_id=person.id).exists():
        raise Conflict("S1.7", "这次认领已经结束了，请重新开始。", code="claim_closed")
    return claim, person


async def _bind(
    connection: asyncpg.Connection,
    claim: IdentityClaim,
    person: Person,
    by: int,
    means: str,
    pack: Pack,
    now: datetime,
) -> None:
    """Make the claimer's WeChats the person's; what he has begun to fill in comes with him."""
    if await WechatUser.filter(person_id=person.id).exists():
        raise Conflict("S1.7", "这个身份已经有微信了，请带身份证到县中心更正。", code="claim_closed")
    claim.state, claim.means, claim.ended_at = "bound", means, now
    await claim.save()
    await connection.execute(
        "UPDATE wechat_user SET person_id = $2 WHERE person_id = $1", claim.claimer_id, person.id
    )
    await take_along(connection, claim.claimer_id, person.id)
    await Task.filter(id=claim.task_id or 0, state="open", kind=TASK).update(
        state="cancelled", outcome="bound", done_at=now
    )
    await audit.record(claim.county, by, "bind", ("person", person.id), now, means=means, claim=claim.key)
    on = routing.on_day(now)
    told = [NewNotice(person.id, "identity_bound", "person", person.id, {}, on, step=f"b{claim.id}")]
    if means != "sms" and person.phone:  # the owner of the phone hears of it too
        told.append(
            NewNotice(person.id, "identity_warning", "person", person.id, {}, on, step=f"b{claim.id}")
        )
    await notices.plan(connection, claim.county, told, pack, now)


async def take_along(connection: asyncpg.Connection, old: int, new: int) -> None:
    """Drafts, pictures and requests for help of the nameless person, and what he filled in for others."""
    await connection.execute(
        """UPDATE draft d SET person_id = $2 WHERE person_id = $1 AND state = 'open' AND NOT EXISTS (
             SELECT 1 FROM draft o WHERE o.person_id = $2 AND o.state = 'open' AND o.form = d.form
               AND o.subject = d.subject)""",
        old, new,
    )  # fmt: skip
    await connection.execute("UPDATE stored_file SET owner_id = $2 WHERE owner_id = $1", old, new)
    await connection.execute(
        "UPDATE loan_application SET filled_by_id = $2 WHERE filled_by_id = $1", old, new
    )
    await connection.execute(
        "UPDATE task SET person_id = $2 WHERE person_id = $1 AND kind = 'handover' AND state = 'open'",
        old,
        new,
    )


async def _record(actor: Actor, claim: IdentityClaim, action: str, now: datetime) -> None:
    await audit.record(
        actor.county, actor.person_id, action, ("person", claim.person_id), now, claim=claim.key
    )


def _number(claim: IdentityClaim) -> str:
    return one_time_code(f"check:{claim.key}")[:4]


def _view(claim: IdentityClaim, person: Person, pack: Pack) -> ClaimView:
    policy = pack.codes(routing.on_day(claim.created_at))
    return ClaimView(
        key=claim.key,
        state=claim.state,
        means=claim.means,
        phone=mask_phone(person.phone),
        check_number=_number(claim),
        code_until=rules.code_ends_at(claim.sent_at, policy) if claim.sent_at else None,
    )
