"""What withdrawing a consent means, told before it is done."""

from __future__ import annotations

from rules.credit_query import PURPOSES, Standing
from rules.refusal import Refusal

_AFTER = {
    Standing.REVIEW: "收回后不能再查您的信用信息，这份申请也就停办了。以后想贷款，可以重新申请。",
    Standing.LOAN: "收回后不能再查您的信用信息。贷款还在，照原来的合同还款，不受影响。",
    Standing.OVER: "收回后不能再查您的信用信息，别的没有影响。",
}


def withdrawal(kind: str, standing: Standing) -> str | Refusal:
    """What follows when a person takes back a paper of this kind, or why it cannot be taken back alone.

    Clause: S6.6, S1.4.
    """
    if kind in PURPOSES:
        return _AFTER[standing]
    words = "这份是您签的承诺，不是授权，不能单独收回。不想借了，请撤回申请；已经放款的，还清就结束。"
    return Refusal("S1.4", words, "not_withdrawable")


def stops_application(kind: str, standing: Standing) -> bool:
    """Whether the application cannot go on without this paper. Clause: S6.6."""
    return kind in PURPOSES and standing is Standing.REVIEW
