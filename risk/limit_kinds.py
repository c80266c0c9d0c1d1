"""How a limit of one kind is read, what it may be, which way is stricter, and how it is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final, TypeVar

from domain.errors import ConfigError, MoneyError
from domain.instrument import split_symbol
from domain.money import ONE, ZERO, Symbol, decimal_from
from risk.windows import ALWAYS, Blackout, TradingHours, blackouts_cover, hours_within

_Window = TypeVar("_Window")

LONGEST_RATE_WINDOW: Final = timedelta(days=1)
"""What was sent is remembered for so long."""

LONGEST_SECONDS: Final = 31 * 86_400
"""No window, pause or age is longer than a month: what is meant to be for ever is a halt."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of limit. `tighter(old, new)` says that nothing `old` refuses is let through by `new`.

    `read` and `check` raise ConfigError naming the limit and what to write instead.
    """

    unit: str
    read: Callable[[str, object], object]
    check: Callable[[str, Any], None]
    tighter: Callable[[Any, Any], bool]


def wrong(name: str, value: object, wanted: str) -> ConfigError:
    """The refusal of a value that is not `wanted`."""
    return ConfigError(f"risk limit {name} = {value!r} is not {wanted}", fix=f"Write {wanted}")


def text_of(value: object) -> str:
    """A value as a person reads it and `Kind.read` reads it back: one value, one writing."""
    match value:
        case frozenset():
            return ", ".join(sorted(str(item) for item in value))
        case tuple():
            return ", ".join(str(item) for item in value) or "none"
        case Decimal():
            return _digits(value)
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)


def plain_of(value: object) -> object:
    """A value as JSON carries it and `Kind.read` reads it back: one value, one writing."""
    match value:
        case frozenset():
            return sorted(str(item) for item in value)
        case tuple():
            return [str(item) for item in value]
        case Decimal():
            return _digits(value)
        case _:
            return value


def _digits(value: Decimal) -> str:
    """Without exponent, without zeros that say nothing."""
    written = f"{value:f}" if value else "0"
    return written.rstrip("0").rstrip(".") if "." in written else written


def _read_decimal(name: str, value: object) -> Decimal:
    try:
        return decimal_from(value)
    except MoneyError as error:
        raise wrong(name, value, "a finite number") from error


def _read_whole(name: str, value: object) -> int:
    number = _read_decimal(name, value)
    if abs(number) > 10**12 or number != number.to_integral_value():
        raise wrong(name, value, "a whole number")
    return int(number)


def _read_flag(name: str, value: object) -> bool:
    match value:
        case bool():
            return value
        case "true" | "false":
            return value == "true"
        case _:
            raise wrong(name, value, "true or false")


def _items(name: str, value: object, wanted: str) -> list[object]:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, Iterable) or isinstance(value, Mapping):
        raise wrong(name, value, wanted)
    return list(value)


def _read_symbols(name: str, value: object) -> frozenset[object]:
    items = _items(name, value, "a list of symbols such as BTC/USDT")
    return frozenset(Symbol(item) if isinstance(item, str) else item for item in items)


def _read_hours(name: str, value: object) -> tuple[TradingHours, ...]:
    items = _items(name, value, 'always, or a list of hours such as "mon-fri 08:00-20:00"')
    hours = tuple(sorted({_window(name, item, TradingHours.read) for item in items}))
    return (ALWAYS,) if ALWAYS in hours else hours


def _read_blackouts(name: str, value: object) -> tuple[Blackout, ...]:
    if value == "none":
        return ()
    items = _items(name, value, 'none, or a list of windows such as "2026-03-18T18:00Z/2026-03-18T20:00Z"')
    return tuple(sorted({_window(name, item, Blackout.read) for item in items}))


def _window(name: str, item: object, read: Callable[[str], _Window]) -> _Window:
    if not isinstance(item, str):
        raise wrong(name, item, "a window written as text")
    try:
        return read(item)
    except ValueError as error:
        raise ConfigError(f"risk limit {name}: {error}", fix=f"Mend the window {item!r}") from error


def _decimal(low: Decimal, high: Decimal | None, *, low_allowed: bool = False) -> Callable[[str, Any], None]:
    edge = "at least" if low_allowed else "above"
    wanted = f"a number {edge} {low}" + (f" and at most {high}" if high is not None else "")

    def check(name: str, value: Any) -> None:
        if not isinstance(value, Decimal) or not value.is_finite():
            raise wrong(name, value, wanted)
        if value < low or (value == low and not low_allowed) or (high is not None and value > high):
            raise wrong(name, str(value), wanted)

    return check


def _whole(low: int, high: int | None) -> Callable[[str, Any], None]:
    wanted = f"a whole number of at least {low}" + (f" and at most {high}" if high is not None else "")

    def check(name: str, value: Any) -> None:
        if type(value) is not int or value < low or (high is not None and value > high):
            raise wrong(name, value, wanted)

    return check


def _check_flag(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise wrong(name, value, "true or false")


def _check_symbols(name: str, value: Any) -> None:
    if not isinstance(value, frozenset) or not value:
        raise wrong(name, value, "a list of at least one symbol such as BTC/USDT")
    for item in value:
        if not isinstance(item, str):
            raise wrong(name, item, "a symbol such as BTC/USDT")
        try:
            split_symbol(item)
        except MoneyError as error:
            raise wrong(name, item, "a symbol such as BTC/USDT") from error


def _check_hours(name: str, value: Any) -> None:
    if not isinstance(value, tuple) or not value or not all(isinstance(each, TradingHours) for each in value):
        raise wrong(name, value, 'always, or hours such as "mon-fri 08:00-20:00"')


def _check_blackouts(name: str, value: Any) -> None:
    if not isinstance(value, tuple) or not all(isinstance(each, Blackout) for each in value):
        raise wrong(name, value, 'none, or windows such as "2026-03-18T18:00Z/2026-03-18T20:00Z"')


def _at_most(old: Any, new: Any) -> bool:
    return bool(new <= old)


def _at_least(old: Any, new: Any) -> bool:
    return bool(new >= old)


def _hours_tighter(old: Any, new: Any) -> bool:
    return hours_within(new, old)


def _blackouts_tighter(old: Any, new: Any) -> bool:
    return blackouts_cover(new, old)


_SHARE: Final = _decimal(ZERO, ONE)
_SHARE_OR_NONE: Final = _decimal(ZERO, ONE, low_allowed=True)
_SECONDS: Final = _whole(1, LONGEST_SECONDS)
_SECONDS_OR_NONE: Final = _whole(0, LONGEST_SECONDS)

SYMBOLS: Final = Kind("symbols", _read_symbols, _check_symbols, _at_most)
QUOTE: Final = Kind("account currency", _read_decimal, _decimal(ZERO, None), _at_most)
FRACTION: Final = Kind("fraction of 1", _read_decimal, _SHARE, _at_most)
EQUITY: Final = Kind("fraction of equity", _read_decimal, _SHARE, _at_most)
FRACTION_OR_ZERO: Final = Kind("fraction of 1", _read_decimal, _SHARE_OR_NONE, _at_most)
RESERVE: Final = Kind("fraction of 1", _read_decimal, _SHARE_OR_NONE, _at_least)
COUNT: Final = Kind("count", _read_whole, _whole(1, None), _at_most)
AGE: Final = Kind("seconds", _read_whole, _SECONDS, _at_most)
SPAN: Final = Kind("seconds", _read_whole, _whole(1, int(LONGEST_RATE_WINDOW.total_seconds())), _at_least)
WAIT: Final = Kind("seconds", _read_whole, _SECONDS_OR_NONE, _at_least)
REQUIRED: Final = Kind("true or false", _read_flag, _check_flag, _at_least)
PERMITTED: Final = Kind("true or false", _read_flag, _check_flag, _at_most)
RATIO: Final = Kind("ratio", _read_decimal, _decimal(ZERO, None, low_allowed=True), _at_least)
LEVERAGE: Final = Kind("times equity", _read_decimal, _decimal(ONE, None, low_allowed=True), _at_most)
HOURS: Final = Kind("hours of the week, UTC", _read_hours, _check_hours, _hours_tighter)
BLACKOUTS: Final = Kind("windows, UTC", _read_blackouts, _check_blackouts, _blackouts_tighter)
