"""LISTS: what an officer can list, as data. From one row come the page, its filters and the workbook.

A list is a table, the part of it somebody sees (actions.scopes), filters, and orders in which an index can be
walked: the thousandth page costs what the first one does. Names are masked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal

import orjson

from actions import audit, scopes
from actions.access import Actor
from actions.routing import ROLE_TITLES, TASK_TITLES
from actions.trails import OUR_FAULT, OUTCOME_WORDS
from bot.config import SHANGHAI
from bot.database import fetch
from bot.errors import NotFound, RuleRefused
from models.sealing import blind_index, open_text
from policies import Pack
from rules.identity import mask_name
from rules.regions import code_range, county_of, level_of
from rules.roles import SAFETY, SYSTEM
from rules.routes import STATE_WORDS, State

Kind = Literal["text", "money", "count", "day", "moment", "tag"]
OPEN = ("awaiting_confirmation", "in_review", "returned", "approved")
LOAN_STATES: Mapping[str, str] = {"active": "还款中", "settled": "已结清", "renewed": "已续贷"}
TASK_STATES: Mapping[str, str] = {"open": "没办完", "done": "办完了", "cancelled": "不用办了"}
NOTICE_STATES: Mapping[str, str] = {
    "given_up": "没有送到",
    "uncertain": "发了，不知道有没有收到",
    "closed": "有人处理过了",
}
ORGANISATION_KINDS: Mapping[str, str] = {
    "village_station": "村金融扶贫服务部",
    "town_station": "镇金融扶贫服务站",
    "county_centre": "县金融扶贫服务中心",
    "acquiring_bank": "收单银行",
    "partner_bank": "合作银行",
    "guarantor": "担保公司",
    "finance_bureau": "财政局",
    "operator": "带贫经营主体",
}
TOWNS_ALONE = " AND right(code, 3) = '000'"
AT_A_STAGE = ("in_review", "approved")
MOST_PEOPLE = 500
"""So many people of one name are looked for at most."""
SHORTEST_NUMBER = 3
_ID_NUMBER = re.compile(r"\d{17}[\dXx]")
_PHONE = re.compile(r"1[3-9]\d{9}")
_NAME = re.compile(r"[\u3400-\u9fff·]{2,20}")
_NUMBER = re.compile(r"[A-Za-z0-9_./（）()\u3400-\u9fff-]{3,40}")


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its key in a row, heading, kind of value; `link` names the key its page is found by."""

    key: str
    title: str
    kind: Kind = "text"
    link: str = ""


@dataclass(frozen=True, slots=True)
class Sort:
    """An order that an index can be walked in. `column` and the id run in the same direction."""

    key: str
    title: str
    column: str
    parse: Callable[[str], Any]
    down: bool = True


@dataclass
class Wanted:
    """The conditions of one question while they are put together; every value is bound."""

    actor: Actor
    pack: Pack
    on: date
    now: datetime
    day: date | None = None
    """The newest day whose late loans are known, or the one that is asked for."""
    values: list[object] = field(default_factory=list)
    narrow: list[str] = field(default_factory=list)
    """Conditions that leave few rows, looked up first."""
    rest: list[str] = field(default_factory=list)

    def bind(self, value: object) -> str:
        """The placeholder of a value."""
        self.values.append(value)
        return f"${len(self.values)}"


Condition = Callable[[Wanted, str], Any]


@dataclass(frozen=True)
class Filter:
    """A question that narrows a list. `choices` are its words by value; empty: written by hand."""

    key: str
    title: str
    condition: Condition
    choices: Mapping[str, str] = field(default_factory=dict)
    kind: Literal["choice", "number", "day", "place", "bank", "stage", "text"] = "choice"


@dataclass(frozen=True)
class ListSpec:
    """One list: whose it is, from where, how it is narrowed, ordered and shown."""

    name: str
    title: str
    table: str
    bodies: Mapping[str, str]
    place: str
    columns: tuple[Column, ...]
    filters: tuple[Filter, ...]
    sorts: tuple[Sort, ...]
    select: str
    """What is shown of the rows of `page t`, with its joins."""
    shown: Callable[[dict[str, Any], Pack], dict[str, Any]]
    empty: str
    """What to do when nothing is found."""
    id: str = "t.id"
    only: str = ""
    """A condition of the list itself."""
    usual: Mapping[str, str] = field(default_factory=dict)
    """Filters that hold while nothing else is said."""
    of_day: bool = False
    """Whether it shows late loans of a day."""


@dataclass(frozen=True)
class Asked:
    """What somebody asks of a list: filters by key, the order, and from where on."""

    filters: Mapping[str, str] = field(default_factory=dict)
    sort: str = ""
    after: str = ""
    limit: int = 50


@dataclass(frozen=True)
class Page:
    """A page of a list: rows as the columns want them; `next` where there are more."""

    spec: ListSpec
    rows: Sequence[Mapping[str, Any]]
    next: str
    day: date | None


# ───────────── filters ─────────────


def _refuse(words: str, field_name: str) -> RuleRefused:
    return RuleRefused("S17.2", words, code="filter", field=field_name)


def _place(wanted: Wanted, value: str, column: str = "t.village") -> None:
    try:
        level = level_of(value)
        if county_of(value) != wanted.actor.county:
            raise ValueError
    except ValueError:
        raise _refuse("没有这个镇或村，请从列表里选。", "place") from None
    low, high = code_range(value)
    condition = f"{column} BETWEEN {wanted.bind(low)} AND {wanted.bind(high)}"
    (wanted.narrow if level == "village" else wanted.rest).append(condition)


def _in_region(wanted: Wanted, value: str) -> None:
    _place(wanted, value, "t.region")


def _of_person_in(wanted: Wanted, value: str) -> None:
    _place(wanted, value, "(SELECT p.village FROM person p WHERE p.id = t.person_id)")


def _equal(column: str, choices: Mapping[str, str], key: str) -> Condition:
    def condition(wanted: Wanted, value: str) -> None:
        if value not in choices:
            raise _refuse("没有这个选项，请从列表里选。", key)
        wanted.rest.append(f"{column} = {wanted.bind(value)}")

    return condition


def _application_state(wanted: Wanted, value: str) -> None:
    if value == "open":
        wanted.rest.append(f"t.state = ANY({wanted.bind(list(OPEN))}::text[])")
    else:
        _equal("t.state", APPLICATION_STATES, "state")(wanted, value)


def _stage(wanted: Wanted, value: str) -> None:
    """At this stage, alone or beside others: what stands in the column is one of few combinations."""
    asked = set(value.split(","))
    if not asked <= set(wanted.pack.contents.stages):
        raise _refuse("没有这个环节，请从列表里选。", "stage")
    if "," in value:
        wanted.rest.append(f"t.stage = {wanted.bind(value)}")
        return
    known = {value}
    for route in wanted.pack.contents.routes.values():
        for step in route.steps:
            known |= _combinations(step, value)
    wanted.rest.append(f"t.stage = ANY({wanted.bind(sorted(known))}::text[])")
    wanted.rest.append("t.state IN ('in_review', 'approved')")


def _combinations(step: Sequence[str], stage: str) -> set[str]:
    """Every way in which the stages of a step can be open while this one is."""
    found: list[list[str]] = [[]] if stage in step else []
    for each in step if found else ():
        found = [[*part, each] for part in found] + ([] if each == stage else found)
    return {",".join(part) for part in found}


def _age(wanted: Wanted, value: str) -> None:
    """As the overview counts: 0–2, 3–5, 6–10 days at the present step, and more."""
    if value not in AGE_CHOICES:
        raise _refuse("没有这个选项，请从列表里选。", "age")
    ends = (None, 2, 5, 10, None)
    younger, older = ends[int(value)], ends[int(value) + 1]
    if older is not None:
        wanted.rest.append(f"t.step_entered_at > {wanted.bind(wanted.now - timedelta(days=older + 1))}")
    if younger is not None:
        wanted.rest.append(f"t.step_entered_at <= {wanted.bind(wanted.now - timedelta(days=younger + 1))}")


def _day_of(value: str, key: str) -> date:
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise _refuse("日期请写成 2026-11-28 这样。", key) from None


def _days(column: str, sign: str, key: str) -> Condition:
    def condition(wanted: Wanted, value: str) -> None:
        wanted.rest.append(f"{column} {sign} {wanted.bind(_day_of(value, key))}")

    return condition


def _moments(column: str, sign: str, key: str) -> Condition:
    """From the beginning of a day, or to its end, in Shanghai."""

    def condition(wanted: Wanted, value: str) -> None:
        day = _day_of(value, key) + timedelta(days=int(sign == "<"))
        wanted.rest.append(
            f"{column} {sign} {wanted.bind(datetime(day.year, day.month, day.day, tzinfo=SHANGHAI))}"
        )

    return condition


def _of_day(wanted: Wanted, value: str) -> None:
    wanted.day = _day_of(value, "day")


def _days_late(wanted: Wanted, value: str) -> None:
    if not (value.isascii() and value.isdigit() and len(value) <= 4):
        raise _refuse("逾期天数请写数字，比如 30。", "days")
    wanted.rest.append(f"t.days_past_due >= {wanted.bind(int(value))}")


def _bank(column: str) -> Condition:
    def condition(wanted: Wanted, value: str) -> None:
        # in one statement with the rest: a bank that is not there leaves nothing
        key = wanted.bind(value)
        wanted.rest.append(
            f"{column} = (SELECT id FROM organisation WHERE key = {key} AND county = $1)"  # noqa: S608 - bound
        )

    return condition


def _late_tasks(wanted: Wanted, value: str) -> None:
    if value != "1":
        raise _refuse("没有这个选项，请从列表里选。", "late")
    wanted.rest.append(f"t.due_at < {wanted.bind(wanted.now)}")


async def _people(wanted: Wanted, value: str) -> str | None:
    """The placeholder of the people a text names by ID number, phone or full name; None: it names nobody."""
    for shape, column in ((_ID_NUMBER, "id_number"), (_PHONE, "phone"), (_NAME, "name")):
        if shape.fullmatch(value):
            rows = await fetch(
                f"SELECT id FROM person WHERE county = $1 AND {column}_index = $2 LIMIT {MOST_PEOPLE}",  # noqa: S608
                wanted.actor.county,
                blind_index(column, value),
            )
            return wanted.bind([row["id"] for row in rows])
    return None


async def _officer(wanted: Wanted, value: str) -> None:
    """Tasks that are an officer's by a post of today, or that he has done."""
    people = await _people(wanted, value.strip())
    if people is None:
        raise _refuse("请写工作人员完整的姓名或手机号。", "officer")
    ids = wanted.values[-1]
    ways = [f"{column} = ANY({people}::bigint[])" for column in ("t.done_by_id", "t.assignee_id")]
    held = await fetch(
        """SELECT role, region, organisation_id FROM post WHERE county = $1 AND person_id = ANY($2::bigint[])
             AND from_on <= $3 AND coalesce(to_on, $3) >= $3 ORDER BY id LIMIT 100""",
        wanted.actor.county, ids, wanted.on,
    )  # fmt: skip
    for post in held:
        low, high = code_range(post["region"])
        role, body = wanted.bind(post["role"]), wanted.bind(post["organisation_id"])
        ways.append(
            f"""(t.region BETWEEN {wanted.bind(low)} AND {wanted.bind(high)} AND (t.escalated_roles ? {role}
              OR t.role = {role} AND (t.organisation_id IS NULL OR t.organisation_id = {body}::bigint)))"""
        )
    wanted.rest.append(f"({' OR '.join(ways)})")


def _text(person: str, number: str = "") -> Condition:
    """Somebody's (by name, ID number or phone), or those whose number begins like this."""

    async def condition(wanted: Wanted, value: str) -> None:
        value = value.strip()
        people = await _people(wanted, value)
        if people is not None:
            wanted.narrow.append(person.format(people))
        elif not number or not _NUMBER.fullmatch(value):
            raise _refuse("请写完整的姓名、身份证号或手机号，或者编号的前几位（至少3位）。", "q")
        else:
            low = wanted.bind(value)
            high = wanted.bind(value + "\U0010ffff")
            wanted.narrow.append(number.format(low, high))

    return condition


# ───────────── rows ─────────────


def _masked(row: dict[str, Any]) -> str:
    return mask_name(open_text(row["name_sealed"], "person", "name", row["person_key"]))


def _loan(row: dict[str, Any], _pack: Pack) -> dict[str, Any]:
    return {**row, "borrower": _masked(row), "state_words": LOAN_STATES.get(row["state"], row["state"])}


def _application(row: dict[str, Any], pack: Pack) -> dict[str, Any]:
    stages = pack.contents.stages
    names = [name for name in row["stage"].split(",") if name] if row["state"] in AT_A_STAGE else []
    at = "、".join(stages[name].title if name in stages else name for name in names)
    return {
        **row,
        "applicant": _masked(row),
        "state_words": STATE_WORDS[State(row["state"])],
        "stage_words": at,
    }


def _task(row: dict[str, Any], _pack: Pack) -> dict[str, Any]:
    return {
        **row,
        "title": TASK_TITLES.get(row["kind"], row["kind"]),
        "whose": ROLE_TITLES.get(row["role"], row["role"]),
        "state_words": "▲ 超期" if row["late"] else TASK_STATES.get(row["state"], row["state"]),
    }


def _notice(row: dict[str, Any], pack: Pack) -> dict[str, Any]:
    policy = pack.notices.get(row["kind"])
    return {
        **row,
        "title": policy.title if policy else row["kind"],
        "person": _masked(row),
        "state_words": NOTICE_STATES.get(row["state"], row["state"]),
        "why": _last_outcome(row["trail"]),
    }


def _last_outcome(trail: str | None) -> str:
    """The last line of a delivery's trail, in words."""
    line = orjson.loads(trail) if trail else None
    return OUTCOME_WORDS.get(line["outcome"], OUR_FAULT) if line else ""


def _member(row: dict[str, Any], _pack: Pack) -> dict[str, Any]:
    name = open_text(row["name_sealed"], "person", "name", row["person_key"])
    return {**row, "name": name or "还没有登记姓名", "title": ROLE_TITLES.get(row["role"], row["role"])}


def _organisation(row: dict[str, Any], _pack: Pack) -> dict[str, Any]:
    limits = orjson.loads(row["authority"]) if row["authority"] else None
    return {**row, "limits": limits, "kind_words": ORGANISATION_KINDS.get(row["kind"], row["kind"])}


APPLICATION_STATES: Mapping[str, str] = {
    "open": "在办的",
    **{state.value: words for state, words in STATE_WORDS.items() if state is not State.DRAFT},
}
AGE_CHOICES: Mapping[str, str] = {"0": "2天内", "1": "3到5天", "2": "6到10天", "3": "10天以上"}
_WHO = "请写完整的姓名、身份证号、手机号，或编号的前几位"
_PLACE = Filter("place", "镇、村", _place, kind="place")
_STAFF: Mapping[str, str] = {"county_clerk": scopes.BY_REGION, "administrator": scopes.BY_REGION}
_OFFICES: Mapping[str, str] = {**_STAFF, SYSTEM: scopes.BY_REGION, SAFETY: scopes.BY_REGION}
"""Who lists officers and bodies: those who make them and look after their logins as well."""

LISTS: tuple[ListSpec, ...] = (
    ListSpec(
        name="applications",
        title="贷款申请",
        table="loan_application",
        bodies=scopes.APPLICATIONS,
        place="t.village",
        columns=(
            Column("number", "申请编号", link="key"),
            Column("applicant", "申请人"),
            Column("village_name", "村"),
            Column("amount_fen", "金额（元）", "money"),
            Column("term_months", "期限（月）", "count"),
            Column("state_words", "状态", "tag"),
            Column("stage_words", "在哪一步"),
            Column("bank_name", "合作银行"),
            Column("submitted_at", "提交时间", "moment"),
            Column("step_entered_at", "到这一步", "moment"),
            Column("expected_at", "应办完", "moment"),
        ),
        filters=(
            Filter("q", _WHO, _text(
                "t.applicant_id = ANY({}::bigint[])",
                't.number COLLATE "C" >= {} AND t.number COLLATE "C" < {}'), kind="text"),
            _PLACE,
            Filter("state", "状态", _application_state, APPLICATION_STATES),
            Filter("stage", "环节", _stage, kind="stage"),
            Filter("age", "等了多久", _age, AGE_CHOICES),
            Filter("bank", "合作银行", _bank("t.partner_bank_id"), kind="bank"),
            Filter("since", "提交从", _moments("t.submitted_at", ">=", "since"), kind="day"),
            Filter("until", "到", _moments("t.submitted_at", "<", "until"), kind="day"),
        ),
        sorts=(
            Sort("newest", "最新提交在前", "t.submitted_at", datetime.fromisoformat),
            Sort("oldest", "最早提交在前", "t.submitted_at", datetime.fromisoformat, down=False),
        ),
        select="""SELECT t.id, t.key, t.number, t.state, t.stage, t.amount_fen, t.term_months, t.submitted_at,
            t.step_entered_at, t.expected_at, coalesce(r.name, t.village) AS village_name,
            coalesce(o.name, '') AS bank_name, p.key AS person_key, p.name_sealed
          FROM page t JOIN person p ON p.id = t.applicant_id LEFT JOIN region r ON r.code = t.village
          LEFT JOIN organisation o ON o.id = t.partner_bank_id""",
        shown=_application,
        empty="没有这样的申请。可以少选几个条件，或者换一个镇、村看看。",
    ),
    ListSpec(
        name="loans",
        title="贷款",
        table="loan",
        bodies=scopes.LOANS,
        place="t.village",
        columns=(
            Column("number", "借据号", link="key"),
            Column("borrower", "借款人"),
            Column("village_name", "村"),
            Column("bank_name", "银行"),
            Column("principal_fen", "放款金额（元）", "money"),
            Column("balance_fen", "没还本金（元）", "money"),
            Column("disbursed_on", "放款日", "day"),
            Column("maturity_on", "到期日", "day"),
            Column("state_words", "状态", "tag"),
            Column("days", "逾期天数", "count"),
            Column("overdue_fen", "逾期金额（元）", "money"),
        ),
        filters=(
            Filter("q", _WHO, _text(
                "t.borrower_id = ANY({}::bigint[])",
                't.number COLLATE "C" >= {} AND t.number COLLATE "C" < {}'), kind="text"),
            _PLACE,
            Filter("bank", "银行", _bank("t.bank_id"), kind="bank"),
            Filter("state", "状态", _equal("t.state", LOAN_STATES, "state"), LOAN_STATES),
            Filter("since", "放款从", _days("t.disbursed_on", ">=", "since"), kind="day"),
            Filter("until", "到", _days("t.disbursed_on", "<=", "until"), kind="day"),
            Filter("matures", "到期不晚于", _days("t.maturity_on", "<=", "matures"), kind="day"),
        ),
        sorts=(
            Sort("newest", "最新放款在前", "t.disbursed_on", date.fromisoformat),
            Sort("oldest", "最早放款在前", "t.disbursed_on", date.fromisoformat, down=False),
            Sort("maturity", "先到期的在前", "t.maturity_on", date.fromisoformat, down=False),
            Sort("number", "按借据号", 't.number COLLATE "C"', str, down=False),
        ),
        select="""SELECT t.id, t.key, t.number, t.principal_fen, t.balance_fen, t.disbursed_on, t.maturity_on,
            t.state, coalesce(r.name, t.village) AS village_name, coalesce(o.name, '') AS bank_name,
            p.key AS person_key, p.name_sealed, a.days_past_due AS days,
            a.overdue_principal_fen + a.overdue_interest_fen AS overdue_fen
          FROM page t JOIN person p ON p.id = t.borrower_id LEFT JOIN region r ON r.code = t.village
          LEFT JOIN organisation o ON o.id = t.bank_id
          LEFT JOIN arrears_day a ON a.day = $2 AND a.loan_id = t.id AND a.days_past_due > 0""",
        shown=_loan,
        empty="没有这样的贷款。可以少选几个条件；银行的贷款要先导入，或者在申请里登记放款。",
        of_day=True,
    ),
    ListSpec(
        name="overdue",
        title="逾期",
        table="arrears_day",
        bodies={**scopes.LOANS, "guarantor_officer": "guarantor_id"},
        place="t.village",
        id="t.loan_id",
        only="t.day = $2 AND t.days_past_due > 0",
        columns=(
            Column("number", "借据号", link="key"),
            Column("borrower", "借款人"),
            Column("village_name", "村"),
            Column("bank_name", "银行"),
            Column("days", "逾期天数", "count"),
            Column("overdue_fen", "逾期金额（元）", "money"),
            Column("balance_fen", "没还本金（元）", "money"),
            Column("maturity_on", "到期日", "day"),
        ),
        filters=(
            Filter("q", _WHO, _text(
                "t.loan_id IN (SELECT id FROM loan WHERE borrower_id = ANY({}::bigint[]))",
                """t.loan_id IN (SELECT id FROM loan WHERE county = $1 AND number COLLATE "C" >= {}
                   AND number COLLATE "C" < {})"""), kind="text"),
            _PLACE,
            Filter("bank", "银行", _bank("t.bank_id"), kind="bank"),
            Filter("days", "至少逾期几天", _days_late, kind="number"),
            Filter("day", "哪一天的", _of_day, kind="day"),
        ),
        sorts=(
            Sort("days", "拖得最久的在前", "t.days_past_due", int),
            Sort("amount", "逾期最多的在前", "(t.overdue_principal_fen + t.overdue_interest_fen)", int),
        ),
        select="""SELECT l.key, l.number, l.maturity_on, t.days_past_due AS days, t.loan_id,
            t.loan_id AS id, t.days_past_due,
            t.overdue_principal_fen + t.overdue_interest_fen AS overdue_fen, t.balance_fen,
            coalesce(r.name, t.village) AS village_name, coalesce(o.name, '') AS bank_name,
            p.key AS person_key, p.name_sealed, l.state
          FROM page t JOIN loan l ON l.id = t.loan_id JOIN person p ON p.id = l.borrower_id
          LEFT JOIN region r ON r.code = t.village LEFT JOIN organisation o ON o.id = t.bank_id""",
        shown=_loan,
        empty="没有这样的逾期贷款。逾期是每天夜里算一次的，看的是算好的那一天。",
        of_day=True,
    ),
    ListSpec(
        name="work",
        title="辖区任务",
        table="task",
        bodies={"county_clerk": scopes.BY_REGION, "town_clerk": scopes.BY_REGION},
        place="t.region",
        columns=(
            Column("title", "要办的"),
            Column("whose", "谁办"),
            Column("village_name", "地方"),
            Column("about", "哪一笔"),
            Column("note", "说明"),
            Column("opened_at", "交办", "moment"),
            Column("due_at", "最晚", "moment"),
            Column("state_words", "状态", "tag"),
        ),
        filters=(
            Filter("place", "镇、村", _in_region, kind="place"),
            Filter("kind", "要办的", _equal("t.kind", TASK_TITLES, "kind"), TASK_TITLES),
            Filter("role", "谁办", _equal("t.role", ROLE_TITLES, "role"), ROLE_TITLES),
            Filter("state", "状态", _equal("t.state", TASK_STATES, "state"), TASK_STATES),
            Filter("officer", "谁的（姓名或手机号）", _officer, kind="text"),
            Filter("late", "超期", _late_tasks, {"1": "只看超期的"}),
        ),
        sorts=(
            Sort("due", "先到期的在前", "t.due_at", datetime.fromisoformat, down=False),
            Sort("due_last", "后到期的在前", "t.due_at", datetime.fromisoformat),
        ),
        select="""SELECT t.id, t.key, t.kind, t.role, t.state, t.note, t.opened_at, t.due_at,
            t.state = 'open' AND t.due_at < $3 AS late, coalesce(r.name, t.region) AS village_name,
            coalesce(a.number, l.number, '') AS about
          FROM page t LEFT JOIN region r ON r.code = t.region
          LEFT JOIN loan_application a ON a.id = t.application_id LEFT JOIN loan l ON l.id = t.loan_id""",
        shown=_task,
        empty="没有这样的任务。可以换一个状态，或者换一个镇、村看看。",
        usual={"state": "open"},
    ),
    ListSpec(
        name="notices",
        title="没送到的通知",
        table="notice",
        bodies=_STAFF,
        place="(SELECT coalesce(p.village, t.county || '000000') FROM person p WHERE p.id = t.person_id)",
        columns=(
            Column("title", "通知"),
            Column("person", "给谁"),
            Column("village_name", "村"),
            Column("state_words", "怎样了", "tag"),
            Column("why", "为什么"),
            Column("due_on", "说的是哪天的事", "day"),
            Column("created_at", "什么时候的", "moment"),
        ),
        filters=(
            Filter("place", "镇、村", _of_person_in, kind="place"),
            Filter("state", "怎样了", _equal("t.state", NOTICE_STATES, "state"), NOTICE_STATES),
        ),
        sorts=(
            Sort("newest", "最新的在前", "t.id", int),
            Sort("oldest", "最早的在前", "t.id", int, down=False),
        ),
        only="t.state IN ('given_up', 'uncertain', 'closed')",
        select="""SELECT t.id, t.kind, t.state, t.due_on, t.created_at, p.key AS person_key, p.name_sealed,
            coalesce(r.name, '') AS village_name, d.trail
          FROM page t JOIN person p ON p.id = t.person_id LEFT JOIN region r ON r.code = p.village
          LEFT JOIN LATERAL (SELECT channel, trail -> -1 AS trail FROM delivery WHERE notice_id = t.id
                             ORDER BY rung DESC LIMIT 1) d ON true""",
        shown=_notice,
        empty="没有等人处理的通知：该送的都送到了。",
        usual={"state": "given_up"},
    ),
    ListSpec(
        name="people",
        title="人员",
        table="post",
        bodies=_OFFICES,
        place="t.region",
        columns=(
            Column("name", "姓名"),
            Column("title", "岗位"),
            Column("organisation", "机构"),
            Column("village_name", "管哪里"),
            Column("from_on", "从哪天", "day"),
            Column("to_on", "到哪天", "day"),
        ),
        filters=(
            Filter("q", "请写完整的姓名或手机号", _text("t.person_id = ANY({}::bigint[])"), kind="text"),
            Filter("place", "镇、村", _in_region, kind="place"),
            Filter("role", "岗位", _equal("t.role", ROLE_TITLES, "role"), ROLE_TITLES),
        ),
        sorts=(Sort("place", "按地方", "t.region", str, down=False),),
        select="""SELECT t.id, t.region, t.role, t.from_on, t.to_on,
            coalesce(r.name, t.region) AS village_name, o.name AS organisation, p.key AS person_key,
            p.name_sealed
          FROM page t JOIN person p ON p.id = t.person_id JOIN organisation o ON o.id = t.organisation_id
          LEFT JOIN region r ON r.code = t.region""",
        shown=_member,
        empty="没有这样的人。请写完整的姓名，或者换一个岗位看看。",
    ),
    ListSpec(
        name="organisations",
        title="机构",
        table="organisation",
        bodies=_OFFICES,
        place="t.region",
        columns=(
            Column("name", "名称"),
            Column("kind_words", "哪一类"),
            Column("village_name", "管哪里"),
            Column("staff", "在岗几人", "count"),
        ),
        filters=(
            Filter("place", "镇、村", _in_region, kind="place"),
            Filter("kind", "哪一类", _equal("t.kind", ORGANISATION_KINDS, "kind"), ORGANISATION_KINDS),
        ),
        sorts=(Sort("place", "按地方", "t.region", str, down=False),),
        select="""SELECT t.id, t.key, t.authority, t.name, t.kind, t.region,
            coalesce(r.name, t.region) AS village_name,
            (SELECT count(*) FROM post p WHERE p.organisation_id = t.id AND p.from_on <= $4
               AND coalesce(p.to_on, $4) >= $4) AS staff
          FROM page t LEFT JOIN region r ON r.code = t.region""",
        shown=_organisation,
        empty="没有这样的机构，请换一类看看。",
    ),
)  # fmt: skip
BY_NAME: Mapping[str, ListSpec] = {spec.name: spec for spec in LISTS}


# ───────────── asking ─────────────


def list_for(actor: Actor, name: str) -> ListSpec:
    """A list that the actor may see something of. Raises NotFound. Clause: S17.2."""
    spec = BY_NAME.get(name)
    if spec is None or not actor.roles & set(spec.bodies):
        raise NotFound("没有找到这个列表。")
    return spec


async def page(actor: Actor, name: str, asked: Asked, pack: Pack, on: date, now: datetime) -> Page:
    """A page of a list, as far as the actor sees it. Raises NotFound, RuleRefused. Clause: S17.2."""
    spec = list_for(actor, name)
    sql, values, wanted = await statement(actor, spec, asked, pack, on, now)
    sort = sort_of(spec, asked.sort)
    rows = [dict(row) for row in await fetch(sql, *values)]
    more = len(rows) > asked.limit
    rows = rows[: asked.limit]
    following = _mark(sort, rows[-1]) if more else ""
    return Page(spec, [spec.shown(row, pack) for row in rows], following, wanted.day)


def sort_of(spec: ListSpec, name: str) -> Sort:
    """The order of that name, the first one where none is named. Raises RuleRefused."""
    found = next((sort for sort in spec.sorts if sort.key == (name or spec.sorts[0].key)), None)
    if found is None:
        raise _refuse("不能这样排序，请从列表里选。", "sort")
    return found


async def statement(
    actor: Actor, spec: ListSpec, asked: Asked, pack: Pack, on: date, now: datetime, *, whole: bool = False
) -> tuple[str, list[object], Wanted]:
    """The statement of a page (or, `whole`, of all rows) with its values. Raises RuleRefused."""
    wanted = Wanted(actor, pack, on, now)
    sort = sort_of(spec, asked.sort)
    wanted.values += [actor.county, None, now, on]
    if spec.of_day:
        wanted.day = await newest_day(actor.county, on)
    seen = scopes.condition(actor, spec.bodies, spec.place, wanted.values, prefix="t.")
    if spec.name == "overdue":  # a late loan's guarantor stands with the loan
        seen = seen.replace("t.guarantor_id", "(SELECT guarantor_id FROM loan WHERE id = t.loan_id)")
    known = {each.key: each for each in spec.filters}
    for key, value in {**spec.usual, **asked.filters}.items():
        if key not in known:
            raise _refuse(f"没有“{key[:20]}”这个条件，请从列表里选。", key[:20])
        if value and value != "all":
            found = known[key].condition(wanted, value)
            if found is not None:
                await found
    wanted.values[1] = wanted.day
    if asked.after:
        wanted.rest.append(_behind(wanted, spec, sort, asked.after))
    source = f"{spec.table} t"
    mine = [f"t.county = $1 AND {seen}", *([spec.only] if spec.only else [])]
    conditions = [*mine, *wanted.rest]
    if wanted.narrow:
        # looked up first, whatever the planner believes of it: few rows, then put in order
        inside = " AND ".join([*mine, *wanted.narrow])
        source = f"(SELECT t.* FROM {spec.table} t WHERE {inside} OFFSET 0) t"  # noqa: S608 - parts of ours
        conditions = wanted.rest or ["true"]
    way = "DESC" if sort.down else "ASC"
    order = f"ORDER BY {sort.column} {way}, {spec.id} {way}"
    limit = "" if whole else f"LIMIT {int(asked.limit) + 1}"
    # every number that is not used in a statement still needs a type
    types = "SELECT $1::text, $2::date, $3::timestamptz, $4::date"
    sql = f"""WITH typed AS ({types}), page AS (
      SELECT t.*, {sort.column} AS sort_value FROM {source} WHERE {" AND ".join(conditions)} {order} {limit})
    {spec.select.replace("SELECT ", "SELECT t.sort_value, ", 1)} {order}"""  # noqa: S608
    return sql, wanted.values, wanted


def _behind(wanted: Wanted, spec: ListSpec, sort: Sort, after: str) -> str:
    value, _, number = after.rpartition("~")
    try:
        parsed, row = sort.parse(value), int(number)
    except ValueError:
        raise _refuse("这个列表的地址不对，请从第一页看起。", "after") from None
    if not 0 <= row < 2**63 or (isinstance(parsed, int) and not -(2**63) <= parsed < 2**63):
        raise _refuse("这个列表的地址不对，请从第一页看起。", "after")
    if isinstance(parsed, datetime) and parsed.tzinfo is None:
        raise _refuse("这个列表的地址不对，请从第一页看起。", "after")
    sign = "<" if sort.down else ">"
    return f"({sort.column}, {spec.id}) {sign} ({wanted.bind(parsed)}, {wanted.bind(row)})"


def _mark(sort: Sort, row: Mapping[str, Any]) -> str:
    value = row["sort_value"]
    words = value.isoformat() if isinstance(value, date | datetime) else str(value)
    return f"{words}~{row['loan_id'] if 'loan_id' in row else row['id']}"


async def newest_day(county: str, on: date) -> date | None:
    """The newest day whose late loans are known."""
    rows = await fetch(
        "SELECT max(day) AS day FROM region_day WHERE county = $1 AND level = 'county' AND day <= $2",
        county,
        on,
    )
    if rows[0]["day"] is None:  # a county whose night was never finished
        rows = await fetch(
            "SELECT max(day) AS day FROM arrears_day WHERE county = $1 AND day <= $2", county, on
        )
    found: date | None = rows[0]["day"]
    return found


async def note_search(actor: Actor, where: str, text: str, now: datetime) -> None:
    """Note that somebody looked for a person, in which list and by what; never for whom. Clause: S17.2."""
    shapes = ((_ID_NUMBER, "id_number"), (_PHONE, "phone"), (_NAME, "name"))
    by = next((kind for shape, kind in shapes if shape.fullmatch(text.strip())), "")
    if by:
        await audit.record(
            actor.county, actor.person_id, "find_person", ("person", 0), now, where=where, by=by
        )


async def places(actor: Actor, chosen: str) -> list[tuple[str, str]]:
    """Towns and villages to choose from, code and name: the actor's towns, the villages of the chosen one.

    Whoever has no more than a town sees its villages at once.
    """
    values: list[object] = [actor.county]
    ways: list[str] = []
    for post in actor.posts:
        inside = level_of(post.region) == "county"
        low, high = code_range(post.region)
        values += [low, high]
        ways.append(f"(code BETWEEN ${len(values) - 1} AND ${len(values)}{TOWNS_ALONE if inside else ''})")
    if re.fullmatch(r"\d{12}", chosen) and not chosen.endswith("000000"):
        values += code_range(f"{chosen[:9]}000")
        ways.append(f"code BETWEEN ${len(values) - 1} AND ${len(values)}")
    rows = await fetch(
        f"""SELECT code, name FROM region WHERE county = $1 AND right(code, 6) <> '000000'
            AND ({" OR ".join(ways) or "false"}) ORDER BY code LIMIT 2000""",  # noqa: S608 - placeholders alone
        *values,
    )
    return [
        (row["code"], row["name"]) for row in rows if any(post.covers(row["code"]) for post in actor.posts)
    ]


async def banks(actor: Actor) -> dict[str, str]:
    """The partner banks of the county: key and name."""
    rows = await fetch(
        "SELECT key, name FROM organisation WHERE county = $1 AND kind = 'partner_bank' ORDER BY name",
        actor.county,
    )
    return {row["key"]: row["name"] for row in rows}
