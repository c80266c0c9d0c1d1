"""When a loss limit is reached, what is held goes: refusing entries alone would let the loss run on.

The gate refuses entries once equity is as far below the start of the day, the start of the week or its peak
as the limits say. What was bought before would go on losing until its stops. So the guardian sells it then,
at market and through the desk, and a loss ends at its limit and what is added to it until somebody looks:
one bar on a tape, and at a venue, where quotes are newer than the last bar, `PERSISTS` and one look.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from domain.clock import Clock
from domain.market import Quote
from domain.money import ZERO, Symbol
from portfolio.portfolio import Portfolio
from risk.limits import RiskLimits

PERSISTS: Final = timedelta(seconds=10)
"""A loss that only quotes show counts when they have shown it for so long: one odd quote sells nothing."""


class LossLimit:
    """Whether a limit on losses is reached, of equity at the newest prices, unrealised included.

    `quote` tells the newest quote of a symbol; without it only marks count, which move at bar closes.
    """

    def __init__(
        self, portfolio: Portfolio, limits: RiskLimits, clock: Clock, quote: Callable[[Symbol], Quote | None]
    ) -> None:
        self._portfolio = portfolio
        self._limits = limits
        self._clock = clock
        self._quote = quote
        self._since: datetime | None = None

    def limit_to(self, limits: RiskLimits) -> None:
        """From now on these limits."""
        self._limits = limits

    def reached(self) -> str:
        """Which limit is reached, in words; empty while none is.

        The comparison is the gate's: a loss equal to the limit reaches it. A limit that is unset is never
        reached here; it refuses every entry at the gate. At marks it counts at once.
        """
        marked = self._portfolio.equity
        why = self._beyond(marked)
        equity = marked if why else self._at_quotes(marked)
        if equity is marked:
            self._since = None
            return why
        why = self._beyond(equity)
        if not why:
            self._since = None
            return ""
        now = self._clock.now()
        if self._since is None:
            self._since = now
        return f"{why}, by quotes of {PERSISTS.seconds} s" if now - self._since >= PERSISTS else ""

    def _beyond(self, equity: Decimal) -> str:
        account, limits = self._portfolio, self._limits
        for start, most, since in (
            (account.day_start_equity, limits.max_daily_loss_fraction, "since the day began"),
            (account.week_start_equity, limits.max_weekly_loss_fraction, "since the week began"),
            (account.peak_equity, limits.max_drawdown_fraction, "below its peak"),
        ):
            if most is not None and _reached(start - equity, most * start):
                return f"equity is {(start - equity) / start:.2%} {since}, the limit is {most:.2%}"
        return ""

    def _at_quotes(self, equity: Decimal) -> Decimal:
        """Equity with each holding at the middle of its quote, where that is real and newer than its mark."""
        marked_at = self._portfolio.marked_at
        for symbol, quantity, mark in self._portfolio.held():
            quote = self._quote(symbol)
            if quote is None or quote.estimated or (marked_at is not None and quote.as_of <= marked_at):
                continue
            if ZERO < quote.bid <= quote.ask:
                equity += quantity * (quote.mid - mark)
        return equity


def _reached(lost: Decimal, allowed: Decimal) -> bool:
    return lost > ZERO and lost >= allowed
