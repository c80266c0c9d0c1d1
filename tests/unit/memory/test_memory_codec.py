from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from domain.errors import JournalCorrupt, StorageError
from domain.events import EquityMarked, IntentRecorded, Notice, OpinionGiven
from domain.money import Price, Quantity, Symbol
from domain.opinions import Abstention
from domain.orders import OrderIntent, OrderType, Side
from memory.codec import decode, encode

AT = datetime(2024, 1, 1, 12, tzinfo=UTC)
INTENT = OrderIntent(
    client_id="s-000001-00",
    session="s",
    cycle=1,
    leg=0,
    symbol=Symbol("BTC/USDT"),
    side=Side.BUY,
    quantity=Quantity(Decimal("0.120")),
    order_type=OrderType.LIMIT,
    created_at=AT,
    limit_price=Price(Decimal("42000.10")),
)


def test_the_form_of_an_intent_is_fixed() -> None:
    """Files written today must be read tomorrow: this text changes only with a migration."""
    assert encode(IntentRecorded(INTENT, AT)) == (
        b'{"intent":{"client_id":"s-000001-00","session":"s","cycle":1,"leg":0,"symbol":"BTC/USDT",'
        b'"side":"buy","quantity":"0.120","order_type":"limit","created_at":"2024-01-01T12:00:00+00:00",'
        b'"origin":"cycle","reduce_only":false,"limit_price":"42000.10","trigger_price":null,'
        b'"protective_stop":null,"time_in_force":"gtc","reason":"","post_only":false,"expires_at":null,'
        b'"trailing":null,"take_profit":null,"group":"","parent":"","replaces":"","arrival":null},"at":"2024-01-01T12:00:00+00:00"}'
    )


def test_an_intent_written_before_the_later_fields_existed_is_read() -> None:
    written = (
        b'{"intent":{"client_id":"s-000001-00","session":"s","cycle":1,"leg":0,"symbol":"BTC/USDT",'
        b'"side":"buy","quantity":"0.120","order_type":"limit","created_at":"2024-01-01T12:00:00+00:00",'
        b'"origin":"cycle","reduce_only":false,"limit_price":"42000.10","trigger_price":null,'
        b'"protective_stop":null,"time_in_force":"gtc","reason":""},"at":"2024-01-01T12:00:00+00:00"}'
    )
    assert decode("intent_recorded", written) == IntentRecorded(INTENT, AT)


@pytest.mark.parametrize(
    "at",
    [datetime(2024, 1, 1), datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=2)))],  # noqa: DTZ001
)
def test_a_time_that_is_not_utc_is_refused(at: datetime) -> None:
    with pytest.raises(StorageError, match="not an aware UTC time"):
        encode(IntentRecorded(replace(INTENT, created_at=at), AT))


def test_an_abstention_is_not_taken_for_an_opinion() -> None:
    event = OpinionGiven("c", Abstention("model", None, "timeout"), AT)
    assert decode(event.kind, encode(event)) == event


@pytest.mark.parametrize(
    ("kind", "payload", "complaint"),
    [
        ("intent_lost", b"{}", "no event of kind"),
        ("notice", b"{", "cannot be read"),
        ("notice", b"[]", "not a Notice"),
        ("notice", b'{"level":"info"}', "lacks at, message, source"),
        ("notice", b'{"level":"loud","source":"","message":"","at":"2024-01-01T00:00:00+00:00"}', "'loud'"),
        ("notice", b'{"level":"info","source":1,"message":"","at":"2024-01-01T00:00:00+00:00"}', "not a str"),
        ("notice", b'{"level":"info","source":"","message":"","at":"2024-01-01T00:00:00"}', "not a UTC"),
        (
            "notice",
            b'{"level":"info","source":"","message":"","at":"2024-01-01T00:00:00+00:00","x":1}',
            "'x'",
        ),
    ],
)
def test_a_payload_that_does_not_fit_is_named(kind: str, payload: bytes, complaint: str) -> None:
    with pytest.raises(JournalCorrupt, match=complaint):
        decode(kind, payload)


def test_text_that_is_not_valid_unicode_still_survives() -> None:
    event = Notice("warning", "model", "half an emoji: \ud83d", AT)
    assert decode(event.kind, encode(event)) == event


def test_a_mapping_that_cannot_change_is_written_too() -> None:
    from types import MappingProxyType

    zero = Decimal(0)
    prices = {Symbol("BTC/USDT"): Decimal("1.50")}
    event = EquityMarked(1, zero, zero, zero, zero, zero, MappingProxyType(prices), AT)
    assert decode(event.kind, encode(event)) == replace(event, prices=prices)
