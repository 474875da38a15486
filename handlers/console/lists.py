"""Lists of the console: filters, orders and pages of whatever actions.listings knows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from aiohttp import web

from actions import listings
from actions.listings import Asked, Column, Filter, ListSpec
from bot.config import SHANGHAI
from bot.errors import RuleRefused
from handlers import rights
from handlers.console.base import Desk, Work, query_with, render
from handlers.console.people import KIND_WORDS
from handlers.rights import Right
from rules.roles import ROLES_OF

PAGE = 50
PAGES = tuple(spec.name for spec in listings.LISTS)
FOUND = 10
_OURS = frozenset({"sort", "after", "said"})
_ADDRESSES: Mapping[str, str] = {
    "applications": "/console/applications/{}",
    "loans": "/console/loans/{}",
    "overdue": "/console/loans/{}",
}
"""Where the first column of a list leads to."""
_MASKED = ("applications", "loans", "overdue")
"""Lists of farmers, whose names stand in full only in the file of each."""
TEMPLATES: Mapping[str, str] = {each: f"{each}.html" for each in ("notices", "people", "organisations")}
"""Lists on which something is done."""
_ACTS: Mapping[str, Right] = {
    "invite": rights.FIRST_LOGIN,
    "mend": rights.LOGIN_OF_OTHERS,
    "join": rights.JOIN_CODE,
    "make": rights.NEW_BODY,
}
KINDS_OF_BODY = {kind: listings.ORGANISATION_KINDS[kind] for kind in ROLES_OF}
LENDERS = ("acquiring_bank", "partner_bank", "guarantor")
_FOUND_IN = ("applications", "loans", "people")


def asked_of(query: Mapping[str, str], limit: int = PAGE) -> Asked:
    """What an address asks of a list; whether it can be asked is the list's to say."""
    filters = {key: value.strip()[:60] for key, value in query.items() if key not in _OURS and value.strip()}
    return Asked(filters, query.get("sort", ""), query.get("after", ""), limit)


def listed(name: str) -> Work:
    """The page of a list."""

    async def show(viewer: Desk) -> web.StreamResponse:
        query = dict(viewer.request.query)
        spec = listings.list_for(viewer.actor, name)
        fault, found = "", None
        try:
            found = await listings.page(
                viewer.actor, name, asked_of(query), viewer.pack, viewer.on, viewer.now
            )
        except RuleRefused as refused:  # what was typed stands in the form, with what is wrong with it
            fault = refused.message
        if found is not None:
            await listings.note_search(viewer.actor, name, query.get("q", ""), viewer.now)
        return render(
            viewer,
            TEMPLATES.get(name, "list.html"),
            status=422 if fault else 200,
            it=spec,
            masked=name in _MASKED,
            rows=[_cells(spec, row) for row in found.rows] if found else [],
            day=found.day if found and spec.of_day else None,
            fault=fault,
            filters=await _filters(viewer, spec, query),
            query={key: value for key, value in query.items() if value},
            sorts=spec.sorts,
            sort=query.get("sort") or spec.sorts[0].key,
            first=query_with(query, after=None, said=None) if query.get("after") else None,
            next=query_with(query, after=found.next, said=None) if found and found.next else None,
            exported=query_with(query, after=None, said=None),
            may={act: right.admits(viewer.actor) for act, right in _ACTS.items()},
            kinds=KINDS_OF_BODY,
            lenders=LENDERS,
            applicants=KIND_WORDS,
            narrowed=any(value for key, value in query.items() if key != "said"),
        )

    show.__doc__ = f"GET /console/{name}"
    return show


async def find(viewer: Desk) -> web.StreamResponse:
    """GET /console/find?q=: applications, loans and people of a number, a name, an ID number or a phone."""
    text = viewer.request.query.get("q", "").strip()[:40]
    results, fault = [], ""
    for name in _FOUND_IN:
        spec = listings.BY_NAME[name]
        if not viewer.actor.roles & set(spec.bodies) or not text:
            continue
        try:
            found = await listings.page(
                viewer.actor, name, Asked({"q": text}, limit=FOUND), viewer.pack, viewer.on, viewer.now
            )
        except RuleRefused as refused:
            fault = fault or refused.message
            continue
        if found.rows:
            more = f"/console/{name}?{query_with({'q': text})}" if found.next else ""
            results.append((spec, [_cells(spec, row) for row in found.rows], more))
    await listings.note_search(viewer.actor, "find", text, viewer.now)
    return render(
        viewer, "find.html", crumbs=[("", "查找")], text=text, results=results,
        fault="" if results else fault,
    )  # fmt: skip


async def _filters(viewer: Desk, spec: ListSpec, query: Mapping[str, str]) -> list[dict[str, Any]]:
    return [await _filter(viewer, spec, each, query.get(each.key, "").strip()) for each in spec.filters]


async def _filter(viewer: Desk, spec: ListSpec, each: Filter, given: str) -> dict[str, Any]:
    """One filter as the form draws it: its choices with the chosen one."""
    choices = dict(each.choices)
    if each.kind == "place":
        choices = dict(await listings.places(viewer.actor, given))
    elif each.kind == "bank":
        choices = await listings.banks(viewer.actor)
    elif each.kind == "stage":
        choices = {name: stage.title for name, stage in viewer.pack.contents.stages.items()}
        if "," in given:
            choices[given] = "、".join(choices.get(name, name) for name in given.split(","))
    usual = spec.usual.get(each.key, "")
    return {
        "key": each.key, "title": each.title, "kind": each.kind, "choices": choices,
        "given": given or usual, "usual": usual,
    }  # fmt: skip


def _cells(spec: ListSpec, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row in words, cell by cell, and where it leads to."""
    address = _ADDRESSES.get(spec.name, "").format(row.get("key", ""))
    cells = [
        {
            "title": column.title,
            "words": cell_words(column, row.get(column.key)),
            "kind": column.kind,
            "link": address if column.link else "",
        }
        for column in spec.columns
    ]
    return {"row": row, "cells": cells}


def cell_words(column: Column, value: Any) -> str:
    """A value as it is read in a table; empty where there is none."""
    if value is None or value == "":
        return ""
    if column.kind == "money":
        return f"{value / 100:,.2f}" if value % 100 else f"{value // 100:,}"
    if column.kind == "moment" and isinstance(value, datetime):
        return f"{value.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
    if column.kind == "day" and isinstance(value, date):
        return value.isoformat()
    return str(value)
