"""Events as canonical JSON, and back without loss.

One event has exactly one byte string: fields in the order their class declares, mapping keys sorted, no
spaces. Decimals are text (`str` keeps every digit and the exponent), times are ISO 8601 in UTC, durations
are whole microseconds, enums are their values. Floats must be finite.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import Enum
from functools import cache
from operator import attrgetter
from typing import Any, NewType, cast

import orjson

from domain.errors import JournalCorrupt, StorageError
from domain.events import DeskEvent

_MICROSECOND = timedelta(microseconds=1)
_NO_OFFSET = timedelta(0)

Reader = Callable[[Any], Any]


def encode(event: DeskEvent) -> bytes:
    """The canonical JSON of an event, without its kind. Raises StorageError when a value has no form."""
    times = _times()[event.__class__]  # outside: a message that cannot be checked must not pass as a slow one
    try:
        _demand_utc(times(event))
        return orjson.dumps(event, default=_plain, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # also orjson.JSONEncodeError: a lone surrogate or an int beyond 64 bits
        return _encode_slowly(event)


def _demand_utc(moments: tuple[datetime | None, ...]) -> None:
    for moment in moments:
        if moment is not None and moment.tzinfo is not UTC:
            utc_text(moment)  # another name for UTC is as good; anything else raises


def is_plain(event: DeskEvent) -> bool:
    """Whether an event is text, exact numbers and times only, which `encode` can write now and at any time.

    Raises StorageError for one that has a time which is not in UTC: that can never be written.
    """
    times = _plain_times().get(event.__class__)
    if times is None:
        return False
    try:
        _demand_utc(times(event))
    except TypeError as error:
        raise _unwritable(event, error) from error
    return True


def _unwritable(event: DeskEvent, error: Exception) -> StorageError:
    return StorageError(
        f"a {event.kind} event cannot be written: {error}", fix="Report this: the event is malformed"
    )


def decode(kind: str, payload: bytes) -> DeskEvent:
    """The event that `encode` wrote. Raises JournalCorrupt when kind and payload do not fit together."""
    reader = _readers().get(kind)
    if reader is None:
        raise JournalCorrupt(f"no event of kind {kind!r} exists", fix=_NEWER)
    try:
        try:
            raw = orjson.loads(payload)
        except orjson.JSONDecodeError:
            raw = json.loads(payload)
        return cast(DeskEvent, reader(raw))
    except (ValueError, TypeError, InvalidOperation) as error:
        raise JournalCorrupt(f"the payload of a {kind} event cannot be read: {error}", fix=_NEWER) from error


_NEWER = "Was the file written by a newer version of the desk, or changed by hand?"


def _plain(value: object) -> object:
    """What orjson does not know, as something it does."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, timedelta):
        return value // _MICROSECOND
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no form in the journal")


def utc_text(moment: datetime) -> str:
    """ISO 8601 with offset; TypeError for a time that is naive or not in UTC."""
    if moment.tzinfo is not UTC and moment.utcoffset() != _NO_OFFSET:
        raise TypeError(f"{moment!r} is not an aware UTC time")
    return moment.isoformat()


def _encode_slowly(event: DeskEvent) -> bytes:
    """The same form through the standard library, which also escapes text that is not valid UTF-8."""

    def tree(value: object) -> object:
        if is_dataclass(value) and not isinstance(value, type):
            return {item.name: tree(getattr(value, item.name)) for item in fields(value)}
        if isinstance(value, Mapping):
            return {str(key): tree(value[key]) for key in sorted(value)}
        if isinstance(value, tuple | list):
            return [tree(item) for item in value]
        if isinstance(value, Enum):
            return value.value
        if value is None or isinstance(value, str | int | float):
            return value
        if isinstance(value, datetime):
            return utc_text(value)
        return tree(_plain(value))

    try:
        text = json.dumps(tree(event), separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise _unwritable(event, error) from error
    return text.encode("ascii")


_Times = Callable[[Any], tuple[datetime | None, ...]]


@cache
def _times() -> dict[type, _Times]:
    """For every class of event, a function that gets its times: orjson writes any, so they are checked."""
    return {member: _getter(_time_paths(member)) for member in typing.get_args(DeskEvent)}


@cache
def _plain_times() -> dict[type, _Times]:
    """The same for the classes of which every field is a text, a Decimal, a time, or one of these or None."""
    return {
        member: times
        for member, times in _times().items()
        if all(_is_plain(hint) for name, hint in typing.get_type_hints(member).items() if not _is_class(hint))
    }


def _is_class(hint: Any) -> bool:
    return typing.get_origin(hint) is typing.ClassVar


def _is_plain(hint: Any) -> bool:
    if isinstance(hint, NewType):
        hint = hint.__supertype__
    parts = set(typing.get_args(hint)) - {types.NoneType} or {hint}
    return all(
        each in (str, Decimal, datetime) or (isinstance(each, NewType) and _is_plain(each)) for each in parts
    )


def _getter(paths: list[str]) -> _Times:
    getter: Callable[[Any], Any] = attrgetter(*paths)
    return getter if len(paths) > 1 else lambda event: (getter(event),)


def _time_paths(kind: type) -> list[str]:
    """Where the times are: in the event's own fields, or in those of a message it carries."""
    paths: list[str] = []
    for name, hint in typing.get_type_hints(kind).items():
        if hint is datetime or set(typing.get_args(hint)) == {datetime, types.NoneType}:
            paths.append(name)
        elif is_dataclass(hint):
            paths += [f"{name}.{inner}" for inner in _time_paths(cast(type, hint))]
        elif any(_holds_time(part) for part in typing.get_args(hint)):
            raise TypeError(f"{kind.__name__}.{name} keeps times where the journal would not check them")
    return paths


def _holds_time(hint: Any) -> bool:
    if hint is datetime:
        return True
    parts = typing.get_type_hints(hint).values() if is_dataclass(hint) else typing.get_args(hint)
    return any(_holds_time(part) for part in parts)


@cache
def _readers() -> dict[str, Reader]:
    members = typing.get_args(DeskEvent)
    return {member.kind: _reader(member) for member in members}


@cache
def _reader(hint: Any) -> Reader:
    """A function that turns parsed JSON into a value of type `hint`, or raises ValueError."""
    if isinstance(hint, NewType):
        return _reader(hint.__supertype__)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _union_reader(args)
    if origin is typing.Literal:
        return _literal_reader(args)
    if origin is tuple:
        return _tuple_reader(_reader(args[0]))
    if origin is not None and issubclass(origin, Mapping):
        return _mapping_reader(_reader(args[0]), _reader(args[1]))
    if hint in _SCALARS:
        return _SCALARS[hint]
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint
    if is_dataclass(hint):
        return _dataclass_reader(cast(type, hint))
    raise TypeError(f"the journal has no form for {hint!r}")


def _exactly(kind: type) -> Reader:
    def read(raw: Any) -> Any:
        if type(raw) is not kind:
            raise ValueError(f"{raw!r} is not a {kind.__name__}")
        return raw

    return read


_text = _exactly(str)


def _read_float(raw: Any) -> float:
    if type(raw) not in (float, int):
        raise ValueError(f"{raw!r} is not a number")
    return float(raw)


def _read_decimal(raw: Any) -> Decimal:
    return Decimal(_text(raw))


def _read_time(raw: Any) -> datetime:
    moment = datetime.fromisoformat(_text(raw))
    if moment.tzinfo is not UTC:
        raise ValueError(f"{raw!r} is not a UTC time")
    return moment


def _read_duration(raw: Any) -> timedelta:
    return timedelta(microseconds=_exactly(int)(raw))


def _read_none(raw: Any) -> None:
    if raw is not None:
        raise ValueError(f"{raw!r} is not null")


_SCALARS: dict[Any, Reader] = {
    str: _text,
    int: _exactly(int),
    bool: _exactly(bool),
    float: _read_float,
    Decimal: _read_decimal,
    datetime: _read_time,
    timedelta: _read_duration,
    type(None): _read_none,
}


def _literal_reader(allowed: tuple[Any, ...]) -> Reader:
    def read(raw: Any) -> Any:
        if raw not in allowed:
            raise ValueError(f"{raw!r} is not one of {allowed}")
        return raw

    return read


def _tuple_reader(item: Reader) -> Reader:
    many = _exactly(list)
    return lambda raw: tuple([item(each) for each in many(raw)])


def _mapping_reader(key: Reader, value: Reader) -> Reader:
    table = _exactly(dict)
    return lambda raw: {key(name): value(each) for name, each in table(raw).items()}


def _union_reader(members: tuple[Any, ...]) -> Reader:
    """Null when allowed; then the dataclass whose fields are these keys; then the first scalar that fits."""
    optional = type(None) in members
    classes = [cast(type, member) for member in members if is_dataclass(member)]
    shapes = {frozenset(item.name for item in fields(each)): _reader(each) for each in classes}
    scalars = [_reader(member) for member in members if member not in (type(None), *classes)]

    def read(raw: Any) -> Any:
        if raw is None and optional:
            return None
        if isinstance(raw, dict) and (shape := shapes.get(frozenset(raw))):
            return shape(raw)
        problem = ValueError(f"{raw!r} fits none of {members}")
        for scalar in scalars:
            try:
                return scalar(raw)
            except ValueError as error:
                problem = error
        raise problem

    return read


def _dataclass_reader(kind: type) -> Reader:
    hints = typing.get_type_hints(kind)
    parts = {item.name: _reader(hints[item.name]) for item in fields(kind)}
    required = frozenset(
        item.name for item in fields(kind) if item.default is MISSING and item.default_factory is MISSING
    )

    def read(raw: Any) -> Any:
        if type(raw) is not dict:
            raise ValueError(f"{raw!r} is not a {kind.__name__}")
        if not required <= raw.keys():
            raise ValueError(f"{kind.__name__} lacks {', '.join(sorted(required - raw.keys()))}")
        try:
            return kind(**{name: parts[name](value) for name, value in raw.items()})
        except KeyError as error:
            raise ValueError(f"{kind.__name__} has no field {error}") from error

    return read
