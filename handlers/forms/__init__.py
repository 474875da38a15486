"""The forms as data. Chat, mini-program and pages are made from them; `form_context` adds the county."""

from __future__ import annotations

from bot.dialog import Form
from handlers.forms.confirmation import CONFIRMATION
from handlers.forms.context import form_context
from handlers.forms.decision import DECISION
from handlers.forms.disbursement import DISBURSEMENT
from handlers.forms.loan_application import LOAN_APPLICATION
from handlers.forms.visit import POST_LOAN_VISIT, VISIT

FORMS: dict[str, Form] = {
    form.name: form
    for form in (LOAN_APPLICATION, CONFIRMATION, VISIT, POST_LOAN_VISIT, DECISION, DISBURSEMENT)
}

__all__ = ["FORMS", "form_context"]
