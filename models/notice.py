"""What people must be told, every attempt to tell them, and the ledgers the gates look at."""

from __future__ import annotations

from typing import Any

from tortoise import fields

from models.base import Row


class Notice(Row):
    """One thing one person must be told, once: its natural key is unique.

    State: open, delivered, handed_over (a person was asked to tell him), uncertain (it was sent, and nobody
    knows whether it arrived), suppressed, expired, given_up.
    """

    person_id = fields.BigIntField()
    kind = fields.CharField(max_length=40)
    subject_kind = fields.CharField(max_length=16)
    subject_id = fields.BigIntField()
    due_on = fields.DateField()
    step = fields.CharField(max_length=12)
    facts: Any = fields.JSONField()
    """Values the words are made of; never a name, an ID number, a phone or an account."""
    priority = fields.IntField()
    state = fields.CharField(max_length=12, default="open")
    created_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()

    class Meta:
        table = "notice"
        unique_together = [("person_id", "kind", "subject_kind", "subject_id", "due_on", "step")]
        indexes = [("subject_kind", "subject_id"), ("county", "state")]


class Delivery(Row):
    """One rung of the ladder for one notice.

    State: planned → leased → sending → sent → delivered | refused | uncertain | expired | suppressed
    | given_up. The attempt (`sending`) is committed before the call.
    """

    notice: fields.ForeignKeyRelation[Notice] = fields.ForeignKeyField(
        "models.Notice", related_name="deliveries", on_delete=fields.RESTRICT
    )
    notice_id: int
    rung = fields.IntField()
    channel = fields.CharField(max_length=16)
    priority = fields.IntField()
    state = fields.CharField(max_length=10, default="planned")
    not_before = fields.DatetimeField()
    lease_until = fields.DatetimeField(null=True)
    lease_owner = fields.CharField(max_length=32, default="")
    attempts = fields.IntField(default=0)
    first_attempt_at = fields.DatetimeField(null=True)
    unsure_since = fields.DatetimeField(null=True)
    """The first attempt of which nobody knows whether it reached the person; null: every outcome is known."""
    account = fields.CharField(max_length=40, default="")
    openid = fields.CharField(max_length=64, default="")
    msgid = fields.CharField(max_length=24, default="")
    errcode = fields.IntField(null=True)
    trail: Any = fields.JSONField(default=list)
    """What each gate and each attempt said: [{at, what, outcome}]."""
    final_at = fields.DatetimeField(null=True)

    class Meta:
        table = "delivery"
        unique_together = [("notice_id", "rung")]


class Receipt(Row):
    """WeChat's later word on a message. Kept even when the message is not known yet (it may come first)."""

    account = fields.CharField(max_length=40)
    msgid = fields.CharField(max_length=24)
    openid = fields.CharField(max_length=64)
    status = fields.CharField(max_length=40)
    received_at = fields.DatetimeField()
    applied_at = fields.DatetimeField(null=True)

    class Meta:
        table = "receipt"
        unique_together = [("account", "msgid", "openid")]


class SubscribeGrant(Row):
    """How many one-time subscribe messages a person allowed and how many are used or reserved."""

    account = fields.CharField(max_length=40)
    openid = fields.CharField(max_length=64)
    template = fields.CharField(max_length=64)
    granted = fields.IntField(default=0)
    used = fields.IntField(default=0)
    refused = fields.BooleanField(default=False)
    changed_at = fields.DatetimeField()

    class Meta:
        table = "subscribe_grant"
        unique_together = [("account", "openid", "template")]


class OptOut(Row):
    """A person does not want notices of a class (service ones can be declined, duties cannot)."""

    person_id = fields.BigIntField()
    notice_class = fields.CharField(max_length=12)
    since = fields.DatetimeField()

    class Meta:
        table = "opt_out"
        unique_together = [("person_id", "notice_class")]


class ContactCount(Row):
    """How often a person was contacted on a day, by class: the cap of S11.5."""

    person_id = fields.BigIntField()
    day = fields.DateField()
    notice_class = fields.CharField(max_length=12)
    contacts = fields.IntField(default=0)

    class Meta:
        table = "contact_count"
        unique_together = [("person_id", "day", "notice_class")]


class QuotaUse(Row):
    """How much of an account's daily quota of an interface is spent or reserved."""

    account = fields.CharField(max_length=40)
    api = fields.CharField(max_length=24)
    day = fields.DateField()
    used = fields.IntField(default=0)
    exhausted = fields.BooleanField(default=False)

    class Meta:
        table = "quota_use"
        unique_together = [("account", "api", "day")]


class DeliveryCount(Row):
    """How many deliveries of the last `hours` stand how, by town and channel: replaced every few minutes.

    Standing: waiting, accepted, delivered, refused, uncertain, dropped. An empty town: whose village we do
    not know.
    """

    hours = fields.IntField()
    town = fields.CharField(max_length=12)
    channel = fields.CharField(max_length=16)
    standing = fields.CharField(max_length=10)
    deliveries = fields.IntField()
    counted_at = fields.DatetimeField()

    class Meta:
        table = "delivery_count"
        unique_together = [("county", "hours", "town", "channel", "standing")]
