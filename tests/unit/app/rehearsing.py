"""A simulated exchange in a thread of its own, for tests whose desk runs in this one or in a process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.exchange import Rehearsal, Summary, hints, rehearse
from simulator.wire.coinbase_keys import key_from
from simulator.wire.server import Running

KEY, SECRET = "k" * 32, "s" * 64


@dataclass(frozen=True, slots=True)
class Open:
    """An exchange that listens. `environment` has the keys of its account as the desk wants them."""

    venue: str
    running: Running
    summary: Summary
    environment: dict[str, str]

    @property
    def url(self) -> str:
        return self.running.url


@contextlib.contextmanager
def exchange(venue: str, **more: Any) -> Iterator[Open]:
    """Serve one until the block ends."""
    key, secret = key_from(SECRET) if venue == "coinbase" else (KEY, SECRET)
    told = Rehearsal(venue=venue, key=key, secret=secret, **more)
    opened: queue.Queue[tuple[Running, Summary, asyncio.AbstractEventLoop, asyncio.Event]] = queue.Queue()

    async def run() -> None:
        done = asyncio.Event()
        async with rehearse(told) as (running, summary):
            opened.put((running, summary, asyncio.get_running_loop(), done))
            await done.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    running, summary, loop, done = opened.get(timeout=60)
    try:
        yield Open(venue, running, summary, hints(told, running)["environment"])
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(timeout=30)


def desk_process(folder: Path, *words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a desk to its end in a process of its own, its state below `folder`."""
    return subprocess.run(
        [sys.executable, "-c", "from app.cli import main; main()", *map(str, words)],
        cwd=folder,
        env={
            **os.environ,
            **environment,
            "DESK_HOME": str(folder / "home"),
            "PYTHONPATH": str(Path(__file__).parents[3]),
        },
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
