"""Instruments derived from a price."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import DataError
from domain.money import Symbol
from market.instruments import spot_instrument

BTC = Symbol("BTC/USDT")


@pytest.mark.parametrize(
    ("price", "tick", "step"),
    [
        (34_867.5, "0.1", "0.00001"),
        (100, "0.001", "0.01"),
        (1, "0.00001", "1"),
        (0.25, "0.000001", "1"),
        (0.0026, "0.00000001", "100"),
        (2_500_000, "10", "0.0000001"),
    ],
)
def test_tick_and_step_fit_the_price(price: float, tick: str, step: str) -> None:
    instrument = spot_instrument(BTC, price)
    assert instrument.tick_size == Decimal(tick)
    assert instrument.step_size == instrument.min_quantity == Decimal(step)
    assert f"{instrument.base} {instrument.quote} {instrument.min_notional}" == "BTC USDT 5"


@given(st.decimals("1e-9", "1e7", allow_nan=False, places=12).filter(lambda price: price > 0))
def test_the_grids_keep_their_proportions_at_every_price(price: Decimal) -> None:
    instrument = spot_instrument(BTC, price)
    assert Decimal("1e-6") < instrument.tick_size / price <= Decimal("1e-5")
    assert Decimal("0.1") < instrument.step_size * price <= 1
    assert instrument.max_quantity * price > 10_000_000
    assert instrument.filter_problems(instrument.quantity(100 / price), instrument.price(price)) == ()
    assert "E+" not in f"{instrument.price(price * 3)} {instrument.quantity(1_000 / price)}"


@pytest.mark.parametrize("price", [0, -1.0, Decimal(0)])
def test_a_price_that_is_not_above_zero_is_refused(price: Decimal | float) -> None:
    with pytest.raises(DataError, match="not a reference price above zero"):
        spot_instrument(BTC, price)
