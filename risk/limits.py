"""The limits the gate holds. A limit that is None is unset, and an unset limit refuses."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, Self

from domain.errors import ConfigError, MoneyError
from domain.instrument import split_symbol
from domain.money import ONE, ZERO, Symbol, decimal_from


@dataclass(frozen=True, slots=True)
class RiskLimits:
    """What no order may go beyond. Fractions are of 1 (0.05 is 5 %); notionals are in the account's currency.

    allowed_symbols                     what may be bought
    max_quote_age                       the oldest quote that still counts as the market
    max_order_notional_quote            the value of one entry
    max_position_notional_quote         the value of one holding with everything pending
    max_position_equity_fraction        the same of equity; one of these two may be unset
    max_gross_exposure_equity_fraction  all holdings and pending entries (at most 1: no leverage)
    price_collar_fraction               how far an order's price may be from the middle of the quote
    max_orders_per_window_count         orders submitted within `order_rate_window`
    max_open_orders_count               orders that may still fill, stops included
    require_stop                        every entry names the price at which it is wrong
    max_stop_distance_fraction          how far that price may be from the entry
    max_daily_loss_fraction             loss of equity since UTC midnight, unrealised included
    max_drawdown_fraction               loss of equity since its peak, unrealised included
    fee_reserve_fraction                what a buy must leave for fees and slippage, of its value

    Raises ConfigError for a value of the wrong type or outside its range.
    """

    allowed_symbols: frozenset[Symbol] | None = None
    max_quote_age: timedelta | None = None
    max_order_notional_quote: Decimal | None = None
    max_position_notional_quote: Decimal | None = None
    max_position_equity_fraction: Decimal | None = None
    max_gross_exposure_equity_fraction: Decimal | None = None
    price_collar_fraction: Decimal | None = None
    max_orders_per_window_count: int | None = None
    order_rate_window: timedelta | None = None
    max_open_orders_count: int | None = None
    require_stop: bool | None = None
    max_stop_distance_fraction: Decimal | None = None
    max_daily_loss_fraction: Decimal | None = None
    max_drawdown_fraction: Decimal | None = None
    fee_reserve_fraction: Decimal | None = None

    def __post_init__(self) -> None:
        for name, spec in _SPECS.items():
            value = getattr(self, name)
            if value is not None:
                spec.check(name, value)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, object]) -> Self:
        """Limits from a configuration section, exactly as told: nothing is filled in.

        Numbers may be written as numbers or text, durations as seconds or text such as "90s", "5m", "2h",
        "1d". Start from `DEFAULTS` for the conservative values. Raises ConfigError naming an unknown key
        and its near matches, a wrong type, or a value out of range.
        """
        known = list(_SPECS)
        for key in mapping:
            if key not in _SPECS:
                near = difflib.get_close_matches(str(key), known, n=2, cutoff=0.6)
                hint = f"Did you mean {' or '.join(near)}?" if near else f"Known limits: {', '.join(known)}"
                raise ConfigError(f"unknown risk limit {key!r}", fix=hint)
        values: dict[str, Any] = {}
        for name, value in mapping.items():
            values[name] = None if value is None else _SPECS[name].read(name, value)
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
            if old is not None and not _SPECS[name].tighter(old, new):
                raise ConfigError(
                    f"{name} = {_text(new)} would loosen the configured {_text(old)}",
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
        """The limits in force, as text a person can read and `from_mapping` can read back."""
        return {
            name: sorted(value)
            if isinstance(value, frozenset)
            else value
            if value is None or isinstance(value, (bool, int))
            else _text(value)
            for name, value in ((name, getattr(self, name)) for name in _SPECS)
        }


@dataclass(frozen=True, slots=True)
class _Spec:
    """How one limit is read, what it may be, and which way is stricter."""

    read: Callable[[str, object], object]
    check: Callable[[str, Any], None]
    tighter: Callable[[Any, Any], bool]


def _wrong(name: str, value: object, wanted: str) -> ConfigError:
    return ConfigError(f"risk limit {name} = {value!r} is not {wanted}", fix=f"Write {wanted}")


def _read_decimal(name: str, value: object) -> Decimal:
    try:
        return decimal_from(value)
    except MoneyError as error:
        raise _wrong(name, value, "a finite number") from error


def _read_count(name: str, value: object) -> int:
    number = _read_decimal(name, value)
    if number != number.to_integral_value():
        raise _wrong(name, value, "a whole number")
    return int(number)


def _read_flag(name: str, value: object) -> bool:
    match value:
        case bool():
            return value
        case "true" | "false":
            return value == "true"
        case _:
            raise _wrong(name, value, "true or false")


_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def _read_duration(name: str, value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    unit = 1
    if isinstance(value, str) and value[-1:] in _UNITS:
        value, unit = value[:-1], _UNITS[value[-1]]
    seconds = _read_decimal(name, value) * unit
    try:
        return timedelta(microseconds=int(seconds * 1_000_000))
    except OverflowError as error:
        raise _wrong(name, value, "a duration such as 90s, 5m, 2h or 1d") from error


def _read_symbols(name: str, value: object) -> frozenset[Symbol]:
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, Iterable) or isinstance(value, Mapping):
        raise _wrong(name, value, "a list of symbols such as BTC/USDT")
    return frozenset(Symbol(item) if isinstance(item, str) else item for item in value)


def _decimal(low: Decimal, high: Decimal | None, *, low_allowed: bool = False) -> Callable[[str, Any], None]:
    edge = "at least" if low_allowed else "above"
    wanted = f"a number {edge} {low}" + (f" and at most {high}" if high is not None else "")

    def check(name: str, value: Any) -> None:
        if not isinstance(value, Decimal) or not value.is_finite():
            raise _wrong(name, value, wanted)
        if value < low or (value == low and not low_allowed) or (high is not None and value > high):
            raise _wrong(name, str(value), wanted)

    return check


def _check_count(name: str, value: Any) -> None:
    if type(value) is not int or value < 1:
        raise _wrong(name, value, "a whole number of at least 1")


def _check_flag(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise _wrong(name, value, "true or false")


def _check_duration(name: str, value: Any) -> None:
    if not isinstance(value, timedelta) or value <= timedelta(0):
        raise _wrong(name, value, "a duration above zero such as 90s, 5m, 2h or 1d")


def _check_symbols(name: str, value: Any) -> None:
    if not isinstance(value, frozenset) or not value:
        raise _wrong(name, value, "a list of at least one symbol such as BTC/USDT")
    for item in value:
        if not isinstance(item, str):
            raise _wrong(name, item, "a symbol such as BTC/USDT")
        try:
            split_symbol(item)
        except MoneyError as error:
            raise _wrong(name, item, "a symbol such as BTC/USDT") from error


def _at_most(old: Any, new: Any) -> bool:
    return bool(new <= old)


def _at_least(old: Any, new: Any) -> bool:
    return bool(new >= old)


_NOTIONAL: Final = _Spec(_read_decimal, _decimal(ZERO, None), _at_most)
_FRACTION: Final = _Spec(_read_decimal, _decimal(ZERO, ONE), _at_most)
_RESERVE: Final = _Spec(_read_decimal, _decimal(ZERO, ONE, low_allowed=True), _at_least)
_COUNT: Final = _Spec(_read_count, _check_count, _at_most)

_SPECS: Final[Mapping[str, _Spec]] = MappingProxyType(
    {
        "allowed_symbols": _Spec(_read_symbols, _check_symbols, _at_most),
        "max_quote_age": _Spec(_read_duration, _check_duration, _at_most),
        "max_order_notional_quote": _NOTIONAL,
        "max_position_notional_quote": _NOTIONAL,
        "max_position_equity_fraction": _FRACTION,
        "max_gross_exposure_equity_fraction": _FRACTION,
        "price_collar_fraction": _FRACTION,
        "max_orders_per_window_count": _COUNT,
        "order_rate_window": _Spec(_read_duration, _check_duration, _at_least),
        "max_open_orders_count": _COUNT,
        "require_stop": _Spec(_read_flag, _check_flag, _at_least),
        "max_stop_distance_fraction": _FRACTION,
        "max_daily_loss_fraction": _FRACTION,
        "max_drawdown_fraction": _FRACTION,
        "fee_reserve_fraction": _RESERVE,
    }
)

DEFAULTS: Final[Mapping[str, object]] = MappingProxyType(
    {
        "max_quote_age": "2h",
        "max_order_notional_quote": "25000",
        "max_position_equity_fraction": "0.30",
        "max_gross_exposure_equity_fraction": "0.90",
        "price_collar_fraction": "0.05",
        "max_orders_per_window_count": 60,
        "order_rate_window": "1h",
        "max_open_orders_count": 20,
        "require_stop": True,
        "max_stop_distance_fraction": "0.15",
        "max_daily_loss_fraction": "0.05",
        "max_drawdown_fraction": "0.20",
        "fee_reserve_fraction": "0.005",
    }
)
"""Conservative limits for a desk that was told nothing. `allowed_symbols` is the session's own to name."""


def _text(value: object) -> str:
    match value:
        case timedelta():
            return f"{value / timedelta(seconds=1):g}s"
        case frozenset():
            return ", ".join(sorted(str(item) for item in value))
        case Decimal():
            return f"{value:f}"
        case _:
            return str(value)
