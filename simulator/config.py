"""What a simulator is started with: accounts, files, and the switches for behaviour nobody has confirmed."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

KINDS = ("service", "mini_program")
PUSH_MODES = ("plain", "compatible", "safe")
PUSH_FORMATS = ("xml", "json")
IGNORED_KEYS = frozenset({"county", "previous_aes_key", "verify"})


class ConfigError(Exception):
    """An account or a switch is wrong; the message names it."""


@dataclass(frozen=True)
class Template:
    """A template of an account. `keys` maps a typed key to its label; None: any typed key is taken."""

    id: str
    title: str = ""
    keys: Mapping[str, str] | None = None
    long_term: bool = False
    const_values: Mapping[str, list[str]] = field(default_factory=dict)

    def listed(self) -> dict[str, Any]:
        return {"id": self.id, "title": self.title, "keys": self.keys, "long_term": self.long_term}


@dataclass
class AccountConfig:
    """One service account or mini-program, as in the accounts file."""

    name: str
    appid: str
    secret: str
    kind: str = "service"
    token: str = ""
    aes_key: str = ""
    original_id: str = ""
    title: str = ""
    push_url: str = ""
    push_mode: str = "safe"
    push_format: str = "xml"
    open_platform: str = ""
    ip_whitelist: list[str] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)
    trial_pages: list[str] = field(default_factory=list)
    linked_mini_programs: list[str] = field(default_factory=list)
    oauth_domains: list[str] = field(default_factory=list)
    quotas: dict[str, int] = field(default_factory=dict)
    sandbox: bool = False
    secret_frozen: bool = False
    frozen: bool = False
    templates: dict[str, Template] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.original_id:
            self.original_id = "gh_" + hashlib.sha256(self.appid.encode()).hexdigest()[:12]
        self.check()

    def check(self) -> None:
        """Raise ConfigError when the account cannot be played."""
        _one_of(self.name, "kind", self.kind, KINDS)
        _one_of(self.name, "push_mode", self.push_mode, PUSH_MODES)
        _one_of(self.name, "push_format", self.push_format, PUSH_FORMATS)
        if self.push_format == "json" and self.kind != "mini_program":
            raise ConfigError(f"account {self.name}: only a mini_program can be pushed json")
        if self.push_url and self.push_mode != "plain" and len(self.aes_key) != 43:
            raise ConfigError(
                f"account {self.name}: push_mode {self.push_mode} needs an aes_key of 43 characters"
            )


def _one_of(name: str, key: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ConfigError(f"account {name}: {key} must be one of {', '.join(allowed)}, not {value!r}")


def read_templates(row: Mapping[str, Any]) -> dict[str, Template]:
    """Templates of an account row: `template` (detailed) and `templates` (name -> id)."""
    found = {tid: Template(id=tid, title=name) for name, tid in dict(row.get("templates") or {}).items()}
    for entry in row.get("template") or []:
        try:
            template = Template(**entry)
        except TypeError as error:
            raise ConfigError(f"account {row.get('name')}: template: {error}") from error
        found[template.id] = template
    return found


def account_values(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row's values by AccountConfig field. Raises ConfigError on a key nobody knows."""
    known = {f.name: f for f in fields(AccountConfig)}
    values = {k: v for k, v in row.items() if k not in IGNORED_KEYS and k not in ("template", "templates")}
    for key, value in values.items():
        if key not in known:
            raise ConfigError(f"account {row.get('name')}: unknown key {key!r}")
        wanted = str(known[key].type).split("[")[0]
        if not isinstance(value, {"str": str, "bool": bool, "list": list, "dict": dict}[wanted]):
            raise ConfigError(f"account {row.get('name')}: {key} must be a {wanted}")
    if "template" in row or "templates" in row:
        values["templates"] = read_templates(row)
    return values


def read_account(row: Mapping[str, Any]) -> AccountConfig:
    """One account from a row of the file or of `POST /admin/accounts`."""
    values = account_values(row)
    for key in ("name", "appid", "secret"):
        if not values.get(key):
            raise ConfigError(f"account {row.get('name') or '?'}: {key} is missing")
    return AccountConfig(**values)


def load_accounts(path: str | Path) -> list[AccountConfig]:
    """Accounts of a TOML file. Raises ConfigError naming what is wrong."""
    try:
        rows = tomllib.loads(Path(path).read_text(encoding="utf-8")).get("account", [])
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"accounts file {path}: {error}") from error
    return [read_account(row) for row in rows]


def _switch(default: Any, about: str) -> Any:
    return field(default=default, metadata={"about": about})


@dataclass
class Switches:
    """Behaviour that is not confirmed, and conditions to test under. Each can be changed while running."""

    # Tokens
    token_superseded_code: int = _switch(40001, "errcode for a token replaced more than 5 minutes ago")
    token_expired_code: int = _switch(42001, "errcode for a token past its 7200 s")
    token_unknown_code: int = _switch(40001, "errcode for a token never given out")
    token_malformed_code: int = _switch(40014, "errcode for a token with characters no token has")
    wrong_secret_code: int = _switch(
        40125, "errcode of the token calls for a wrong secret (40001 is also seen)"
    )
    token_seconds: int = _switch(7200, "life of an access_token")
    overlap_seconds: int = _switch(300, "how long the old and the new token work together")
    ticket_fresh_expiry: bool = _switch(
        False, "getticket tells the remaining seconds; off: always 7200, as observed"
    )
    clear_quota_code: int = _switch(48006, "errcode when the ten clear_quota of the month are used")
    # Sending
    unknown_template: str = _switch("refuse", "template not of the account: refuse (40037) or accept")
    unknown_data_keys: str = _switch("ignore", "keys the template does not have: ignore or refuse (47003)")
    client_msg_id_duplicate: str = _switch(
        "same", "answer to a repeat: same msgid, new msgid, or an errcode as text"
    )
    client_msg_id_seconds: int = _switch(600, "how long a client_msg_id is remembered")
    client_msg_id_max: int = _switch(0, "longest client_msg_id (else 40008); 0: no limit")
    template_per_user_day: int = _switch(0, "template messages a user takes a day before 43117; 0: no limit")
    grant_used_on_refusal: bool = _switch(False, "a one-time grant is used up by a send refused with 47003")
    amount_digits: int = _switch(10, "digits allowed in amount (10, category templates 12)")
    custom_quota_adds_up: bool = _switch(False, "customer-message quotas of several actions add up")
    custom_after_message: int = _switch(5, "customer messages after a user message (20 before June 2023)")
    system_busy_probability: float = _switch(0.0, "share of sends answered -1 system busy")
    image_max_bytes: int = _switch(
        10 * 1024 * 1024, "largest image upload (10 MB; the same page also says 2 MB)"
    )
    thumb_key: str = _switch("thumb_media_id", "key that answers an upload of type thumb (or media_id)")
    qr_default_seconds: int = _switch(60, "life of a temporary QR code without expire_seconds")
    # Receipts
    receipts: str = _switch("once", "TEMPLATESENDJOBFINISH and the like: once, twice or never")
    receipt_delay_seconds: list[float] = field(
        default_factory=lambda: [0.2, 1.0],
        metadata={"about": "delivery comes so long after acceptance [from, to]"},
    )
    receipt_failure_probability: float = _switch(0.0, "share of messages that fail after acceptance")
    receipt_failure_status: str = _switch("failed: system failed", "their Status")
    receipt_concurrency: int = _switch(50, "platform events pushed at the same time")
    # Pushing
    push_timeout_seconds: float = _switch(5.0, "how long one try may take")
    push_tries: int = _switch(3, "tries for one push")
    push_retry_renews: bool = _switch(False, "each try has its own timestamp and nonce")
    push_retry_bad_answer: bool = _switch(False, "an unusable answer (not only silence) is tried again")
    push_duplicates: int = _switch(0, "every push is repeated so many times though it was answered")
    push_out_of_order: bool = _switch(False, "platform events waiting together go out last first")
    push_delay_seconds: float = _switch(0.0, "pause before each push")
    markfail_after: int = _switch(5, "failed pushes in a row until MarkFail; 0: never")
    markfail_seconds: int = _switch(60, "length of the silence after MarkFail")
    markfail_pushes: str = _switch("lost", "pushes during MarkFail: lost or queued until its end")
    long_reply: str = _switch("unavailable", "passive text over 2048 bytes: unavailable, truncate or drop")
    json_lists: str = _switch(
        "observed", "lists in JSON events: observed (object when single) or official (array)"
    )
    voice_recognition: bool = _switch(True, "voice messages carry Recognition")
    # Content check
    sec_words: list[str] = field(
        default_factory=lambda: ["赌博", "刷单", "色情", "套现"],
        metadata={"about": "words that msg_sec_check finds risky"},
    )
    sec_needs_visit: bool = _switch(
        True, "msg_sec_check answers 61010 unless the person logged in within 2 hours"
    )
    # Journal
    fsync: bool = _switch(False, "the journal is forced to the disk before the answer")

    def change(self, values: Mapping[str, Any]) -> None:
        """Set some switches. Raises ConfigError for an unknown one or a value of another type."""
        known = {f.name for f in fields(self)}
        checked: dict[str, Any] = {}
        for name, value in values.items():
            if name not in known:
                raise ConfigError(f"unknown switch {name!r}")
            checked[name] = _fitting(name, getattr(self, name), value)
        for name, value in checked.items():
            setattr(self, name, value)

    def listed(self) -> dict[str, Any]:
        return asdict(self)


CHOICES: dict[str, tuple[str, ...]] = {
    "unknown_template": ("refuse", "accept"),
    "unknown_data_keys": ("ignore", "refuse"),
    "receipts": ("once", "twice", "never"),
    "markfail_pushes": ("lost", "queued"),
    "long_reply": ("unavailable", "truncate", "drop"),
    "json_lists": ("observed", "official"),
    "thumb_key": ("thumb_media_id", "media_id"),
}


def _fitting(name: str, present: Any, value: Any) -> Any:
    if isinstance(present, float) and type(value) is int:
        value = float(value)
    if name == "client_msg_id_duplicate":
        value = str(value)
    if type(value) is not type(present):
        raise ConfigError(f"switch {name} must be a {type(present).__name__}")
    if name in CHOICES and value not in CHOICES[name]:
        raise ConfigError(f"switch {name} must be one of {', '.join(CHOICES[name])}")
    if name == "receipt_delay_seconds" and not (len(value) == 2 and 0 <= value[0] <= value[1]):
        raise ConfigError("switch receipt_delay_seconds must be [from, to]")
    if name == "client_msg_id_duplicate" and value not in ("same", "new") and not value.isdigit():
        raise ConfigError("switch client_msg_id_duplicate must be same, new or an errcode")
    return value


def switches_about() -> dict[str, str]:
    """A sentence for each switch."""
    return {f.name: str(f.metadata["about"]) for f in fields(Switches)}


@dataclass
class SimulatorConfig:
    """Everything a simulator is started with."""

    accounts: list[AccountConfig] = field(default_factory=list)
    switches: Mapping[str, Any] = field(default_factory=dict)
    log_path: str = ""
    media_dir: str = ""
    assets_dir: str = ""
    at: str = ""
    seed: int = 1
    keep: int = 200_000
    """How many pushes and chat entries are kept in memory."""
    on_clock: Callable[[float], Awaitable[None]] | None = None
    """For a program around it: told the new unix time of a moved clock, before what fell due is sent."""
    on_reset: Callable[[], Awaitable[None]] | None = None
    """For a program around it: awaited after a reset, to put its people and menus back."""
    places: list[dict[str, Any]] = field(default_factory=list)
    """Places the phone page offers: label, lat, lng."""
    links: list[dict[str, str]] = field(default_factory=list)
    """Pages of the program around it that the phone page leads to: title, url."""
