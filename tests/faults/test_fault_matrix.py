"""Every fault, at every venue, for every kind of order and everything that is done to it.

Whatever went wrong, in the end there is exactly one live effect, and the ledger is the venue's account to
the last digit. A wish that certainly did not arrive is decided anew, as a new order; one whose fate is
unknown never is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from decimal import Decimal

import pytest

from domain.orders import TERMINAL, Order, OrderIntent, OrderStatus, OrderType, Side
from simulator.wire.faults import Fault, FaultKind, Operation, When
from simulator.wire.server import venue_module
from tests.faults.wire_desk import WireDesk, wire_desk

PLACE, CANCEL = Operation.PLACE, Operation.CANCEL


def _on(kind: FaultKind, when: When = When.BEFORE, **more: float) -> Fault:
    return Fault(kind, when, operations=frozenset({PLACE}), count=1, **more)  # type: ignore[arg-type]


FAULTS: dict[str, Fault] = {
    "drop-before": _on(FaultKind.DROP),
    "drop-after": _on(FaultKind.DROP, When.AFTER),
    "delay-beyond-timeout": _on(FaultKind.DELAY, When.AFTER, seconds=0.6),
    "arrival-after-timeout": _on(FaultKind.DELAY, seconds=0.6),
    "5xx-before": _on(FaultKind.ERROR, status=503),
    "5xx-after": _on(FaultKind.ERROR, When.AFTER, status=502),
    "reset-before": _on(FaultKind.RESET),
    "reset-after": _on(FaultKind.RESET, When.AFTER),
    "429": _on(FaultKind.RATE_LIMIT),
    "418": _on(FaultKind.BAN, retry_after=5),
    "skew": Fault(FaultKind.SKEW, seconds=30.0),
}
EVENT_FAULTS: dict[str, Fault] = {
    "duplicate-event": Fault(FaultKind.DUPLICATE_EVENT),
    "missing-event": Fault(FaultKind.MISSING_EVENT),
    "reordered-event": Fault(FaultKind.REORDER_EVENT, probability=0.5, seed=1),
    "coalesced-event": Fault(FaultKind.COALESCE_EVENT, probability=0.5, seed=2),
    "disconnect": Fault(FaultKind.DISCONNECT, count=1),
}
VENUES = ("binance", "gate", "mexc", "coinbase")
KINDS = (OrderType.MARKET, OrderType.LIMIT, OrderType.STOP)
_TRIES = 4


def _simulated(wire: str) -> bool:
    try:
        venue_module(wire)
    except ModuleNotFoundError:
        return False
    return True


@dataclass
class Case:
    """A desk, and a holding of just under 2 coins to protect, before anything goes wrong."""

    at: WireDesk
    kind: OrderType
    start: Decimal = Decimal(0)
    before: int = 0

    def wish(self, *, moved: bool = False) -> OrderIntent:
        """What is wanted; `moved` is the same at another price."""
        match self.kind:
            case OrderType.MARKET:
                return self.at.intent(OrderType.MARKET, Side.BUY, "1")
            case OrderType.LIMIT:
                return self.at.intent(OrderType.LIMIT, Side.BUY, "1", limit="94" if moved else "95")
            case _:
                trigger = "81" if moved else "80"
                return self.at.intent(OrderType.STOP, Side.SELL, "1.5", trigger=trigger, reduce_only=True)

    def plan(self, fault: Fault, operation: Operation = PLACE) -> None:
        if fault.operations:
            fault = replace(fault, operations=frozenset({operation}))
        if fault.kind is FaultKind.DELAY:
            self.at.world.lose_patience(0.2)
        self.at.world.server.faults.add(fault)

    async def want(self, intent: OrderIntent) -> Order:
        """Submit until it certainly arrived; each try is settled before the next."""
        for _ in range(_TRIES):
            order = await self.at.desk.submit(intent)
            await self.at.settle()
            if order.status not in TERMINAL or order.filled:
                return order
            self.at.world.wait(30)  # the pause after a venue that took nothing in
            intent = self.at.again(intent)
        raise AssertionError(f"{order.status}: {order.note}")

    async def want_gone(self, order: Order) -> None:
        for _ in range(_TRIES):
            await self.at.desk.cancel(order.client_id, "the test wants it gone")
            await self.at.settle()
            if order.is_terminal:
                return
            self.at.world.wait(30)
        raise AssertionError(f"{order.status}: {order.note}")

    async def want_moved(self, order: Order, intent: OrderIntent) -> Order:
        """Replace until one of the two is certainly there, and it is the new one."""
        old = order
        for _ in range(_TRIES):
            new = await self.at.desk.replace(old.client_id, intent)
            await self.at.settle()
            if new.status not in TERMINAL or new.filled:
                return new
            self.at.world.wait(30)
            intent = self.at.again(intent)
            if old.is_terminal:  # it made way, and the new one certainly did not arrive
                return await self.want(intent)
        raise AssertionError(f"{new.status}: {new.note}")

    def check_one_effect(self, order: Order, *, price: str | None = None) -> None:
        """One order at the venue does what was wished, and nothing else of the desk's does anything."""
        mine = self.at.at_venue()[self.before :]
        effects = [view for view in mine if view.is_open or view.filled]
        assert len(effects) == 1, [(view.client_id, view.status, view.filled) for view in mine]
        (effect,) = effects
        wished = self.at.intents[order.client_id]
        assert (effect.side, effect.quantity) == (wished.side, wished.quantity)
        if self.kind is OrderType.MARKET and price is None:
            assert effect.filled == wished.quantity
            assert order.status is OrderStatus.FILLED
        else:
            assert effect.is_open
            assert order.status is OrderStatus.ACCEPTED
            if price is not None:
                assert price in (f"{effect.limit_price}", f"{effect.trigger_price}")
        self.at.check_books()

    def check_nothing_left(self) -> None:
        mine = self.at.at_venue()[self.before :]
        assert not [view for view in mine if view.is_open]
        self.at.check_books()


@pytest.fixture(params=VENUES)
def wire(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if not _simulated(name):
        pytest.skip(f"{name} is not simulated yet")
    return name


@pytest.fixture(params=KINDS, ids=lambda kind: kind.value)
async def case(request: pytest.FixtureRequest, wire: str) -> AsyncIterator[Case]:
    async with _case(wire, request.param) as made:
        yield made


class _case:  # noqa: N801  reads as a function
    def __init__(self, wire: str, kind: OrderType, *, stream: bool = False) -> None:
        self._desk = wire_desk(wire, stream=stream)
        self._kind = kind

    async def __aenter__(self) -> Case:
        at = await self._desk.__aenter__()
        at.world.quote(Side.SELL, "2", "100")
        await at.desk.submit(at.intent(OrderType.MARKET, Side.BUY, "2"))
        await at.settle()
        at.check_books()
        at.world.quote(Side.SELL, "50", "100")
        if at.world.venue.stream is not None:
            await at.world.listening()
        return Case(at, self._kind, before=len(at.at_venue()))

    async def __aexit__(self, *error: object) -> None:
        await self._desk.__aexit__(None, None, None)


def _without_stops(case: Case) -> bool:
    return case.kind is OrderType.STOP and not case.at.world.venue.capabilities.stops


async def _check_refused(case: Case, intent: OrderIntent) -> None:
    """A venue without stops: the stop is refused in words, and nothing at all is sent."""
    order = await case.at.desk.submit(intent)
    assert order.status in (OrderStatus.REFUSED, OrderStatus.REJECTED)
    assert len(case.at.at_venue()) == case.before
    assert all(
        happened == 0 for _, fault, happened in case.at.world.server.faults.planned() if fault.operations
    )
    case.at.check_books()


@pytest.mark.parametrize("fault", FAULTS)
async def test_place(case: Case, fault: str) -> None:
    case.plan(FAULTS[fault])
    if _without_stops(case):
        await _check_refused(case, case.wish())
        return
    case.check_one_effect(await case.want(case.wish()))


@pytest.mark.parametrize("fault", FAULTS)
async def test_cancel(case: Case, fault: str) -> None:
    if _without_stops(case):
        case.plan(FAULTS[fault])
        await _check_refused(case, case.wish())
        return
    order = await case.want(case.wish())
    case.check_one_effect(order)
    case.plan(FAULTS[fault], CANCEL)
    if case.kind is OrderType.MARKET:  # it is filled: there is nothing to withdraw, and nothing is sent
        await case.at.desk.cancel(order.client_id, "too late")
        case.check_one_effect(order)
        return
    await case.want_gone(order)
    case.check_nothing_left()


@pytest.mark.parametrize("step", [CANCEL, PLACE], ids=["withdrawing", "sending"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_amend(case: Case, fault: str, step: Operation) -> None:
    if _without_stops(case):
        case.plan(FAULTS[fault], step)
        await _check_refused(case, case.wish(moved=True))
        return
    if case.kind is OrderType.MARKET:  # a resting order is chased: taken back, and sent at the market
        old = await case.want(case.at.intent(OrderType.LIMIT, Side.BUY, "1", limit="95"))
    else:
        old = await case.want(case.wish())
    case.plan(FAULTS[fault], step)
    new = await case.want_moved(old, case.wish(moved=True))
    assert old.is_terminal
    price = None if case.kind is OrderType.MARKET else "94" if case.kind is OrderType.LIMIT else "81"
    case.check_one_effect(new, price=price)


async def _market_acts(case: Case, order: Order) -> None:
    """The market does something to a resting order: a part of it is filled, or a stop fires."""
    world = case.at.world
    if case.kind is OrderType.LIMIT:
        world.hit(Side.SELL, "0.4", "90")
    elif case.kind is OrderType.STOP:
        world.quote(Side.BUY, "5", "79")
        world.hit(Side.SELL, "1", "79")
    for _ in range(20):  # 40 seconds: beyond the time between two reconciliations
        await case.at.settle()
    case.at.check_books()
    done = {OrderType.MARKET: "1", OrderType.LIMIT: "0.4", OrderType.STOP: "1.5"}
    assert order.filled == Decimal(done[case.kind])


@pytest.mark.parametrize("action", ["place", "cancel", "amend"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.value)
@pytest.mark.parametrize("wire", [name for name in VENUES if name != "coinbase"], indirect=True)  # no streams
@pytest.mark.parametrize("fault", EVENT_FAULTS)
async def test_events(fault: str, wire: str, kind: OrderType, action: str) -> None:
    """An account's stream that repeats, loses, reorders, merges or breaks books nothing twice or never."""
    async with _case(wire, kind, stream=True) as case:
        case.plan(EVENT_FAULTS[fault])
        if _without_stops(case):
            await _check_refused(case, case.wish())
            return
        order = await case.want(case.wish())
        if action == "amend" and kind is not OrderType.MARKET:
            order = await case.want_moved(order, case.wish(moved=True))
        await _market_acts(case, order)
        if action == "cancel":
            await case.at.desk.cancel(order.client_id, "the test wants it gone")
            await case.at.settle()
            assert order.is_terminal
            case.check_nothing_left()
        effects = [view for view in case.at.at_venue()[case.before :] if view.is_open or view.filled]
        assert len(effects) == 1
        case.at.check_books()
