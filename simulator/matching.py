"""The matching core of bars: what each closed bar does to the orders that wait, for paper and backtest.

An order is matched against bars that opened at or after its submission, each bar at most once. What is
taken in is `simulator.admission`, where a bar meets an order `simulator.resting`, how much fills and what
moves `simulator.filling`, what it costs `simulator.costs`.

A fill at the open carries the bar's open time; one inside the bar, whose moment a candle does not tell,
carries the last microsecond before its close. An order with a date ends at the first bar close at or after
it; what would fill inside a bar that its date lies in does not, for nobody knows whether it was in time.

The first of a group that fills, be it in part, cancels the others, as spot venues do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from domain.errors import NotFound, VenueRejected
from domain.instrument import Instrument
from domain.market import Candle, OrderBook
from domain.money import ONE, ZERO, Currency, Symbol
from domain.orders import TERMINAL, Fill, OrderIntent, OrderStatus, OrderType, TimeInForce
from simulator.admission import check_filters, check_self_trade, own_price, terms_of
from simulator.costs import FeeSchedule, FillModel
from simulator.exchange.rejection import Reason, Rejection
from simulator.fees import FeeLadder, Turnover
from simulator.filling import Till
from simulator.purse import Purse
from simulator.queueing import stand_in_line
from simulator.register import Ended, Register
from simulator.resting import Resting, Terms, meet, place_in_path
from simulator.triggers import AT_OPEN, Hit
from simulator.wording import worded

_INSIDE_BAR: Final = timedelta(microseconds=1)

# Reading a member off its enum class costs more than a comparison; these are read for every order.
_MARKET: Final = OrderType.MARKET
_LIMIT: Final = OrderType.LIMIT
_GTC: Final = TimeInForce.GTC
_FOK: Final = TimeInForce.FOK
_FILLED: Final = OrderStatus.FILLED


MatchReport = Fill | Ended


class MatchingCore:
    """Orders, balances and reservations of one simulated account.

    `balances` is what the account holds per currency; the core keeps its own view of it from then on. With
    a `ladder` the fee rates follow what the account traded, `turnover` to begin with, and `fees` only counts
    until the first bar. `venue` names the exchange whose words refusals are put in.
    """

    def __init__(
        self,
        instruments: Mapping[Symbol, Instrument],
        fees: FeeSchedule,
        fill_model: FillModel,
        balances: Mapping[Currency, Decimal],
        *,
        ladder: FeeLadder | None = None,
        turnover: Decimal = ZERO,
        venue: str | None = None,
    ) -> None:
        self.instruments = instruments
        self.fill_model = fill_model
        self._venue = venue
        self._queue = fill_model.queue
        self._purse = Purse(balances)
        self._balances, self._reserved = self._purse.balances, self._purse.reserved
        self._register = Register(self._purse)
        self._orders, self._open = self._register.orders, self._register.open
        self._till = Till(self._purse, fees, fill_model, ladder, Turnover(turnover))

    # -- what can be asked

    @property
    def fees(self) -> FeeSchedule:
        """The rates that hold now."""
        return self._till.fees

    @property
    def balances(self) -> Mapping[Currency, Decimal]:
        """What the account holds per currency, reservations included."""
        return dict(self._purse.balances)

    def free(self, currency: Currency) -> Decimal:
        """What is held and not reserved by an open order."""
        return self._purse.free(currency)

    def find(self, client_id: str) -> Resting | None:
        """The order with this client id, open or over; None when the core never had it."""
        return self._orders.get(client_id)

    def orders(self) -> tuple[Resting, ...]:
        """Every order the core ever had, oldest first."""
        return tuple(self._orders.values())

    def open_orders(self) -> tuple[Resting, ...]:
        """Orders that can still fill, by symbol, oldest first."""
        return tuple(order for orders in self._open.values() for order in orders.values())

    @property
    def waiting(self) -> Mapping[Symbol, Mapping[str, Resting]]:
        """Open orders by symbol; a symbol without any is absent. Empty means a bar has no work to do."""
        return self._open

    # -- what can be done

    def submit(self, intent: OrderIntent, at: datetime, reference: Decimal | None = None) -> str:
        """Take an order in and return the venue id; a client id that is known returns the one it has.

        `reference` is the current price on the side that concerns the order. A market order is valued by it;
        for others it may be unknown, and then nobody can say yet whether a post-only order would take or a
        trigger is reached. Raises VenueRejected for an unknown symbol, a broken filter, a missing price,
        terms that contradict each other, too small a balance, or a trade with itself.
        """
        client_id, symbol = intent.client_id, intent.symbol
        known = self._orders.get(client_id)
        if known is not None:
            return known.venue_id
        instrument = self.instruments.get(symbol)
        try:
            if instrument is None:
                raise Rejection(Reason.UNKNOWN_SYMBOL, f"{symbol} is not listed here")
            market = intent.order_type is _MARKET
            terms: Terms | None = None
            if (
                reference
                and market
                and intent.time_in_force is _GTC
                and not intent.post_only
                and not intent.group
                and intent.expires_at is None
            ):
                price = reference  # nearly every order: there are no terms to read
            else:
                price, terms = own_price(intent, reference), terms_of(intent, instrument, at, reference)
            quantity = intent.quantity
            value = quantity * price
            if (
                not market
                or quantity < instrument.min_quantity
                or quantity > instrument.max_quantity
                or quantity % instrument.step_size
                or value < instrument.min_notional
            ):
                check_filters(intent, instrument, price)
            order = Resting(intent, instrument, at, terms)
            need: Decimal = self._need(order, price, value)
            if need:
                currency = instrument.quote if order.buy else instrument.base
                if need > self._balances.get(currency, ZERO) - self._reserved.get(currency, ZERO):
                    self._check_reach(order, need)
            if symbol in self._open:
                check_self_trade(intent, self._open[symbol].values(), price)
        except Rejection as refused:
            said = worded(refused, self._venue)
            raise VenueRejected(f"order {client_id}: {said}") from refused
        self._register.admit(order, need)
        return "sim-" + client_id

    def cancel(self, client_id: str, at: datetime) -> Ended:
        """End an open order. Raises NotFound when there is no such open order."""
        order = self._orders.get(client_id)
        if order is None or order.status in TERMINAL:
            raise NotFound(f"no open order {client_id}")
        return self._register.end(order, OrderStatus.CANCELLED, "cancelled on request", at)

    def restore(
        self,
        intent: OrderIntent,
        fills: Iterable[Fill],
        submitted_at: datetime,
        last_matched: datetime | None,
        reference: Decimal | None = None,
        met: Iterable[Candle] = (),
    ) -> None:
        """Put back an order that was open before a restart, with the fills it already had.

        It is taken in without the checks of `submit` (it passed them once); the balance is checked when
        it fills. `met` are the bars it was matched on: triggers are moved and reached again by them, as far
        as they go back. It stands at the end of its queue. Raises VenueRejected when it cannot be open here.
        """
        instrument = self.instruments.get(intent.symbol)
        if instrument is None:
            raise VenueRejected(f"{intent.symbol} is not listed here")
        try:
            price = ZERO
            if intent.order_type is not _MARKET or reference is not None:
                price = own_price(intent, reference)
            terms = terms_of(intent, instrument, submitted_at, None)
        except Rejection as refused:
            raise VenueRejected(f"order {intent.client_id}: {refused.message}") from refused
        order = Resting(intent, instrument, submitted_at, terms)
        for candle in met:
            if order.asleep and candle.open_time >= submitted_at:
                meet(order, candle)
        order.last_matched = last_matched
        order.fills = tuple(fills)
        order.remaining = intent.quantity - sum((fill.quantity for fill in order.fills), ZERO)
        if order.remaining <= ZERO:
            raise VenueRejected(f"order {intent.client_id} has nothing left to fill")
        if order.fills:
            order.status = OrderStatus.PARTIALLY_FILLED
            if order.asleep:
                order.wake()
        self._register.admit(order, self._need(order, price, price * order.remaining))

    def remember(self, fills: Iterable[Fill]) -> None:
        """Count what was traded before a restart into the turnover that fee rates follow."""
        for fill in fills:
            self._till.turnover.add(fill.filled_at, fill.quantity * fill.price)

    def close_group(self, group: str, filled: str, at: datetime) -> tuple[Ended, ...]:
        """Cancel the orders of a group that were open when `filled` filled, at `at`; itself excepted."""
        return self._register.close_group(group, filled, at)

    def set_balances(self, balances: Mapping[Currency, Decimal]) -> None:
        """Replace what the account holds (after a restart, from the ledger)."""
        self._purse.set_balances(balances)

    def on_bar(self, candle: Candle, book: OrderBook | None = None) -> Sequence[MatchReport]:
        """Match every open order of the candle's symbol; what happened, in the order it happened.

        `book` is the one known before the bar opened. The same bar again changes nothing.
        """
        waiting = self._open.get(candle.symbol)
        if not waiting:
            return ()
        till = self._till
        if till.ladder is not None:
            till.open_day(candle.open_time.date())
        if till.whole and len(waiting) == 1:
            (order,) = waiting.values()
            if order.kind is _MARKET and order.terms is None and not order.at_once:
                fill = till.at_open(order, candle)
                if fill is not None:
                    order.status = _FILLED
                    del self._open[candle.symbol]
                    return (fill,)
        return self._match(waiting, candle, book)

    def pass_by(self, symbol: Symbol, now: datetime) -> Sequence[Ended]:
        """A bar of the common grid closed at `now` without this symbol: nothing fills, dates still pass."""
        return self._register.expire_due(symbol, now)

    # -- how it is done

    def _need(self, order: Resting, price: Decimal, value: Decimal) -> Decimal:
        """What an order reserves of the currency it spends; sets what one unit of it reserves."""
        if order.buy:
            if order.intent.reduce_only:
                raise Rejection(Reason.BAD_PARAMETER, "a reduce-only buy has no short position to reduce")
            rate = self._till.one_plus_taker
            order.unit = price * rate
            return value * rate
        if order.intent.reduce_only:
            return ZERO
        order.unit = ONE
        return order.remaining

    def _check_reach(self, order: Resting, need: Decimal) -> None:
        """Raise Rejection unless what is free, and what its group has reserved, covers the need."""
        free, currency = self._purse.free(order.spends), order.spends
        if order.terms is not None and order.terms.group:
            free = self._purse.reach_of_group(order.terms.group, currency)
        if need > free:
            raise Rejection(Reason.INSUFFICIENT_BALANCE, f"it needs {need:f} {currency}, {free:f} is free")

    def _match(
        self, waiting: Mapping[str, Resting], candle: Candle, book: OrderBook | None
    ) -> list[MatchReport]:
        reports: list[MatchReport] = []
        met: list[tuple[Resting, Hit, bool]] = []
        dated = False
        for order in tuple(waiting.values()):
            fresh = order.last_matched is None
            hit = self._due(order, candle, book, reports)
            if hit is not None:
                met.append((order, hit, fresh))
            dated = dated or (order.terms is not None and order.terms.expires_at is not None)
        met.sort(key=place_in_path)
        taken = ZERO
        for order, hit, fresh in met:
            if order.status not in TERMINAL:  # another of its group was first
                taken += self._execute(order, hit, candle, book, taken, reports, fresh)
        if dated:
            reports.extend(self._register.expire_due(candle.symbol, candle.close_time))
        return reports

    def _due(
        self, order: Resting, candle: Candle, book: OrderBook | None, reports: list[MatchReport]
    ) -> Hit | None:
        """Where the bar meets the order, if this bar is for it and was not matched before."""
        opened = candle.open_time
        if opened < order.submitted_at:
            return None
        close_time, fresh = candle.close_time, order.last_matched is None
        if order.last_matched is not None:
            if order.had_its_chance:  # only after a restart between its fill and its end
                reports.append(self._register.expire(order, _rest(order.intent), close_time))
                return None
            if close_time <= order.last_matched:
                return None
        ends = order.terms.expires_at if order.terms is not None else None
        if ends is not None and ends <= opened:
            return None  # over before the bar began: it expires with the others whose date has come
        order.last_matched = close_time
        slept, hit = order.asleep, meet(order, candle)
        if order.kind is _LIMIT:
            if self._queue is not None and not order.at_once and not slept:
                hit = stand_in_line(order, candle, book, self._queue, through=hit is not None) or hit
            if hit is None and order.at_once:
                tif = order.intent.time_in_force.value
                reports.append(self._register.expire(order, f"{tif}: the price was not there", close_time))
        if hit is None:
            return None
        if fresh and hit[0] == AT_OPEN and order.terms is not None and order.terms.post_only:
            reports.append(
                self._register.expire(order, "post-only: it would have taken at the open", close_time)
            )
            return None
        if ends is not None and hit[0] != AT_OPEN and ends < close_time:
            return None
        return hit

    def _execute(
        self,
        order: Resting,
        hit: Hit,
        candle: Candle,
        book: OrderBook | None,
        taken: Decimal,
        reports: list[MatchReport],
        fresh: bool,
    ) -> Decimal:
        """Fill what can be filled of one order; returns the quantity it took from the bar."""
        till, intent, close_time = self._till, order.intent, candle.close_time
        want, short_of = order.remaining, ""
        if not order.buy:
            held = self._balances.get(order.instrument.base, ZERO)
            if held < want:
                want = order.instrument.quantity(max(held, ZERO))
                short_of = f"nothing more of {order.instrument.base} is held"
                if want == ZERO:
                    reports.append(self._register.expire(order, short_of, close_time))
                    return ZERO
        quantity, price, maker = till.liquidity(order, hit, want, candle, book, taken, fresh=fresh)
        notional = quantity * price
        fee = till.fees.fee(notional, maker)
        if order.buy and notional + fee > self._purse.within_reach(order):
            quantity = want = till.affordable(order, price, maker)
            notional = quantity * price
            fee = till.fees.fee(notional, maker)
            short_of = f"the free {order.spends} is used up"
        if intent.time_in_force is _FOK and quantity < intent.quantity:
            reports.append(self._register.expire(order, "fok: it could not fill whole", close_time))
            return ZERO
        if quantity:
            when = candle.open_time if hit[0] == AT_OPEN else close_time - _INSIDE_BAR
            reports.append(till.book(order, quantity, price, notional, fee, maker, when))
            if order.terms is not None and order.terms.group:
                reports.extend(self._register.close_group(order.terms.group, intent.client_id, close_time))
            if not order.remaining:
                self._register.end(order, _FILLED, "", when)
                return quantity
            order.status = OrderStatus.PARTIALLY_FILLED
            self._purse.hold(order, order.unit * order.remaining)
        if short_of and quantity == want:
            reports.append(self._register.expire(order, short_of, close_time))
        elif order.at_once:
            reports.append(self._register.expire(order, _rest(intent), close_time))
        return quantity


def _rest(intent: OrderIntent) -> str:
    return f"{intent.time_in_force.value}: the rest did not fill at once"
