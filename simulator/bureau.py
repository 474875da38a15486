"""A stand-in for a credit register: the same number always gives the same report; faults work here too."""

from __future__ import annotations

import re
from hashlib import sha256

from aiohttp import web

from simulator.gate import Answer, Call, Endpoint

PATH = "/bureau/v1/credit-reports"
_ID = re.compile(r"\d{17}[0-9X]")


def report(call: Call) -> Answer:
    """What is known of the person; 401 without a token, 400 without a signed text or a number."""
    asked = call.json
    if not call.request.headers.get("Authorization", "").startswith("Bearer "):
        return web.json_response({"error": "unauthorised"}, status=401)
    if not asked.get("authorisation_sha256") or not _ID.fullmatch(str(asked.get("id_number", ""))):
        return web.json_response({"error": "bad_request"}, status=400)
    seen = sha256(str(asked["id_number"]).encode()).digest()
    loans = seen[0] % 4
    return {
        "reference": asked.get("reference"),
        "loans": loans,
        "balance_fen": loans * (1 + seen[1]) * 1_000_00,
        "overdue_fen": 1_000_00 if loans and seen[2] < 32 else 0,
        "bad_records": 1 if seen[3] < 16 else 0,
    }


ENDPOINTS = (Endpoint(PATH, "POST", report, token=False),)
