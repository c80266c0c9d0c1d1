"""A process that dies right before or right after any commit and any call to the venue, and the next one.

A *ground* is the world outside the process: a venue, its market and the clock. It lives on. A *story* is what
is wanted of the desk, step by step: after a death the next process restores, reconciles and resumes, and is
asked for the same again. Whatever certainly did not arrive is decided anew; nothing else is sent twice. So in
the end every story has come out as if nobody had died.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal

from domain.events import DeskEvent, EquityMarked
from domain.halt import HaltState
from domain.money import ZERO, Price, Quantity
from domain.orders import Order, OrderIntent, OrderStatus, OrderType, Side, client_order_id
from domain.ports import Journal
from execution.algorithms.worker import AlgorithmWorker
from execution.facts import FactsSource, no_breakers
from execution.guardian import StopGuardian
from execution.order_desk import OrderDesk
from execution.venue import Venue
from memory.journal import MemoryJournal
from portfolio.portfolio import Portfolio
from tests.faults.boundaries import Died, Fate, MortalJournal, MortalVenue
from tests.faults.ground import Ground

UNDER_WAY = frozenset({OrderStatus.UNKNOWN, OrderStatus.SUBMITTING, OrderStatus.CANCELLING})
_ROUNDS = 40
_TRIES = 5


class Process:
    """One life of the desk: everything in it is gone with it but the journal's commits."""

    def __init__(self, ground: Ground, journal: Journal, venue: Venue, seen: list[DeskEvent]) -> None:
        self.ground = ground
        self.journal = journal
        self.portfolio = Portfolio(ground.capital, ground.instruments)
        halt = HaltState.ACTIVE
        self.desk = OrderDesk(
            venue=venue,
            portfolio=self.portfolio,
            facts=FactsSource(self.portfolio, ground.feed, lambda: halt, ground.limits, breakers=no_breakers),
            limits=ground.limits,
            journal=journal,
            clock=ground.clock,
            publish=seen.append,
        )
        self.guardian = StopGuardian(self.desk, self.portfolio, ground.feed, ground.clock, session="s")
        self.worker = AlgorithmWorker(
            self.desk,
            ground.clock,
            quote=ground.feed.quote,
            instruments=ground.instruments,
            halt=lambda: halt,
        )
        self.bars = 0

    async def begin(self, past: list[DeskEvent], venue: Venue) -> None:
        """What every start does, in this order: restore, reconcile, stops, time, algorithms."""
        self.desk.restore(past)
        self.worker.restore(past)
        self.bars = sum(isinstance(event, EquityMarked) for event in past)
        self.ground.put_back(venue, self.desk, self.portfolio)
        await self.desk.reconcile()
        self._mark()
        await self.guardian.resume()
        await self.desk.tick()
        await self.worker.tick()
        self.journal.commit()

    async def tick(self) -> None:
        """What every moment does, in the order of the engine."""
        await self.desk.sync()
        self._mark()
        await self.guardian.check()
        await self.desk.tick()
        await self.worker.tick()
        account, now = self.portfolio, self.ground.clock.now()
        marks = {symbol: position.mark for symbol, position in account.positions.items()}
        self.desk.record(
            EquityMarked(
                self.bars,
                account.equity,
                account.cash,
                account.peak_equity,
                account.day_start_equity,
                account.week_start_equity,
                marks,
                now,
            )
        )
        self.bars += 1
        self.journal.commit()

    def _mark(self) -> None:
        quote = self.ground.feed.quote(self.ground.symbol)
        if quote is not None:
            self.portfolio.mark({self.ground.symbol: quote.last}, self.ground.clock.now())

    async def settle(self) -> None:
        """Look, and let time pass, until no order's fate is unknown and nothing is under way."""
        await self.tick()
        for _ in range(_ROUNDS):
            if not any(order.status in UNDER_WAY for order in self.desk.orders.values()):
                return
            self.ground.pass_time()
            await self.tick()
        raise AssertionError(
            f"not settled: {[(each.client_id, each.status) for each in self.desk.open_orders()]}"
        )

    async def come_to_rest(self) -> None:
        """Settle, and let time pass, until nothing waits to be executed at market either."""
        await self.settle()
        for _ in range(_ROUNDS):
            if not any(order.intent.order_type is OrderType.MARKET for order in self.desk.open_orders()):
                return
            self.ground.pass_time()
            await self.settle()
        raise AssertionError("an order at market is not executed")

    async def want(self, wish: Wish) -> Order:
        """The wish, sent until it certainly arrived; what arrived is not wished again."""
        for attempt in range(_TRIES):
            order = await self.desk.submit(wish(self, attempt))
            await self.settle()
            if not order.is_terminal or order.filled:
                return order
            assert order.status is OrderStatus.EXPIRED, f"{order.client_id}: {order.status}, {order.note}"
        raise AssertionError(f"{order.client_id} never arrived: {order.note}")

    async def want_moved(self, old: Order, wish: Wish) -> Order:
        """`old` replaced by the wish; when it made way and the new one did not arrive, the wish alone."""
        for attempt in range(_TRIES):
            intent = wish(self, attempt)
            known = self.desk.orders.get(intent.client_id)
            if known is not None:
                new = known
            elif old.is_terminal:
                new = await self.desk.submit(intent)
            else:
                new = await self.desk.replace(old.client_id, intent)
            await self.settle()
            if not new.is_terminal or new.filled or old.filled == old.intent.quantity:
                return new
        raise AssertionError(f"{new.client_id}: {new.status}, {new.note}")


Wish = Callable[[Process, int], OrderIntent]
"""The intent for an attempt; each attempt has a client id of its own."""

Step = tuple[Callable[[], None] | None, Callable[[Process], Awaitable[object]]]
"""What the market does first (once), then what the desk does (again after a death)."""

Story = Callable[[Ground], list[Step]]


def wish(
    ground: Ground,
    number: int,
    side: Side,
    quantity: Decimal | Callable[[Process], Decimal],
    *,
    limit: Decimal | None = None,
    profit: Decimal | None = None,
    stop: Decimal | None = None,
    trailing: Decimal | None = None,
) -> Wish:
    """An order of the story: a limit order with a limit, else at market; number apart from its retries."""

    def make(process: Process, attempt: int) -> OrderIntent:
        leg = number * 10 + attempt
        return OrderIntent(
            client_id=client_order_id("s", 1, leg),
            session="s",
            cycle=1,
            leg=leg,
            symbol=ground.symbol,
            side=side,
            quantity=Quantity(quantity if isinstance(quantity, Decimal) else quantity(process)),
            order_type=OrderType.MARKET if limit is None else OrderType.LIMIT,
            created_at=ground.clock.now(),
            reduce_only=side is Side.SELL,
            limit_price=None if limit is None else Price(limit),
            protective_stop=None if stop is None else Price(stop),
            take_profit=None if profit is None else Price(profit),
            trailing=trailing,
        )

    return make


class Lives:
    """One ground, one journal, and the processes that live on them one after the other."""

    def __init__(self, ground: Ground, fate: Fate) -> None:
        self.ground = ground
        self.fate = fate
        self.kept = MemoryJournal()
        self.seen: list[DeskEvent] = []
        self.deaths = 0

    async def born(self) -> Process:
        past = [event for _, event in self.kept.events()]
        self.kept = MemoryJournal()  # what the dead one had not committed is gone with it
        for event in past:
            self.kept.append(event)
        self.kept.commit()
        line = self.ground.connect()
        process = Process(
            self.ground, MortalJournal(self.kept, self.fate), MortalVenue(line, self.fate), self.seen
        )
        await process.begin(past, line)
        return process

    async def tell(self, story: Story) -> Process:
        """The story to its end, born again after each death, everything checked after each birth."""
        process: Process | None = None
        for market, act in [*story(self.ground), (None, Process.settle)]:
            if market is not None:
                market()
            while True:
                try:
                    if process is None:
                        process = await self.born()
                        await process.settle()
                        check(process)
                    await act(process)
                    process.journal.commit()  # what was not is asked for again, as a bar is run again
                    break
                except Died:
                    process = None
                    self.deaths += 1
        if process is None:
            raise AssertionError("a story without a step")
        return process


def check(process: Process) -> None:
    """One live effect each, the ledger as the venue has it, and every position with its stop."""
    ground, desk = process.ground, process.desk
    at_venue = ground.orders()
    named = {each.client_id: each for each in at_venue if each.client_id}
    nameless = [each for each in at_venue if not each.client_id]
    assert len(named) + len(nameless) == len(at_venue), "an order was sent twice"
    rest = []
    for order in desk.orders.values():
        each = named.pop(order.client_id, None)
        if each is None:
            rest.append(order)
            continue
        assert order.filled == each.filled, f"{each.client_id}: {order.filled} booked, {each.filled} filled"
        assert order.is_terminal is not each.open, f"{each.client_id} is {order.status}"
    assert not named, f"the desk does not know {named}"
    hanging = [each.client_id for each in rest if not each.is_terminal]
    assert len(hanging) == sum(each.open for each in nameless), f"{hanging} hang in the air"
    if not ground.forgets:
        assert sum(each.filled for each in rest) == sum(each.filled for each in nameless), nameless
    wishes = [each for each in at_venue if each.client_id.count("-") == 2 and (each.open or each.filled)]
    numbers = [int(each.client_id[-2:]) // 10 for each in wishes]
    assert len(numbers) == len(set(numbers)), f"a wish came true twice: {wishes}"
    ours = {name: amount for name, amount in process.portfolio.balances().items() if amount}
    theirs = {name: amount for name, amount in ground.held().items() if amount}
    assert ours == theirs, f"the books say {ours}, the venue {theirs}"
    check_protected(process)
    process.portfolio.check()


def check_protected(process: Process) -> None:
    """Stops, or sales on their way, for all of every position; none without a position."""
    desk = process.desk
    for symbol, position in process.portfolio.positions.items():
        selling = [each for each in desk.open_orders() if each.intent.symbol == symbol]
        stops = [each for each in selling if each.intent.guards and each.intent.trigger_price is not None]
        leaving = [each for each in selling if each.intent.order_type is OrderType.MARKET]
        stopped = sum((each.remaining for each in stops), ZERO)
        going = sum((each.remaining for each in leaving), ZERO)
        held = process.ground.instruments[symbol].quantity(position.quantity)
        assert symbol in process.guardian._watched or stopped + going >= held, f"{stopped} of {held} {symbol}"
        assert stopped <= held, f"{stopped} of stops for {held} {symbol}"
    for order in desk.open_orders():
        assert not order.intent.guards or order.intent.symbol in process.portfolio.positions, order.client_id


@dataclass(frozen=True, slots=True)
class Ending:
    """How a story came out: what is held and what still rests, whatever the orders are called."""

    held: tuple[tuple[str, Decimal], ...]
    resting: tuple[tuple[str, str, str, Decimal], ...]


def ending(process: Process) -> Ending:
    held = tuple(
        sorted((name, amount.normalize()) for name, amount in process.ground.held().items() if amount)
    )
    resting = sorted(
        (each.order_type, each.side, str(each.price), each.left.normalize())
        for each in process.ground.orders()
        if each.open
    )
    return Ending(held, tuple(resting))


@asynccontextmanager
async def standing(ground: Ground) -> AsyncIterator[Ground]:
    """A ground that needs no opening and no closing."""
    yield ground


async def die_everywhere(
    ground: Callable[[], AbstractAsyncContextManager[Ground]],
    story: Story,
    *,
    every: int = 1,
    offset: int = 0,
    verify: Callable[[Process], None] | None = None,
) -> Counter[str]:
    """Tell the story once in peace, then once for each moment (or each `every`-th) with a death at it.

    Returns how many deaths there were by name. Every telling must end as the peaceful one, or, with
    `verify`, as that demands. Raises AssertionError naming the moment.
    """
    async with ground() as stage:
        calm = Lives(stage, Fate())
        process = await calm.tell(story)
        check(process)
        wanted = ending(process)
    died: Counter[str] = Counter()
    for deadly in range(offset, len(calm.fate.names), every):
        name = calm.fate.names[deadly]
        async with ground() as stage:
            lives = Lives(stage, Fate(deadly))
            try:
                process = await lives.tell(story)
                assert lives.deaths == 1, "nobody died"
                check(process)
                if verify is not None:
                    verify(process)
                else:
                    assert ending(process) == wanted, f"{ending(process)} instead of {wanted}"
            except AssertionError as error:
                raise AssertionError(f"death at moment {deadly}, {name}: {error}") from error
        died[name] += 1
    return died
