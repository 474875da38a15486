"""Our server for the webhook benchmark: `python -m bench.webhook_ours DATABASE_URL CORE`; prints its port.

It is the whole web application with its middlewares, as `tianxin serve` runs it, in demo mode because
production refuses plain pushes.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys
from datetime import UTC, datetime
from typing import Any

import fakeredis
import uvloop

from actions import demo_data
from bench.webhook_script import ACCOUNT
from bot import database, logs
from bot.app import listening
from bot.config import Settings
from bot.runtime import Clock, Runtime
from handlers.routes import create_app
from models import sealing
from policies import load_packs


async def serve(url: str) -> None:
    logs.configure(demo=False)
    sealing.install(
        sealing.Keyring({1: secrets.token_bytes(32)}, current=1, index_key=secrets.token_bytes(32))
    )
    await database.connect(url)
    await demo_data.make_county(demo_data.CHANGGE, {}, datetime.now(UTC))
    no_http: Any = None
    runtime = Runtime(
        settings=Settings(env="demo", database_url=url),
        accounts={ACCOUNT.name: ACCOUNT},
        packs=load_packs(),
        clock=Clock(),
        redis=fakeredis.FakeAsyncRedis(),
        http=no_http,
        wechat={},
        database_url=url,
    )
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with listening(create_app(runtime), "127.0.0.1", 0) as port:
        print(port, flush=True)
        await stop.wait()
    await database.disconnect()


if __name__ == "__main__":
    if len(sys.argv) > 2:
        os.sched_setaffinity(0, {int(sys.argv[2])})
    uvloop.run(serve(sys.argv[1]))
