"""Coverage gates by room, read from the .coverage file of the last run: `python -m tests.coverage_gates`."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from coverage import Coverage

GATES = {"rules": 100.0, "actions": 95.0, "policies": 95.0, "": 90.0}
"""Least share of lines and branches in percent, by room; the empty name is the whole program."""


def shares() -> dict[str, float]:
    """Room -> percent of lines and branches that the tests ran."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "coverage.json"
        coverage = Coverage()
        coverage.load()
        coverage.json_report(outfile=str(report))
        files = json.loads(report.read_text())["files"]
    measured = {}
    for room in GATES:
        rows = [f["summary"] for name, f in files.items() if not room or name.startswith(f"{room}/")]
        run = sum(row["covered_lines"] + row["covered_branches"] for row in rows)
        all_ = sum(row["num_statements"] + row["num_branches"] for row in rows)
        measured[room] = 100 * run / all_ if all_ else 100.0
    return measured


def main() -> int:
    """Print each room's share and return 1 when one is below its gate."""
    failed = False
    for room, share in shares().items():
        below = share < GATES[room]
        failed |= below
        mark = "  BELOW" if below else ""
        sys.stdout.write(f"{room or 'all':10} {share:6.2f} %  gate {GATES[room]:.0f} %{mark}\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
