"""Every HTTP route, one line each, and the application that serves them."""

from __future__ import annotations

from aiohttp import web

from bot.runtime import Runtime
from handlers import health, openapi, webhook
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
    reports,
    sessions,
    slips,
    tasks,
    visit_plans,
    visits,
    warnings,
)
from handlers.console import login as desk_login
from handlers.console.door import desk_page
from handlers.endpoint import endpoint
from handlers.errors import errors
from handlers.flight import Flights
from handlers.keys import FLIGHTS, OPENAPI, RUNTIME
from handlers.observe import observe, plain_bodies, safe_headers
from handlers.pages import assets, base, farmer, login, risk, staff
from handlers.pages import audit as audit_pages
from handlers.pages import identity as identity_pages
from handlers.pages import notices as notice_pages
from handlers.pages import reports as report_pages
from handlers.pages import slips as slip_pages
from handlers.pages.base import page

VERSION = "0.1.0"
API = (
    endpoint(
        "POST", "/api/v1/sessions", sessions.create, status=201, public=True, once=False, errors=(401, 403)
    ),
    endpoint("DELETE", "/api/v1/sessions/current", sessions.end),
    endpoint("DELETE", "/api/v1/sessions", sessions.end_all),
    endpoint("POST", "/api/v1/files", files.upload, status=201, raw="upload", errors=(429,)),
    endpoint("GET", "/api/v1/files/{key}", files.download, raw="file", errors=(409,)),
    endpoint("GET", "/api/v1/files/{key}/facts", files.facts),
    endpoint("GET", "/api/v1/forms", forms.listed),
    endpoint("GET", "/api/v1/forms/{name}", forms.show),
    endpoint("GET", "/api/v1/drafts", drafts.listed),
    endpoint("POST", "/api/v1/drafts", drafts.begin, errors=(404,)),
    endpoint("GET", "/api/v1/drafts/{key}", drafts.show),
    endpoint("PATCH", "/api/v1/drafts/{key}", drafts.change, headers=("If-Match",), errors=(409, 428)),
    endpoint("DELETE", "/api/v1/drafts/{key}", drafts.cancel),
    endpoint("POST", "/api/v1/drafts/{key}/submit", drafts.hand_in_draft, status=201),
    endpoint("GET", "/api/v1/applications", applications.listed),
    endpoint("GET", "/api/v1/applications/{key}", applications.show),
    endpoint("GET", "/api/v1/applications/{key}/answers", applications.answers),
    endpoint("POST", "/api/v1/applications/{key}/withdraw", applications.withdraw),
    endpoint("POST", "/api/v1/applications/{key}/confirm", applications.confirm),
    endpoint(
        "POST",
        "/api/v1/applications/{key}/credit-queries",
        credit_queries.ask,
        status=201,
        once=False,
        errors=(404,),
    ),
    endpoint("GET", "/api/v1/applications/{key}/credit-queries", credit_queries.listed),
    endpoint("GET", "/api/v1/tasks", tasks.inbox),
    endpoint("GET", "/api/v1/tasks/{key}", tasks.show),
    endpoint("GET", "/api/v1/tasks/{key}/contact", tasks.contact),
    endpoint("POST", "/api/v1/tasks/{key}/decision", tasks.decide),
    endpoint("POST", "/api/v1/tasks/{key}/disbursement", tasks.disburse, status=201),
    endpoint("POST", "/api/v1/tasks/{key}/close", tasks.close),
    endpoint("GET", "/api/v1/delegations", delegations.listed),
    endpoint("POST", "/api/v1/delegations", delegations.delegate, status=201),
    endpoint("POST", "/api/v1/delegations/{key}/revoke", delegations.revoke),
    endpoint("POST", "/api/v1/visits", visits.record, status=201),
    endpoint("GET", "/api/v1/loans", loans.listed),
    endpoint("GET", "/api/v1/loans/{key}", loans.show),
    endpoint("GET", "/api/v1/loans/{key}/schedule", loans.schedule),
    endpoint("POST", "/api/v1/loans/{key}/repayments", loans.record_repayment, status=201),
    endpoint("POST", "/api/v1/loans/{key}/reversals", loans.reverse, errors=(404, 409)),
    endpoint("GET", "/api/v1/loans/{key}/payoff", loans.payoff),
    endpoint("GET", "/api/v1/loans/{key}/changes", loans.changes),
    endpoint("POST", "/api/v1/loans/{key}/extension", loans.extend, errors=(404,)),
    endpoint("POST", "/api/v1/loans/{key}/renewal", loans.renew, status=201, errors=(404, 409)),
    endpoint("GET", "/api/v1/reports", reports.listed),
    endpoint("GET", "/api/v1/reports/{name}", reports.show, files=(reports.XLSX, reports.PNG)),
    endpoint("GET", "/api/v1/reports/{name}/loans", reports.loans),
    endpoint("GET", "/api/v1/loans/{key}/repayment-slips", slips.of_loan),
    endpoint("POST", "/api/v1/loans/{key}/repayment-slips", slips.report, status=201, errors=(409,)),
    endpoint("GET", "/api/v1/loans/{key}/repayment-slips/{slip}", slips.show),
    endpoint("GET", "/api/v1/loans/{key}/promises", slips.promised),
    endpoint("POST", "/api/v1/loans/{key}/promises", slips.promise, status=201),
    endpoint("GET", "/api/v1/repayment-slips", slips.listed),
    endpoint("GET", "/api/v1/tasks/{key}/slip", slips.check),
    endpoint("POST", "/api/v1/tasks/{key}/slip", slips.decide, errors=(409,)),
    endpoint(
        "POST",
        "/api/v1/imports",
        imports.hand_in,
        status=201,
        raw="upload",
        errors=(429,),
        files=(imports.XLSX, imports.CSV),
    ),
    endpoint("GET", "/api/v1/imports", imports.listed),
    endpoint("GET", "/api/v1/imports/{key}", imports.show),
    endpoint("GET", "/api/v1/imports/{key}/result", imports.result, raw="file", files=(imports.CSV,)),
    endpoint("GET", "/api/v1/import-templates/{kind}", imports.template, raw="file", files=(imports.XLSX,)),
    endpoint("GET", "/api/v1/feedback", imports.monthly_feedback, raw="file", files=(imports.XLSX,)),
    endpoint("GET", "/api/v1/loans/{key}/warning", warnings.show),
    endpoint("POST", "/api/v1/loans/{key}/warning", warnings.move),
    endpoint("GET", "/api/v1/loans/{key}/credit-events", warnings.events),
    endpoint("POST", "/api/v1/loans/{key}/findings", warnings.report, status=201),
    endpoint("POST", "/api/v1/risk-reports", warnings.report_region, status=201),
    endpoint("GET", "/api/v1/risk-ledger", warnings.ledger),
    endpoint("GET", "/api/v1/risk-ledger/loans", warnings.ledger_loans),
    endpoint("GET", "/api/v1/disposals/{key}", disposal.show),
    endpoint("GET", "/api/v1/disposals/{key}/choices", disposal.choices),
    endpoint("POST", "/api/v1/disposals/{key}/decision", disposal.decide),
    endpoint("GET", "/api/v1/defaulters/{key}", disposal.defaulter),
    endpoint("POST", "/api/v1/defaulters/{key}/removal", disposal.remove),
    endpoint("GET", "/api/v1/visit-plans", visit_plans.progress),
    endpoint("POST", "/api/v1/tasks/{key}/watch", visit_plans.finish_watch),
    endpoint("GET", "/api/v1/filings", filings.listed),
    endpoint("GET", "/api/v1/filings/{key}", filings.show, files=(reports.XLSX,)),
    endpoint("GET", "/api/v1/filings/{key}/lines", filings.lines),
    endpoint("POST", "/api/v1/filings/{key}/submission", filings.submit),
    endpoint("GET", "/api/v1/notices", me.notices),
    endpoint("GET", "/api/v1/people/{key}/notices", me.notices_of),
    endpoint("GET", "/api/v1/deliveries", deliveries.dashboard),
    endpoint("GET", "/api/v1/consents", me.consents),
    endpoint("POST", "/api/v1/identity-claims", identity.begin, status=201),
    endpoint("GET", "/api/v1/identity-claims/current", identity.current, errors=(404,)),
    endpoint("POST", "/api/v1/identity-claims/{key}/code", identity.send_code),
    endpoint("POST", "/api/v1/identity-claims/{key}/binding", identity.enter_code),
    endpoint("POST", "/api/v1/identity-claims/{key}/check", identity.ask_cadre),
    endpoint("POST", "/api/v1/binding-changes", identity.ask_change, status=201),
    endpoint("GET", "/api/v1/binding-changes", identity.changes),
    endpoint("POST", "/api/v1/desk-logins/{key}", desk_logins.answer),
    endpoint("GET", "/api/v1/me", me.show),
    endpoint("PATCH", "/api/v1/me", me.change),
    endpoint("GET", "/api/v1/me/colleagues", me.colleagues),
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
    web.get("/m/login", login.begin),
    web.get("/m/callback", login.finish),
    web.get("/m", page(farmer.home)),
    web.get("/m/", page(farmer.home)),
    web.get("/m/apply", page(farmer.apply)),
    web.get("/m/applications", page(farmer.applications)),
    web.get("/m/applications/{key}", page(farmer.application)),
    web.get("/m/loans", page(farmer.my_loans)),
    web.get("/m/loans/{key}", page(farmer.loan)),
    web.get("/m/identity", page(identity_pages.claim)),
    web.get("/m/bindings", page(identity_pages.changes)),
    web.get("/m/desk/{key}", page(identity_pages.desk)),
    web.get("/m/slips", page(slip_pages.listed)),
    web.get("/m/notices", page(notice_pages.mine)),
    web.get("/m/people/{key}/notices", page(notice_pages.of_person)),
    web.get("/m/delivery", page(notice_pages.dashboard)),
    web.get("/m/tasks", page(staff.inbox)),
    web.get("/m/tasks/{key}", page(staff.task)),
    web.get("/m/visit/{key}", page(staff.visit)),
    web.get("/m/reports", page(report_pages.listed)),
    web.get("/m/reports/{key}", page(report_pages.report)),
    web.get("/m/reports/{key}/loans", page(report_pages.loans)),
    web.get(r"/m/reports/{key}/{day:\d{4}-\d{2}-\d{2}}", page(report_pages.report)),
    web.get("/m/disposals/{key}", page(risk.decide)),
    web.get("/m/watch/{key}", page(risk.look)),
    web.get("/m/filings", page(risk.months)),
    web.get("/m/filings/{key}", page(risk.month)),
    web.get("/m/risk", page(risk.ledger)),
    web.get("/m/audit", page(audit_pages.trail)),
    web.get("/static/{name:.+}", assets.serve),
)
CONSOLE_LOGIN = (
    web.get("/console/login", desk_login.show),
    web.post("/console/login", desk_login.log_in),
    web.post("/console/logout", desk_page(desk_login.log_out)),
    web.get("/console/setup/{token}", desk_login.show_link),
    web.post("/console/setup/{token}", desk_login.set_up),
    web.get("/console/password", desk_page(desk_login.password)),
    web.post("/console/password", desk_page(desk_login.change_password)),
    web.post("/console/scan", desk_login.begin_scan),
    web.post("/console/scan/{key}", desk_login.poll_scan),
)
HEALTH = (
    web.get("/healthz", health.healthz),
    web.get("/readyz", health.readyz),
    web.get("/metrics", health.metrics),
)
PLAIN = (
    web.get("/wechat/{account}", webhook.verify),
    web.post("/wechat/{account}", webhook.receive),
    *HEALTH,
    web.get("/openapi.json", openapi.show),
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
    app.add_routes(PLAIN)
    base.set_up(app)
    return app
