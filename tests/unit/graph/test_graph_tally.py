"""What a session came to: fees count in the account's currency, whatever they were paid in."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from domain.events import OrderFilled
from domain.money import Currency, Money, Price, Quantity, Symbol
from domain.orders import Fill, Side
from graph.tally import Tally

AT = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("amount", "currency", "counts"), [("0.5", "USDT", "0.5"), ("0.001", "BTC", "30"), ("0.01", "BNB", "0")]
)
def test_a_fee_counts_in_quote_currency(amount: str, currency: str, counts: str) -> None:
    fill = Fill(
        fill_id="f1",
        client_id="c1",
        symbol=Symbol("BTC/USDT"),
        side=Side.BUY,
        quantity=Quantity(Decimal(1)),
        price=Price(Decimal(30_000)),
        fee=Money(Decimal(amount), Currency(currency)),
        filled_at=AT,
    )
    tally = Tally()
    tally.see(OrderFilled(fill, AT))
    tally.see(OrderFilled(fill, AT))
    assert tally.fees == Decimal(counts)
