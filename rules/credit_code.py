"""统一社会信用代码: the number of an enterprise or a cooperative under GB 32100-2015."""

from __future__ import annotations

import re

from rules.refusal import Refusal

_SIGNS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_SHAPE = re.compile(r"[0-9A-HJ-NPQRTUWXY]{2}\d{6}[0-9A-HJ-NPQRTUWXY]{10}")


def check_credit_code(text: str) -> Refusal | None:
    """Shape and check sign; blanks and small letters are forgiven. Clause: S2.2."""
    code = re.sub(r"[\s-]", "", text).upper()
    if not _SHAPE.fullmatch(code):
        words = "统一社会信用代码是18位，由数字和字母组成，在营业执照最上面。"
        return Refusal("S2.2", words, "credit_code_shape", "credit_code")
    if check_sign(code[:17]) != code[17]:
        words = "统一社会信用代码有一位写错了，请对着营业执照再写一次。"
        return Refusal("S2.2", words, "credit_code_checksum", "credit_code")
    return None


def check_sign(body: str) -> str:
    """The last character that belongs to the first seventeen. Clause: S2.2."""
    total = sum(_SIGNS.index(sign) * pow(3, place, 31) for place, sign in enumerate(body))
    return _SIGNS[-total % 31]
