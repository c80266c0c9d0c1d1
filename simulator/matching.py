"""One matching core for every simulated venue: what each closed bar does to the orders that wait.

An order is matched against bars that opened at or after its submission, each bar at most once. Where a bar
meets an order is `simulator.resting`; how much fills, and what it costs, is `simulator.costs`.

A fill at the open carries the bar's open time; one inside the bar, whose moment a candle does not tell,
carries the last microsecond before its close.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from domain.errors import NotFound, VenueRejected
from domain.instrument import Instrument
from domain.market import Candle, OrderBook
from domain.money import ONE, ZERO, Currency, Money, Quantity, Symbol
from domain.orders import TERMINAL, Fill, OrderIntent, OrderStatus, OrderType, TimeInForce
from simulator.costs import FeeSchedule, FillModel
from simulator.resting import AT_OPEN, Hit, Resting, meet, place_in_path

_INSIDE_BAR: Final = timedelta(microseconds=1)

# Reading a member off its enum class costs more than a comparison; these are read for every order.
_MARKET: Final = OrderType.MARKET
_FOK: Final = TimeInForce.FOK
_FILLED: Final = OrderStatus.FILLED


@dataclass(frozen=True, slots=True)
class Ended:
    """An order that is over without (further) fills: CANCELLED or EXPIRED, and why."""

    client_id: str
    symbol: Symbol
    status: OrderStatus
    reason: str
    at: datetime


MatchReport = Fill | Ended


class MatchingCore:
    """Orders, balances and reservations of one simulated account.

    `balances` is what the account holds per currency; the core keeps its own view of it from then on.
    """

    def __init__(
        self,
        instruments: Mapping[Symbol, Instrument],
        fees: FeeSchedule,
        fill_model: FillModel,
        balances: Mapping[Currency, Decimal],
    ) -> None:
        self.instruments = instruments
        self.fees = fees
        self._one_plus_taker = ONE + fees.taker
        self.fill_model = fill_model
        self._balances: dict[Currency, Decimal] = dict(balances)
        self._reserved: dict[Currency, Decimal] = {}
        self._orders: dict[str, Resting] = {}
        self._open: dict[Symbol, dict[str, Resting]] = {}

    # -- what can be asked

    @property
    def balances(self) -> Mapping[Currency, Decimal]:
        """What the account holds per currency, reservations included."""
        return dict(self._balances)

    def free(self, currency: Currency) -> Decimal:
        """What is held and not reserved by an open order."""
        return self._balances.get(currency, ZERO) - self._reserved.get(currency, ZERO)

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

        `reference` is the current price, needed to check the value of a market order. Raises
        VenueRejected for an unknown symbol, a broken filter, a missing price or too small a balance.
        """
        known = self._orders.get(intent.client_id)
        if known is not None:
            return known.venue_id
        instrument = self.instruments.get(intent.symbol)
        if instrument is None:
            raise VenueRejected(f"{intent.symbol} is not listed here")
        price = _own_price(intent, reference)
        problems = instrument.filter_problems(intent.quantity, price)
        if problems and intent.order_type is _MARKET:
            # A reference price may lie between two ticks; the order itself names no price.
            problems = instrument.filter_problems(intent.quantity, instrument.price(price))
        if problems:
            raise VenueRejected(f"order {intent.client_id}: {'; '.join(problems)}")
        order = Resting(intent, instrument, at)
        if order.buy and intent.reduce_only:
            raise VenueRejected(
                f"order {intent.client_id}: a reduce-only buy has no short position to reduce"
            )
        order.unit = self._unit(order, price)
        need, free = order.unit * order.remaining, self.free(order.spends)
        if need > free:
            raise VenueRejected(f"order {intent.client_id} needs {need:f} {order.spends}, {free:f} is free")
        self._admit(order, need)
        return order.venue_id

    def cancel(self, client_id: str, at: datetime) -> Ended:
        """End an open order. Raises NotFound when there is no such open order."""
        order = self._orders.get(client_id)
        if order is None or order.status in TERMINAL:
            raise NotFound(f"no open order {client_id}")
        return self._end(order, OrderStatus.CANCELLED, "cancelled on request", at)

    def restore(
        self,
        intent: OrderIntent,
        fills: Iterable[Fill],
        submitted_at: datetime,
        last_matched: datetime | None,
        reference: Decimal | None = None,
    ) -> None:
        """Put back an order that was open before a restart, with the fills it already had.

        It is taken in without the checks of `submit` (it passed them once); the balance is checked when
        it fills. Raises VenueRejected when it cannot be open here at all.
        """
        instrument = self.instruments.get(intent.symbol)
        if instrument is None:
            raise VenueRejected(f"{intent.symbol} is not listed here")
        order = Resting(intent, instrument, submitted_at)
        order.last_matched = last_matched
        order.fills = tuple(fills)
        order.remaining = intent.quantity - sum((fill.quantity for fill in order.fills), ZERO)
        if order.remaining <= ZERO:
            raise VenueRejected(f"order {intent.client_id} has nothing left to fill")
        if order.fills:
            order.status = OrderStatus.PARTIALLY_FILLED
            order.triggered = intent.order_type is OrderType.STOP
        if intent.order_type is not OrderType.MARKET or reference is not None:
            order.unit = self._unit(order, _own_price(intent, reference))
        self._admit(order, order.unit * order.remaining)

    def set_balances(self, balances: Mapping[Currency, Decimal]) -> None:
        """Replace what the account holds (after a restart, from the ledger)."""
        self._balances = dict(balances)

    def on_bar(self, candle: Candle, book: OrderBook | None = None) -> Sequence[MatchReport]:
        """Match every open order of the candle's symbol; what happened, in the order it happened.

        `book` is the one known before the bar opened. The same bar again changes nothing.
        """
        waiting = self._open.get(candle.symbol)
        if not waiting:
            return ()
        reports: list[MatchReport] = []
        if len(waiting) == 1:
            (order,) = waiting.values()
            hit = self._due(order, candle, reports)
            if hit is not None:
                self._execute(order, hit, candle, book, ZERO, reports)
            return reports
        met: list[tuple[Resting, Hit]] = []
        for order in tuple(waiting.values()):
            hit = self._due(order, candle, reports)
            if hit is not None:
                met.append((order, hit))
        met.sort(key=place_in_path)
        taken = ZERO
        for order, hit in met:
            taken += self._execute(order, hit, candle, book, taken, reports)
        return reports

    # -- how it is done

    def _due(self, order: Resting, candle: Candle, reports: list[MatchReport]) -> Hit | None:
        """Where the bar meets the order, if this bar is for it and was not matched before."""
        if candle.open_time < order.submitted_at:
            return None
        close_time = candle.close_time
        if order.last_matched is not None:
            if order.had_its_chance:  # only after a restart between its fill and its end
                reports.append(self._expire(order, _rest(order.intent), close_time))
                return None
            if close_time <= order.last_matched:
                return None
        order.last_matched = close_time
        hit = meet(order, candle)
        if hit is None and order.at_once and order.intent.order_type is OrderType.LIMIT:
            tif = order.intent.time_in_force.value
            reports.append(self._expire(order, f"{tif}: the price was not there", close_time))
        return hit

    def _unit(self, order: Resting, price: Decimal) -> Decimal:
        if order.buy:
            return price * self._one_plus_taker
        return ZERO if order.intent.reduce_only else ONE

    def _admit(self, order: Resting, need: Decimal) -> None:
        client_id = order.intent.client_id
        self._orders[client_id] = order
        symbol = order.intent.symbol
        queue = self._open.get(symbol)
        if queue is None:
            self._open[symbol] = {client_id: order}
        else:
            queue[client_id] = order
        if need:
            totals, currency = self._reserved, order.spends
            totals[currency] = totals.get(currency, ZERO) + need
            order.reserved = need

    def _reserve(self, order: Resting, amount: Decimal) -> None:
        """Set what an order reserves; the total of the currency follows."""
        reserved = order.reserved
        if amount != reserved:
            totals, currency = self._reserved, order.spends
            totals[currency] = totals.get(currency, ZERO) + amount - reserved
            order.reserved = amount

    def _leave(self, order: Resting, status: OrderStatus) -> None:
        order.status = status
        if order.reserved:
            self._reserved[order.spends] -= order.reserved
            order.reserved = ZERO
        order.unit = ZERO
        symbol = order.intent.symbol
        queue = self._open[symbol]
        if len(queue) == 1:
            del self._open[symbol]
        else:
            del queue[order.intent.client_id]

    def _end(self, order: Resting, status: OrderStatus, reason: str, at: datetime) -> Ended:
        self._leave(order, status)
        return Ended(order.intent.client_id, order.intent.symbol, status, reason, at)

    def _expire(self, order: Resting, reason: str, at: datetime) -> Ended:
        return self._end(order, OrderStatus.EXPIRED, reason, at)

    def _execute(
        self,
        order: Resting,
        hit: Hit,
        candle: Candle,
        book: OrderBook | None,
        taken: Decimal,
        reports: list[MatchReport],
    ) -> Decimal:
        """Fill what can be filled of one order; returns the quantity it took from the bar."""
        want, short_of = order.remaining, ""
        if not order.buy:
            held = self._balances.get(order.instrument.base, ZERO)
            if held < want:
                want = order.instrument.quantity(max(held, ZERO))
                short_of = f"nothing more of {order.instrument.base} is held"
                if want == ZERO:
                    reports.append(self._expire(order, short_of, candle.close_time))
                    return ZERO
        quantity, price, maker = self._liquidity(order, hit, want, candle, book, taken)
        notional = quantity * price
        fee = self.fees.fee(notional, maker)
        if order.buy and notional + fee > self.free(order.spends) + order.reserved:
            quantity = want = self._affordable(order, price, maker)
            notional = quantity * price
            fee = self.fees.fee(notional, maker)
            short_of = f"the free {order.spends} is used up"
        intent = order.intent
        if intent.time_in_force is _FOK and quantity < intent.quantity:
            reports.append(self._expire(order, "fok: it could not fill whole", candle.close_time))
            return ZERO
        if quantity:
            when = candle.open_time if hit[0] == AT_OPEN else candle.close_time - _INSIDE_BAR
            reports.append(self._book(order, quantity, price, notional, fee, maker, when))
            if not order.remaining:
                self._leave(order, _FILLED)
                return quantity
            order.status = OrderStatus.PARTIALLY_FILLED
            self._reserve(order, order.unit * order.remaining)
        if short_of and quantity == want:
            reports.append(self._expire(order, short_of, candle.close_time))
        elif order.at_once:
            reports.append(self._expire(order, _rest(intent), candle.close_time))
        return quantity

    def _liquidity(
        self,
        order: Resting,
        hit: Hit,
        want: Decimal,
        candle: Candle,
        book: OrderBook | None,
        taken: Decimal,
    ) -> tuple[Decimal, Decimal, bool]:
        """Quantity, price and whether it was maker, as the fill model has it."""
        model, instrument = self.fill_model, order.instrument
        _, price, maker = hit
        if not maker:
            limit = order.intent.limit_price
            quantity, paid = model.take(
                buy=order.buy,
                quantity=want,
                price=price,
                limit=limit,
                candle=candle,
                book=book,
                taken=taken,
                instrument=instrument,
            )
            if quantity or limit is None or order.at_once:
                return quantity, paid, False
            price = limit  # the open was through it, the spread was not: it rests and is traded through
        return model.rest(quantity=want, candle=candle, taken=taken, instrument=instrument), price, True

    def _affordable(self, order: Resting, price: Decimal, maker: bool) -> Decimal:
        """The quantity that the free balance pays for, fee included."""
        free = max(self.free(order.spends) + order.reserved, ZERO)
        rate = self.fees.maker if maker else self.fees.taker
        quantity = order.instrument.quantity(free / (price * (ONE + rate)))
        while quantity and quantity * price + self.fees.fee(quantity * price, maker) > free:
            quantity = Quantity(quantity - order.instrument.step_size)  # the fee was rounded up
        return quantity

    def _book(
        self,
        order: Resting,
        quantity: Any,
        price: Any,
        notional: Decimal,
        fee: Decimal,
        maker: bool,
        at: datetime,
    ) -> Fill:
        """Move the balances and write the fill. Quantity and price are Decimals; naming them costs a call."""
        intent, instrument = order.intent, order.instrument
        balances, base, quote = self._balances, instrument.base, instrument.quote
        if order.buy:
            balances[base] = balances.get(base, ZERO) + quantity
            balances[quote] = balances.get(quote, ZERO) - notional - fee
        else:
            balances[base] = balances.get(base, ZERO) - quantity
            balances[quote] = balances.get(quote, ZERO) + notional - fee
        left = order.remaining - quantity
        order.remaining = left or ZERO  # an order that is over is kept: without numbers of its own
        fills = order.fills
        fill = Fill(
            f"{intent.client_id}-f{len(fills) + 1}",
            intent.client_id,
            intent.symbol,
            intent.side,
            quantity,
            price,
            Money(fee, quote),
            at,
            maker,
        )
        order.fills = (*fills, fill)
        return fill


def _rest(intent: OrderIntent) -> str:
    return f"{intent.time_in_force.value}: the rest did not fill at once"


def _own_price(intent: OrderIntent, reference: Decimal | None) -> Decimal:
    """The price an order is checked at: its limit, its trigger, or the current price for a market order."""
    kind = intent.order_type
    price: Decimal | None
    if kind is _MARKET:
        price = reference
    elif kind in (OrderType.LIMIT, OrderType.STOP):
        price = intent.limit_price if kind is OrderType.LIMIT else intent.trigger_price
    else:
        raise VenueRejected(f"order {intent.client_id}: there are no {kind.value} orders here")
    if price is None or price <= ZERO:
        raise VenueRejected(f"order {intent.client_id}: a {intent.order_type.value} order without a price")
    return price
