"""Two symbols, a capital of 100,000 USDT, and short ways to write fills."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from domain.instrument import Instrument
from domain.money import Currency, Money, Price, Quantity, Symbol
from domain.orders import Fill, Side
from portfolio.portfolio import Portfolio

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
BTC, ETH = Symbol("BTC/USDT"), Symbol("ETH/USDT")
USDT = Currency("USDT")
CAPITAL = Money(Decimal(100_000), USDT)

_numbers = itertools.count(1)


def instrument(symbol: str) -> Instrument:
    base, _, quote = symbol.partition("/")
    return Instrument(
        symbol=Symbol(symbol),
        base=Currency(base),
        quote=Currency(quote),
        tick_size=Decimal("0.01"),
        step_size=Decimal("0.00001"),
        min_quantity=Decimal("0.00001"),
        max_quantity=Decimal(10_000),
        min_notional=Decimal(5),
    )


def portfolio(*symbols: str) -> Portfolio:
    named = symbols or ("BTC/USDT", "ETH/USDT")
    return Portfolio(CAPITAL, {Symbol(symbol): instrument(symbol) for symbol in named})


def fill(
    side: Side, quantity: str, price: str, fee: str = "0", *, symbol: Symbol = BTC, paid_in: str = "USDT"
) -> Fill:
    number = next(_numbers)
    return Fill(
        fill_id=f"fill-{number}",
        client_id=f"s-{number:06d}-00",
        symbol=symbol,
        side=side,
        quantity=Quantity(Decimal(quantity)),
        price=Price(Decimal(price)),
        fee=Money(Decimal(fee), Currency(paid_in)),
        filled_at=NOON,
    )


def buy(quantity: str, price: str, fee: str = "0", *, symbol: Symbol = BTC, paid_in: str = "USDT") -> Fill:
    return fill(Side.BUY, quantity, price, fee, symbol=symbol, paid_in=paid_in)


def sell(quantity: str, price: str, fee: str = "0", *, symbol: Symbol = BTC, paid_in: str = "USDT") -> Fill:
    return fill(Side.SELL, quantity, price, fee, symbol=symbol, paid_in=paid_in)
