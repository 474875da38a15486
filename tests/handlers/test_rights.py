"""Every route says who may call it, and the edge refuses the others before anything is looked at. S17.2"""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web

from actions.access import Actor, HeldPost
from bot.errors import NotFound
from handlers import rights
from handlers.errors import HttpError
from handlers.pages.base import page
from handlers.rights import ANYBODY, Right, governed, require_rights, right_of
from handlers.routes import API, create_app
from rules.roles import STAFF_ROLES
from tests.handlers.api_world import World


async def some_page(_: Any) -> web.Response:
    return web.Response()


def someone(*roles: str) -> Actor:
    posts = tuple(HeldPost(n, role, 1, "411082000000") for n, role in enumerate(roles))
    return Actor(1, "411082", "mini", "o", "page", posts)


def test_an_application_with_a_route_without_a_right_does_not_start() -> None:
    app = web.Application()
    app.router.add_get("/with", governed(some_page, rights.GENERAL))
    app.router.add_get("/page", page(some_page, rights.TASKS))
    require_rights(app)

    async def forgotten(_: web.Request) -> web.Response:
        return web.Response()

    app.router.add_post("/without/{key}", forgotten)
    with pytest.raises(TypeError, match=r"no right: POST /without/\{key\}\. Name one of handlers/rights\.py"):
        require_rights(app)


async def test_every_route_of_the_application_has_a_right(world: World) -> None:
    app = create_app(world.runtime)
    found = [right_of(route.handler) for route in app.router.routes()]
    assert None not in found
    assert len(found) > len(API)


@pytest.mark.parametrize(
    ("right", "roles", "refusal"),
    [
        (rights.MYSELF, (), None),
        (rights.TASKS, (), HttpError),
        (rights.TASKS, ("cadre",), None),
        (rights.IMPORTS, ("cadre", "county_clerk"), HttpError),
        (rights.IMPORTS, ("cadre", "bank_officer"), None),
        (rights.IMPORT, ("cadre",), NotFound),
        (rights.LOAN_OF_STAFF, ("administrator", "loan_officer"), NotFound),
        (rights.LOAN_OF_STAFF, (), NotFound),
        (rights.LOAN, ("administrator",), None),
    ],
)
def test_who_is_not_named_is_refused_and_an_object_looks_absent(
    right: Right, roles: tuple[str, ...], refusal: type[Exception] | None
) -> None:
    """S17.2"""
    if refusal is None:
        right.check(someone(*roles))
        return
    with pytest.raises(refusal):
        right.check(someone(*roles))


def test_rights_name_roles_that_exist_and_the_public_ones_name_nobody_else() -> None:
    found = [each for each in vars(rights).values() if isinstance(each, Right)]
    assert {role for right in found for role in right.who} <= {ANYBODY, *STAFF_ROLES}
    assert [right for right in found if right.public] == [rights.EVERYBODY, rights.PLATFORM]


def test_the_route_of_an_object_names_its_kind() -> None:
    """So that a role without the right is told what everybody hears of an absent object: 404."""
    plain = {"/api/v1/forms/{name}", "/api/v1/import-templates/{kind}", "/api/v1/desk-logins/{key}"}
    keyed = [each for each in API if each.path_names and each.path not in plain]
    assert [each.name for each in API if each.right.about] == [each.name for each in keyed]
