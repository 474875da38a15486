"""Two counties with everybody and one of everything in each village, and who may see what by the facts alone.

What is expected comes from the rights of the routes and from what is written down here of each post and
thing – region, bank, owner – and never from the doors that are tried.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from actions import console_sessions, loan_book, routing, sessions
from actions.access import Actor, Scope
from handlers.rights import ANYBODY, Right
from models.application import LoanApplication, Task, Visit
from models.conversation import Consent, Draft, StoredFile
from models.disposal import Defaulter, Disposal
from models.exports import Export
from models.filings import Filing, FilingLine
from models.identity import BindingChange, IdentityClaim
from models.imports import ImportBatch
from models.loan import Instalment, Loan, Repayment
from models.notice import DeliveryCount, Notice
from models.people import Delegation, Household, Organisation, Person, Post, Region, WechatUser
from models.sealing import content_hash, new_key
from models.slip import RepaymentSlip
from models.subsidy import Misuse, SubsidyDeclaration
from policies import Packs
from rules.repayment import book_of
from rules.roles import STAFF_ROLES
from rules.routes import State, first_step
from rules.schedule import Terms
from tests.handlers.api_world import NOW

TODAY = date(2026, 11, 28)
START = TODAY - timedelta(days=300)
LONG_AGO, YESTERDAY, TOMORROW = (
    TODAY - timedelta(days=400),
    TODAY - timedelta(days=1),
    TODAY + timedelta(days=1),
)
COUNTIES = {"411082": "mini", "522301": "far"}
SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜"
BODIES = ("loan_officer", "bank_officer", "guarantor_officer")
_VILLAGES = ("101201", "101202", "102201", "102202")


def prefix(region: str) -> str:
    """The digits that every code in a region begins with, worked out here once more."""
    return region[:6] if region.endswith("000000") else region[:9] if region.endswith("000") else region


@dataclass(frozen=True)
class Held:
    """A post somebody may act for today."""

    role: str
    body: int
    region: str


@dataclass
class Someone:
    """Somebody of the matrix with what he holds today by the facts."""

    name: str
    county: str
    row: Person
    openid: str
    posts: list[Held] = field(default_factory=list)
    token: str = ""
    desk: str = ""

    @property
    def id(self) -> int:
        return int(self.row.id)


@dataclass(frozen=True)
class Thing:
    """One object: where it lies, whose it is, which bodies it was given to."""

    kind: str
    key: str
    county: str
    region: str
    owners: frozenset[int] = frozenset()
    bodies: Mapping[str, int | None] = field(default_factory=dict)
    only: frozenset[str] | None = None
    """The roles that can reach it at all, where they are fewer than the right names."""
    hidden_from: frozenset[int] = frozenset()
    task: tuple[str, int | None, tuple[str, ...]] | None = None
    """Role, body and the roles it was passed up to."""
    path: Mapping[str, str] = field(default_factory=dict)
    mark: str = ""
    """What stands for it in a list, where that is not its key."""


def may(right: Right, who: Someone, thing: Thing) -> bool:
    """Whether somebody may reach a thing by a right: the rule of the matrix, from facts alone. S17.2"""
    if who.county != thing.county:
        return False
    if right.who.get(ANYBODY) is Scope.OWN and who.id in thing.owners:
        return True
    return who.id not in thing.hidden_from and any(_reaches(right, post, who, thing) for post in who.posts)


def _reaches(right: Right, post: Held, who: Someone, thing: Thing) -> bool:
    scope = right.who.get(post.role)
    inside = thing.region.startswith(prefix(post.region))
    if scope is None or (thing.only is not None and post.role not in thing.only):
        return False
    if scope is Scope.OWN:
        return who.id in thing.owners
    if scope is Scope.TASK:
        if thing.task is None or not inside:
            return False
        role, body, passed_up = thing.task
        return post.role in passed_up or (post.role == role and body in (None, post.body))
    if scope is Scope.BODY:
        return inside and thing.bodies.get(post.role) == post.body
    return inside if scope is Scope.REGION else prefix(post.region) == thing.county


@dataclass
class Matrix:
    """Everybody and everything."""

    packs: Packs
    people: list[Someone] = field(default_factory=list)
    things: list[Thing] = field(default_factory=list)
    bodies: dict[tuple[str, str], int] = field(default_factory=dict)

    async def build(self) -> None:
        for county in COUNTIES:
            await self._places(county)
            await self._staff(county)
            for at, village in enumerate(_VILLAGES):
                await self._village(county, county + village, at)
            await self._centre(county)
        for each in self.people:
            actor = Actor(each.id, each.county, COUNTIES[each.county], each.openid, "mini_program")
            each.token, _ = await sessions.create(actor, NOW)
            each.desk = await console_sessions.open_session(each.row, "scan", NOW, address="127.0.0.1")

    async def someone(self, name: str, county: str, village: str = "", **columns: Any) -> Someone:
        at = len(self.people)
        row = Person(county=county, key=new_key(), village=village or None, created_at=NOW, **columns)
        row.name = f"{SURNAMES[at % len(SURNAMES)]}{chr(0x4E8C + at * 7)}{chr(0x6797 + at * 11)}"
        row.phone, row.id_number = f"139{at:08d}", f"{county}19800101{at:04d}"
        await row.save()
        openid = f"openid-{county}-{at}"
        await WechatUser.create(county=county, account=COUNTIES[county], openid=openid, person_id=row.id)
        self.people.append(Someone(name, county, row, openid))
        return self.people[-1]

    async def appoint(
        self,
        who: Someone,
        role: str,
        body: int,
        region: str,
        *,
        from_on: date = LONG_AGO,
        to_on: date | None = None,
    ) -> Post:
        if from_on <= TODAY and (to_on is None or to_on >= TODAY):
            who.posts.append(Held(role, body, region))
        return await Post.create(
            county=who.county, person_id=who.id, organisation_id=body, role=role, region=region,
            from_on=from_on, to_on=to_on,
        )  # fmt: skip

    async def _places(self, county: str) -> None:
        codes = [county + rest for rest in ("000000", "101000", "102000", *_VILLAGES)]
        await Region.bulk_create([Region(code=code, county=county, name=f"地方{code}") for code in codes])
        for kind in ("acquiring_bank", "partner_bank", "guarantor"):
            for number in ("1", "2"):
                body = await Organisation.create(
                    county=county, kind=kind, name=f"{kind}{number}", region=f"{county}000000"
                )
                self.bodies[county, kind + number] = body.id
        centre = await Organisation.create(
            county=county, kind="county_centre", name="中心", region=f"{county}000000"
        )
        self.bodies[county, "centre"] = centre.id

    async def _staff(self, county: str) -> None:
        whole, towns = f"{county}000000", (f"{county}101000", f"{county}102000")
        kinds = {
            "loan_officer": "acquiring_bank",
            "bank_officer": "partner_bank",
            "guarantor_officer": "guarantor",
        }
        regions = {
            "cadre": [county + each for each in _VILLAGES[:3]],
            "town_clerk": list(towns),
            "case_officer": [towns[0]],
        }
        for role in STAFF_ROLES:
            for number in ("1", "2") if role in kinds else ("",):
                body = self.bodies[county, kinds[role] + number if role in kinds else "centre"]
                for region in regions.get(role, [whole]):
                    who = await self.someone(f"{role} {number} {prefix(region)}", county)
                    await self.appoint(who, role, body, region)
        await self._odd_posts(county, whole, towns)

    async def _odd_posts(self, county: str, whole: str, towns: tuple[str, str]) -> None:
        """A branch, two posts at once, posts that are over or not yet, and delegations of every kind."""
        bank = self.bodies[county, "partner_bank1"]
        await self.appoint(await self.someone("branch", county), "bank_officer", bank, towns[1])
        double = await self.someone("cadre and of bank 2", county)
        await self.appoint(double, "cadre", self.bodies[county, "centre"], county + _VILLAGES[0])
        await self.appoint(double, "bank_officer", self.bodies[county, "partner_bank2"], whole)
        over = await self.someone("over", county)
        for role, body in (("county_clerk", "centre"), ("bank_officer", "partner_bank1")):
            await self.appoint(over, role, self.bodies[county, body], whole, to_on=YESTERDAY)
        coming = await self.someone("coming", county)
        await self.appoint(coming, "county_clerk", self.bodies[county, "centre"], whole, from_on=TOMORROW)
        away = await self.someone("away", county)
        post = await self.appoint(away, "town_clerk", self.bodies[county, "centre"], towns[0])
        days = {
            "from_on": YESTERDAY,
            "to_on": TOMORROW,
            "created_at": NOW,
            "reason": "开会",
            "county": county,
        }
        for name, columns in (
            ("stands in", {}),
            ("stands in for a village", {"region": county + _VILLAGES[1]}),
            ("stood in", {"to_on": YESTERDAY}),
            ("no longer stands in", {"revoked_at": NOW}),
        ):
            who = await self.someone(name, county)
            given = await Delegation.create(post_id=post.id, delegate_id=who.id, **{**days, **columns})
            self.add("delegation", given.id, county, towns[0], owners=frozenset({away.id}))
            if name.startswith("stands"):
                who.posts.append(Held("town_clerk", post.organisation_id, given.region or post.region))

    def add(self, kind: str, key: Any, county: str, region: str, **facts: Any) -> None:
        self.things.append(Thing(kind, str(key), county, region, **facts))

    async def _village(self, county: str, village: str, at: int) -> None:
        bodies = {
            "loan_officer": self.bodies[county, f"acquiring_bank{at % 2 + 1}"],
            "bank_officer": self.bodies[county, f"partner_bank{at % 2 + 1}"],
            "guarantor_officer": self.bodies[county, f"guarantor{(at // 2 + at) % 2 + 1}"],
        }
        house = await Household.create(county=county, village=village)
        farmer = await self.someone(f"farmer {village}", county, village, household_id=house.id)
        helper = await self.someone(f"helper {village}", county) if at == 0 else farmer
        if at == 3:  # a cadre of another village who borrows here
            await self.appoint(farmer, "cadre", self.bodies[county, "centre"], county + _VILLAGES[0])
        at_home: dict[str, Any] = {"county": county, "region": village}
        self.add("person", farmer.row.key, **at_home)
        application = await self._application(county, village, farmer, helper, bodies, at)
        own, two = frozenset({farmer.id}), frozenset({farmer.id, helper.id})
        self.add("application", application.key, **at_home, owners=two, bodies=bodies)
        self.add("credit query", application.key, **at_home, owners=own, bodies=bodies)
        photo = await self._file(county, helper, application_id=application.id)
        self.add("file", photo.key, **at_home, owners=frozenset({helper.id, farmer.id}), bodies=bodies)
        first = routing.route_of(application).steps[0].stages[0].name
        for kind, stage, role, body, passed_up in (
            ("review", first, "loan_officer", bodies["loan_officer"], ()),
            ("visit", "", "cadre", None, ("town_clerk",)),
            ("disburse", "disbursement", "bank_officer", bodies["bank_officer"], ("county_clerk",)),
        ):
            await self._task(
                county, village, kind, role, body, passed_up, application_id=application.id, stage=stage
            )
        await self._lent(county, village, farmer, bodies, at)
        draft = await Draft.create(
            county=county, person_id=farmer.id, form="loan_application", created_at=NOW, updated_at=NOW,
            expires_at=NOW + timedelta(days=30),
        )  # fmt: skip
        self.add("draft", draft.key, **at_home, owners=own)
        claim = await IdentityClaim.create(
            county=county, person_id=farmer.id, claimer_id=helper.id, account=COUNTIES[county],
            openid=helper.openid, created_at=NOW,
        )  # fmt: skip
        self.add("claim", claim.key, **at_home, owners=frozenset({helper.id}))
        consent = await Consent.create(
            county=county, person_id=farmer.id, application_id=application.id, kind="pledge", version="1",
            text_sha256="a" * 64, account=COUNTIES[county], openid=farmer.openid, agreed_at=NOW,
        )  # fmt: skip
        self.add("consent", consent.id, **at_home, owners=own)

    async def _application(
        self, county: str, village: str, farmer: Someone, helper: Someone, bodies: Mapping[str, int], at: int
    ) -> LoanApplication:
        pack = self.packs.by_county(county)
        route = pack.route("online", TODAY)
        made = LoanApplication(
            county=county, key=new_key(), number=f"{county}-2026-{at:05d}", applicant_id=farmer.id,
            filled_by_id=helper.id, household_id=farmer.row.household_id, village=village,
            applicant_kind="farmer", industry="farming", amount_fen=3_000_000, term_months=12, form_version=1,
            answers_hash=content_hash({}), route=route.name, resolved_route=route.as_json(),
            terms=pack.terms(TODAY).as_json(), acquiring_bank_id=bodies["loan_officer"],
            partner_bank_id=bodies["bank_officer"], guarantor_id=bodies["guarantor_officer"],
            channel="mini_program", submitted_at=NOW, step_entered_at=NOW, state=State.IN_REVIEW.value,
        )  # fmt: skip
        made.seal_answers({})
        made.progress = None
        routing.set_progress(made, first_step(route), NOW)
        made.version = 1
        await made.save(force_create=True)
        return made

    async def _file(self, county: str, owner: Someone, **columns: Any) -> StoredFile:
        return await StoredFile.create(
            county=county, owner_id=owner.id, purpose="project", created_at=NOW, **columns
        )

    async def _task(
        self, county: str, village: str, kind: str, role: str, body: int | None,
        passed_up: tuple[str, ...] = (), **columns: Any,
    ) -> Task:  # fmt: skip
        made = await Task.create(
            county=county, kind=kind, role=role, organisation_id=body, region=village, opened_at=NOW,
            due_at=NOW + timedelta(days=3), escalated_roles=list(passed_up), **columns,
        )  # fmt: skip
        self.add("task", made.key, county, village, task=(role, body, passed_up))
        return made

    async def _lent(
        self, county: str, village: str, farmer: Someone, bodies: Mapping[str, int], at: int
    ) -> None:
        terms = Terms(3_000_000, 435, START, TODAY + timedelta(days=65), "interest_only", due_day=20)
        pack = self.packs.by_county(county)
        loan = await Loan.create(
            county=county, key=new_key(), number=f"JJ-{county}-{at}", bank_id=bodies["bank_officer"],
            guarantor_id=bodies["guarantor_officer"], borrower_id=farmer.id, village=village,
            household_id=farmer.row.household_id, principal_fen=terms.principal_fen,
            balance_fen=terms.principal_fen, annual_rate_bp=435, day_count="act/360", method="interest_only",
            settlement_cycle="month", disbursed_on=START, maturity_on=terms.maturity_on, created_at=NOW,
            terms=loan_book.terms_json(terms, pack.repayments(START)),
        )  # fmt: skip
        await Instalment.bulk_create(loan_book.rows_of(loan, book_of(terms)))
        lenders = {role: bodies[role] for role in ("bank_officer", "guarantor_officer")}
        own, home = frozenset({farmer.id}), {"county": county, "region": village}
        self.add("loan", loan.key, **home, owners=own, bodies=lenders, mark=loan.number)
        about: dict[str, Any] = {
            "county": county,
            "loan_id": loan.id,
            "village": village,
            "bank_id": loan.bank_id,
        }
        confirmed = at % 2 == 0
        picture = await self._file(county, farmer)
        paid = await Repayment.create(
            county=county, loan_id=loan.id, bank_id=loan.bank_id, serial=loan.number, received_on=TODAY,
            amount_fen=1, principal_fen=0, interest_fen=1, recorded_at=NOW,
        )  # fmt: skip
        slip = await RepaymentSlip.create(
            repayment_id=paid.id if confirmed else None,
            **about, guarantor_id=loan.guarantor_id, person_id=farmer.id, file_id=picture.id,
            channel="mini_program", state="confirmed" if confirmed else "waiting", created_at=NOW,
        )  # fmt: skip
        kept = {role: body for role, body in lenders.items() if confirmed or role == "bank_officer"}
        of_slip = frozenset({"bank_officer", "guarantor_officer", "county_clerk"})
        self.add(
            "slip", slip.key, **home, owners=own, bodies=kept, only=of_slip,
            path={"key": loan.key, "slip": slip.key},
        )  # fmt: skip
        asked = await self._task(
            county, village, "slip", "bank_officer", loan.bank_id, loan_id=loan.id, person_id=farmer.id
        )
        await RepaymentSlip.filter(id=slip.id).update(task_id=asked.id)
        self.things.append(replace(self.things[-1], kind="slip task"))
        self.add("file", picture.key, **home, owners=own, bodies=kept, only=of_slip)
        entry = await Disposal.create(
            **about,
            guarantor_id=loan.guarantor_id,
            borrower_id=farmer.id,
            overdue_since=START,
            opened_on=START,
        )
        self.add("disposal", entry.key, **home, bodies=lenders, hidden_from=own)
        case = await Defaulter.create(
            **about, person_id=farmer.id, disposal_id=entry.id, listed_on=START, listed_by_id=1, evidence={},
            evidence_sha256="a" * 64,
        )  # fmt: skip
        self.add("defaulter", case.key, **home, bodies=lenders, hidden_from=own)
        misuse = await Misuse.create(
            county=county, loan_id=loan.id, person_id=farmer.id, village=village, found_on=TODAY,
            falsified=False, pay_by_on=TOMORROW, reported_by_id=1, reported_at=NOW,
        )  # fmt: skip
        self.add("misuse", misuse.key, **home, bodies=lenders, hidden_from=own)
        await self._looked_after(county, village, loan, farmer, lenders)

    async def _looked_after(
        self, county: str, village: str, loan: Loan, farmer: Someone, lenders: Mapping[str, int]
    ) -> None:
        task = await self._task(
            county, village, "post_loan_visit", "bank_officer", loan.bank_id, loan_id=loan.id,
            person_id=farmer.id, stage=f"{TODAY.year}-{TODAY.month:02d}",
        )  # fmt: skip
        visitor = next(
            each for each in self.people if each.county == county and each.name.startswith("cadre ")
        )
        photo = await self._file(county, visitor)
        await Visit.create(
            county=county, client_id=photo.key, task_id=task.id, loan_id=loan.id, visitor_id=visitor.id,
            device_at=NOW, received_at=NOW, findings={}, photos=[photo.key], result="normal",
        )  # fmt: skip
        readers = frozenset({"cadre", "town_clerk", "county_clerk", "case_officer", *lenders})
        self.add(
            "file", photo.key, county, village, owners=frozenset({visitor.id}), bodies=lenders, only=readers,
            hidden_from=frozenset({farmer.id}),
        )  # fmt: skip
        line = await Instalment.filter(loan_id=loan.id).order_by("number").first()
        assert line is not None
        told = await Notice.create(
            county=county, person_id=farmer.id, kind="instalment_due", subject_kind="instalment",
            subject_id=line.id, due_on=TODAY, step="T-1", facts={}, priority=1, created_at=NOW,
            expires_at=NOW + timedelta(days=3),
        )  # fmt: skip
        self.add("notice", told.id, county, village, owners=frozenset({farmer.id}))

    async def _centre(self, county: str) -> None:
        whole = f"{county}000000"
        for number in ("1", "2"):
            bank = self.bodies[county, f"partner_bank{number}"]
            for month, state in ((10, "submitted"), (11, "drafted")):
                filing = await Filing.create(
                    county=county, kind="disbursements", bank_id=bank, month=date(2026, month, 1),
                    due_on=TODAY, drafted_at=NOW, state=state,
                )  # fmt: skip
                guarantor = self.bodies[county, f"guarantor{number}"]
                await FilingLine.create(
                    county=county, filing_id=filing.id, kind="disbursements", number=1, loan_id=filing.id,
                    guarantor_id=guarantor, content={
                        "village": f"{county}101201", "number": "1", "principal_fen": 1,
                        "settled_on": "", "disbursed_on": "2026-10-08",
                    },
                )  # fmt: skip
                bodies = {"bank_officer": bank} | ({"guarantor_officer": guarantor} if month == 10 else {})
                self.add("filing", filing.key, county, whole, bodies=bodies)
            declared = await SubsidyDeclaration.create(
                county=county, bank_id=bank, quarter=date(2026, 7, 1), due_on=TODAY, drafted_at=NOW
            )
            self.add("subsidy", declared.key, county, whole, bodies={"bank_officer": bank})
            batch = await ImportBatch.create(
                county=county, kind="loans", bank_id=bank, region=whole, file_name="贷款.csv",
                sha256=number.encode(), size=1, created_at=NOW, state="done",
            )  # fmt: skip
            self.add("import", batch.key, county, whole, bodies={"bank_officer": bank})
        for who in [
            each for each in self.people if each.county == county and each.name.startswith("county_c")
        ]:
            sheet = await Export.create(
                county=county, name="loans", asked={}, person_id=who.id, created_at=NOW,
                expires_at=NOW + timedelta(days=1),
            )  # fmt: skip
            self.add("export", sheet.key, county, whole, owners=frozenset({who.id}))
        farmer = next(
            each for each in self.people if each.county == county and each.name.startswith("farmer")
        )
        change = await BindingChange.create(
            county=county, from_person_id=farmer.id, reason="手机丢了", asked_by_id=1, asked_at=NOW
        )
        self.add("binding change", change.key, county, whole)
        for town in ("101000", "102000"):
            await DeliveryCount.create(
                county=county, hours=24, town=county + town, channel="template", standing="delivered",
                deliveries=3, counted_at=NOW,
            )  # fmt: skip
