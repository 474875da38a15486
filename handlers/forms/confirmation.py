"""What a farmer reads and agrees to before that counts which somebody else filled in for him (S1.4, S1.7)."""

from __future__ import annotations

from dataclasses import replace

from bot.dialog import Form
from handlers.forms.loan_application import LOAN_APPLICATION

_LAST = "pledge"
_PAPERS = [replace(field, when={}) for field in LOAN_APPLICATION.fields if field.kind == "confirm"]

CONFIRMATION = Form(
    "confirmation",
    1,
    "确认申请",
    tuple(
        replace(field, ask="回复“同意”，就算签了承诺书，也确认了这份申请。") if field.key == _LAST else field
        for field in _PAPERS
    ),
    review=False,  # what was filled in has been read by then
)
