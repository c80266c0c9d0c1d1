"""The stop guardian: no position without its stop, whatever any model says or does.

It runs after fills and before decisions, knows no model, and never loosens a stop. Where the venue has
stops, one rests there for every position, read back and compared. Where it has none, and while a stop is
being moved or found out about, the guardian watches the price itself and sells at market when it is
breached. A stop that is refused means the position is sold at once, and one that is without a stop for longer
than the bound is sold too: an open question about protection is never left open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from domain.clock import Clock
from domain.events import StopsResumed
from domain.money import Quantity, Symbol
from domain.orders import Order, OrderStatus, OrderType, Origin
from execution.guarding import Guarding
from execution.loss_limit import LossLimit
from execution.order_desk import OrderDesk
from execution.protection import PIECES, Plan, catches, cover, guards, plan
from execution.sending import RESTING
from execution.stops.keeper import StopKeeper
from market.feed import Feed
from portfolio.portfolio import Portfolio
from portfolio.position import Position

UNKNOWN_FOR: Final = timedelta(seconds=15)
"""How long a stop may be of unknown fate, the guardian watching, before the position is sold."""

_FULL_ROUND: Final = 64
"""Every so many checks look at every position, touched or not: nothing rests on a mark that was forgotten."""

_WRONG_TWICE: Final = 2


class StopGuardian(Guarding):
    """Keeps every position protected, for all of it, at the price that proves its entry wrong.

    `default_distance` is how far under the average price the stop lies, as a fraction, when no entry named
    one. `keeper` knows the rules of the stop plan, which tighten stops and sell; None: there are none. A gap
    in protection that passes `bound` is an event and closes the position; None: it is only measured. `gaps`
    counts them all. Once `losses` tells of a limit, all is sold. Orders go through the desk and its gate.
    """

    def __init__(
        self,
        desk: OrderDesk,
        portfolio: Portfolio,
        feed: Feed,
        clock: Clock,
        *,
        session: str,
        default_distance: Decimal = Decimal("0.05"),
        bound: timedelta | None = None,
        keeper: StopKeeper | None = None,
        losses: LossLimit | None = None,
    ) -> None:
        super().__init__(desk, portfolio, feed, clock, session=session, keeper=keeper, bound=bound)
        self._losses = losses
        self._distance = default_distance
        self._rounds = 0
        self._restless: set[Symbol] = set()
        self._unknown_since: dict[Symbol, datetime] = {}
        self._watched: dict[Symbol, Plan] = {}
        self._wrong: dict[Symbol, int] = {}
        self._ungrouped: set[str] = set()
        self._unverified = False

    async def resume(self) -> StopsResumed:
        """After a start and a reconcile, before anything else: every position is protected again."""
        await self._look_at_all()
        positions = self._portfolio.positions
        armed = sum(1 for symbol in positions if symbol in self._watched or self._stops(symbol))
        event = StopsResumed(len(positions), armed, self._clock.now())
        self._desk.record(event)
        return event

    async def check(self) -> None:
        """Place, move or withdraw stops until every position has its own; sell what cannot have one.

        Looks at the symbols whose orders or position changed since the last check, at those whose price must
        be watched or for which the stop plan asks for something new, and every now and then at all.
        """
        if self._losses is not None and (why := self._losses.reached()):
            held = sorted(self._portfolio.positions.items())
            await self._close_all([self._plan(*each) for each in held], why)
        touched = self._desk.take_touched()
        self._rounds += 1
        if self._rounds % _FULL_ROUND == 0:
            await self._look_at_all(touched)
            return
        stirred = self._stirred() if self._keeper is not None else ()
        if touched or stirred or self._restless:
            now = self._clock.now()
            await self._look_at({**dict.fromkeys((*self._restless, *stirred), now), **touched})

    async def _look_at_all(self, touched: Mapping[Symbol, datetime] | None = None) -> None:
        changed = {**(touched or {}), **self._desk.take_touched()}
        held = self._portfolio.positions.keys()
        guarded = {order.intent.symbol for order in self._desk.open_orders() if order.intent.guards}
        now = self._clock.now()
        await self._look_at({symbol: changed.get(symbol, now) for symbol in held | guarded})

    async def _look_at(self, symbols: Mapping[Symbol, datetime]) -> None:
        self._restless.clear()
        for symbol in sorted(symbols):
            position = self._portfolio.position(symbol)
            if position is None:
                await self._let_go(symbol)
                continue
            wanted = self._plan(symbol, position)
            if not self._is_covered(wanted):
                self.gaps.begin(symbol, symbols[symbol])
                if symbol in self._told_gaps and await self._close_late(wanted):
                    self._restless.add(symbol)
                    continue
            unarmed = self._keeper is not None and self._desk.first_stop(symbol) is None
            calm = await self._protect(wanted)
            if unarmed and self._desk.first_stop(symbol) is not None:
                # What is risked is known from here on, and rules may count in it.
                wanted = self._plan(symbol, position)
                calm = await self._protect(wanted)
            if not calm:
                self._restless.add(symbol)
            if self._is_covered(wanted):
                self._end_gap(wanted)
            elif symbol not in self._told_gaps and self._is_overdue(wanted):
                self._restless.add(symbol)
                await self._close_late(wanted)

    async def _let_go(self, symbol: Symbol) -> None:
        """The position is gone, and with it everything that was there for it."""
        for kept in (
            self._watched,
            self._waits,
            self._sale_waits,
            self._wrong,
            self._unknown_since,
            self._dust,
        ):
            kept.pop(symbol, None)
        self._told_gaps.discard(symbol)
        self.gaps.end(symbol, self._clock.now())
        own = [order for order in self._selling(symbol) if order.intent.origin is Origin.GUARDIAN]
        await self._withdraw([order for order in own if order.status in RESTING], "its position is gone")

    def _plan(self, symbol: Symbol, position: Position) -> Plan:
        desk = self._desk
        return plan(
            position,
            self._feed.instruments[symbol],
            desk.entry(symbol),
            desk.promise(symbol),
            desk.armed_stop(symbol),
            self._feed.quote(symbol),
            self._selling(symbol),
            desk.capabilities,
            self._distance,
            self._keeper,
        )

    # -- one position

    async def _protect(self, wanted: Plan) -> bool:
        """See to one position; False when it must be looked at again even if nothing happens to it."""
        symbol = wanted.symbol
        if self._too_small(wanted):
            return True
        if reason := self._reason_to_leave(wanted):
            await self._get_out(wanted, reason, "info")
            if self._is_sold(wanted):
                return False
        elif wanted.part:
            await self._sell_part(wanted)
            position = self._portfolio.position(symbol)
            if position is None:
                return False
            wanted = self._plan(symbol, position)  # what rests must fit what is left, at once
        if not self._desk.capabilities.stops or self._wrong.get(symbol, 0) >= _WRONG_TWICE:
            return await self._watch(wanted)
        stops = self._stops(symbol)
        if self._is_locked(wanted):
            await self._withdraw(stops, "other sales have locked the position")
            return await self._watch(wanted)
        if self._fits(wanted, stops):
            await self._keep(wanted, stops)
        elif await self._answer_awaited(wanted):
            return False
        elif self._is_breached(wanted) and not catches(stops, wanted):
            await self._get_out(wanted, f"the price is at or under the stop at {wanted.level:f}")
            return False
        elif not await self._arm(wanted, stops):
            return False
        return not self._must_watch(wanted)

    def _is_locked(self, wanted: Plan) -> bool:
        """Whether other sales leave so little of the position that no stop can rest for it."""
        if wanted.quantity == wanted.held:
            return False
        instrument = self._feed.instruments[wanted.symbol]
        return bool(instrument.filter_problems(wanted.quantity, wanted.level))

    def _fits(self, wanted: Plan, stops: Sequence[Order]) -> bool:
        at_level = [order for order in stops if order.intent.trigger_price == wanted.level]
        if any(order.remaining == wanted.quantity for order in at_level):
            return True
        return not self._desk.capabilities.shares_holdings and (
            len(at_level) == len(stops) and cover(stops) == wanted.quantity
        )

    async def _keep(self, wanted: Plan, stops: Sequence[Order]) -> None:
        """The stop stands: withdraw what is too much, see to the profit."""
        self._waits.pop(wanted.symbol, None)
        whole = [
            order
            for order in stops
            if order.intent.trigger_price == wanted.level and order.remaining == wanted.quantity
        ]
        if whole:
            await self._withdraw([each for each in stops if each is not whole[0]], "one stop is enough")
        await self._see_to_profit(wanted, whole[0] if whole else stops[0])

    async def _arm(self, wanted: Plan, stops: Sequence[Order]) -> bool:
        """Bring a stop to where it should be; False when it is not there yet."""
        symbol = wanted.symbol
        if self._must_wait(symbol):
            return False
        stop, spare = await self._place_stop(wanted, stops)
        if stop.status is OrderStatus.UNKNOWN:
            self._unknown_since.setdefault(symbol, self._clock.now())
            return False
        if stop.status not in RESTING:
            if stop.status is not OrderStatus.FILLED:
                await self._without_stop(wanted, stop)
            return False
        if not await self._verify(wanted, stop):
            return False
        self._waits.pop(symbol, None)
        self._watched.pop(symbol, None)
        self._record_armed(wanted, wanted.quantity, stop.client_id)
        await self._withdraw(spare, "replaced by a newer stop")
        await self._see_to_profit(wanted, stop)
        return True

    async def _place_stop(self, wanted: Plan, stops: Sequence[Order]) -> tuple[Order, Sequence[Order]]:
        """The new stop, and those that are too many once it stands.

        New first where the venue lets both stand. Else what is missing comes beside the old ones when only
        the quantity grew, and otherwise the old one goes first, in the desk's own way of replacing.
        """
        quantity, level = wanted.quantity, wanted.level
        if not stops or self._desk.capabilities.shares_holdings:
            return await self._desk.submit(self._stop(wanted, quantity)), stops
        missing = quantity - cover(stops)
        same = all(order.intent.trigger_price == level for order in stops)
        instrument = self._feed.instruments[wanted.symbol]
        if same and len(stops) < PIECES and not instrument.filter_problems(missing, level):
            return await self._desk.submit(self._stop(wanted, Quantity(missing))), ()
        await self._withdraw(stops[1:], "replaced by a newer stop")
        return await self._desk.replace(stops[0].client_id, self._stop(wanted, quantity)), ()

    async def _verify(self, wanted: Plan, stop: Order) -> bool:
        """Whether the venue holds the stop as it was meant: asked, not assumed."""
        wrong = await self._desk.read_back(stop)
        if not wrong:
            if wrong is None and not self._unverified:
                self._unverified = True
                self._say("warning", f"{stop.client_id} cannot be read back: stops are watched here as well")
            return True
        if not stop.is_terminal:
            self._wrong[wanted.symbol] = self._wrong.get(wanted.symbol, 0) + 1
            self._say("error", f"the stop {stop.client_id} is not what was sent: {'; '.join(wrong)}")
            await self._withdraw([stop], "it is not what was sent")
        return False

    async def _without_stop(self, wanted: Plan, stop: Order) -> None:
        """No new stop: an older one must cover everything, or the position is sold, or watched meanwhile."""
        self._say("error", f"the stop for {wanted.symbol} at {wanted.level:f} is {stop.status}: {stop.note}")
        if cover(self._stops(wanted.symbol)) >= wanted.quantity:
            return
        if stop.status is OrderStatus.EXPIRED:  # it was certainly not taken in: a sale would not be either
            self._wait(wanted.symbol)
            return
        await self._get_out(wanted, f"its stop is {stop.status}")

    # -- profit

    def _reason_to_leave(self, wanted: Plan) -> str:
        """Why all of it is to be sold though its stop holds; empty when it is not.

        Either the stop plan says so, or the price has come to a take-profit that nothing at the venue takes.
        """
        quote = self._feed.quote(wanted.symbol)
        if wanted.leave or wanted.profit is None or quote is None or quote.bid < wanted.profit:
            return wanted.leave
        if guards(self._selling(wanted.symbol), stops=False):
            return ""
        return f"the price is at or above the take-profit at {wanted.profit:f}"

    async def _see_to_profit(self, wanted: Plan, stop: Order) -> None:
        """Rest a take-profit in the stop's group; without groups it is watched and worked here."""
        takes = guards(self._selling(wanted.symbol), stops=False)
        group = stop.intent.group
        fits = [
            order
            for order in takes
            if order.intent.group == group
            and order.intent.limit_price == wanted.profit
            and order.remaining == wanted.quantity
        ]
        if wanted.profit is not None and group and not fits and group not in self._ungrouped:
            take = await self._desk.submit(
                self._intent(
                    wanted.symbol,
                    wanted.quantity,
                    OrderType.LIMIT,
                    "take profit",
                    limit=wanted.profit,
                    group=group,
                )
            )
            if take.status in RESTING:
                fits = [take]
            else:
                self._ungrouped.add(group)  # it is watched here instead
        await self._withdraw([each for each in takes if each not in fits[:1]], "its stop was replaced")

    # -- watching

    def _must_watch(self, wanted: Plan) -> bool:
        """Whether the price has to be looked at on every check, though a stop rests."""
        if wanted.trails or self._unverified or wanted.quantity != wanted.held:
            return True
        return wanted.profit is not None and not guards(self._selling(wanted.symbol), stops=False)

    async def _watch(self, wanted: Plan) -> bool:
        """No stop can rest at this venue: the level is on record, the price is watched, breached is sold."""
        symbol, known = wanted.symbol, self._watched.get(wanted.symbol)
        if known is None or (known.held, known.level) != (wanted.held, wanted.level):
            self._watched[symbol] = wanted
            armed = self._desk.armed_stop(symbol)  # after a restart it may stand in the journal already
            if armed is None or (armed.quantity, armed.trigger_price, armed.client_id) != (
                wanted.held,
                wanted.level,
                "",
            ):
                self._record_armed(wanted, wanted.held, "")
        if self._is_breached(wanted):
            await self._get_out(wanted, f"the price is at or under the stop at {wanted.level:f}")
        return False

    def _is_breached(self, wanted: Plan) -> bool:
        quote = self._feed.quote(wanted.symbol)
        return quote is not None and quote.bid <= wanted.level

    async def _answer_awaited(self, wanted: Plan) -> bool:
        """Whether a stop of unknown fate may still turn up; in the meantime the price is watched here."""
        symbol = wanted.symbol
        unknown = [
            order
            for order in self._selling(symbol)
            if order.status is OrderStatus.UNKNOWN and order.intent.guards
        ]
        if not unknown:
            self._unknown_since.pop(symbol, None)
            return False
        now = self._clock.now()
        since = self._unknown_since.setdefault(symbol, now)
        if cover(self._stops(symbol)) >= wanted.quantity:
            return True
        if self._is_breached(wanted):
            await self._get_out(wanted, f"the price is at or under the stop at {wanted.level:f}")
        elif now - since > UNKNOWN_FOR:
            await self._get_out(wanted, f"the stop {unknown[0].client_id} is still unknown")
        return True

    # -- small things

    def _is_covered(self, wanted: Plan) -> bool:
        """Whether a stop rests for all of it or the guardian watches; dust is not a position without one."""
        if wanted.symbol in self._watched or cover(self._stops(wanted.symbol)) >= wanted.quantity:
            return True
        return bool(self._feed.instruments[wanted.symbol].filter_problems(wanted.held, wanted.level))
