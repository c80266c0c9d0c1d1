"""The edges of every limit, as data: what may just be written, and what just may not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from risk.document import LimitsDocument
from risk.limits import DEFAULTS

DAY = 86_400
MONTH = 31 * DAY
DEFAULTS_OF_A_SESSION: dict[str, object] = {**DEFAULTS, "allowed_symbols": ["BTC/USDT", "ETH/USDT"]}


def document(section: dict[str, object] | None = None, **more: Any) -> LimitsDocument:
    """The document of a session in BTC and ETH with this `[risk]` section."""
    return LimitsDocument.read({**(section or {}), **more}, defaults=DEFAULTS_OF_A_SESSION)


@dataclass(frozen=True, slots=True)
class Edge:
    """`may` are the outermost values of the type, `may_not` lie just beyond.

    `ceiling` is the loosest value in any document, `beyond` a bit looser. None: there is no such edge.
    """

    may: tuple[object, ...]
    may_not: tuple[object, ...]
    ceiling: object
    beyond: object


def _share(ceiling: str, beyond: str | None) -> Edge:
    return Edge(("0.000001", 1), (0, "1.000001", -1), ceiling, beyond)


def _wait(ceiling: int, beyond: int | None) -> Edge:
    return Edge((0, MONTH), (-1, MONTH + 1, "0.5"), ceiling, beyond)


EDGES: dict[str, Edge] = {
    "allowed_symbols": Edge(("BTC/USDT",), ("", "BTC"), ["BTC/USDT", "ETH/USDT"], ["BTC/USDT", "SOL/USDT"]),
    "max_quote_age_seconds": Edge((1, MONTH), (0, MONTH + 1, "1.5"), 7200, None),
    "allow_estimated_prices": Edge((True, False), (1, "yes"), True, None),
    "max_price_disagreement_fraction": _share("0.10", "0.100001"),
    "price_collar_fraction": _share("0.20", "0.200001"),
    "max_order_notional_quote": Edge(("0.01", "1e12"), (0, "-0.01"), 25_000, None),
    "max_position_notional_quote": Edge(("0.01", "1e12"), (0, "-0.01"), 25_000, None),
    "max_position_equity_fraction": _share("1", None),
    "max_cluster_equity_fraction": _share("1", None),
    "min_correlation_fraction": _share("0.95", "0.950001"),
    "max_gross_exposure_equity_fraction": _share("1", None),
    "max_leverage_ratio": Edge((1, 100), ("0.999999", 0), 1, "1.000001"),
    "fee_reserve_fraction": Edge((0, 1), ("-0.000001", "1.000001"), 0, None),
    "max_depth_fraction": _share("1", None),
    "max_volume_fraction": _share("0.10", "0.100001"),
    "max_orders_per_window_count": Edge((1, 10**6), (0, -1, "1.5", True), 1000, 1001),
    "order_rate_window_seconds": Edge((1, DAY), (0, DAY + 1), 60, 59),
    "duplicate_window_seconds": _wait(0, None),
    "max_open_orders_count": Edge((1, 10**6), (0, -1, "1.5", True), 200, 201),
    "require_stop": Edge((True, False), (1, "yes"), False, None),
    "max_stop_distance_fraction": _share("0.50", "0.500001"),
    "min_reward_to_risk_ratio": Edge((0, 100), ("-0.000001",), 0, None),
    "max_trade_loss_equity_fraction": _share("0.10", "0.100001"),
    "max_daily_loss_fraction": _share("0.20", "0.200001"),
    "max_weekly_loss_fraction": _share("0.35", "0.350001"),
    "max_drawdown_fraction": _share("0.50", "0.500001"),
    "max_loss_streak_count": Edge((1, 10**6), (0, -1, "1.5", True), 20, 21),
    "loss_streak_pause_seconds": _wait(900, 899),
    "loss_cooldown_seconds": _wait(0, None),
    "max_stressed_loss_equity_fraction": _share("0.90", "0.900001"),
    "max_var_equity_fraction": _share("0.30", "0.300001"),
    "max_cvar_equity_fraction": _share("0.40", "0.400001"),
    "trading_hours_utc": Edge(
        ("always", "mon 00:00-00:01"), ("mon 08:00-08:00", "mon 20:00-08:00"), "always", None
    ),
    "blackout_windows_utc": Edge(
        ("none", "2026-03-18T18:00Z/2026-03-18T18:01Z"),
        ("2026-03-18T18:00Z/2026-03-18T18:00Z",),
        "none",
        None,
    ),
    "news_blackout_seconds": _wait(0, None),
    "max_abstention_fraction": Edge((0, 1), ("-0.000001", "1.000001"), 1, None),
    "unhealthy_size_fraction": Edge((0, 1), ("-0.000001", "1.000001"), 1, None),
}

ROOM: dict[str, object] = {
    "max_daily_loss_fraction": "0.20",
    "max_weekly_loss_fraction": "0.35",
    "max_drawdown_fraction": "0.50",
    "max_gross_exposure_equity_fraction": 1,
    "max_cluster_equity_fraction": 1,
    "max_stressed_loss_equity_fraction": "0.90",
    "max_cvar_equity_fraction": "0.40",
    "max_trade_loss_equity_fraction": "0.05",
}
"""Limits so wide that any single other one can stand at its ceiling without contradiction."""
