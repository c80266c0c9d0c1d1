"""What trading costs in the simulated market: fees, and how much fills at which price.

A fill model is a small object without randomness: the same bar and book always give the same fill.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Protocol

from domain.errors import ConfigError
from domain.instrument import Instrument
from domain.market import Candle, OrderBook
from domain.money import ONE, ZERO
from simulator.impact import Impact
from simulator.latency import Latency

FEE_GRID = Decimal("0.00000001")


@dataclass(frozen=True, slots=True)
class FeeSchedule:
    """Fee rates as fractions of the notional (0.001 is 0.1 %), paid in quote currency.

    Raises ConfigError for a rate outside [0, 1).
    """

    maker: Decimal
    taker: Decimal

    def __post_init__(self) -> None:
        for name in ("maker", "taker"):
            rate = getattr(self, name)
            if not ZERO <= rate < ONE:
                raise ConfigError(f"the {name} fee {rate} is outside [0, 1)", fix="Write 0.001 for 0.1 %")

    def fee(self, notional: Decimal, maker: bool) -> Decimal:
        """The fee on a notional in quote currency, rounded up to 8 decimals."""
        return (notional * (self.maker if maker else self.taker)).quantize(FEE_GRID, ROUND_CEILING)


class FillModel(Protocol):
    """How much of an order a bar fills, and at what price."""

    @property
    def needs_book(self) -> bool:
        """Whether `take` looks at the book; the caller need not fetch one otherwise."""
        ...

    @property
    def whole(self) -> bool:
        """Whether every order fills whole at the price where the bar meets it: `take` changes nothing."""
        ...

    @property
    def queue(self) -> Decimal | None:
        """Times the visible quantity that waits ahead of a limit order; None: a touched price never fills."""
        ...

    def take(
        self,
        *,
        buy: bool,
        quantity: Decimal,
        price: Decimal,
        limit: Decimal | None,
        candle: Candle,
        book: OrderBook | None,
        taken: Decimal,
        instrument: Instrument,
        fresh: bool = False,
    ) -> tuple[Decimal, Decimal]:
        """Quantity and average price for an order that takes liquidity around `price`.

        `book` is what was known before the bar. `taken` is what earlier orders took from this bar, in
        base currency. `fresh` says that the order was sent just before. The quantity may be zero; the price
        is never worse than `limit`.
        """
        ...

    def rest(self, *, quantity: Decimal, candle: Candle, taken: Decimal, instrument: Instrument) -> Decimal:
        """Quantity of a resting limit order that fills when the bar trades through its price."""
        ...


@dataclass(frozen=True, slots=True)
class NextOpen:
    """Everything fills whole, at the reference price (a market order: the next open), with no slippage."""

    @property
    def needs_book(self) -> bool:
        return False

    @property
    def whole(self) -> bool:
        return True

    @property
    def queue(self) -> Decimal | None:
        return None

    def take(
        self,
        *,
        buy: bool,
        quantity: Decimal,
        price: Decimal,
        limit: Decimal | None,
        candle: Candle,
        book: OrderBook | None,
        taken: Decimal,
        instrument: Instrument,
        fresh: bool = False,
    ) -> tuple[Decimal, Decimal]:
        return quantity, price

    def rest(self, *, quantity: Decimal, candle: Candle, taken: Decimal, instrument: Instrument) -> Decimal:
        return quantity


@dataclass(frozen=True, slots=True)
class BookWalk:
    """Walks the book that was known before the bar, moved so that its mid sits on the reference price.

    One order gets one fill a bar, at the volume-weighted price of the levels it ate, rounded to the tick
    against the order. All orders of a bar together take at most `participation` of the bar's volume; the
    rest waits for the next bar. Without a book, the order pays `half_spread` (a fraction of the price).

    On top, `impact` moves that average against the order, by everything the account takes from the bar, and
    `latency` moves the whole book against an order that was sent just before; None is none. With `queue` a
    resting limit can fill at a touch (`simulator.queueing`). A limit holds whatever is added: a level that
    lies beyond it, or would bring the moved average beyond it, is left alone.
    """

    participation: Decimal = Decimal("0.1")
    half_spread: Decimal = Decimal("0.0005")
    impact: Impact | None = None
    latency: Latency | None = None
    queue: Decimal | None = None

    def __post_init__(self) -> None:
        if not ZERO < self.participation <= ONE:
            raise ConfigError(f"participation {self.participation} is outside (0, 1]")
        if not ZERO <= self.half_spread < ONE:
            raise ConfigError(f"half_spread {self.half_spread} is outside [0, 1)")
        if self.queue is not None and self.queue < ZERO:
            raise ConfigError(f"a queue of {self.queue} times what is visible is below zero")

    @property
    def needs_book(self) -> bool:
        return True

    @property
    def whole(self) -> bool:
        return False

    def rest(self, *, quantity: Decimal, candle: Candle, taken: Decimal, instrument: Instrument) -> Decimal:
        budget = candle.volume * self.participation - taken
        if budget >= quantity:
            return quantity
        return budget - budget % instrument.step_size if budget > ZERO else ZERO

    def take(
        self,
        *,
        buy: bool,
        quantity: Decimal,
        price: Decimal,
        limit: Decimal | None,
        candle: Candle,
        book: OrderBook | None,
        taken: Decimal,
        instrument: Instrument,
        fresh: bool = False,
    ) -> tuple[Decimal, Decimal]:
        want = self.rest(quantity=quantity, candle=candle, taken=taken, instrument=instrument)
        if want <= ZERO:
            return ZERO, price
        arrived = price
        if fresh and self.latency is not None:
            arrived = _worse(buy, price, self.latency.share(candle))
        filled = cost = ZERO
        for at, size in self._levels(buy, want, arrived, book):
            if at <= ZERO or (limit is not None and (at > limit if buy else at < limit)):
                break
            eaten = min(want - filled, size - size % instrument.step_size)
            if limit is not None and self.impact is not None and eaten:
                moved = self._moved(
                    buy, (cost + eaten * at) / (filled + eaten), taken + filled + eaten, candle
                )
                if moved > limit if buy else moved < limit:
                    break
            filled += eaten
            cost += eaten * at
            if filled == want:
                break
        if filled <= ZERO:
            return ZERO, price
        return filled, _against(buy, self._moved(buy, cost / filled, taken + filled, candle), instrument)

    def _levels(
        self, buy: bool, want: Decimal, price: Decimal, book: OrderBook | None
    ) -> Iterator[tuple[Decimal, Decimal]]:
        """Prices and quantities on the other side, best first."""
        if book is None or not book.bids or not book.asks:
            yield _worse(buy, price, self.half_spread), want
            return
        shift = price - (book.bids[0].price + book.asks[0].price) / 2
        for level in book.asks if buy else book.bids:
            yield level.price + shift, level.quantity

    def _moved(self, buy: bool, price: Decimal, taken: Decimal, candle: Candle) -> Decimal:
        if self.impact is None:
            return price
        return _worse(buy, price, self.impact.share(taken, candle))


def _worse(buy: bool, price: Decimal, share: Decimal) -> Decimal:
    return price * (ONE + share if buy else ONE - share)


def _against(buy: bool, price: Decimal, instrument: Instrument) -> Decimal:
    """The price on the tick grid, rounded against the order, never below one tick."""
    if buy:
        return instrument.price_up(price)
    return instrument.price_down(max(price, instrument.tick_size))
