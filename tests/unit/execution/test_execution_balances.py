"""The arithmetic of comparing balances: what is old news and what is not."""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain.money import Currency
from execution.balances import weigh
from execution.venue import Balance
from tests.faults.world import BTC, USDT

COIN = Currency("BTC")
OWNED = {USDT: Decimal(100), COIN: Decimal(1)}
TRADED = {USDT: "", COIN: BTC}


@pytest.mark.parametrize(("off", "frozen"), [("1e-8", False), ("1.1e-8", True), ("-1.1e-8", True)])
def test_a_difference_counts_from_the_stated_tolerance_on(off: str, frozen: bool) -> None:
    theirs = {USDT: Balance(Decimal(90), Decimal(10)), COIN: Balance(1 + Decimal(off), Decimal(0))}
    found, outside = weigh(OWNED, theirs, {USDT: Decimal(0), COIN: Decimal(0)}, TRADED)  # type: ignore[arg-type]
    assert bool(found) is frozen
    assert outside == {USDT: 0, COIN: 0}


def test_a_coin_that_is_new_to_the_desk_brings_what_was_there_along() -> None:
    theirs = {USDT: Balance(Decimal(100), Decimal(0)), COIN: Balance(Decimal(4), Decimal(0))}
    found, outside = weigh(OWNED, theirs, {USDT: Decimal(0)}, TRADED)  # type: ignore[arg-type]
    assert found == []
    assert outside == {USDT: 0, COIN: 3}
