"""Memory of an idle web process and time to import the program: `python -m bench.process`.

Targets: at most 150 MB resident when idle, import in at most 1.5 s.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from bot import database

RUNS = 5
IDLE_S = 3
IMPORT = "import bot.app, bot.__main__, handlers.routes, scheduler.workers"


def import_seconds() -> list[float]:
    """Seconds of a bare interpreter subtracted from those of one that imports the program.

    With bytecode kept, as an installed program has it: PYTHONDONTWRITEBYTECODE would compile everything anew.
    """
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def run(code: str) -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, env=environ)
        return time.perf_counter() - start

    run(IMPORT)
    return [run(IMPORT) - run("pass") for _ in range(RUNS)]


async def idle_megabytes() -> float:
    """Resident memory of `tianxin serve` three seconds after it answers."""
    with tempfile.TemporaryDirectory() as folder:
        url, server = await asyncio.to_thread(database.start_embedded, Path(folder))
        await database.migrate(url)
        environ = {
            **os.environ,
            "TIANXIN_ENV": "demo",
            "TIANXIN_VAR": folder,
            "TIANXIN_DATABASE_URL": url,
            "TIANXIN_PORT": "0",
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "bot", "serve"], env=environ, stderr=subprocess.DEVNULL
        )
        try:
            await asyncio.sleep(IDLE_S + 3)
            if process.poll() is not None:
                raise RuntimeError(f"serve ended with {process.returncode}")
            status = await asyncio.to_thread(Path(f"/proc/{process.pid}/status").read_text)
            found = re.search(r"VmRSS:\s+(\d+) kB", status)
            return int(found.group(1)) / 1024 if found else 0.0
        finally:
            process.terminate()
            process.wait(timeout=15)
            await asyncio.to_thread(server.cleanup)


def main() -> None:
    seconds = import_seconds()
    print(f"import of the program: median {median(seconds):.2f} s of {RUNS} (target 1.5 s)")
    print(f"idle web process: {asyncio.run(idle_megabytes()):.0f} MB resident (target 150 MB)")


if __name__ == "__main__":
    main()
