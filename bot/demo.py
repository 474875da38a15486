"""The demo: one process with database, web, worker, scheduler and the WeChat simulator."""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from actions import audit_chain, demo_data
from actions.demo_data import DemoCounty, DemoPerson
from bot import demo_logins
from bot.app import listening, open_runtime
from bot.config import SHANGHAI, Account, Settings, load_accounts
from bot.runtime import Runtime
from handlers.chat import account_menu
from handlers.jobs import ENTRYPOINTS
from handlers.routes import create_app
from policies import Pack, load_packs
from scheduler import runner, workers
from simulator import AccountConfig, SimulatorConfig, Template, create_simulator
from simulator.config import load_accounts as load_simulated
from simulator.people import openid_of, unionid_of

PLATFORM_PATH = "/sim/platform"
OPEN_PLATFORM = "demo"
ASSETS = Path(__file__).parents[1] / "pages" / "static" / "vendor"


@dataclass(frozen=True)
class Demo:
    """A running demo."""

    runtime: Runtime
    url: str
    phones_url: str
    logins_url: str
    people: Sequence[DemoPerson]
    fresh: bool


class _ShownSms:
    """The demo's provider of short messages: they are read on the phone page, codes among them (S1.7)."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def send(self, phone: str, text: str, key: str) -> str:
        """As bot.sms.SmsGateway."""
        message = {"phone": phone, "text": text, "key": key}
        url = f"{self._runtime.settings.wechat_api}/admin/sms"
        async with self._runtime.http.post(url, json=message) as answer:
            answer.raise_for_status()
            return f"sms-{(await answer.json())['id']}"


@asynccontextmanager
async def run_demo(settings: Settings, county: str) -> AsyncIterator[Demo]:
    """Run everything in this process until the block ends. `county`: small (Changge) or xingyi."""
    chosen = demo_data.COUNTIES["changge" if county == "small" else county]
    settings = replace(settings, wechat_api=settings.base_url() + PLATFORM_PATH)
    accounts_file = _accounts_file(Path(settings.var))
    accounts = load_accounts(accounts_file)
    async with open_runtime(settings, migrate=True, accounts=accounts) as runtime:
        runtime.extras["sms"] = _ShownSms(runtime)
        fresh = await _fill(runtime, chosen)
        logins = await demo_logins.ready(runtime, chosen, fresh=fresh)
        app = create_app(runtime)
        app.router.add_get(demo_logins.PATH, demo_logins.page(logins))
        app.add_subapp(PLATFORM_PATH, create_simulator(_simulator(runtime, accounts_file, chosen)))
        page = f"{PLATFORM_PATH}/sim/?account={_service(runtime, chosen.county).name}&phones=" + ",".join(
            _side_by_side(chosen)
        )
        app.router.add_get("/sim", _redirect(page))
        app.router.add_get("/sim/", _redirect(page))
        stop = asyncio.Event()
        async with listening(app, settings.host, int(settings.port)), asyncio.TaskGroup() as group:
            group.create_task(workers.work(runtime, stop, ENTRYPOINTS))
            group.create_task(runner.run(runtime, stop))
            await _make_phones(runtime, chosen)
            try:
                url = settings.base_url()
                yield Demo(runtime, url, f"{url}/sim", url + demo_logins.PATH, chosen.people, fresh)
            finally:
                await _link_trail(runtime)
                stop.set()


async def _link_trail(runtime: Runtime) -> None:
    """Before the clock jumps, and at the end: what is linked long after it was written looks slipped in."""
    for pack in runtime.packs:
        await audit_chain.link(pack.county, runtime.now())


def _simulator(runtime: Runtime, accounts_file: Path, chosen: DemoCounty) -> SimulatorConfig:
    var = Path(runtime.settings.var)

    async def clock_moved(instant: float) -> None:
        await _link_trail(runtime)
        runtime.clock.move_to(datetime.fromtimestamp(instant, UTC))
        await runner.tick(runtime)

    async def start_again() -> None:
        await _make_phones(runtime, chosen)

    return SimulatorConfig(
        accounts=[_simulated(runtime, account) for account in load_simulated(accounts_file)],
        places=[
            {"label": name, "lat": latitude, "lng": longitude}
            for code, (name, latitude, longitude) in chosen.regions.items()
            if not code.endswith("000")
        ],
        links=[{"title": "工作台", "url": demo_logins.PATH}],
        on_reset=start_again,
        log_path=str(var / "simulator-sent.jsonl"),
        media_dir=str(var / "simulator-media"),
        assets_dir=str(ASSETS),
        at=runtime.now().astimezone(SHANGHAI).isoformat(timespec="seconds"),
        on_clock=clock_moved,
    )


def _simulated(runtime: Runtime, account: AccountConfig) -> AccountConfig:
    """An account as its phones show it: our address, a title, and the templates as they are registered."""
    ours = runtime.accounts[account.name]
    pack = runtime.packs.by_county(ours.county)
    return replace(
        account,
        push_url=f"{runtime.settings.base_url()}/wechat/{account.name}",
        open_platform=OPEN_PLATFORM,
        title=f"{pack.title.rstrip('市县区')}金融服务",
        templates={
            ours.templates[name]: Template(ours.templates[name], table.title, table.keys)
            for name, table in pack.contents.templates.items()
            if name in ours.templates
        },
    )


async def _fill(runtime: Runtime, chosen: DemoCounty) -> bool:
    identities = {
        person.id: tuple(
            (account.name, openid_of(account.appid, person.id), unionid_of(OPEN_PLATFORM, person.id) or "")
            for account in runtime.accounts.values()
            if account.county == chosen.county
        )
        for person in chosen.people
    }
    return await demo_data.make_county(chosen, identities, runtime.now())


async def _make_phones(runtime: Runtime, chosen: DemoCounty) -> None:
    """Every person of the county has a phone that follows the account; the menu is published."""
    account = _service(runtime, chosen.county)
    people = [
        {
            "person": person.id,
            "name": person.name,
            "phone": demo_data.phone_of(chosen, person),
            "about": person.title,
            "home": _home(chosen, person),
            "follow": [account.name],
        }
        for person in chosen.people
    ]
    async with runtime.http.post(f"{runtime.settings.wechat_api}/admin/users", json=people) as answer:
        answer.raise_for_status()
    staff = [openid_of(account.appid, person.id) for person in chosen.people if person.role]
    await account_menu.publish(runtime.wechat[account.name], staff, runtime.settings.base_url())


def _home(chosen: DemoCounty, person: DemoPerson) -> dict[str, Any]:
    """Where somebody's phone is: his region, or the village that his title names."""
    found = next(
        (
            place
            for code, place in chosen.regions.items()
            if code == person.region or place[0].endswith(person.title[-3:])
        ),
        next(iter(chosen.regions.values())),
    )
    return {"label": found[0], "lat": found[1], "lng": found[2]}


def _side_by_side(chosen: DemoCounty) -> list[str]:
    """The phones that are open at first: a farmer, the bank that takes it in, his cadre, the county."""
    first = {person.role: person.id for person in reversed(chosen.people)}
    return [first[role] for role in ("", "loan_officer", "cadre", "county_clerk")]


def _service(runtime: Runtime, county: str) -> Account:
    return runtime.county_accounts(county)[0]


def _redirect(page: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def to_page(_request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound(page)

    return to_page


def _accounts_file(var: Path) -> Path:
    """The demo's accounts, made with fresh secrets at the first run."""
    var.mkdir(parents=True, exist_ok=True)
    path = var / "accounts.toml"
    if not path.exists():
        packs = load_packs()
        rows = [
            _account_row(name, kind, packs[county])
            for county in demo_data.COUNTIES
            for name, kind in ((county, "service"), (f"{county}-mini", "mini_program"))
        ]
        path.write_text("\n".join(rows), encoding="utf-8")
        path.chmod(0o600)
    return path


def _account_row(name: str, kind: str, pack: Pack) -> str:
    aes_key = base64.b64encode(secrets.token_bytes(32)).decode().rstrip("=")
    templates = ""
    if kind == "service":
        lines = "".join(f'{template} = "TPL-{name}-{template}"\n' for template in pack.contents.templates)
        templates = f"[account.templates]\n{lines}"
    return (
        f'[[account]]\nname = "{name}"\nkind = "{kind}"\ncounty = "{pack.county}"\n'
        f'appid = "wx{secrets.token_hex(8)}"\nsecret = "{secrets.token_hex(16)}"\n'
        f'token = "{secrets.token_hex(16)}"\naes_key = "{aes_key}"\n'
        f'original_id = "gh_{secrets.token_hex(6)}"\n{templates}'
    )
