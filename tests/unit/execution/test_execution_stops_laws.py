"""Laws of stops over random prices, entries, partial fills, looks between bars, and restarts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.events import IntentRecorded, OrderFilled, StopArmed
from domain.money import ZERO
from domain.orders import OrderType, Origin, Side
from execution.scripted import ALL
from execution.stops.plan import StopKind, StopPlan
from execution.venue import Capabilities
from tests.faults.world import BTC, INSTRUMENTS, sell
from tests.unit.execution.protected import LOCKING, NO_GROUPS, NO_STOPS, PLAIN
from tests.unit.execution.stopped import Stage, plan

D = Decimal
COIN = INSTRUMENTS[BTC]
PRICED = [kind for kind in StopKind if kind is not StopKind.REGIME]
VENUES = {"all": ALL, "single": NO_GROUPS, "locking": LOCKING, "plain": PLAIN, "watched": NO_STOPS}


@dataclass(frozen=True)
class Step:
    """What happens next: a bar or a look at a price so much higher, an entry, a sale, a new process."""

    kind: str
    move: Decimal = ZERO
    size: int = 0


_MOVES = st.integers(-40, 45).map(lambda each: D(each) / 1000)
_SIZES = st.integers(1, 400)
STEPS = st.lists(
    st.one_of(
        st.builds(Step, st.just("bar"), _MOVES),
        st.builds(Step, st.just("bar"), _MOVES),
        st.builds(Step, st.just("look"), _MOVES),
        st.builds(Step, st.just("buy"), size=_SIZES),
        st.builds(Step, st.just("sell"), size=_SIZES),
        st.builds(Step, st.just("restart")),
    ),
    min_size=8,
    max_size=40,
)
PLANS = st.builds(
    lambda kinds, regime: plan(
        *kinds,
        *([StopKind.REGIME] if regime and {StopKind.ATR, StopKind.CHANDELIER} & set(kinds) else []),
        ladder="0.3@0.5 0.3@1",
        break_even_r_ratio="0.5",
        atr_bars=3,
        chandelier_bars=5,
        time_bars=6,
        regime_fast_bars=3,
        regime_slow_bars=9,
        trailing_distance_fraction="0.04",
    ),
    st.lists(st.sampled_from(PRICED), min_size=1, unique=True),
    st.booleans(),
)


async def play(told: StopPlan, does: Capabilities, steps: list[Step], *, restarts: bool = True) -> Stage:
    s = Stage(told, does=does, split=True)
    await s.buy()
    await s.bar("40000")
    for step in steps:
        price = (s.feed.last[BTC] * (1 + step.move)).quantize(COIN.tick_size)
        match step.kind:
            case "bar":
                await s.bar(price)
            case "look":
                await s.look(str(price), later=60)
            case "buy":
                stop = (s.feed.last[BTC] * D("0.93")).quantize(COIN.tick_size)
                await s.buy(str(D(step.size) / 1000), str(stop))
            case "sell" if s.held:
                size = min(COIN.quantity(s.held), D(step.size) / 1000)
                if size * s.feed.last[BTC] > 20:
                    s.sold += 1
                    await s.w.desk.submit(sell(50 + s.sold, str(size), at=s.w.clock.now()))
                    await s.look()
            case "restart" if restarts:
                await s.restart()
        check_now(s)
    return s


def check_now(s: Stage) -> None:
    """After every step: all of it is protected, or being sold."""
    if not s.w.portfolio.sellable(BTC, s.feed.last[BTC] * D("0.8")):
        return
    under_way = sum(
        (o.remaining for o in s.w.desk.open_orders() if o.intent.side is Side.SELL and not o.intent.guards),
        ZERO,
    )
    resting = sum((quantity for quantity, _ in s.resting()), ZERO)
    watched = BTC in s.w.guardian._watched
    assert watched or resting + under_way >= COIN.quantity(s.held), (s.held, s.resting(), under_way)


def check_history(s: Stage) -> None:
    """Over a whole life: within one position no stop was ever armed lower, nor below what its entry named."""
    held, lowest = ZERO, ZERO
    named: dict[str, Decimal] = {}
    for event in s.w.seen:
        match event:
            case IntentRecorded(intent=intent) if intent.protective_stop is not None:
                named[intent.client_id] = intent.protective_stop
            case OrderFilled(fill=fill) if fill.side is Side.BUY:
                held += fill.quantity
                lowest = max(lowest, named[fill.client_id])
            case OrderFilled(fill=fill):
                held -= fill.quantity
                assert held >= 0
                if COIN.quantity(held) * fill.price < COIN.min_notional or held < COIN.min_quantity:
                    lowest = ZERO
            case StopArmed(trigger_price=level, rule=rule, why=why):
                assert level >= lowest, (level, lowest, rule)
                assert rule
                assert why
                lowest = level


@given(PLANS, st.sampled_from(sorted(VENUES)), STEPS)
@settings(max_examples=60)
def test_a_stop_is_never_lowered_and_never_missing(told: StopPlan, venue: str, steps: list[Step]) -> None:
    s = asyncio.run(play(told, VENUES[venue], steps))
    check_history(s)
    for order in s.w.desk.orders.values():
        if order.intent.origin is Origin.GUARDIAN:
            assert order.intent.reduce_only
            assert order.intent.side is Side.SELL


def asked(s: Stage) -> list[tuple[str, str, Decimal, Decimal | None, str]]:
    """Every order of the guardian: a watch kept over a sale that is under way is no order."""
    return [
        (each.client_id, each.order_type.value, each.quantity, each.trigger_price, each.reason)
        for each in s.own()
    ]


@given(PLANS, st.sampled_from(sorted(VENUES)), STEPS)
@settings(max_examples=40)
def test_a_life_cut_short_at_any_moment_asks_for_the_same(
    told: StopPlan, venue: str, steps: list[Step]
) -> None:
    """Break-even, time and ladder live on in fills, tape and journal: restarts change no stop and no sale."""
    whole = asyncio.run(play(told, VENUES[venue], steps, restarts=False))
    parts = asyncio.run(play(told, VENUES[venue], steps))
    assert asked(parts) == asked(whole)
    if venue == "watched":
        assert parts.armed == whole.armed
    assert parts.held == whole.held
    assert parts.w.portfolio.equity == whole.w.portfolio.equity


@given(STEPS)
@settings(max_examples=30)
def test_the_ladder_never_sells_more_than_its_parts(steps: list[Step]) -> None:
    """Whatever else is bought: what the plan sold of one position is at most its share of it."""
    s = asyncio.run(play(plan("ladder", ladder="0.3@0.5 0.3@1"), ALL, [x for x in steps if x.kind != "sell"]))
    bought = taken = ZERO
    by_ladder = {
        order.client_id
        for order in s.w.desk.orders.values()
        if order.intent.order_type is OrderType.MARKET and order.intent.reason.startswith("ladder")
    }
    held = ZERO
    for event in s.w.events(OrderFilled):
        fill = event.fill
        held += fill.quantity if fill.side is Side.BUY else -fill.quantity
        bought += fill.quantity if fill.side is Side.BUY else ZERO
        taken += fill.quantity if fill.client_id in by_ladder else ZERO
        assert taken <= bought * D("0.6") or held == 0
        if not held:
            bought = taken = ZERO
