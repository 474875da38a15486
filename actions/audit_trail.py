"""The audit trail as the auditor reads it: who did what to what, page by page, with names masked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any

import asyncpg
import orjson

from actions import audit, audit_chain
from actions.access import Actor, require_staff
from actions.routing import ROLE_TITLES
from bot.database import fetch
from models.sealing import open_text
from rules.identity import mask_name
from rules.tasks import end_of_day

AUDITORS = ("administrator", "audit_administrator")
LOOKED_BACK = timedelta(days=31)
"""One kind of act is looked for in this time where no day is chosen: a rare one would be sought for ever."""
ACTION_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "view": "查看资料",
        "view_contact": "查看电话",
        "view_file": "打开照片或文件",
        "view_notices": "查看发了什么通知",
        "view_audit": "查看操作记录",
        "open_figure": "看报表里的明细",
        "export": "导出名单",
        "fetch_export": "下载导出的表格",
        "retry_notice": "再发一次通知",
        "give_notice": "把通知交给村干部",
        "close_notice": "关闭没送到的通知",
        "run_again": "让作业再跑一次",
        "find_person": "按姓名或证件查人",
        "credit_query": "查询信用信息",
        "credit_query_refused": "想查信用信息，没有让查",
        "submit": "提交申请",
        "confirm": "确认申请",
        "supplement": "补充材料",
        "withdraw": "撤回申请",
        "expire": "申请过期",
        "decide_approve": "审核通过",
        "decide_return": "退回补充",
        "decide_reject": "审核不通过",
        "visit": "走访",
        "visit_judged_again": "重新核对走访照片",
        "disburse": "登记放款",
        "record_repayment": "登记还款",
        "reverse_repayment": "冲正还款",
        "extend": "展期",
        "renew": "续贷",
        "close_task": "办结任务",
        "escalate": "超期上交",
        "bind": "认领微信登记",
        "end_sessions": "退出全部登录",
        "hand_in_file": "交导入文件",
        "list_defaulter": "列入逾期名单",
        "unlist_defaulter": "移出逾期名单",
        "file": "报送备案",
        "leave_phone": "留下电话",
        "withdraw_consent": "收回授权",
        "export_own": "取走自己的资料",
        "ask_correction": "要求更正自己的资料",
        "ask_deletion": "要求删除自己的资料",
        "correction_granted": "同意更正资料",
        "correction_refused": "不同意更正资料",
        "deletion_granted": "同意删除资料",
        "deletion_refused": "不同意删除资料",
        "place_hold": "封存资料",
        "lift_hold": "解除封存",
        "retention": "到期清理资料",
        "ask_staff_change": "提出人员变动",
        "change_password": "改密码",
        "check_subsidies": "核对贴息",
        "confirm_scan_login": "手机上同意电脑登录",
        "console_login": "登录工作台",
        "join": "扫码连上岗位",
        "login_blocked": "登录试错太多",
        "login_refused": "登录没有成功",
        "make_join_code": "生成到岗二维码",
        "password_refused": "改密码时旧密码不对",
        "refuse_scan_login": "手机上不同意电脑登录",
        "staff_change_done": "办好人员变动",
        "staff_change_refused": "不办人员变动",
        "declare_subsidies": "申报贴息",
        "download_filing": "下载备案表",
        "end_misuse": "了结挪用",
        "first_administrator": "设第一个管理员",
        "invite_to_console": "邀请登录工作台",
        "make_organisation": "登记机构",
        "make_panel": "登记小组",
        "seat_member": "加小组成员",
        "unseat_member": "去掉小组成员",
        "vote": "表决",
        "ballot": "清点表决",
        "pay_subsidies": "拨付贴息",
        "report_misuse": "报告挪用",
        "reset_login": "重置登录",
        "set_authority": "定审批权限",
        "set_up_login": "设好登录",
        "subsidy_late": "贴息迟报",
        "unlock_login": "解锁登录",
        "grant_staff_change": "办人员变动",
        "change_profile": "更改自己的设置",
        "report_repayment": "报还款单据",
        "slip_confirmed": "核对单据：确认",
        "slip_refused": "核对单据：不确认",
        "promise": "说好还款日子",
        "move_warning": "调整预警级别",
        "report_findings": "报告发现的情况",
        "report_region": "上报一个地方的情况",
        "dispose": "定处置办法",
        "delegate": "请人代办",
        "revoke_delegation": "收回代办",
        "ask_binding_change": "提出更正微信登记",
        "binding_change_done": "更正微信登记",
        "binding_change_refused": "不同意更正微信登记",
        "filing_late": "备案迟报",
        "village_watch": "看村里借款户",
    }
)
"""What acts are called; one that is not here is shown by its own name."""
SUBJECT_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "application": "申请",
        "loan": "贷款",
        "person": "人",
        "task": "任务",
        "file": "文件",
        "slip": "还款单据",
        "filing": "备案",
        "report": "报表",
        "import_batch": "导入文件",
    }
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries: of a person (key), about a subject, of one kind of act, of a day; None: any."""

    person: str | None = None
    subject: tuple[str, int] | None = None
    action: str | None = None
    day: date | None = None


@dataclass(frozen=True, slots=True)
class EntryView:
    """One entry. `actor_key` is None for the program itself; names of farmers and staff are masked."""

    id: int
    at: datetime
    actor_key: str | None
    actor: str
    action: str
    action_words: str
    subject_kind: str
    subject_id: int
    subject: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ChainView:
    """How far the chain reaches and what the last nightly check of it found; None: there was none yet."""

    links: int
    waiting: int
    checked_at: datetime | None
    problems: int | None


@dataclass(frozen=True, slots=True)
class WatchedView:
    """Something unusual that was told: who, what, how often, how often is usual."""

    actor_key: str
    actor: str
    measure: str
    count: int
    allowed: int
    at: datetime


_PAGE = """
SELECT e.id, e.at, e.actor_id, e.action, e.subject_kind, e.subject_id, e.details::text AS details,
       p.key AS actor_key, p.name_sealed AS actor_name, o.role,
       coalesce(a.number, l.number, '') AS number, s.key AS subject_key, s.name_sealed AS subject_name
FROM audit_entry e
LEFT JOIN person p ON p.id = e.actor_id
LEFT JOIN LATERAL (SELECT role FROM post WHERE person_id = e.actor_id ORDER BY from_on DESC, id DESC LIMIT 1)
  o ON true
LEFT JOIN loan_application a ON e.subject_kind = 'application' AND a.id = e.subject_id
LEFT JOIN loan l ON e.subject_kind = 'loan' AND l.id = e.subject_id
LEFT JOIN person s ON e.subject_kind = 'person' AND s.id = e.subject_id
WHERE e.county = $1 AND {conditions}
ORDER BY e.at DESC, e.id DESC LIMIT {limit}"""

_BY = "e.actor_id = (SELECT id FROM person WHERE county = $1 AND key = {})"
_AFTER = "(e.at, e.id) < (SELECT at, id FROM audit_entry WHERE id = {})"


async def page(
    actor: Actor, wanted: Wanted, now: datetime, *, after: int | None = None, limit: int = 50
) -> list[EntryView]:
    """The newest entries that are wanted, `limit` of them after the one with id `after`; the look is noted.

    Raises RuleRefused for whoever is no auditor. Clause: S17.2.
    """
    _ = require_staff(actor, *AUDITORS)
    await audit.viewed(
        actor.county, actor.person_id, wanted.subject or ("audit", 0), now, "view_audit"
    )  # the auditor is audited too
    values: list[object] = [actor.county]

    def bound(value: object) -> str:
        values.append(value)
        return f"${len(values)}"

    conditions = ["true"]
    if wanted.person is not None:
        conditions.append(_BY.format(bound(wanted.person)))
    if wanted.subject is not None:
        kind, row_id = wanted.subject
        conditions.append(f"e.subject_kind = {bound(kind)} AND e.subject_id = {bound(row_id)}")
    if wanted.action is not None:
        conditions.append(f"e.action = {bound(wanted.action)}")
    first, last = _between(wanted, now)
    if first is not None:
        conditions.append(f"e.at >= {bound(first)} AND e.at < {bound(last)}")
    if after is not None:
        conditions.append(_AFTER.format(bound(after)))
    sql = _PAGE.format(conditions=" AND ".join(conditions), limit=int(limit))
    return [_view(row) for row in await fetch(sql, *values)]


def _between(wanted: Wanted, now: datetime) -> tuple[datetime | None, datetime | None]:
    if wanted.day is not None:
        return end_of_day(wanted.day - timedelta(days=1)), end_of_day(wanted.day)
    if wanted.action is not None and wanted.person is None and wanted.subject is None:
        return now - LOOKED_BACK, now + timedelta(days=1)
    return None, None


def _view(row: asyncpg.Record) -> EntryView:
    subject = row["number"]
    if row["subject_key"] is not None:
        subject = mask_name(open_text(row["subject_name"], "person", "name", row["subject_key"]))
    kind = SUBJECT_WORDS.get(row["subject_kind"], row["subject_kind"])
    return EntryView(
        id=row["id"],
        at=row["at"],
        actor_key=row["actor_key"],
        actor=_actor(row),
        action=row["action"],
        action_words=ACTION_WORDS.get(row["action"], row["action"]),
        subject_kind=row["subject_kind"],
        subject_id=row["subject_id"],
        subject=f"{kind} {subject}".strip(),
        details=orjson.loads(row["details"]),
    )


def _actor(row: asyncpg.Record) -> str:
    if row["actor_key"] is None:
        return "系统"
    name = mask_name(open_text(row["actor_name"], "person", "name", row["actor_key"])) or "没有登记姓名"
    return f"{name}（{ROLE_TITLES.get(row['role'], row['role'])}）" if row["role"] else name


async def chain(actor: Actor) -> ChainView:
    """The state of the county's chain, for the auditor. Raises RuleRefused. Clause: S17.2."""
    _ = require_staff(actor, *AUDITORS)
    reached = await audit_chain.standing(actor.county)
    rows = await fetch(
        """SELECT finished_at, (result->>'problems')::int AS problems FROM job_slot
           WHERE county = $1 AND job = 'audit_verify' AND state = 'done' ORDER BY slot DESC LIMIT 1""",
        actor.county,
    )
    checked = rows[0] if rows else {"finished_at": None, "problems": None}
    return ChainView(reached.links, reached.waiting, checked["finished_at"], checked["problems"])


async def watched(actor: Actor, *, limit: int = 10) -> list[WatchedView]:
    """The newest unusual volumes, for the auditor. Raises RuleRefused. Clause: S17.2."""
    _ = require_staff(actor, *AUDITORS)
    rows = await fetch(
        """SELECT t.actor_id, t.measure, t.count, t.allowed, t.at, p.key AS actor_key,
                  p.name_sealed AS actor_name, o.role
           FROM audit_alert t JOIN person p ON p.id = t.actor_id
           LEFT JOIN LATERAL (
             SELECT role FROM post WHERE person_id = t.actor_id ORDER BY from_on DESC, id DESC LIMIT 1
           ) o ON true
           WHERE t.county = $1 ORDER BY t.id DESC LIMIT $2""",
        actor.county,
        limit,
    )
    return [
        WatchedView(row["actor_key"], _actor(row), row["measure"], row["count"], row["allowed"], row["at"])
        for row in rows
    ]


async def staff(actor: Actor, *, limit: int = 500) -> Sequence[tuple[str, str]]:
    """Everybody of the county who has or had a post, as (key, masked name and role), to choose from.

    Raises RuleRefused. Clause: S17.2.
    """
    _ = require_staff(actor, *AUDITORS)
    rows = await fetch(
        """SELECT DISTINCT ON (p.id) p.key AS actor_key, p.name_sealed AS actor_name, o.role, o.region
           FROM post o JOIN person p ON p.id = o.person_id WHERE o.county = $1
           ORDER BY p.id, o.from_on DESC, o.id DESC LIMIT $2""",
        actor.county,
        limit,
    )
    return [(row["actor_key"], _actor(row)) for row in sorted(rows, key=lambda row: row["region"])]
