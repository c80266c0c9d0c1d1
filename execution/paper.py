"""The paper venue: the simulator's matching core behind the venue port, on the desk's own feed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from domain.clock import EPOCH
from domain.market import Candle, OrderBook, Quote
from domain.money import Currency, Symbol
from domain.orders import (
    OPEN_AT_VENUE,
    TRIGGERED,
    Fill,
    Order,
    OrderIntent,
    OrderType,
    Side,
    TimeInForce,
)
from execution.venue import Balance, Capabilities, Closed, Executed, Terms, VenueOrder, VenueReport
from market.feed import Feed
from risk.approval import ApprovedOrder, redeem
from simulator.matching import MatchingCore, MatchReport
from simulator.resting import Resting

_MARKET: Final = OrderType.MARKET
_LIMIT: Final = OrderType.LIMIT
_NOTHING: Final[tuple[VenueReport, ...]] = ()
_EVERYTHING: Final = Capabilities(
    frozenset(OrderType), frozenset(TimeInForce), post_only=True, groups=True, shares_holdings=True
)


class PaperVenue:
    """Matches orders on the bars of a feed; no order leaves the process.

    `poll` matches the bar that the feed stands on, once; the engine polls after every `feed.advance()`.
    Its memory ends with the process: after a restart, `restore` puts the open orders back.
    """

    def __init__(self, feed: Feed, matching: MatchingCore) -> None:
        self.name = "paper"
        self.capabilities = _EVERYTHING  # so no order has to be compared with them
        self._feed = feed
        self._matching = matching
        self._waiting = matching.waiting
        self._needs_book = matching.fill_model.needs_book
        self._books: dict[Symbol, OrderBook | None] = {}
        self._matched_at: datetime | None = None
        self._unreported: list[VenueReport] = []

    async def place(self, order: ApprovedOrder) -> str:
        """Take an order in; it can fill from the next bar on. Raises GateError or VenueRejected."""
        intent = redeem(order)
        feed, matching, symbol = self._feed, self._matching, intent.symbol
        at = feed.now or intent.created_at
        if symbol not in matching.instruments:
            return matching.submit(intent, at)  # which refuses it
        quote = feed.quote(symbol)
        if quote is None:
            reference: Decimal | None = None
        elif intent.order_type is _MARKET:
            reference = quote.ask
        else:
            reference = _reference(intent, quote)
        venue_id = matching.submit(intent, at, reference)
        if self._needs_book:
            self._books[symbol] = feed.book(symbol)
        return venue_id

    async def cancel(self, client_id: str) -> None:
        found = self._matching.find(client_id)
        at = self._feed.now or (EPOCH if found is None else found.submitted_at)
        self._unreported.append(_report(self._matching.cancel(client_id, at)))

    async def lookup(self, client_id: str) -> VenueOrder | None:
        found = self._matching.find(client_id)
        return None if found is None else _view(found)

    async def open_orders(self) -> tuple[VenueOrder, ...]:
        return tuple(_view(order) for order in self._matching.open_orders())

    async def balances(self) -> Mapping[Currency, Balance]:
        matching = self._matching
        return {
            currency: Balance(matching.free(currency), total - matching.free(currency))
            for currency, total in matching.balances.items()
        }

    def taker(self, symbol: Symbol) -> Decimal:
        return self._matching.fees.taker

    async def fills(self, since: datetime) -> tuple[Fill, ...]:
        every = (fill for order in self._matching.orders() for fill in order.fills if fill.filled_at >= since)
        return tuple(sorted(every, key=lambda fill: fill.filled_at))

    async def poll(self) -> tuple[VenueReport, ...]:
        """Match the bar the feed stands on, unless that was done, and report everything new."""
        waiting, unreported = self._waiting, self._unreported
        if waiting:
            now = self._feed.now
            if now is not None and now != self._matched_at:
                self._matched_at = now
                if len(waiting) == 1:
                    (symbol,) = waiting
                    self._match(symbol, now)
                else:
                    for symbol in self._feed.symbols:
                        if symbol in waiting:
                            self._match(symbol, now)
        if not unreported:
            return _NOTHING
        self._unreported = []
        return tuple(unreported)

    def restore(
        self,
        orders: Iterable[tuple[Order, datetime | None]],
        balances: Mapping[Currency, Decimal] | None = None,
        earlier: Iterable[Fill] = (),
    ) -> None:
        """Put back what was open before a restart; call it once the feed stands where it stood.

        Each order comes with the close time of the last bar it was matched on, if that is known; the bar of
        its newest fill counts as matched anyway. `balances` is what the ledger says the account holds. Only
        orders that this venue had accepted are put back: the others never reached it, and `lookup` says so.
        Orders that are over may come along: their fills count for the fee rates, and end their groups. So do
        for the rates those of orders that are not named any more, `earlier`.

        Triggers stand where the bars of the feed's history left them. Where that does not reach back, a
        trailing one stands lower for a sale than it was: it is met later, never earlier.
        """
        if balances is not None:
            self._matching.set_balances(balances)
        self._matching.remember(earlier)
        grouped: list[tuple[str, Fill]] = []
        for order, last_matched in orders:
            self._matching.remember(order.fills)
            if order.intent.group:
                grouped += ((order.intent.group, fill) for fill in order.fills)
            if order.status in OPEN_AT_VENUE:
                self._put_back(order, last_matched)
        for group, fill in grouped:
            ended = self._matching.close_group(group, fill.client_id, fill.filled_at)
            self._unreported += map(_report, ended)

    def _put_back(self, order: Order, last_matched: datetime | None) -> None:
        feed, intent = self._feed, order.intent
        bar = feed.timeframe.delta
        closes = (last_matched, _bar_close(order.fills, bar))
        known = [close for close in closes if close is not None and close > intent.created_at]
        matched = max(known, default=None)
        met: list[Candle] = []
        if intent.order_type in TRIGGERED and matched is not None:
            bars = feed.history(intent.symbol, matched, (matched - intent.created_at) // bar + 1)
            met = [bars.candle(row, feed.instruments[intent.symbol]) for row in range(len(bars))]
        quote = feed.quote(intent.symbol) if intent.order_type is _MARKET else None
        reference = None if quote is None else quote.ask
        self._matching.restore(intent, order.fills, intent.created_at, matched, reference, met)
        if self._needs_book:
            self._books[intent.symbol] = feed.book(intent.symbol)

    def _match(self, symbol: Symbol, now: datetime) -> None:
        candle = self._feed.candle(symbol)
        if candle is None:
            self._unreported += map(_report, self._matching.pass_by(symbol, now))
        else:
            self._unreported += map(_report, self._matching.on_bar(candle, self._books.get(symbol)))
        if self._needs_book and symbol in self._waiting:
            # What is known now is what the next bar is matched on.
            self._books[symbol] = self._feed.book(symbol)


def _reference(intent: OrderIntent, quote: Quote) -> Decimal | None:
    """The price that decides whether an order would take or trigger at once; a plain limit needs none."""
    if intent.order_type is _LIMIT:
        if not intent.post_only:
            return None
        return quote.ask if intent.side is Side.BUY else quote.bid
    return quote.last


def _report(report: MatchReport) -> VenueReport:
    if isinstance(report, Fill):
        return Executed(report)
    return Closed(report.client_id, report.symbol, report.status, report.reason, report.at)


def _view(order: Resting) -> VenueOrder:
    intent = order.intent
    return VenueOrder(
        client_id=intent.client_id,
        venue_id=order.venue_id,
        symbol=intent.symbol,
        status=order.status,
        filled=intent.quantity - order.remaining,
        fills=order.fills,
        terms=Terms(
            intent.side, intent.order_type, intent.quantity, intent.limit_price, intent.trigger_price
        ),
    )


def _bar_close(fills: Iterable[Fill], bar: timedelta) -> datetime | None:
    """The close time of the bar that holds the newest fill; bars lie on multiples of their length."""
    newest = max((fill.filled_at for fill in fills), default=None)
    if newest is None:
        return None
    return newest - (newest - EPOCH) % bar + bar
