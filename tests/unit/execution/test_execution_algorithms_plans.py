"""From parents to plans: schedules, minimums, curves, and what cannot be planned."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest

from domain.algorithms import Method, Slice
from domain.clock import to_ns
from domain.errors import ConfigError, VenueDown
from domain.market import BookLevel, Quote, Timeframe
from domain.money import Currency, Price, Quantity
from domain.orders import Side
from domain.tactics import Tactic
from execution.algorithms.choosing import plan_for
from execution.algorithms.inventory import take_inventory
from execution.algorithms.plans import dca, iceberg, scale, twap, vwap
from execution.algorithms.router import VenueOffer, route
from execution.algorithms.volume import FLAT, expected_share, volume_curve
from execution.scripted import ScriptedVenue
from execution.venue import Balance
from market.bars import Bars
from tests.faults.world import BTC, INSTRUMENTS, START
from tests.unit.execution.algorithm_stage import MINUTE, parent

COIN = INSTRUMENTS[BTC]
PRICE = Decimal(40_000)
HOUR = timedelta(hours=1)
QUOTE = Quote(BTC, Price(PRICE - 1), Price(PRICE + 1), Price(PRICE), START)


def amounts(slices: tuple[Slice, ...]) -> list[str]:
    return [f"{part.amount:f}" for part in slices]


def test_a_remainder_is_spread_within_one_step() -> None:
    plan = twap(parent("1"), COIN, PRICE, start=START, interval=MINUTE, parts=3)
    assert amounts(plan.slices) == ["0.333", "0.333", "0.334"]
    assert [part.after for part in plan.slices] == [0 * MINUTE, MINUTE, 2 * MINUTE]
    assert (plan.start, plan.end) == (START, START + 3 * MINUTE)


def test_parts_below_the_venues_minimum_are_made_fewer() -> None:
    plan = twap(parent("0.003"), COIN, PRICE, start=START, interval=MINUTE, parts=10)
    assert amounts(plan.slices) == ["0.001"] * 3


def bars(volumes: list[float], timeframe: Timeframe = Timeframe.H1) -> Bars:
    step = timeframe.seconds * 1_000_000_000
    opens = to_ns(START) + np.arange(len(volumes), dtype=np.int64) * step
    flat = np.full(len(volumes), 100.0)
    return Bars(BTC, timeframe, opens, opens + step, flat, flat, flat, flat, np.array(volumes))


def test_the_volume_curve_is_the_mean_of_each_hour_of_the_day() -> None:
    day = [float(hour + 1) for hour in range(24)]
    curve = volume_curve(bars([*day, *(3 * volume for volume in day)]))
    assert curve == pytest.approx([volume / 300 for volume in day])


def test_long_bars_count_evenly_and_unseen_hours_get_a_little() -> None:
    curve = volume_curve(bars([40.0, 80.0], Timeframe.H4))
    assert curve[0] == pytest.approx(curve[3])
    assert curve[4] == pytest.approx(2 * curve[0])
    assert curve[8] == pytest.approx(1.5 * curve[0] / 10)
    assert sum(curve) == pytest.approx(1)


def test_without_any_volume_the_curve_is_flat() -> None:
    assert volume_curve(bars([])) == volume_curve(bars([0.0] * 48)) == FLAT


def test_a_share_of_the_day_covers_parts_of_hours_and_midnight() -> None:
    curve = tuple((hour + 1) / 300 for hour in range(24))
    share = expected_share(curve, START + timedelta(hours=23, minutes=30), START + timedelta(hours=25))
    assert share == pytest.approx((24 * 0.5 + 1) / 300)


def test_a_vwap_trades_in_proportion_to_the_curve() -> None:
    curve = tuple(3 / 26 if hour == 1 else 1 / 26 for hour in range(24))
    plan = vwap(parent("1"), COIN, PRICE, start=START, interval=HOUR, parts=3, curve=curve)
    for part, share in zip(plan.slices, ["0.2", "0.6", "0.2"], strict=True):
        assert abs(part.amount - Decimal(share)) <= COIN.step_size


def test_a_part_of_a_vwap_that_is_too_small_joins_the_next() -> None:
    curve = tuple(0.0001 if hour == 0 else (1 - 0.0001) / 23 for hour in range(24))
    plan = vwap(parent("0.1"), COIN, PRICE, start=START, interval=HOUR, parts=3, curve=curve)
    assert [part.after for part in plan.slices] == [HOUR, 2 * HOUR]
    assert sum(part.amount for part in plan.slices) == Decimal("0.1")


def test_a_ladder_rounds_in_favour_of_its_owner() -> None:
    made = scale(parent("1"), COIN, [Decimal("39000.019"), PRICE], start=START, end=START + HOUR)
    assert [part.limit_price for part in made.slices] == [Decimal("39000.01"), PRICE]
    weighted = scale(
        parent("1", side=Side.SELL),
        COIN,
        [Decimal("41000.011"), PRICE],
        start=START,
        end=START + HOUR,
        weights=[Decimal(3), Decimal(1)],
    )
    assert amounts(weighted.slices) == ["0.750", "0.250"]
    assert weighted.slices[0].limit_price == Decimal("41000.02")


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: twap(parent(), COIN, PRICE, start=START, interval=MINUTE, parts=0), "no schedule"),
        (lambda: twap(parent(), COIN, PRICE, start=START, interval=0 * MINUTE, parts=2), "no schedule"),
        (lambda: twap(parent("0.0015"), COIN, PRICE, start=START, interval=MINUTE, parts=2), "off the step"),
        (lambda: iceberg(parent(), COIN, start=START, end=START, shown=Decimal("0.1")), "no limit price"),
        (
            lambda: iceberg(parent(limit="39000"), COIN, start=START, end=START, shown=Decimal("0.0001")),
            "below the minimum",
        ),
        (lambda: scale(parent(), COIN, [], start=START, end=START), "one weight"),
        (lambda: scale(parent(), COIN, [PRICE, PRICE], start=START, end=START), "a price twice"),
        (
            lambda: scale(parent("0.001"), COIN, [PRICE, PRICE - 1], start=START, end=START),
            "below the minimum",
        ),
        (
            lambda: dca(parent(), COIN, budget=Decimal(19), start=START, interval=HOUR, parts=2),
            "cannot|is not a sum",
        ),
        (
            lambda: dca(
                parent(side=Side.SELL), COIN, budget=Decimal(100), start=START, interval=HOUR, parts=2
            ),
            "cost averaging buys",
        ),
    ],
)
def test_what_cannot_be_planned_is_refused(make: object, complaint: str) -> None:
    assert callable(make)
    with pytest.raises(ConfigError, match=complaint):
        make()


@pytest.mark.parametrize(
    ("tactic", "volume", "limit", "expected"),
    [
        (Tactic.TWAP, "10", None, ["0.200"] * 5),
        (Tactic.TWAP, "50", None, None),  # exactly one part: one order
        (Tactic.TWAP, "49.9", None, ["0.500"] * 2),
        (Tactic.TWAP, "0", None, None),
        (Tactic.MARKET, "10", None, None),
        (Tactic.ICEBERG, "10", "39999", ["0.200"] * 5),
        (Tactic.ICEBERG, "9", "39999", ["0.167"] * 5 + ["0.165"]),  # rounded up: no crumb is left over
        (Tactic.LIMIT_PASSIVE, "10", "39999", None),
        (Tactic.ICEBERG, "50", "39999", None),
    ],
)
def test_a_leg_is_worked_in_parts_from_a_share_of_the_volume_on(
    tactic: Tactic, volume: str, limit: str | None, expected: list[str] | None
) -> None:
    plan = plan_for(parent(limit=limit), tactic, COIN, QUOTE, Decimal(volume), start=START, bar=HOUR)
    assert (plan and amounts(plan.slices)) == expected
    if plan is not None:
        assert plan.end == START + (6 if volume == "9" else 5) * HOUR or volume == "49.9"
        assert plan.method is (Method.TWAP if tactic is Tactic.TWAP else Method.ICEBERG)


def offer(
    venue: str, *levels: tuple[str, str], taker: str = "0", ms: int = 0, free: str = "1e9"
) -> VenueOffer:
    book = tuple(BookLevel(Price(Decimal(price)), Quantity(Decimal(size))) for price, size in levels)
    return VenueOffer(venue, book, Decimal(taker), Decimal(free), COIN, timedelta(milliseconds=ms))


def test_the_router_prices_fees_and_latency() -> None:
    cheap = offer("cheap", ("40000", "1"), taker="0.002")
    fair = offer("fair", ("40040", "1"), taker="0.0005")
    assert [part.venue for part in route(Side.BUY, Decimal("0.5"), [cheap, fair]).allocations] == ["fair"]
    slow = offer("slow", ("40000", "1"), ms=800)
    fast = offer("fast", ("40010", "1"), ms=10)
    split = route(Side.BUY, Decimal("0.5"), [slow, fast], drift=Decimal("0.001"))
    assert [part.venue for part in split.allocations] == ["fast"]
    split = route(Side.BUY, Decimal("0.5"), [slow, fast])
    assert [part.venue for part in split.allocations] == ["slow"]


def test_a_sale_takes_the_best_bids_after_fees() -> None:
    a = offer("a", ("40000", "0.4"), ("39900", "1"))
    b = offer("b", ("39990", "0.4"), taker="0.0001", free="0.3")
    split = route(Side.SELL, Decimal(1), [a, b])
    assert {part.venue: (part.quantity, part.worst_price) for part in split.allocations} == {
        "a": (Decimal("0.700"), Decimal(39_900)),
        "b": (Decimal("0.300"), Decimal(39_990)),
    }


def test_a_single_venue_is_kept_when_a_split_would_fill_less() -> None:
    """The cheap crumb would leave too little for the other venue's minimum, and cannot stand alone."""
    crumb = offer("crumb", ("39000", "0.0009"))
    whole = offer("whole", ("40000", "1"))
    split = route(Side.BUY, Decimal("0.001"), [crumb, whole])
    assert [(part.venue, part.quantity) for part in split.allocations] == [("whole", Decimal("0.001"))]


def test_a_venue_named_twice_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="named twice"):
        route(Side.BUY, Decimal(1), [offer("a"), offer("a")])


class Telling(ScriptedVenue):
    """Says that it holds what the test put there."""

    tells: dict[Currency, Balance]

    async def balances(self) -> dict[Currency, Balance]:
        return self.tells


class Silent(ScriptedVenue):
    async def balances(self) -> dict[Currency, Balance]:
        raise VenueDown("it is closed")


async def test_the_inventory_says_where_a_currency_lies_and_what_it_does_not_know() -> None:
    here, there, gone = Telling(), Telling(), Silent()
    here.name, there.name, gone.name = "here", "there", "gone"
    btc, usdt = Currency("BTC"), Currency("USDT")
    here.tells = {btc: Balance(Decimal(1), Decimal(2)), usdt: Balance(Decimal(50), Decimal(0))}
    there.tells = {btc: Balance(Decimal(9), Decimal(0))}
    seen = await take_inventory([here, there, gone])
    assert (seen.complete, seen.unknown) == (False, ("gone",))
    assert seen.currencies == (btc, usdt)
    assert seen.total(btc) == Balance(Decimal(10), Decimal(2))
    assert [(place.venue, place.share) for place in seen.where(btc)] == [
        ("there", Decimal("0.75")),
        ("here", Decimal("0.25")),
    ]
    free = [seen.free("here", btc), seen.free("there", usdt), seen.free("gone", btc)]
    assert free == [Decimal(1), Decimal(0), Decimal(0)]
