"""SCENARIOS: every fault of the catalogue, as data: who plays it, how often briefly, how often by hand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from tests.chaos import clockwork, people, pushing, sending
from tests.chaos.judge import Tally
from tests.chaos.site import Lab

Play = Callable[[Lab, int, int], Awaitable[Tally]]
"""Given lab, seed and rounds."""


@dataclass(frozen=True)
class Scenario:
    """One kind of fault. `few` and `many`: rounds in the normal suite and by hand."""

    name: str
    play: Play
    few: int
    many: int
    own_server: bool = False
    """It harms the database server itself, and so brings its own."""


SCENARIOS: Mapping[str, Scenario] = {
    each.name: each
    for each in (
        Scenario("K1", sending.k1, 1, 200),
        Scenario("K2", pushing.k2, 2, 50),
        Scenario("K3", clockwork.k3, 1, 50),
        Scenario("K4", clockwork.k4, 1, 20, own_server=True),
        Scenario("D1", clockwork.d1, 1, 10, own_server=True),
        Scenario("D3", pushing.d3, 1, 4),
        Scenario("D4", pushing.d4, 1, 10),
        Scenario("DF1", pushing.disk, 1, 5),
        Scenario("W1", sending.w1, 1, 5),
        Scenario("W2", sending.w2, 1, 4),
        Scenario("W3", sending.w3, 1, 1),
        Scenario("W4", sending.w4, 1, 3),
        Scenario("W5", sending.w5, 1, 4),
        Scenario("W6", sending.w6, 1, 1),
        Scenario("R1", sending.r1, 1, 3),
        Scenario("Q1", pushing.q1, 2, 50),
        Scenario("Q2", pushing.q2, 1, 5),
        Scenario("Q3", pushing.q3, 2, 20),
        Scenario("C1", clockwork.c1, 1, 1),
        Scenario("C2", people.c2, 3, 100),
        Scenario("C3", people.c3, 2, 20),
        Scenario("C4", people.c4, 2, 20),
        Scenario("T1", sending.t1, 1, 3),
        Scenario("T2", clockwork.t2, 1, 3),
        Scenario("N1", clockwork.night, 1, 20),
        Scenario("N2", clockwork.network, 1, 3),
        Scenario("G1", sending.g1, 1, 5),
        Scenario("P1", sending.poison, 1, 1),
    )
}
