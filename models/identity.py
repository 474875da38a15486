"""Whose WeChat is whose: somebody says that he is a person we know, and corrections of such a binding."""

from __future__ import annotations

from tortoise import fields

from models.base import KeyedRow


class IdentityClaim(KeyedRow):
    """A WeChat says that it belongs to a person somebody else registered (S1.7). No code is kept: it is
    worked out from the key.

    State: open, bound, refused (the cadre says that it is not he), replaced (begun anew), unknown (nobody
    there to be claimed: kept, so that guesses are counted).
    """

    person_id = fields.BigIntField()
    """The person who was registered; 0: nobody was found."""
    claimer_id = fields.BigIntField()
    """The nameless person who has this WeChat until now."""
    account = fields.CharField(max_length=40)
    openid = fields.CharField(max_length=64)
    means = fields.CharField(max_length=8, default="")
    """How it is or was proved: sms, cadre; empty: not chosen yet."""
    state = fields.CharField(max_length=10, default="open")
    sent = fields.IntField(default=0)
    """How many codes were sent; each is another one."""
    sent_at = fields.DatetimeField(null=True)
    tries = fields.IntField(default=0)
    task_id = fields.BigIntField(null=True)
    created_at = fields.DatetimeField()
    ended_at = fields.DatetimeField(null=True)

    class Meta:
        table = "identity_claim"


class BindingChange(KeyedRow):
    """The county centre takes a WeChat from a person, or gives it to another; a second one confirms it.

    State: waiting, done, refused. `to_person_id` null: the WeChat is nobody's afterwards.
    """

    from_person_id = fields.BigIntField()
    to_person_id = fields.BigIntField(null=True)
    reason = fields.CharField(max_length=200)
    asked_by_id = fields.BigIntField()
    asked_at = fields.DatetimeField()
    decided_by_id = fields.BigIntField(null=True)
    decided_at = fields.DatetimeField(null=True)
    state = fields.CharField(max_length=8, default="waiting")
    task_id = fields.BigIntField(null=True)

    class Meta:
        table = "binding_change"
