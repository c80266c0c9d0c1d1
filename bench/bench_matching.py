"""Matching a million commands, limit, market, cancel and reduce, in the plain and the compiled lane.

Making the tape and compiling are not part of it; the arrays and the final book are. The best of three rounds
counts.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, Final

from bench.order_tape import COMMANDS, order_tape
from bench.result import Context, Result, alone

if TYPE_CHECKING:
    from simulator.orderbook.tape import Outcome, Tape

ROUNDS: Final = 3


def run(context: Context) -> list[Result]:
    """Commands per second of both lanes, and the trades they agree on.

    Raises ValueError when they do not agree.
    """
    from simulator.orderbook import compiled, tape

    commands = order_tape()
    compiled.run_tape(order_tape(1_000))
    plain, expected = measure(tape.run_tape, commands)
    fast, found = measure(compiled.run_tape, commands)
    if found != expected:
        raise ValueError("the compiled lane did something else than the plain one")
    return [
        alone("matching_plain", plain, "orders/s", at_least=500_000),
        alone("matching_compiled", fast, "orders/s", at_least=20_000_000),
        alone("matching_trades", len(found.trades), "trades"),
    ]


def measure(lane: Callable[[Tape], Outcome], commands: Tape) -> tuple[float, Outcome]:
    """The best round's commands per second, and what was done."""
    best, done = 0.0, None
    for _ in range(ROUNDS):
        began = perf_counter()
        done = lane(commands)
        best = max(best, COMMANDS / (perf_counter() - began))
    if done is None:
        raise ValueError("no round was run")
    return best, done
