"""Real SIGKILLs on the way of a story, on paper and on the wire, each with a next life that must end as well.

A killed life and the one after it share nothing but files and, on the wire, an exchange in a process of its
own.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import pickle
import shutil
import signal
from collections.abc import Iterable
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

from memory.database import migrate
from tests.faults.boundaries import Fate
from tests.faults.forking import fork, wait_for
from tests.faults.kill_life import JOURNAL, OUTCOME, TEMPLATE, VERIFIED, Outcome, live
from tests.faults.kill_outside import be_the_exchange
from tests.faults.kill_table import Killed

PAPER = "paper"
WIRES = ("binance", "gate", "mexc")
PLACES = (PAPER, *WIRES)
NEEDED = ("ccxt.async_support", "aiohttp", "requests", *(f"simulator.wire.{wire}" for wire in WIRES))


class Stage:
    """A fresh folder, and on the wire a fresh exchange, for one story told by one life or two."""

    def __init__(self, place: str, story: str, folder: Path, template: Path) -> None:
        self.place = place
        self.story = story
        self.folder = folder
        folder.mkdir()
        shutil.copyfile(template, folder / JOURNAL)
        self._pipes: list[Pipe] = []
        self._leash: int | None = None
        self._exchange = 0
        if place != PAPER:
            self._open_exchange()

    def _open_exchange(self) -> None:
        pairs = [multiprocessing.Pipe() for _ in range(2)]
        held, leash = os.pipe()

        def work() -> None:
            os.close(leash)
            asyncio.run(be_the_exchange(self.place, [far for _, far in pairs], held))

        self._exchange = fork(work)
        os.close(held)
        for _, far in pairs:
            far.close()
        self._pipes = [near for near, _ in pairs]
        self._leash = leash

    def life(self, deadly: int | None) -> int:
        """One process, killed at that moment of its own, or alive to the end; how it ended."""
        pipe = self._pipes.pop(0) if self._pipes else None
        leash = self._leash

        def work() -> None:
            if leash is not None:
                os.close(leash)
            fate = Fate(deadly, by_signal=True)
            asyncio.run(live(self.place, self.story, self.folder, pipe, fate))

        child = fork(work)
        if pipe is not None:
            pipe.close()
        return wait_for(child)

    def outcome(self) -> Outcome:
        told = pickle.loads((self.folder / OUTCOME).read_bytes())  # noqa: S301  written by our own child
        if not isinstance(told, Outcome):
            raise AssertionError(f"{told!r} is no outcome")
        return told

    def close(self) -> None:
        for pipe in self._pipes:
            pipe.close()
        if self._leash is not None:
            os.close(self._leash)
            wait_for(self._exchange)
            self._leash = None
        shutil.rmtree(self.folder)


def kill_everywhere(
    place: str,
    story: str,
    folder: Path,
    *,
    every: int = 1,
    offset: int = 0,
    only: Iterable[int] | None = None,
) -> Killed:
    """Tell a story in peace; then once for each `every`-th moment: SIGKILL there, and a life after it."""
    template = folder / TEMPLATE
    if not template.exists():
        migrate(template)
    calm = Stage(place, story, folder / "calm", template)
    try:
        if calm.life(None) != 0:
            return Killed(place, story, 0, 0, 0, ("it does not come to its end in peace",))
        told = calm.outcome()
    finally:
        calm.close()
    kills, wrong = 0, []
    for moment in only if only is not None else range(offset, len(told.moments), every):
        stage = Stage(place, story, folder / f"killed-{moment}", template)
        try:
            first = stage.life(moment)
            if first != -signal.SIGKILL:
                wrong.append(f"moment {moment}, {told.moments[moment]}: nobody was killed, code {first}")
                continue
            kills += 1
            if stage.life(None) != 0:
                wrong.append(f"moment {moment}, {told.moments[moment]}: the next life failed")
            elif story not in VERIFIED and stage.outcome().ending != told.ending:
                wrong.append(
                    f"moment {moment}, {told.moments[moment]}: {stage.outcome().ending}, not {told.ending}"
                )
        finally:
            stage.close()
    return Killed(place, story, len(told.moments), sum(map(_of_journal, told.moments)), kills, tuple(wrong))


def _of_journal(moment: str) -> bool:
    """Whether it is a moment of the journal, and not of a call to the venue."""
    if moment.startswith("in "):
        return moment.startswith("in commit")
    return moment.rsplit(maxsplit=1)[-1] not in _CALLS


_CALLS = frozenset({"place", "cancel", "lookup", "open_orders", "poll", "balances", "fills"})
