"""Words that steer the conversation instead of answering the question, and words that must not be kept. Pure.

A command is the whole message, or 改 with the name of a field; 改造羊圈 is an answer like any other.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from bot import spoken
from bot.dialog_types import Field, Form

Verb = Literal["cancel", "back", "restart", "help", "human", "look", "later", "go_on", "change"]

_WORDS: dict[Verb, str] = {
    "cancel": "取消 取消申请 不办了 退出 不填了 不借了 不申请了",
    "back": "返回 上一步 上一题 上一个 后退 回上一步 退回上一步 返回上一步",
    "restart": "重来 重新开始 从头来 从头开始 重新填 重填 全部重来",
    "help": "帮助 不懂 不明白 看不懂 什么意思 怎么填 怎么弄 不会填 不会 help ? ？",
    "human": "人工 转人工 人工服务 找人 找人帮忙 找工作人员 找客服 客服",
    "look": "看一看 看看 看一下 查看 填了什么 填了哪些",
    "later": "稍后 先存着 存着 先存 等会 等会儿 等一下 以后再说 以后再填 明天再填 回头再填 过会儿再填",
    "go_on": "继续 接着填 接着来 继续填 继续填写",
}
COMMANDS: dict[str, Verb] = {word: verb for verb, words in _WORDS.items() for word in words.split()}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


GIVE_UP = _words("算了 算 不想借了 不要了 不想填了")
SKIP = _words("跳过 没有 没 无 不填 不用 不用填 不要 略 略过 都没有 下一题 下一个 莫得")
KEEP = _words("不改 不改了 不变 保留 不用改 下一步 下一题 就这个 就这样")
FINISHED = _words("好了 好 好的 完了 发完了 没有了 没了 就这些 就这样 够了 可以了 拍完了 完成 行了")

_MAY_CHANGE = re.compile("改|错|不对|应|换成")
_CHANGE = re.compile(r"(?:我要|我想|想)?(?:修改|更正|改)(?:一下|下)?(?P<rest>.+)")
_GAP = re.compile(r"改(?P<name>\S{1,12})[\s\u3000]+(?P<value>\S.*)")
_CHANGE_TO = re.compile(r"(?:把)?(?P<name>.{1,12}?)(?P<to>改成|改为|改到|换成|应该是|应是)(?P<value>.+)")
_IS_WRONG = re.compile(r"(?P<name>.{1,12}?)(?:不对|错了|填错了|写错了|搞错了|要改)")
_TO = re.compile(r"(?P<sign>成|为|到|是|[:：,，])")

_SECRET_WORD = r"(?:密码|验证码|校验码|动态码|口令|短信码|取款码|支付码)"  # noqa: S105 - words to look for
_SECRET = re.compile(rf"{_SECRET_WORD}\D{{0,8}}[0-9A-Za-z]{{4,}}|[0-9A-Za-z]{{4,}}\D{{0,8}}{_SECRET_WORD}")
_CARD = re.compile(r"(?<![0-9A-Za-z])[3-9]\d{15,18}(?![0-9A-Za-z])")
_ID_NUMBER = re.compile(r"[1-8]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{4}")
_TOKEN = re.compile(r"(?=.*[A-Za-z])(?=.*\d)[!-~]{6,20}")
_TAKES_FIGURES = frozenset({"money", "int", "term", "rate", "date", "phone", "idcard"})


class Command(NamedTuple):
    """What the person wants; for a change the field, and the new answer where it was said at once."""

    verb: Verb
    field: Field | None = None
    value: str = ""


def command_of(form: Form, text: str) -> Command | None:
    """The command that the whole message is, or None."""
    said = spoken.bare(text) or spoken.tidy(text)
    verb = COMMANDS.get(said) or COMMANDS.get(said.rstrip("吧啊呀呢"))
    if verb:
        return Command(verb)
    return _change(form, said) or _change_after_a_gap(form, text)


def _change_after_a_gap(form: Form, text: str) -> Command | None:
    """改用途 买羊羔: a gap says where the name ends."""
    match = _GAP.fullmatch(text.strip())
    field = form.by_name.get(spoken.bare(match["name"])) if match else None
    return Command("change", field, match["value"]) if match and field else None


def _change(form: Form, said: str) -> Command | None:
    if (
        "改" not in said
        and "错" not in said
        and "不对" not in said
        and "应" not in said
        and "换成" not in said
    ):
        return None
    for pattern in (_CHANGE_TO, _IS_WRONG):
        match = pattern.fullmatch(said)
        field = form.by_name.get(match["name"].removeprefix("改")) if match else None
        if match and field:
            return Command("change", field, match.groupdict().get("value") or "")
    match = _CHANGE.fullmatch(said)
    return _named(form, match["rest"]) if match else None


def _named(form: Form, rest: str) -> Command | None:
    """改金额, 改金额五万, 改用途：买羊: the longest field name the words begin with."""
    for size in range(min(len(rest), 12), 0, -1):
        field = form.by_name.get(rest[:size])
        if field is None:
            continue
        value = rest[size:]
        sign = _TO.match(value)
        if value and not sign and field.kind == "text":
            return None  # 改用途地的围栏 is a sentence, not a command
        return Command("change", field, value[sign.end() :] if sign else value)
    return None


def tells_secret(text: str) -> bool:
    """True for what is secret wherever it is said: a word for a code with the code, a bank card. S18.8."""
    said = spoken.tidy(text)
    return bool(_SECRET.search(said)) or _holds_card(said)


def _holds_card(said: str) -> bool:
    """16 to 19 digits with the check digit of a card; 18 digits with a birthday in them are an ID number."""
    found = _CARD.findall(said.replace("-", ""))
    return any(_luhn(number) for number in found if not _ID_NUMBER.fullmatch(number))


def _luhn(number: str) -> bool:
    doubled = [int(digit) * 2 for digit in number[-2::-2]]
    return (sum(map(int, number[-1::-2])) + sum(each - 9 * (each > 9) for each in doubled)) % 10 == 0


def looks_secret(text: str, field: Field | None) -> bool:
    """True for what looks like a password, a one-time code or a card where none is asked for. S18.8."""
    said = spoken.tidy(text)
    if _SECRET.search(said):
        return True
    if field is not None and (field.digits or field.kind in _TAKES_FIGURES):
        return False
    if _holds_card(said):
        return True
    if said.isdecimal() and said.isascii():
        return 4 <= len(said) <= 8 and not said.endswith("00")
    return bool(_TOKEN.fullmatch(said)) and not re.fullmatch(r"\d{17}[Xx]|\d+(?:\.\d+)?[wWkK]", said)
