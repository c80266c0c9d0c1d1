"""What an order cost in fees: a sum for each currency, none across them; and the rates after a restart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from app.bootstrap import PaperWorld
from app.settings import Settings
from app.viewing import order_view
from domain.money import Currency, Money, Price, Quantity, Symbol
from domain.orders import Fill, Order, OrderIntent, OrderStatus, OrderType, Side
from execution.paper import PaperVenue
from portfolio.portfolio import Portfolio

AT = datetime(2026, 1, 5, tzinfo=UTC)
BTC, USDT, GT = Currency("BTC"), Currency("USDT"), Currency("GT")


def bought(*fees: Money) -> Order:
    """An order for one coin that filled in as many equal parts as there are fees."""
    intent = OrderIntent(
        client_id="s-000001-00",
        session="s",
        cycle=1,
        leg=0,
        symbol=Symbol("BTC/USDT"),
        side=Side.BUY,
        quantity=Quantity(Decimal(len(fees) or 1)),
        order_type=OrderType.MARKET,
        created_at=AT,
    )
    order = Order(intent, OrderStatus.ACCEPTED)
    for number, fee in enumerate(fees):
        order.add_fill(
            Fill(
                f"f{number}",
                intent.client_id,
                intent.symbol,
                Side.BUY,
                Quantity(Decimal(1)),
                Price(Decimal(40_000)),
                fee,
                AT + timedelta(seconds=number),
            )
        )
    return order


@pytest.mark.parametrize(
    ("fees", "told"),
    [
        ((), {}),
        ((Money(Decimal(0), USDT),), {}),
        ((Money(Decimal(3), USDT), Money(Decimal("0.5"), USDT)), {"USDT": "3.5"}),
        (
            (Money(Decimal("0.001"), BTC), Money(Decimal(2), GT), Money(Decimal("0.002"), BTC)),
            {"BTC": "0.003", "GT": "2"},
        ),
    ],
)
def test_fees_are_summed_by_currency(fees: tuple[Money, ...], told: dict[str, str]) -> None:
    order = bought(*fees)
    assert order.fees == {Currency(name): Decimal(amount) for name, amount in told.items()}
    assert order_view(order).model_dump(mode="json")["fees"] == told


@pytest.mark.parametrize("known", [True, False], ids=["known", "forgotten"])
def test_what_was_traded_before_a_restart_counts_for_the_rates_once(known: bool) -> None:
    """Whether or not the desk still knows the order it belonged to."""
    world = PaperWorld(Settings())
    portfolio = Portfolio(Money(Decimal(100_000), USDT), world.feed.instruments)
    venue = world.venue(portfolio)
    assert isinstance(venue, PaperVenue)
    order = bought(Money(Decimal(3), USDT))
    for fill in order.fills:
        portfolio.book(fill)
    world.put_back([order] if known else [], AT, portfolio)
    assert venue._matching._till.turnover.of_month(AT.date() + timedelta(days=1)) == 40_000
