"""Dust that a fee in base currency left is no position: it lends its stop to no later entry."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from domain.events import IntentRecorded, OrderAccepted, OrderFilled, OrderSubmitted, StopArmed
from domain.instrument import Instrument
from domain.money import ZERO, Currency, Money, Price, Quantity, Symbol
from domain.orders import Fill, OrderIntent, OrderType, Origin, Side
from execution.book import OrderBook
from portfolio.portfolio import Portfolio

BTC, USDT, COIN = Symbol("BTC/USDT"), Currency("USDT"), Currency("BTC")
AT = datetime(2026, 1, 5, tzinfo=UTC)
INSTRUMENT = Instrument(
    BTC, COIN, USDT, Decimal("0.01"), Decimal("0.001"), Decimal("0.001"), Decimal(100), Decimal(5)
)


class Story:
    """Orders that fill whole, a minute apart."""

    def __init__(self) -> None:
        self.portfolio = Portfolio(Money(Decimal(10_000), USDT), {BTC: INSTRUMENT})
        self.book = OrderBook(self.portfolio)
        self._told = 0

    def trade(self, side: Side, quantity: str, price: str, fee: Money, stop: str | None = None) -> None:
        self._told += 1
        at, name = AT + timedelta(minutes=self._told), f"s-{self._told:06d}-00"
        intent = OrderIntent(
            client_id=name,
            session="s",
            cycle=self._told,
            leg=0,
            symbol=BTC,
            side=side,
            quantity=Quantity(Decimal(quantity)),
            order_type=OrderType.MARKET,
            created_at=at,
            origin=Origin.CYCLE,
            reduce_only=side is Side.SELL,
            protective_stop=Price(Decimal(stop)) if stop else None,
        )
        fill = Fill(f"f{self._told}", name, BTC, side, intent.quantity, Price(Decimal(price)), fee, at)
        for event in (
            IntentRecorded(intent, at),
            OrderSubmitted(name, BTC, at),
            OrderAccepted(name, BTC, f"v{self._told}", at),
            OrderFilled(fill, at),
        ):
            self.book.apply(event)
        if stop:
            price_of_stop = Price(Decimal(stop))
            self.book.apply(StopArmed(BTC, intent.quantity, price_of_stop, f"g{self._told}", at))


def test_a_new_entry_over_dust_has_its_own_stop() -> None:
    story = Story()
    story.trade(Side.BUY, "1", "100", Money(Decimal("0.0005"), COIN), stop="95")
    story.trade(Side.SELL, "0.999", "101", Money(ZERO, USDT))
    assert story.portfolio.holds(BTC)
    assert not story.portfolio.sellable(BTC, Decimal(101))
    assert story.book.stops == {}
    assert story.book.entries == {}
    story.trade(Side.BUY, "1", "90", Money(Decimal("0.001"), COIN), stop="85")
    assert story.book.stops[BTC].trigger_price == Decimal(85)


def test_a_part_that_can_still_be_sold_keeps_its_stop() -> None:
    story = Story()
    story.trade(Side.BUY, "1", "100", Money(ZERO, USDT), stop="95")
    story.trade(Side.SELL, "0.9", "101", Money(ZERO, USDT))
    assert story.portfolio.sellable(BTC, Decimal(101))
    assert story.book.stops[BTC].trigger_price == Decimal(95)
    story.trade(Side.SELL, "0.06", "101", Money(ZERO, USDT))
    assert story.book.stops == {}, "four units of money are under the venue's five"
