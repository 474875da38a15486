"""Puts the parts together as one aiohttp application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from simulator import (
    api_chat_messages,
    api_credentials,
    api_identity,
    api_media,
    api_menu,
    api_messages,
    api_users,
    bureau,
)
from simulator.admin import Admin
from simulator.config import SimulatorConfig
from simulator.errors import ApiError
from simulator.gate import Answer, Call, Endpoint, Gate
from simulator.platform import Platform

SIMULATOR: web.AppKey[Platform] = web.AppKey("simulator", Platform)
PAGE = Path(__file__).parent / "page"
PAGE_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
MAX_REQUEST = 25 * 1024 * 1024


def _no_such_call(_call: Call) -> Answer:
    raise ApiError(40066)


ENDPOINTS: tuple[Endpoint, ...] = (
    *api_messages.ENDPOINTS,
    *api_chat_messages.ENDPOINTS,
    *api_credentials.ENDPOINTS,
    *api_menu.ENDPOINTS,
    *api_users.ENDPOINTS,
    *api_media.ENDPOINTS,
    *api_identity.ENDPOINTS,
    *bureau.ENDPOINTS,
    api_media.FILES,
    *(
        Endpoint(f"/{root}/{{rest:.*}}", "*", _no_such_call, token=False, body=False)
        for root in ("cgi-bin", "wxa", "sns")
    ),
)


def create_simulator(config: SimulatorConfig | None = None) -> web.Application:
    """The simulator as an application: run it, mount it, or give it to a test server."""
    config = config or SimulatorConfig()
    app = web.Application(client_max_size=MAX_REQUEST)
    app[SIMULATOR] = platform = Platform(config)
    gate, admin = Gate(platform), Admin(platform, [endpoint.path for endpoint in ENDPOINTS])
    for endpoint in ENDPOINTS:
        app.router.add_route("*", endpoint.path, gate.handler(endpoint))
    app.add_routes(admin.routes())
    _add_pages(app, config)

    async def life(_app: web.Application) -> AsyncIterator[None]:
        platform.journal.open(platform.find_account)
        await platform.pusher.start()
        clock = asyncio.create_task(platform.clock.run())
        yield
        clock.cancel()
        await asyncio.gather(clock, return_exceptions=True)
        await platform.pusher.stop()
        platform.journal.close()
        platform.media.close()

    async def let_go(_app: web.Application) -> None:
        admin.closing.set()
        platform.faults.clear()

    app.cleanup_ctx.append(life)
    app.on_shutdown.append(let_go)
    return app


def _add_pages(app: web.Application, config: SimulatorConfig) -> None:
    """The phone page at /sim/ and its vendor files at /sim/vendor/."""
    if config.assets_dir:
        app.router.add_static("/sim/vendor", config.assets_dir)

    async def page(request: web.Request) -> web.StreamResponse:
        file = PAGE / request.match_info.get("name", "index.html")
        kind = PAGE_TYPES.get(file.suffix)
        if kind is None or not file.is_file():
            raise web.HTTPNotFound(text="no such file; the admin interface is at admin/")
        # the modules belong together: a browser asks each time whether one has changed
        return web.FileResponse(file, headers={"Content-Type": kind, "Cache-Control": "no-cache"})

    async def to_index(request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound(request.path + "/")

    app.router.add_get("/sim/", page)
    app.router.add_get("/sim/{name:[a-z]+\\.[a-z]+}", page)
    app.router.add_get("/sim", to_index)
