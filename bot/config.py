"""Settings from the environment, each with its help text. Refuses to start when something is wrong."""

from __future__ import annotations

import base64
import binascii
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from bot import failpoints
from bot.errors import TianxinError

SHANGHAI = ZoneInfo("Asia/Shanghai")
WECHAT_API = "https://api.weixin.qq.com"


class ConfigError(TianxinError):
    """A setting is missing or wrong; the message names it and says what to do."""


@dataclass(frozen=True)
class Account:
    """One official account or mini-program of one county, as in accounts.toml."""

    name: str
    kind: Literal["service", "mini_program"]
    county: str
    appid: str
    secret: str
    token: str
    aes_key: str
    previous_aes_key: str = ""
    original_id: str = ""
    templates: Mapping[str, str] = field(default_factory=dict)
    """Notice template name -> WeChat template id."""


def _setting(default: str, help_text: str) -> str:
    return field(default=default, metadata={"help": help_text})


@dataclass(frozen=True)
class Settings:
    """Every setting of the program. `Settings.from_environment()` reads TIANXIN_<NAME>."""

    database_url: str = _setting("", "PostgreSQL 15 or newer; empty: an embedded server in var/")
    redis_url: str = _setting("", "Redis; empty: a stand-in inside the process")
    wechat_api: str = _setting(WECHAT_API, "Base address of WeChat's API, used for tokens too")
    accounts: str = _setting("", "Path of accounts.toml")
    policy_dir: str = _setting("", "Folder of county packs; empty: the packs that come with the program")
    keys: str = _setting("", "Key file; outside demo it must exist and be strong")
    host: str = _setting("127.0.0.1", "Address to listen on")
    port: str = _setting("8080", "Port to listen on")
    env: str = _setting(
        "production", "demo or production; production refuses plain-mode pushes and weak keys"
    )
    now: str = _setting("", "Demo only: the clock starts at this instant (2026-11-28T09:00) and runs on")
    var: str = _setting("var", "Folder for the embedded database, keys of the demo and uploaded files")
    pool: str = _setting("10", "Most database connections of one process")
    health_port: str = _setting(
        "",
        "Port of /healthz, /readyz and /metrics of a worker or scheduler; empty: none",
    )
    failpoint: str = _setting("", "Demo only: the process kills itself at the nth time of a gap: called:5")
    audit_heads: str = _setting(
        "", "File for the daily head of the audit chain, best on another machine; empty: in var/"
    )
    bureau_url: str = _setting("", "Base address of the credit register's gateway; empty: own books only")
    bureau_token: str = _setting("", "Bearer token for the credit register's gateway")
    public_url: str = _setting("", "Address of this server as phones see it; empty: http://HOST:PORT")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read TIANXIN_* and check them. Raises ConfigError naming the wrong setting."""
        environ = os.environ if environ is None else environ
        known = {f"TIANXIN_{f.name.upper()}": f.name for f in fields(cls)}
        unknown = sorted(k for k in environ if k.startswith("TIANXIN_") and k not in known)
        unknown = [k for k in unknown if not k.startswith("TIANXIN_TEST_")]
        if unknown:
            raise ConfigError(f"unknown setting {unknown[0]}; known: {', '.join(sorted(known))}")
        settings = cls(**{name: environ[key] for key, name in known.items() if key in environ})
        settings.check()
        return settings

    def check(self) -> None:
        """Raise ConfigError when a value cannot be used."""
        if self.env not in ("demo", "production"):
            raise ConfigError(f"TIANXIN_ENV must be demo or production, not {self.env!r}")
        if not self.port.isdigit() or not 0 <= int(self.port) <= 65535:
            raise ConfigError(f"TIANXIN_PORT must be a port number, not {self.port!r}")
        if not self.pool.isdigit() or not 2 <= int(self.pool) <= 500:
            raise ConfigError(f"TIANXIN_POOL must be a number from 2 to 500, not {self.pool!r}")
        if self.health_port and not (self.health_port.isdigit() and int(self.health_port) <= 65535):
            raise ConfigError(f"TIANXIN_HEALTH_PORT must be a port number, not {self.health_port!r}")
        if self.failpoint and self.env != "demo":
            raise ConfigError("TIANXIN_FAILPOINT kills the process and is allowed only with TIANXIN_ENV=demo")
        try:
            failpoints.read(self.failpoint)
        except ValueError as error:
            raise ConfigError(f"TIANXIN_FAILPOINT must look like called:5, not {self.failpoint!r}") from error
        if self.now and self.env != "demo":
            raise ConfigError("TIANXIN_NOW moves the clock and is allowed only with TIANXIN_ENV=demo")
        if self.now:
            try:
                self.starts_at()
            except ValueError as error:
                raise ConfigError(f"TIANXIN_NOW must look like 2026-11-28T09:00, not {self.now!r}") from error
        if self.database_url and not self.database_url.startswith(("postgres://", "postgresql://")):
            raise ConfigError("TIANXIN_DATABASE_URL must start with postgres://")

    @property
    def demo(self) -> bool:
        return self.env == "demo"

    def starts_at(self) -> datetime | None:
        """The instant the demo clock starts at; a time without offset is Asia/Shanghai."""
        if not self.now:
            return None
        moment = datetime.fromisoformat(self.now)
        return moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)

    @property
    def pool_size(self) -> int:
        return int(self.pool)

    def audit_heads_path(self) -> Path:
        return Path(self.audit_heads or Path(self.var) / "audit-heads.jsonl")

    def base_url(self) -> str:
        return self.public_url or f"http://{self.host}:{self.port}"


def load_accounts(path: str | Path) -> dict[str, Account]:
    """Read accounts.toml: name -> Account. Raises ConfigError on a missing or unknown key."""
    try:
        rows = tomllib.loads(Path(path).read_text(encoding="utf-8")).get("account", [])
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"accounts file {path}: {error}") from error
    accounts: dict[str, Account] = {}
    for number, row in enumerate(rows, 1):
        try:
            account = Account(**row)
        except TypeError as error:
            raise ConfigError(f"accounts file {path}, account {number}: {error}") from error
        if len(account.aes_key) != 43:
            raise ConfigError(
                f"accounts file {path}, account {account.name}: aes_key must have 43 characters"
            )
        if account.name in accounts:
            raise ConfigError(f"accounts file {path}: account {account.name} stands twice")
        accounts[account.name] = account
    return accounts


def _is_aes_key(text: str, *, optional: bool) -> bool:
    """EncodingAESKey: 43 base64 signs that stand for 32 bytes."""
    if not text:
        return optional
    try:
        return len(base64.b64decode(text + "=", validate=True)) == 32
    except binascii.Error:
        return False
