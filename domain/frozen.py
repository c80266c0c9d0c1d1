"""Frozen dataclasses that are built faster; nothing else about them changes.

The `__init__` that `dataclass(frozen=True)` writes sets each field by name, through `object.__setattr__`. A
class with slots has shorter ways: a few fields are given to their slots directly; for more of them the object
is one of a twin class while it is filled, with the same slots and not frozen. Messages are built for every
step of every order, so this is a good part of what an order costs.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any, Final, TypeVar, cast

T = TypeVar("T")

_FEW: Final = 3
"""Up to so many fields the slots are faster than the twin."""


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
    known: dict[str, Any]
    if len(names) <= _FEW:
        known = {f"set_{name}": cast(Any, slot).__set__ for name, slot in slots.items()}
        body = [f"set_{name}(self, {name})" for name in names]
    else:
        twin = type("Twin", (), {"__slots__": tuple(names)})
        known = {"become": object.__dict__["__class__"].__set__, "twin": twin, "message": message}
        filled = [f"self.{name} = {name}" for name in names]
        body = ["become(self, twin)", *filled, "self.__class__ = message"]
    if hasattr(message, "__post_init__"):
        body.append("self.__post_init__()")
    exec(f"def __init__(self, {', '.join(names)}):\n    " + "\n    ".join(body), known)  # noqa: S102  as dataclass does
    made: Callable[..., None] = known["__init__"]
    cast(Any, made).__defaults__ = written.__defaults__
    setattr(message, "__init__", functools.wraps(written)(made))  # noqa: B010  a method cannot be assigned
    return message
