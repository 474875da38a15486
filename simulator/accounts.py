"""An account while it runs: its users, tokens, counters, menus and tags."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from typing import Any

from simulator.clock import BEIJING, beijing_day, iso
from simulator.config import AccountConfig, Switches
from simulator.errors import ApiError
from simulator.people import Person, User, openid_of

DAILY: dict[str, int] = {
    "/cgi-bin/token": 2_000,
    "/cgi-bin/stable_token": 500_000,
    "/cgi-bin/ticket/getticket": 10_000,
    "/cgi-bin/message/template/send": 100_000,
    "/cgi-bin/message/subscribe/send": 10_000_000,
    "/cgi-bin/message/subscribe/bizsend": 100_000,
    "/cgi-bin/message/custom/send": 500_000,
    "/cgi-bin/message/mass/send": 100,
    "/cgi-bin/menu/create": 1_000,
    "/cgi-bin/menu/get": 10_000,
    "/cgi-bin/menu/delete": 1_000,
    "/cgi-bin/menu/addconditional": 2_000,
    "/cgi-bin/menu/delconditional": 2_000,
    "/cgi-bin/menu/trymatch": 20_000,
    "/cgi-bin/user/info": 5_000_000,
    "/cgi-bin/user/get": 500,
    "/cgi-bin/media/upload": 100_000,
    "/cgi-bin/media/get": 200_000,
    "/cgi-bin/qrcode/create": 100_000,
    "/wxa/msg_sec_check": 2_000_000,
}
MINUTELY: dict[str, int] = {
    "/cgi-bin/stable_token": 10_000,
    "/cgi-bin/message/mass/send": 60,
    "/wxa/msg_sec_check": 4_000,
    "/sns/oauth2/access_token": 50_000,
}
CLEARS_A_MONTH = 10
PATH_CLEARS_A_MONTH = 50
FORCED_A_DAY = 20
FORCED_APART = 30


@dataclass(slots=True, eq=False)
class Token:
    """An access token: dead at `expires`, or earlier at `dies` when it was replaced."""

    text: str
    account: Account
    expires: float
    dies: float | None = None

    def seconds_left(self, now: float) -> int:
        return int(self.expires - now + 0.001)


@dataclass
class Conditional:
    """A menu for people with a tag."""

    menuid: int
    button: list[dict[str, Any]]
    rule: dict[str, Any]


class Account:
    """One account of the platform and everything it owns."""

    def __init__(self, config: AccountConfig) -> None:
        self.config = replace(config, templates=dict(config.templates))
        self.appid = config.appid
        self.users: dict[str, User] = {}
        self.forget()

    def forget(self) -> None:
        """Back to the state of an account nobody has used."""
        self.users.clear()
        self.plain_token: Token | None = None
        self.stable_token: Token | None = None
        self.forced: list[float] = []
        self.usage: dict[str, int] = {}
        self.usage_day = 0
        self.minutes: dict[str, tuple[int, int]] = {}
        self.clears: dict[str, int] = {}
        self.tickets: dict[str, tuple[str, float]] = {}
        self.client_ids: dict[tuple[str, str], tuple[float, int, int]] = {}
        self.mass_ids: dict[str, tuple[float, int]] = {}
        self.menu: list[dict[str, Any]] | None = None
        self.menuid = 0
        self.conditionals: list[Conditional] = []
        self.tags: dict[int, str] = {2: "星标组"}
        self.fail_streak = 0
        self.marked_until = 0.0
        self.alarms: list[dict[str, Any]] = []

    @property
    def name(self) -> str:
        return self.config.name

    # People

    def meet(self, person: Person) -> User:
        """The user record of a person, made at the first meeting."""
        openid = openid_of(self.appid, person.id)
        user = self.users.get(openid)
        if user is None:
            user = User(self, person, openid)
            self.users[openid] = user
        return user

    def tag_id(self, name: str) -> int:
        """Id of the tag with that name, made when missing."""
        for number, known in self.tags.items():
            if known == name:
                return number
        number = max(max(self.tags), 99) + 1
        self.tags[number] = name
        return number

    # Quotas

    def daily_limit(self, path: str) -> int | None:
        """Calls a day allowed on a path, None when unlimited."""
        limit = self.config.quotas.get(path)
        if limit is not None:
            return limit
        limit = DAILY.get(path)
        return limit if limit is None or not self.config.sandbox else max(1, limit // 10)

    def count(self, path: str, now: float) -> None:
        """Count one call. Raises 45009 or 45011 when the day's or the minute's quota is used up."""
        day = int(now + 28_800) // 86_400
        if day != self.usage_day:
            self.usage = {}
            self.usage_day = day
        used = self.usage.get(path, 0)
        limit = self.daily_limit(path)
        if limit is not None and used >= limit:
            raise ApiError(45009)
        if path in MINUTELY:
            self._count_minute(path, path, MINUTELY[path], now)
        self.usage[path] = used + 1

    def _count_minute(self, key: str, path: str, limit: int, now: float) -> None:
        minute = int(now) // 60
        last, used = self.minutes.get(key, (minute, 0))
        used = used if last == minute else 0
        if used >= limit:
            raise ApiError(45011)
        self.minutes[key] = (minute, used + 1)

    def count_for(self, user: User, path: str, limit: int, now: float) -> None:
        """Count one call of a user against a limit per minute. Raises 45011."""
        self._count_minute(f"{path} {user.openid}", path, limit, now)

    def used_today(self, path: str, now: float) -> int:
        return self.usage.get(path, 0) if self.usage_day == beijing_day(now) else 0

    def clear_quota(self, now: float, switches: Switches) -> None:
        """Zero the day's counters; ten times a month. Raises when they are used."""
        self._count_clear("all", now, CLEARS_A_MONTH, switches)
        self.usage.clear()

    def clear_path(self, path: str, now: float, switches: Switches) -> None:
        self._count_clear("path", now, PATH_CLEARS_A_MONTH, switches)
        self.usage.pop(path, None)

    def _count_clear(self, kind: str, now: float, limit: int, switches: Switches) -> None:
        key = f"{kind} {iso(now)[:7]}"
        if self.clears.get(key, 0) >= limit:
            raise ApiError(switches.clear_quota_code, None if switches.clear_quota_code == 48006 else "")
        self.clears[key] = self.clears.get(key, 0) + 1

    # Menus

    def menu_for(self, user: User | None) -> tuple[int, list[dict[str, Any]]]:
        """Menu id and buttons a user sees: by the tag put on last, newest menu first, else the default."""
        for tag in reversed(user.tags if user else []):
            for menu in reversed(self.conditionals):
                if str(menu.rule.get("tag_id") or menu.rule.get("group_id") or "") == str(tag):
                    return menu.menuid, menu.button
        return self.menuid, self.menu or []

    def alarm(self, now: float, kind: str, detail: str) -> None:
        """Keep an alarm as the platform would send it to the account's operators."""
        self.alarms = [*self.alarms[-99:], {"at": iso(now), "type": kind, "detail": detail}]

    def listed(self, now: float) -> dict[str, Any]:
        config = self.config
        shown = (
            "name",
            "title",
            "kind",
            "appid",
            "original_id",
            "push_url",
            "push_mode",
            "push_format",
            "open_platform",
        )
        return {
            **{key: getattr(config, key) for key in shown},
            "templates": [template.listed() for template in config.templates.values()],
            "menu": {"menuid": self.menuid, "button": self.menu or []},
            "usage": self.usage if self.usage_day == beijing_day(now) else {},
            "users": len(self.users),
            "marked_failed_until": iso(self.marked_until) if self.marked_until > now else None,
            "alarms": self.alarms,
        }


@dataclass
class Tokens:
    """All access tokens of the platform, with the life of both kinds."""

    switches: Switches
    by_text: dict[str, Token] = field(default_factory=dict)

    def _issue(self, account: Account, now: float) -> Token:
        if len(self.by_text) > 10_000:
            self.by_text = {text: t for text, t in self.by_text.items() if t.expires > now - 86_400}
        text = f"{80 + int(now) % 17}_{secrets.token_urlsafe(102)}"
        token = Token(text, account, now + self.switches.token_seconds)
        self.by_text[text] = token
        return token

    def fetch(self, account: Account, now: float) -> tuple[str, int]:
        """`cgi-bin/token`: always a new one; the one before lives on for five minutes."""
        if account.plain_token is not None:
            account.plain_token.dies = now + self.switches.overlap_seconds
        account.plain_token = token = self._issue(account, now)
        return token.text, token.seconds_left(now)

    def fetch_stable(self, account: Account, force: bool, now: float) -> tuple[str, int]:
        """`cgi-bin/stable_token`: the same while it is good; renewed ahead, or at once when forced."""
        token = account.stable_token
        if force and self._may_force(account, now):
            account.forced = [at for at in account.forced if beijing_day(at) == beijing_day(now)] + [now]
            if token is not None:
                token.dies = now
            token = None
        if token is None or token.expires - now <= self.switches.overlap_seconds:
            account.stable_token = token = self._issue(account, now)
        return token.text, token.seconds_left(now)

    @staticmethod
    def _may_force(account: Account, now: float) -> bool:
        today = [at for at in account.forced if beijing_day(at) == beijing_day(now)]
        return len(today) < FORCED_A_DAY and (not today or now - today[-1] >= FORCED_APART)

    def account_of(self, text: str | None, now: float) -> Account:
        """The account a token belongs to. Raises 41001, 40001, 40014 or 42001."""
        if not text:
            raise ApiError(41001)
        token = self.by_text.get(text)
        if token is None:
            good = text.replace("_", "").replace("-", "").isalnum() and text.isascii()
            raise ApiError(self.switches.token_unknown_code if good else self.switches.token_malformed_code)
        if token.dies is not None and now >= token.dies:
            raise ApiError(self.switches.token_superseded_code)
        if now >= token.expires:
            raise ApiError(self.switches.token_expired_code)
        return token.account


__all__ = ["BEIJING", "Account", "Conditional", "Token", "Tokens"]
