"""Every rule of the gate in one table: what it asks, what it needs to know, and what it may clip.

A rule is a small pure function that returns its breach, or None when it is kept. A rule that cannot know
refuses: a missing fact or an unset limit is a breach, and an exception is made one by the gate. An order
that truly reduces (`Case.reduces`) is asked only the rules that hold for everything: a known account, a fresh
price, a known instrument, its form, the venue's filters, the holding it sells, the collar on its limit price.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from domain.verdicts import Breach
from risk import losses, rules_market, rules_order, rules_size, rules_time
from risk.case import Case
from risk.form import well_formed

Check = Callable[[Case], Breach | None]
Allows = Callable[[Case], Decimal | None]


class Asked(Enum):
    """Of which orders a rule is asked."""

    ALWAYS = "every order"
    ENTRIES = "every order that does not reduce"
    BUYS = "every buy"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `needs` are the fields of RiskFacts and `limits` those of RiskLimits that it looks at.

    `allows` tells the largest quantity, in base currency, with which the rule would be kept, or None when it
    cannot say; a rule without it is not one that a smaller order could keep.
    """

    check: Check
    needs: tuple[str, ...]
    limits: tuple[str, ...]
    asked: Asked
    allows: Allows | None = None

    @property
    def name(self) -> str:
        return self.check.__name__

    @property
    def meaning(self) -> str:
        """The first line of its docstring."""
        told = self.check.__doc__ or _written(self.check.__module__).get(self.name, "")
        return told.partition("\n")[0]


@cache
def _written(module: str) -> Mapping[str, str]:
    """The docstrings of a module's functions as they are written: machine code carries none along."""
    source = Path(__file__).with_name(f"{module.rpartition('.')[2]}.py")
    functions = [node for node in ast.parse(source.read_bytes()).body if isinstance(node, ast.FunctionDef)]
    return {each.name: ast.get_docstring(each) or "" for each in functions}


_ALWAYS, _ENTRIES, _BUYS = Asked.ALWAYS, Asked.ENTRIES, Asked.BUYS
_POSITION: Final = ("max_position_notional_quote", "max_position_equity_fraction")
_PENDING: Final = ("account", "instrument", "quote", "open_orders")

RULES: Final[tuple[Rule, ...]] = (
    Rule(rules_order.halt_state, ("halt",), (), _ENTRIES),
    Rule(rules_order.known_account, ("account",), (), _ALWAYS),
    Rule(rules_market.fresh_price, ("quote",), ("max_quote_age_seconds",), _ALWAYS),
    Rule(rules_market.price_agreement, ("quote", "market"), ("max_price_disagreement_fraction",), _ENTRIES),
    Rule(rules_market.estimated_price, ("quote",), ("allow_estimated_prices",), _ENTRIES),
    Rule(rules_order.allowed_symbol, ("instrument", "account"), ("allowed_symbols",), _ALWAYS),
    Rule(well_formed, ("quote",), (), _ALWAYS),
    Rule(rules_order.venue_filters, ("instrument", "quote"), (), _ALWAYS),
    Rule(rules_order.balance, _PENDING, ("fee_reserve_fraction",), _ALWAYS),
    Rule(
        rules_size.order_notional,
        ("quote",),
        ("max_order_notional_quote",),
        _ENTRIES,
        rules_size.notional_allows,
    ),
    Rule(
        rules_size.position_size,
        ("account", "quote", "open_orders"),
        _POSITION,
        _BUYS,
        rules_size.position_allows,
    ),
    Rule(
        rules_size.gross_exposure,
        ("account", "quote", "open_orders"),
        ("max_gross_exposure_equity_fraction",),
        _BUYS,
        rules_size.gross_allows,
    ),
    Rule(
        rules_size.leverage,
        ("account", "quote", "open_orders"),
        ("max_leverage_ratio", "fee_reserve_fraction"),
        _BUYS,
        rules_size.leverage_allows,
    ),
    Rule(
        rules_size.cluster_exposure,
        ("account", "quote", "open_orders", "book"),
        ("max_cluster_equity_fraction", "min_correlation_fraction"),
        _BUYS,
        rules_size.cluster_allows,
    ),
    Rule(
        rules_market.depth_share,
        ("quote", "market"),
        ("max_depth_fraction",),
        _ENTRIES,
        rules_market.depth_allows,
    ),
    Rule(
        rules_market.volume_share,
        ("quote", "market"),
        ("max_volume_fraction",),
        _ENTRIES,
        rules_market.volume_allows,
    ),
    Rule(rules_order.price_collar, ("quote",), ("price_collar_fraction",), _ALWAYS),
    Rule(
        rules_order.order_rate,
        ("recent_orders",),
        ("max_orders_per_window_count", "order_rate_window_seconds"),
        _ENTRIES,
    ),
    Rule(rules_order.duplicate_intent, ("recent_intents",), ("duplicate_window_seconds",), _ENTRIES),
    Rule(rules_order.open_orders, ("open_orders",), ("max_open_orders_count",), _ENTRIES),
    Rule(rules_order.stop_required, ("quote",), ("require_stop", "max_stop_distance_fraction"), _BUYS),
    Rule(rules_order.reward_to_risk, ("quote",), ("min_reward_to_risk_ratio",), _BUYS),
    Rule(
        losses.trade_loss,
        ("account", "quote"),
        ("max_trade_loss_equity_fraction",),
        _BUYS,
        losses.trade_loss_allows,
    ),
    Rule(losses.daily_loss, ("account",), ("max_daily_loss_fraction",), _ENTRIES),
    Rule(losses.weekly_loss, ("account", "losses"), ("max_weekly_loss_fraction",), _ENTRIES),
    Rule(losses.peak_drawdown, ("account",), ("max_drawdown_fraction",), _ENTRIES),
    Rule(
        rules_time.loss_streak,
        ("losses",),
        ("max_loss_streak_count", "loss_streak_pause_seconds"),
        _ENTRIES,
    ),
    Rule(rules_time.loss_cooldown, ("losses",), ("loss_cooldown_seconds",), _ENTRIES),
    Rule(
        losses.stressed_loss,
        ("account", "quote", "open_orders", "book"),
        ("max_stressed_loss_equity_fraction",),
        _BUYS,
        losses.stressed_loss_allows,
    ),
    Rule(
        losses.value_at_risk,
        ("account", "quote", "open_orders", "book"),
        ("max_var_equity_fraction",),
        _BUYS,
        losses.value_at_risk_allows,
    ),
    Rule(
        losses.expected_shortfall,
        ("account", "quote", "open_orders", "book"),
        ("max_cvar_equity_fraction",),
        _BUYS,
        losses.expected_shortfall_allows,
    ),
    Rule(rules_time.trading_hours, (), ("trading_hours_utc",), _ENTRIES),
    Rule(rules_time.blackout, (), ("blackout_windows_utc",), _ENTRIES),
    Rule(rules_time.news_blackout, ("market",), ("news_blackout_seconds",), _ENTRIES),
    Rule(
        rules_size.model_health,
        ("account", "quote", "open_orders", "health"),
        ("max_abstention_fraction", "unhealthy_size_fraction", "max_order_notional_quote", *_POSITION),
        _ENTRIES,
        rules_size.health_allows,
    ),
    Rule(rules_time.open_breaker, ("breakers",), (), _ENTRIES),
    Rule(
        rules_size.breaker_size,
        ("account", "quote", "open_orders", "breakers"),
        ("max_order_notional_quote", *_POSITION),
        _ENTRIES,
        rules_size.breaker_allows,
    ),
    Rule(rules_order.reduce_only, ("account", "open_orders"), (), _ALWAYS),
)
"""Every rule, in the order in which breaches are told. The gate asks all that concern an order, always."""


@dataclass(frozen=True, slots=True)
class Rulebook:
    """The rules as the gate asks them: for an order that reduces, a buy, and any other sale."""

    by_name: Mapping[str, Rule]
    reducing: tuple[Check, ...]
    buying: tuple[Check, ...]
    selling: tuple[Check, ...]


def rulebook(rules: Iterable[Rule]) -> Rulebook:
    """The rules sorted by the orders that they are asked of, each in the order given."""
    rules = tuple(rules)
    return Rulebook(
        by_name=MappingProxyType({rule.name: rule for rule in rules}),
        reducing=tuple(rule.check for rule in rules if rule.asked is _ALWAYS),
        buying=tuple(rule.check for rule in rules),
        selling=tuple(rule.check for rule in rules if rule.asked is not _BUYS),
    )
