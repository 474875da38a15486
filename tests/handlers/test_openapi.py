"""The OpenAPI document describes what is served: every route, every parameter, every error."""

from __future__ import annotations

import re
from typing import Any

import pytest
from aiohttp import web

from handlers import rights
from handlers.openapi import document
from handlers.routes import API, create_app
from tests.handlers.api_world import World

DOCUMENT: dict[str, Any] = document(API, "https://example.org", "1.0")
OPERATIONS = [
    pytest.param(path, method, operation, id=f"{method} {path}")
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]

TWICE = {
    "/api/v1/sessions",
    # nobody is asked outside within a transaction; an answer that still holds is given again
    "/api/v1/applications/{key}/credit-queries",
}
"""POSTs that may be sent again without a name for the request."""

PEOPLE = {
    "cadre": "wang",
    "town_clerk": "zhou",
    "county_clerk": "liu",
    "loan_officer": "chen",
    "bank_officer": "zhao",
    "guarantor_officer": "sun",
    "finance_officer": "qian",
    "system_administrator": "jin",
    "safety_administrator": "an",
}


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [found for each in value.values() for found in references(each)]
    if isinstance(value, list):
        return [found for each in value for found in references(each)]
    return []


def resolve(reference: str) -> Any:
    here: Any = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        here = here[part]
    return here


async def test_every_route_of_the_interface_is_in_the_document_and_nothing_else(world: World) -> None:
    app = create_app(world.runtime)
    served = {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if isinstance(route.resource, web.Resource) and route.resource.canonical.startswith("/api/v1")
    }
    described = {(method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert {pair for pair in served if pair[0] != "HEAD"} == described


async def test_the_document_is_served_to_everybody(world: World) -> None:
    answer = await world.client.get("/openapi.json")
    found = await answer.json()
    assert (answer.status, found["openapi"], found["paths"].keys()) == (
        200,
        "3.1.0",
        DOCUMENT["paths"].keys(),
    )


def test_every_reference_leads_somewhere() -> None:
    assert references(DOCUMENT)
    for reference in references(DOCUMENT):
        assert resolve(reference) is not None, reference


def test_names_of_operations_are_unique() -> None:
    names = [operation.values[2]["operationId"] for operation in OPERATIONS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_an_operation_says_all_a_client_needs(path: str, method: str, operation: dict[str, Any]) -> None:
    assert operation["summary"], "the docstring of the function is the summary"
    placed = {(p["in"], p["name"]) for p in operation["parameters"]}
    assert {name for where, name in placed if where == "path"} == set(re.findall(r"{(\w+)}", path))
    assert all("schema" in p for p in operation["parameters"])
    statuses = set(operation["responses"])
    assert {"500", "503"} <= statuses
    assert len({s for s in statuses if s < "300"}) == 1
    if operation.get("security") != []:
        assert "401" in statuses
    if "{" in path:
        assert "404" in statuses
    if method == "post" and path not in TWICE:
        assert ("header", "Idempotency-Key") in placed
        assert {"400", "409", "422"} <= statuses
    if "requestBody" in operation:
        assert {"400", "413", "415"} <= statuses


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_every_error_has_the_one_shape(path: str, method: str, operation: dict[str, Any]) -> None:
    for status, response in operation["responses"].items():
        if status >= "400":
            content = resolve(response["$ref"])["content"]["application/json"]
            assert content["schema"]["$ref"].endswith("/ErrorBody")


def test_the_error_has_code_rule_message_and_field() -> None:
    assert set(resolve("#/components/schemas/Error")["properties"]) == {"code", "rule", "message", "field"}
    assert set(resolve("#/components/schemas/ErrorBody")["properties"]) == {"error"}


async def test_nothing_is_done_or_told_without_a_token(world: World) -> None:
    """S17.2"""
    for each in API:
        if not each.right.public:
            answer = await world.client.request(
                each.method, example(each.path), json={} if each.body else None
            )
            found = (answer.status, (await answer.json())["error"]["code"])
            assert found == (401, "not_logged_in"), each.name


async def test_a_post_without_a_name_for_the_request_is_400(world: World) -> None:
    people = {role: await world.login(name) for role, name in PEOPLE.items()}
    asked = set()
    for each in API:
        named = [
            who for role, who in people.items() if rights.ANYBODY in each.right.who or role in each.right.who
        ]
        if each.idempotent and named:
            status, body = await named[0].ask("POST", example(each.path), json={})
            assert (status, body["error"]["code"]) == (400, "idempotency_key_missing"), each.name
            asked.add(each.name)
    assert asked == {each.name for each in API if each.idempotent}


def example(path: str) -> str:
    return re.sub(r"{\w+}", "A" * 22, path)
