"""Who may call a route, on which object, within which scope, and whether personal data is shown. S17.2

Each route names one right in its row of `handlers.routes`; a route without one is not served: the application
does not start. The edge refuses whom the right does not name before anything is looked at. Which rows he
sees is decided by the door of the object (`actions.access`); tests/handlers/test_matrix.py holds both against
each other for every role, route and object.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal

from aiohttp import web

from actions.access import APPLICATION_READERS, LOAN_READERS, Actor, Scope
from bot.errors import NotFound
from handlers.errors import HttpError
from rules.roles import AUDIT as AUDITOR
from rules.roles import SAFETY, STAFF_ROLES, SYSTEM

ANYBODY = "anybody"
"""Whoever is logged in, with a post or without one."""
Shows = Literal["nothing", "own", "masked", "whole"]
"""Personal data in the answer: none, one's own, that of others masked, or that of others in full."""
_STAFF_ONLY = "这项操作需要相应岗位的工作人员来做。"


@dataclass(frozen=True)
class Right:
    """One right: role (or ANYBODY) -> within which scope; `about`: what the key in the path names."""

    who: Mapping[str, Scope]
    about: str = ""
    shows: Shows = "masked"
    public: bool = False
    """Without a login."""

    def admits(self, actor: Actor) -> bool:
        """Whether the actor holds, today, a post that this right names."""
        return ANYBODY in self.who or not actor.roles.isdisjoint(self.who)

    def narrowed(self, actor: Actor) -> Actor:
        """The actor with none but the posts that this right names."""
        return replace(actor, posts=tuple(post for post in actor.posts if post.role in self.who))

    def check(self, actor: Actor) -> None:
        """Raises NotFound for the route of an object, which must look absent, else HttpError 403."""
        if self.admits(actor):
            return
        if self.about:
            raise NotFound
        raise HttpError(403, rule="S17.1", message=_STAFF_ONLY)


def _of(scope: Scope, *roles: str) -> Mapping[str, Scope]:
    return MappingProxyType(dict.fromkeys(roles, scope))


OWN, TASK, REGION, BODY, COUNTY = Scope
_STAFF_IN_REGION = ("cadre", "town_clerk", "county_clerk", "case_officer")
_ANYBODY = _of(OWN, ANYBODY)
_ASK_BUREAUS = ("loan_officer", "bank_officer", "guarantor_officer", "county_clerk")
_BANK = _of(BODY, "bank_officer")
_CENTRE = _of(COUNTY, "county_clerk", "administrator")

EVERYBODY = Right(_ANYBODY, shows="nothing", public=True)
"""The public: nobody is asked who he is."""
PLATFORM = Right(_ANYBODY, shows="own", public=True)
"""WeChat, by its signature; within it each person by his openid."""
MYSELF = Right(_ANYBODY, shows="own")
"""Whatever is about oneself, and what one handed in oneself."""
GENERAL = Right(_ANYBODY, shows="nothing")
"""The same for everybody who is logged in: forms, words."""
STAFF = Right(_of(OWN, *STAFF_ROLES), shows="whole")
"""Of one's own organisation: to whom one may delegate, and what one has delegated."""
DELEGATION = Right(_of(OWN, *STAFF_ROLES), "delegation", shows="whole")

STAFF_CHANGES = Right(_of(OWN, *STAFF_ROLES))
"""人员变动 of one's own body; the county centre also of its stations, administrators of every body."""
BODIES = Right(_of(COUNTY, *STAFF_ROLES), shows="nothing")
NEW_BODY = Right(_of(COUNTY, SYSTEM), shows="nothing")
AUTHORITY = Right(_of(COUNTY, SYSTEM), "organisation", shows="nothing")
PANELS = Right(_of(COUNTY, *STAFF_ROLES))
NEW_PANEL = Right(_of(COUNTY, SYSTEM), shows="nothing")
PANEL = Right(_of(COUNTY, SYSTEM), "panel")
"""村五人小组, 三员, 风控小组, 审议小组: who sits in them."""
FIRST_LOGIN = Right(_of(COUNTY, SYSTEM), "officer", shows="nothing")
JOIN_CODE = Right(_of(COUNTY, SYSTEM, "county_clerk"), "officer", shows="nothing")
LOGIN_OF_OTHERS = Right(_of(COUNTY, SAFETY), "officer", shows="nothing")

DESK_LOGIN = Right(_of(OWN, *STAFF_ROLES), shows="nothing")
"""The picture of a desk that waits for somebody to scan it; that it is there everybody sees."""

MY_DRAFT = Right(_ANYBODY, "draft", shows="own")
MY_CLAIM = Right(_ANYBODY, "claim", shows="masked")
MY_CONSENT = Right(_ANYBODY, "consent", shows="own")
MY_APPLICATION = Right(_ANYBODY, "application", shows="own")
APPLICATION = Right({**_ANYBODY, **APPLICATION_READERS}, "application")
BALLOTS = Right(APPLICATION_READERS, "application")
"""How a group voted: for who reviews, afterwards; the farmer sees what came of it."""
CREDIT_QUERY = Right(
    {role: APPLICATION_READERS[role] for role in _ASK_BUREAUS}, "credit query", shows="whole"
)
"""By the applicant's authorisation alone, for its purpose (S6.6)."""
CREDIT_QUERIES = Right({**_ANYBODY, **CREDIT_QUERY.who}, "credit query", shows="whole")
FILE = Right({**_ANYBODY, **APPLICATION_READERS, **LOAN_READERS, "bank_officer": BODY}, "file", shows="whole")
"""One's own, those of an application, a slip or a visit that one sees."""

TASKS = Right(_of(TASK, *STAFF_ROLES))
TASK_OF_POST = Right(_of(TASK, *STAFF_ROLES), "task")
SLIP_TASK = Right(_of(TASK, *STAFF_ROLES), "slip task", shows="whole")
CONTACT = Right(_of(TASK, *STAFF_ROLES), "task", shows="whole")
"""Name and number of whom one must reach: only while the task is open, every look is noted."""
VISIT = Right(_of(TASK, *STAFF_ROLES), shows="nothing")

LOAN = Right({**_ANYBODY, **LOAN_READERS}, "loan")
LOAN_OF_BORROWER = Right(_ANYBODY, "loan", shows="own")
LOAN_OF_BANK = Right(_BANK, "loan")
LOAN_OF_STAFF = Right(LOAN_READERS, "loan")
LOAN_WARNED = Right(
    {
        role: LOAN_READERS[role]
        for role in ("bank_officer", "guarantor_officer", "county_clerk", "town_clerk")
    },
    "loan",
)
LOAN_MISUSED = Right(
    {role: LOAN_READERS[role] for role in ("bank_officer", "county_clerk", "town_clerk", "case_officer")},
    "loan",
)
MISUSE_OF_CENTRE = Right(_of(REGION, "county_clerk"), "misuse")
SLIP = Right(
    {**_ANYBODY, "bank_officer": BODY, "guarantor_officer": BODY, "county_clerk": REGION}, "slip", shows="own"
)
SLIPS = Right({"bank_officer": BODY, "guarantor_officer": BODY, "county_clerk": REGION}, shows="nothing")

REPORTS = Right({**_of(REGION, "cadre", "town_clerk", "county_clerk"), **_BANK}, shows="nothing")
REPORT = Right(REPORTS.who, "report", shows="nothing")
REPORT_LOANS = Right(REPORTS.who, "report")
RISK = Right(LOAN_READERS)
DISPOSAL = Right(LOAN_READERS, "disposal", shows="whole")
DISPOSAL_OF_BANK = Right(_BANK, "disposal", shows="whole")
DEFAULTER = Right(LOAN_READERS, "defaulter")
DEFAULTER_OF_CENTRE = Right(_of(REGION, "county_clerk"), "defaulter")
VISIT_PLANS = Right({**_of(REGION, *_STAFF_IN_REGION), **_BANK}, shows="nothing")
REGION_REPORT = Right(_of(REGION, "county_clerk", "town_clerk"), shows="nothing")

IMPORTS = Right(_BANK)
IMPORT = Right(_BANK, "import")
FEEDBACK = Right({**_BANK, **_of(REGION, "county_clerk", "town_clerk")})
FILINGS = Right({**_BANK, "guarantor_officer": BODY, "county_clerk": COUNTY}, shows="nothing")
FILING = Right(FILINGS.who, "filing")
FILING_OF_BANK = Right(_BANK, "filing")
SUBSIDIES = Right({**_BANK, **_of(COUNTY, "county_clerk", "finance_officer")}, shows="nothing")
SUBSIDY = Right(SUBSIDIES.who, "subsidy", shows="nothing")
SUBSIDY_OF_BANK = Right(_BANK, "subsidy", shows="nothing")
SUBSIDY_OF_CENTRE = Right(_of(COUNTY, "county_clerk"), "subsidy", shows="nothing")
SUBSIDY_OF_FINANCE = Right(_of(COUNTY, "finance_officer"), "subsidy", shows="nothing")

TOLD = Right(_of(REGION, "county_clerk", "administrator"), "person", shows="whole")
DELIVERIES = Right(_of(REGION, "county_clerk", "administrator", "town_clerk"), shows="nothing")
BINDINGS = Right(_CENTRE)
AUDIT = Right(_of(COUNTY, "administrator", AUDITOR), "trail")
"""Who did what: for everybody else there is no such page."""

_OFFICES = tuple(role for role in STAFF_ROLES if role == "finance_officer" or role.endswith("administrator"))
"""Who has a desk and sees no application or loan: finance, and those who look after the system."""
_AT_A_DESK = ("town_clerk", "county_clerk", "case_officer", "bank_officer", "guarantor_officer")
DESK = Right(_of(REGION, *_AT_A_DESK, "loan_officer", *_OFFICES))
"""The console; village cadres do everything in WeChat."""
DESK_APPLICATIONS = Right({role: APPLICATION_READERS[role] for role in (*_AT_A_DESK, "loan_officer")})
DESK_APPLICATION = Right(DESK_APPLICATIONS.who, "application")
DESK_LOANS = Right({role: LOAN_READERS[role] for role in _AT_A_DESK})
DESK_LOAN = Right(DESK_LOANS.who, "loan")
DESK_TASKS = Right(_of(TASK, *_AT_A_DESK, "loan_officer", *_OFFICES))
DESK_TASK = Right(DESK_TASKS.who, "task", shows="whole")
DESK_WORK = Right(_of(REGION, "county_clerk", "town_clerk"))
DESK_CENTRE = Right(_of(REGION, "county_clerk", "administrator"))
DESK_PEOPLE = Right(_of(REGION, "county_clerk", "administrator", SYSTEM, SAFETY), shows="whole")
"""Officers by their names."""
DESK_BODIES = Right(DESK_PEOPLE.who, shows="nothing")
DESK_CHANGES = Right(DESK.who, shows="whole")
"""人员变动 at the desk, with the officers of one's own body by their names."""
DESK_DELEGATIONS = Right(_of(OWN, *DESK.who), shows="whole")
"""To whom of one's own body one may hand work, by name."""
DESK_NOTICE = Right(DESK_CENTRE.who, "notice")
DESK_JOBS = Right(_of(COUNTY, "county_clerk", "administrator", "system_administrator"), shows="nothing")
DESK_JOB = Right(_of(COUNTY, "administrator", "system_administrator"), "job", shows="nothing")
DESK_EXPORT = Right(_of(OWN, *DESK.who), "export")
"""Of whoever asked for it."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def governed(handler: Handler, right: Right) -> Handler:
    """A plain handler with its right written on it."""
    handler.right = right  # type: ignore[attr-defined]
    return handler


def right_of(handler: Any) -> Right | None:
    """The right of a route's handler: of an endpoint, a page, or what `governed` says."""
    found = getattr(getattr(handler, "__self__", handler), "right", None)
    return found if isinstance(found, Right) else None


def require_rights(app: web.Application) -> None:
    """Raises TypeError naming each route of the application that nobody said who may call."""
    without = [
        f"{route.method} {route.resource.canonical if route.resource else '?'}"
        for route in app.router.routes()
        if right_of(route.handler) is None
    ]
    if without:
        raise TypeError(
            f"no right: {', '.join(without)}. Name one of handlers/rights.py in the row of handlers/routes.py"
        )
