"""Every limit there is: its kind, its default, the loosest it may ever be, and what it means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from risk.limit_kinds import (
    AGE,
    BLACKOUTS,
    COUNT,
    EQUITY,
    FRACTION,
    FRACTION_OR_ZERO,
    HOURS,
    LEVERAGE,
    PERMITTED,
    QUOTE,
    RATIO,
    REQUIRED,
    RESERVE,
    SPAN,
    SYMBOLS,
    WAIT,
    Kind,
)


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit. `default` and `ceiling` are written as in a configuration file.

    The ceiling is the loosest value that anyone may ever set. None means that no number suits every
    account: then what the configuration says is the ceiling.
    """

    kind: Kind
    default: object
    ceiling: object
    says: str


LIMITS: Final[Mapping[str, Limit]] = MappingProxyType(
    {
        "allowed_symbols": Limit(SYMBOLS, None, None, "what may be bought"),
        "max_quote_age_seconds": Limit(AGE, 7200, None, "the oldest quote that still is the market"),
        "allow_estimated_prices": Limit(
            PERMITTED, False, True, "whether a quote modelled from candles may be traded on"
        ),
        "max_price_disagreement_fraction": Limit(
            FRACTION, "0.03", "0.10", "how far the quote may be from an independent reference"
        ),
        "price_collar_fraction": Limit(
            FRACTION, "0.05", "0.20", "how far an order's price may be from the middle of the quote"
        ),
        "max_order_notional_quote": Limit(QUOTE, "25000", None, "the value of one entry"),
        "max_position_notional_quote": Limit(
            QUOTE, None, None, "the value of one holding with all pending; the next may stand instead"
        ),
        "max_position_equity_fraction": Limit(
            EQUITY, "0.30", 1, "the same of equity; one of these two may be unset"
        ),
        "max_cluster_equity_fraction": Limit(
            EQUITY, "0.90", 1, "holdings, pending entries and the order in assets that move together"
        ),
        "min_correlation_fraction": Limit(
            FRACTION, "0.80", "0.95", "two assets correlated at least so much move together"
        ),
        "max_gross_exposure_equity_fraction": Limit(EQUITY, "0.90", 1, "all holdings and pending entries"),
        "max_leverage_ratio": Limit(LEVERAGE, 1, 1, "exposure to equity; 1 is spot, without borrowing"),
        "fee_reserve_fraction": Limit(
            RESERVE, "0.005", 0, "what a buy must leave for fees and slippage, of its value"
        ),
        "max_depth_fraction": Limit(
            FRACTION, "0.25", 1, "an order's share of the visible depth on the side it takes"
        ),
        "max_volume_fraction": Limit(
            FRACTION, "0.01", "0.10", "an order's share of what was traded in the last 24 hours"
        ),
        "max_orders_per_window_count": Limit(COUNT, 60, 1000, "orders submitted within the rate window"),
        "order_rate_window_seconds": Limit(SPAN, 3600, 60, "the rate window"),
        "duplicate_window_seconds": Limit(
            WAIT, 30, 0, "the same symbol, side and quantity again within it is refused; 0 is off"
        ),
        "max_open_orders_count": Limit(COUNT, 20, 200, "orders that may still fill, stops included"),
        "require_stop": Limit(REQUIRED, True, False, "every entry names the price at which it is wrong"),
        "max_stop_distance_fraction": Limit(
            FRACTION, "0.15", "0.50", "how far that price may be from the entry"
        ),
        "min_reward_to_risk_ratio": Limit(
            RATIO, 1, 0, "distance to a named take-profit over distance to the stop, at the live price"
        ),
        "max_trade_loss_equity_fraction": Limit(
            EQUITY, "0.02", "0.10", "loss of one entry when its stop is hit"
        ),
        "max_daily_loss_fraction": Limit(
            FRACTION, "0.05", "0.20", "loss of equity since UTC midnight, unrealised included"
        ),
        "max_weekly_loss_fraction": Limit(
            FRACTION, "0.10", "0.35", "loss of equity since UTC midnight on Monday, unrealised included"
        ),
        "max_drawdown_fraction": Limit(
            FRACTION, "0.20", "0.50", "loss of equity since its peak, unrealised included"
        ),
        "max_loss_streak_count": Limit(COUNT, 6, 20, "losing round trips in a row before entries pause"),
        "loss_streak_pause_seconds": Limit(WAIT, 14_400, 900, "how long they pause"),
        "loss_cooldown_seconds": Limit(
            WAIT, 0, 0, "after a losing exit, how long its symbol has no entry; 0 is none"
        ),
        "max_stressed_loss_equity_fraction": Limit(
            EQUITY, "0.60", "0.90", "loss of the book with the order in the worst scenario"
        ),
        "max_var_equity_fraction": Limit(EQUITY, "0.15", "0.30", "value at risk, one day, 99 %"),
        "max_cvar_equity_fraction": Limit(EQUITY, "0.20", "0.40", "expected shortfall, one day, 97.5 %"),
        "trading_hours_utc": Limit(HOURS, "always", "always", "when entries are allowed"),
        "blackout_windows_utc": Limit(BLACKOUTS, "none", None, "when they are not"),
        "news_blackout_seconds": Limit(
            WAIT, 3600, 0, "no entry in a symbol so long after a severe headline about it"
        ),
        "max_abstention_fraction": Limit(
            FRACTION_OR_ZERO, "0.5", 1, "share of roles abstaining, of the last 20 asked, that is healthy"
        ),
        "unhealthy_size_fraction": Limit(
            FRACTION_OR_ZERO, "0.5", 1, "what is left of an entry's size when more abstain"
        ),
    }
)
