"""EMA 12/26 long/flat on 500,000 one-minute bars, against backtesting.py and nautilus_trader on one tape.

Ours is the event path (backtest/event_path.py): every order goes through both reviews, the order desk with a
journal in memory, the paper venue and the double-entry ledger, and the account is marked on every bar.
Seconds are those of the run alone, as for the peers; the indicators are part of it. The engines take turns,
and each one's best of three rounds counts.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from bench.data import MINUTE_NS, tape_file
from bench.result import Context, Result, against, alone

if TYPE_CHECKING:
    from backtest.event_path import EventDesk, EventRun
    from market.bars import Bars

ROUNDS: Final = 3
CAPITAL: Final = Decimal(10_000_000)
FEE: Final = Decimal("0.001")
QUANTITY: Final = Decimal(1)
FAST, SLOW = "ema(12)", "ema(26)"
BACKTESTING, NAUTILUS = "backtesting 0.6.6", "nautilus_trader 1.221.0"


def run(context: Context) -> list[Result]:
    """Bars per second of three engines, and what ours did."""
    tape = tape_file(context.folder)
    bars = load(tape)
    ours: list[tuple[float, EventRun]] = []
    peers: dict[str, list[float]] = {"backtesting_ema": [], "nautilus_ema": []}
    for _ in range(ROUNDS):
        ours.append(measure(bars))
        for peer, script in (("backtesting", "backtesting_ema"), ("nautilus", "nautilus_ema")):
            told = context.peer(peer, script, str(tape))
            peers[script].append(float(told["bars_per_second"]))
    best, done = max(ours, key=lambda each: each[0])
    to_backtesting, to_nautilus = max(peers["backtesting_ema"]), max(peers["nautilus_ema"])
    return [
        against(
            "backtest_bars_to_backtesting",
            best,
            "bars/s",
            peer=BACKTESTING,
            peer_value=to_backtesting,
            at_least=1.0,
        ),
        against(
            "backtest_bars_to_nautilus", best, "bars/s", peer=NAUTILUS, peer_value=to_nautilus, at_least=5.0
        ),
        alone("backtest_orders", done.orders, "orders", at_least=17_000),
    ]


def load(path: Path) -> Bars:
    """The tape as the desk's own columns."""
    import numpy as np

    from domain.market import Timeframe
    from domain.money import Symbol
    from market.bars import Bars

    columns = np.load(path)
    prices = {name: columns[name] for name in ("open", "high", "low", "close", "volume")}
    opens = columns["open_ns"]
    return Bars(
        symbol=Symbol("BTC/USDT"),
        timeframe=Timeframe.M1,
        open_ns=opens,
        close_ns=opens + MINUTE_NS,
        **prices,
    )


def measure(bars: Bars) -> tuple[float, EventRun]:
    """One run: bars per second, indicators included, and what it did."""
    from backtest.event_path import long_flat, run_long_flat
    from domain.money import Quantity
    from market.features import compute

    desk = assemble(bars)
    began = perf_counter()
    wanted = long_flat(compute(bars, FAST), compute(bars, SLOW))
    done = asyncio.run(run_long_flat(desk, wanted, Quantity(QUANTITY)))
    seconds = perf_counter() - began
    desk.portfolio.check()
    return len(bars) / seconds, done


def assemble(bars: Bars) -> EventDesk:
    """The desk's rooms over one tape. Limits are wide, as the peers have none, but every rule is asked."""
    from backtest.event_path import EventDesk
    from backtest.tape import TapeFeed
    from domain.clock import SimulatedClock
    from domain.halt import HaltState
    from domain.instrument import Instrument
    from domain.money import Currency, Money
    from execution.facts import FactsSource, no_breakers
    from execution.order_desk import OrderDesk
    from execution.paper import PaperVenue
    from memory.journal import MemoryJournal
    from portfolio.portfolio import Portfolio
    from risk.limits import DEFAULTS, RiskLimits
    from simulator.costs import FeeSchedule, NextOpen
    from simulator.matching import MatchingCore

    usdt = Currency("USDT")
    instrument = Instrument(
        symbol=bars.symbol,
        base=Currency("BTC"),
        quote=usdt,
        tick_size=Decimal("0.01"),
        step_size=Decimal("0.0001"),
        min_quantity=Decimal("0.0001"),
        max_quantity=Decimal(1_000),
        min_notional=Decimal(5),
    )
    wide: dict[str, object] = {
        **DEFAULTS,
        "allowed_symbols": [bars.symbol],
        "require_stop": False,
        "max_order_notional_quote": CAPITAL,
        "max_position_equity_fraction": 1,
        "max_gross_exposure_equity_fraction": 1,
        "max_daily_loss_fraction": "0.99",
        "max_drawdown_fraction": "0.99",
        "max_weekly_loss_fraction": "0.99",
        "max_trade_loss_equity_fraction": 1,
        "max_stressed_loss_equity_fraction": 1,
        "max_cluster_equity_fraction": 1,
        "max_var_equity_fraction": 1,
        "max_cvar_equity_fraction": 1,
        "max_depth_fraction": 1,
        "max_volume_fraction": 1,
        "max_loss_streak_count": 1_000_000,
        "allow_estimated_prices": True,
        "max_quote_age_seconds": 180,
    }
    limits = RiskLimits.from_mapping(wide)
    feed, clock, journal = TapeFeed(bars, instrument), SimulatedClock(), MemoryJournal()
    portfolio = Portfolio(Money(CAPITAL, usdt), feed.instruments)
    facts = FactsSource(portfolio, feed, lambda: HaltState.ACTIVE, limits, breakers=no_breakers)
    matching = MatchingCore(feed.instruments, FeeSchedule(FEE, FEE), NextOpen(), portfolio.balances())
    desk = OrderDesk(
        venue=PaperVenue(feed, matching),
        portfolio=portfolio,
        facts=facts,
        limits=limits,
        journal=journal,
        clock=clock,
        publish=_nobody,
    )
    return EventDesk("bench", feed, clock, portfolio, facts, limits, desk, journal, _nobody)


def _nobody(event: Any) -> None:
    """Nobody watches a benchmark."""
