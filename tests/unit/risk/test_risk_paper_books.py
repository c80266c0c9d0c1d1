"""What each source would have made on its own: the arithmetic, by hand."""

from __future__ import annotations

import pytest

from domain.money import Symbol
from risk.anomalies.paper_books import PaperBooks

BTC, ETH = Symbol("BTC/USDT"), Symbol("ETH/USDT")


def books(cost: float = 0.0, band: float = 0.0) -> PaperBooks:
    return PaperBooks((BTC, ETH), cost_fraction=cost, band=band)


def test_a_stance_earns_the_next_bars_return_in_equal_parts() -> None:
    paper = books()
    paper.bar({BTC: 100.0, ETH: 10.0})
    paper.take({"trend": {BTC: 1.0, ETH: 0.5}})
    paper.bar({BTC: 110.0, ETH: 10.0})
    assert paper.books["trend"].level == pytest.approx(1.05)
    paper.bar({BTC: 110.0, ETH: 9.0})
    assert paper.books["trend"].level == pytest.approx(1.05 * 0.975)


def test_nothing_is_earned_on_the_bar_that_decided() -> None:
    paper = books()
    paper.bar({BTC: 100.0})
    paper.bar({BTC: 200.0})
    paper.take({"trend": {BTC: 1.0}})
    assert paper.books["trend"].level == 1.0


def test_a_short_stance_earns_when_the_price_falls() -> None:
    paper = books()
    paper.bar({BTC: 100.0})
    paper.take({"bear": {BTC: -1.0}})
    paper.bar({BTC: 90.0})
    assert paper.books["bear"].level == pytest.approx(1.05)


def test_every_change_of_stance_costs() -> None:
    paper = books(cost=0.01)
    paper.bar({BTC: 100.0})
    paper.take({"trend": {BTC: 1.0}})
    paper.bar({BTC: 100.0})
    assert paper.books["trend"].level == pytest.approx(1 - 0.01 / 2)
    paper.take({"trend": {BTC: 1.0}})
    paper.bar({BTC: 100.0})
    assert paper.books["trend"].level == pytest.approx(1 - 0.01 / 2)
    paper.take({"trend": {BTC: -1.0}})
    paper.bar({BTC: 100.0})
    assert paper.books["trend"].level == pytest.approx((1 - 0.01 / 2) * (1 - 0.02 / 2))


@pytest.mark.parametrize(
    ("stance", "held"), [(0.74, 0.5), (0.75, 0.75), (0.26, 0.5), (0.25, 0.25), (0.0, 0.0), (-0.1, -0.1)]
)
def test_a_change_within_the_band_is_not_traded(stance: float, held: float) -> None:
    paper = books(band=0.25)
    paper.bar({BTC: 100.0})
    paper.take({"trend": {BTC: 0.5}})
    paper.bar({BTC: 100.0})
    paper.take({"trend": {BTC: stance}})
    paper.bar({BTC: 100.0})
    assert paper.books["trend"].held[BTC] == held


def test_without_a_view_a_source_keeps_what_it_holds() -> None:
    paper = books()
    paper.bar({BTC: 100.0})
    paper.take({"trend": {BTC: 1.0}})
    paper.bar({BTC: 100.0})
    paper.take({"trend": {}, "other": {}})
    paper.bar({BTC: 110.0})
    assert paper.books["trend"].level == pytest.approx(1.05)
    assert paper.books["other"].level == 1.0


def test_the_account_of_all_is_in_equal_parts() -> None:
    paper = books()
    paper.bar({BTC: 100.0})
    paper.take({"bull": {BTC: 1.0}, "bear": {BTC: -0.5}})
    paper.bar({BTC: 110.0})
    assert paper.level == pytest.approx(1 + (0.05 - 0.025) / 2)


def test_a_trade_ends_with_its_direction_and_losses_in_a_row_are_counted() -> None:
    paper = books(cost=0.001)
    price, told = 100.0, []
    paper.bar({BTC: price})
    for stance, move in ((1.0, 0.9), (-1.0, 1.1), (1.0, 1.1), (0.0, 1.0), (1.0, 0.9), (0.5, 1.0), (0.0, 1.0)):
        paper.take({"trend": {BTC: stance}})
        price *= move
        closed = paper.bar({BTC: price})
        told.append((closed, paper.books["trend"].streak, paper.books["trend"].trades))
    assert told == [
        ([], 0, 0),
        (["trend"], 1, 1),
        (["trend"], 2, 2),
        (["trend"], 0, 3),
        ([], 0, 3),
        ([], 0, 3),
        (["trend"], 1, 4),
    ]


def test_costs_alone_make_a_losing_trade_and_none_make_a_harmless_one() -> None:
    for cost, streak in ((0.001, 1), (0.0, 0)):
        paper = books(cost=cost)
        paper.bar({BTC: 100.0})
        for stance in (1.0, 0.0):
            paper.take({"trend": {BTC: stance}})
            paper.bar({BTC: 100.0})
        assert paper.books["trend"].streak == streak


def test_a_symbol_without_a_price_earns_nothing_until_it_has_one_again() -> None:
    paper = books()
    paper.bar({BTC: 100.0})
    paper.take({"trend": {BTC: 1.0, ETH: 1.0}})
    paper.bar({})
    assert paper.books["trend"].level == 1.0
    paper.bar({BTC: 110.0, ETH: 5.0})
    assert paper.books["trend"].level == pytest.approx(1.05)


def test_an_account_never_falls_to_nothing() -> None:
    paper = PaperBooks((BTC,), cost_fraction=0.0)
    paper.bar({BTC: 100.0})
    paper.take({"bear": {BTC: -1.0}})
    paper.bar({BTC: 400.0})
    assert paper.books["bear"].level == pytest.approx(0.01)
    assert paper.level > 0.0
