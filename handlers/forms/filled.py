"""From the answers of a finished form to what the actions take. One place for chat, JSON and pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from actions.applications import GivenConsent, Submission
from actions.identity import Identity
from actions.loans import Disbursement
from actions.visits import VisitReport
from bot.dialog import Consent
from handlers.forms.checks import UNRATED
from handlers.forms.disbursement import DISBURSEMENT
from handlers.forms.loan_application import LOAN_APPLICATION
from rules.application import ApplicantKind, Application

FROM_PAPER: Mapping[str, Any] = {"applying_for": "other", "helper_relation": "cadre"}
"""What is known before a village's clerk enters a paper. Clause: S2.1."""


def submission(
    answers: Mapping[str, Any],
    consents: Iterable[Consent] = (),
    *,
    route: str = "online",
    draft_key: str | None = None,
) -> Submission:
    """The loan application form as the action takes it. Clause: S1.1, S1.4, S1.7."""
    kind = ApplicantKind(answers["kind"])
    grade = answers.get("grade")
    return Submission(
        identity=Identity(
            name=answers["name"],
            id_number=answers["id_number"],
            phone=answers["phone"],
            village=answers["village"],
            registered_poor=kind is ApplicantKind.REGISTERED_POOR,
            head_id_number=answers.get("head_id_number") or "",
        ),
        rules=Application(
            kind=kind,
            id_number=answers["id_number"],
            amount_fen=answers["amount"],
            term_months=answers["term"],
            industry=answers["industry"],
            grade=None if grade in (None, UNRATED) else grade,
            owed_fen=answers.get("other_loans_amount") or 0,
            willing=answers.get("willing"),
            skilled=answers.get("skilled"),
            able_to_repay=answers.get("able_to_repay"),
            lacks_funds=answers.get("lacks_funds"),
            poor_households_carried=answers.get("poor_households_carried"),
            tax_grade=answers.get("tax_grade"),
            agreement=answers.get("agreement"),
        ),
        own=answers.get("applying_for", "self") == "self",
        answers={key: _plain(value) for key, value in answers.items()},
        form_version=LOAN_APPLICATION.version,
        consents=tuple(GivenConsent(each.kind, each.version, each.sha256) for each in consents),
        route=route,
        draft_key=draft_key,
    )


def visit_report(answers: Mapping[str, Any], client_id: str, device_at: datetime) -> VisitReport:
    """The visit form as the action takes it. Clause: S1.3, S9.2."""
    place = answers.get("place") or {}
    return VisitReport(
        client_id=client_id,
        device_at=device_at,
        result=answers["result"],
        latitude=place.get("latitude"),
        longitude=place.get("longitude"),
        accuracy_m=place.get("accuracy_m"),
        findings={
            **{name: answers[name] for name in ("lives_there", "project_real") if name in answers},
            "seen": list(answers.get("findings") or ()),
        },
        remark=answers.get("remark") or "",
        photos=tuple(answers.get("photos") or ()),
    )


def disbursement(answers: Mapping[str, Any]) -> Disbursement:
    """The disbursement form as the action takes it. Clause: S4.7."""
    on = answers["disbursed_on"]
    return Disbursement(
        number=answers["number"],
        amount_fen=answers["amount"],
        disbursed_on=on if isinstance(on, date) else date.fromisoformat(on),
        account=answers["account"],
        annual_rate_bp=answers["rate"],
        term_months=answers["term"],
        method=answers["method"],
        settlement_cycle=answers.get("settlement_cycle"),
        fixed_fen=answers.get("fixed_amount") or 0,
    )


def titles() -> dict[str, str]:
    """Key of an answer -> what people call it, for showing what was answered."""
    return {field.key: field.title for form in (LOAN_APPLICATION, DISBURSEMENT) for field in form.fields}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | datetime) else value
