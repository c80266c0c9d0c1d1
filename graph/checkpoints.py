"""Checkpoints of decision cycles in SQLite, with a serialiser that knows a fixed list of types.

A checkpoint lets people look at what a cycle's state was. Recovery does not rest on it: the journal is the
only truth after a crash, and a bar that was not closed is run again. So the file may lag a power cut
(`synchronous=NORMAL`) and only the newest cycles are kept. See docs/decisions/0020-checkpoint-durability.md.
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import ormsgpack

from agents.base import AgentReport
from domain import market, opinions, orders, tactics, verdicts
from domain.errors import StorageError
from graph.proposal import Blended, Outcome
from graph.state import CycleState, OrderOutcome, Station
from llm.calls import ModelCall
from portfolio.sizing import Contribution, Sized

if TYPE_CHECKING:
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    from graph.build import CycleGraph

ALLOWED: Final[tuple[type, ...]] = (
    market.Timeframe,
    market.Candle,
    market.Quote,
    market.Headline,
    market.SymbolView,
    market.MarketSnapshot,
    opinions.Evidence,
    opinions.Opinion,
    opinions.Abstention,
    opinions.Target,
    opinions.Proposal,
    orders.Side,
    orders.OrderType,
    orders.TimeInForce,
    orders.Origin,
    orders.OrderStatus,
    orders.OrderIntent,
    tactics.Tactic,
    verdicts.Breach,
    verdicts.Clip,
    verdicts.VerdictRecord,
    AgentReport,
    ModelCall,
    Blended,
    Outcome,
    Sized,
    Contribution,
    Station,
    OrderOutcome,
)
"""What a checkpoint may hold besides numbers, text, times and plain collections. No approval is among it."""

_DATA, _ENUM, _DECIMAL, _TIME, _SPAN, _TUPLE, _SET = range(1, 8)
_KIND: Final = "desk"
_OPTIONS: Final = (
    ormsgpack.OPT_NON_STR_KEYS
    | ormsgpack.OPT_PASSTHROUGH_DATACLASS
    | ormsgpack.OPT_PASSTHROUGH_DATETIME
    | ormsgpack.OPT_PASSTHROUGH_ENUM
    | ormsgpack.OPT_PASSTHROUGH_TUPLE
    | ormsgpack.OPT_PASSTHROUGH_UUID
)


class StrictSerializer:
    """MessagePack for the types in ALLOWED and nothing else, in both directions.

    LangGraph's own serialiser hands back raw data for a type it may not load, and writes any dataclass at
    all; this one raises StorageError instead. Types are matched exactly: a subclass is another type.
    """

    def __init__(self, allowed: tuple[type, ...] = ALLOWED) -> None:
        self._names = {kind: f"{kind.__module__}.{kind.__qualname__}" for kind in allowed}
        self._types = {name: kind for kind, name in self._names.items()}
        self._fields = {
            kind: tuple(field.name for field in dataclasses.fields(kind))
            for kind in allowed
            if dataclasses.is_dataclass(kind)
        }
        self._why = ""  # ormsgpack forgets what its hooks raise

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """Raises StorageError for anything that is not allowed in a checkpoint."""
        try:
            return _KIND, self._pack(obj)
        except (ormsgpack.MsgpackEncodeError, TypeError) as error:
            raise StorageError(self._why or f"the graph's state cannot be written: {error}") from error
        finally:
            self._why = ""

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """Raises StorageError for another kind of data, or a type that is not allowed."""
        kind, payload = data
        if kind != _KIND:
            raise StorageError(f"a checkpoint of kind {kind!r} was not written by the desk")
        try:
            return self._unpack(payload)
        except (ormsgpack.MsgpackDecodeError, TypeError, ValueError, ArithmeticError) as error:
            raise StorageError(self._why or f"a checkpoint cannot be read: {error}") from error
        finally:
            self._why = ""

    def _pack(self, value: Any) -> bytes:
        return ormsgpack.packb(value, default=self._encode, option=_OPTIONS)

    def _unpack(self, payload: bytes) -> Any:
        return ormsgpack.unpackb(payload, ext_hook=self._decode, option=ormsgpack.OPT_NON_STR_KEYS)

    def _encode(self, value: Any) -> Any:
        kind = type(value)
        fields = self._fields.get(kind)
        if fields is not None:
            return ormsgpack.Ext(_DATA, self._pack([self._names[kind], *(getattr(value, f) for f in fields)]))
        if kind is tuple:
            return ormsgpack.Ext(_TUPLE, self._pack(list(value)))
        if kind is set:  # LangGraph's own: which of the parallel nodes are done
            return ormsgpack.Ext(_SET, self._pack(sorted(value)))
        if kind is Decimal:
            return ormsgpack.Ext(_DECIMAL, str(value).encode())
        if kind is datetime:
            return ormsgpack.Ext(_TIME, value.isoformat().encode())
        if kind is timedelta:
            return ormsgpack.Ext(_SPAN, self._pack([value.days, value.seconds, value.microseconds]))
        if kind is MappingProxyType:
            return dict(value)
        if isinstance(value, Enum) and kind in self._names:
            return ormsgpack.Ext(_ENUM, self._pack([self._names[kind], value.value]))
        if isinstance(value, BaseException):  # LangGraph keeps the error of a failed node
            return f"{kind.__name__}: {value}"
        self._why = f"{kind.__module__}.{kind.__qualname__} is not allowed in a checkpoint"
        raise TypeError(self._why)

    def _decode(self, code: int, payload: bytes) -> Any:
        match code:
            case 1:
                name, *values = self._unpack(payload)
                kind = self._allowed(name)
                return kind(**dict(zip(self._fields[kind], values, strict=True)))
            case 2:
                name, value = self._unpack(payload)
                return self._allowed(name)(value)
            case 3:
                return Decimal(payload.decode())
            case 4:
                return datetime.fromisoformat(payload.decode())
            case 5:
                return timedelta(*self._unpack(payload))
            case 6:
                return tuple(self._unpack(payload))
            case 7:
                return set(self._unpack(payload))
            case _:
                self._why = f"a checkpoint holds data of the unknown code {code}"
                raise TypeError(self._why)

    def _allowed(self, name: str) -> type[Any]:
        kind = self._types.get(name)
        if kind is None:
            self._why = f"{name} is not allowed in a checkpoint"
            raise TypeError(self._why)
        return kind


@asynccontextmanager
async def open_checkpoints(path: Path) -> AsyncIterator[AsyncSqliteSaver]:
    """A saver on the file at `path`, closed at the end. Raises StorageError when it cannot be opened."""
    import sqlite3

    import aiosqlite
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    try:
        async with aiosqlite.connect(path) as connection:
            await connection.execute("PRAGMA journal_mode=WAL")
            await connection.execute("PRAGMA synchronous=NORMAL")
            await connection.execute("PRAGMA busy_timeout=5000")
            saver = AsyncSqliteSaver(connection, serde=StrictSerializer())
            await saver.setup()
            yield saver
    except sqlite3.Error as error:
        raise StorageError(
            f"the checkpoints in {path} cannot be used: {error}", fix="Move the file away; it holds no orders"
        ) from error


class CheckpointedRunner:
    """Runs cycles through the compiled graph, one checkpoint thread each, and keeps the newest `keep`.

    Its threads are named by cycle id. A cycle that is run again after a crash starts afresh: what a half
    cycle had written is dropped first.
    """

    def __init__(self, graph: CycleGraph, saver: AsyncSqliteSaver, *, keep: int = 200) -> None:
        if keep < 1:
            raise ValueError(f"keep {keep} is below 1")
        self._graph = graph
        self._saver = saver
        self._keep = keep
        self._threads: dict[str, None] | None = None

    async def __call__(self, state: CycleState) -> CycleState:
        """Run one cycle and return its final state."""
        if self._threads is None:
            self._threads = await self._known()
        thread = state["cycle_id"]
        if thread in self._threads:
            await self._saver.adelete_thread(thread)
        self._threads[thread] = None
        final = await self._graph(state, thread)
        await self._prune(self._threads)
        return final

    async def _known(self) -> dict[str, None]:
        """The threads in the file, oldest first."""
        query = "SELECT thread_id FROM checkpoints GROUP BY thread_id ORDER BY MIN(checkpoint_id)"
        async with self._saver.conn.execute(query) as rows:
            return {str(row[0]): None async for row in rows}

    async def _prune(self, threads: dict[str, None]) -> None:
        """Drop the oldest threads once they are a quarter above `keep`: seldom, and then many at once."""
        if len(threads) <= self._keep + self._keep // 4:
            return
        old = list(threads)[: len(threads) - self._keep]
        marks = ",".join("?" * len(old))
        async with self._saver.lock:
            for table in ("checkpoints", "writes"):
                await self._saver.conn.execute(
                    f"DELETE FROM {table} WHERE thread_id IN ({marks})",  # noqa: S608 - marks only
                    old,
                )
            await self._saver.conn.commit()
        for thread in old:
            del threads[thread]
