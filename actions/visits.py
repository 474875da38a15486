"""走访确认: what the village cadre found at the applicant's place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from actions import audit, ballots, files, routing
from actions.access import Actor, access_task, family_of
from actions.refusal import refuse
from actions.visit_plans import keep_findings
from bot import database
from bot.errors import Conflict, RuleRefused
from models.application import Decision as DecisionRow
from models.application import LoanApplication, Task, Visit
from models.conversation import StoredFile
from models.loan import Loan
from models.people import Household, Person, Region
from models.sealing import new_key, seal_text
from policies.pack import Pack, Packs
from rules import distance as rules
from rules.tasks import check_reviewer

CLIENT_ID_MAX = 64
CLOCK_OFF_MOST = timedelta(days=366)
LATE_AFTER = timedelta(minutes=15)
SAME_PICTURE_BITS = 4
REUSED = "reused_photo"


AFTER_LOAN = "post_loan_visit"
CONFIRMATIONS = ("confirmed", "not_confirmed")
AFTER_LOAN_RESULTS = ("normal", "abnormal")


@dataclass(frozen=True)
class _Place:
    """Where somebody lives: his household, else the village."""

    household_id: int | None
    village: str


@dataclass(frozen=True)
class VisitReport:
    """A visit as the phone recorded it. `client_id` is made there, so that a late upload counts once."""

    client_id: str
    device_at: datetime
    result: str
    """confirmed or not_confirmed; after the loan normal or abnormal."""
    latitude: float | None = None
    longitude: float | None = None
    accuracy_m: int | None = None
    findings: Mapping[str, Any] = field(default_factory=dict)
    remark: str = ""
    photos: Sequence[str] = ()
    """Keys of stored files."""


async def record(actor: Actor, task_key: str, report: VisitReport, pack: Pack, now: datetime) -> Visit:
    """Keep a visit, judge what is doubtful about it and close its task.

    The same `client_id` again returns the visit that is there. A visit uploaded late keeps the device's time
    and ours. What is doubtful is kept and shown, never hidden. Raises RuleRefused. Clause: S1.3, S9.2, S18.9.
    """
    known = await Visit.get_or_none(visitor_id=actor.person_id, client_id=report.client_id)
    if known is not None:
        return known
    task = await access_task(actor, task_key)
    if task.kind == AFTER_LOAN and task.loan_id is not None:
        return await _record_after_loan(actor, task, report, pack, now)
    if task.kind != "visit" or task.application_id is None:
        raise RuleRefused("S1.3", "这项任务不是走访确认。", code="not_a_visit")
    _check(report, pack, now, CONFIRMATIONS)
    async with database.transaction() as connection:
        application = await LoanApplication.select_for_update().get(id=task.application_id)
        family, decided = await family_of(application), await _decided(application.id)
        refuse([check_reviewer(actor.person_id, family_ids=family, decided_ids=decided)])
        await _check_photos(actor, report.photos)
        visit = await _create(
            actor, task, _Place(application.household_id, application.village), report, pack, now
        )
        await files.attach(actor, report.photos, application.id)
        changed = await Task.filter(id=task.id, state="open").update(
            state="done", outcome=report.result, done_at=now, done_by_id=actor.person_id
        )
        if not changed:
            raise Conflict("S1.3", "这次走访已经由同事做完了。", code="already_visited")
        await audit.record(
            actor.county, actor.person_id, "visit", ("application", application.id), now, result=report.result
        )
        waiting = await Task.filter(application_id=application.id, state="open", kind="review")
        blocked = [
            each for each in waiting if "visit" in routing.route_of(application).stage(each.stage).requires
        ]
        await routing.tell_holders(connection, blocked, "task_assigned", pack, now, step="visited")
        return visit


async def _record_after_loan(
    actor: Actor, task: Task, report: VisitReport, pack: Pack, now: datetime
) -> Visit:
    """A visit after the loan was paid out: what is abnormal becomes facts for the warnings. S9.1, S9.2."""
    _check(report, pack, now, AFTER_LOAN_RESULTS)
    seen = [str(code) for code in report.findings.get("seen") or ()]
    if (report.result == "abnormal") != bool(seen):
        words = "有异常就勾出是哪些，没有异常就选“正常”。"
        raise RuleRefused("S9.1", words, code="findings", field="result")
    async with database.transaction():
        loan = await Loan.select_for_update().get(id=task.loan_id)
        members = await Person.filter(household_id=loan.household_id) if loan.household_id else []
        family = frozenset((loan.borrower_id, *(member.id for member in members)))
        decided = await _decided(loan.application_id, of_a_body=True) if loan.application_id else frozenset()
        refuse([check_reviewer(actor.person_id, family_ids=family, decided_ids=decided)])
        await _check_photos(actor, report.photos)
        await _refuse_used_photos(report.photos)
        visit = await _create(actor, task, _Place(loan.household_id, loan.village), report, pack, now)
        changed = await Task.filter(id=task.id, state="open").update(
            state="done", outcome=report.result, done_at=now, done_by_id=actor.person_id
        )
        if not changed:
            raise Conflict("S9.1", "这次走访已经由同事做完了。", code="already_visited")
        await audit.record(
            actor.county, actor.person_id, "visit", ("loan", loan.id), now, result=report.result
        )
        if seen:
            await keep_findings(actor, loan, seen, report.remark, pack, now, visit=visit)
        return visit


async def _decided(application_id: int, *, of_a_body: bool = False) -> frozenset[int]:
    """Who decided an application; `of_a_body`: at bank or guarantor, whose posts are kept apart. S4.3"""
    rows = DecisionRow.filter(application_id=application_id)
    if of_a_body:
        rows = rows.filter(organisation_id__isnull=False)
    reviewers = frozenset(row.reviewer_id for row in await rows if row.reviewer_id is not None)
    return reviewers | await ballots.voters(application_id, of_a_body=of_a_body)


async def _refuse_used_photos(photos: Sequence[str]) -> None:
    rows = await database.fetch(
        "SELECT 1 FROM visit WHERE loan_id IS NOT NULL AND photos ?| $1::text[] LIMIT 1", list(photos)
    )
    if rows:
        raise RuleRefused(
            "S9.2", "有照片已经用在别的走访里了，请重新拍照。", code="photo_used", field="photos"
        )


def _check(report: VisitReport, pack: Pack, now: datetime, results: Sequence[str]) -> None:
    photos_min = pack.visits(routing.on_day(now)).photos_min
    if not report.client_id or len(report.client_id) > CLIENT_ID_MAX:
        raise RuleRefused(
            "S9.2", "走访记录缺少编号，请重新打开表单再交。", code="client_id", field="client_id"
        )
    if abs(now - report.device_at) > CLOCK_OFF_MOST:
        words = "手机的日期不对，请把手机时间调准后再交。"
        raise RuleRefused("S9.2", words, code="device_clock", field="device_at")
    if report.result not in results:
        raise RuleRefused("S9.2", "请选走访结果。", code="result", field="result")
    if len(report.photos) < photos_min:
        words = f"请至少拍{photos_min}张现场照片。"
        raise RuleRefused("S9.2", words, code="photos_missing", field="photos")


async def _check_photos(actor: Actor, photos: Sequence[str]) -> None:
    own = await StoredFile.filter(key__in=list(photos), owner_id=actor.person_id).count()
    if own != len(set(photos)):
        raise RuleRefused("S9.2", "有照片没有传上来，请重新拍照。", code="photo_unknown", field="photos")


async def _create(
    actor: Actor, task: Task, home: _Place, report: VisitReport, pack: Pack, now: datetime
) -> Visit:
    key = new_key()
    distance, doubts = await _judge(actor, home, report, pack, now)
    return await Visit.create(
        county=actor.county,
        key=key,
        client_id=report.client_id,
        task_id=task.id,
        application_id=task.application_id,
        loan_id=task.loan_id,
        visitor_id=actor.person_id,
        latitude=report.latitude,
        longitude=report.longitude,
        accuracy_m=report.accuracy_m,
        distance_m=distance,
        device_at=report.device_at,
        received_at=now,
        findings=dict(report.findings),
        remark_sealed=seal_text(report.remark, "visit", "remark", key) if report.remark else None,
        photos=list(report.photos),
        result=report.result,
        doubts=doubts,
    )


async def _judge(
    actor: Actor, where: _Place, report: VisitReport, pack: Pack, now: datetime
) -> tuple[int | None, list[dict[str, Any]]]:
    """Distance in metres (None without a place) and everything doubtful, for the town to see."""
    home = await _home(where)
    here = _place(report.latitude, report.longitude)
    photos = await StoredFile.filter(key__in=list(report.photos))
    reused = [photo.key for photo in photos if await _seen_before(photo)]
    findings = rules.visit_findings(
        rules.Visit(
            taken_at=report.device_at,
            received_at=now,
            place=here,
            accuracy_m=report.accuracy_m,
            photo_times=tuple(photo.taken_at for photo in photos),
            late=now - report.device_at > LATE_AFTER,
        ),
        home,
        pack.visits(routing.on_day(now)),
        await _previous(actor),
        reused_photos=len(reused),
    )
    distance = rules.distance_m(here, home) if here and home else None
    return distance, _doubts(findings, reused)


def _doubts(findings: Sequence[rules.Finding], reused: Sequence[str]) -> list[dict[str, Any]]:
    """What is kept of the findings; beside a reused picture its key, so that a later one adds to it."""
    return [
        {"code": each.code, "message": each.message}
        | ({"photos": list(reused)} if each.code == REUSED else {})
        for each in findings
        if each.doubtful
    ]


async def photo_arrived(key: str, packs: Packs, now: datetime) -> int:
    """Judge anew the visits of a picture that came after them; how many have other doubts now.

    It is compared with every picture there is, whichever was sent first: its copy may have come before it.
    Run again it changes nothing. Clause: S9.2, S18.9.
    """
    photo = await StoredFile.get_or_none(key=key, state="stored")
    if photo is None:
        return 0
    rows = await database.fetch(
        "SELECT id FROM visit WHERE visitor_id = $1 AND photos ? $2 ORDER BY id", photo.owner_id, key
    )
    pack = packs.by_county(photo.county)
    return sum([await _judge_again(row["id"], photo, pack, now) for row in rows])


async def _judge_again(visit_id: int, photo: StoredFile, pack: Pack, now: datetime) -> int:
    key = photo.key
    async with database.transaction():
        visit = await Visit.select_for_update().get(id=visit_id)
        known = [each for doubt in visit.doubts for each in doubt.get("photos", ())]
        if key not in known and await _seen_before(photo, late=True):
            known.append(key)
        photos = await StoredFile.filter(key__in=list(visit.photos))
        found = rules.photo_findings(
            rules.Visit(
                visit.device_at, visit.received_at, None, None, tuple(each.taken_at for each in photos)
            ),
            pack.visits(routing.on_day(visit.received_at)),
            len(known),
        )
        others = [doubt for doubt in visit.doubts if doubt["code"] not in rules.PHOTO_CODES]
        doubts = [*others, *_doubts(found, known)]
        if {each["code"]: each for each in doubts} == {each["code"]: each for each in visit.doubts}:
            return 0
        visit.doubts = doubts
        await visit.save(update_fields=["doubts"])
        await audit.record(
            visit.county, None, "visit_judged_again", ("visit", visit.id), now, photo=photo.key
        )
        return 1


def _place(latitude: float | None, longitude: float | None) -> rules.Place | None:
    return rules.Place(latitude, longitude) if latitude is not None and longitude is not None else None


async def _previous(actor: Actor) -> rules.Visit | None:
    last = (
        await Visit.filter(visitor_id=actor.person_id, latitude__isnull=False).order_by("-device_at").first()
    )
    if last is None:
        return None
    return rules.Visit(last.device_at, last.received_at, _place(last.latitude, last.longitude))


async def _seen_before(photo: StoredFile, *, late: bool = False) -> bool:
    """Was this picture stored before, byte for byte or to the eye? `late`: whatever is stored came before.

    Clause: S18.9.
    """
    rows = await database.fetch(
        """SELECT 1 FROM stored_file WHERE state = 'stored' AND sha256 = $2 AND $2 <> '' AND id <> $1
             AND (id < $1 OR $5)
           UNION ALL
           SELECT 1 FROM stored_file WHERE county = $3 AND phash IS NOT NULL AND id <> $1 AND (id < $1 OR $5)
             AND bit_count((phash # $4::bigint)::bit(64)) <= $6 LIMIT 1""",
        photo.id,
        photo.sha256,
        photo.county,
        photo.phash,
        late,
        SAME_PICTURE_BITS,
    )
    return bool(rows)


async def _home(where: _Place) -> rules.Place | None:
    household = await Household.get_or_none(id=where.household_id) if where.household_id else None
    region = await Region.get_or_none(code=where.village)
    village = _place(region.latitude, region.longitude) if region else None
    return (_place(household.latitude, household.longitude) if household else None) or village
