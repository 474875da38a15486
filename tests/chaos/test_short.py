"""A minute of the fault injection of `make chaos`: real processes, small numbers, a fixed seed."""

from __future__ import annotations

import os

import pytest

from tests.chaos.scenarios import SCENARIOS
from tests.chaos.site import Lab

SEED = 20261128
SHORT = ("K1", "D4", "Q1", "G1", "N1")
"""A worker killed, COMMIT cut off, one push fifty times, SIGTERM, and two processes of each kind."""


@pytest.fixture(scope="module")
def lab(server_url: str, template_database: str, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """The server and the template that the other tests use."""
    redis_url = os.environ.get("TIANXIN_TEST_REDIS_URL", "")
    return Lab(tmp_path_factory.mktemp("chaos"), server_url, template_database, redis_url, short=True)


@pytest.mark.parametrize("name", SHORT)
async def test_nothing_is_lost_and_nothing_doubled(name: str, lab: Lab) -> None:
    """K1, D4, Q1, G1, I1–I14: the platform's own log is the judge."""
    tally = await SCENARIOS[name].play(lab, SEED, SCENARIOS[name].few)
    assert tally.holds, tally.row()
    assert tally.reached == tally.expected
