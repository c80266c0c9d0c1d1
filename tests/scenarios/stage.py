"""A stage for order plans: a market of a few written bars, and approvals from the real gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from domain.errors import UnknownSymbol
from domain.halt import HaltState
from domain.instrument import Instrument
from domain.market import BookLevel, Candle, Headline, OrderBook, Quote, Timeframe
from domain.money import ONE, ZERO, Currency, Price, Quantity, Symbol
from domain.orders import STOPS, OrderIntent, OrderType, Side, TimeInForce
from market.bars import Bars, empty_bars
from risk.approval import ApprovedOrder
from risk.facts import (
    AccountFacts,
    BookFacts,
    BreakerFacts,
    HealthFacts,
    LossFacts,
    MarketFacts,
    PositionFacts,
    RiskFacts,
    ScenarioFacts,
)
from risk.gate import Refused, review
from risk.limits import DEFAULTS, RiskLimits
from tests.roomy import ROOM

START = datetime(2024, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
BTC = Symbol("BTC/USDT")
OPENING = Price(Decimal(100))
USDT, COIN = Currency("USDT"), Currency("BTC")
INSTRUMENT = Instrument(
    symbol=BTC,
    base=COIN,
    quote=USDT,
    tick_size=Decimal("0.01"),
    step_size=Decimal("0.001"),
    min_quantity=Decimal("0.001"),
    max_quantity=Decimal(1000),
    min_notional=Decimal(5),
)
_RICH = AccountFacts(
    currency=USDT,
    equity=Decimal(10**9),
    day_start_equity=Decimal(10**9),
    peak_equity=Decimal(10**9),
    free={USDT: Decimal(10**9), COIN: Decimal(10**6)},
    positions={BTC: PositionFacts(Decimal(10**6), Decimal(100))},
)
_LIMITS = RiskLimits.from_mapping(
    {
        **DEFAULTS,
        **ROOM,
        "allowed_symbols": [BTC],
        "max_order_notional_quote": "1000000000",
        "max_position_notional_quote": "1000000000000",
        "max_position_equity_fraction": "1",
        "max_gross_exposure_equity_fraction": "1",
        "price_collar_fraction": "0.9",
        "require_stop": False,
    }
)


_MUCH = Decimal(10) ** 12


def bar(index: int, o: str, h: str, low: str, c: str, volume: str = "1000") -> Candle:
    """The hourly bar number `index` of the stage."""
    return Candle(
        symbol=BTC,
        timeframe=Timeframe.H1,
        open_time=START + index * HOUR,
        close_time=START + (index + 1) * HOUR,
        open=Price(Decimal(o)),
        high=Price(Decimal(h)),
        low=Price(Decimal(low)),
        close=Price(Decimal(c)),
        volume=Quantity(Decimal(volume)),
    )


def book(
    bids: Sequence[tuple[str, str]], asks: Sequence[tuple[str, str]], as_of: datetime = START
) -> OrderBook:
    def side(levels: Sequence[tuple[str, str]]) -> tuple[BookLevel, ...]:
        return tuple(BookLevel(Price(Decimal(p)), Quantity(Decimal(q))) for p, q in levels)

    return OrderBook(BTC, as_of, side(bids), side(asks))


def order(
    client_id: str,
    side: Side,
    quantity: str,
    *,
    at: datetime = START,
    limit: str | None = None,
    trigger: str | None = None,
    tif: TimeInForce = TimeInForce.GTC,
    reduce_only: bool = False,
) -> OrderIntent:
    """An intent: with `limit` a limit order, with `trigger` a stop, with neither a market order."""
    kind = OrderType.LIMIT if limit else OrderType.STOP if trigger else OrderType.MARKET
    return OrderIntent(
        client_id=client_id,
        session="stage",
        cycle=0,
        leg=0,
        symbol=BTC,
        side=side,
        quantity=Quantity(Decimal(quantity)),
        order_type=kind,
        created_at=at,
        reduce_only=reduce_only,
        limit_price=Price(Decimal(limit)) if limit else None,
        trigger_price=Price(Decimal(trigger)) if trigger else None,
        time_in_force=tif,
    )


@dataclass
class StageFeed:
    """The Feed port over written bars; a missing index is a gap.

    It stands before bar 0 at first, where the price is 100.
    """

    bars: Mapping[int, Candle]
    books: Mapping[int, OrderBook]
    at: int = -1
    name: str = "stage"
    symbols: tuple[Symbol, ...] = (BTC,)
    timeframe: Timeframe = Timeframe.H1

    @property
    def instruments(self) -> Mapping[Symbol, Instrument]:
        return {BTC: INSTRUMENT}

    @property
    def now(self) -> datetime | None:
        return None if self.at < 0 else START + (self.at + 1) * HOUR

    def advance(self) -> datetime | None:
        if self.at >= max(self.bars):
            return None
        self.at += 1
        return self.now

    def seek(self, as_of: datetime) -> None:
        self.at = (as_of - START) // HOUR - 1

    def candle(self, symbol: Symbol) -> Candle | None:
        if symbol != BTC:
            raise UnknownSymbol(f"{symbol} is not on this stage")
        return self.bars.get(self.at)

    def quote(self, symbol: Symbol) -> Quote | None:
        seen = [index for index in self.bars if index <= self.at]
        if not seen:
            return Quote(symbol, OPENING, OPENING, OPENING, START)
        last = self.bars[max(seen)]
        return Quote(symbol, last.close, last.close, last.close, last.close_time)

    def book(self, symbol: Symbol) -> OrderBook | None:
        return self.books.get(self.at)

    def headlines(self, since: datetime) -> tuple[Headline, ...]:
        return ()

    def history(self, symbol: Symbol, as_of: datetime, limit: int) -> Bars:
        return empty_bars(symbol, self.timeframe)

    def bar_index(self) -> int:
        return self.at


def approve(intent: OrderIntent, at: datetime | None = None) -> ApprovedOrder:
    """The gate's approval, for an account that could buy anything, before its trigger is reached."""
    now = at or intent.created_at
    price = intent.limit_price or Price(Decimal(100))
    if intent.trigger_price is not None:
        above = (intent.side is Side.BUY) is (intent.order_type in STOPS)
        price = Price(intent.trigger_price - 1 if above else intent.trigger_price + 1)
    facts = RiskFacts(
        halt=HaltState.ACTIVE,
        account=_RICH,
        instrument=replace(INSTRUMENT, symbol=intent.symbol),
        quote=Quote(intent.symbol, price, price, price, now),
        open_orders=(),
        recent_orders=0,
        market=MarketFacts(price, _MUCH, _MUCH, _MUCH, None),
        losses=LossFacts(Decimal(10**9), 0, None, {}),
        book=BookFacts({}, (ScenarioFacts("none", ZERO, ZERO),), (ZERO,), ZERO, ZERO, ZERO, ZERO),
        recent_intents=(),
        health=HealthFacts(0, 0),
        breakers=BreakerFacts(ONE, ()),
    )
    verdict = review(intent, facts, _LIMITS, now)
    if isinstance(verdict, Refused):
        raise AssertionError([breach.message for breach in verdict.breaches])
    return verdict
