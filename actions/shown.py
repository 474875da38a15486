"""What people are shown of an application: masked, and hashed so that a decision names what it saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from bot.database import fetch
from models.application import Decision, LoanApplication, Visit
from models.people import Person, Region
from models.sealing import content_hash, open_text
from rules.identity import mask_id, mask_name, mask_phone

SEALED_ANSWERS = frozenset({"name", "id_number", "phone", "head_id_number", "helper_phone"})


@dataclass(frozen=True)
class ShownVisit:
    """What the cadre found."""

    result: str
    distance_m: int | None
    device_at: datetime
    received_at: datetime
    findings: Mapping[str, Any]
    doubts: tuple[Any, ...]
    photos: tuple[str, ...]


@dataclass(frozen=True)
class ShownDecision:
    """A decision of an earlier or parallel stage: role, not name."""

    stage: str
    round: int
    decision: str
    reason: str
    at: datetime


@dataclass(frozen=True)
class ShownApplication:
    """An application without what the reader does not need: name, phone and ID number are masked."""

    key: str
    number: str
    state: str
    round: int
    applicant: str
    phone: str
    id_number: str
    village: str
    village_name: str
    applicant_kind: str
    industry: str
    amount_fen: int
    term_months: int
    answers: Mapping[str, Any]
    filled_by_helper: bool
    confirmed_by: str
    submitted_at: datetime
    visit: ShownVisit | None
    decisions: tuple[ShownDecision, ...]
    hash: str


@dataclass(frozen=True)
class ShownLoan:
    """A loan for who has to do something about it: the borrower's name is masked."""

    key: str
    number: str
    borrower: str
    village_name: str
    balance_fen: int
    maturity_on: date
    overdue_since: date | None


async def shown_loans(loan_ids: Sequence[int], on: date) -> dict[int, ShownLoan]:
    """The masked views of loans by their ids, in one look however many they are. Clause: S17.2."""
    rows = await fetch(
        """SELECT l.id, l.key, l.number, l.village, l.balance_fen, l.maturity_on, r.name AS village_name,
                  p.key AS person_key, p.name_sealed,
                  (SELECT min(due_on) FROM instalment i
                   WHERE i.loan_id = l.id AND i.paid_on IS NULL AND i.due_on < $2) AS overdue_since
           FROM loan l JOIN person p ON p.id = l.borrower_id LEFT JOIN region r ON r.code = l.village
           WHERE l.id = ANY($1::bigint[])""",
        list(loan_ids),
        on,
    )
    return {
        row["id"]: ShownLoan(
            key=row["key"],
            number=row["number"],
            borrower=mask_name(open_text(row["name_sealed"], "person", "name", row["person_key"])),
            village_name=row["village_name"] or row["village"],
            balance_fen=row["balance_fen"],
            maturity_on=row["maturity_on"],
            overdue_since=row["overdue_since"],
        )
        for row in rows
    }


async def shown_application(application: LoanApplication) -> ShownApplication:
    """The masked view of an application and the hash of what it shows. Clause: S17.2."""
    applicant = await Person.get(id=application.applicant_id)
    region = await Region.get_or_none(code=application.village)
    visit = await Visit.filter(application_id=application.id).order_by("-id").first()
    decisions = await Decision.filter(application_id=application.id).order_by("id")
    return ShownApplication(
        key=application.key,
        number=application.number,
        state=application.state,
        round=application.round,
        applicant=mask_name(applicant.name),
        phone=mask_phone(applicant.phone),
        id_number=mask_id(applicant.id_number),
        village=application.village,
        village_name=region.name if region else application.village,
        applicant_kind=application.applicant_kind,
        industry=application.industry,
        amount_fen=application.amount_fen,
        term_months=application.term_months,
        answers={key: value for key, value in application.answers.items() if key not in SEALED_ANSWERS},
        filled_by_helper=application.applicant_id != application.filled_by_id,
        confirmed_by=application.confirmed_by,
        submitted_at=application.submitted_at,
        visit=shown_visit(visit) if visit else None,
        decisions=tuple(
            ShownDecision(row.stage, row.round, row.decision, row.reason, row.decided_at) for row in decisions
        ),
        hash=content_hash([application.answers_hash, visit.key if visit else None]),
    )


def shown_visit(visit: Visit) -> ShownVisit:
    """What a visit found, for who reviews. Clause: S17.2."""
    return ShownVisit(
        result=visit.result,
        distance_m=visit.distance_m,
        device_at=visit.device_at,
        received_at=visit.received_at,
        findings=visit.findings,
        doubts=tuple(visit.doubts),
        photos=tuple(visit.photos),
    )
