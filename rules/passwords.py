"""What a password of a desk must be: long enough, not guessable from what everybody knows."""

from __future__ import annotations

import string
from collections.abc import Sequence

from rules.refusal import Refusal

SHORTEST = 10
LONGEST = 128
_LONG = 16
_KINDS = 3
_DIFFERENT = 6


def check_password(password: str, known: Sequence[str]) -> Refusal | None:
    """May this be a password? `known`: staff number and phone, which it may not contain.

    Ten characters of three kinds, or sixteen of any; at least six different ones. Clause: S17.2 (default).
    """
    if not SHORTEST <= len(password) <= LONGEST:
        return _refused(f"密码要有{SHORTEST}到{LONGEST}个字，请再长一些。")
    if len(password) < _LONG and _kinds(password) < _KINDS:
        return _refused(f"密码请用上大写字母、小写字母、数字、符号中的三种，或者写满{_LONG}个字。")
    if len(set(password)) < _DIFFERENT:
        return _refused("密码里重复的字太多，请换一个。")
    if any(each and each in password for each in known):
        return _refused("密码里不要有工号和手机号，请换一个。")
    return None


def _kinds(password: str) -> int:
    kinds = (string.ascii_lowercase, string.ascii_uppercase, string.digits)
    found = [any(sign in kind for sign in password) for kind in kinds]
    return sum(found) + any(all(sign not in kind for kind in kinds) for sign in password)


def _refused(words: str) -> Refusal:
    return Refusal("S17.2", words, "weak_password", "password")
