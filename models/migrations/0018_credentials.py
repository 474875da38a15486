"""Logging in at a desk: credentials, one-time links, sessions, wrong tries, pictures to scan."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

from models.sealing import new_key


def _row():
    return [
        ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
        ("county", fields.CharField(max_length=6)),
    ]


def _keyed_row():
    return [*_row(), ("key", fields.CharField(max_length=22, unique=True, default=new_key))]


def _table(name, **more):
    return {"table": name, "app": "models", "pk_attr": "id", **more}


def _person(name, on_delete, kind=fields.ForeignKeyField):
    return (
        "person",
        kind("models.Person", source_field="person_id", related_name=name, on_delete=on_delete, db_constraint=True, to_field="id"),
    )


class Migration(migrations.Migration):
    dependencies = [("models", "0017_list_paths")]
    operations = [
        ops.CreateModel(
            name="Credential",
            fields=[
                *_keyed_row(),
                _person("credential", fields.RESTRICT, fields.OneToOneField),
                ("staff_number", fields.CharField(max_length=12, unique=True)),
                ("password_hash", fields.CharField(max_length=200, default="")),
                ("totp_sealed", fields.BinaryField(null=True)),
                ("totp_step", fields.BigIntField(default=0)),
                ("recovery", fields.JSONField(default=list)),
                ("created_at", fields.DatetimeField()),
                ("set_up_at", fields.DatetimeField(null=True)),
            ],
            options=_table("credential"),
            bases=["KeyedRow"],
        ),
        ops.CreateModel(
            name="LoginInvitation",
            fields=[
                *_keyed_row(),
                ("token_sha256", fields.BinaryField()),
                _person("invitations", fields.RESTRICT),
                ("totp_sealed", fields.BinaryField()),
                ("made_by_id", fields.BigIntField(null=True)),
                ("created_at", fields.DatetimeField()),
                ("expires_at", fields.DatetimeField()),
                ("ended_at", fields.DatetimeField(null=True)),
            ],
            options=_table("login_invitation", unique_together=(("token_sha256",),)),
            bases=["KeyedRow"],
        ),
        ops.CreateModel(
            name="LoginGuard",
            fields=[
                *_row(),
                ("subject", fields.BinaryField()),
                ("failures", fields.IntField(default=0)),
                ("last_at", fields.DatetimeField()),
                ("blocked_until", fields.DatetimeField(null=True)),
            ],
            options=_table("login_guard", unique_together=(("subject",),)),
            bases=["Row"],
        ),
        ops.CreateModel(
            name="ConsoleSession",
            fields=[
                *_row(),
                ("token_sha256", fields.BinaryField()),
                _person("console_sessions", fields.CASCADE),
                ("means", fields.CharField(max_length=8)),
                ("created_at", fields.DatetimeField()),
                ("seen_at", fields.DatetimeField()),
                ("expires_at", fields.DatetimeField()),
                ("ended_at", fields.DatetimeField(null=True)),
            ],
            options=_table("console_session", unique_together=(("token_sha256",),)),
            bases=["Row"],
        ),
        ops.CreateModel(
            name="ScanLogin",
            fields=[
                *_keyed_row(),
                ("browser_sha256", fields.BinaryField()),
                ("shown", fields.CharField(max_length=2)),
                ("state", fields.CharField(max_length=10, default="waiting")),
                ("person_id", fields.BigIntField(null=True)),
                ("created_at", fields.DatetimeField()),
                ("expires_at", fields.DatetimeField()),
            ],
            options=_table("scan_login"),
            bases=["KeyedRow"],
        ),
        ops.RunSQL(
            "CREATE INDEX login_invitation_of ON login_invitation (person_id);"
            "CREATE INDEX console_session_of ON console_session (person_id)",
            "DROP INDEX console_session_of; DROP INDEX login_invitation_of",
        ),
    ]
