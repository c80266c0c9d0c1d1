"""One decision cycle over three symbols without a model: inline, and as a LangGraph with SQLite checkpoints.

Each figure is the median time of a cycle in milliseconds, from the opening state to the record, the best of
three rounds that take turns: three symbols on the simulated market, the baselines of all agents, two
strategies, both reviews, the order desk on a journal in memory. `_trading` looks only at cycles that sent
orders. The floor is a bare LangGraph of the same shape whose nodes do nothing.
"""

from __future__ import annotations

import asyncio
import operator
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Annotated, Any, TypedDict

from bench.result import Context, Result, alone

WARM_UP = 40
CYCLES = 160
ROUNDS = 3
LIMIT_INLINE = 4.0
LIMIT_CHECKPOINTS = 12.0

Runner = Callable[[Any], Awaitable[Any]]


def run(context: Context) -> list[Result]:
    """Inline, with checkpoints in the chosen and the other durability modes, and LangGraph's own floor."""
    return asyncio.run(_measure(context.folder))


async def _measure(folder: Path) -> list[Result]:
    from graph.build import DURABILITY

    def checkpointed(mode: str) -> str:
        return "cycle_checkpoints" if mode == DURABILITY else f"cycle_checkpoints_{mode}"

    measures: dict[str, Callable[[], Awaitable[float]]] = {
        "cycle_inline": lambda: _desk_cycles(folder, None),
        "cycle_inline_trading": lambda: _desk_cycles(folder, None, trading=True),
        **{checkpointed(mode): partial(_desk_cycles, folder, mode) for mode in ("exit", "async", "sync")},
        "cycle_floor_bare": lambda: _floor(folder, None),
        "cycle_floor_checkpoints": lambda: _floor(folder, DURABILITY),
    }
    found: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(ROUNDS):
        for name, measure in measures.items():
            found[name].append(await measure())
    limits = {
        "cycle_inline": LIMIT_INLINE,
        "cycle_inline_trading": LIMIT_INLINE,
        "cycle_checkpoints": LIMIT_CHECKPOINTS,
    }
    return [alone(name, min(times), "ms", at_most=limits.get(name)) for name, times in found.items()]


async def _desk_cycles(folder: Path, durability: Any, *, trading: bool = False) -> float:
    """Median milliseconds of a cycle, or of one that sent orders. No durability mode: it runs inline."""
    from app.bootstrap import build_desk
    from app.settings import Settings
    from graph.build import runner
    from graph.checkpoints import CheckpointedRunner, open_checkpoints
    from graph.inline import run_inline
    from memory.journal import MemoryJournal
    from memory.records import MemoryRecords

    seconds: list[float] = []
    sent: list[bool] = []

    def timed(inner: Runner) -> Runner:
        async def cycle(state: Any) -> Any:
            began = perf_counter()
            final = await inner(state)
            seconds.append(perf_counter() - began)
            sent.append(bool(final["orders"]))
            return final

        return cycle

    async def session(cycles: Callable[[Any], Runner]) -> None:
        settings = Settings.model_validate({"market": {"seed": 11}})
        desk = build_desk(
            settings, session="bench", journal=MemoryJournal(), records=MemoryRecords(), cycles=cycles
        )
        for _ in range(WARM_UP + CYCLES):
            await desk.engine.step()

    if durability is None:
        await session(lambda context: timed(partial(run_inline, context)))
    else:
        path = _fresh(folder / f"cycle-{durability}.sqlite")
        async with open_checkpoints(path) as saver:
            await session(
                lambda context: timed(CheckpointedRunner(runner(context, saver, durability), saver))
            )
    wanted = [
        each for each, orders in zip(seconds[WARM_UP:], sent[WARM_UP:], strict=True) if orders or not trading
    ]
    return median(wanted) * 1000


class _Nothing(TypedDict):
    done: Annotated[list[str], operator.add]


async def _floor(folder: Path, durability: Any) -> float:
    """Median milliseconds of a graph with the desk's stations that does nothing."""
    from graph.checkpoints import open_checkpoints

    if durability is None:
        return await _empty_graph(None, None)
    async with open_checkpoints(_fresh(folder / "cycle-floor.sqlite")) as saver:
        return await _empty_graph(saver, durability)


async def _empty_graph(saver: Any, durability: Any) -> float:
    from langgraph.graph import END, START, StateGraph

    from graph.nodes import ANALYSTS, SEQUENCE

    graph: Any = StateGraph(_Nothing)

    async def nothing(state: _Nothing) -> dict[str, list[str]]:
        return {"done": ["x"]}

    for name in ("observe", *ANALYSTS, *SEQUENCE):
        graph.add_node(name, nothing)
    graph.add_edge(START, "observe")
    for name in ANALYSTS:
        graph.add_edge("observe", name)
    graph.add_edge(list(ANALYSTS), SEQUENCE[0])
    for before, after in zip(SEQUENCE, (*SEQUENCE[1:], END), strict=True):
        graph.add_edge(before, after)
    compiled = graph.compile(checkpointer=saver)
    seconds: list[float] = []
    more = {} if durability is None else {"durability": durability}
    for number in range(WARM_UP + CYCLES):
        config = {"configurable": {"thread_id": f"floor-{number}"}}
        began = perf_counter()
        await compiled.ainvoke({"done": []}, config, **more)
        seconds.append(perf_counter() - began)
    return median(seconds[WARM_UP:]) * 1000


def _fresh(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    return path
