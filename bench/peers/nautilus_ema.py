"""EMA 12/26 long/flat on nautilus_trader, run by its own interpreter: `python nautilus_ema.py TAPE.npz`.

Prints {bars, seconds, bars_per_second, orders, equity_final, load_seconds, order_us}; `seconds` is
BacktestEngine.run() alone, `order_us` the mean time from making an order to its fill event. A market order
fills at the close of the bar it was decided on, which on this tape is the open of the next one.
"""

from __future__ import annotations

import json
import sys
import time
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, StrategyConfig
from nautilus_trader.indicators import ExponentialMovingAverage
from nautilus_trader.model.currencies import BTC, USDT
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import CurrencyPair
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.persistence.wranglers import BarDataWrangler
from nautilus_trader.trading.strategy import Strategy

FAST, SLOW = 12, 26
QUANTITY = 1
CAPITAL = 10_000_000
FEE = Decimal("0.001")
VENUE = Venue("SIM")


def pair() -> CurrencyPair:
    return CurrencyPair(
        instrument_id=InstrumentId(Symbol("BTC/USDT"), VENUE),
        raw_symbol=Symbol("BTCUSDT"),
        base_currency=BTC,
        quote_currency=USDT,
        price_precision=2,
        size_precision=4,
        price_increment=Price.from_str("0.01"),
        size_increment=Quantity.from_str("0.0001"),
        maker_fee=FEE,
        taker_fee=FEE,
        ts_event=0,
        ts_init=0,
    )


class CrossoverConfig(StrategyConfig, frozen=True):  # type: ignore[call-arg]  # msgspec takes it
    instrument_id: InstrumentId
    bar_type: BarType


class Crossover(Strategy):
    """Long one unit while the fast average is above the slow one."""

    def __init__(self, config: CrossoverConfig) -> None:
        super().__init__(config)
        self.fast = ExponentialMovingAverage(FAST)
        self.slow = ExponentialMovingAverage(SLOW)
        self.long = False
        self.filled = 0
        self.began = 0
        self.waited = 0
        self.size: Any = None

    def on_start(self) -> None:
        self.size = self.cache.instrument(self.config.instrument_id).make_qty(QUANTITY)
        self.register_indicator_for_bars(self.config.bar_type, self.fast)
        self.register_indicator_for_bars(self.config.bar_type, self.slow)
        self.subscribe_bars(self.config.bar_type)

    def on_bar(self, bar: Any) -> None:
        if not self.indicators_initialized():
            return
        wanted = self.fast.value > self.slow.value
        if wanted != self.long:
            self.long = wanted
            self.began = time.perf_counter_ns()
            side = OrderSide.BUY if wanted else OrderSide.SELL
            self.submit_order(self.order_factory.market(self.config.instrument_id, side, self.size))

    def on_order_filled(self, event: Any) -> None:
        self.waited += time.perf_counter_ns() - self.began
        self.filled += 1


def main() -> None:
    started = time.perf_counter()
    tape = np.load(sys.argv[1])
    instrument = pair()
    bar_type = BarType.from_str(f"{instrument.id}-1-MINUTE-LAST-EXTERNAL")
    columns = {name: tape[name] for name in ("open", "high", "low", "close", "volume")}
    closes = pd.to_datetime(tape["open_ns"] + 60_000_000_000, utc=True)
    bars: list[Bar] = BarDataWrangler(bar_type, instrument).process(pd.DataFrame(columns, index=closes))

    quiet = LoggingConfig(bypass_logging=True)
    engine = BacktestEngine(BacktestEngineConfig(logging=quiet, run_analysis=False))
    engine.add_venue(
        venue=VENUE,
        oms_type=OmsType.NETTING,
        account_type=AccountType.CASH,
        base_currency=None,
        starting_balances=[Money(CAPITAL, USDT), Money(0, BTC)],
    )
    engine.add_instrument(instrument)
    engine.add_data(bars)
    strategy = Crossover(CrossoverConfig(instrument_id=instrument.id, bar_type=bar_type))
    engine.add_strategy(strategy)
    loaded = time.perf_counter()
    engine.run()
    seconds = time.perf_counter() - loaded
    cash = engine.cache.account_for_venue(VENUE).balance_total(USDT).as_double()
    told = {
        "bars": len(bars),
        "seconds": seconds,
        "bars_per_second": len(bars) / seconds,
        "orders": strategy.filled,
        "equity_final": cash + (QUANTITY * float(tape["close"][-1]) if strategy.long else 0.0),
        "load_seconds": loaded - started,
        "order_us": strategy.waited / max(strategy.filled, 1) / 1000,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
