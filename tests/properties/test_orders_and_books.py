"""Laws of the order desk under any history of answers, fills, repeats, cancellations and restarts."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import InvalidTransition
from domain.money import ZERO
from domain.orders import TERMINAL, TRANSITIONS, Order, OrderStatus, OrderType, Side
from domain.reconciliation import Reconciled
from execution.facts import FactsSource
from execution.scripted import ALL, Answer, ScriptedVenue
from execution.venue import Capabilities
from memory.journal import MemoryJournal
from tests.faults.world import BTC, LIMITS, START, World, intent, sell, world

LOCKING = replace(ALL, shares_holdings=False, groups=False)
NO_STOPS = replace(LOCKING, order_types=frozenset({OrderType.MARKET, OrderType.LIMIT}))
ANSWERS = st.sampled_from(Answer)
PARTS = st.sampled_from(["0.01", "0.02", "0.05"])
ACTIONS = st.one_of(
    st.tuples(st.just("buy"), ANSWERS, PARTS),
    st.tuples(st.just("sell"), ANSWERS, PARTS),
    st.tuples(st.just("fill"), st.integers(0, 30), PARTS),
    st.tuples(st.just("cancel"), st.integers(0, 30), ANSWERS),
    st.tuples(st.just("repeat"), st.integers(0, 30), st.none()),
    st.tuples(st.just("again"), st.integers(0, 30), st.none()),
    st.tuples(st.just("tick"), st.booleans(), st.none()),
    st.tuples(st.just("restart"), st.none(), st.none()),
    st.tuples(st.just("rest"), ANSWERS, PARTS),
    st.tuples(st.just("move"), st.integers(0, 30), ANSWERS),
    st.tuples(st.just("reconcile"), st.booleans(), st.none()),
)


class History:
    """One venue and one journal through any number of processes."""

    def __init__(self, does: Capabilities = ALL) -> None:
        self.journal = MemoryJournal()
        self.venue = ScriptedVenue(capabilities=does)
        self.world = world(self.journal, self.venue)
        self.legs = 0

    async def act(self, what: str, first: object, second: object) -> None:
        w, venue = self.world, self.venue
        match what, first, second:
            case "buy" | "sell", Answer() as answer, str(quantity):
                venue.answers.append(answer)
                self.legs += 1
                make = intent if what == "buy" else sell
                await w.desk.submit(make(self.legs, quantity=quantity, at=w.clock.now()))
                venue.answers.clear()
            case "fill", int(index), str(quantity):
                self._fill(index, Decimal(quantity))
            case "cancel", int(index), Answer() as answer:
                if order := self._pick(index):
                    venue.cancel_answers.append(answer)
                    await w.desk.cancel(order.client_id, "any")
                    venue.cancel_answers.clear()
            case "repeat", int(index), _:
                if (order := self._pick(index)) and order.fills:
                    venue.repeat(order.fills[-1])
            case "again", int(index), _:
                if order := self._pick(index):
                    assert await w.desk.submit(order.intent) is order
            case "tick", bool(silent), _:
                venue.silent = silent
                await w.tick()
                await w.desk.tick()
                venue.silent = False
            case "rest", Answer() as answer, str(quantity):
                venue.answers.append(answer)
                self.legs += 1
                wish = intent(self.legs, quantity=quantity, limit="39900", at=w.clock.now())
                await w.desk.submit(replace(wish, expires_at=w.clock.now() + timedelta(hours=3)))
                venue.answers.clear()
            case "move", int(index), Answer() as answer:
                if (order := self._pick(index)) and order.intent.side is Side.BUY and order.remaining:
                    venue.cancel_answers.append(answer)
                    self.legs += 1
                    moved = intent(self.legs, quantity=str(order.remaining), limit="39950", at=w.clock.now())
                    await w.desk.replace(order.client_id, moved)
                    venue.cancel_answers.clear()
            case "reconcile", bool(silent), _:
                venue.silent = silent
                await w.desk.reconcile()
                venue.silent = False
            case "restart", _, _:
                w.journal.commit()
                self.world = world(self.journal, venue, feed=w.feed)
                self.world.desk.restore(event for _, event in self.journal.events())
                await self.world.desk.reconcile()
                await self.world.guardian.resume()
                await self.world.desk.tick()
            case _:
                raise AssertionError(f"no such action: {what}")

    def _pick(self, index: int) -> Order | None:
        orders = list(self.world.desk.orders.values())
        return orders[index % len(orders)] if orders else None

    def _fill(self, index: int, quantity: Decimal) -> None:
        """An execution at the venue, as far as the order and, for a sale, the holding there allow."""
        resting = [(name, kept) for name, kept in self.venue._orders.items() if kept.status not in TERMINAL]
        if not resting:
            return
        client_id, kept = resting[index % len(resting)]
        quantity = min(quantity, kept.intent.quantity - kept.filled)
        if kept.intent.side is Side.SELL:
            quantity = min(quantity, held(self.venue))
        if quantity > 0:
            self.venue.fill(client_id, quantity, self.world.feed.last[BTC], self.world.clock.now())


def held(venue: ScriptedVenue) -> Decimal:
    fills = [fill for kept in venue._orders.values() for fill in kept.fills]
    return sum((fill.quantity if fill.side is Side.BUY else -fill.quantity for fill in fills), ZERO)


async def tell(actions: list[tuple[str, object, object]], does: Capabilities = ALL) -> None:
    history = History(does)
    for what, first, second in actions:
        await history.act(what, first, second)
    for _ in range(3):
        await history.act("tick", False, None)
    check(history, history.world)


def check(history: History, w: World) -> None:
    venue = history.venue
    assert len(venue.placed) == len(set(venue.placed)), "sent twice"
    for client_id, kept in venue._orders.items():
        assert w.desk.orders[client_id].filled == kept.filled
    for order in w.desk.orders.values():
        assert order.status is not OrderStatus.UNKNOWN
        old = w.desk.orders.get(order.intent.replaces)
        assert old is None or order.client_id not in venue.placed or old.is_terminal, (
            "beside what it replaces"
        )
        assert order.filled == sum((fill.quantity for fill in order.fills), ZERO)
    position = w.portfolio.position(BTC)
    quantity = ZERO if position is None else position.quantity
    assert quantity == held(venue)
    open_stops = [order for order in w.desk.open_orders() if order.intent.order_type is OrderType.STOP]
    sales = [
        order
        for order in w.desk.open_orders()
        if order.intent.side is Side.SELL and order.intent.order_type is OrderType.MARKET
    ]
    covered = sum((order.remaining for order in open_stops), ZERO)
    watched = BTC in w.guardian._watched
    assert not quantity or covered >= quantity or sales or watched, "a position that nothing protects"
    assert not [
        each for event in w.events(Reconciled) for each in event.differences if each.verdict == "frozen"
    ]
    w.portfolio.check()
    w.journal.commit()
    again = world(history.journal, venue, feed=w.feed)
    again.desk.restore(event for _, event in history.journal.events())
    assert dict(again.desk.orders) == dict(w.desk.orders)
    assert again.portfolio.positions.keys() == w.portfolio.positions.keys()
    assert again.portfolio.balances() == w.portfolio.balances()


@given(st.lists(ACTIONS, min_size=3, max_size=25))
@settings(max_examples=120, deadline=None)
def test_no_history_loses_or_doubles_an_order_or_unbalances_the_books(
    actions: list[tuple[str, object, object]],
) -> None:
    asyncio.run(tell(actions))


@given(st.lists(ACTIONS, min_size=3, max_size=25), st.sampled_from([LOCKING, NO_STOPS]))
@settings(max_examples=80, deadline=None)
def test_nor_does_any_history_at_a_venue_that_locks_holdings_or_has_no_stops(
    actions: list[tuple[str, object, object]], does: Capabilities
) -> None:
    asyncio.run(tell(actions, does))


@given(st.lists(ACTIONS, min_size=3, max_size=15))
@settings(max_examples=40, deadline=None)
def test_the_gate_is_never_told_an_account_of_yesterday(actions: list[tuple[str, object, object]]) -> None:
    """Facts keep the account between changes; they must equal facts gathered from nothing."""

    async def run() -> None:
        history = History()
        for what, first, second in actions:
            await history.act(what, first, second)
            w = history.world
            w.feed.last[BTC] += 1
            fresh = FactsSource(w.portfolio, w.feed, lambda w=w: w.halt[0], LIMITS)  # type: ignore[misc]
            kept = w.desk._facts.gather(BTC, w.clock.now(), w.desk.open_orders())
            assert kept.account == fresh.gather(BTC, w.clock.now(), w.desk.open_orders()).account
            assert kept.account is not None
            assert kept.account.equity == w.portfolio.equity

    asyncio.run(run())


@given(st.lists(st.sampled_from(OrderStatus), max_size=12))
def test_an_order_never_leaves_its_table(path: list[OrderStatus]) -> None:
    order = Order(intent())
    for status in path:
        before = order.status
        try:
            order.move(status, START)
        except InvalidTransition:
            assert status not in TRANSITIONS[before]
            assert order.status is before
        else:
            assert status in TRANSITIONS[before]
