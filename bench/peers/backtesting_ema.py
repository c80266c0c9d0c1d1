"""EMA 12/26 long/flat on backtesting.py, run by its own interpreter: `python backtesting_ema.py TAPE.npz`.

Prints {bars, seconds, bars_per_second, orders, equity_final, load_seconds}; `seconds` is Backtest.run().
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from typing import Any

import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy

FAST, SLOW, WARM = 12, 26, 26
QUANTITY = 1
CAPITAL = 10_000_000
FEE = 0.001


def ema(values: Any, span: int) -> Any:
    return pd.Series(values).ewm(span=span, adjust=False).mean().to_numpy()


class Crossover(Strategy):
    """Long one unit while the fast average is above the slow one; orders fill at the next open."""

    def init(self) -> None:
        self.fast = self.I(ema, self.data.Close, FAST, plot=False)
        self.slow = self.I(ema, self.data.Close, SLOW, plot=False)

    def next(self) -> None:
        if len(self.data) < WARM:
            return
        if self.fast[-1] > self.slow[-1]:
            if not self.position:
                self.buy(size=QUANTITY)
        elif self.position:
            self.position.close()


def main() -> None:
    warnings.simplefilter("ignore")
    started = time.perf_counter()
    tape = np.load(sys.argv[1])
    frame = pd.DataFrame(
        {name.title(): tape[name] for name in ("open", "high", "low", "close", "volume")},
        index=pd.to_datetime(tape["open_ns"], utc=True),
    )
    test = Backtest(
        frame, Crossover, cash=CAPITAL, commission=FEE, trade_on_close=False, finalize_trades=False
    )
    loaded = time.perf_counter()
    stats = test.run()
    seconds = time.perf_counter() - loaded
    orders = 2 * len(stats["_trades"]) + len(stats["_strategy"].trades)
    told = {
        "bars": len(frame),
        "seconds": seconds,
        "bars_per_second": len(frame) / seconds,
        "orders": orders,
        "equity_final": float(stats["Equity Final [$]"]),
        "load_seconds": loaded - started,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
