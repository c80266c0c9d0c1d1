"""What the gate is told: gathered anew for every review, from the account, the feed and the desk."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from domain.halt import HaltState
from domain.money import ZERO, Symbol
from domain.orders import Order, OrderIntent, OrderType, Side
from market.feed import Feed
from portfolio.portfolio import Portfolio
from risk.facts import AccountFacts, OpenOrderFacts, PositionFacts, RiskFacts
from risk.limit_kinds import LONGEST_RATE_WINDOW
from risk.limits import RiskLimits

_STOP: Final = OrderType.STOP  # read for every open order; off its class it costs more than a comparison
_SELL: Final = Side.SELL


class FactsSource:
    """Facts about one account on one feed. What cannot be established is None, and None refuses."""

    def __init__(
        self, portfolio: Portfolio, feed: Feed, halt: Callable[[], HaltState], limits: RiskLimits
    ) -> None:
        self._portfolio = portfolio
        self._feed = feed
        self._halt = halt
        self._sent: deque[datetime] = deque()  # for as long as the longest window there may be
        self.limit_to(limits)
        self._account: AccountFacts | None = None
        self._account_version = 0

    def limit_to(self, limits: RiskLimits) -> None:
        """Count by these limits from now on; a longer window counts what was sent before, too."""
        seconds = limits.order_rate_window_seconds
        self._window = None if seconds is None else timedelta(seconds=seconds)
        self._submitted = deque(self._sent)

    def submitted(self, at: datetime) -> None:
        """The desk sent an order at `at`: it counts against the order rate."""
        self._submitted.append(at)
        sent = self._sent
        sent.append(at)
        while at - sent[0] > LONGEST_RATE_WINDOW:
            sent.popleft()

    def recent_orders(self, now: datetime) -> int | None:
        """Orders sent within the rate window before `now`; None when the window is not set."""
        if self._window is None:
            return None
        times = self._submitted
        start = now - self._window
        while times and times[0] <= start:
            times.popleft()
        return len(times)

    def gather(self, symbol: Symbol, now: datetime, open_orders: Iterable[Order]) -> RiskFacts:
        """Everything known at `now` for an order in `symbol`.

        `open_orders` are the desk's orders that may still fill, without the one under review.
        """
        feed = self._feed
        return RiskFacts(
            self._halt(),
            self._account_facts(),
            feed.instruments.get(symbol),
            feed.quote(symbol),
            self._open_orders(open_orders) if open_orders else (),
            self.recent_orders(now),
        )

    def _account_facts(self) -> AccountFacts:
        """The account as it stands; made anew whenever anything in it has changed."""
        portfolio, account = self._portfolio, self._account
        version = portfolio.version
        if account is None or version != self._account_version:
            self._account_version = version
            account = self._account = AccountFacts(
                portfolio.capital.currency,
                portfolio.equity,
                portfolio.day_start_equity,
                portfolio.peak_equity,
                portfolio.balances(),
                {symbol: PositionFacts(quantity, mark) for symbol, quantity, mark in portfolio.held()},
            )
        return account

    def _open_orders(self, orders: Iterable[Order]) -> tuple[OpenOrderFacts, ...] | None:
        """The gate's view of the orders; None when what one of them may pay is not known."""
        facts: list[OpenOrderFacts] = []
        for order in orders:
            intent = order.intent
            price = intent.limit_price or intent.trigger_price or self._market_price(intent)
            if price is None:
                return None
            facts.append(
                OpenOrderFacts(
                    client_id=intent.client_id,
                    symbol=intent.symbol,
                    side=intent.side,
                    remaining=order.remaining,
                    price=price,
                    reduce_only=intent.reduce_only,
                    is_stop=intent.order_type is _STOP,
                )
            )
        return tuple(facts)

    def _market_price(self, intent: OrderIntent) -> Decimal | None:
        quote = self._feed.quote(intent.symbol)
        if quote is not None:
            return quote.ask
        return ZERO if intent.side is _SELL else None  # a sale sets aside no money
