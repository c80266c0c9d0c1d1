"""Limits that cannot all be meant: what contradicts what, and which of them to change.

Each is said in one sentence. Limits that are unset are not compared.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from domain.instrument import split_symbol
from risk.limit_kinds import text_of
from risk.limits import RiskLimits

SMALLEST_ENTRY: Final = Decimal("0.05")
"""An entry below this share of the position limit is too small to be meant: 1.5 % of equity for 30 %."""

NOT_ABOVE: Final = (
    ("max_trade_loss_equity_fraction", "max_daily_loss_fraction", "one entry could lose more than a day may"),
    ("max_daily_loss_fraction", "max_weekly_loss_fraction", "a day could lose more than a week may"),
    ("max_weekly_loss_fraction", "max_drawdown_fraction", "a week could lose more than may be lost at all"),
    ("max_daily_loss_fraction", "max_drawdown_fraction", "a day could lose more than may be lost at all"),
    (
        "max_order_notional_quote",
        "max_position_notional_quote",
        "one order could be worth more than the holding it makes",
    ),
    (
        "max_position_equity_fraction",
        "max_cluster_equity_fraction",
        "one holding could exceed what its whole cluster may be",
    ),
    (
        "max_cluster_equity_fraction",
        "max_gross_exposure_equity_fraction",
        "one cluster could exceed all holdings together",
    ),
    (
        "max_position_equity_fraction",
        "max_gross_exposure_equity_fraction",
        "one holding could exceed all holdings together",
    ),
    ("max_gross_exposure_equity_fraction", "max_leverage_ratio", "the holdings would need borrowed money"),
    (
        "max_var_equity_fraction",
        "max_cvar_equity_fraction",
        "an expected shortfall is not below the value at risk that it goes beyond",
    ),
    (
        "max_cvar_equity_fraction",
        "max_stressed_loss_equity_fraction",
        "an ordinary bad day could cost more than the worst scenario may",
    ),
)


def contradictions(limits: RiskLimits) -> tuple[str, ...]:
    """Every contradiction in the limits, each with what to change; empty when there is none."""
    return tuple(said for find in _CHECKS for said in find(limits))


def _ordered(limits: RiskLimits) -> list[str]:
    found = []
    for small, large, why in NOT_ABOVE:
        low, high = getattr(limits, small), getattr(limits, large)
        if low is not None and high is not None and low > high:
            found.append(
                f"{small} = {text_of(low)} is above {large} = {text_of(high)}: {why}; "
                f"lower {small} to at most {text_of(high)} or raise {large}"
            )
    return found


def _stop_beyond_the_trade_loss(limits: RiskLimits) -> list[str]:
    """The widest stop must leave room for an entry of a meaningful size: loss = size * distance."""
    loss, distance = limits.max_trade_loss_equity_fraction, limits.max_stop_distance_fraction
    position = limits.max_position_equity_fraction
    if loss is None or distance is None or position is None:
        return []
    smallest = position * SMALLEST_ENTRY
    if loss >= distance * smallest:
        return []
    most = loss / smallest
    return [
        f"max_stop_distance_fraction = {text_of(distance)} is wider than "
        f"max_trade_loss_equity_fraction = {text_of(loss)} allows even for an entry of {text_of(smallest)} "
        f"of equity; lower max_stop_distance_fraction to at most {most:.4f} or raise the loss limit"
    ]


def _several_currencies(limits: RiskLimits) -> list[str]:
    currencies = sorted({split_symbol(symbol)[1] for symbol in limits.allowed_symbols or ()})
    if len(currencies) < 2:
        return []
    return [
        f"allowed_symbols are quoted in {' and '.join(currencies)}, but an account has one currency; "
        "name the symbols of one"
    ]


_CHECKS: Final[tuple[Callable[[RiskLimits], list[str]], ...]] = (
    _ordered,
    _stop_beyond_the_trade_loss,
    _several_currencies,
)
