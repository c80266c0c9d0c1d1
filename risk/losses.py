"""The rules on losses: equity at market prices, against the start of the day and against its peak."""

from __future__ import annotations

from decimal import Decimal

from domain.money import ZERO
from domain.verdicts import Breach
from risk.breaches import missing, percent, plain, unset
from risk.case import Case


def daily_loss(case: Case) -> Breach | None:
    """Equity, unrealised included, has lost less than `max_daily_loss_fraction` since UTC midnight."""
    if case.reduces:
        return None
    limit, account = case.limits.max_daily_loss_fraction, case.facts.account
    if limit is None:
        return unset("daily_loss", "max_daily_loss_fraction")
    if account is None:
        return missing("daily_loss", "the account")
    return _loss("daily_loss", account.day_start_equity, account.equity, limit, "since the day began")


def peak_drawdown(case: Case) -> Breach | None:
    """Equity, unrealised included, is less than `max_drawdown_fraction` below its peak."""
    if case.reduces:
        return None
    limit, account = case.limits.max_drawdown_fraction, case.facts.account
    if limit is None:
        return unset("peak_drawdown", "max_drawdown_fraction")
    if account is None:
        return missing("peak_drawdown", "the account")
    return _loss("peak_drawdown", account.peak_equity, account.equity, limit, "below its peak")


def _loss(rule: str, start: Decimal, equity: Decimal, limit: Decimal, since: str) -> Breach | None:
    lost = start - equity
    if lost <= ZERO or lost < limit * start:
        return None
    share = percent(lost / start)
    return Breach(
        rule, percent(limit), share, f"equity is {share} {since}: {plain(equity)} of {plain(start)}"
    )
