"""A small form with every kind of field, a context for it, and somebody who talks to it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from bot.dialog import (
    Answers,
    Ask,
    ChatReply,
    Choice,
    Choices,
    Context,
    Effect,
    Field,
    Form,
    Input,
    Paper,
    State,
    Turn,
    render_chat,
    resume,
    start,
    turn,
)

NOW = datetime(2026, 11, 28, 1, 0, tzinfo=UTC)
ON = date(2026, 11, 28)
ID_NUMBER = "41102319850307123X"
NOTICE = Paper("notice", "2026-01", "告知书", "一、按时还。\n二、不转借。")
PLEDGE = Paper("pledge", "2026-01", "承诺书", "我说到做到。")

CATEGORIES = Choices(
    (
        Choice("sheep", "养羊", ("羊羔", "羊圈")),
        Choice("pigs", "养猪", ("猪圈",)),
        Choice("vegetables", "种菜", ("大棚", "蔬菜")),
        Choice("firm", "办厂"),
    )
)
VILLAGES = Choices(
    Choice(f"4110821{town:02d}{village:03d}", f"{name}镇{own}村", (f"{own}村", own))
    for town, name in enumerate(("坡胡", "后河", "石固"), 1)
    for village, own in enumerate(("柳庄", "石桥", "杏园", f"{name}东", f"{name}西"), 201)
)


def no_more_than_twice_the_workers(value: Any, answers: Answers, context: Context) -> str | None:
    workers = answers.get("workers")
    if isinstance(workers, int) and value > workers * 2_000_000:
        return f"{workers}个工人最多借{workers * 2}万。"
    return None


def only_a_name(value: Any, answers: Answers, context: Context) -> str | None:
    return None if value.isalpha() and not set(value) & set("借万年羊") else "只写名字。"


NEEDS = (Choice("a", "羊羔子"), Choice("b", "饲料"), Choice("c", "兽药"))
HAVE = (Choice("yes", "有"), Choice("no", "没有"))
AGES = {"minimum": "min_age", "maximum": "max_age"}

FORM = Form(
    "kit",
    2,
    "测试表",
    (
        Field(
            "name",
            "text",
            "姓名",
            "叫什么名字？",
            example="张三",
            maximum=9,
            check=only_a_name,
            extract=False,
        ),
        Field(
            "amount",
            "money",
            "金额",
            "想借多少钱？",
            help="说个准数。",
            example="3万、5000元",
            choices=(Choice("1万", "1万"), Choice("3万", "3万")),
            minimum=100_000,
            maximum="max_amount_fen",
            check=no_more_than_twice_the_workers,
            depends=("workers",),
            names=("钱数", "借款金额"),
        ),
        Field("category", "choice", "项目", "做什么用？", choices=CATEGORIES, names=("产业",)),
        Field(
            "term", "term", "期限", "借多久？", example="一年、18个月", minimum=1, maximum="max_term_months"
        ),
        Field("village", "choice", "村", "您住哪个村？", choices="villages", example="柳庄"),
        Field(
            "workers",
            "int",
            "工人",
            "几个？",
            when={"category": ("firm",)},
            minimum=1,
            maximum=500,
            unit="个",
        ),
        Field("debts", "yesno", "欠债", "还欠别人钱吗？", choices=HAVE),
        Field("debt", "money", "欠多少", "一共欠多少？", when={"debts": (True,)}, extract=False),
        Field("needs", "multi", "要什么", "要哪些？", choices=NEEDS),
        Field("rate", "rate", "利率", "利率多少？", maximum=1_000),
        Field("begins", "date", "开始日期", "哪天开始？", minimum=0),
        Field("phone", "phone", "手机号", "手机号多少？", sensitive=True, names=("电话",)),
        Field("id_number", "idcard", "身份证号", "身份证号多少？", sensitive=True, **AGES),
        Field("purpose", "text", "用途", "钱打算怎么用？", extract=False),
        Field("remark", "text", "备注", "还有什么要说的？", optional=True, extract=False),
        Field("account", "text", "账号", "账号多少？", digits=True, sensitive=True, extract=False),
        Field("helper", "text", "代办人", "谁代办？", needs="help"),
        Field("photos", "photo", "照片", "请发照片。", minimum=2, maximum=3),
        Field("home", "location", "位置", "请发位置。", optional=True),
        Field("notice", "confirm", "告知书", "看完请回复“同意”。", paper=NOTICE),
        Field("pledge", "confirm", "承诺书", "请回复“同意”。", paper="pledge"),
    ),
)


def context(**changes: Any) -> Context:
    given: dict[str, Any] = {
        "now": NOW,
        "on": ON,
        "options": {"villages": VILLAGES},
        "limits": {"max_amount_fen": 5_000_000, "max_term_months": 36, "min_age": 18, "max_age": 65},
        "papers": {"pledge": PLEDGE},
    }
    return Context(**{**given, **changes})


GOOD: Mapping[str, Any] = {
    "name": "张三",
    "amount": 3_000_000,
    "category": "sheep",
    "term": 12,
    "village": VILLAGES[0].value,
    "debts": False,
    "needs": ["a", "c"],
    "rate": 435,
    "begins": "2026-12-01",
    "phone": "13812345678",
    "id_number": ID_NUMBER,
    "purpose": "买羊羔",
    "remark": None,
    "account": "6228480000001234",
    "photos": ["p1", "p2"],
    "home": {"latitude": 34.2, "longitude": 113.7, "label": "柳庄"},
}
"""A whole set of answers that hold, without the papers."""


class Chat:
    """Somebody in a conversation. Every state goes through JSON, as it does between two real messages."""

    def __init__(self, form: Form = FORM, known: Mapping[str, Any] | None = None, **changes: Any) -> None:
        self.form = form
        self.context = context(**changes)
        self.last: Turn = start(form, self.context, known or {})

    @classmethod
    def at(cls, key: str, **changes: Any) -> Chat:
        """Just before this question, with everything before it answered."""
        earlier = [field.key for field in FORM.fields]
        known = {name: GOOD[name] for name in earlier[: earlier.index(key)] if name in GOOD}
        chat = cls(known=known, **changes)
        assert chat.state.cursor == key, chat.state.cursor
        return chat

    @property
    def state(self) -> State:
        return self.last.state

    @property
    def effects(self) -> tuple[Effect, ...]:
        return self.last.effects

    @property
    def reply(self) -> ChatReply:
        return render_chat(self.effects)

    @property
    def text(self) -> str:
        return self.reply.text

    @property
    def asked(self) -> Ask:
        return next(effect for effect in reversed(self.effects) if isinstance(effect, Ask))

    def give(self, given: Input) -> Chat:
        self.last = turn(self.form, State.from_json(self.state.to_json()), given, self.context)
        return self

    def say(self, *texts: str) -> Chat:
        for text in texts:
            self.give(Input.said(text))
        return self

    def speak(self, text: str) -> Chat:
        return self.give(Input.voice(text))

    def resume(self, form: Form | None = None) -> Chat:
        self.form = form or self.form
        self.last = resume(self.form, State.from_json(self.state.to_json()), self.context)
        return self

    def has(self, kind: type[Effect]) -> bool:
        return any(isinstance(effect, kind) for effect in self.effects)
