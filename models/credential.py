"""How an officer gets in at a desk: password and authenticator, one-time links, sessions, what was tried."""

from __future__ import annotations

from typing import Any

from tortoise import fields

from models.base import KeyedRow, Row
from models.people import Person
from models.sealing import open_text, seal_text


class Credential(KeyedRow):
    """A staff number, and what its owner knows and has. Nothing here opens anything by itself.

    `password_hash` is argon2id, the authenticator's secret is sealed, recovery codes are kept as SHA-256
    (they have 80 random bits). `totp_step` is the last time step that was used: a code counts once.
    """

    person: fields.OneToOneRelation[Person] = fields.OneToOneField(
        "models.Person", related_name="credential", on_delete=fields.RESTRICT
    )
    person_id: int
    staff_number = fields.CharField(max_length=12, unique=True)
    password_hash = fields.CharField(max_length=200, default="")
    totp_sealed = fields.BinaryField(null=True)
    totp_step = fields.BigIntField(default=0)
    recovery: Any = fields.JSONField(default=list)
    created_at = fields.DatetimeField()
    set_up_at = fields.DatetimeField(null=True)
    """Null: the one-time link has not been used yet, or the second factor was reset."""

    class Meta:
        table = "credential"

    @property
    def totp_secret(self) -> str:
        return open_text(self.totp_sealed, "credential", "totp", self.key)

    @totp_secret.setter
    def totp_secret(self, value: str) -> None:
        self.totp_sealed = seal_text(value, "credential", "totp", self.key)


class LoginInvitation(KeyedRow):
    """A link by which somebody sets password and authenticator, once and within its time."""

    token_sha256 = fields.BinaryField()
    person: fields.ForeignKeyRelation[Person] = fields.ForeignKeyField(
        "models.Person", related_name="invitations", on_delete=fields.RESTRICT
    )
    person_id: int
    totp_sealed = fields.BinaryField()
    """The secret that its page offers, so that a reload shows the same picture."""
    made_by_id = fields.BigIntField(null=True)
    """Null: made at the command line."""
    created_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()
    ended_at = fields.DatetimeField(null=True)

    class Meta:
        table = "login_invitation"
        unique_together = [("token_sha256",)]
        indexes = [("person_id",)]

    @property
    def totp_secret(self) -> str:
        return open_text(self.totp_sealed, "login_invitation", "totp", self.key)

    @totp_secret.setter
    def totp_secret(self, value: str) -> None:
        self.totp_sealed = seal_text(value, "login_invitation", "totp", self.key)


class LoginGuard(Row):
    """Wrong tries in a row of a person, for a name nobody has, or from an address, as a blind index.

    `county` is 000000 where none is known: an address, a name nobody has.
    """

    subject = fields.BinaryField()
    failures = fields.IntField(default=0)
    last_at = fields.DatetimeField()
    blocked_until = fields.DatetimeField(null=True)

    class Meta:
        table = "login_guard"
        unique_together = [("subject",)]


class ConsoleSession(Row):
    """An officer at a desk; only the SHA-256 of the cookie is kept. `means`: password, scan."""

    token_sha256 = fields.BinaryField()
    person: fields.ForeignKeyRelation[Person] = fields.ForeignKeyField(
        "models.Person", related_name="console_sessions", on_delete=fields.CASCADE
    )
    person_id: int
    means = fields.CharField(max_length=8)
    created_at = fields.DatetimeField()
    seen_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()
    ended_at = fields.DatetimeField(null=True)

    class Meta:
        table = "console_session"
        unique_together = [("token_sha256",)]
        indexes = [("person_id",)]


class ScanLogin(KeyedRow):
    """A picture on a desk's login page that a phone confirms. State: waiting, confirmed, refused, used.

    `county` is 000000 until a phone has confirmed it.
    """

    browser_sha256 = fields.BinaryField()
    """The browser that shows the picture: nobody else may be let in by it."""
    shown = fields.CharField(max_length=2)
    """Two digits that stand on both, so that nobody confirms another desk's picture."""
    state = fields.CharField(max_length=10, default="waiting")
    person_id = fields.BigIntField(null=True)
    created_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()

    class Meta:
        table = "scan_login"


class StaffChange(KeyedRow):
    """人员变动: an organisation asks that a post begins, ends or moves; an administrator carries it out.

    Kind: start, end, move. State: waiting, done, refused. Name and phone are those of a newcomer, sealed.
    """

    kind = fields.CharField(max_length=8)
    organisation_id = fields.BigIntField()
    person_id = fields.BigIntField(null=True)
    """Whose post it is; for a newcomer filled in when it is done."""
    post_id = fields.BigIntField(null=True)
    """The post that ends or moves; for a new one filled in when it is done."""
    name_sealed = fields.BinaryField(null=True)
    phone_sealed = fields.BinaryField(null=True)
    role = fields.CharField(max_length=24, default="")
    region = fields.CharField(max_length=12, default="")
    effective_on = fields.DateField()
    """The first day of a new or moved post, the last day of one that ends."""
    reason = fields.CharField(max_length=200)
    asked_by_id = fields.BigIntField()
    asked_at = fields.DatetimeField()
    due_at = fields.DatetimeField()
    state = fields.CharField(max_length=8, default="waiting")
    done_by_id = fields.BigIntField(null=True)
    done_at = fields.DatetimeField(null=True)
    task_id = fields.BigIntField(null=True)

    class Meta:
        table = "staff_change"

    @property
    def name(self) -> str:
        return open_text(self.name_sealed, "staff_change", "name", self.key)

    @name.setter
    def name(self, value: str) -> None:
        self.name_sealed = seal_text(value, "staff_change", "name", self.key)

    @property
    def phone(self) -> str:
        return open_text(self.phone_sealed, "staff_change", "phone", self.key)

    @phone.setter
    def phone(self, value: str) -> None:
        self.phone_sealed = seal_text(value, "staff_change", "phone", self.key)


class JoinCode(KeyedRow):
    """A QR code that somebody scans in WeChat to be connected with the person who holds a post; good once."""

    token_sha256 = fields.BinaryField()
    person: fields.ForeignKeyRelation[Person] = fields.ForeignKeyField(
        "models.Person", related_name="join_codes", on_delete=fields.RESTRICT
    )
    person_id: int
    made_by_id = fields.BigIntField()
    created_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()
    used_at = fields.DatetimeField(null=True)
    """When it was scanned, or replaced by a newer one."""

    class Meta:
        table = "join_code"
        unique_together = [("token_sha256",)]
