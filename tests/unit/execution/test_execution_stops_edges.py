"""Exact edges between what protects a position and what does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from domain.events import StopArmed
from domain.instrument import Instrument
from domain.market import Quote
from domain.money import Price, Quantity
from domain.orders import Order, OrderStatus, OrderType, Side
from execution.protection import NOTHING, Plan, catches, moves, plan
from execution.scripted import ALL
from execution.stops.keeper import Advice
from execution.stops.rules import Seen, Standing
from portfolio.position import Position
from tests.faults.world import BTC, INSTRUMENTS, START, intent, sell
from tests.unit.execution.stopped import Stage
from tests.unit.execution.stopped import plan as stop_plan

D = Decimal
COIN: Instrument = replace(INSTRUMENTS[BTC], min_quantity=D("0.010"), min_notional=D(100))
WANTED = Plan(BTC, Quantity(D(1)), Quantity(D(1)), Price(D(100)), None, trails=False)


def stop(quantity: str, trigger: str) -> Order:
    told = replace(sell(1, quantity), order_type=OrderType.STOP, trigger_price=Price(D(trigger)))
    return Order(told, OrderStatus.ACCEPTED)


@pytest.mark.parametrize(
    ("stops", "caught"),
    [
        ([("1", "100")], True),
        ([("0.4", "100"), ("0.6", "101")], True),
        ([("1", "99.99")], False),
        ([("0.999", "100")], False),
        ([("0.5", "100"), ("0.5", "99")], False),
        ([], False),
    ],
)
def test_resting_stops_catch_a_breach_when_they_are_for_all_and_none_too_low(
    stops: list[tuple[str, str]], caught: bool
) -> None:
    assert catches([stop(*each) for each in stops], WANTED) == caught


class Adviser:
    """Wants so much sold, and nothing else."""

    def __init__(self, due: str) -> None:
        self.plan = stop_plan("ladder")
        self._due = D(due)

    def advise(self, symbol: object) -> Advice:
        return Advice(None, Standing(D(1), D(0), None, D(1), 0), Seen(None), "", self._due)


def part(held: str, due: str, price: str = "20000") -> Decimal:
    position = Position(BTC, D(held), D(price), D(0), D(price))
    quote = Quote(BTC, Price(D(price)), Price(D(price)), Price(D(price)), START)
    keeper = Adviser(due)
    made = plan(position, COIN, None, None, None, quote, (), ALL, D("0.05"), keeper)  # type: ignore[arg-type]  # it advises
    return made.part


@pytest.mark.parametrize(
    ("held", "due", "price", "sold"),
    [
        ("0.100", "0.010", "20000", "0.010"),
        ("0.100", "0.009", "20000", "0"),
        ("0.100", "0.090", "20000", "0.090"),
        ("0.100", "0.091", "20000", "0.100"),
        ("0.100", "0.020", "5000", "0.020"),
        ("0.100", "0.019", "5000", "0"),
        ("0.100", "0.080", "5000", "0.080"),
        ("0.100", "0.081", "5000", "0.100"),
    ],
)
def test_a_part_and_its_rest_are_both_held_to_the_venues_minimums(
    held: str, due: str, price: str, sold: str
) -> None:
    assert part(held, due, price) == D(sold)
    assert part(held, "0", price) == NOTHING


@pytest.mark.parametrize(("price", "moved"), [("100.1", True), ("100.09", False)])
def test_an_armed_stop_moves_by_a_whole_step(price: str, moved: bool) -> None:
    armed = StopArmed(BTC, Quantity(D(1)), Price(D(100)), "g", START)
    assert moves(armed, D(100), D(price)) == moved


@pytest.mark.parametrize(("price", "moved"), [("100.01", True), ("100", False)])
def test_a_first_stop_is_set_where_the_rule_wants_it(price: str, moved: bool) -> None:
    assert moves(None, D(100), D(price)) == moved


def test_a_stop_as_tight_as_a_new_promise_keeps_its_rule() -> None:
    position = Position(BTC, D(1), D(100), D(0), D(100))
    armed = StopArmed(BTC, Quantity(D(1)), Price(D(95)), "g", START, "atr", "because")
    for stop_at, rule in (("95", "atr"), ("95.01", "entry"), ("94", "atr")):
        made = plan(position, COIN, None, intent(stop=stop_at), armed, None, (), ALL, D("0.05"))
        assert made.rule == rule


async def test_a_market_that_never_moved_has_no_turbulence() -> None:
    """Realised volatility of nothing is nothing: it divides no one."""
    s = Stage(stop_plan("atr", "regime", regime_fast_bars=3, regime_slow_bars=9))
    await s.hold()
    assert s.features.pick(BTC, ("vol(3)", "vol(9)")) == (0.0, 0.0)
    assert s.armed == [(D(39_750), "atr")]


async def test_a_first_stop_at_the_entry_measures_no_risk() -> None:
    s = Stage(stop_plan("break_even", "time", "ladder"))
    entry = await s.buy()
    s.venue.fill(entry.client_id, "0.4", "38000.00", s.w.clock.now())
    s.feed.last[BTC] = D(39_000)
    await s.look()
    advice = s.keeper.advise(BTC)
    assert advice is not None
    assert advice.standing.entry == s.w.desk.first_stop(BTC)
    assert advice.standing.risk is None
    assert s.sales() == []


async def test_a_bar_that_opened_with_the_first_fill_counts() -> None:
    s = Stage(stop_plan("fixed"))
    entry = await s.buy()
    s.venue.fill(entry.client_id, "0.4", "40000", s.w.clock.now())
    await s.look()
    await s.bar("40100", "40500")
    advice = s.keeper.advise(BTC)
    assert advice is not None
    assert (advice.standing.high, advice.standing.bars) == (D(40_500), 1)
    await s.restart()
    again = s.keeper.advise(BTC)
    assert again is not None
    assert again.standing == advice.standing, "read back from the tape"


async def test_highs_of_bars_that_nobody_looked_at_are_read_back() -> None:
    s = Stage(stop_plan("fixed"))
    await s.hold()
    s.feed.add("40100", "43210")
    s.feed.add("40000")
    s.w.clock.set(s.w.clock.now() + timedelta(hours=2))
    s.features.update()
    await s.look()
    advice = s.keeper.advise(BTC)
    assert advice is not None
    assert advice.standing.high == D(43_210)
    assert s.own()[0].side is Side.SELL
