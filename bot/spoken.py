"""Numbers, amounts, terms and yes/no as people in villages say and type them. Pure text in, values out.

Each `read_*` takes the whole message as the answer to a question; each `find_*` looks inside a sentence.
What was written in plain figures is `plain`; everything else should be read back before it counts (S18.1).
Only well-formed numerals are numbers: 一二百二 is none, and 三四万 is vague.
"""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")

CHINESE = "零〇一二两俩三四五六七八九十廿百千万亿壹贰叁肆伍陆柒捌玖拾佰仟萬億"
_SAME = ("零〇", "一壹幺", "二贰两", "三叁", "四肆", "五伍", "六陆", "七柒", "八捌", "九玖")
_DIGIT = {sign: str(value) for value, signs in enumerate(_SAME) for sign in signs}
_FORMAL, _EVERYDAY = "〇壹贰叁肆伍陆柒捌玖拾佰仟", "零一二三四五六七八九十百千"
_SMALL_NUMERAL = "零一二两三四五六七八九十"
_D = "[一二两三四五六七八九]"
_PLAIN = str.maketrans({"廿": "二十", "俩": "两", "萬": "万", **dict(zip(_FORMAL, _EVERYDAY, strict=True))})
_UNIT = {"百": 100, "千": 1_000, "万": 10_000, "亿": 100_000_000}
_LONGEST = 16  # signs in one number; longer ones are no amounts, and big integers are slow
_FIGURE = r"\d+(?:,\d{3})*(?:\.\d+)?"
_NUMBER = rf"(?:{_FIGURE}[万千百亿\d]*|[{CHINESE}]+(?:点[{CHINESE}]+)?)"
_MONEY_UNIT = r"(?:块钱|块|元钱|元|圆|人民币|钱)"
_CENTS = r"[\d一二两三四五六七八九]"
_SMALL = rf"(?:块(?P<jiao>{_CENTS})(?:[毛角](?:(?P<fen>{_CENTS})分?)?)?)"
_BEFORE = (
    r"(?:那就|那|就)?(?:我们|我家|我|俺|咱)?(?:想要|想|需要|需|打算|准备|要)?(?:申请|贷款|借款|借个|借上|借|贷|用)?"
    r"(?:大概|大约|差不多|约|总共|一共|个|就)?"
)
_AFTER = r"(?:整|左右|上下)?(?:就行了|就行|就可以|就够了|够了|可以吗|行吗|行不行|吧|呗|啊|呢|的)?"
_AMOUNT = re.compile(rf"{_BEFORE}(?P<number>{_NUMBER})(?:{_SMALL}|{_MONEY_UNIT})?{_AFTER}")
_FOUND_AMOUNT = re.compile(rf"(?<![\d.])(?P<number>{_NUMBER})(?P<unit>{_SMALL}|{_MONEY_UNIT})?")
_MEASURE = re.compile(
    r"\s*(?:多)?[只头亩棵个口年月天岁日斤米平户人号里条间座吨箱袋株羽尾匹周分点%:/-]|公[斤里顷]|立方"
)
_VAGUE = re.compile(
    r"[几数][十百千万]|[十百千万\d][几来多把余]|好几|[一二两三四五六七八九][一二三四五六七八九][十百千万]"
    r"|[百千万][一二三四五六七八九]{2}$|\d[-~到至、]\d+[万千]|[一二两三四五六七八九][到至、][一二三四五六七八九十]+[万千]"
    r"|不到|以内|以上|不超过|超过|不等"
)


class Heard(NamedTuple, Generic[T]):
    """What was understood: the value, whether it stood there in plain figures, and where (start, end)."""

    value: T
    plain: bool
    start: int = 0
    end: int = 0


def tidy(text: str) -> str:
    """The text in half-width characters, without white space, ready for reading."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return "".join(text.split())


def bare(text: str) -> str:
    """`tidy`, and without punctuation at either end: what commands and yes/no are compared by."""
    return tidy(text).strip("。.,，!?~、;:…'\"“”‘’()")


def _grammar(tail: str) -> str:
    """Numerals below ten thousand; `tail` is the digit that speech may leave without its unit (三千五)."""
    tens = f"{_D}?十{_D}?"
    hundreds = f"{_D}百(?:零{_D}|零?{tens}{tail})?"
    return f"(?:{_D}千(?:零{_D}|零?{tens}|零?{hundreds}{tail})?|{hundreds}|{tens}|{_D})"


_SPOKEN = _grammar(f"|{_D}")
_WELL_FORMED = re.compile(f"零|{_SPOKEN}|(?:{_grammar('')})?万(?:零?{_SPOKEN})?")


def _numeral(text: str) -> int | None:
    """A Chinese whole number below 10**8, also for short (三万五, 万二); None unless well formed."""
    plain = text.translate(_PLAIN)
    if plain[0] in "百千":
        plain = f"一{plain}"
    if not _WELL_FORMED.fullmatch(plain) or plain == "万":
        return None
    high, ten_thousand, low = plain.partition("万")
    if not ten_thousand:
        return _section(high)
    rest = int(_DIGIT[low]) * 1_000 if low in _DIGIT else _section(low)
    return _section(high or "一") * 10_000 + rest


def _section(text: str) -> int:
    total = digit = 0
    unit = 10
    for sign in text:
        if sign in _DIGIT:
            digit = int(_DIGIT[sign])
            unit = unit if digit else 10  # after 零 a digit stands for itself
        else:
            unit = 10 if sign == "十" else _UNIT[sign]
            total, digit = total + (digit or 1) * unit, 0
    return total + digit * (unit // 10)


def _figures(text: str) -> Decimal | None:
    """Groups of figures with falling units: 30000, 30,000, 3.5万, 3万5, 1万2千500.

    A last single figure is the next lower decimal place, as in speech.
    """
    total, last = Decimal(0), 10**12
    for figure, unit in re.findall(rf"({_FIGURE})([万千百亿]*)", text):
        size = 1
        for sign in unit:
            size *= _UNIT[sign]
        number = Decimal(figure.replace(",", ""))
        if not unit and last < 10**12 and len(figure) == 1:
            size = last // 10
        if size >= last or (last < 10**12 and number * size >= last):
            return None
        total, last = total + number * size, size
    return total


def number(text: str) -> Decimal | None:
    """The number a run of figures and numerals stands for (三万五, 3.5万, 三点五万, 1,200), else None."""
    if len(text) > _LONGEST:
        return None
    if text[:1].isdigit():
        return _figures(text)
    whole, point, rest = text.partition("点")
    if not point:
        value = _numeral(whole)
        return None if value is None else Decimal(value)
    unit = rest.lstrip("".join(_DIGIT))
    digits = "".join(_DIGIT[c] for c in rest[: len(rest) - len(unit)])
    head = _numeral(whole)
    if head is None or not digits or (unit and unit not in _UNIT):
        return None
    return Decimal(f"{head}.{digits}") * _UNIT.get(unit, 1)


def _heard_amount(match: re.Match[str] | None, shift: int = 0) -> Heard[int] | None:
    yuan = number(match["number"]) if match else None
    if match is None or yuan is None:
        return None
    fen = yuan * 100
    for name, size in (("jiao", 10), ("fen", 1)):
        if match[name]:
            fen += int(_DIGIT.get(match[name], match[name])) * size
    if fen != int(fen):
        return None
    plain = bool(re.fullmatch(rf"{_FIGURE}[万千百]?", match["number"])) and not match["jiao"]
    return Heard(int(fen), plain, shift + match.start("number"), shift + match.end())


def _money_signs(text: str) -> str:
    return re.sub(r"(?<=\d)[wW](?![a-zA-Z])", "万", re.sub(r"(?<=\d)[kK](?![a-zA-Z])", "千", tidy(text)))


def read_amount(text: str) -> Heard[int] | None:
    """The amount in fen that the whole answer names; None when none or a vague one. Clause: S18.1."""
    if text.isdecimal() and text.isascii() and len(text) <= _LONGEST:
        return Heard(int(text) * 100, True, 0, len(text))
    said = _money_signs(text).strip("。.,!?~¥")
    match = _AMOUNT.fullmatch(said)
    return _heard_amount(match) if match and not is_vague(said) else None


def find_amounts(text: str) -> list[Heard[int]]:
    """Every amount in a sentence, in fen: with 万, 千, 百 or a money word, or four to seven bare figures."""
    said = _money_signs(text)
    return [heard for match in _FOUND_AMOUNT.finditer(said) if (heard := _found_amount(said, match))]


def _found_amount(said: str, match: re.Match[str]) -> Heard[int] | None:
    run = match["number"]
    start, end = match.span("number")
    if not match["unit"]:
        if _MEASURE.match(said, end):
            # 三万一年还: speech has no comma, so the last numerals may belong to the term.
            cut = start + max(map(run.rfind, "万千")) + 1
            if cut == start or not _TERM.match(said, cut):
                return None
            run, end = said[start:cut], cut
        big = run[0] not in "百千万亿" and any(sign in run for sign in "百千万亿佰仟萬億")
        if not big and not (run.replace(",", "").isdecimal() and 4 <= len(run) <= 7):
            return None
    if is_vague(said[max(0, start - 2) : end + 1]):
        return None
    return _heard_amount(_AMOUNT.fullmatch(said[start : max(end, match.end("unit"))]), start)


def is_vague(text: str) -> bool:
    """True for 十来万, 三四千, 几万, 2到3万, 不到五万: an amount is meant but none is named."""
    return bool(_VAGUE.search(tidy(text)))


_COUNT = rf"(?:{_FIGURE}|[{CHINESE}]+(?:点[{CHINESE}]+)?)"
_LITTLE = rf"(?:\d{{1,3}}(?:\.\d)?|[{_SMALL_NUMERAL}]+)"
_TERM = re.compile(
    rf"(?P<half>(?<![\d{_SMALL_NUMERAL}大])半年)"
    rf"|(?<![\d.{_SMALL_NUMERAL}])(?P<years>{_LITTLE})年(?!级|前)(?:(?P<and_half>半)|[零又]?(?P<extra>{_LITTLE})个月)?"
    rf"|(?<![\d.{_SMALL_NUMERAL}])(?P<months>{_LITTLE})(?P<of>个月|个季度|月(?![\d{CHINESE}初底末]))"
)
_TERM_BEFORE = re.compile(
    r"(?:那就|那|就)?(?:我|俺|咱)?(?:想|要|打算|准备)?(?:借|用|贷|分|按)?(?:期限|时间)?(?:是|为)?(?:大概|大约|约|个|就)?"
)
_TERM_AFTER = re.compile(
    r"(?:期|左右|时间)?(?:内|以后|之后|后)?(?:还清|还完|归还|还)?(?:就行|就可以|就够了|够了|吧|呗|啊|的)?"
)
_VAGUE_TERM = re.compile(
    r"[一二两三四五六七八九][两三四五六七八九][年个]|年多|几[年个]|来[年个]|\d[-~到至]\d+[年个]"
)


def _heard_term(match: re.Match[str]) -> Heard[int] | None:
    if match["half"]:
        return Heard(6, False, *match.span())
    count = number(match["years"] or match["months"])
    extra = number(match["extra"]) if match["extra"] else Decimal(0)
    if count is None or extra is None:
        return None
    size = 12 if match["years"] else 3 if match["of"] == "个季度" else 1
    months = count * size + extra + (6 if match["and_half"] else 0)
    if months != int(months) or not 1 <= months <= 600:
        return None
    plain = match[0][0].isdigit() and not match["and_half"] and not match["extra"] and match["of"] != "月"
    return Heard(int(months), plain, *match.span())


def read_term(text: str) -> Heard[int] | None:
    """The months the whole answer names (半年, 18个月, 12); a bare 1, 2 or 3 is unclear. Clause: S18.1."""
    said = tidy(text).strip("。.,!?~")
    if said.isdecimal() and said.isascii():
        return Heard(int(said), True, 0, len(said)) if len(said) < 4 and int(said) > 3 else None
    if _VAGUE_TERM.search(said):
        return None
    start = _TERM_BEFORE.match(said)
    match = _TERM.match(said, start.end() if start else 0)
    if match is None or not _TERM_AFTER.fullmatch(said, match.end()):
        return None
    return _heard_term(match)


def find_terms(text: str) -> list[Heard[int]]:
    """Every length of time in a sentence, in months."""
    said = tidy(text)
    if _VAGUE_TERM.search(said):
        return []
    return [heard for match in _TERM.finditer(said) if match["of"] != "月" and (heard := _heard_term(match))]


_INT = re.compile(
    rf"(?:我们|我|俺)?(?:家里|家)?(?:总共|一共|共有|共|一家|有|大概|大约|约)?(?P<number>{_NUMBER})"
    r"(?:口人|口|个人|个|人|户|名|年|次|家|亩|头|只|岁|号|%|左右)?(?:吧|啊|的)?"
)


def read_int(text: str) -> Heard[int] | None:
    """The whole number the answer names, with or without a measure word (5, 五口人, 一家五口, 没有 = 0)."""
    said = bare(text)
    if said in ("没有", "无", "没", "零"):
        return Heard(0, True)
    match = _INT.fullmatch(said)
    value = number(match["number"]) if match and not is_vague(said) else None
    if match is None or value is None or value != int(value):
        return None
    return Heard(int(value), match["number"].isascii(), *match.span("number"))


def read_rate(text: str) -> Heard[int] | None:
    """An annual rate in basis points: 4.35, 4.35%, 百分之四点三五. None when finer than a basis point."""
    said = bare(text).removeprefix("年利率").removeprefix("年").removesuffix("个点").removesuffix("%")
    spoken = said.removeprefix("百分之")
    value = number(spoken) if re.fullmatch(_COUNT, spoken) else None
    if value is None or value > 100 or value * 100 != int(value * 100):
        return None
    return Heard(int(value * 100), spoken.isascii(), 0, len(said))


def digits(text: str) -> str:
    """A phone or ID number without spaces, dashes and +86, with spoken numerals (幺三八…) as figures."""
    said = tidy(text).replace("-", "").upper()
    said = "".join(_DIGIT.get(c, c) for c in said).strip("。.,!?")
    return said.removeprefix("+86") if len(said) > 11 else said


_POLITE = "啊吧呀呢嘛哦噢喽嘞哈呗哟了"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_YES = _words(
    "是 是的 对 对的 对头 对对 对对对 没错 不错 嗯 嗯嗯 恩 好 好的 好嘞 好好 行 行的 中 成 可以 可以的 要得"
    " 得行 没问题 没得问题 要 需要 有 有的 同意 我同意 愿意 确认 确定 正确 就是 就是的 是这样 晓得 知道"
    " ok okay yes y 👍 👌 [ok] [强] [好的]"
)
_NO = _words(
    "不 不是 不是的 不对 不对头 不行 不中 不成 不要 不好 不可以 不用 不需要 不同意 我不同意 不愿意 不确认"
    " 不要得 要不得 算 算了 没有 没 无 莫得 冇 没得 错 错的 不正确 否 不了 别 不想 no n nope 👎 [弱]"
)


def yes_no(text: str) -> bool | None:
    """True for 是/中/行/要得/对头 …, False for 不/不要/算了 …, None for anything else."""
    said = bare(text).lower()
    for word in (said, said.rstrip(_POLITE)):
        if word in _YES:
            return True
        if word in _NO:
            return False
    return None


_LEADING_NO = re.compile(
    r"(?:不对|不是|错了|不|说错了|搞错了)(?:的|了|啊|哦)?[,，。.!、]*(?:应该是|应该|改成|改为|是|要)?"
)


def after_no(text: str) -> str | None:
    """What follows a leading "no" (不对，是五万 -> 五万); None when there is no such thing."""
    match = _LEADING_NO.match(tidy(text))
    rest = tidy(text)[match.end() :] if match else ""
    return rest or None


_TERM_NAME = {6: "半年", 12: "一年", 18: "一年半", 24: "两年", 30: "两年半", 36: "三年"}


def money_text(fen: int) -> str:
    """An amount for reading: 3万元, 3.5万元, 12,340元, 56.78元."""
    yuan, rest = divmod(fen, 100)
    if rest:
        return f"{yuan:,}.{rest:02d}元"
    if yuan >= 10_000 and yuan % 1_000 == 0:
        whole, tenth = divmod(yuan // 1_000, 10)
        return f"{whole:,}.{tenth}万元" if tenth else f"{whole:,}万元"
    return f"{yuan:,}元"


def term_text(months: int) -> str:
    """A term for reading: 12个月（一年）, 7个月."""
    name = _TERM_NAME.get(months)
    return f"{months}个月（{name}）" if name else f"{months}个月"


def rate_text(bp: int) -> str:
    """An annual rate for reading: 4.35%."""
    return f"{bp // 100}.{bp % 100:02d}%"
