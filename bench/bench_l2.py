"""A market maker over a million recorded events with queue positions, against hftbacktest on one tape.

Both are compiled strategies that look every 100 ms and keep one order at each touch; both compile on a short
tape first, and only the run is measured. hftbacktest keeps two books, the venue's and the one its delayed
feed shows, and delays feed, order and answer by 5 ms each; ours keeps one and delays the order by the sum.
The engines take turns, and each one's best of three rounds counts.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from bench.book_tape import EVENTS, book_file
from bench.result import Context, Result, against, alone

if TYPE_CHECKING:
    from market.depth_files import Recording

ROUNDS: Final = 3
PEER: Final = "hftbacktest 2.4.4"
SHORT: Final = 2_000


def run(context: Context) -> list[Result]:
    """Events per second of both, and how often ours was filled for each fill of theirs."""
    path = book_file(context.folder)
    tape = load(path)
    measure(tape, SHORT)
    ours: list[tuple[float, int]] = []
    theirs: list[dict[str, Any]] = []
    for _ in range(ROUNDS):
        ours.append(measure(tape, EVENTS))
        theirs.append(dict(context.peer("hftbacktest", "hftbacktest_maker", str(path))))
    best, fills = max(ours)
    peer = max(float(told["events_per_second"]) for told in theirs)
    return [
        against("l2_events", best, "events/s", peer=PEER, peer_value=peer, at_least=0.5),
        alone("l2_fills", fills, "fills"),
        against("l2_fills_to_peer", fills, "fills", peer=PEER, peer_value=float(theirs[0]["trades"])),
    ]


def load(path: Path) -> Recording:
    """The tape as a recording."""
    import numpy as np

    from market.depth_files import Recording

    with np.load(path) as columns:
        return Recording("BTCUSDT", Decimal(1), Decimal(1), **{name: columns[name] for name in columns.files})


def measure(tape: Recording, events: int) -> tuple[float, int]:
    """One run over the first events: events per second, and the number of fills."""
    from dataclasses import fields, replace

    from bench.l2_maker import LATENCY_NS, make
    from simulator.orderbook.session import FILLS, open_session

    columns = [field.name for field in fields(tape) if field.name not in ("symbol", "tick", "lot")]
    part = replace(tape, **{name: getattr(tape, name)[:events] for name in columns})
    session = open_session(part, orders=events // 10, latency_ns=LATENCY_NS)
    began = perf_counter()
    make(session)
    seconds = perf_counter() - began
    return events / seconds, int(session.numbers[FILLS])
