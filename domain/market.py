"""What the market looked like: candles, quotes, books, headlines, and the frozen snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from domain.frozen import quick
from domain.money import Price, Quantity, Symbol


class Timeframe(StrEnum):
    """The length of a bar."""

    M1 = "1m"
    M5 = "5m"
    M15 = "15m"
    H1 = "1h"
    H4 = "4h"
    D1 = "1d"

    @property
    def seconds(self) -> int:
        return _SECONDS[self.value]

    @property
    def delta(self) -> timedelta:
        return timedelta(seconds=self.seconds)


_SECONDS = {"1m": 60, "5m": 300, "15m": 900, "1h": 3600, "4h": 14_400, "1d": 86_400}


@quick
@dataclass(frozen=True, slots=True)
class Candle:
    """One closed bar. Prices in quote currency, volume in base currency."""

    symbol: Symbol
    timeframe: Timeframe
    open_time: datetime
    close_time: datetime
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Quantity


@quick
@dataclass(frozen=True, slots=True)
class Quote:
    """The best bid and ask and the last price, as of a moment. `estimated` marks a modelled spread."""

    symbol: Symbol
    bid: Price
    ask: Price
    last: Price
    as_of: datetime
    estimated: bool = False

    @property
    def mid(self) -> Decimal:
        return (self.bid + self.ask) / 2


@dataclass(frozen=True, slots=True)
class BookLevel:
    price: Price
    quantity: Quantity


@dataclass(frozen=True, slots=True)
class OrderBook:
    """Resting liquidity, best first on both sides."""

    symbol: Symbol
    as_of: datetime
    bids: tuple[BookLevel, ...]
    asks: tuple[BookLevel, ...]
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Headline:
    """A piece of news. It may be used from `available_at` on, never from `published_at`."""

    headline_id: str
    title: str
    source: str
    published_at: datetime
    available_at: datetime
    symbols: tuple[Symbol, ...]
    url: str = ""


@dataclass(frozen=True, slots=True)
class SymbolView:
    """One symbol inside a snapshot: last bar, quote, the declared features, and whether it is stale.

    `features` maps a declared feature name to its value; a feature still warming up is absent.
    `age` is that of the older of candle and quote; `stale` is True when it is beyond the desk's limit.
    """

    symbol: Symbol
    candle: Candle
    quote: Quote
    features: Mapping[str, float]
    age: timedelta
    stale: bool


@dataclass(frozen=True, slots=True)
class MarketSnapshot:
    """Everything one decision may look at, frozen. `content_hash` is the SHA-256 of its content."""

    as_of: datetime
    views: Mapping[Symbol, SymbolView]
    headlines: tuple[Headline, ...]
    content_hash: str

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        return tuple(self.views)
