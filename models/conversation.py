"""What people said and where each conversation stands: inbox, dialog, draft."""

from __future__ import annotations

from tortoise import fields
from tortoise.models import Model

from models.base import KeyedRow, Row


class Inbox(Model):
    """Every push that was answered, once. A repeat finds its stored reply here.

    State: done; pending (a receipt or a late turn still to be worked on); failed (kept with its reason).
    """

    dedupe_key = fields.CharField(max_length=40, primary_key=True)
    county = fields.CharField(max_length=6)
    account = fields.CharField(max_length=40)
    openid = fields.CharField(max_length=64)
    kind = fields.CharField(max_length=16)
    event = fields.CharField(max_length=40, default="")
    said_at = fields.DatetimeField()
    received_at = fields.DatetimeField()
    body_sealed = fields.BinaryField(null=True)
    reply_sealed = fields.BinaryField(null=True)
    state = fields.CharField(max_length=8, default="done")
    note = fields.CharField(max_length=80, default="")

    class Meta:
        table = "inbox"


class Dialog(Row):
    """Where one openid's conversation stands. `version` makes two turns at once visible."""

    account = fields.CharField(max_length=40)
    openid = fields.CharField(max_length=64)
    version = fields.IntField(default=0)
    state_sealed = fields.BinaryField(null=True)
    updated_at = fields.DatetimeField()

    class Meta:
        table = "dialog"
        unique_together = [("account", "openid")]


class Draft(KeyedRow):
    """A form being filled in, from the chat, the mini-program or a page; `version` guards against loss.

    State: open, submitted, cancelled, expired. One open draft per person, form and subject.
    """

    person_id = fields.BigIntField()
    form = fields.CharField(max_length=40)
    subject = fields.CharField(max_length=22, default="")
    version = fields.IntField(default=1)
    state = fields.CharField(max_length=10, default="open")
    state_sealed = fields.BinaryField(null=True)
    channel = fields.CharField(max_length=12, default="chat")
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()

    class Meta:
        table = "draft"
        indexes = [("state", "expires_at")]


class IdempotencyKey(Row):
    """A request that must happen once: scoped by actor, route and key; the body's hash must be the same."""

    actor = fields.CharField(max_length=64)
    route = fields.CharField(max_length=120)
    key = fields.CharField(max_length=255)
    body_sha256 = fields.CharField(max_length=64)
    state = fields.CharField(max_length=8, default="running")
    status = fields.IntField(default=0)
    response_sealed = fields.BinaryField(null=True)
    created_at = fields.DatetimeField()

    class Meta:
        table = "idempotency_key"
        unique_together = [("actor", "route", "key")]


class Consent(Row):
    """What a person agreed to: which text (version and hash), when, by which openid, for which purpose."""

    person_id = fields.BigIntField()
    application_id = fields.BigIntField(null=True)
    kind = fields.CharField(max_length=30)
    version = fields.CharField(max_length=20)
    text_sha256 = fields.CharField(max_length=64)
    account = fields.CharField(max_length=40)
    openid = fields.CharField(max_length=64)
    means = fields.CharField(max_length=10, default="wechat")
    """wechat: in his own; code, signature: through whoever filled in for him, whose WeChat `openid` is."""
    agreed_at = fields.DatetimeField()
    purpose = fields.CharField(max_length=80, default="")
    valid_until = fields.DateField(null=True)
    channel = fields.CharField(max_length=12, default="")
    withdrawn_at = fields.DatetimeField(null=True)

    class Meta:
        table = "consent"
        unique_together = [("person_id", "application_id", "kind", "version")]


class StoredFile(KeyedRow):
    """A photo or paper, sealed on disk under its key. State: pending (still at WeChat), stored, failed."""

    owner_id = fields.BigIntField()
    application_id = fields.BigIntField(null=True)
    purpose = fields.CharField(max_length=30)
    state = fields.CharField(max_length=8, default="pending")
    media_type = fields.CharField(max_length=40, default="")
    size = fields.IntField(default=0)
    sha256 = fields.CharField(max_length=64, default="")
    account = fields.CharField(max_length=40, default="")
    media_id = fields.CharField(max_length=128, default="")
    taken_at = fields.DatetimeField(null=True)
    latitude = fields.FloatField(null=True)
    longitude = fields.FloatField(null=True)
    """When and where the camera says it was, before the picture was written anew without it."""
    phash = fields.BigIntField(null=True)
    """Perceptual hash (64 bits, signed): near-equal pictures differ in few bits (S18.9)."""
    created_at = fields.DatetimeField()

    class Meta:
        table = "stored_file"
        indexes = [("application_id",), ("sha256",)]
