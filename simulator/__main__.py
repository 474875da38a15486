"""`python -m simulator`: a WeChat platform on this machine."""

from __future__ import annotations

import argparse
import gc
import socket
import sys
from collections.abc import Sequence

from aiohttp import web

from simulator.app import create_simulator
from simulator.clock import parse_instant
from simulator.config import (
    AccountConfig,
    ConfigError,
    SimulatorConfig,
    Switches,
    load_accounts,
    read_account,
    switches_about,
)

DEMO_SECRETS = {
    "secret": "demo-secret",
    "token": "demo-token",
    "aes_key": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
    "open_platform": "demo",
}


def demo_accounts() -> list[AccountConfig]:
    """Two accounts to try things with."""
    rows = (("demo", "service", "wxdemo0000000001"), ("demo_mini", "mini_program", "wxdemo0000000002"))
    return [
        read_account({"name": name, "kind": kind, "appid": appid, **DEMO_SECRETS})
        for name, kind, appid in rows
    ]


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m simulator", description="A WeChat platform on this machine."
    )
    made.add_argument("--host", default="127.0.0.1")
    made.add_argument("--port", type=int, default=9000)
    made.add_argument("--accounts", default="", help="TOML file with [[account]] tables")
    made.add_argument("--log", default="", help="journal: one JSON line for each accepted message")
    made.add_argument("--fsync", action="store_true", help="force the journal to the disk before each answer")
    made.add_argument("--media", default="", help="folder for uploaded bytes")
    made.add_argument("--assets", default="", help="folder served at /sim/vendor/")
    made.add_argument("--at", default="", help="the platform clock starts at this instant")
    made.add_argument("--seed", type=int, default=1, help="seed of delays and failures")
    made.add_argument("--switches", action="store_true", help="print the switches and stop")
    return made


def read_config(arguments: argparse.Namespace) -> SimulatorConfig:
    """The configuration of a command line. Raises ConfigError."""
    if arguments.at:
        try:
            parse_instant(arguments.at)
        except ValueError as error:
            raise ConfigError(f"--at must look like 2026-11-28T09:00, not {arguments.at!r}") from error
    return SimulatorConfig(
        accounts=load_accounts(arguments.accounts) if arguments.accounts else demo_accounts(),
        switches={"fsync": True} if arguments.fsync else {},
        log_path=arguments.log,
        media_dir=arguments.media,
        assets_dir=arguments.assets,
        at=arguments.at,
        seed=arguments.seed,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run until interrupted; 2 when the command line is wrong."""
    arguments = parser().parse_args(argv)
    if arguments.switches:
        defaults = Switches().listed()
        for name, about in switches_about().items():
            sys.stdout.write(f"{name} = {defaults[name]!r}\n    {about}\n")
        return 0
    try:
        config = read_config(arguments)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    try:
        run(config, arguments.host, arguments.port)
    except OSError as error:
        sys.stderr.write(f"cannot listen on {arguments.host}:{arguments.port}: {error.strerror}\n")
        return 1
    return 0


def run(config: SimulatorConfig, host: str, port: int) -> None:
    """Serve until interrupted, on uvloop where it is installed."""
    try:
        import uvloop
    except ImportError:
        loop = None
    else:
        loop = uvloop.new_event_loop()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)  # messages are kept, so looking through them often finds nothing to free
    names = ", ".join(f"{account.name} ({account.appid})" for account in config.accounts)
    with socket.create_server((host, port)) as listening:
        port = listening.getsockname()[1]
        sys.stdout.write(f"simulator at http://{host}:{port}/ with {names}; phone page at /sim/\n")
        sys.stdout.flush()
        web.run_app(create_simulator(config), sock=listening, access_log=None, print=None, loop=loop)


if __name__ == "__main__":
    sys.exit(main())
