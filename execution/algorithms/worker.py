"""Drives running algorithms: asks each what to do now, and does it through the order desk.

It decides nothing and keeps nothing: which algorithms run is in the journal, how far they are is in the
desk's orders. After a restart it goes on at the first tick, before anything new is decided.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Protocol, assert_never

from domain.algorithms import AlgorithmPlan, Method, PartRouted
from domain.clock import Clock
from domain.errors import DeskError, NotFound, VenueError
from domain.events import AlgorithmEnded, AlgorithmStarted, AlgorithmStopping, DeskEvent, Notice
from domain.halt import HaltState
from domain.instrument import Instrument
from domain.market import Quote
from domain.money import ZERO, Symbol
from domain.orders import Order, OrderIntent, OrderStatus, Origin
from execution.algorithms.actions import Finish, MarketFacts, Send, Stop, Withdraw
from execution.algorithms.router import VenueOffer
from execution.algorithms.state import AlgorithmState, state_of
from execution.algorithms.step import step
from execution.order_desk import OrderDesk

_ROUTE: Final = Method.ROUTE
_PASSES: Final = 4
"""Withdrawing shows its result at once, so a step may be followed by the next within the same tick."""

OwnOffer = Callable[[AlgorithmPlan], Awaitable[VenueOffer]]
"""What the desk's own venue offers for a plan now."""


class OtherDesk(Protocol):
    """A desk at another venue, which takes a part in under its own gate and journal.

    The same client id is the same order there, however often it is asked for. `orders` is what is known of
    the orders that went there.
    """

    @property
    def orders(self) -> Mapping[str, Order]: ...

    async def submit(self, intent: OrderIntent) -> Order: ...

    async def cancel(self, client_id: str, reason: str) -> Order: ...

    async def refresh(self, plan: AlgorithmPlan) -> None:
        """Learn what became of the parts of a plan there; raises VenueError when nobody says."""
        ...

    async def offer(self, plan: AlgorithmPlan) -> VenueOffer:
        """What there is to be had there now; raises VenueError."""
        ...

    def adopt(self, intent: OrderIntent) -> None:
        """An order that may have been sent there before a restart."""
        ...


@dataclass(slots=True)
class _Running:
    plan: AlgorithmPlan
    stopping: str = ""


class AlgorithmWorker:
    """Runs any number of algorithms. `tick` it after fills are taken in and before decisions are made.

    `quote` and `instruments` are those of the feed. Routed orders also go to the desks of `route_over`: which
    part goes where is written down before it is sent.
    """

    def __init__(
        self,
        desk: OrderDesk,
        clock: Clock,
        *,
        quote: Callable[[Symbol], Quote | None],
        instruments: Mapping[Symbol, Instrument],
        halt: Callable[[], HaltState],
        drift: Decimal = ZERO,
    ) -> None:
        self._desk = desk
        self._clock = clock
        self._quote = quote
        self._instruments = instruments
        self._halt = halt
        self._others: Mapping[str, OtherDesk] = {}
        self._own_offer: OwnOffer | None = None
        self._lost: dict[str, Order] = {}
        self._waiting: set[str] = set()
        self._drift = drift
        self._running: dict[str, _Running] = {}
        self._known: set[str] = set()

    def route_over(self, others: Mapping[str, OtherDesk], own_offer: OwnOffer) -> None:
        """Name the desks that routed orders may go to besides this one. Call it before `restore`."""
        self._others = dict(others)
        self._own_offer = own_offer

    @property
    def others(self) -> Mapping[str, OtherDesk]:
        """The desks that routed orders may go to, by name."""
        return self._others

    @property
    def running(self) -> tuple[AlgorithmState, ...]:
        """Where every running algorithm stands, oldest first."""
        return tuple(self._state(each) for each in self._running.values())

    def knows(self, algorithm_id: str) -> bool:
        """Whether this algorithm was ever started."""
        return algorithm_id in self._known

    def restore(self, events: Iterable[DeskEvent]) -> None:
        """Take up what the journal says is running. Call it once, after the desk's own restore."""
        for event in events:
            match event:
                case AlgorithmStarted():
                    self._known.add(event.plan.algorithm_id)
                    self._running[event.plan.algorithm_id] = _Running(event.plan)
                case AlgorithmStopping():
                    if event.algorithm_id in self._running:
                        self._running[event.algorithm_id].stopping = event.reason
                case AlgorithmEnded():
                    self._running.pop(event.algorithm_id, None)
                case PartRouted():
                    self._take_up(event)
                case _:
                    continue

    def _take_up(self, event: PartRouted) -> None:
        other, intent = self._others.get(event.desk), event.intent
        if other is not None:
            other.adopt(intent)
        else:  # that desk is not named any more: what became of the part nobody here can tell
            self._lost[intent.client_id] = Order(intent, OrderStatus.UNKNOWN)

    def start(self, plan: AlgorithmPlan) -> bool:
        """Write the plan down; the next tick works it. False when it was started before: nothing happens.

        The plan is durable before its first child is sent, because the child's own intent is.
        Raises NotFound for a symbol without an instrument.
        """
        if plan.algorithm_id in self._known:
            return False
        if plan.symbol not in self._instruments:
            raise NotFound(f"{plan.symbol} is not traded here", fix="Name a symbol of the session")
        self._desk.record(AlgorithmStarted(plan, self._clock.now()))
        self._known.add(plan.algorithm_id)
        self._running[plan.algorithm_id] = _Running(plan)
        return True

    async def stop(self, algorithm_id: str, reason: str) -> None:
        """Send nothing more for it and withdraw what is open. Raises NotFound when it does not run."""
        each = self._running.get(algorithm_id)
        if each is None:
            raise NotFound(f"no algorithm {algorithm_id!r} runs")
        self._stopping(each, reason)
        await self._work(each)

    async def stop_older(self, cycle: int, reason: str) -> int:
        """Stop every algorithm that an earlier cycle started; how many. An operator's go on."""
        older = [
            each
            for each in self._running.values()
            if each.plan.cycle < cycle and each.plan.origin is not Origin.OPERATOR
        ]
        for each in older:
            self._stopping(each, reason)
            await self._work(each)
        return len(older)

    def stop_all(self, reason: str) -> None:
        """Send nothing more for any of them. Touches no venue: the next tick withdraws what is open."""
        for each in self._running.values():
            self._stopping(each, reason)

    async def tick(self) -> None:
        """One round over everything that runs. Raises StorageError when the journal cannot be written."""
        for each in tuple(self._running.values()):
            await self._work(each)

    async def _work(self, each: _Running) -> None:
        offers = await self._offers(each.plan) if each.plan.method is _ROUTE else ()
        for _ in range(_PASSES):
            actions = step(self._state(each), self._clock.now(), self._facts(each.plan.symbol, offers))
            again = False
            for action in actions:
                match action:
                    case Send():
                        order = await self._send(action)
                        if order.status is OrderStatus.UNKNOWN:
                            return  # its fate first: what else was to be sent is asked for again
                    case Withdraw():
                        again = await self._withdraw(action) or again
                    case Stop():
                        self._stopping(each, action.reason)
                        again = True
                    case Finish():
                        self._finish(each, action.reason)
                        return
                    case _:
                        assert_never(action)
            if not again:
                return

    async def _offers(self, plan: AlgorithmPlan) -> tuple[VenueOffer, ...]:
        """What every desk offers; nothing, and so no new round, until all have told which parts they have."""
        heard = True
        for other in self._others.values():
            try:
                await other.refresh(plan)
            except VenueError as error:
                heard = False
                self._say_silent(plan, error.message)
        if not heard or self._lost or self._own_offer is None:
            return ()
        offers: list[VenueOffer] = []
        for ask in (self._own_offer, *(other.offer for other in self._others.values())):
            try:
                offers.append(await ask(plan))
            except DeskError:  # a venue without a book or a desk that is gone is left out of this round
                continue
        return tuple(offers)

    def _say_silent(self, plan: AlgorithmPlan, why: str) -> None:
        """Once for a plan: it waits for a desk that does not tell which parts it has."""
        if plan.algorithm_id not in self._waiting:
            self._waiting.add(plan.algorithm_id)
            said = f"{plan.algorithm_id} waits: {why}"
            self._desk.record(Notice("warning", "router", said, self._clock.now()))

    async def _send(self, action: Send) -> Order:
        other = self._others.get(action.venue)
        if other is None:
            return await self._desk.submit(action.intent)
        self._desk.record(PartRouted(action.venue, action.intent, self._clock.now()))
        self._desk.commit()
        return await other.submit(action.intent)

    async def _withdraw(self, action: Withdraw) -> bool:
        """Cancel a child where it is; whether its end is certain at once, so that a step may follow."""
        for other in self._others.values():
            if action.client_id in other.orders:
                return (await other.cancel(action.client_id, action.reason)).is_terminal
        if action.client_id in self._lost:
            return False
        await self._desk.cancel(action.client_id, action.reason)
        return True

    def _stopping(self, each: _Running, reason: str) -> None:
        if each.stopping:
            return
        plan = each.plan
        self._desk.record(AlgorithmStopping(plan.algorithm_id, plan.symbol, reason, self._clock.now()))
        each.stopping = reason

    def _finish(self, each: _Running, reason: str) -> None:
        plan, done = each.plan, self._state(each).done
        rest = max(plan.amount - done, ZERO)
        self._desk.record(
            AlgorithmEnded(plan.algorithm_id, plan.symbol, reason, done, rest, self._clock.now())
        )
        del self._running[plan.algorithm_id]

    def _state(self, each: _Running) -> AlgorithmState:
        orders = self._desk.orders
        if each.plan.method is _ROUTE:
            elsewhere = (dict(other.orders) for other in self._others.values())
            orders = ChainMap(dict(orders), *elsewhere, self._lost)
        return state_of(each.plan, orders, each.stopping)

    def _facts(self, symbol: Symbol, offers: tuple[VenueOffer, ...] = ()) -> MarketFacts:
        return MarketFacts(self._instruments[symbol], self._quote(symbol), self._halt(), offers, self._drift)
