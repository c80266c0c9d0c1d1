"""Real crashes: what the desk does on the worst days, and what it stops a reckless policy from doing.

`python -m bench.crashes FOLDER [--json FILE] [--page FILE]` replays hourly candles (BASE-USDT.parquet of
BTC, ETH and SOL) through 2021-05-19, 2022-05, 2022-06 and 2022-11 with the default settings, for three
policies: the default desk, one that only buys (`bench.crash_policy`), and the same with every circuit breaker
set out of its reach, so that only the limits are left. One trial: nothing was tuned to these weeks. Exit code
1 when a loss on any day or a fall from the peak is larger than its limit and the gap bound together.

**The gap bound.** A limit on losses is looked at when a bar closes; until then only stops act that rest
already. So a loss may pass its limit by what the book loses within the one bar that takes it there: what was
held at the close before, from that close down to the bar's low, what was bought on the bar, from its
price down to the low, and the fees. The desk then sells, on the next bar: the second part of the bound is
what those sales got less than the close that decided them, and their fees. Nothing else is allowed for.
The first part comes from holdings and candles, not from the loss that it is held against.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from app.backtesting import in_memory
from app.bootstrap import costs_of
from app.session import SessionRun
from app.settings import Settings
from bench.crash_page import page
from bench.crash_policy import AlwaysLong, Reckless
from bench.crash_witness import Loss, Run, Witness

SYMBOLS: Final = "BTC/USDT,ETH/USDT,SOL/USDT"
CRASHES: Final = (
    ("2021-05-19", "2021-05-05", "2021-06-05"),
    ("2022-05 Luna", "2022-04-25", "2022-05-28"),
    ("2022-06 Three Arrows", "2022-05-30", "2022-07-02"),
    ("2022-11 FTX", "2022-10-26", "2022-11-28"),
)
OUT_OF_REACH: Final[Mapping[str, float]] = MappingProxyType(
    {
        "drawdown_fraction": 0.999,
        "equity_volatility_daily_fraction": 0.999,
        "strategy_loss_fraction": 0.999,
        "strategy_streak_count": 1000,
        "strategy_error_fraction": 0.999,
        "volatility_ratio": 1000,
        "price_gap_fraction": 0.999,
        "spread_fraction": 0.999,
        "volume_missing_fraction": 0.999,
        "venue_errors_count": 1000,
        "order_rate_deviations_ratio": 1000,
        "slippage_sum_ratio": 1000,
    }
)
"""Settings under which the breakers that a tape can trip stay closed."""
POLICIES: Final = ("default", "reckless", "reckless, no breakers")


async def crash(folder: Path, name: str, first: str, last: str, policy: str) -> Run:
    """One policy through one crash, from `first` to `last`; earlier candles are warm-up."""
    told: dict[str, Any] = {
        "session": {"symbols": SYMBOLS, "timeframe": "1h"},
        "market": {"source": "replay", "candles": folder, "start": first, "end": last},
    }
    reckless = Reckless() if policy != POLICIES[0] else None
    if reckless is not None:
        told["decision"] = {"max_weight": "1", "rebalance_band": "0"}
    if policy == POLICIES[2]:
        told["breakers"] = dict(OUT_OF_REACH)
    settings = Settings.model_validate(told)
    desk = in_memory(settings)
    limits = desk.limits
    if limits.max_daily_loss_fraction is None or limits.max_drawdown_fraction is None:
        raise ValueError("the default limits have a daily loss and a drawdown")
    run = Run(
        name,
        policy,
        first,
        last,
        day=Loss(float(limits.max_daily_loss_fraction)),
        drawdown=Loss(float(limits.max_drawdown_fraction)),
        costs=costs_of(settings),
    )
    witness = Witness(desk, run)
    desk.bus.subscribe(witness.see)
    if reckless is not None:
        desk.context.strategies = (AlwaysLong(),)
    session = SessionRun(desk)
    await session.start()
    while await session.advance():
        if reckless is not None:
            await reckless.act(desk)
    await session.close()
    witness.finish()
    if reckless is not None:
        run.asked, run.bought = reckless.asked, reckless.bought
    return run


async def crashes(folder: Path) -> list[Run]:
    """Every policy through every crash."""
    return [
        await crash(folder, name, first, last, policy) for name, first, last in CRASHES for policy in POLICIES
    ]


def show(run: Run) -> None:
    """The run in a few lines."""
    print(f"{run.crash}, {run.policy}: {'kept' if run.kept else 'BROKEN'}")
    print(
        f"  return {run.total_return:+.2%}, holding all three {run.buy_and_hold or 0.0:+.2%}, "
        f"invested at most {run.most_invested:.0%}, {run.fills} fills, fees {run.fees:.2f}, "
        f"one bar took at most {run.largest_gap:.2%}"
    )
    for name, loss in (("worst day", run.day), ("drawdown", run.drawdown)):
        print(
            f"  {name} {loss.worst:.2%} at {loss.at or '-'}: limit {loss.limit:.0%}, gap {loss.gap:.2%}, "
            f"selling {loss.selling:.2%}"
        )
    if run.asked:
        print(f"  asked by itself for {run.asked} orders, got {run.bought}")
    for name, lines in (
        ("refused", [f"{rule} {count}" for rule, count in run.refusals.items()]),
        ("limits reached", run.limits_reached),
        ("breakers", [f"{name} {count}" for name, count in run.openings.items()]),
        ("halts", run.halts),
    ):
        if lines:
            print(f"  {name}: {'; '.join(lines)}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.crashes", description="Real crashes.")
    parser.add_argument("folder", type=Path, help="hourly candles, BASE-USDT.parquet")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write everything there")
    parser.add_argument("--page", type=Path, metavar="FILE", help="also write docs/crashes.md there")
    told = parser.parse_args()
    runs = asyncio.run(crashes(told.folder))
    for run in runs:
        show(run)
    if told.json is not None:
        text = json.dumps([asdict(run) for run in runs], indent=2, default=str)
        told.json.write_text(text + "\n", encoding="utf-8")
    if told.page is not None:
        told.page.write_text(page(runs), encoding="utf-8")
    return 0 if all(run.kept for run in runs) else 1


if __name__ == "__main__":
    sys.exit(main())
