"""Fees and fill models by themselves."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from domain.errors import ConfigError
from simulator.costs import BookWalk, FeeSchedule
from tests.scenarios.stage import INSTRUMENT, bar, book

BAR = bar(0, "100", "101", "99", "100", volume="50")
BOOK = book([("99.99", "1.0005")], [("100.01", "1.0005")])


def take(model: BookWalk, quantity: str, **changes: object) -> tuple[Decimal, Decimal]:
    arguments = {
        "buy": True,
        "quantity": Decimal(quantity),
        "price": Decimal(100),
        "limit": None,
        "candle": BAR,
        "book": BOOK,
        "taken": Decimal(0),
        "instrument": INSTRUMENT,
    }
    return model.take(**{**arguments, **changes})  # type: ignore[arg-type]  # a mapping of all arguments


def test_a_fee_is_rounded_up_to_the_eighth_decimal() -> None:
    fees = FeeSchedule(maker=Decimal("0.0001"), taker=Decimal("0.001"))
    assert fees.fee(Decimal("0.12345678"), maker=False) == Decimal("0.00012346")
    assert fees.fee(Decimal("100"), maker=True) == Decimal("0.01")


@pytest.mark.parametrize("rate", ["-0.001", "1"])
def test_a_fee_rate_outside_its_range_is_refused(rate: str) -> None:
    with pytest.raises(ConfigError, match=r"outside \[0, 1\)"):
        FeeSchedule(maker=Decimal(rate), taker=Decimal(0))


def test_a_level_off_the_quantity_grid_gives_only_whole_steps() -> None:
    assert take(BookWalk(), "2") == (Decimal("1"), Decimal("100.01"))


def test_a_limit_stops_the_walk() -> None:
    deep = book([("99", "1")], [("101", "1"), ("103", "5")])
    assert take(BookWalk(), "4", book=deep, limit=Decimal("102")) == (Decimal(1), Decimal(101))
    assert take(BookWalk(), "4", book=deep, limit=Decimal("100.5")) == (Decimal(0), Decimal(100))


def test_a_limit_holds_without_a_book_too() -> None:
    model = BookWalk(half_spread=Decimal("0.01"))
    assert take(model, "1", book=None, limit=Decimal("100.99")) == (Decimal(0), Decimal(100))
    assert take(model, "1", book=None, limit=Decimal("101")) == (Decimal(1), Decimal("101.00"))
    assert take(model, "1", book=None, buy=False) == (Decimal(1), Decimal("99.00"))


def test_what_others_took_is_gone() -> None:
    assert take(BookWalk(), "1", taken=Decimal("4.5")) == (Decimal("0.5"), Decimal("100.01"))
    assert take(BookWalk(), "1", taken=Decimal("5")) == (Decimal(0), Decimal(100))


@pytest.mark.parametrize("changes", [{"participation": Decimal(0)}, {"half_spread": Decimal(1)}])
def test_a_fill_model_out_of_range_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="outside"):
        BookWalk(**changes)
