"""The platform as a whole: accounts, persons, messages, codes and what happens between them."""

from __future__ import annotations

import random
import secrets
from collections import deque
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from simulator.accounts import Account, Tokens
from simulator.chat import Chat
from simulator.clock import Clock, iso
from simulator.config import AccountConfig, SimulatorConfig, Switches, account_values, read_account
from simulator.errors import AdminError, ApiError
from simulator.faults import Faults
from simulator.journal import Journal, Sent
from simulator.media import MediaStore
from simulator.people import Person, User
from simulator.push import Pusher

CODE_SECONDS = 300
SMS_KEPT = 200


@dataclass(slots=True, eq=False)
class Code:
    """A single-use code: of wx.login, of the phone number button, or of OAuth."""

    user: User
    purpose: str
    expires: float
    scope: str = ""
    used: bool = False


class Platform:
    """Everything one simulator holds."""

    def __init__(self, config: SimulatorConfig) -> None:
        self.config = config
        self.switches = Switches()
        self.switches.change(config.switches)
        self.clock = Clock(config.at)
        self.random = random.Random(config.seed)
        self.tokens = Tokens(self.switches)
        self.accounts: dict[str, Account] = {}
        self.persons: dict[str, Person] = {}
        self.codes: dict[str, Code] = {}
        self.web_tokens: dict[str, tuple[User, str, float]] = {}
        self.qr_codes: dict[str, dict[str, Any]] = {}
        self.rids: dict[str, dict[str, Any]] = {}
        self.sms: deque[dict[str, Any]] = deque(maxlen=SMS_KEPT)
        self.jars: dict[str, dict[str, str]] = {}
        self.journal = Journal(config.log_path)
        self.chat = Chat(config.keep)
        self.faults = Faults()
        self.media = MediaStore(config.media_dir)
        self.pusher = Pusher(self)
        for account in config.accounts:
            self.add_account(account)

    # Short messages, which are not WeChat's

    def take_sms(self, phone: str, text: str, key: str) -> dict[str, Any]:
        """Show a short message on the page; the same key again is the same message."""
        known = next((row for row in self.sms if key and row["key"] == key), None)
        if known is not None:
            return known
        owner = next((person.id for person in self.persons.values() if person.phone == phone), None)
        number = self.sms[-1]["id"] + 1 if self.sms else 1
        at = iso(self.clock.now())
        row = {"id": number, "at": at, "phone": phone, "person": owner, "text": text, "key": key}
        self.sms.append(row)
        self.chat.tell("sms", row)
        return row

    # Accounts and people

    def add_account(self, config: AccountConfig) -> Account:
        """Add an account. Raises AdminError when its name is taken."""
        self._check_name(config)
        account = Account(config)
        self.accounts[config.appid] = account
        return account

    def change_account(self, row: dict[str, Any]) -> Account:
        """Add the account of an admin row, or change the keys it gives."""
        present = self.accounts.get(str(row.get("appid"))) or self.find_account(str(row.get("name")))
        if present is None or ("appid" in row and row["appid"] != present.appid):
            return self.add_account(read_account(row))
        values = {f: getattr(present.config, f) for f in present.config.__dataclass_fields__}
        changed = AccountConfig(**{**values, **account_values(row)})
        self._check_name(changed)
        present.config = changed
        return present

    def _check_name(self, config: AccountConfig) -> None:
        if any(a.name == config.name and a.appid != config.appid for a in self.accounts.values()):
            raise AdminError(f"the name {config.name} belongs to another account", 409)

    def find_account(self, name: str) -> Account | None:
        """The account with that name or appid."""
        return self.accounts.get(name) or next((a for a in self.accounts.values() if a.name == name), None)

    def account(self, name: Any) -> Account:
        """The same. Raises AdminError 404."""
        found = self.find_account(str(name))
        if found is None:
            raise AdminError(f"no account {name!r}", 404)
        return found

    def person(self, number: str) -> Person:
        """The person with that id, made at the first mention."""
        found = self.persons.get(number)
        if found is None:
            found = self.persons[number] = Person(number)
        return found

    def user(self, row: dict[str, Any]) -> User:
        """The user named by `account` and `person` or `openid`. Raises AdminError."""
        account = self.account(row.get("account"))
        if row.get("openid"):
            found = account.users.get(str(row["openid"]))
            if found is None:
                raise AdminError(f"account {account.name} knows no openid {row['openid']!r}", 404)
            return found
        if not isinstance(row.get("person"), str) or not row["person"]:
            raise AdminError("person or openid is missing")
        return account.meet(self.person(row["person"]))

    # Codes

    def new_code(self, user: User, purpose: str, scope: str = "") -> str:
        """A code good for five minutes and one use."""
        if len(self.codes) > 50_000:
            now = self.clock.now()
            self.codes = {text: c for text, c in self.codes.items() if c.expires > now - CODE_SECONDS}
        text = "0" + secrets.token_hex(16)[:31]
        self.codes[text] = Code(user, purpose, self.clock.now() + CODE_SECONDS, scope)
        return text

    def use_code(self, account: Account, text: str, purpose: str) -> Code:
        """Use a code. Raises 40029 when it is wrong or too old, 40163 when it was used before."""
        code = self.codes.get(text)
        if code is None or code.purpose != purpose or code.user.account is not account:
            raise ApiError(40029)
        if code.used:
            raise ApiError(40163)
        if self.clock.now() >= code.expires:
            raise ApiError(40029)
        code.used = True
        return code

    # Messages

    def accept(
        self,
        account: Account,
        kind: str,
        user: User,
        raw: bytes,
        now: float,
        client_msg_id: str = "",
    ) -> Sent:
        """Take a template-like message: write it down and let it reach the phone a little later."""
        sent = self.journal.accept(account, kind, user.openid, raw, now, client_msg_id)
        low, high = self.switches.receipt_delay_seconds
        self.clock.at(now + low + self.random.random() * (high - low), partial(self._arrive, sent, user))
        return sent

    def _arrive(self, sent: Sent, user: User) -> None:
        switches = self.switches
        status = "success"
        if user.blocked or (sent.kind == "template" and not user.following):
            status = "failed:user block"
        elif self.random.random() < switches.receipt_failure_probability:
            status = switches.receipt_failure_status
        self.journal.finish(sent, status)
        if status == "success":
            self.chat.add(user, self.clock.now(), "account", sent.kind, None, sent)
        if switches.receipts == "never" or not sent.account.config.push_url:
            return
        for _ in range(2 if switches.receipts == "twice" else 1):
            self.pusher.later(user, receipt(sent, status))

    def reset(self, accounts: bool = False) -> None:
        """Forget all that has happened; with `accounts`, the accounts of the start come back too."""
        for account in self.accounts.values():
            account.forget()
        if accounts:
            self.accounts.clear()
            for config in self.config.accounts:
                self.add_account(config)
        for name, value in asdict(Switches()).items():
            setattr(self.switches, name, value)
        self.switches.change(self.config.switches)
        self.random.seed(self.config.seed)
        for store in (
            self.persons,
            self.codes,
            self.web_tokens,
            self.qr_codes,
            self.rids,
            self.jars,
            self.tokens.by_text,
        ):
            store.clear()
        self.journal.reset(self.clock.now())
        self.clock.forget()
        self.clock.back_to_start(self.config.at)
        self.chat.forget()
        self.sms.clear()
        self.faults.clear()
        self.media.forget()
        self.pusher.forget()


def receipt(sent: Sent, status: str) -> dict[str, Any]:
    """Fields of the event that tells the outcome of a template or subscribe message."""
    if sent.kind == "template":
        return {"MsgType": "event", "Event": "TEMPLATESENDJOBFINISH", "MsgID": sent.msgid, "Status": status}
    row = {
        "TemplateId": sent.body.get("template_id", ""),
        "MsgID": sent.msgid,
        "ErrorCode": 0 if status == "success" else 1,
        "ErrorStatus": status,
    }
    group = {"SubscribeMsgSentEvent": {"List": [row]}}
    return {"MsgType": "event", "Event": "subscribe_msg_sent_event", **group}
