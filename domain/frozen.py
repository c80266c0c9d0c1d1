"""Frozen dataclasses that are built faster; nothing else about them changes.

The `__init__` that `dataclass(frozen=True)` writes sets each field by name, through `object.__setattr__`. A
class with slots has a shorter way: the slot itself. Messages are built for every step of every order, so
this is a good part of what an order costs.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any, TypeVar, cast

T = TypeVar("T")


def quick(message: type[T]) -> type[T]:
    """Put above `@dataclass(frozen=True, slots=True)`: the same class, filling its slots itself.

    Signature, defaults, `__post_init__`, equality and the refusal to change stay. Raises TypeError for a
    class that needs more than that: a default factory, an InitVar, a keyword-only or an inherited field.
    """
    written = cast(Any, message.__init__)
    declared = fields(cast(Any, message))
    names = [field.name for field in declared]
    slots = {name: message.__dict__.get(name) for name in names}
    if (
        written.__code__.co_varnames[: written.__code__.co_argcount] != ("self", *names)
        or written.__code__.co_kwonlyargcount
        or any(field.default_factory is not MISSING for field in declared)
        or not all(hasattr(slot, "__set__") for slot in slots.values())
    ):
        raise TypeError(f"{message.__name__} needs the constructor that dataclass writes")
    body = [f"set_{name}(self, {name})" for name in names]
    if hasattr(message, "__post_init__"):
        body.append("self.__post_init__()")
    setters: dict[str, Any] = {f"set_{name}": slot.__set__ for name, slot in slots.items()}  # type: ignore[union-attr]  # checked above
    exec(f"def __init__(self, {', '.join(names)}):\n    " + "\n    ".join(body), setters)  # noqa: S102  as dataclass does
    made: Callable[..., None] = setters["__init__"]
    cast(Any, made).__defaults__ = written.__defaults__
    setattr(message, "__init__", functools.wraps(written)(made))  # noqa: B010  a method cannot be assigned
    return message
