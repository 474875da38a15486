"""One chunk of claimed deliveries: what the gates say of each, and what is then to be written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any

import asyncpg
import structlog

from actions import ledgers as ledgers_
from actions import wording
from actions.attempts import LEASE_SECONDS, SAME_MESSAGE, Attempt, trail
from actions.candidates import Candidate, WechatIdentity
from actions.ladder import Final
from actions.ledgers import Contact, GrantKey, Ledgers, Line
from actions.wording import Facts
from bot.config import SHANGHAI, Account
from models.sealing import SealBrokenError, open_text
from policies import Pack
from rules.gates import Action, GateFacts, GatePolicy, Reach, gate
from rules.notices import Channel, DeliveryState, NoticeClass, NoticePolicy
from rules.tasks import end_of_day

log = structlog.get_logger(__name__)
S = DeliveryState


class LeaseLost(RuntimeError):  # noqa: N818 - says what happened
    """Somebody else took over deliveries of this chunk while it was looked at: nothing of it was done."""


@dataclass(slots=True)
class _Way:
    """How one rung would reach the person."""

    reach: Reach
    identity: WechatIdentity | None = None
    template_id: str = ""

    @property
    def account(self) -> str:
        return self.identity.account if self.identity else ""

    @property
    def openid(self) -> str:
        return self.identity.openid if self.identity else ""


_NO_WAY = _Way(Reach(following=False))


@dataclass(slots=True)
class Chunk:
    """What one chunk is decided with, and what was decided."""

    county: str
    pack: Pack
    accounts: dict[str, Account]
    now: datetime
    on: date
    base_url: str
    gates: GatePolicy
    ledgers: Ledgers = field(init=False)
    begun: list[tuple[int, str, str]] = field(default_factory=list)
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    finals: list[Final] = field(default_factory=list)
    errands: list[Candidate] = field(default_factory=list)
    quiet_days: dict[str, datetime | None] = field(default_factory=dict)
    said: dict[tuple[int, str], tuple[int, Attempt | None]] = field(default_factory=dict)
    """What a person was told today, by kind: the notice, and its attempt where it is of this chunk."""

    async def open(self, connection: asyncpg.Connection, candidates: Sequence[Candidate]) -> None:
        """Reserve what these deliveries may need."""
        contacts: Counter[Contact] = Counter()
        lines: Counter[Line] = Counter()
        templates: set[GrantKey] = set()
        for one in candidates:
            policy = self.pack.notices.get(one.kind)
            if policy is None:
                continue
            if _counts(one, policy):
                contacts[one.person_id, policy.notice_class] += 1
            if one.channel is Channel.SMS:
                lines["", one.channel] += 1
            elif one.channel is not Channel.CADRE_TASK:
                one.options = list(self.options(one, policy))
                for account in {identity.account for identity, _ in one.options}:
                    lines[account, one.channel] += 1
                for identity, template in one.options:
                    if template:
                        templates.add((identity.account, identity.openid, template))
        spends_grants = any(one.channel is Channel.SUBSCRIBE for one in candidates)
        self.ledgers = await ledgers_.open_ledgers(
            connection, self.county, self.on, contacts, lines, templates, spends_grants=spends_grants
        )
        people = list({one.person_id for one in candidates if one.subject_kind == "instalment"})
        if people:  # read after the reservation: it has waited for whoever speaks to them just now
            await self._read_said(connection, people)

    async def _read_said(self, connection: asyncpg.Connection, people: Sequence[int]) -> None:
        rows = await connection.fetch(
            """SELECT n.person_id, n.kind, n.id FROM notice n JOIN delivery d ON d.notice_id = n.id
               WHERE n.person_id = ANY($1::bigint[]) AND n.subject_kind = 'instalment'
                 AND d.state IN ('sending', 'sent', 'delivered', 'uncertain') AND d.first_attempt_at >= $2""",
            people,
            datetime.combine(self.on, time(), SHANGHAI),
        )
        self.said = {(row["person_id"], row["kind"]): (row["id"], None) for row in rows}

    def options(self, one: Candidate, policy: NoticePolicy) -> Iterator[tuple[WechatIdentity, str]]:
        """The openids that this rung could use, each with the id of the template there."""
        for identity in one.identities:
            account = self.accounts[identity.account]
            template = account.templates.get(policy.words.template, "")
            if one.channel is Channel.SERVICE_MESSAGE:
                yield identity, ""
            elif template and (one.channel is Channel.SUBSCRIBE or account.kind == "service"):
                yield identity, template

    def decide(self, one: Candidate) -> None:
        """Ask the gates about one delivery and note what follows."""
        policy = self.pack.notices.get(one.kind)
        if policy is None:
            log.error("notice_kind_unknown", notice_id=one.notice_id, kind=one.kind)
            return self.note(one, S.GIVEN_UP, "unknown_kind")
        if self.may_not_repeat(one, policy):
            return self.note(one, S.UNCERTAIN, "not_repeated")
        if one.channel is Channel.TEMPLATE and not one.options and self.follows(one):
            log.error("account_template_missing", template=policy.words.template, kind=one.kind)
            return self.note(one, S.GIVEN_UP, "no_template")
        way = self.way(one)
        verdict = gate(self.facts(one, policy, way), self.gates)
        match verdict.action:
            case Action.SEND:
                self.send(one, policy, way)
            case Action.DEFER:
                self.note(one, S.PLANNED, verdict.reason, until=verdict.until)
            case Action.SKIP:
                self.note(one, S.REFUSED, verdict.reason, way=way)
            case Action.SUPPRESS:
                self.note(one, S.SUPPRESSED, verdict.reason)
            case Action.EXPIRE:
                self.note(one, S.EXPIRED, verdict.reason)
        return None

    def follows(self, one: Candidate) -> bool:
        """Does the person follow a service account of the county?"""
        return any(i.following and self.accounts[i.account].kind == "service" for i in one.identities)

    def may_not_repeat(self, one: Candidate, policy: NoticePolicy) -> bool:
        """Nobody knows of an earlier attempt, and WeChat would no longer recognise this one as the same."""
        if one.unsure_since is None or policy.notice_class is NoticeClass.TASK:
            return False
        return one.channel is not Channel.TEMPLATE or self.now >= one.unsure_since + SAME_MESSAGE

    def way(self, one: Candidate) -> _Way:
        """How this rung would reach the person: the first openid by which it can, else the first."""
        if one.channel is Channel.SMS:
            return _Way(Reach(phone_known=one.phone_sealed is not None))
        if one.channel is Channel.CADRE_TASK:
            return _Way(Reach())
        if len(one.options) == 1:
            return self.reach(*one.options[0])
        ways = [self.reach(*option) for option in one.options]
        return min(ways, key=lambda way: _hindrance(one.channel, way.reach), default=_NO_WAY)

    def reach(self, identity: WechatIdentity, template: str) -> _Way:
        key = (identity.account, identity.openid, template)
        reach = Reach(
            identity.following,
            self.ledgers.refused(key, self.now),
            self.ledgers.grants_left(key),
            self.ledgers.window_left(identity, self.now),
        )
        return _Way(reach, identity, template)

    def facts(self, one: Candidate, policy: NoticePolicy, way: _Way) -> GateFacts:
        return GateFacts(
            now=self.now,
            key=str(one.id),
            notice_class=policy.notice_class,
            channel=one.channel,
            priority=one.priority,
            reach=way.reach,
            still_true=one.about.still_true,
            opted_out=policy.notice_class in one.opted_out,
            too_late_at=one.expires_at,
            obeys_quiet_hours=policy.obeys_quiet_hours,
            reminder=policy.reminder,
            quiet_day_until=self.quiet_day_until(one.region),
            promised_until=_end_of(one.about.facts.get("promised_through")),
            last_heard_at=one.last_said_at,
            collection_contacts_today=self.ledgers.contacts((one.person_id, policy.notice_class))
            if _counts(one, policy)
            else 0,
            quota_used_today=self.ledgers.quota_used((way.account, one.channel)),
        )

    def quiet_day_until(self, region: str) -> datetime | None:
        if region not in self.quiet_days:
            last = self.pack.quiet_day(region, self.on)
            self.quiet_days[region] = end_of_day(last) if last else None
        return self.quiet_days[region]

    def send(self, one: Candidate, policy: NoticePolicy, way: _Way) -> None:
        """Note the intent and spend what it needs; words that cannot be made close the rung."""
        said = self.said.get((one.person_id, one.kind))
        if said and said[0] != one.notice_id and one.subject_kind == "instalment":
            return self.say_together(one, said[1], way)
        if one.channel is Channel.CADRE_TASK:
            self.said[one.person_id, one.kind] = (one.notice_id, None)
            self.errands.append(one)
            self.spend(one, policy, way)
            return self.note(one, S.DELIVERED, "task_opened", what="task")
        try:
            attempt = self.attempt(one, policy, way)
        except (KeyError, ValueError, SealBrokenError) as error:
            log.error("notice_words", notice_id=one.notice_id, kind=one.kind, error=type(error).__name__)
            return self.note(one, S.GIVEN_UP, "words", way=way)
        self.spend(one, policy, way)
        self.said[one.person_id, one.kind] = (one.notice_id, attempt)
        self.attempts.append(attempt)
        self.begun.append((one.id, way.account, way.openid))
        return None

    def say_together(self, one: Candidate, first: Attempt | None, way: _Way) -> None:
        """Several loans of one person on one day are one message, if possible about the list. S18.5."""
        if first is not None:
            first.url = wording.link(one.subject_kind, one.about, self.base_url, way.account, several=True)
        self.note(one, S.SUPPRESSED, "digest")

    def spend(self, one: Candidate, policy: NoticePolicy, way: _Way) -> None:
        self.ledgers.quota_spent[way.account, one.channel] += 1
        if _counts(one, policy):
            self.ledgers.contacts_spent[one.person_id, policy.notice_class] += 1
        if one.channel is Channel.SUBSCRIBE:
            self.ledgers.grants_spent[way.account, way.openid, way.template_id] += 1
        if one.channel is Channel.SERVICE_MESSAGE and way.identity:
            self.ledgers.windows_spent[way.identity.id] += 1

    def attempt(self, one: Candidate, policy: NoticePolicy, way: _Way) -> Attempt:
        """The attempt with its words. Raises KeyError, ValueError, SealBrokenError."""
        facts = Facts(one.told(), self.pack)
        fields: Mapping[str, str] = {}
        text, phone = "", ""
        if one.channel is Channel.SMS:
            text = wording.sms_of(policy, facts)
            phone = open_text(one.phone_sealed, "person", "phone", one.person.key)
        elif one.channel is Channel.SERVICE_MESSAGE:
            text = wording.text_of(policy, facts, detailed=one.detailed)
        else:
            fields = wording.fields_of(policy, facts)
        return Attempt(
            delivery_id=one.id,
            notice_id=one.notice_id,
            person_id=one.person_id,
            kind=one.kind,
            notice_class=policy.notice_class,
            rung=one.rung,
            channel=one.channel,
            priority=one.priority,
            number=one.attempts + 1,
            started_at=self.now,
            expires_at=one.expires_at,
            unsure_since=one.unsure_since,
            account=way.account,
            openid=way.openid,
            template_id=way.template_id,
            fields=fields,
            text=text,
            phone=phone,
            url=wording.link(one.subject_kind, one.about, self.base_url, way.account),
        )

    def note(
        self,
        one: Candidate,
        state: DeliveryState,
        outcome: str,
        *,
        until: datetime | None = None,
        way: _Way = _NO_WAY,
        what: str = "gate",
    ) -> None:
        """Note what becomes of a delivery that is not sent now; all are written together."""
        final = state is not S.PLANNED
        more = {"until": until.isoformat(timespec="seconds")} if until else {}
        line = trail(self.now, what, outcome, **more)
        self.rows.append(
            (one.id, state.value, until, way.account, way.openid, line, self.now if final else None)
        )
        if final:
            self.finals.append(Final.of(one, state))

    async def write_down(self, connection: asyncpg.Connection, owner: str) -> None:
        """Write all that was decided. Raises LeaseLost when a row is no longer this worker's."""
        written = 0
        if self.begun:
            written += await self._begin(connection, owner)
        if self.rows:
            written += await self._close(connection, owner)
        if written != len(self.begun) + len(self.rows):
            raise LeaseLost

    async def _begin(self, connection: asyncpg.Connection, owner: str) -> int:
        """The intents. While a delivery is being sent, `not_before` is when this attempt began."""
        status: str = await connection.execute(
            """UPDATE delivery d SET state = 'sending', not_before = $2, account = t.account,
                 openid = t.openid, trail = d.trail || $4::jsonb, attempts = d.attempts + 1,
                 first_attempt_at = coalesce(d.first_attempt_at, $2),
                 lease_until = clock_timestamp() + make_interval(secs => $3)
               FROM unnest($5::bigint[], $6::text[], $7::text[]) AS t(id, account, openid)
               WHERE d.id = t.id AND d.state = 'leased' AND d.lease_owner = $1""",
            owner,
            self.now,
            LEASE_SECONDS,
            trail(self.now, "attempt", "begun"),
            *zip(*self.begun, strict=True),
        )
        return int(status.rsplit(" ", 1)[-1])

    async def _close(self, connection: asyncpg.Connection, owner: str) -> int:
        status: str = await connection.execute(
            """UPDATE delivery d SET state = t.state, not_before = coalesce(t.until, $2), account = t.account,
                 openid = t.openid, trail = d.trail || t.trail, final_at = t.final_at, lease_until = NULL,
                 lease_owner = ''
               FROM unnest($3::bigint[], $4::text[], $5::timestamptz[], $6::text[], $7::text[], $8::jsonb[],
                           $9::timestamptz[])
                 AS t(id, state, until, account, openid, trail, final_at)
               WHERE d.id = t.id AND d.state = 'leased' AND d.lease_owner = $1""",
            owner,
            self.now,
            *zip(*self.rows, strict=True),
        )
        return int(status.rsplit(" ", 1)[-1])


def _end_of(last: date | None) -> datetime | None:
    return end_of_day(last) if last else None


def _counts(one: Candidate, policy: NoticePolicy) -> bool:
    """Is this one more contact? The repeat of an attempt that may have arrived was counted before."""
    return policy.notice_class is not NoticeClass.TASK and one.unsure_since is None


def _hindrance(channel: Channel, reach: Reach) -> int:
    """How far a way is from reaching the person: 0 when it can."""
    if channel is Channel.TEMPLATE:
        return 2 * (not reach.following) + reach.refused_template
    if channel is Channel.SUBSCRIBE:
        return int(reach.grants_left <= 0)
    return int(reach.service_messages_left <= 0)
