"""The rules on losses: what was lost, and what this order could lose.

What was lost is equity at market prices, unrealised included, against the start of the day, of the week and
its peak. What could be lost is measured at the stop, in named scenarios, and by value at risk and expected
shortfall over one day, each of everything held, everything pending and this order together.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from domain.money import ZERO
from domain.verdicts import Breach
from risk.breaches import missing, percent, plain, unset
from risk.case import Case

VAR_99: Final = Decimal("2.6065")
"""Value at risk of one day at 99 %, in standard deviations: the quantile of Student's t with 5 degrees of
freedom, scaled to a variance of 1, as in Zumbach, The RiskMetrics 2006 methodology. The normal's is 2.33."""
CVAR_975: Final = Decimal("2.7278")
"""Expected shortfall of one day at 97.5 % of the same distribution (McNeil, Frey and Embrechts, Quantitative
Risk Management, equation 2.25). The normal's is 2.34."""
_VAR_SQUARED: Final = VAR_99 * VAR_99
_CVAR_SQUARED: Final = CVAR_975 * CVAR_975


def trade_loss(case: Case) -> Breach | None:
    """The order loses at most `max_trade_loss_equity_fraction` of equity when its stop is hit.

    quantity * (price - stop), from the worst price it may get; without a stop all of it.
    """
    limit, account = case.limits.max_trade_loss_equity_fraction, case.facts.account
    if limit is None:
        return unset("trade_loss", "max_trade_loss_equity_fraction")
    price, stop = case.price, case.intent.protective_stop
    if account is None or price is None:
        return missing("trade_loss", "the account or the price")
    lost = case.intent.quantity * (price if stop is None else price - stop)
    allowed = limit * account.equity
    if lost <= allowed:
        return None
    return Breach(
        "trade_loss",
        f"{percent(limit)} of equity, {plain(allowed)}",
        plain(lost),
        f"the order would lose {plain(lost)} at its stop, allowed are {plain(allowed)}",
    )


def trade_loss_allows(case: Case) -> Decimal | None:
    limit, account = case.limits.max_trade_loss_equity_fraction, case.facts.account
    price, stop = case.price, case.intent.protective_stop
    if limit is None or account is None or price is None:
        return None
    risk = price if stop is None else price - stop
    return limit * account.equity / risk if risk > ZERO else None


def daily_loss(case: Case) -> Breach | None:
    """Equity, unrealised included, has lost less than `max_daily_loss_fraction` since UTC midnight."""
    limit, account = case.limits.max_daily_loss_fraction, case.facts.account
    if limit is None:
        return unset("daily_loss", "max_daily_loss_fraction")
    if account is None:
        return missing("daily_loss", "the account")
    return _loss("daily_loss", account.day_start_equity, account.equity, limit, "since the day began")


def weekly_loss(case: Case) -> Breach | None:
    """Equity, unrealised included, has lost less than `max_weekly_loss_fraction` since Monday, UTC."""
    limit, account, losses = case.limits.max_weekly_loss_fraction, case.facts.account, case.facts.losses
    if limit is None:
        return unset("weekly_loss", "max_weekly_loss_fraction")
    if account is None or losses is None:
        return missing("weekly_loss", "the account or what it was worth when the week began")
    start = losses.week_start_equity
    if not start > ZERO:
        return Breach("weekly_loss", "above zero", str(start), f"a start of week of {start} makes no sense")
    return _loss("weekly_loss", start, account.equity, limit, "since the week began")


def peak_drawdown(case: Case) -> Breach | None:
    """Equity, unrealised included, is less than `max_drawdown_fraction` below its peak."""
    limit, account = case.limits.max_drawdown_fraction, case.facts.account
    if limit is None:
        return unset("peak_drawdown", "max_drawdown_fraction")
    if account is None:
        return missing("peak_drawdown", "the account")
    return _loss("peak_drawdown", account.peak_equity, account.equity, limit, "below its peak")


def stressed_loss(case: Case) -> Breach | None:
    """In the worst scenario the book with this order loses at most `max_stressed_loss_equity_fraction`.

    Pending buys of other symbols count as if they fell as far as the worst asset of the session.
    """
    limit, account, book = (
        case.limits.max_stressed_loss_equity_fraction,
        case.facts.account,
        case.facts.book,
    )
    if limit is None:
        return unset("stressed_loss", "max_stressed_loss_equity_fraction")
    if account is None or book is None or case.notional is None or case.pending_here is None:
        return missing("stressed_loss", "what the book would lose")
    scenarios = book.scenarios
    if not scenarios or len(scenarios) != len(book.scenario_losses):
        return missing("stressed_loss", "what could happen")
    allowed = limit * account.equity
    here, other = case.notional + case.pending_here, _pending_elsewhere(case)
    for already, scenario in zip(book.scenario_losses, scenarios):  # noqa: B905  compared above
        lost = already + here * scenario.shock_fraction
        if other:
            lost += other * scenario.worst_fraction
        if lost > allowed:
            return Breach(
                "stressed_loss",
                f"{percent(limit)} of equity, {plain(allowed)}",
                plain(lost),
                f"in {scenario.name} the book would lose {plain(lost)}, allowed are {plain(allowed)}",
            )
    return None


def stressed_loss_allows(case: Case) -> Decimal | None:
    limit, account, book = (
        case.limits.max_stressed_loss_equity_fraction,
        case.facts.account,
        case.facts.book,
    )
    if limit is None or account is None or book is None or case.pending_here is None:
        return None
    allowed, other = limit * account.equity, _pending_elsewhere(case)
    most: Decimal | None = None
    for lost, scenario in zip(book.scenario_losses, book.scenarios, strict=True):
        room = allowed - lost - other * scenario.worst_fraction
        if scenario.shock_fraction > ZERO:
            value = room / scenario.shock_fraction
            most = value if most is None else min(most, value)
        elif room < ZERO:
            return None
    return _quantity(case, most)


def value_at_risk(case: Case) -> Breach | None:
    """One day's value at risk at 99 %, this order included, is at most `max_var_equity_fraction`."""
    limit = case.limits.max_var_equity_fraction
    if limit is None:
        return unset("value_at_risk", "max_var_equity_fraction")
    return _risk("value_at_risk", case, limit, VAR_99, _VAR_SQUARED)


def value_at_risk_allows(case: Case) -> Decimal | None:
    return _risk_allows(case, case.limits.max_var_equity_fraction, VAR_99)


def expected_shortfall(case: Case) -> Breach | None:
    """One day's expected shortfall at 97.5 %, this order included, is at most `max_cvar_equity_fraction`."""
    limit = case.limits.max_cvar_equity_fraction
    if limit is None:
        return unset("expected_shortfall", "max_cvar_equity_fraction")
    return _risk("expected_shortfall", case, limit, CVAR_975, _CVAR_SQUARED)


def expected_shortfall_allows(case: Case) -> Decimal | None:
    return _risk_allows(case, case.limits.max_cvar_equity_fraction, CVAR_975)


def _loss(rule: str, start: Decimal, equity: Decimal, limit: Decimal, since: str) -> Breach | None:
    lost = start - equity
    if lost <= ZERO or lost < limit * start:
        return None
    share = percent(lost / start)
    return Breach(
        rule, percent(limit), share, f"equity is {share} {since}: {plain(equity)} of {plain(start)}"
    )


def _pending_elsewhere(case: Case) -> Decimal:
    """The value of pending buys in other symbols."""
    if not case.pending_buys or case.pending_here is None:
        return ZERO
    return case.pending_buys - case.pending_here


def _risk(rule: str, case: Case, limit: Decimal, deviations: Decimal, squared: Decimal) -> Breach | None:
    """Whether so many standard deviations of the book with this order are within a fraction of equity.

    A pending buy of another symbol counts as fully correlated and as restless as the most restless asset:
    deviations add up at most. Both sides are squared, so that no root is drawn.
    """
    account, book = case.facts.account, case.facts.book
    if account is None or book is None or case.notional is None or case.pending_here is None:
        return missing(rule, "how the book moves")
    variance = case.variance(book, case.notional + case.pending_here)
    room = limit * account.equity
    other = _pending_elsewhere(case)
    if other:
        room -= deviations * other * book.worst_deviation
    if variance >= ZERO and room >= ZERO and variance * squared <= room * room:
        return None
    told = plain(round(deviations * variance.sqrt(), 2)) if variance >= ZERO else "senseless"
    allowed = plain(limit * account.equity)
    return Breach(
        rule,
        f"{percent(limit)} of equity, {allowed}",
        told,
        f"a bad day could cost {told}, and pending orders more; allowed are {allowed}",
    )


def _risk_allows(case: Case, limit: Decimal | None, deviations: Decimal) -> Decimal | None:
    """The largest x with v + 2 x c + x^2 a <= r^2, less what is pending, as a quantity."""
    account, book = case.facts.account, case.facts.book
    if limit is None or account is None or book is None or case.pending_here is None:
        return None
    room = limit * account.equity / deviations - _pending_elsewhere(case) * book.worst_deviation
    left = room * room - book.variance
    if room < ZERO or left < ZERO:
        return None
    a, c = book.asset_variance, book.covariance
    if a > ZERO:
        return _quantity(case, ((c * c + a * left).sqrt() - c) / a)
    return _quantity(case, left / (c + c)) if c > ZERO else None


def _quantity(case: Case, value: Decimal | None) -> Decimal | None:
    """The quantity of an order that takes its symbol, with what is pending there, to `value`."""
    if value is None or case.price is None or case.pending_here is None:
        return None
    return (value - case.pending_here) / case.price
