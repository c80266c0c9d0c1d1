"""A venue's public market data, made up in memory and worded as ccxt words it; it misbehaves when told to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from domain.clock import EPOCH
from domain.instrument import Instrument, split_symbol
from domain.money import Symbol

START = datetime(2026, 1, 5, 12, 0, 30, tzinfo=UTC)
HOUR_MS = 3_600_000
INSTRUMENTS = {
    symbol: Instrument(
        symbol=symbol,
        base=split_symbol(symbol)[0],
        quote=split_symbol(symbol)[1],
        tick_size=Decimal("0.01"),
        step_size=Decimal("0.0001"),
        min_quantity=Decimal("0.0001"),
        max_quantity=Decimal(900),
        min_notional=Decimal(5),
    )
    for symbol in (Symbol("BTC/USDT"), Symbol("ETH/USDT"))
}
PRICES = {"BTC/USDT": 30_000.0, "ETH/USDT": 1_000.0}


class Counter:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class MadeUpVenue:
    """Hourly bars since long ago and a book around the last close. `now` moves with `counter`."""

    def __init__(self, counter: Counter | None = None, *, skew: timedelta = timedelta(0)) -> None:
        self.counter = counter or Counter()
        self.skew = skew
        self.down: set[str] = set()
        self.bend: dict[str, Callable[[Any], Any]] = {}
        self.missing: set[tuple[str, int]] = set()
        self.asked: list[tuple[Any, ...]] = []
        self.nonce: int | None = None
        self.stamped = True

    @property
    def now(self) -> datetime:
        return START + self.skew + timedelta(seconds=self.counter.seconds)

    def _answer(self, name: str, symbol: str, told: Any) -> Any:
        self.asked.append((name, symbol))
        if name in self.down or symbol in self.down:
            raise ConnectionError(f"{name} is down")
        return self.bend.get(name, lambda same: same)(told)

    async def fetch_time(self) -> Any:
        return self._answer("time", "", _ms(self.now))

    async def fetch_ohlcv(
        self, symbol: str, timeframe: str = "1h", since: int | None = None, limit: int | None = None
    ) -> Any:
        first, count = since or 0, limit or 500
        opens = range(-(-first // HOUR_MS) * HOUR_MS, _ms(self.now), HOUR_MS)
        rows = [row(symbol, at) for at in opens if (symbol, at) not in self.missing]
        return self._answer("candles", symbol, rows[:count])

    async def fetch_order_book(self, symbol: str, limit: int | None = None) -> Any:
        mid = row(symbol, _ms(self.now) // HOUR_MS * HOUR_MS)[4]
        told = {
            "bids": [[round(mid - 0.05 * (k + 1), 2), 1.0 + k] for k in range(limit or 20)],
            "asks": [[round(mid + 0.05 * (k + 1), 2), 1.0 + k] for k in range(limit or 20)],
            "timestamp": _ms(self.now) if self.stamped else None,
            "nonce": self.nonce,
        }
        return self._answer("book", symbol, told)


def row(symbol: str, opened: int) -> list[float]:
    """The bar that opens then: a saw tooth around the symbol's price."""
    base = PRICES[symbol]
    step = opened // HOUR_MS
    first, last = base + step % 7, base + (step + 1) % 7
    return [opened, first, max(first, last) + 1, min(first, last) - 1, last, 10.0 + step % 3]


def _ms(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(milliseconds=1)
