"""Regions, organisations, people, their WeChat identities, posts and delegations."""

from __future__ import annotations

from typing import Any

from tortoise import fields
from tortoise.models import Model

from models.base import KeyedRow, Row
from models.sealing import blind_index, open_text, seal_text


class Region(Model):
    """A county, town or village by its official 12-digit division code."""

    code = fields.CharField(max_length=12, primary_key=True)
    county = fields.CharField(max_length=6)
    name = fields.CharField(max_length=60)
    latitude = fields.FloatField(null=True)
    longitude = fields.FloatField(null=True)

    class Meta:
        table = "region"
        indexes = [("county", "code")]


class Organisation(KeyedRow):
    """A body: village_station, town_station, county_centre, acquiring_bank, partner_bank, guarantor …"""

    kind = fields.CharField(max_length=24)
    name = fields.CharField(max_length=80)
    region = fields.CharField(max_length=12)
    authority: Any = fields.JSONField(null=True)
    """What it may lend itself: kind of applicant -> largest amount in fen; null: not restricted (S4.4)."""

    class Meta:
        table = "organisation"
        unique_together = [("county", "kind", "name")]


class Household(KeyedRow):
    """户: the unit of one open application (S1.6)."""

    village = fields.CharField(max_length=12)
    head_index = fields.BinaryField(null=True)
    registered_poor = fields.BooleanField(default=False)
    latitude = fields.FloatField(null=True)
    longitude = fields.FloatField(null=True)

    class Meta:
        table = "household"


class Person(KeyedRow):
    """A human. Name, ID number and phone are sealed; the blind indexes find equals."""

    name_sealed = fields.BinaryField(null=True)
    name_index = fields.BinaryField(null=True)
    """Finds who has exactly this name; null: not worked out yet."""
    id_number_sealed = fields.BinaryField(null=True)
    id_number_index = fields.BinaryField(null=True)
    phone_sealed = fields.BinaryField(null=True)
    phone_index = fields.BinaryField(null=True)
    household: fields.ForeignKeyNullableRelation[Household] = fields.ForeignKeyField(
        "models.Household", related_name="members", null=True, on_delete=fields.RESTRICT
    )
    household_id: int | None
    village = fields.CharField(max_length=12, null=True)
    detailed_notices = fields.BooleanField(default=False)
    created_at = fields.DatetimeField()

    class Meta:
        table = "person"
        unique_together = [("county", "id_number_index")]
        indexes = [("county", "phone_index")]

    @property
    def name(self) -> str:
        return open_text(self.name_sealed, "person", "name", self.key)

    @name.setter
    def name(self, value: str) -> None:
        self.name_sealed = seal_text(value, "person", "name", self.key)
        self.name_index = blind_index("name", value) if value.strip() else None

    @property
    def id_number(self) -> str:
        return open_text(self.id_number_sealed, "person", "id_number", self.key)

    @id_number.setter
    def id_number(self, value: str) -> None:
        self.id_number_sealed = seal_text(value, "person", "id_number", self.key)
        self.id_number_index = blind_index("id_number", value)

    @property
    def phone(self) -> str:
        return open_text(self.phone_sealed, "person", "phone", self.key)

    @phone.setter
    def phone(self, value: str) -> None:
        self.phone_sealed = seal_text(value, "person", "phone", self.key)
        self.phone_index = blind_index("phone", value)


class WechatUser(Row):
    """One openid of one account. An openid is not a secret and never proves who somebody is."""

    account = fields.CharField(max_length=40)
    openid = fields.CharField(max_length=64)
    unionid = fields.CharField(max_length=64, null=True)
    person: fields.ForeignKeyRelation[Person] = fields.ForeignKeyField(
        "models.Person", related_name="wechat_users", on_delete=fields.RESTRICT
    )
    person_id: int
    following = fields.BooleanField(default=False)
    changed_at = fields.DatetimeField(null=True)
    """WeChat's time of the last follow or unfollow: a late event of an earlier time changes nothing."""
    window_until = fields.DatetimeField(null=True)
    window_left = fields.IntField(default=0)
    """Service messages may be sent until `window_until`, `window_left` more of them."""
    last_said_at = fields.DatetimeField(null=True)

    class Meta:
        table = "wechat_user"
        unique_together = [("account", "openid")]
        indexes = [("unionid",), ("person_id",)]


class Post(Row):
    """A person's role in an organisation for a region, from a day to a day (open end: null)."""

    person: fields.ForeignKeyRelation[Person] = fields.ForeignKeyField(
        "models.Person", related_name="posts", on_delete=fields.RESTRICT
    )
    person_id: int
    organisation: fields.ForeignKeyRelation[Organisation] = fields.ForeignKeyField(
        "models.Organisation", related_name="posts", on_delete=fields.RESTRICT
    )
    organisation_id: int
    role = fields.CharField(max_length=24)
    region = fields.CharField(max_length=12)
    from_on = fields.DateField()
    to_on = fields.DateField(null=True)

    class Meta:
        table = "post"
        indexes = [("person_id",), ("county", "role", "region")]


class Delegation(Row):
    """While its holder is away, somebody else does a post's tasks."""

    post: fields.ForeignKeyRelation[Post] = fields.ForeignKeyField(
        "models.Post", related_name="delegations", on_delete=fields.RESTRICT
    )
    post_id: int
    delegate: fields.ForeignKeyRelation[Person] = fields.ForeignKeyField(
        "models.Person", related_name="delegations", on_delete=fields.RESTRICT
    )
    delegate_id: int
    region = fields.CharField(max_length=12, default="")
    """Only for this part of the post's region; empty: for all of it."""
    from_on = fields.DateField()
    to_on = fields.DateField()
    reason = fields.CharField(max_length=200)
    created_at = fields.DatetimeField()
    revoked_at = fields.DatetimeField(null=True)

    class Meta:
        table = "delegation"
        indexes = [("delegate_id",), ("post_id",)]


class ApiSession(Row):
    """A bearer token or page cookie; only its SHA-256 is kept."""

    token_sha256 = fields.BinaryField()
    person: fields.ForeignKeyRelation[Person] = fields.ForeignKeyField(
        "models.Person", related_name="sessions", on_delete=fields.CASCADE
    )
    person_id: int
    account = fields.CharField(max_length=40)
    openid = fields.CharField(max_length=64)
    created_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()
    ended_at = fields.DatetimeField(null=True)

    class Meta:
        table = "api_session"
        unique_together = [("token_sha256",)]
