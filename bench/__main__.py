"""Every benchmark, one after the other: `python -m bench`, or `python -m bench.webhook` for one."""

from __future__ import annotations

import subprocess
import sys

NAMES = ("webhook", "push", "claims", "schedule", "night", "lists", "console", "imports", "process")


def main() -> int:
    """Run each benchmark in a process of its own; 1 when one could not be run."""
    failed = 0
    for name in NAMES:
        print(f"\n== bench.{name}", flush=True)
        failed |= subprocess.run([sys.executable, "-m", f"bench.{name}"], check=False).returncode
    return failed


if __name__ == "__main__":
    sys.exit(main())
