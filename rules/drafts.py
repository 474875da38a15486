"""The life of a half-filled form: when it is reminded of and when it ends."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta


def expires_at(touched_at: datetime, expiry_days: int) -> datetime:
    """When a draft ends that nobody touches again. Clause: S1.1 (default)."""
    return touched_at + timedelta(days=expiry_days)


def is_expired(touched_at: datetime, expiry_days: int, now: datetime) -> bool:
    """Has the draft ended? At the very moment it has. Clause: S1.1."""
    return now >= expires_at(touched_at, expiry_days)


def reminder_due(touched_at: datetime, now: datetime, reminder_hours: Sequence[int]) -> int | None:
    """Which reminder (in hours since the last touch) is due by now, the latest only; None before the first.

    After a pause of the system one reminder goes out, not all that were missed. Clause: S1.1, S11.6.
    """
    passed = [hours for hours in sorted(reminder_hours) if now >= touched_at + timedelta(hours=hours)]
    return passed[-1] if passed else None


def expiry_warning_due(
    touched_at: datetime, now: datetime, expiry_days: int, expiring_days: Sequence[int]
) -> int | None:
    """Which warning (in days before the end) is due by now; None before the first and after the end.

    Clause: S1.1.
    """
    if is_expired(touched_at, expiry_days, now):
        return None
    end = expires_at(touched_at, expiry_days)
    passed = [days for days in sorted(expiring_days, reverse=True) if now >= end - timedelta(days=days)]
    return passed[-1] if passed else None
