"""Admin calls about persons: make them, let them act, give them codes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from simulator.actions import Actor
from simulator.errors import AdminError, names, whole
from simulator.people import User, openid_of
from simulator.platform import Platform
from simulator.wire import Fields

OWN = {"name": str, "phone": str, "about": str, "high_risk": bool, "snapshot": bool}
FLAGS = {"block": "blocked", "blacklist": "blacklisted", "receiving": "receiving"}
KNOWN = {
    *FLAGS,
    "person",
    "openid",
    "account",
    "name",
    "phone",
    "about",
    "home",
    "high_risk",
    "snapshot",
    "follow",
    "unfollow",
    "meet",
    "refuse_template",
    "accept_template",
    "grant",
    "turn_off",
    "tags",
    "quiet",
}


class People:
    """The admin calls, on plain values; the routes stand in admin.py."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.actor = Actor(platform)

    # Making and changing

    async def change(self, body: Any) -> dict[str, Any]:
        """POST /admin/users."""
        if isinstance(body, dict) and "range" in body:
            return self._make_many(body)
        rows = body if isinstance(body, list) else [body]
        pushes: list[dict[str, Any]] = []
        persons = []
        for row in rows:
            if not isinstance(row, dict):
                raise AdminError("a user must be an object")
            persons.append(await self._change(row, pushes))
        return {"users": [self._listed(person) for person in persons], "pushes": pushes}

    def _make_many(self, body: dict[str, Any]) -> dict[str, Any]:
        spec = body["range"]
        try:
            prefix, count, start = str(spec["prefix"]), int(spec["count"]), int(spec.get("start", 1))
        except (TypeError, KeyError, ValueError) as error:
            raise AdminError('range must be {"prefix": …, "count": …}') from error
        accounts = [self.platform.account(name) for name in names(body.get("follow"), "follow")]
        grants = self._grants(body)
        now = int(self.platform.clock.now())
        for number in range(start, start + count):
            person = self.platform.person(f"{prefix}{number}")
            for account in accounts:
                user = account.meet(person)
                user.following, user.followed_at = True, now
            for account, template_id, times in grants:
                account.meet(person).grants[template_id] = times
        return {"made": count}

    async def _change(self, row: dict[str, Any], pushes: list[dict[str, Any]]) -> str:
        unknown = sorted(set(row) - KNOWN)
        if unknown:
            raise AdminError(f"unknown key {unknown[0]!r}; known: {', '.join(sorted(KNOWN))}")
        number = self.platform.user(row).person.id if row.get("openid") else row.get("person")
        if not isinstance(number, str) or not number:
            raise AdminError("person is missing")
        person = self.platform.person(number)
        for key, kind in OWN.items():
            if key in row:
                if not isinstance(row[key], kind):
                    raise AdminError(f"{key} must be a {kind.__name__}")
                setattr(person, key, row[key])
        if "home" in row:
            person.home = place(row["home"], "home")
        self._users(number, row.get("meet"))
        await self._follow(number, row, pushes)
        self._flags(number, row)
        await self._subscriptions(number, row, pushes)
        self._tags(number, row)
        self.platform.chat.tell("users", {"person": number})
        return number

    def _users(self, number: str, accounts: Any) -> list[User]:
        person = self.platform.person(number)
        return [self.platform.account(name).meet(person) for name in names(accounts, "the accounts")]

    async def _follow(self, number: str, row: dict[str, Any], pushes: list[dict[str, Any]]) -> None:
        for user in self._users(number, row.get("unfollow")):
            if user.following:
                await self._push(user, self.actor.unfollow(user), row, pushes)
        for user in self._users(number, row.get("follow")):
            if user.account.config.kind != "service":
                raise AdminError(f"{user.account.name} is a mini-program: nobody can follow it (use meet)")
            if not user.following:
                await self._push(user, self.actor.follow(user), row, pushes)

    async def _push(
        self, user: User, fields: Fields, row: dict[str, Any], pushes: list[dict[str, Any]]
    ) -> None:
        if not row.get("quiet"):
            pushes.append((await self.platform.pusher.send(user, fields)).listed())

    def _flags(self, number: str, row: dict[str, Any]) -> None:
        for key, attribute in FLAGS.items():
            given = row.get(key) or {}
            values = given if isinstance(given, dict) else dict.fromkeys(names(given, key), True)
            for name, value in values.items():
                setattr(self._users(number, [name])[0], attribute, bool(value))

    def _owners(self, template_id: str, row: dict[str, Any]) -> list[Any]:
        """The accounts that have a template; `account` decides when the id is listed nowhere."""
        if row.get("account"):
            return [self.platform.account(row["account"])]
        owners = [a for a in self.platform.accounts.values() if template_id in a.config.templates]
        if not owners:
            raise AdminError(f"no account has the template {template_id!r}; name the account", 404)
        return owners

    def _grants(self, row: dict[str, Any]) -> list[tuple[Any, str, int]]:
        grants = row.get("grant") or {}
        if not isinstance(grants, dict) or not all(type(n) is int and n >= 0 for n in grants.values()):
            raise AdminError('grant must be {"template id": how many}')
        return [(account, tid, n) for tid, n in grants.items() for account in self._owners(tid, row)]

    async def _subscriptions(self, number: str, row: dict[str, Any], pushes: list[dict[str, Any]]) -> None:
        person = self.platform.person(number)
        for template_id in names(row.get("refuse_template"), "refuse_template"):
            for account in self._owners(template_id, row):
                account.meet(person).refused |= {template_id}
        for template_id in names(row.get("accept_template"), "accept_template"):
            for account in self._owners(template_id, row):
                account.meet(person).refused -= {template_id}
        for account, template_id, count in self._grants(row):
            user = account.meet(person)
            user.grants[template_id] = user.grants.get(template_id, 0) + count
            user.turned_off -= {template_id}
        for template_id in names(row.get("turn_off"), "turn_off"):
            for account in self._owners(template_id, row):
                user = account.meet(person)
                await self._push(user, self.actor.turn_off(user, [template_id]), row, pushes)

    def _tags(self, number: str, row: dict[str, Any]) -> None:
        given = row.get("tags") or {}
        if not isinstance(given, dict):
            given = {user.account.name: given for user in self._known(number) if user.following}
        for name, tags in given.items():
            user = self._users(number, [name])[0]
            user.tags = [user.account.tag_id(tag) for tag in names(tags, "tags")]
            self.platform.chat.tell("menu", {"account": user.account.name})

    # Listing

    def _known(self, number: str) -> list[User]:
        """The user records a person has."""
        return list(self._of(number))

    def _of(self, number: str) -> Iterable[User]:
        for account in self.platform.accounts.values():
            user = account.users.get(openid_of(account.appid, number))
            if user is not None:
                yield user

    def _listed(self, number: str) -> dict[str, Any]:
        person = self.platform.persons[number]
        return {
            "person": person.id,
            "name": person.name,
            "phone": person.phone,
            "about": person.about,
            "home": person.home,
            "high_risk": person.high_risk,
            "snapshot": person.snapshot,
            "accounts": {user.account.name: user.listed() for user in self._of(number)},
        }

    def listed(self, query: Any) -> dict[str, Any]:
        """GET /admin/users."""
        numbers: Iterable[str] = self.platform.persons
        if query.get("person"):
            numbers = [n for n in (query["person"],) if n in self.platform.persons]
        rows = [self._listed(number) for number in list(numbers)[: whole(query.get("limit"), "limit", 1000)]]
        if query.get("account"):
            name = self.platform.account(query["account"]).name
            rows = [row for row in rows if name in row["accounts"]]
        return {"users": rows}

    # Acting

    async def push(self, body: dict[str, Any], base: str) -> dict[str, Any]:
        """POST /admin/push."""
        user = self.platform.user(body)
        if "pay" in body:
            self.actor.pay(user)
            return {"result": "not_pushed", "account": user.account.name, "openid": user.openid}
        return (await self.actor.act(user, body, base)).listed()

    async def popup(self, body: dict[str, Any]) -> dict[str, Any]:
        """POST /admin/popup."""
        user = self.platform.user(body)
        given = body.get("choices") or {}
        if not isinstance(given, dict):
            raise AdminError('choices must be {"template id": "accept" or "reject"}')
        choices = {str(key): str(value) for key, value in given.items()}
        for choice in ("accept", "reject"):
            choices |= dict.fromkeys(names(body.get(choice), choice), choice)
        result, fields = self.actor.popup(user, choices, whole(body.get("scene"), "scene"))
        pushed = None
        if any(choice != "ban" for choice in result.values()):
            pushed = (await self.platform.pusher.send(user, fields)).listed()
        return {"result": result, "grants": dict(user.grants), "push": pushed}

    def code(self, query: Any, purpose: str) -> dict[str, Any]:
        """A login, phone or OAuth code for a person."""
        user = self.platform.user(dict(query))
        kind = user.account.config.kind
        if (purpose == "oauth") != (kind == "service"):
            raise AdminError(f"{user.account.name} is a {kind}: it has no {purpose} codes")
        scope = query.get("scope", "snsapi_base") if purpose == "oauth" else ""
        return {"code": self.platform.new_code(user, purpose, scope), "openid": user.openid}

    def open(self, query: Any, cookies: Mapping[str, str]) -> web.Response:
        """GET /admin/open: go to an address as somebody.

        The phones of a desk share the cookies of one browser. When another person goes on, the cookies of the
        person before are put aside and those of the next taken out, so that nobody inherits a login.
        """
        target = query.get("url", "")
        if urlsplit(target).scheme not in ("http", "https", "") or not query.get("person"):
            raise AdminError("open needs person and an http url")
        response = web.Response(status=302, headers={"Location": target, "Cache-Control": "no-store"})
        person = self.platform.person(query["person"]).id
        before = cookies.get("sim_user", person)
        if before != person:
            held = {name: value for name, value in cookies.items() if name != "sim_user"}
            self.platform.jars[before] = held
            for name in held:
                response.del_cookie(name)
            for name, value in self.platform.jars.get(person, {}).items():
                response.set_cookie(name, value, httponly=True, samesite="Lax")
        response.set_cookie("sim_user", person)
        return response


def place(value: Any, key: str) -> dict[str, Any] | None:
    """A place an admin gave, or None. Raises AdminError."""
    if value is None:
        return None
    if not isinstance(value, dict) or not isinstance(value.get("label", ""), str):
        raise AdminError(f'{key} must be {{"lat": …, "lng": …, "label": …}}')
    try:
        lat, lng = float(value["lat"]), float(value["lng"])
    except (KeyError, TypeError, ValueError) as error:
        raise AdminError(f"{key} needs lat and lng as numbers") from error
    if not (-90 <= lat <= 90 and -180 <= lng <= 180):
        raise AdminError(f"{key}: lat and lng lie outside of the earth")
    return {"label": value.get("label", ""), "lat": lat, "lng": lng}
