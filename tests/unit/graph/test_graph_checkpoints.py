"""A checkpoint holds what is on the list, comes back equal, and never holds an approval."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import ormsgpack
import pytest

from domain.errors import StorageError
from graph.build import build, runner
from graph.checkpoints import ALLOWED, CheckpointedRunner, StrictSerializer, open_checkpoints
from graph.context import CycleContext
from graph.engine import CycleRunner
from graph.state import CycleState
from risk.approval import ApprovedOrder
from risk.gate import review
from tests.unit.graph.graph_rig import make_desk, run_desk, write_candles

STRICT = StrictSerializer()


def keeping(states: list[CycleState], saver: Any, keep: int = 200) -> Callable[[CycleContext], CycleRunner]:
    """Checkpointed cycles whose final states are kept for the test."""

    def cycles(context: CycleContext) -> CycleRunner:
        run = CheckpointedRunner(runner(context, saver), saver, keep=keep)

        async def cycle(state: CycleState) -> CycleState:
            states.append(await run(state))
            return states[-1]

        return cycle

    return cycles


async def test_what_a_cycle_decided_comes_back_equal_from_the_file(tmp_path: Path) -> None:
    states: list[CycleState] = []
    candles = write_candles(tmp_path / "candles", bars=60)
    async with open_checkpoints(tmp_path / "checkpoints.sqlite") as saver:
        desk = make_desk(candles, cycles=keeping(states, saver))
        await run_desk(desk)
        graph = build(desk.context, saver)
        assert any(state["intents"] for state in states)
        for state in states:
            found = await graph.aget_state({"configurable": {"thread_id": state["cycle_id"]}})
            assert found.values == state
            assert found.next == ()


async def test_an_approval_cannot_be_written(tmp_path: Path) -> None:
    desk = make_desk(write_candles(tmp_path / "candles", bars=60))
    await run_desk(desk)
    approval = None
    for order in desk.orders.orders.values():
        intent = order.intent
        facts = desk.context.gather(intent.symbol, 10**6, desk.clock.now())
        answer = review(intent, facts, desk.limits, desk.clock.now())
        approval = answer if isinstance(answer, ApprovedOrder) else approval
    assert isinstance(approval, ApprovedOrder)
    for hidden in (approval, {"intents": (approval,)}, [{"deep": approval}]):
        with pytest.raises(
            StorageError, match=r"risk\.approval\.ApprovedOrder is not allowed in a checkpoint"
        ):
            STRICT.dumps_typed(hidden)
    assert ApprovedOrder not in ALLOWED


@dataclass(frozen=True)
class Stranger:
    value: int


@pytest.mark.parametrize("value", [Stranger(1), object(), Path("x"), print, Stranger])
def test_what_is_not_on_the_list_is_refused_when_written(value: object) -> None:
    with pytest.raises(StorageError, match="not allowed in a checkpoint"):
        STRICT.dumps_typed({"state": value})


def test_what_is_not_on_the_list_is_refused_when_read() -> None:
    open_minded = StrictSerializer((*ALLOWED, Stranger))
    kind, payload = open_minded.dumps_typed({"state": Stranger(1)})
    assert open_minded.loads_typed((kind, payload)) == {"state": Stranger(1)}
    with pytest.raises(StorageError, match="Stranger is not allowed"):
        STRICT.loads_typed((kind, payload))


@pytest.mark.parametrize("kind", ["pickle", "json", "msgpack", "bytes"])
def test_data_that_the_desk_did_not_write_is_refused(kind: str) -> None:
    with pytest.raises(StorageError, match="was not written by the desk"):
        STRICT.loads_typed((kind, b"\x80\x04."))


@pytest.mark.parametrize(
    "payload",
    [b"", b"\xc1", ormsgpack.packb(ormsgpack.Ext(99, b"")), ormsgpack.packb(ormsgpack.Ext(3, b"x"))],
)
def test_garbled_data_is_one_error(payload: bytes) -> None:
    with pytest.raises(StorageError):
        STRICT.loads_typed(("desk", payload))


@pytest.mark.parametrize(
    "value",
    [
        None,
        Decimal("1.10"),
        Decimal("1E-8"),
        datetime(2026, 1, 5, 1, 2, 3, 4, tzinfo=UTC),
        timedelta(days=-1, microseconds=7),
        (1, ("two", [3.0])),
        {"a": (), "b": {"c": None}},
        b"bytes",
        {"a", "b"},
    ],
)
def test_plain_values_keep_their_type(value: object) -> None:
    found = STRICT.loads_typed(STRICT.dumps_typed(value))
    assert found == value
    assert type(found) is type(value)
    assert str(found) == str(value)


async def test_only_the_newest_cycles_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints.sqlite"
    candles = write_candles(tmp_path / "candles", bars=60)
    async with open_checkpoints(path) as saver:
        states: list[CycleState] = []
        await run_desk(make_desk(candles, cycles=keeping(states, saver, keep=8)))
    with sqlite3.connect(path) as connection:
        kept = {row[0] for row in connection.execute("SELECT DISTINCT thread_id FROM checkpoints")}
    connection.close()
    newest = [state["cycle_id"] for state in states]
    assert 8 <= len(kept) <= 10
    assert kept == set(newest[-len(kept) :])


async def test_a_cycle_that_is_run_again_starts_afresh(tmp_path: Path) -> None:
    candles = write_candles(tmp_path / "candles", bars=60)
    path = tmp_path / "checkpoints.sqlite"
    first: list[CycleState] = []
    again: list[CycleState] = []
    for states in (first, again):
        async with open_checkpoints(path) as saver:
            await run_desk(make_desk(candles, cycles=keeping(states, saver)), bars=10)
    assert [len(state["stations"]) for state in again] == [len(state["stations"]) for state in first]
    assert [state["intents"] for state in again] == [state["intents"] for state in first]


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints.sqlite"
    path.write_bytes(b"this is not a database at all" * 50)
    with pytest.raises(StorageError, match=r"checkpoints\.sqlite cannot be used"):
        async with open_checkpoints(path):
            raise AssertionError("it was opened")


def test_keeping_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="keep 0"):
        CheckpointedRunner(None, None, keep=0)  # type: ignore[arg-type]  # never gets that far
