"""Settings, accounts and keys: what is wrong is named before anything starts."""

from __future__ import annotations

import stat
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot import keys
from bot.config import ConfigError, Settings, load_accounts
from bot.runtime import Clock, business_date

ACCOUNT = """
[[account]]
name = "changge"
kind = "service"
county = "411082"
appid = "wx1"
secret = "s"
token = "t"
aes_key = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
"""


def test_defaults_are_those_of_production() -> None:
    settings = Settings.from_environment({})
    assert (settings.env, settings.demo, settings.pool_size) == ("production", False, 10)


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"TIANXIN_PROT": "80"}, "TIANXIN_PROT"),
        ({"TIANXIN_ENV": "test"}, "TIANXIN_ENV"),
        ({"TIANXIN_PORT": "80a"}, "TIANXIN_PORT"),
        ({"TIANXIN_HEALTH_PORT": "70000"}, "TIANXIN_HEALTH_PORT"),
        ({"TIANXIN_FAILPOINT": "called:1"}, "TIANXIN_FAILPOINT"),
        ({"TIANXIN_ENV": "demo", "TIANXIN_FAILPOINT": "called:x"}, "TIANXIN_FAILPOINT"),
        ({"TIANXIN_PORT": "70000"}, "TIANXIN_PORT"),
        ({"TIANXIN_NOW": "2026-11-28T09:00"}, "TIANXIN_NOW"),
        ({"TIANXIN_NOW": "soon", "TIANXIN_ENV": "demo"}, "TIANXIN_NOW"),
        ({"TIANXIN_DATABASE_URL": "mysql://x"}, "TIANXIN_DATABASE_URL"),
        ({"TIANXIN_POOL": "1"}, "TIANXIN_POOL"),
    ],
)
def test_a_wrong_setting_is_named(environ: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        Settings.from_environment(environ)


def test_a_time_without_offset_is_beijing_time() -> None:
    settings = Settings.from_environment({"TIANXIN_ENV": "demo", "TIANXIN_NOW": "2026-11-28T09:00"})
    starts_at = settings.starts_at()
    assert starts_at is not None
    assert starts_at.astimezone(UTC) == datetime(2026, 11, 28, 1, 0, tzinfo=UTC)


def test_the_demo_clock_starts_there_and_runs_on() -> None:
    clock = Clock(datetime(2026, 11, 28, 1, 0, tzinfo=UTC))
    assert 0 <= (clock.now() - datetime(2026, 11, 28, 1, 0, tzinfo=UTC)).total_seconds() < 5
    clock.move_to(datetime(2027, 3, 19, 16, 0, tzinfo=UTC))
    assert clock.today().isoformat() == "2027-03-20"


def test_the_business_date_changes_at_midnight_in_shanghai() -> None:
    """T2: 23:59:59.999 is still today, whatever the server's own zone."""
    assert business_date(datetime(2026, 11, 28, 15, 59, 59, 999_000, tzinfo=UTC)).isoformat() == "2026-11-28"
    assert business_date(datetime(2026, 11, 28, 16, 0, tzinfo=UTC)).isoformat() == "2026-11-29"


def test_accounts_are_read_from_their_file(tmp_path: Path) -> None:
    file = tmp_path / "accounts.toml"
    file.write_text(ACCOUNT)
    assert load_accounts(file)["changge"].county == "411082"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[account]]\nname =", "accounts file"),
        ('[[account]]\nname = "x"\nkindd = "service"', "account 1"),
        (ACCOUNT.replace("EFG", "EF"), "aes_key"),
        (ACCOUNT + ACCOUNT, "stands twice"),
    ],
)
def test_a_wrong_accounts_file_is_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "accounts.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=said):
        load_accounts(file)


def test_keys_are_made_once_and_only_their_owner_can_read_them(tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    made = keys.load_or_create(file, may_create=True)
    assert keys.load(file) == made
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        keys.create(file)


def test_missing_keys_are_refused_outside_the_demo(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="TIANXIN_KEYS"):
        keys.load_or_create(tmp_path / "keys.toml", may_create=False)


KEY_FILE = 'current = {current}\n{name} = "{index}"\n\n[data_keys]\n1 = "{data}"\n'
GOOD = {"current": 1, "name": "index_key", "index": b64encode(bytes(range(32))).decode()}
DATA = b64encode(bytes(range(100, 132))).decode()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"current": 2}, "current"),
        ({"name": "index"}, "not a key file"),
        ({"data": "AAAA"}, "32 bytes"),
        ({"data": "?"}, "base64"),
        ({"data": b64encode(bytes(32)).decode()}, "not random"),
        ({"data": GOOD["index"]}, "stands twice"),
    ],
)
def test_a_weak_or_broken_key_file_is_refused(tmp_path: Path, change: dict[str, object], said: str) -> None:
    file = tmp_path / "keys.toml"
    file.touch(0o600)
    file.write_text(KEY_FILE.format(**{**GOOD, "data": DATA, **change}))
    with pytest.raises(ConfigError, match=said):
        keys.load(file)


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    keys.create(file)
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        keys.load(file)
