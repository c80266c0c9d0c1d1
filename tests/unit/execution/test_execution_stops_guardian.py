"""Every kind of stop, followed by the guardian: where it is armed, when it moves, what it sells."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from domain.events import StopArmed
from domain.money import Price, Symbol
from domain.orders import OrderStatus, OrderType
from execution.scripted import ALL, Answer
from execution.venue import Capabilities
from tests.faults.world import BTC, sell
from tests.unit.execution.protected import LOCKING, NO_GROUPS, NO_STOPS, PLAIN
from tests.unit.execution.stopped import Stage, levels, plan

EVERY = pytest.mark.parametrize(
    "does", [ALL, NO_GROUPS, LOCKING, PLAIN, NO_STOPS], ids=["all", "single", "locking", "plain", "watched"]
)
D = Decimal


async def test_without_rules_the_entry_has_its_stop_and_keeps_it() -> None:
    s = Stage(plan())
    await s.hold()
    await s.bars("45000", "50000", "45000")
    assert s.armed == [(D(38_000), "entry")]


async def test_fixed_tightens_what_the_entry_named() -> None:
    s = Stage(plan("fixed", fixed_distance_fraction="0.02"))
    await s.hold()
    assert s.armed == [(D(39_200), "fixed")]
    await s.bars("41000")
    assert len(s.armed) == 1


async def test_no_rule_loosens_what_the_entry_named() -> None:
    s = Stage(plan("fixed", "atr", fixed_distance_fraction="0.10", atr_ratio="50"))
    await s.hold(stop="39000")
    assert s.armed == [(D(39_000), "entry")]


async def test_atr_counts_from_the_entry_and_follows_the_range_down_only() -> None:
    s = Stage(plan("atr", atr_bars=2, atr_ratio="3"))
    await s.hold()
    assert s.armed == [(D(39_700), "atr")]
    await s.bar("40000", "40005", "39995")  # ATR (100 + 10) / 2 = 55
    assert s.armed[1:] == [(D(39_835), "atr")]
    await s.bar("40000", "40500", "39900")
    assert len(s.armed) == 2, "a wilder market does not push it away again"


async def test_the_chandelier_hangs_from_the_highest_high_since_entry() -> None:
    s = Stage(plan("chandelier", chandelier_bars=5, chandelier_ratio="3"))
    await s.bar("40000", "47000", "39950")  # before the entry: not its high
    await s.hold()
    assert s.armed == [(D(38_000), "entry")]
    for _ in range(40):
        await s.bar("40000")  # the range calms down again
    high = s.armed[-1]
    assert high[1] == "chandelier"
    assert D(39_750) / D("1.001") < high[0] <= D(39_750), "40,050 less three times 100, but for the step"
    await s.bar("41000", "41050", "39950")
    assert s.armed[-1][0] > D(39_800)


async def test_the_bar_of_the_entry_is_no_high_of_the_position() -> None:
    s = Stage(plan("chandelier", chandelier_bars=5))
    entry = await s.buy()
    s.venue.fill(entry.client_id, "0.4", "40000", s.w.clock.now() + timedelta(minutes=30))
    await s.bar("40000", "40050", "39950")
    assert s.armed == [(D(39_700), "chandelier")], "the price that was paid is the highest so far"
    await s.bar("40000")
    assert s.armed[1:] == [(D(39_750), "chandelier")]


@EVERY
async def test_trailing_follows_the_bid_up_and_never_down(does: Capabilities) -> None:
    s = Stage(plan("trailing", trailing_distance_fraction="0.05"), does=does)
    await s.hold(stop="37000")
    await s.bars("41000", "43000", "42000", "43010", "44000", "42500")
    expected = [(each - D("0.01")) * D("0.95") for each in map(D, (40_000, 41_000, 43_000, 44_000))]
    assert levels(s.armed) == [s.feed.instruments[BTC].price_up(each) for each in expected]
    await s.bar("41700")
    await s.bar("41700")
    assert s.held == 0


async def test_break_even_comes_with_the_first_r_and_covers_the_fees() -> None:
    s = Stage(plan("break_even", break_even_exit_fraction="0.001"))
    await s.hold()  # risk 2,000 of 40,000; 16 quote of fees on 0.4
    await s.bar("41000", "41999.99")
    assert len(s.armed) == 1
    await s.bar("41500", "42000", "40950")
    price = (D(40_000) + 40) / D("0.999")
    assert s.armed[1:] == [(s.feed.instruments[BTC].price_up(price), "break_even")]
    await s.bars("45000", "43000")
    assert len(s.armed) == 2


async def test_a_break_even_that_was_hit_costs_nothing() -> None:
    s = Stage(plan("break_even", break_even_exit_fraction="0.001"))
    await s.hold()
    await s.bar("42500")
    await s.bar("40000")
    assert s.held == 0
    assert D(0) <= s.w.portfolio.equity - s.w.portfolio.capital.amount < D("0.01")


@EVERY
@pytest.mark.parametrize(("bars", "closed"), [(3, 0), (4, 1)])
async def test_time_closes_what_comes_to_nothing(does: Capabilities, bars: int, closed: int) -> None:
    s = Stage(plan("time", time_bars=5, time_r_ratio="0.5"), does=does)
    await s.hold()
    await s.bars(*["40000"] * bars)
    reasons = [reason for _, reason in s.sales()]
    assert reasons == ["no progress of 0.5 R in 5 bars"] * closed
    await s.bar("40000")
    assert (s.held == 0) == bool(closed)


@pytest.mark.parametrize(("high", "closed"), [("40999.99", 1), ("41000", 0)])
async def test_time_lets_be_what_once_made_progress(high: str, closed: int) -> None:
    s = Stage(plan("time", time_bars=5, time_r_ratio="0.5"))
    await s.hold()
    await s.bar("40000", high)
    await s.bars(*["40000"] * 5)
    assert len(s.sales()) == closed


@EVERY
async def test_the_ladder_sells_its_parts_at_multiples_of_r_and_leaves_the_rest(does: Capabilities) -> None:
    s = Stage(plan("ladder", ladder="0.25@1 0.5@2"), does=does)
    await s.hold()
    await s.look("42000")  # the bid is a cent below
    assert s.sales() == []
    await s.look("42000.01")
    assert [quantity for quantity, _ in s.sales()] == [D("0.1")]
    await s.look("42000.01")
    assert len(s.sales()) == 1, "it is under way"
    await s.bar("42500")
    assert s.held == D("0.3")
    await s.bar("44100")
    await s.bar("44100")
    assert [quantity for quantity, _ in s.sales()] == [D("0.1"), D("0.2")]
    await s.bars("46000", "48000", "50000")
    assert s.held == D("0.1"), "the remainder stays with its stop"
    await s.bar("38000")
    await s.bar("37900")
    assert s.held == 0


@EVERY
async def test_a_jump_over_two_targets_sells_both_parts_at_once(does: Capabilities) -> None:
    s = Stage(plan("ladder", ladder="0.25@1 0.25@2"), does=does)
    await s.hold()
    await s.bar("45000")
    await s.bar("45000")
    assert [quantity for quantity, _ in s.sales()] == [D("0.2")]
    assert s.held == D("0.2")
    if does.stops:
        assert s.resting() == [(D("0.2"), D(38_000))]


async def test_what_was_sold_otherwise_counts_for_the_ladder() -> None:
    s = Stage(plan("ladder", ladder="0.5@1"))
    await s.hold()
    await s.w.desk.submit(sell(1, "0.15", at=s.w.clock.now()))
    await s.bar("40000")
    await s.bar("42500")
    assert [quantity for quantity, _ in s.sales()] == [D("0.05")]


async def test_a_rest_too_small_to_be_sold_alone_goes_with_its_part() -> None:
    s = Stage(plan("ladder", ladder="0.9@1"))
    await s.hold("0.002")  # a tenth of it would be below the step
    await s.bar("42500")
    assert [quantity for quantity, _ in s.sales()] == [D("0.002")]


async def test_a_part_too_small_to_be_sold_waits_for_the_next() -> None:
    s = Stage(plan("ladder", ladder="0.1@1 0.4@2"))
    await s.hold("0.004")
    await s.bar("42500")
    assert s.sales() == []
    await s.bar("44500")
    assert [quantity for quantity, _ in s.sales()] == [D("0.002")]


async def test_an_added_entry_moves_the_average_and_the_targets_with_it() -> None:
    s = Stage(plan("ladder", "break_even", ladder="0.5@1"))
    await s.hold("0.2")
    await s.bar("41000")
    await s.buy("0.2", stop="38000")
    await s.bar("41000")  # filled at 41,000: average 40,500, R 2,500
    await s.look("42999")
    assert s.sales() == []
    await s.look("43000.01")
    assert [quantity for quantity, _ in s.sales()] == [D("0.2")]


async def test_the_regime_widens_and_narrows_the_multiple() -> None:
    told = plan(
        "atr",
        "regime",
        atr_bars=2,
        atr_ratio="3",
        regime_fast_bars=6,
        regime_slow_bars=40,
        regime_storm_factor="2",
        regime_calm_factor="0.5",
    )
    calm, storm, between = Stage(told), Stage(told), Stage(told)
    for s, closes in (
        (calm, ["40100", "40000"] * 20 + ["40000"] * 3),
        (storm, ["40000"] * 40 + ["40100", "40000"]),
        (between, ["40100", "40000"] * 21),
    ):
        for close in closes:
            s.feed.add(close)
        s.w.clock.set(s.feed.now)  # type: ignore[arg-type]  # a bar has closed
        await s.hold()
    whys = [s.w.events(StopArmed)[0].why for s in (calm, storm, between)]
    assert [why.split(" - ")[1].split(" x ")[0] for why in whys] == ["1.5", "6", "3"]


async def test_the_tightest_wins_and_says_why() -> None:
    s = Stage(plan("fixed", "trailing", fixed_distance_fraction="0.03", trailing_distance_fraction="0.04"))
    await s.hold()
    assert s.armed == [(D(38_800), "fixed")]
    assert s.w.events(StopArmed)[0].why == "0.03 under the entry at 40000"
    await s.bar("42000")
    assert s.armed[1:] == [(D("40319.99").quantize(D("0.01")) + D("0.01"), "trailing")]
    (old, new) = (i for i in s.own() if i.order_type is OrderType.STOP)
    assert old.reason == "protect: fixed, 0.03 under the entry at 40000"
    assert new.reason == "protect: trailing, 0.04 under the bid at 41999.99"


async def test_a_stop_that_would_lie_above_the_price_sells_at_once() -> None:
    """A bar that shot up and fell: the chandelier hangs above the price, and no venue takes such a stop."""
    s = Stage(plan("chandelier", chandelier_bars=20, chandelier_ratio="2"))
    await s.hold()
    await s.bar("40000", "44000", "39990")
    ((quantity, reason),) = s.sales()
    assert quantity == D("0.4")
    assert reason.startswith("the price is at or under the stop at 43")


async def test_a_stop_moves_by_a_thousandth_of_itself_or_not_at_all() -> None:
    s = Stage(plan("trailing", trailing_distance_fraction="0.5"))
    await s.hold(stop="20000")
    await s.look("40039.99")  # half of the bid is 20,019.99
    assert len(s.armed) == 1
    await s.look("40040.01")
    assert s.armed[1:] == [(D(20_020), "trailing")]


@EVERY
async def test_a_moved_stop_never_leaves_the_position_open(does: Capabilities) -> None:
    s = Stage(plan("trailing", trailing_distance_fraction="0.05"), does=does, bound=timedelta(seconds=1))
    await s.hold()
    for price in range(41_000, 60_000, 500):
        await s.look(str(price), later=1)
        if does.stops:
            assert sum(quantity for quantity, _ in s.resting()) == D("0.4")
    assert s.w.guardian.gaps.longest(s.w.clock.now()) <= timedelta(hours=1), "the bar that filled it"
    assert s.held == D("0.4")


async def test_a_move_the_venue_refuses_leaves_the_old_stop() -> None:
    s = Stage(plan("trailing", trailing_distance_fraction="0.05"))
    await s.hold()
    s.venue.answers.append(Answer.REJECT)
    await s.look("42000")
    assert s.resting() == [(D("0.4"), D("38000.00"))]
    await s.look("42000")
    assert s.resting() == [(D("0.4"), D("39900.00"))]


async def test_a_part_whose_sale_is_refused_is_tried_again_without_a_storm_and_keeps_its_stop() -> None:
    s = Stage(plan("ladder", ladder="0.5@1"), does=PLAIN)
    await s.hold()
    s.venue.answers.extend([Answer.REJECT] * 1)
    await s.look("42500")
    assert s.resting() == [(D("0.4"), D(38_000))], "the stop is back at once"
    for _ in range(3):
        await s.look("42500", later=1)
    assert [quantity for quantity, _ in s.sales()] == [D("0.2"), D("0.2")]
    assert s.resting() == [(D("0.2"), D(38_000))]


async def test_a_closing_by_time_that_is_refused_keeps_its_stop_meanwhile() -> None:
    s = Stage(plan("time", time_bars=2, time_r_ratio="1"), does=PLAIN)
    await s.hold()
    s.venue.answers.append(Answer.REJECT)
    await s.bar("40000")
    assert s.resting() == [(D("0.4"), D(38_000))]
    await s.look(later=3)
    assert [quantity for quantity, _ in s.sales()] == [D("0.4")] * 2


async def test_a_take_profit_of_the_entry_still_closes_all_of_it() -> None:
    s = Stage(plan("ladder", ladder="0.5@1"), does=PLAIN)
    await s.buy(take_profit=Price(D(43_000)))
    await s.bar("40000")
    await s.bar("42500")
    await s.bar("43100")
    await s.bar("43100")
    assert [quantity for quantity, _ in s.sales()] == [D("0.2"), D("0.2")]
    assert s.held == 0


async def test_an_order_of_the_plan_is_only_ever_a_reduction_by_the_guardian() -> None:
    s = Stage(plan("ladder", "time", "trailing", ladder="0.25@1"))
    await s.hold()
    await s.bars("42500", "44000", "41000", "40000")
    assert all(i.reduce_only and i.session == "s" for i in s.own())
    assert all(
        order.status in (OrderStatus.FILLED, OrderStatus.CANCELLED) for order in s.w.desk.orders.values()
    )


async def test_a_plan_without_a_holding_looks_at_nothing() -> None:
    s = Stage(plan("atr", "ladder", "time"))
    asked: list[str] = []

    def spy(symbol: Symbol, names: tuple[str, ...]) -> tuple[float | None, ...]:
        asked.append(symbol)
        return s.features.pick(symbol, names)

    s.keeper._features = spy
    await s.bars("40000", "41000", "42000")
    assert asked == []
    assert s.own() == []


async def test_nothing_is_sent_while_nothing_changes() -> None:
    s = Stage(plan("fixed", "atr", "chandelier", "trailing", "break_even", "time", "ladder"))
    await s.hold()
    before = len(s.w.desk.orders)
    for _ in range(20):
        await s.bar("39990")
    assert len(s.w.desk.orders) == before


async def test_a_replayed_entry_does_not_share_the_first_ones_stop() -> None:
    s = Stage(plan("ladder", "break_even", ladder="0.5@1"))
    await s.hold()
    await s.bars("42500", "39000")
    assert s.held == 0
    await s.buy("0.4", stop="38500")
    await s.bar("39000")  # R is 500 now
    assert s.armed[-1] == (D(38_500), "entry")
    await s.bar("39400")
    assert s.sales()[1:] == []
    await s.bar("39510")
    assert [quantity for quantity, _ in s.sales()[1:]] == [D("0.2")]


async def test_an_entry_that_fills_in_parts_is_one_position() -> None:
    s = Stage(plan("ladder", "fixed", ladder="0.5@1", fixed_distance_fraction="0.05"))
    entry = await s.buy("0.4")
    for part, price in (("0.1", "40000"), ("0.1", "40200"), ("0.2", "40400")):
        s.venue.fill(entry.client_id, part, price, s.w.clock.now())
        await s.look(price)
    assert levels(s.armed)[0] == D(38_000)
    assert sum(quantity for quantity, _ in s.resting()) == D("0.4")
    trip = s.keeper.trips()[BTC]
    assert (trip.entry, trip.bought, trip.top) == (D(40_250), D("0.4"), D(40_400))
    await s.look("42501")  # R is 40,250 - 38,000 = 2,250, or less where the first stop was armed tighter
    assert [quantity for quantity, _ in s.sales()] == [D("0.2")]


async def test_replace_keeps_what_it_must(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where holdings are locked the plan's sale and the stop share the position: never more than is held."""
    s = Stage(plan("ladder", "trailing", ladder="0.25@1 0.25@2"), does=replace(PLAIN))
    await s.hold()
    for price in ("42500", "44500", "43000", "42000"):
        await s.look(price, later=1)
        under_way = sum(order.remaining for order in s.w.desk.open_orders())
        assert under_way <= s.held
