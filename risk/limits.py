"""The limits the gate holds. A limit that is None is unset, and an unset limit refuses."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, Self

from domain.errors import ConfigError
from domain.money import Symbol
from risk.limit_kinds import plain_of, text_of
from risk.limit_table import LIMITS
from risk.windows import Blackout, TradingHours

VERSION: Final = 1
"""Of the document. A newer one may hold limits that this desk would not know to keep: it is refused."""


class _Hashed:
    """Room for a hash that is no field: made when first asked for, read for every verdict."""

    __slots__ = ("_hash",)
    _hash: str


@dataclass(frozen=True, slots=True)
class RiskLimits(_Hashed):
    """What no order may go beyond; `risk.limit_table` says what each means, its unit, default and ceiling.

    The unit stands in the name: `_fraction` is of 1 (0.05 is 5 %), `_equity_fraction` of equity, `_quote` an
    amount of the account's currency, `_seconds` whole seconds, `_count` a whole number, `_ratio` a plain
    number. None is unset, and unset refuses.

    Raises ConfigError for a value of the wrong type or outside its range.
    """

    allowed_symbols: frozenset[Symbol] | None = None
    max_quote_age_seconds: int | None = None
    allow_estimated_prices: bool | None = None
    max_price_disagreement_fraction: Decimal | None = None
    price_collar_fraction: Decimal | None = None
    max_order_notional_quote: Decimal | None = None
    max_position_notional_quote: Decimal | None = None
    max_position_equity_fraction: Decimal | None = None
    max_cluster_equity_fraction: Decimal | None = None
    min_correlation_fraction: Decimal | None = None
    max_gross_exposure_equity_fraction: Decimal | None = None
    max_leverage_ratio: Decimal | None = None
    fee_reserve_fraction: Decimal | None = None
    max_depth_fraction: Decimal | None = None
    max_volume_fraction: Decimal | None = None
    max_orders_per_window_count: int | None = None
    order_rate_window_seconds: int | None = None
    duplicate_window_seconds: int | None = None
    max_open_orders_count: int | None = None
    require_stop: bool | None = None
    max_stop_distance_fraction: Decimal | None = None
    min_reward_to_risk_ratio: Decimal | None = None
    max_trade_loss_equity_fraction: Decimal | None = None
    max_daily_loss_fraction: Decimal | None = None
    max_weekly_loss_fraction: Decimal | None = None
    max_drawdown_fraction: Decimal | None = None
    max_loss_streak_count: int | None = None
    loss_streak_pause_seconds: int | None = None
    loss_cooldown_seconds: int | None = None
    max_stressed_loss_equity_fraction: Decimal | None = None
    max_var_equity_fraction: Decimal | None = None
    max_cvar_equity_fraction: Decimal | None = None
    trading_hours_utc: tuple[TradingHours, ...] | None = None
    blackout_windows_utc: tuple[Blackout, ...] | None = None
    news_blackout_seconds: int | None = None
    max_abstention_fraction: Decimal | None = None
    unhealthy_size_fraction: Decimal | None = None

    def __post_init__(self) -> None:
        for name, limit in LIMITS.items():
            value = getattr(self, name)
            if value is not None:
                limit.kind.check(name, value)

    @property
    def hash(self) -> str:
        """SHA-256 of `canonical`: equal limits, equal hash, however they were written."""
        try:
            return self._hash
        except AttributeError:
            digest = hashlib.sha256(self.canonical().encode()).hexdigest()
            object.__setattr__(self, "_hash", digest)
            return digest

    def canonical(self) -> str:
        """The version and every limit as one JSON text: keys sorted, no spaces, one writing of each value."""
        told = {"limits": dict(self.as_mapping()), "version": VERSION}
        return json.dumps(told, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_canonical(cls, text: str) -> Self:
        """Limits from what `canonical` wrote, in this version or an older one.

        Raises ConfigError for a version that is missing or newer, a limit that is missing or unknown, and
        whatever `from_mapping` refuses.
        """
        try:
            told = json.loads(text)
            version, limits = told["version"], dict(told["limits"])
        except (ValueError, TypeError, KeyError) as error:
            raise ConfigError(f"the limits on record cannot be read: {error!r}") from error
        if type(version) is not int or not 1 <= version <= VERSION:
            raise ConfigError(
                f"the limits on record are of version {version!r}, this desk knows {VERSION}",
                fix="Run the newer desk that wrote them",
            )
        absent = [name for name in LIMITS if name not in limits]
        if absent:
            raise ConfigError(f"the limits on record lack {', '.join(absent)}")
        return cls.from_mapping(limits)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, object]) -> Self:
        """Limits from a configuration section, exactly as told: nothing is filled in.

        A number may be a number or the text of one, in the unit that the name says. Start from `DEFAULTS` for
        the conservative values. Raises ConfigError naming an unknown key and its near matches, a wrong type,
        or a value out of range.
        """
        refuse_unknown(mapping)
        values: dict[str, Any] = {}
        for name, value in mapping.items():
            values[name] = None if value is None else LIMITS[name].kind.read(name, value)
        return cls(**values)

    def tightened(self, **changes: object) -> Self:
        """These limits with some made stricter; values are written as in `from_mapping`.

        Raises ConfigError when a change would loosen a limit, set one that is unset (unset refuses
        everything), or unset one. Always call it on the configured limits: they are the ceiling.
        """
        told = type(self).from_mapping(changes)
        values: dict[str, Any] = {}
        for name in changes:
            old, new = getattr(self, name), getattr(told, name)
            if new is None:
                raise ConfigError(f"{name} cannot be unset", fix="Give a stricter value")
            if old is None and not self._other_position_limit(name):
                raise ConfigError(f"{name} is unset and refuses everything; a value would loosen it")
            if old is not None and not LIMITS[name].kind.tighter(old, new):
                raise ConfigError(
                    f"{name} = {text_of(new)} would loosen the configured {text_of(old)}",
                    fix="Limits can be tightened here; change the configuration to loosen one",
                )
            values[name] = new
        return replace(self, **values)

    def _other_position_limit(self, name: str) -> bool:
        """Whether `name` is a position limit that may stay unset because the other one is set."""
        match name:
            case "max_position_notional_quote":
                return self.max_position_equity_fraction is not None
            case "max_position_equity_fraction":
                return self.max_position_notional_quote is not None
            case _:
                return False

    def as_mapping(self) -> Mapping[str, object]:
        """Every limit as JSON carries it and `from_mapping` reads it back; None is unset."""
        return {name: plain_of(getattr(self, name)) for name in LIMITS}


def refuse_unknown(names: Iterable[object]) -> None:
    """Raise ConfigError for the first name that is no limit, with its near matches."""
    for name in names:
        if name not in LIMITS:
            near = difflib.get_close_matches(str(name), LIMITS, n=2, cutoff=0.6)
            hint = f"Did you mean {' or '.join(near)}?" if near else f"Known limits: {', '.join(LIMITS)}"
            raise ConfigError(f"unknown risk limit {name!r}", fix=hint)


DEFAULTS: Final[Mapping[str, object]] = MappingProxyType(
    {name: limit.default for name, limit in LIMITS.items() if limit.default is not None}
)
"""Conservative limits for a desk that was told nothing. `allowed_symbols` is the session's own to name."""
