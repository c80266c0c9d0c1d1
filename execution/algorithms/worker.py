"""Drives running algorithms: asks each what to do now, and does it through the order desk.

It decides nothing and keeps nothing: which algorithms run is in the journal, how far they are is in the
desk's orders. After a restart it goes on at the first tick, before anything new is decided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from typing import Final, assert_never

from domain.algorithms import AlgorithmPlan
from domain.clock import Clock
from domain.errors import NotFound
from domain.events import AlgorithmEnded, AlgorithmStarted, AlgorithmStopping, DeskEvent
from domain.halt import HaltState
from domain.instrument import Instrument
from domain.market import Quote
from domain.money import ZERO, Symbol
from domain.orders import Order, OrderStatus, Origin
from execution.algorithms.actions import Finish, MarketFacts, Send, Stop, Withdraw
from execution.algorithms.router import VenueOffer
from execution.algorithms.state import AlgorithmState, state_of
from execution.algorithms.step import step
from execution.order_desk import OrderDesk

_PASSES: Final = 4
"""Withdrawing shows its result at once, so a step may be followed by the next within the same tick."""

Offers = Callable[[Symbol], tuple[VenueOffer, ...]]


def no_offers(symbol: Symbol) -> tuple[VenueOffer, ...]:
    """One venue needs no router."""
    return ()


@dataclass(slots=True)
class _Running:
    plan: AlgorithmPlan
    stopping: str = ""


class AlgorithmWorker:
    """Runs any number of algorithms. `tick` it after fills are taken in and before decisions are made.

    `others` are the desks of further venues by name, for routed orders; an order that names none of them
    goes to `desk`, which also journals. `quote` and `instruments` are those of the feed.
    """

    def __init__(
        self,
        desk: OrderDesk,
        clock: Clock,
        *,
        quote: Callable[[Symbol], Quote | None],
        instruments: Mapping[Symbol, Instrument],
        halt: Callable[[], HaltState],
        others: Mapping[str, OrderDesk] | None = None,
        offers: Offers = no_offers,
        drift: Decimal = ZERO,
    ) -> None:
        self._desk = desk
        self._clock = clock
        self._quote = quote
        self._instruments = instruments
        self._halt = halt
        self._others = dict(others or {})
        self._offers = offers
        self._drift = drift
        self._running: dict[str, _Running] = {}
        self._known: set[str] = set()

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
                case _:
                    continue

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
        for _ in range(_PASSES):
            actions = step(self._state(each), self._clock.now(), self._facts(each.plan.symbol))
            again = False
            for action in actions:
                match action:
                    case Send():
                        order = await self._at(action.venue).submit(action.intent)
                        if order.status is OrderStatus.UNKNOWN:
                            return  # its fate first: what else was to be sent is asked for again
                    case Withdraw():
                        await self._holder(action.client_id).cancel(action.client_id, action.reason)
                        again = True
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
        return state_of(each.plan, self._orders(), each.stopping)

    def _orders(self) -> Mapping[str, Order]:
        if not self._others:
            return self._desk.orders
        return dict(chain.from_iterable(desk.orders.items() for desk in self._desks()))

    def _facts(self, symbol: Symbol) -> MarketFacts:
        return MarketFacts(
            self._instruments[symbol],
            self._quote(symbol),
            self._halt(),
            self._offers(symbol),
            self._drift,
        )

    def _desks(self) -> tuple[OrderDesk, ...]:
        return (self._desk, *self._others.values())

    def _at(self, venue: str) -> OrderDesk:
        return self._others.get(venue, self._desk)

    def _holder(self, client_id: str) -> OrderDesk:
        return next((desk for desk in self._desks() if client_id in desk.orders), self._desk)
