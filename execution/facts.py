"""What the gate is told: from the account, the feed, the desk, its models and its breakers.

Gathered for every review, but nothing is worked out again while what it comes from stands. An order that can
only reduce is told no more than the rules it is asked need.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import repeat
from typing import Final

from domain.halt import HaltState
from domain.money import ONE, ZERO, Symbol
from domain.orders import Fill, Order, OrderIntent, OrderStatus, OrderType, Side
from execution.book_facts import BookSource
from execution.market_facts import MarketSource
from market.feed import Feed
from portfolio.portfolio import Portfolio
from risk.facts import (
    AccountFacts,
    BreakerFacts,
    HealthFacts,
    IntentFacts,
    LossFacts,
    OpenOrderFacts,
    PositionFacts,
    RiskFacts,
)
from risk.history import LossBook
from risk.limits import RiskLimits

_STOP: Final = OrderType.STOP  # read for every open order; off its class it costs more than a comparison
_SELL: Final = Side.SELL
_MARKET: Final = OrderType.MARKET
_EXPIRED: Final = OrderStatus.EXPIRED

ASKED: Final = 20
"""So many of the newest answers of models tell how they are doing."""
REMEMBERED: Final = 512
"""Open orders whose facts are kept for the next review."""
ALL_CLOSED: Final = BreakerFacts(ONE, ())


def no_breakers(symbol: Symbol) -> BreakerFacts:
    """For a desk that has no breakers: nothing is open."""
    return ALL_CLOSED


class FactsSource:
    """Facts about one account on one feed. What cannot be established is None, and None refuses.

    `breakers` tells how those stand that concern a symbol; without it that is unknown, which refuses entries.
    `limits` say how far back orders and news matter; `limit_to` takes over others.
    """

    def __init__(
        self,
        portfolio: Portfolio,
        feed: Feed,
        halt: Callable[[], HaltState],
        limits: RiskLimits,
        *,
        breakers: Callable[[Symbol], BreakerFacts] | None = None,
    ) -> None:
        self._portfolio = portfolio
        self._feed = feed
        self._halt = halt
        self._breakers = breakers
        self._submitted: deque[tuple[datetime, Order]] = deque()
        self._account: AccountFacts | None = None
        self._account_version = 0
        self._open: dict[str, tuple[OrderIntent, Decimal, OpenOrderFacts]] = {}
        self._answers: deque[bool] = deque(maxlen=ASKED)
        self._health = HealthFacts(0, 0)
        self._market: MarketSource | None = None
        self._news = _NONE
        self._book: BookSource | None = None
        self._lost = LossBook(feed.instruments)
        self._losses: LossFacts | None = None
        self._losses_version = self._lost_fills = 0
        self.limit_to(limits)

    def limit_to(self, limits: RiskLimits) -> None:
        """Take over new limits, in force from the next review on."""
        window, again, news = (
            limits.order_rate_window_seconds,
            limits.duplicate_window_seconds,
            limits.news_blackout_seconds,
        )
        self._window = None if window is None else timedelta(seconds=window)
        self._again = None if again is None else timedelta(seconds=again)
        self._kept = max(self._window or _NONE, self._again or _NONE)
        since = timedelta(seconds=news or 0)
        if since != self._news:
            self._news, self._market = since, None  # headlines are read again, as far back as they matter now

    def submitted(self, at: datetime, order: Order) -> None:
        """The desk sent an order at `at`: it counts against the order rate and for duplicates."""
        self._submitted.append((at, order))

    def answered(self, asked: int, abstained: int) -> None:
        """A cycle asked its models so often, and so many answers were abstentions."""
        if asked:
            self._answers.extend(repeat(False, asked - abstained))
            self._answers.extend(repeat(True, abstained))
            self._health = HealthFacts(len(self._answers), sum(self._answers))

    def recent_orders(self, now: datetime) -> int | None:
        """Orders sent within the rate window before `now`; None when the window is not set."""
        if self._window is None:
            return None
        times = self._submitted
        if not times:
            return 0
        start = now - self._kept
        while times and times[0][0] <= start:
            times.popleft()
        if self._kept == self._window:
            return len(times)
        start = now - self._window
        return sum(at > start for at, _ in times)

    def gather(
        self, symbol: Symbol, now: datetime, open_orders: Iterable[Order], *, entry: bool = True
    ) -> RiskFacts:
        """Everything known at `now` for an order in `symbol`.

        `open_orders` are the desk's orders that may still fill, without the one under review. An order that
        is no `entry` can only reduce: what only rules on entries look at is left unknown.
        """
        feed = self._feed
        quote = feed.quote(symbol)
        if not entry:
            return RiskFacts(
                self._halt(),
                self._account_facts(self._portfolio.version),
                feed.instruments.get(symbol),
                quote,
                self._open_orders(open_orders) if open_orders else (),
                None,
            )
        market, book = self._market, self._book
        if market is None or book is None:
            market = self._market = MarketSource(feed)
            book = self._book = BookSource(feed)
        version = self._portfolio.version
        account = self._account_facts(version)
        breakers = self._breakers
        return RiskFacts(
            self._halt(),
            account,
            feed.instruments.get(symbol),
            quote,
            self._open_orders(open_orders) if open_orders else (),
            self.recent_orders(now),
            market.facts(symbol, quote, now, self._news),
            self._loss_facts(version),
            book.facts(symbol, account.positions, now),
            self._recent_intents(symbol, now),
            self._health,
            None if breakers is None else breakers(symbol),
        )

    def keep_up(self) -> None:
        """Work out now what fills and marks have changed, so that the next order need not wait for it.

        What cannot be worked out is left to the next review, which refuses and says why.
        """
        version = self._portfolio.version
        with contextlib.suppress(Exception):
            account = self._account_facts(version)
            self._loss_facts(version)
            if self._book is not None:
                self._book.keep_up(account.positions)

    def _recent_intents(self, symbol: Symbol, now: datetime) -> tuple[IntentFacts, ...] | None:
        """Orders of the symbol sent within the window for duplicates, newest first."""
        window = self._again
        if window is None:
            return None
        start = now - window
        found: list[IntentFacts] = []
        for at, order in reversed(self._submitted):
            if at <= start:
                break
            intent = order.intent
            if intent.symbol != symbol or _never_taken(order):
                continue
            found.append(IntentFacts(intent.client_id, intent.side, intent.quantity, intent.parent, at))
        return tuple(found)

    def _loss_facts(self, version: int) -> LossFacts:
        """What was lost, as of the newest fill and mark."""
        portfolio, losses = self._portfolio, self._losses
        if losses is None or version != self._losses_version:
            fills = portfolio.fills(self._lost_fills)
            last_loss_at = self._see(fills) if fills or losses is None else losses.last_loss_at
            losses = self._losses = LossFacts(
                portfolio.week_start_equity, self._lost.streak, self._lost.streak_at, last_loss_at
            )
            self._losses_version = version  # last: what failed on the way is worked out again
        return losses

    def _see(self, fills: list[Fill]) -> Mapping[Symbol, datetime]:
        """Take in what was filled since the last time; a book that cannot is begun anew by the next."""
        try:
            self._lost.see(fills)
        except BaseException:
            self._lost, self._lost_fills, self._losses = LossBook(self._feed.instruments), 0, None
            raise
        self._lost_fills += len(fills)
        return self._lost.last_loss_at

    def _account_facts(self, version: int) -> AccountFacts:
        """The account as it stands; made anew whenever anything in it has changed."""
        portfolio, account = self._portfolio, self._account
        if account is None or version != self._account_version:
            equity, day_start, peak = portfolio.standing()
            account = self._account = AccountFacts(
                portfolio.capital.currency,
                equity,
                day_start,
                peak,
                portfolio.balances(),
                self._positions({} if account is None else account.positions),
            )
            self._account_version = version  # last: what failed on the way is worked out again
        return account

    def _positions(self, known: Mapping[Symbol, PositionFacts]) -> Mapping[Symbol, PositionFacts]:
        """What is held; a holding that did not change is not told anew."""
        positions: dict[Symbol, PositionFacts] = {}
        for symbol, quantity, mark in self._portfolio.held():
            old = known.get(symbol)
            if old is None or old.quantity is not quantity or old.price is not mark:
                old = PositionFacts(quantity, mark)
            positions[symbol] = old
        return positions

    def _open_orders(self, orders: Iterable[Order]) -> tuple[OpenOrderFacts, ...] | None:
        """The gate's view of the orders; None when what one of them may pay is not known."""
        facts: list[OpenOrderFacts] = []
        known = self._open
        for order in orders:
            intent = order.intent
            seen = known.get(intent.client_id)
            if seen is not None and seen[0] is intent and seen[1] is order.filled:
                facts.append(seen[2])
                continue
            price = intent.limit_price or intent.trigger_price or self._market_price(intent)
            if price is None:
                return None
            fact = OpenOrderFacts(
                intent.client_id,
                intent.symbol,
                intent.side,
                order.remaining,
                price,
                intent.reduce_only,
                intent.order_type is _STOP,
            )
            facts.append(fact)
            if intent.order_type is not _MARKET:  # what that pays moves with the quote
                if len(known) >= REMEMBERED:
                    known.clear()
                known[intent.client_id] = (intent, order.filled, fact)
        return tuple(facts)

    def _market_price(self, intent: OrderIntent) -> Decimal | None:
        quote = self._feed.quote(intent.symbol)
        if quote is not None:
            return quote.ask
        return ZERO if intent.side is _SELL else None  # a sale sets aside no money


_NONE: Final = timedelta(0)


def _never_taken(order: Order) -> bool:
    """Whether the venue took nothing in, so that sending the same again is no second order."""
    return order.status is _EXPIRED and not order.venue_id and not order.filled
