"""The life of one process of the desk: on the journal's file, towards a world outside, killed or not.

Beside the moments of `boundaries` it may be killed in the middle of a commit, statement by statement, and
in the middle of a request that changes something at the venue: when its head is sent, and when the answer
to it begins.
"""

from __future__ import annotations

import pickle
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

from domain.events import DeskEvent
from execution.exchanges.venue import CcxtVenue
from memory.journal import SqliteJournal
from tests.faults.boundaries import Fate, MortalJournal, MortalVenue
from tests.faults.kill_outside import Chronicle, FarGround, Outliving, outside
from tests.faults.lives import Ending, Process, check, ending
from tests.faults.stories import STORIES, check_sliced, sliced

TOLD = {**STORIES, "twap": sliced}
VERIFIED = {"twap": check_sliced}
"""Stories that may come out smaller than in peace, and what says whether by no more than they may."""

JOURNAL, CHRONICLE, TEMPLATE, OUTCOME = "desk.db", "outside", "template.db", "outcome"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a life that came to its end reports."""

    moments: tuple[str, ...]
    ending: Ending
    born_with: int
    """How many events the journal held when this life began."""


class _MortalConnection:
    """A connection to a file of SQLite in which the process may die before and after each change."""

    def __init__(self, inner: sqlite3.Connection, fate: Fate) -> None:
        self._inner = inner
        self._fate = fate

    def execute(self, statement: str, values: Iterable[Any] = ()) -> sqlite3.Cursor:
        done = self._inner.execute(statement, tuple(values))
        if statement.split(maxsplit=1)[0] in ("BEGIN", "UPDATE"):
            self._fate.moment(f"in commit, after {statement.split(maxsplit=1)[0]}")
        return done

    def executemany(self, statement: str, rows: Iterable[Any]) -> sqlite3.Cursor:
        done = self._inner.executemany(statement, rows)
        self._fate.moment("in commit, after INSERT")
        return done

    def close(self) -> None:
        self._inner.close()


def open_journal(path: Path, fate: Fate) -> SqliteJournal:
    """The journal in its file; its transactions can be cut short by a death."""
    journal = SqliteJournal(path)
    journal._connection = _MortalConnection(journal._connection, fate)  # type: ignore[assignment]
    return journal


def _watch(venue: CcxtVenue, fate: Fate) -> None:
    """Let the process die inside requests that change something at the venue."""
    import aiohttp

    async def sent(session: object, context: object, told: aiohttp.TraceRequestHeadersSentParams) -> None:
        if told.method != "GET":
            fate.moment(f"in {told.method}, sent")

    async def answered(session: object, context: object, told: aiohttp.TraceRequestEndParams) -> None:
        if told.method != "GET":
            fate.moment(f"in {told.method}, answered")

    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(sent)
    trace.on_request_end.append(answered)
    trace.freeze()
    venue.line.client.session.trace_configs.append(trace)


async def live(place: str, story: str, folder: Path, pipe: Pipe | None, fate: Fate) -> None:
    """Tell a story to its end, from where the life before was killed; what came of it is in the folder."""
    chronicle = Chronicle(folder / CHRONICLE)
    async with outside(place, pipe, chronicle) as ground:
        steps = [*TOLD[story](ground), (None, Process.settle)]  # told by a ground at its beginning
        journal = open_journal(folder / JOURNAL, fate)
        journal.verify()
        past = [event for _, event in journal.events()]
        ground.catch_up()
        if isinstance(ground, FarGround):
            _watch(await ground.open(), fate)
        process: Process | None = None
        for at, (market, act) in enumerate(steps):
            if at < chronicle.step:
                continue
            if at > chronicle.step:
                if market is not None:
                    market()
                chronicle.begun(at)
            if process is None:
                process = await _born(ground, journal, past, fate)
                await process.come_to_rest()
                check(process)
            await act(process)
            process.journal.commit()  # what was not is asked for again, as a bar is run again
        if process is None:
            raise AssertionError("a story without a step")
        check(process)
        if story in VERIFIED:
            VERIFIED[story](process)
        journal.verify()
        journal.close()
        outcome = Outcome(tuple(fate.names), ending(process), len(past))
        (folder / OUTCOME).write_bytes(pickle.dumps(outcome))


async def _born(ground: Outliving, journal: SqliteJournal, past: list[DeskEvent], fate: Fate) -> Process:
    line = ground.connect()
    process = Process(ground, MortalJournal(journal, fate), MortalVenue(line, fate), [])
    await process.begin(past, line)
    return process
