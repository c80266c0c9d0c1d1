"""A message that is built the quick way is the same message."""

from __future__ import annotations

import copy
import inspect
import pickle
from dataclasses import FrozenInstanceError, InitVar, dataclass, field, fields, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from domain.frozen import quick
from domain.market import Candle, Quote
from domain.money import Currency, Money
from domain.orders import Fill, OrderIntent


@dataclass(frozen=True, slots=True)
class Plain:
    name: str
    size: int = 3

    def __post_init__(self) -> None:
        if self.size < 0:
            raise ValueError("a size below zero")


@quick
@dataclass(frozen=True, slots=True)
class Quick:
    name: str
    size: int = 3

    def __post_init__(self) -> None:
        if self.size < 0:
            raise ValueError("a size below zero")


def test_it_takes_the_same_arguments_and_has_the_same_defaults() -> None:
    assert inspect.signature(Quick) == inspect.signature(Plain)
    assert (Quick("a").name, Quick("a").size, Quick(name="b", size=4).size) == ("a", 3, 4)
    with pytest.raises(TypeError, match="name"):
        Quick()  # type: ignore[call-arg]  # what is tested


def test_it_looks_compares_and_hashes_the_same() -> None:
    assert repr(Quick("a")) == "Quick(name='a', size=3)"
    assert Quick("a") == Quick("a", 3) != Quick("a", 4)
    assert hash(Quick("a")) == hash(Plain("a"))


def test_what_is_checked_after_init_is_still_checked() -> None:
    with pytest.raises(ValueError, match="below zero"):
        Quick("a", -1)
    with pytest.raises(ValueError, match="below zero"):
        replace(Quick("a"), size=-1)


def test_it_does_not_change() -> None:
    message = Quick("a")
    with pytest.raises(FrozenInstanceError):
        message.size = 5  # type: ignore[misc]  # what is tested
    with pytest.raises(FrozenInstanceError):
        del message.size
    assert message.size == 3


def test_it_can_be_copied_replaced_and_pickled() -> None:
    money = Money(Decimal("1.5"), Currency("USDT"))
    assert copy.deepcopy(money) == pickle.loads(pickle.dumps(money)) == money  # noqa: S301  made here
    assert replace(money, amount=Decimal(2)) == Money(Decimal(2), Currency("USDT"))


@pytest.mark.parametrize("message", [Candle, Fill, Money, OrderIntent, Quote])
def test_the_messages_of_the_order_path_keep_every_field_in_its_place(message: Any) -> None:
    values = {each.name: object() for each in fields(message)}
    by_name, by_place = message(**values), message(*values.values())
    assert all(getattr(by_name, name) is value for name, value in values.items())
    assert all(getattr(by_place, name) is value for name, value in values.items())


def with_a_factory() -> type:
    @dataclass(frozen=True, slots=True)
    class Listing:
        names: list[str] = field(default_factory=list)

    return Listing


def with_an_init_var() -> type:
    @dataclass(frozen=True, slots=True)
    class Sealed:
        name: str
        seal: InitVar[object]

    return Sealed


def with_a_keyword_only_field() -> type:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Named:
        at: datetime = datetime(2024, 1, 1, tzinfo=UTC)

    return Named


def with_an_inherited_field() -> type:
    @dataclass(frozen=True, slots=True)
    class Longer(Plain):
        more: int = 0

    return Longer


def without_slots() -> type:
    @dataclass(frozen=True)
    class Loose:
        name: str

    return Loose


@pytest.mark.parametrize(
    "build",
    [with_a_factory, with_an_init_var, with_a_keyword_only_field, with_an_inherited_field, without_slots],
)
def test_a_class_that_needs_more_is_refused(build: Any) -> None:
    with pytest.raises(TypeError, match="the constructor that dataclass writes"):
        quick(build())
