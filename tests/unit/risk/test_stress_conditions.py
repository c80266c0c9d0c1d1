"""Replays, drawn days, correlation to one, outages and dry markets."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.clock import to_ns
from domain.errors import DataError
from risk.measures.returns import Column, Table, Times
from risk.stress.conditions import Holding, all_together, dry_market, venue_out
from risk.stress.drawn import draw
from risk.stress.replay import EVENTS, Event, replay
from risk.stress.scenarios import SCENARIOS, loss, named

START = datetime(2021, 5, 10, tzinfo=UTC)
EVENT = Event("test", START + timedelta(days=3), START + timedelta(days=5))


def closes(*falls: tuple[int, float], days: int = 8, gap: int | None = None) -> tuple[Times, Column]:
    """Hourly closes of 100 that change by a factor at some hours."""
    hours = np.arange(1, days * 24 + 1)
    prices = np.full(len(hours), 100.0)
    for hour, factor in falls:
        prices[hour - 1 :] *= factor
    times = np.array([to_ns(START + timedelta(hours=int(hour))) for hour in hours], np.int64)
    if gap is None:
        return times, prices
    keep = hours != gap
    return times[keep], prices[keep]


def holding(value: int, volatility: float = 0.04, volume: int = 10**7) -> Holding:
    return Holding(Decimal(value), volatility, Decimal(volume))


# -- replays


def test_a_replay_is_the_24_hours_in_which_this_book_lost_most() -> None:
    market = {
        "BTC": closes((80, 0.8), (100, 1.25)),  # -20 % at hour 80, back at hour 100
        "ETH": closes((90, 0.5), (110, 0.9)),
    }
    book = {"BTC": Decimal(100), "ETH": Decimal(100)}
    found = replay(EVENT, market, book)
    # From hour 90 on both are down; at 100 BTC is back; before 104 ETH's own fall is still within 24 hours.
    assert dict(found.shocks) == {"BTC": Decimal("-0.2"), "ETH": Decimal("-0.5")}
    assert loss(found, book) == 70
    assert "2021-05-13 18:00" in found.describes
    other = replay(EVENT, market, {"BTC": Decimal(1), "ETH": Decimal(1000)})
    assert other.shocks["ETH"] == Decimal("-0.55")
    assert other.shocks["BTC"] == Decimal("0.25")  # it came back within those hours


def test_only_the_event_counts_and_its_first_hours_look_back_before_it() -> None:
    first = 3 * 24  # the event's first close
    early = replay(EVENT, {"BTC": closes((first - 23, 0.9))}, {"BTC": Decimal(1)})
    assert early.shocks["BTC"] == Decimal("-0.1")
    before = replay(EVENT, {"BTC": closes((first - 24, 0.9))}, {"BTC": Decimal(1)})
    after = replay(EVENT, {"BTC": closes((5 * 24 + 1, 0.9))}, {"BTC": Decimal(1)})
    last = replay(EVENT, {"BTC": closes((5 * 24, 0.9))}, {"BTC": Decimal(1)})
    assert before.shocks["BTC"] == after.shocks["BTC"] == 0
    assert last.shocks["BTC"] == Decimal("-0.1")


def test_a_gap_is_left_out_and_what_is_not_held_does_not_matter() -> None:
    market = {"BTC": closes((100, 0.7), gap=100), "ETH": (np.empty(0, np.int64), np.empty(0))}
    found = replay(EVENT, market, {"BTC": Decimal(5), "ETH": Decimal(0)})
    assert dict(found.shocks) == {"BTC": Decimal("-0.3")}


@pytest.mark.parametrize(
    ("market", "said"),
    [
        ({"BTC": closes(days=4)}, "do not cover 2021-05-13; they run from 2021-05-10 to 2021-05-14"),
        ({}, "no candles of BTC"),
        ({"BTC": (np.empty(0, np.int64), np.empty(0))}, "there are none"),
        ({"BTC": tuple(column[80:] for column in closes())}, "do not cover"),
    ],
)
def test_candles_that_do_not_cover_the_event_are_said_to_be_missing(
    market: dict[str, tuple[Times, Column]], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        replay(EVENT, market, {"BTC": Decimal(1)})


def test_candles_from_the_first_moment_to_the_last_are_just_enough() -> None:
    times, prices = closes((100, 0.9))
    just = (times >= to_ns(EVENT.first)) & (times <= to_ns(EVENT.last))
    assert replay(EVENT, {"BTC": (times[just], prices[just])}, {"BTC": Decimal(1)}).shocks["BTC"] == Decimal(
        "-0.1"
    )
    for less in (just & (times > to_ns(EVENT.first)), just & (times < to_ns(EVENT.last))):
        with pytest.raises(DataError, match="do not cover"):
            replay(EVENT, {"BTC": (times[less], prices[less])}, {"BTC": Decimal(1)})


def test_candles_whose_closes_never_lie_24_hours_apart_replay_nothing() -> None:
    times, prices = closes(days=8)
    odd = np.flatnonzero(np.arange(len(times)) % 23 == 0)
    with pytest.raises(DataError, match="24 hours apart"):
        replay(EVENT, {"BTC": (times[odd], prices[odd])}, {"BTC": Decimal(1)})


def test_an_empty_book_replays_nothing() -> None:
    for book in ({}, {"BTC": Decimal(0)}):
        with pytest.raises(DataError, match="empty"):
            replay(EVENT, {"BTC": closes()}, book)


def test_every_event_has_its_stand_in_and_lasts_some_days() -> None:
    names = {scenario.name for scenario in SCENARIOS}
    for event in EVENTS:
        assert event.name in names
        assert timedelta(days=3) < event.last - event.first < timedelta(days=15)
    assert named("2021-05-19").name == EVENTS[1].name


# -- drawn days


def flat(correlation: float, count: int = 5) -> Table:
    table = np.full((count, count), correlation)
    np.fill_diagonal(table, 1.0)
    return table


def test_drawn_days_have_the_volatility_that_was_asked_for() -> None:
    values, volatility = np.array([100.0]), np.array([0.01])
    found = draw(
        values, volatility, flat(0.0, 1), volatility_multiple=1.0, pull=0.0, freedom=8.0, scenarios=80_000
    )
    assert float(found.losses.std()) == pytest.approx(1.0, rel=0.03)
    assert found.tail(0.99)[0] == pytest.approx(2.896 * math.sqrt(6 / 8), rel=0.05)  # t with 8 degrees


def test_the_same_seed_gives_the_same_days_and_another_one_others() -> None:
    arguments = (np.array([60.0, 40.0]), np.array([0.03, 0.05]), flat(0.6, 2))
    assert (draw(*arguments).losses == draw(*arguments).losses).all()
    assert not (draw(*arguments).losses == draw(*arguments, seed=8).losses).any()
    assert len(draw(*arguments).losses) == 10_000


def test_the_worst_day_is_told_with_its_moves_and_nobody_loses_more_than_all() -> None:
    values = np.array([60.0, 40.0])
    found = draw(values, np.array([0.5, 0.9]), flat(0.6, 2))
    assert found.worst == found.losses.max() <= 100.0
    assert -(found.worst_moves @ values) == pytest.approx(found.worst)
    assert (found.worst_moves >= -1.0).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 500), st.floats(0.5, 20.0))
def test_a_book_so_many_times_as_large_loses_so_many_times_as_much(seed: int, factor: float) -> None:
    values = np.random.default_rng(seed).uniform(0, 100, 5)
    volatility = np.full(5, 0.03)
    one = draw(values, volatility, flat(0.4), scenarios=500, seed=seed)
    many = draw(values * factor, volatility, flat(0.4), scenarios=500, seed=seed)
    assert many.losses == pytest.approx(one.losses * factor)
    var, cvar = one.tail(0.95)
    assert cvar >= var


def test_more_volatility_and_more_correlation_cost_more() -> None:
    values, volatility = np.full(5, 20.0), np.full(5, 0.03)
    for level in (0.95, 0.99):
        base = draw(values, volatility, flat(0.2)).tail(level)[1]
        assert draw(values, volatility, flat(0.2), volatility_multiple=3.0).tail(level)[1] > base
        assert draw(values, volatility, flat(0.2), pull=1.0).tail(level)[1] > base
    assert draw(values, volatility, flat(1.0), pull=0.0).losses == pytest.approx(
        draw(values, volatility, flat(0.2), pull=1.0).losses
    )


BAD: list[tuple[str, dict[str, object]]] = [
    ("empty", {"values": np.empty(0)}),
    ("as many", {"values": np.ones(3)}),
    ("as many", {"correlations": np.eye(3)}),
    ("value", {"values": np.array([1.0, math.nan])}),
    ("value", {"values": np.array([1.0, -1.0])}),
    ("volatility", {"volatility": np.array([0.1, -0.1])}),
    ("volatility", {"volatility": np.array([0.1, math.inf])}),
    ("symmetric", {"correlations": np.array([[1.0, 0.5], [0.4, 1.0]])}),
    ("symmetric", {"correlations": np.array([[1.0, math.nan], [math.nan, 1.0]])}),
    ("symmetric", {"correlations": np.array([[1.0, 1.1], [1.1, 1.0]])}),
    ("with itself", {"correlations": np.array([[0.9, 0.0], [0.0, 1.0]])}),
    ("pull", {"pull": 1.01}),
    ("pull", {"pull": -0.01}),
    ("degrees of freedom", {"freedom": 2.0}),
    ("above zero", {"volatility_multiple": 0.0}),
    ("0 scenarios", {"scenarios": 0}),
]


@pytest.mark.parametrize(("said", "change"), BAD)
def test_what_makes_no_sense_is_not_drawn(said: str, change: dict[str, object]) -> None:
    told: dict[str, object] = {"values": np.ones(2), "volatility": np.full(2, 0.1), "correlations": np.eye(2)}
    with pytest.raises(DataError, match=said):
        draw(**{**told, **change})  # type: ignore[arg-type]  # wrong arguments are the point


def test_correlations_no_returns_can_have_are_refused() -> None:
    impossible = np.array([[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]])
    with pytest.raises(DataError, match="contradict"):
        draw(np.ones(3), np.full(3, 0.1), impossible, pull=0.0)


# -- conditions of the market


def test_all_together_is_the_sum_of_what_each_loses() -> None:
    book = {"BTC": holding(1000, 0.03), "ETH": holding(500, 0.05), "WILD": holding(10, 0.6)}
    found = all_together(book)
    assert found["BTC"] == pytest.approx(Decimal(120))
    assert found["ETH"] == pytest.approx(Decimal(100))
    assert found["WILD"] == 10  # four sigmas would be more than everything


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_no_correlations_give_a_larger_volatility_than_correlation_one(seed: int) -> None:
    random = np.random.default_rng(seed)
    volatility, values = random.uniform(0.01, 0.2, 4), random.uniform(0, 1000, 4)
    returns = random.standard_normal((50, 4)) @ random.standard_normal((4, 4))
    table = np.corrcoef(returns, rowvar=False)
    book = {str(i): holding(0, float(volatility[i])) for i in range(4)}
    book = {
        name: Holding(Decimal(float(values[int(name)])), each.volatility, Decimal(1))
        for name, each in book.items()
    }
    weighted = values * volatility
    worst = float(sum(all_together(book, 1.0).values()))
    assert worst >= math.sqrt(max(0.0, float(weighted @ table @ weighted))) * (1 - 1e-9)
    assert worst == pytest.approx(float(weighted.sum()))


def test_an_outage_grows_with_the_root_of_its_hours() -> None:
    book = {"BTC": holding(1000, 0.02)}
    whole = float(venue_out(book, 24.0, 3.0, 0.99)["BTC"])
    assert whole == pytest.approx(1000 * 0.02 * 3 * NormalDist().inv_cdf(0.99))
    assert float(venue_out(book, 6.0, 3.0, 0.99)["BTC"]) == pytest.approx(whole / 2)
    assert venue_out({"X": holding(7, 5.0)})["X"] == 7
    assert float(venue_out(book)["BTC"]) == pytest.approx(whole / math.sqrt(2))
    for hours, multiple, level in ((0.0, 1.0, 0.99), (1.0, 0.0, 0.99), (1.0, 1.0, 1.0), (1.0, 1.0, 0.5)):
        with pytest.raises(DataError, match="outage"):
            venue_out(book, hours, multiple, level)


def half_root(share: Decimal, volatility: Decimal) -> Decimal:
    """The square-root law with a coefficient of one half."""
    return Decimal("0.5") * volatility * share.sqrt()


def test_a_dry_market_costs_what_the_law_says_of_a_tenth_of_an_hour_s_volume() -> None:
    book = {"BTC": holding(10_000, 0.048, 24_000_000)}
    # An hour trades 1,000,000, a tenth of it 100,000: the order is a tenth of that.
    expected = 10_000 * 0.5 * 0.048 / math.sqrt(24) * math.sqrt(0.1)
    assert float(dry_market(book, half_root)["BTC"]) == pytest.approx(expected)
    normal = float(dry_market(book, half_root, Decimal(1))["BTC"])
    assert expected == pytest.approx(normal * math.sqrt(10))


def test_what_never_trades_cannot_be_sold_and_nothing_costs_more_than_itself() -> None:
    book = {"DEAD": holding(50, 0.1, 0), "NONE": holding(0, 0.1, 0), "THIN": holding(10**9, 1.0, 1)}
    assert dry_market(book, half_root) == {"DEAD": 50, "NONE": 0, "THIN": 10**9}
    for share in ("0", "1.01", "-1"):
        with pytest.raises(DataError, match="volume share"):
            dry_market(book, half_root, Decimal(share))


@pytest.mark.parametrize(
    "bad",
    [
        Holding(Decimal("NaN"), 0.1, Decimal(1)),
        Holding(Decimal(-1), 0.1, Decimal(1)),
        Holding(Decimal(1), math.nan, Decimal(1)),
        Holding(Decimal(1), -0.1, Decimal(1)),
    ],
)
def test_a_holding_that_makes_no_sense_is_refused(bad: Holding) -> None:
    for condition in (all_together, venue_out, lambda book: dry_market(book, half_root)):
        with pytest.raises(DataError, match="ODD"):
            condition({"ODD": bad})


def test_what_does_not_move_loses_nothing_and_one_day_is_a_draw() -> None:
    still = {"USDC": holding(100, 0.0)}
    assert (
        all_together(still)["USDC"] == venue_out(still)["USDC"] == dry_market(still, half_root)["USDC"] == 0
    )
    assert len(draw(np.ones(2), np.full(2, 0.1), np.eye(2), scenarios=1).losses) == 1
    assert draw(np.zeros(1), np.zeros(1), np.eye(1), scenarios=9).worst == 0.0


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 10**6))
def test_a_larger_holding_never_loses_less(value: int, more: int) -> None:
    small, large = {"A": holding(value)}, {"A": holding(value + more)}
    for condition in (all_together, venue_out, lambda book: dry_market(book, half_root)):
        assert condition(large)["A"] > condition(small)["A"]
