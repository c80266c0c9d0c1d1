"""Every event survives the journal's JSON unchanged, whatever is in it."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.algorithms import AlgorithmPlan, Method, Slice
from domain.events import DeskEvent
from domain.money import Symbol
from domain.opinions import Opinion
from domain.orders import Side
from memory.codec import decode, encode

MEMBERS = typing.get_args(DeskEvent)

st.register_type_strategy(Decimal, st.decimals(allow_nan=False, allow_infinity=False))
st.register_type_strategy(datetime, st.datetimes(timezones=st.just(UTC)))
st.register_type_strategy(timedelta, st.timedeltas())
st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))
st.register_type_strategy(str, st.text(st.characters(codec=None), max_size=20))  # lone surrogates too
st.register_type_strategy(int, st.integers(-(2**63), 2**63 - 1))
st.register_type_strategy(
    Opinion,
    st.builds(
        Opinion,
        stance=st.floats(-1, 1),
        confidence=st.floats(0, 1),
        horizon=st.timedeltas(),
        evidence_ids=st.lists(st.text(max_size=5), max_size=3).map(tuple),
    ),
)

st.register_type_strategy(
    AlgorithmPlan,
    st.builds(
        AlgorithmPlan,
        algorithm_id=st.text(max_size=5),
        session=st.text(max_size=5),
        symbol=st.just(Symbol("BTC/USDT")),
        side=st.just(Side.BUY),
        method=st.sampled_from(Method),
        amount=st.just(Decimal("3.00")),
        start=st.just(datetime(2024, 1, 1, tzinfo=UTC)),
        end=st.timedeltas(timedelta(0), timedelta(days=9)).map(datetime(2024, 1, 1, tzinfo=UTC).__add__),
        slices=st.builds(
            Slice,
            after=st.timedeltas(timedelta(0), timedelta(days=9)),
            amount=st.just(Decimal("1.00")),
            venue=st.text(max_size=5),
        ).map(lambda part: (part, part, part)),
    ),
)


def test_every_member_of_the_union_is_covered() -> None:
    assert len(MEMBERS) == 35
    assert len({member.kind for member in MEMBERS}) == len(MEMBERS)


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.kind)
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_an_event_comes_back_equal_and_with_the_same_bytes(member: type, data: st.DataObject) -> None:
    event = data.draw(st.from_type(member))
    payload = encode(event)
    back = decode(event.kind, payload)
    assert back == event
    assert type(back) is member
    assert encode(back) == payload


@given(value=st.decimals(allow_nan=False, allow_infinity=False))
def test_a_decimal_keeps_its_digits_and_its_exponent(value: Decimal) -> None:
    from domain.events import SessionStopped

    event = SessionStopped(session="s", reason="", equity=value, at=datetime(2024, 1, 1, tzinfo=UTC))
    back = decode(event.kind, encode(event))
    assert isinstance(back, SessionStopped)
    assert back.equity.as_tuple() == value.as_tuple()


@given(prices=st.dictionaries(st.sampled_from("ABCDEF"), st.decimals(0, 10), min_size=2))
def test_the_order_of_a_mapping_does_not_change_the_bytes(prices: Mapping[str, Decimal]) -> None:
    from domain.events import EquityMarked
    from domain.money import Symbol

    def event(items: Mapping[str, Decimal]) -> EquityMarked:
        zero = Decimal(0)
        at = datetime(2024, 1, 1, tzinfo=UTC)
        named = {Symbol(name): price for name, price in items.items()}
        return EquityMarked(1, zero, zero, zero, zero, zero, named, at)

    assert encode(event(prices)) == encode(event(dict(reversed(list(prices.items())))))
