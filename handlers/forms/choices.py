"""Lists that more than one form chooses from, and the words people say for them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date

from bot.dialog import Choice, Choices
from policies import Pack

HAVE = Choices((Choice("yes", "有"), Choice("no", "没有")))

KINDS = Choices(
    (
        Choice("registered_poor", "建档立卡户", ("贫困户", "脱贫户", "建档立卡贫困户", "建档立卡")),
        Choice("farmer", "普通农户", ("农户", "普通户", "一般农户", "种地的", "农民")),
        Choice("enterprise", "带贫企业", ("企业", "公司", "厂子")),
        Choice("cooperative", "农民合作社", ("合作社", "专业合作社")),
        Choice(
            "new_operator", "家庭农场或种养大户", ("家庭农场", "种养大户", "养殖大户", "种植大户", "大户")
        ),
    )
)

METHODS = Choices(
    (
        Choice("interest_only", "按期付利息，到期还本金", ("按期付息", "先还利息", "按月付息", "到期还本")),
        Choice(
            "bullet", "到期一次还清本金和利息", ("一次还清", "一次性还本付息", "到期一起还", "一次性还清")
        ),
    )
)

BANK_METHODS = Choices(
    (
        *METHODS,
        Choice("equal_instalment", "每期还一样多（等额本息）", ("等额本息", "每月一样多")),
        Choice("equal_principal", "每期本金一样多（等额本金）", ("等额本金",)),
        Choice("flat", "本金利息每期都一样（等本等息）", ("等本等息",)),
        Choice("fixed", "每期还约定的钱数", ("固定金额", "约定金额")),
    )
)
"""What a contract may say; the application form asks for the two that farmers choose between."""

METHOD_MEANINGS: Mapping[str, str] = {
    "interest_only": "每期只付利息，本金到期一次还。",
    "bullet": "平时不用还，到期本金和利息一起还。",
    "equal_instalment": "每期还的钱一样多，里头利息越来越少，本金越来越多。",
    "equal_principal": "每期还的本金一样多，利息按剩下的本金算，越还越少。",
    "flat": "每期本金一样、利息也一样；利息一直按借的总数算，不按剩下的算。",
    "fixed": "每期还合同写明的钱数，先付利息，余下的还本金，最后一期还清剩下的。",
}
"""What each method means for who repays, said where it is chosen. Clause: S11.1."""

METHOD_WORDS: Mapping[str, str] = {
    "interest_only": "按期付息，到期还本",
    "bullet": "到期一次还清",
    "equal_instalment": "每期还一样多",
    "equal_principal": "每期本金一样多，利息越还越少",
    "flat": "每期本金和利息都一样",
    "fixed": "每期还约定的钱数",
}

_INDUSTRY_WORDS: Mapping[str, tuple[str, ...]] = {
    "bees": ("养蜂", "蜜蜂", "蜂蜜", "蜂箱"),
    "vegetables": ("蔬菜", "种菜", "大棚菜", "蔬菜大棚", "辣椒", "西红柿", "黄瓜"),
    "sheep": ("养羊", "买羊", "羊羔", "山羊", "绵羊", "羊圈", "羊场"),
    "pigs": ("养猪", "买猪", "猪崽", "猪仔", "母猪", "猪圈", "猪场"),
    "cattle": ("养牛", "买牛", "肉牛", "黄牛", "奶牛", "牛犊", "牛场"),
    "chickens": ("养鸡", "肉鸡", "蛋鸡", "鸡苗", "鸡场"),
    "poultry": ("养鸡", "养鸭", "养鹅", "肉鸡", "蛋鸡", "鸡苗", "鸭苗"),
    "fish": ("养鱼", "鱼塘", "鱼苗"),
    "mushrooms": ("食用菌", "蘑菇", "香菇", "木耳", "平菇"),
    "grain": ("种粮", "小麦", "玉米", "水稻", "种地", "粮食"),
    "seedlings": ("花木", "苗圃", "苗木", "育苗", "种花"),
    "processing": ("加工厂", "农产品加工", "磨面", "粉条", "榨油"),
    "tea": ("茶叶", "种茶", "茶园"),
    "fruit": ("果树", "果园", "苹果", "桃树", "葡萄", "柑橘"),
    "herbs": ("药材", "中药材", "种药"),
    "tobacco": ("烤烟", "种烟", "烟叶"),
}


def industry_choices(industries: Mapping[str, str]) -> Choices:
    """The county's 主导产业 (code -> name) with the words people say for them. Clause: S3.1."""
    return Choices(Choice(code, name, _INDUSTRY_WORDS.get(code, ())) for code, name in industries.items())


def village_choices(villages: Iterable[tuple[str, str]]) -> Choices:
    """Villages (12-digit code, name) to choose from by full name, by 柳庄村 and by 柳庄."""
    return Choices(Choice(code, name, _short_names(name)) for code, name in villages)


def _short_names(name: str) -> tuple[str, ...]:
    own = re.sub(r"^.{1,8}?(?:街道办事处|街道|镇|乡)(?=.{2})", "", name)
    short = re.sub(r"(?:村民委员会|村委会|社区居委会|社区|村)$", "", own)
    return tuple(word for word in dict.fromkeys((own, short)) if word != name and len(word) >= 2)


def kind_choices(kinds: Iterable[str]) -> Choices:
    """The kinds of applicants that the county serves, in our order. Clause: S3.1, S3.3."""
    served = set(kinds)
    return Choices(choice for choice in KINDS if choice.value in served)


def finding_choices(pack: Pack, on: date) -> Choices:
    """What a visit after the loan may find, as the pack names it. Clause: S9.1."""
    return Choices(Choice(each.code, each.name) for each in pack.contents.warning.findings.on(on))
