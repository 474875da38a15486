"""走访确认: what the village cadre writes down at the applicant's place. Clause: S1.3, S9.2."""

from __future__ import annotations

from bot.dialog import Answers, Choice, Choices, Context, Field, Form

VERSION = 1

FINDINGS = Choices(
    (
        Choice("place_ready", "场地、圈舍或大棚有了", ("场地", "圈舍", "大棚")),
        Choice("work_begun", "已经在做了", ("已经做", "在做了")),
        Choice("has_skill", "会这门手艺", ("手艺", "有技术", "会养", "会种")),
        Choice("has_labour", "家里有劳力", ("劳力", "有人手")),
        Choice("good_name", "村里口碑好", ("口碑", "名声好")),
        Choice("big_debts", "外面欠账多", ("欠账", "欠债", "外债")),
        Choice("in_dispute", "有纠纷或官司", ("纠纷", "官司")),
        Choice("ill", "家里有重病人", ("重病", "生病", "病人")),
    )
)


def _result(value: str, answers: Answers, context: Context) -> str | None:
    """属实 needs both facts: lives there, and the project is real. Clause: S1.3."""
    if value == "confirmed" and (answers.get("lives_there") is False or answers.get("project_real") is False):
        return "前面说人不住这里或者项目不真，结果就不能选“属实”。要改前面的，回复“返回”。"
    return None


def _abnormal(value: str, answers: Answers, context: Context) -> str | None:
    """正常 and findings exclude each other. Clause: S9.1."""
    if (value == "abnormal") != bool(answers.get("findings")):
        return "勾了异常情况，就选“有异常”；没有异常，前面就不要勾。要改前面的，回复“返回”。"
    return None


_REMARK = Field(
    "remark",
    "text",
    "补充说明",
    "还有什么要说明的？",
    maximum=300,
    optional=True,
    extract=False,
    names=("说明", "备注"),
    page="visit",
)


VISIT = Form(
    "visit",
    VERSION,
    "走访确认",
    (
        Field(
            "place",
            "location",
            "位置",
            "到了申请人家里或项目上，请发一下位置。",
            help="点右下角的“＋”，选“位置”，再点“发送”。没信号就等有信号再发。",
            page="visit",
        ),
        Field(
            "photos",
            "photo",
            "现场照片",
            "请拍现场照片发过来：住处一张，项目一张。发完回复“好了”。",
            help="点右下角的“＋”，选“拍摄”。要现场拍，不要用旧照片。",
            minimum="photos_min",
            maximum=9,
            names=("照片",),
            page="visit",
        ),
        Field(
            "lives_there",
            "yesno",
            "住在本村",
            "申请人真的住在这里吗？",
            choices=(Choice("yes", "住这里"), Choice("no", "不住这里")),
            page="visit",
        ),
        Field(
            "project_real",
            "yesno",
            "项目属实",
            "申请里说的项目是真的吗？",
            help="看看有没有场地、东西，问问打算怎么做。",
            choices=(Choice("yes", "是真的"), Choice("no", "不是真的")),
            page="visit",
        ),
        Field(
            "findings",
            "multi",
            "看到的情况",
            "看到哪些情况？发数字，可以发几个，比如“1、3”；都没有就回复“没有”。",
            choices=FINDINGS,
            minimum=0,
            names=("情况",),
            page="visit",
        ),
        _REMARK,
        Field(
            "result",
            "choice",
            "走访结果",
            "您的走访结果是？",
            choices=(
                Choice("confirmed", "属实", ("情况属实", "真实")),
                Choice("not_confirmed", "不属实", ("情况不属实", "不真实")),
            ),
            check=_result,
            depends=("lives_there", "project_real"),
            extract=False,
            names=("结果",),
            page="visit",
        ),
    ),
)

POST_LOAN_VISIT = Form(
    "post_loan_visit",
    VERSION,
    "贷后走访",
    (
        Field(
            "place",
            "location",
            "位置",
            "到了借款人家里或项目上，请发一下位置。",
            help="点右下角的“＋”，选“位置”，再点“发送”。没信号就等有信号再发。",
            page="visit",
        ),
        Field(
            "photos",
            "photo",
            "现场照片",
            "请拍现场照片发过来：生产的、家里的。发完回复“好了”。",
            help="点右下角的“＋”，选“拍摄”。要现场拍，不要用旧照片。",
            minimum="photos_min",
            maximum=9,
            names=("照片",),
            page="visit",
        ),
        Field(
            "findings",
            "multi",
            "异常情况",
            "有没有这些情况？发数字，可以发几个，比如“1、3”；都没有就回复“没有”。",
            choices="findings",
            minimum=0,
            names=("情况", "异常"),
            page="visit",
        ),
        _REMARK,
        Field(
            "result",
            "choice",
            "走访结果",
            "这一户总的怎么样？",
            choices=(Choice("normal", "正常", ("没问题",)), Choice("abnormal", "有异常", ("异常", "不正常"))),
            check=_abnormal,
            depends=("findings",),
            extract=False,
            names=("结果",),
            page="visit",
        ),
    ),
)
"""Clause: S9.1, S9.2."""
