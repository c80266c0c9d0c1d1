"""When a loss limit is reached, what is held goes: refusing entries alone would let the loss run on.

The gate refuses entries once equity is as far below the start of the day, the start of the week or its peak
as the limits say. What was bought before would go on losing until its stops. So the guardian sells it then,
at market and through the desk, and a loss ends at its limit and what one bar adds to it.
"""

from __future__ import annotations

from decimal import Decimal

from domain.money import ZERO
from portfolio.portfolio import Portfolio
from risk.limits import RiskLimits


class LossLimit:
    """Whether a limit on losses is reached, of equity at the newest marks, unrealised included."""

    def __init__(self, portfolio: Portfolio, limits: RiskLimits) -> None:
        self._portfolio = portfolio
        self._limits = limits

    def limit_to(self, limits: RiskLimits) -> None:
        """From now on these limits."""
        self._limits = limits

    def reached(self) -> str:
        """Which limit is reached, in words; empty while none is.

        The comparison is the gate's: a loss equal to the limit reaches it. A limit that is unset is never
        reached here; it refuses every entry at the gate.
        """
        account, limits = self._portfolio, self._limits
        equity = account.equity
        for start, most, since in (
            (account.day_start_equity, limits.max_daily_loss_fraction, "since the day began"),
            (account.week_start_equity, limits.max_weekly_loss_fraction, "since the week began"),
            (account.peak_equity, limits.max_drawdown_fraction, "below its peak"),
        ):
            if most is not None and _reached(start - equity, most * start):
                return f"equity is {(start - equity) / start:.2%} {since}, the limit is {most:.2%}"
        return ""


def _reached(lost: Decimal, allowed: Decimal) -> bool:
    return lost > ZERO and lost >= allowed
