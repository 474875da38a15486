"""Every HTTP route, one line each, with who may call it, and the application that serves them.

Who a right is for stands in `handlers.rights`; a route without one keeps the application from starting.
"""

from __future__ import annotations

from aiohttp import web

from bot.runtime import Runtime
from handlers import health, openapi, rights, webhook
from handlers.api import (
    applications,
    credit_queries,
    delegations,
    deliveries,
    desk_logins,
    disposal,
    drafts,
    files,
    filings,
    forms,
    identity,
    imports,
    loans,
    me,
    organisations,
    own_data,
    panels,
    reports,
    sessions,
    slips,
    staffing,
    subsidies,
    tasks,
    visit_plans,
    visits,
    warnings,
)
from handlers.console import base as console
from handlers.console import cases, lists, office, sheets
from handlers.console import files as files_of_bank
from handlers.console import login as desk_login
from handlers.console import overview as console_overview
from handlers.console import people as people_acts
from handlers.console.base import desk
from handlers.console.door import desk_page
from handlers.endpoint import endpoint
from handlers.errors import errors
from handlers.flight import Flights
from handlers.keys import FLIGHTS, OPENAPI, RUNTIME
from handlers.observe import observe, plain_bodies, safe_headers
from handlers.pages import assets, base, farmer, login, risk, staff
from handlers.pages import audit as audit_pages
from handlers.pages import consents as consent_pages
from handlers.pages import identity as identity_pages
from handlers.pages import notices as notice_pages
from handlers.pages import reports as report_pages
from handlers.pages import slips as slip_pages
from handlers.pages import subsidies as subsidy_pages
from handlers.pages.base import page
from handlers.rights import governed, require_rights

VERSION = "0.1.0"
API = (
    endpoint(
        "POST",
        "/api/v1/sessions",
        sessions.create,
        rights.EVERYBODY,
        status=201,
        once=False,
        errors=(401, 403),
    ),
    endpoint("DELETE", "/api/v1/sessions/current", sessions.end, rights.MYSELF),
    endpoint("DELETE", "/api/v1/sessions", sessions.end_all, rights.MYSELF),
    endpoint("POST", "/api/v1/files", files.upload, rights.MYSELF, status=201, raw="upload", errors=(429,)),
    endpoint("GET", "/api/v1/files/{key}", files.download, rights.FILE, raw="file", errors=(409,)),
    endpoint("GET", "/api/v1/files/{key}/facts", files.facts, rights.FILE),
    endpoint("GET", "/api/v1/forms", forms.listed, rights.GENERAL),
    endpoint("GET", "/api/v1/forms/{name}", forms.show, rights.GENERAL),
    endpoint("GET", "/api/v1/drafts", drafts.listed, rights.MYSELF),
    endpoint("POST", "/api/v1/drafts", drafts.begin, rights.MYSELF, errors=(404,)),
    endpoint("GET", "/api/v1/drafts/{key}", drafts.show, rights.MY_DRAFT),
    endpoint(
        "PATCH",
        "/api/v1/drafts/{key}",
        drafts.change,
        rights.MY_DRAFT,
        headers=("If-Match",),
        errors=(409, 428),
    ),
    endpoint("DELETE", "/api/v1/drafts/{key}", drafts.cancel, rights.MY_DRAFT),
    endpoint("POST", "/api/v1/drafts/{key}/submit", drafts.hand_in_draft, rights.MY_DRAFT, status=201),
    endpoint("GET", "/api/v1/applications", applications.listed, rights.MYSELF),
    endpoint("GET", "/api/v1/applications/{key}", applications.show, rights.APPLICATION),
    endpoint("GET", "/api/v1/applications/{key}/answers", applications.answers, rights.APPLICATION),
    endpoint("POST", "/api/v1/applications/{key}/withdraw", applications.withdraw, rights.MY_APPLICATION),
    endpoint("POST", "/api/v1/applications/{key}/confirm", applications.confirm, rights.MY_APPLICATION),
    endpoint(
        "POST",
        "/api/v1/applications/{key}/credit-queries",
        credit_queries.ask,
        rights.CREDIT_QUERY,
        status=201,
        once=False,
        errors=(404,),
    ),
    endpoint(
        "GET", "/api/v1/applications/{key}/credit-queries", credit_queries.listed, rights.CREDIT_QUERIES
    ),
    endpoint("GET", "/api/v1/tasks", tasks.inbox, rights.TASKS),
    endpoint("GET", "/api/v1/tasks/{key}", tasks.show, rights.TASK_OF_POST),
    endpoint("GET", "/api/v1/tasks/{key}/contact", tasks.contact, rights.CONTACT, errors=(429,)),
    endpoint("POST", "/api/v1/tasks/{key}/decision", tasks.decide, rights.TASK_OF_POST),
    endpoint("POST", "/api/v1/tasks/{key}/vote", tasks.vote, rights.TASK_OF_POST),
    endpoint("GET", "/api/v1/applications/{key}/votes", tasks.ballots, rights.BALLOTS),
    endpoint("POST", "/api/v1/tasks/{key}/disbursement", tasks.disburse, rights.TASK_OF_POST, status=201),
    endpoint("POST", "/api/v1/tasks/{key}/close", tasks.close, rights.TASK_OF_POST),
    endpoint("GET", "/api/v1/delegations", delegations.listed, rights.STAFF),
    endpoint("POST", "/api/v1/delegations", delegations.delegate, rights.STAFF, status=201),
    endpoint("POST", "/api/v1/delegations/{key}/revoke", delegations.revoke, rights.DELEGATION),
    endpoint("POST", "/api/v1/visits", visits.record, rights.VISIT, status=201),
    endpoint("GET", "/api/v1/loans", loans.listed, rights.MYSELF),
    endpoint("GET", "/api/v1/loans/{key}", loans.show, rights.LOAN),
    endpoint("GET", "/api/v1/loans/{key}/schedule", loans.schedule, rights.LOAN),
    endpoint(
        "POST", "/api/v1/loans/{key}/repayments", loans.record_repayment, rights.LOAN_OF_BANK, status=201
    ),
    endpoint("POST", "/api/v1/loans/{key}/reversals", loans.reverse, rights.LOAN_OF_BANK, errors=(404, 409)),
    endpoint("GET", "/api/v1/loans/{key}/payoff", loans.payoff, rights.LOAN),
    endpoint("GET", "/api/v1/loans/{key}/changes", loans.changes, rights.LOAN),
    endpoint("POST", "/api/v1/loans/{key}/extension", loans.extend, rights.LOAN_OF_BANK, errors=(404,)),
    endpoint(
        "POST", "/api/v1/loans/{key}/renewal", loans.renew, rights.LOAN_OF_BANK, status=201, errors=(404, 409)
    ),
    endpoint("GET", "/api/v1/reports", reports.listed, rights.REPORTS),
    endpoint("GET", "/api/v1/reports/{name}", reports.show, rights.REPORT, files=(reports.XLSX, reports.PNG)),
    endpoint("GET", "/api/v1/reports/{name}/loans", reports.loans, rights.REPORT_LOANS),
    endpoint("GET", "/api/v1/loans/{key}/repayment-slips", slips.of_loan, rights.LOAN),
    endpoint(
        "POST",
        "/api/v1/loans/{key}/repayment-slips",
        slips.report,
        rights.LOAN_OF_BORROWER,
        status=201,
        errors=(409,),
    ),
    endpoint("GET", "/api/v1/loans/{key}/repayment-slips/{slip}", slips.show, rights.SLIP),
    endpoint("GET", "/api/v1/loans/{key}/promises", slips.promised, rights.LOAN),
    endpoint("POST", "/api/v1/loans/{key}/promises", slips.promise, rights.LOAN_OF_BORROWER, status=201),
    endpoint("GET", "/api/v1/repayment-slips", slips.listed, rights.SLIPS),
    endpoint("GET", "/api/v1/tasks/{key}/slip", slips.check, rights.SLIP_TASK),
    endpoint("POST", "/api/v1/tasks/{key}/slip", slips.decide, rights.SLIP_TASK, errors=(409,)),
    endpoint(
        "POST",
        "/api/v1/imports",
        imports.hand_in,
        rights.IMPORTS,
        status=201,
        raw="upload",
        errors=(429,),
        files=(imports.XLSX, imports.CSV),
    ),
    endpoint("GET", "/api/v1/imports", imports.listed, rights.IMPORTS),
    endpoint("GET", "/api/v1/imports/{key}", imports.show, rights.IMPORT),
    endpoint(
        "GET", "/api/v1/imports/{key}/result", imports.result, rights.IMPORT, raw="file", files=(imports.CSV,)
    ),
    endpoint(
        "GET",
        "/api/v1/import-templates/{kind}",
        imports.template,
        rights.IMPORTS,
        raw="file",
        files=(imports.XLSX,),
    ),
    endpoint(
        "GET",
        "/api/v1/feedback",
        imports.monthly_feedback,
        rights.FEEDBACK,
        raw="file",
        files=(imports.XLSX,),
    ),
    endpoint("GET", "/api/v1/loans/{key}/warning", warnings.show, rights.LOAN_OF_STAFF),
    endpoint("POST", "/api/v1/loans/{key}/warning", warnings.move, rights.LOAN_WARNED),
    endpoint("GET", "/api/v1/loans/{key}/credit-events", warnings.events, rights.LOAN),
    endpoint("POST", "/api/v1/loans/{key}/findings", warnings.report, rights.LOAN_OF_STAFF, status=201),
    endpoint("POST", "/api/v1/risk-reports", warnings.report_region, rights.REGION_REPORT, status=201),
    endpoint("GET", "/api/v1/risk-ledger", warnings.ledger, rights.RISK),
    endpoint("GET", "/api/v1/risk-ledger/loans", warnings.ledger_loans, rights.RISK),
    endpoint("GET", "/api/v1/disposals/{key}", disposal.show, rights.DISPOSAL),
    endpoint("GET", "/api/v1/disposals/{key}/choices", disposal.choices, rights.DISPOSAL),
    endpoint("POST", "/api/v1/disposals/{key}/decision", disposal.decide, rights.DISPOSAL_OF_BANK),
    endpoint("GET", "/api/v1/defaulters/{key}", disposal.defaulter, rights.DEFAULTER),
    endpoint("POST", "/api/v1/defaulters/{key}/removal", disposal.remove, rights.DEFAULTER_OF_CENTRE),
    endpoint("GET", "/api/v1/visit-plans", visit_plans.progress, rights.VISIT_PLANS),
    endpoint("POST", "/api/v1/tasks/{key}/watch", visit_plans.finish_watch, rights.TASK_OF_POST),
    endpoint("GET", "/api/v1/filings", filings.listed, rights.FILINGS),
    endpoint("GET", "/api/v1/filings/{key}", filings.show, rights.FILING, files=(reports.XLSX,)),
    endpoint("GET", "/api/v1/filings/{key}/lines", filings.lines, rights.FILING),
    endpoint("POST", "/api/v1/filings/{key}/submission", filings.submit, rights.FILING_OF_BANK),
    endpoint("GET", "/api/v1/subsidies", subsidies.listed, rights.SUBSIDIES),
    endpoint("GET", "/api/v1/subsidies/{key}", subsidies.show, rights.SUBSIDY),
    endpoint("GET", "/api/v1/subsidies/{key}/lines", subsidies.lines, rights.SUBSIDY),
    endpoint("POST", "/api/v1/subsidies/{key}/submission", subsidies.submit, rights.SUBSIDY_OF_BANK),
    endpoint("POST", "/api/v1/subsidies/{key}/check", subsidies.check, rights.SUBSIDY_OF_CENTRE),
    endpoint("POST", "/api/v1/subsidies/{key}/payment", subsidies.pay, rights.SUBSIDY_OF_FINANCE),
    endpoint("GET", "/api/v1/loans/{key}/misuse", subsidies.cases, rights.LOAN_OF_STAFF),
    endpoint("POST", "/api/v1/loans/{key}/misuse", subsidies.misused, rights.LOAN_MISUSED, status=201),
    endpoint("POST", "/api/v1/misuse/{key}/end", subsidies.end_misuse, rights.MISUSE_OF_CENTRE),
    endpoint("GET", "/api/v1/notices", me.notices, rights.MYSELF),
    endpoint("GET", "/api/v1/people/{key}/notices", me.notices_of, rights.TOLD),
    endpoint("GET", "/api/v1/deliveries", deliveries.dashboard, rights.DELIVERIES),
    endpoint("GET", "/api/v1/consents", me.consents, rights.MYSELF),
    endpoint(
        "POST", "/api/v1/consents/{key}/withdrawal", own_data.withdraw, rights.MY_CONSENT, errors=(404,)
    ),
    endpoint("GET", "/api/v1/me/export", own_data.export, rights.MYSELF, raw="file", files=(own_data.ZIP,)),
    endpoint("POST", "/api/v1/me/requests", own_data.ask, rights.MYSELF, status=201, errors=(409,)),
    endpoint("GET", "/api/v1/me/requests", own_data.asked, rights.MYSELF),
    endpoint("POST", "/api/v1/identity-claims", identity.begin, rights.MYSELF, status=201),
    endpoint("GET", "/api/v1/identity-claims/current", identity.current, rights.MYSELF, errors=(404,)),
    endpoint("POST", "/api/v1/identity-claims/{key}/code", identity.send_code, rights.MY_CLAIM),
    endpoint("POST", "/api/v1/identity-claims/{key}/binding", identity.enter_code, rights.MY_CLAIM),
    endpoint("POST", "/api/v1/identity-claims/{key}/check", identity.ask_cadre, rights.MY_CLAIM),
    endpoint("POST", "/api/v1/binding-changes", identity.ask_change, rights.BINDINGS, status=201),
    endpoint("GET", "/api/v1/binding-changes", identity.changes, rights.BINDINGS),
    endpoint("POST", "/api/v1/desk-logins/{key}", desk_logins.answer, rights.DESK_LOGIN),
    endpoint(
        "POST", "/api/v1/staff-changes", staffing.ask, rights.STAFF_CHANGES, status=201, errors=(404, 409)
    ),
    endpoint("GET", "/api/v1/organisations", organisations.listed, rights.BODIES),
    endpoint("POST", "/api/v1/organisations", organisations.make, rights.NEW_BODY, status=201, errors=(409,)),
    endpoint("PUT", "/api/v1/organisations/{key}/authority", organisations.set_authority, rights.AUTHORITY),
    endpoint("GET", "/api/v1/panels", panels.listed, rights.PANELS),
    endpoint("POST", "/api/v1/panels", panels.make, rights.NEW_PANEL, status=201, errors=(404, 409)),
    endpoint("POST", "/api/v1/panels/{key}/members", panels.seat, rights.PANEL, status=201, errors=(409,)),
    endpoint("POST", "/api/v1/panels/{key}/members/end", panels.unseat, rights.PANEL),
    endpoint("GET", "/api/v1/staff-changes", staffing.listed, rights.STAFF_CHANGES),
    endpoint("POST", "/api/v1/staff/{key}/invitation", staffing.invite, rights.FIRST_LOGIN, status=201),
    endpoint("POST", "/api/v1/staff/{key}/reset", staffing.reset, rights.LOGIN_OF_OTHERS, status=201),
    endpoint("POST", "/api/v1/staff/{key}/join-code", staffing.join_code, rights.JOIN_CODE, status=201),
    endpoint("POST", "/api/v1/staff/{key}/unlock", staffing.unlock, rights.LOGIN_OF_OTHERS),
    endpoint("GET", "/api/v1/me", me.show, rights.MYSELF),
    endpoint("PATCH", "/api/v1/me", me.change, rights.MYSELF),
    endpoint("GET", "/api/v1/me/colleagues", me.colleagues, rights.STAFF),
)
_OF_A_PHONE = (
    "/api/v1/sessions",
    "/api/v1/desk-logins",
    "/api/v1/identity-claims",
    "/api/v1/applications/{key}/confirm",
)
DESK_API = tuple(each for each in API if not each.path.startswith(_OF_A_PHONE))
"""What is also served below /console, with the session of the desk."""
PAGES = (
    web.get("/m/login", governed(login.begin, rights.EVERYBODY)),
    web.get("/m/callback", governed(login.finish, rights.EVERYBODY)),
    web.get("/m", page(farmer.home, rights.MYSELF)),
    web.get("/m/", page(farmer.home, rights.MYSELF)),
    web.get("/m/apply", page(farmer.apply, rights.MYSELF)),
    web.get("/m/applications", page(farmer.applications, rights.MYSELF)),
    web.get("/m/applications/{key}", page(farmer.application, rights.APPLICATION)),
    web.get("/m/loans", page(farmer.my_loans, rights.MYSELF)),
    web.get("/m/loans/{key}", page(farmer.loan, rights.LOAN)),
    web.get("/m/identity", page(identity_pages.claim, rights.MYSELF)),
    web.get("/m/delegations", page(identity_pages.delegations, rights.STAFF)),
    web.get("/m/bindings", page(identity_pages.changes, rights.BINDINGS)),
    web.get("/m/desk/{key}", page(identity_pages.desk, rights.DESK_LOGIN)),
    web.get("/m/slips", page(slip_pages.listed, rights.SLIPS)),
    web.get("/m/notices", page(notice_pages.mine, rights.MYSELF)),
    web.get("/m/people/{key}/notices", page(notice_pages.of_person, rights.TOLD)),
    web.get("/m/delivery", page(notice_pages.dashboard, rights.DELIVERIES)),
    web.get("/m/tasks", page(staff.inbox, rights.TASKS)),
    web.get("/m/tasks/{key}", page(staff.task, rights.CONTACT)),
    web.get("/m/visit/{key}", page(staff.visit, rights.TASK_OF_POST)),
    web.get("/m/reports", page(report_pages.listed, rights.REPORTS)),
    web.get("/m/reports/{key}", page(report_pages.report, rights.REPORT)),
    web.get("/m/reports/{key}/loans", page(report_pages.loans, rights.REPORT_LOANS)),
    web.get(r"/m/reports/{key}/{day:\d{4}-\d{2}-\d{2}}", page(report_pages.report, rights.REPORT)),
    web.get("/m/disposals/{key}", page(risk.decide, rights.DISPOSAL)),
    web.get("/m/watch/{key}", page(risk.look, rights.TASK_OF_POST)),
    web.get("/m/filings", page(risk.months, rights.FILINGS)),
    web.get("/m/filings/{key}", page(risk.month, rights.FILING)),
    web.get("/m/risk", page(risk.ledger, rights.RISK)),
    web.get("/m/subsidies", page(subsidy_pages.quarters, rights.SUBSIDIES)),
    web.get("/m/subsidies/{key}", page(subsidy_pages.quarter, rights.SUBSIDY)),
    web.get("/m/misuse/{key}", page(subsidy_pages.used, rights.LOAN_OF_STAFF)),
    web.get("/m/audit", page(audit_pages.trail, rights.AUDIT)),
    web.get("/m/consents", page(consent_pages.mine, rights.MYSELF)),
    web.get("/static/{name:.+}", governed(assets.serve, rights.EVERYBODY)),
)
CONSOLE_LOGIN = (
    web.get("/console/login", governed(desk_login.show, rights.EVERYBODY)),
    web.post("/console/login", governed(desk_login.log_in, rights.EVERYBODY)),
    web.post("/console/logout", desk_page(desk_login.log_out, rights.STAFF)),
    web.get("/console/setup/{token}", governed(desk_login.show_link, rights.EVERYBODY)),
    web.post("/console/setup/{token}", governed(desk_login.set_up, rights.EVERYBODY)),
    web.get("/console/password", desk_page(desk_login.password, rights.STAFF)),
    web.post("/console/password", desk_page(desk_login.change_password, rights.STAFF)),
    web.post("/console/scan", governed(desk_login.begin_scan, rights.EVERYBODY)),
    web.post("/console/scan/{key}", governed(desk_login.poll_scan, rights.EVERYBODY)),
)
CONSOLE = (
    web.get("/console", desk(console_overview.show, "/console")),
    web.get("/console/", desk(console_overview.show, "/console")),
    web.get("/console/live", desk(console_overview.live, "/console")),
    web.get("/console/find", desk(lists.find, "/console")),
    *(web.get(f"/console/{name}", desk(lists.listed(name), f"/console/{name}")) for name in lists.PAGES),
    web.get(
        "/console/applications/{key}",
        desk(cases.application, "/console/applications", rights.DESK_APPLICATION),
    ),
    web.get("/console/loans/{key}", desk(cases.loan, "/console/loans", rights.DESK_LOAN)),
    web.get("/console/tasks", desk(cases.inbox, "/console/tasks")),
    web.get("/console/tasks/{key}", desk(cases.task, "/console/tasks", rights.DESK_TASK)),
    web.get("/console/disposals/{key}", desk(risk.decide, "/console/tasks", rights.DISPOSAL)),
    web.get("/console/watch/{key}", desk(risk.look, "/console/tasks", rights.TASK_OF_POST)),
    web.get("/console/filings", desk(risk.months, "/console/filings")),
    web.get("/console/filings/{key}", desk(risk.month, "/console/filings", rights.FILING)),
    web.get("/console/subsidies", desk(subsidy_pages.quarters, "/console/subsidies")),
    web.get("/console/subsidies/{key}", desk(subsidy_pages.quarter, "/console/subsidies", rights.SUBSIDY)),
    web.get("/console/risk", desk(risk.ledger, "/console/risk")),
    web.get("/console/misuse/{key}", desk(subsidy_pages.used, "/console/loans", rights.LOAN_OF_STAFF)),
    web.get("/console/slips", desk(slip_pages.listed, "/console/slips")),
    web.get("/console/reports", desk(report_pages.listed, "/console/reports")),
    web.get("/console/reports/{key}", desk(report_pages.report, "/console/reports", rights.REPORT)),
    web.get(
        "/console/reports/{key}/loans", desk(report_pages.loans, "/console/reports", rights.REPORT_LOANS)
    ),
    web.get(
        r"/console/reports/{key}/{day:\d{4}-\d{2}-\d{2}}",
        desk(report_pages.report, "/console/reports", rights.REPORT),
    ),
    web.get("/console/delivery", desk(notice_pages.dashboard, "/console/delivery")),
    web.get("/console/bindings", desk(identity_pages.changes, "/console/bindings")),
    web.get("/console/delegations", desk(identity_pages.delegations, "/console/delegations")),
    web.get("/console/audit", desk(audit_pages.trail, "/console/audit")),
    web.post("/console/notices/{key}/retry", desk(office.retry, "/console/notices", rights.DESK_NOTICE)),
    web.post("/console/notices/{key}/give", desk(office.give, "/console/notices", rights.DESK_NOTICE)),
    web.post("/console/notices/{key}/close", desk(office.close, "/console/notices", rights.DESK_NOTICE)),
    web.post(
        "/console/people/{key}/invitation", desk(people_acts.invite, "/console/people", rights.FIRST_LOGIN)
    ),
    web.post(
        "/console/people/{key}/reset", desk(people_acts.reset, "/console/people", rights.LOGIN_OF_OTHERS)
    ),
    web.post(
        "/console/people/{key}/unlock", desk(people_acts.unlock, "/console/people", rights.LOGIN_OF_OTHERS)
    ),
    web.post(
        "/console/people/{key}/join-code", desk(people_acts.join_code, "/console/people", rights.JOIN_CODE)
    ),
    web.post(
        "/console/organisations", desk(people_acts.make_body, "/console/organisations", rights.NEW_BODY)
    ),
    web.post(
        "/console/organisations/{key}/authority",
        desk(people_acts.set_authority, "/console/organisations", rights.AUTHORITY),
    ),
    web.get("/console/staff-changes", desk(people_acts.changes, "/console/staff-changes")),
    web.post("/console/staff-changes", desk(people_acts.ask_change, "/console/staff-changes")),
    web.get("/console/policy", desk(office.policy, "/console/policy")),
    web.get("/console/jobs", desk(office.jobs, "/console/jobs")),
    web.post("/console/jobs/{key}/again", desk(office.run_again, "/console/jobs", rights.DESK_JOB)),
    web.get("/console/imports", desk(files_of_bank.listed, "/console/imports")),
    web.get("/console/imports/{key}", desk(files_of_bank.show, "/console/imports", rights.IMPORT)),
    web.get("/console/exports", desk(sheets.listed, "/console/exports")),
    web.post("/console/exports", desk(sheets.ask, "/console/exports")),
    web.get("/console/exports/{key}", desk(sheets.progress, "/console/exports", rights.DESK_EXPORT)),
    web.get("/console/exports/{key}/file", desk(sheets.fetch, "/console/exports", rights.DESK_EXPORT)),
)
HEALTH = (
    web.get("/healthz", governed(health.healthz, rights.EVERYBODY)),
    web.get("/readyz", governed(health.readyz, rights.EVERYBODY)),
    web.get("/metrics", governed(health.metrics, rights.EVERYBODY)),
)
PLAIN = (
    web.get("/wechat/{account}", governed(webhook.verify, rights.PLATFORM)),
    web.post("/wechat/{account}", governed(webhook.receive, rights.PLATFORM)),
    *HEALTH,
    web.get("/openapi.json", governed(openapi.show, rights.EVERYBODY)),
)


def create_health_app(runtime: Runtime) -> web.Application:
    """What a worker or scheduler answers on its own port: alive, ready, metrics."""
    app = web.Application()
    app[RUNTIME] = runtime
    app.add_routes(HEALTH)
    return app


def create_app(runtime: Runtime) -> web.Application:
    """The web application over a runtime. Building it opens nothing: bot.app does, and closes it."""
    app = web.Application(middlewares=[observe, errors, plain_bodies])
    app[RUNTIME] = runtime
    app[FLIGHTS] = Flights()
    app[OPENAPI] = openapi.document(API, runtime.settings.base_url(), VERSION)
    app.on_response_prepare.append(safe_headers)
    app.cleanup_ctx.append(webhook.turns_context)
    app.add_routes([web.route(each.method, each.path, each.serve) for each in API])
    app.add_routes([web.route(each.method, "/console" + each.path, each.serve) for each in DESK_API])
    app.add_routes(PAGES)
    app.add_routes(CONSOLE_LOGIN)
    app.add_routes(CONSOLE)
    app.add_routes(PLAIN)
    base.set_up(app)
    console.set_up(app)
    require_rights(app)
    return app
