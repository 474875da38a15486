"""The command line of `tianxin`: every command is a function here, its help the first line of it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import fields, replace
from datetime import date
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bot.config import Settings
from bot.database import DatabaseError
from bot.errors import TianxinError

cli = typer.Typer(
    name="tianxin",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="田信 Tianxin: the WeChat backend of village micro-credit.",
)
jobs = typer.Typer(no_args_is_help=True, help="What runs by the clock.")
policy = typer.Typer(no_args_is_help=True, help="County packs: what differs between counties, with sources.")
imports = typer.Typer(no_args_is_help=True, help="A bank's loans and repayments from CSV or xlsx files.")
exports = typer.Typer(no_args_is_help=True, help="What goes back out as spreadsheets.")
staff = typer.Typer(no_args_is_help=True, help="The first administrators, and links to set a login.")
audit = typer.Typer(no_args_is_help=True, help="The chain over the audit trail.")
cli.add_typer(jobs, name="job")
cli.add_typer(imports, name="import")
cli.add_typer(exports, name="export")
cli.add_typer(audit, name="audit")
key_file = typer.Typer(no_args_is_help=True, help="The keys that personal data is sealed with.")
cli.add_typer(key_file, name="keys")
cli.add_typer(staff, name="staff")
cli.add_typer(policy, name="policy")
console = Console()
complaints = Console(stderr=True, soft_wrap=True)


def main() -> None:
    """Run the command line; what is wrong is said in one sentence."""
    try:
        cli()
    except TianxinError as error:
        _complain(error)
    except ValueError as error:
        from policies import PolicyError

        if not isinstance(error, PolicyError):
            raise
        _complain(error)


def _complain(error: Exception) -> NoReturn:
    complaints.print("[red]tianxin:[/]", escape(str(error)), highlight=False)
    sys.exit(2)


def _run(work: Callable[[asyncio.Event], Coroutine[Any, Any, Any]]) -> Any:
    """Run a coroutine with uvloop where there is one; SIGTERM and Ctrl-C set its stop event."""

    async def until_stopped() -> Any:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        return await work(stop)

    if sys.platform == "win32":
        return asyncio.run(work(asyncio.Event()))
    import uvloop

    return uvloop.run(until_stopped())


def _settings(**changes: Any) -> Settings:
    settings = replace(Settings.from_environment(), **changes)
    settings.check()
    return settings


@cli.command()
def demo(
    port: Annotated[str, typer.Option(help="port to listen on; default: TIANXIN_PORT, else 8080")] = "",
    data: Annotated[str, typer.Option(help="small (Changge) or xingyi")] = "small",
    at: Annotated[str, typer.Option(help="where the clock starts: 2026-11-28T09:00; at night 09:00")] = "",
) -> None:
    """Everything in one process, with phones to play with and a console. Needs no WeChat account."""
    if data not in ("small", "xingyi"):
        raise typer.BadParameter("small or xingyi", param_hint="--data")
    environ = {**os.environ, "TIANXIN_ENV": "demo"}
    settings = Settings.from_environment(environ)
    settings = replace(settings, port=port or settings.port, now=at or settings.now or _by_day())
    settings.check()

    async def run(stop: asyncio.Event) -> None:
        from bot.demo import run_demo

        with console.status("database, migrations, demo county …"):
            context = run_demo(settings, data)
            running = await context.__aenter__()
        try:
            _print_demo(running)
            await stop.wait()
        finally:
            await context.__aexit__(None, None, None)

    _run(run)


def _by_day() -> str:
    """Where the clock starts: now, or 09:00 of today while people in China sleep and are left alone."""
    from bot.config import SHANGHAI
    from bot.runtime import Clock

    local = Clock().now().astimezone(SHANGHAI)
    return "" if 8 <= local.hour < 20 else f"{local:%Y-%m-%d}T09:00"


def _print_demo(running: Any) -> None:
    console.print("\n[bold green]田信 Tianxin[/] is running. Open this page and play:\n")
    console.print(f"    [bold]{running.phones_url}[/]     the phones")
    console.print(f"    [bold]{running.logins_url}[/]  the console: ready logins of a few officers\n")
    table = Table(box=None, padding=(0, 2))
    table.add_column("phone")
    table.add_column("who")
    for person in running.people:
        table.add_row(person.name, person.title)
    console.print(table)
    console.print("\nAs 张守田 say [bold]我要贷款[/]; the others find their tasks under [bold]待办[/].")
    console.print("Ctrl-C stops it; the data stays in var/ (delete that folder to begin afresh).\n")


@cli.command()
def serve() -> None:
    """The web process: WeChat's pushes, the mini-program's JSON, the pages. Any number of them."""
    from bot import app

    _run(lambda stop: app.serve(_settings(), stop))


@cli.command()
def worker() -> None:
    """The worker process: sends, scans, fetches. Any number of them."""
    from bot import app

    _run(lambda stop: app.work(_settings(), stop))


@cli.command()
def scheduler() -> None:
    """The scheduler process: says when. One is enough, more do no harm."""
    from bot import app

    _run(lambda stop: app.tick(_settings(), stop))


@cli.command()
def migrate(
    serving: Annotated[
        str,
        typer.Option(help="database role of serve, worker and scheduler; it may only add to the audit trail"),
    ] = "",
) -> None:
    """Bring the database's schema up to date."""
    settings = _settings()

    async def run(_stop: asyncio.Event) -> None:
        from bot import app, database

        async with app.open_runtime(settings, migrate=True):
            if serving:
                await database.grant_serving(serving)

    _run(run)
    console.print("schema is up to date")


@cli.command()
def doctor(
    settings_only: Annotated[bool, typer.Option("--settings", help="print the settings and stop")] = False,
) -> None:
    """Check settings, connections and the invariants; exit 1 when one is broken, naming it."""
    if settings_only:
        _print_settings()
        return
    settings = _settings()

    async def run(_stop: asyncio.Event) -> list[str]:
        from actions import invariants, staffing
        from bot import app, connections

        async with app.open_runtime(settings) as runtime:
            needed = await connections.check_all(runtime)
            findings = await invariants.check_all(runtime.now(), Path(settings.var) / "files")
            vacant = await staffing.gaps(runtime.today())
        table = Table(box=None, padding=(0, 2), show_header=False)
        for each in needed:
            table.add_row(each.name, "[green]fine[/]" if each.fine else "[red]BROKEN[/]", escape(each.words))
        for finding in findings:
            mark = "[green]holds[/]" if finding.holds else f"[red]BROKEN ({finding.broken})[/]"
            table.add_row(finding.name, mark, finding.meaning)
        for line in vacant:
            table.add_row("staffing", "[yellow]vacant[/]", escape(line))
        console.print(table)
        return [c.name for c in needed if not c.fine] + [f.name for f in findings if not f.holds]

    if broken := _run(run):
        complaints.print("[red]broken:[/]", escape("; ".join(broken)), highlight=False)
        raise typer.Exit(1)


def _print_settings() -> None:
    table = Table(box=None, padding=(0, 2))
    table.add_column("setting")
    table.add_column("default")
    table.add_column("what it is")
    for item in fields(Settings):
        table.add_row(f"TIANXIN_{item.name.upper()}", repr(item.default), item.metadata["help"])
    console.print(table)


@cli.command("demo-data")
def demo_data(
    loans: Annotated[int, typer.Option(min=1, help="how many loans")],
    county: Annotated[str, typer.Option(help="pack: changge or xingyi")] = "changge",
    seed: Annotated[int, typer.Option(help="the same seed makes the same county")] = 1,
) -> None:
    """Fill the database with a reproducible county of so many loans."""
    settings = _settings()

    async def run(_stop: asyncio.Event) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        from actions import big_county
        from bot import app

        async with app.open_runtime(settings, migrate=True) as runtime:
            pack = runtime.packs[county]
            label = TextColumn("{task.description}")
            with Progress(
                label, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console
            ) as bar:
                line = bar.add_task("loans", total=loans)
                try:
                    await big_county.make(
                        pack, loans, seed, runtime.now(), lambda n: bar.update(line, completed=n)
                    )
                except ValueError as error:
                    raise DatabaseError(str(error)) from error

    _run(run)


Files = Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, help="CSV or xlsx files")]
CountyName = Annotated[str, typer.Option(help="pack name; empty: the county whose banks are in the database")]
BankName = Annotated[str, typer.Option(help="name of the bank; empty: as the rows say, or the only one")]


@imports.command("loans")
def import_loans(files: Files, county: CountyName = "", bank: BankName = "") -> None:
    """Import loans; people and schedules come with them. The same file again changes nothing."""
    _import("loans", files, county, bank)


@imports.command("repayments")
def import_repayments(files: Files, county: CountyName = "", bank: BankName = "") -> None:
    """Import repayments by the bank's serial numbers. The same file again changes nothing."""
    _import("repayments", files, county, bank)


@imports.command("template")
def import_template(
    kind: Annotated[str, typer.Argument(help="loans or repayments")],
    out: Annotated[Path, typer.Option("-o", "--out", help="where to write the xlsx file")],
) -> None:
    """Write a workbook to fill in, with notes and drop-downs."""
    from handlers.import_sheets import template
    from rules.columns import TABLES

    if kind not in TABLES:
        raise typer.BadParameter(f"one of {', '.join(TABLES)}", param_hint="KIND")
    out.write_bytes(template(TABLES[kind], {}))
    console.print(f"{out}: {TABLES[kind].title}导入模板", highlight=False)


def _import(kind: str, files: list[Path], county: str, bank: str) -> None:
    settings = _settings()

    async def run(_stop: asyncio.Event) -> bool:
        from bot import app

        async with app.open_runtime(settings) as runtime:
            pack = await _county(runtime, county)
            fine = [await _import_file(runtime, pack, kind, path, bank) for path in files]
        return all(fine)

    if not _run(run):
        raise typer.Exit(1)


async def _county(runtime: Any, name: str) -> Any:
    from actions import import_scope

    if name:
        return runtime.packs[name]
    found = [pack for pack in runtime.packs if (await import_scope.bodies(pack.county))[0]]
    if len(found) != 1:
        names = ", ".join(pack.name for pack in found or runtime.packs)
        raise DatabaseError(f"say which county with --county: {names}")
    return found[0]


async def _import_file(runtime: Any, pack: Any, kind: str, path: Path, bank: str) -> bool:
    """Import one file with a bar; False when nothing of it could be read, or it broke off."""
    import hashlib

    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    from actions import import_run
    from actions import imports as batches
    from bot.errors import RuleRefused
    from handlers.import_sheets import error_lines

    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        try:
            batch = await batches.hand_in_local(pack, kind, bank, path.name, digest, size, runtime.now())
        except RuleRefused as refused:
            raise DatabaseError(refused.message) from refused
        if batch.repeated:
            console.print(f"{path.name}: 这个文件已经导入过，没有变化。", highlight=False)
            return True
        columns = (TextColumn(path.name), BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"))
        with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
            line = bar.add_task("", total=100)
            batch = await import_run.run(
                batch.key, file, pack, runtime.now(),
                lambda seen: bar.update(line, completed=seen.percent, description=f"{seen.rows_read} 行"),
            )  # fmt: skip
    words = f"{path.name}: 读了{batch.rows_read}行，导入{batch.accepted}行，已经有{batch.unchanged}行"
    console.print(f"{words}，没有导入{batch.refused}行。{escape(batch.reason)}", highlight=False)
    if batch.refused:
        result, after = path.with_name(f"{path.stem}.result.csv"), 0
        with result.open("wb") as out:
            out.write(error_lines([], first=True))
            while rows := await batches.row_errors(batch.key, after):
                out.write(error_lines([error for _, error in rows], first=False))
                after = rows[-1][0]
        console.print(f"没有导入的行和原因：{result}", highlight=False, soft_wrap=True)
    return batch.state == "done"


@exports.command("feedback")
def export_feedback(
    month: Annotated[str, typer.Option(help="such as 2026-10")],
    county: CountyName = "",
    bank: Annotated[str, typer.Option(help="name of the bank; empty: all")] = "",
    out: Annotated[Path | None, typer.Option("-o", "--out", help="the xlsx file to write")] = None,
) -> None:
    """Write what was due, repaid and overdue in a month, loan by loan."""
    settings = _settings()

    async def run(_stop: asyncio.Event) -> None:
        import shutil

        from actions import feedback
        from bot import app
        from bot.errors import RuleRefused
        from handlers import import_sheets

        async with app.open_runtime(settings) as runtime:
            pack = await _county(runtime, county)
            try:
                wanted = await feedback.wanted_of(pack.county, month, bank)
            except RuleRefused as refused:
                raise DatabaseError(refused.message) from refused
            with console.status(f"{pack.title} {month} …"):
                title = f"{pack.title} {month} 应还、已还、逾期反馈"
                file, count = await import_sheets.feedback(feedback.rows(wanted), title)
            path = out or Path(f"feedback-{pack.name}-{month}.xlsx")
            with file, path.open("wb") as target:
                shutil.copyfileobj(file, target)
        console.print(f"{path}: {count} 笔", highlight=False)

    _run(run)


@jobs.command("list")
def job_list() -> None:
    """The jobs, when they run, and what they do."""
    from scheduler.jobs import JOBS

    table = Table(box=None, padding=(0, 2))
    for column in ("job", "when (Asia/Shanghai)", "missed slots", "what it does"):
        table.add_column(column)
    for job in JOBS:
        table.add_row(job.name, job.schedule, job.catch_up, (job.run.__doc__ or "").strip().split("\n")[0])
    console.print(table)


@jobs.command("run")
def job_run(
    name: Annotated[str, typer.Argument(help="a name of `tianxin job list`")],
    on: Annotated[str, typer.Option("--on", help="business date: 2026-11-28")],
    county: Annotated[str, typer.Option(help="pack name; empty: every county")] = "",
) -> None:
    """Run one slot by hand, and the jobs that wait for it; a second time changes nothing."""
    from scheduler.jobs import BY_NAME, followers

    settings, day = _settings(), _day(on)
    if name not in BY_NAME:
        raise typer.BadParameter(f"no job {name!r}; there are {', '.join(BY_NAME)}", param_hint="NAME")

    async def run(stop: asyncio.Event) -> None:
        from bot import app

        async with app.open_runtime(settings) as runtime:
            for pack in [runtime.packs[county]] if county else runtime.packs:
                for job in [name, *followers(name)]:
                    await _run_and_show(runtime, job, pack, day)

    _run(run)


async def _run_and_show(runtime: Any, job: str, pack: Any, day: date) -> None:
    """Run one slot with a bar over its parts and what was found so far; at the end one line says it all."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.table import Column

    from scheduler import runner
    from scheduler.jobs import named

    spec = named(job)
    what = (spec.run.__doc__ or "").strip().split("\n")[0]
    console.print(f"[bold]{job}[/] {day}, {pack.title}: {escape(what)}", highlight=False, soft_wrap=True)
    columns = (
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("towns" if spec.parts else "", table_column=Column(no_wrap=True)),
        TimeElapsedColumn(),
        TextColumn("{task.description}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)),
    )
    began = time.monotonic()
    with Progress(
        *columns, console=console, transient=True, expand=True, disable=not console.is_terminal
    ) as bar:
        line = bar.add_task("", total=None)

        def show(done: int, parts: int, so_far: Mapping[str, int]) -> None:
            bar.update(line, completed=done, total=parts, description=_counts(so_far, pack, most=3))

        result = await runner.run_slot(runtime, job, pack.county, day, progress=show)
    words = _counts(result, pack) or "nothing to do"
    console.print(f"  done in {time.monotonic() - began:.1f} s: {words}", highlight=False, soft_wrap=True)


_COUNTED = {
    "loans": "loans looked at",
    "late": "late today",
    "cured": "paid up since yesterday",
    "figures": "figures of places and banks written",
    "disagree": "of the sample NOT as the rule says",
    "noted": "causes of warnings noted",
    "raised": "warnings raised",
    "lowered": "warnings lowered",
    "measures": "tasks opened for warnings",
    "missed_settlements": "people who missed settlements recorded",
    "over_days": "people overdue too long recorded",
    "repeated_overdue": "people overdue again and again recorded",
    "listed": "loans put on the disposal list",
    "reopened": "disposals opened again",
}
"""What jobs count, in words for whoever watches them; what is not here is said by its name."""


def _counts(result: Mapping[str, Any], pack: Any, most: int | None = None) -> str:
    """What was found so far, in words. Of the kinds of notices only those that were planned."""
    titles = {kind: f"notices “{notice.title}”" for kind, notice in pack.notices.items()}
    words = {**titles, **_COUNTED}
    said = [
        f"{count:,} {words.get(what, what)}" if isinstance(count, int) else f"{what} {count}"
        for what, count in result.items()
        if count or what not in titles
    ]
    return ", ".join(said[:most])


def _tally(counts: Mapping[str, int]) -> str:
    """Names with their numbers."""
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"a day looks like 2026-11-28, not {text!r}", param_hint="--on") from None


@staff.command("first")
def staff_first(
    role: Annotated[
        str, typer.Argument(help="system_administrator, safety_administrator, audit_administrator")
    ],
    name: Annotated[str, typer.Option(help="the person's name")],
    phone: Annotated[str, typer.Option(help="the person's mobile number")],
    county: CountyName = "",
) -> None:
    """Register one of a county's three administrators and print the one-time link for his login."""
    from actions import staff_logins

    _print_link(
        county,
        lambda pack, now: staff_logins.first_administrator(pack.county, role, name, phone, pack.centre, now),
    )


@staff.command("invite")
def staff_invite(
    who: Annotated[str, typer.Argument(help="staff number, or mobile number of an officer")],
    county: CountyName = "",
) -> None:
    """Print a new one-time link to set password and authenticator, for who cannot log in any more."""
    from actions import staff_logins

    _print_link(county, lambda pack, now: staff_logins.invite_named(pack.county, who, now))


def _print_link(county: str, invite: Callable[[Any, Any], Coroutine[Any, Any, Any]]) -> None:
    settings = _settings()

    async def run(_stop: asyncio.Event) -> tuple[str, str]:
        from bot import app
        from bot.errors import RuleRefused

        async with app.open_runtime(settings) as runtime:
            pack = runtime.packs[county] if county else await _county(runtime, county)
            try:
                invited = await invite(pack, runtime.now())
            except RuleRefused as refused:
                raise DatabaseError(refused.message) from refused
        return invited.staff_number, f"{settings.base_url()}/console/setup/{invited.token}"

    number, link = _run(run)
    console.print(f"工号 {number}，请本人三天内打开（只能用一次）：", highlight=False)
    console.print(link, highlight=False, soft_wrap=True)


@audit.command("verify")
def audit_verify(
    county: Annotated[str, typer.Option(help="pack name; empty: every county")] = "",
) -> None:
    """Go through the audit chain; exit 1 where an entry was changed, removed, slipped in or moved."""
    settings = _settings()

    async def run(_stop: asyncio.Event) -> bool:
        from actions import audit_chain
        from bot import app

        async with app.open_runtime(settings) as runtime:
            heads = audit_chain.read_heads(settings.audit_heads_path())
            whole = True
            for pack in [runtime.packs[county]] if county else runtime.packs:
                verdict = await audit_chain.verify(pack.county, runtime.now(), heads)
                whole = whole and verdict.whole
                found = "whole" if verdict.whole else "NOT WHOLE"
                console.print(f"{pack.title}: {verdict.links:,} entries, {found}")
                for what, number in verdict.problems[:50]:
                    console.print(f"  {what} {number}", highlight=False)
        return whole

    if not _run(run):
        raise typer.Exit(1)


@cli.command("retention")
def retention_run(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only count what is past its time")] = False,
    county: Annotated[str, typer.Option(help="pack name; empty: every county")] = "",
) -> None:
    """Delete personal data whose time is over, but of nobody under a legal hold."""
    settings = _settings()

    async def run(_stop: asyncio.Event) -> None:
        from actions import retention
        from bot import app

        async with app.open_runtime(settings) as runtime:
            work = retention.due if dry_run else retention.clear
            for pack in [runtime.packs[county]] if county else runtime.packs:
                found = await work(pack.county, pack, runtime.now())
                head = "past its time" if dry_run else "deleted"
                console.print(f"{pack.title}: {head} – {_tally(found)}", highlight=False, soft_wrap=True)

    _run(run)


@cli.command("hold")
def hold(
    person: Annotated[str, typer.Argument(help="key of the person")],
    county: Annotated[str, typer.Option(help="pack name")],
    reason: Annotated[str, typer.Option(help="why: which court, which dispute")] = "",
    lift: Annotated[bool, typer.Option("--lift", help="end the hold")] = False,
) -> None:
    """Keep all data of a person from deletion, or end that."""
    settings = _settings()

    async def run(_stop: asyncio.Event) -> None:
        from actions import own_data
        from bot import app
        from bot.errors import RuleRefused

        async with app.open_runtime(settings) as runtime:
            code = runtime.packs[county].county
            if lift:
                lifted = await own_data.lift_hold(None, person, code, runtime.now())
                console.print("lifted" if lifted else "there is no hold")
                return
            try:
                await own_data.hold(None, person, reason, code, runtime.now())
            except RuleRefused as refused:
                raise DatabaseError(refused.message) from refused
            console.print("held")

    _run(run)


@key_file.command("rotate")
def keys_rotate(
    at_once: Annotated[
        bool, typer.Option("--at-once", help="add the key and use it in one go: nothing else is running")
    ] = False,
) -> None:
    """First call: add a new key. After a restart of every process, second call: use it and seal all anew.

    A call after one that was broken off goes on with what it left.
    """
    from bot import keys

    settings = _settings()
    path = Path(settings.keys) if settings.keys else Path(settings.var) / "keys.toml"

    async def count(_stop: asyncio.Event) -> Mapping[str, int]:
        from actions import resealing
        from bot import app

        async with app.open_runtime(settings) as runtime:
            return await resealing.left(runtime.files)

    file = keys.load(path)
    if max(file.data_keys) == file.current and not (len(file.data_keys) > 1 and _run(count)):
        file = keys.add(path)
        if not at_once:
            console.print(f"key {max(file.data_keys)} is in {path.name}, not used yet.")
            console.print("Copy the file, restart every process, then run this once more.")
            return
    file = keys.use_newest(path)

    async def run(_stop: asyncio.Event) -> Mapping[str, int]:
        from actions import resealing
        from bot import app

        async with app.open_runtime(settings) as runtime:
            with console.status("") as status:
                done = await resealing.reseal(
                    runtime.files, runtime.now(), lambda place, count: status.update(f"{place} {count:,}")
                )
            console.print(
                f"key {file.current} is used; sealed anew: {_tally(done) or 'nothing'}", highlight=False
            )
            return await resealing.left(runtime.files)

    if left := _run(run):
        console.print(f"still under older keys: {_tally(left)}. Is a process running with the old file?")
        raise typer.Exit(1)


@policy.command("explain")
def policy_explain(
    key: Annotated[str, typer.Argument(help="such as application.term_max_months; empty: all keys")] = "",
    county: Annotated[str, typer.Option(help="pack name")] = "changge",
    on: Annotated[str, typer.Option(help="the day; default today")] = "",
) -> None:
    """A value of a pack, the passage it comes from, and where it is used."""
    from bot.runtime import Clock
    from policies import load_packs

    settings = Settings.from_environment()
    pack = load_packs(Path(settings.policy_dir) if settings.policy_dir else None)[county]
    if not key:
        console.print("\n".join(pack.keys()))
        return
    found = pack.explain(key, _day(on) if on else Clock().today())
    table = Table(box=None, show_header=False, padding=(0, 2))
    for row in ("key", "name", "value", "source", "text", "note", "origin", "used_by"):
        table.add_row(row, str(getattr(found, row)))
    console.print(table)


@cli.command()
def shell(
    as_: Annotated[str, typer.Option("--as", help="openid of the person who talks")],
    account: Annotated[str, typer.Option(help="account name; default: the first service account")] = "",
    record: Annotated[Path | None, typer.Option(help="write a transcript")] = None,
    replay: Annotated[
        Path | None, typer.Option(help="check a transcript; exit 1 where an answer differs")
    ] = None,
) -> None:
    """Talk to the bot in the terminal, through the real pipeline."""
    from bot import shell as terminal

    settings = _settings()
    code = _run(lambda stop: terminal.run(settings, as_, account, record, replay, console))
    raise typer.Exit(code)


if __name__ == "__main__":
    main()
