"""`python -m tests.chaos --seed N`: faults on real processes, and a table of what they did.

Each scenario has a database and a platform of its own. The same seed gives the same faults and the same
gaps; what the machine does in between is its own affair. Exit code 1 when something was lost, doubled or
broken.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
import traceback
from pathlib import Path

import uvloop

from bot import logs
from tests.chaos.judge import HEADINGS, Tally
from tests.chaos.scenarios import SCENARIOS, Scenario
from tests.chaos.site import Lab


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="Fault injection.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=0, help="instead of each scenario's own number")
    parser.add_argument("--only", default="", help=f"some of {','.join(SCENARIOS)}")
    parser.add_argument("--short", action="store_true", help="the sizes of the normal suite")
    parser.add_argument("--table", type=Path, help="write the table as Markdown")
    return parser.parse_args()


async def run(scenario: Scenario, lab: Lab, seed: int, rounds: int) -> Tally:
    """One scenario, whatever happens in it."""
    began = time.monotonic()
    try:
        tally = await scenario.play(lab, seed, rounds)
    except Exception as error:
        traceback.print_exc()
        tally = Tally(scenario.name, rounds=rounds, broken=[f"{type(error).__name__}: {error}"])
    tally.seconds = time.monotonic() - began
    return tally


async def main(options: argparse.Namespace) -> int:
    logs.configure(demo=True)
    task = asyncio.current_task()
    for number in (signal.SIGTERM, signal.SIGINT):  # whoever ends this run ends its child processes too
        asyncio.get_running_loop().add_signal_handler(number, task.cancel if task else sys.exit)
    names = options.only.split(",") if options.only else list(SCENARIOS)
    tallies = []
    for embedded in (False, True):
        chosen = [SCENARIOS[name] for name in names if SCENARIOS[name].own_server is embedded]
        if not chosen:
            continue
        async with Lab.opened(embedded=embedded, short=options.short) as lab:
            for scenario in chosen:
                rounds = options.rounds or (scenario.few if options.short else scenario.many)
                tally = await run(scenario, lab, options.seed, rounds)
                tallies.append(tally)
                print(" | ".join(tally.row()), flush=True)
    if options.table:
        options.table.write_text(table(tallies), encoding="utf-8")
    print(table(tallies))
    broken = [tally.name for tally in tallies if not tally.holds]
    print(f"seed {options.seed}: " + (f"BROKEN: {', '.join(broken)}" if broken else "everything holds"))
    return 1 if broken else 0


def table(tallies: list[Tally]) -> str:
    """The figures as a Markdown table."""
    lines = ["| " + " | ".join(HEADINGS) + " |", "|" + "---|" * len(HEADINGS)]
    lines += ["| " + " | ".join(tally.row()).replace("\n", " ") + " |" for tally in tallies]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(uvloop.run(main(arguments())))
