"""Gate's signatures against the venue's own published examples, and against ccxt's signing code."""

from __future__ import annotations

import json

import pytest

from simulator.wire.gate_signing import (
    call_signature,
    channel_signature,
    fresh,
    raw_parameters,
    rest_signature,
    same,
)


def test_the_venues_example_of_a_query() -> None:
    signed = rest_signature(
        "secret",
        "get",
        "/api/v4/futures/orders",
        "contract=BTC_USD&status=finished&limit=50",
        b"",
        "1541993715",
    )
    assert signed == (
        "55f84ea195d6fe57ce62464daaa7c3c02fa9d1dde954e4c898289c9a2407a3d6fb3faf24deff16790d726b66ac9f7452"
        "6668b13bd01029199cc4fcc522418b8a"
    )


def test_the_venues_example_of_a_body() -> None:
    body = b'{"contract":"BTC_USD","type":"limit","size":100,"price":6800,"time_in_force":"gtc"}'
    signed = rest_signature("secret", "POST", "/api/v4/futures/orders", "", body, "1541993715")
    assert signed == (
        "eae42da914a590ddf727473aff25fc87d50b64783941061f47a3fdb92742541fc4c2c14017581b4199a1418d54471c26"
        "9c03a38d788d802e2c306c37636389f0"
    )


def test_what_ccxt_signs_is_what_is_checked() -> None:
    import ccxt

    client = ccxt.gate({"apiKey": "key", "secret": "hush"})
    request = client.sign("orders", ["private", "spot"], "POST", {"currency_pair": "BTC_USDT", "text": "t-a"})
    headers = request["headers"]
    expected = rest_signature(
        "hush", "POST", "/api/v4/spot/orders", "", request["body"].encode(), headers["Timestamp"]
    )
    assert same(headers["SIGN"], expected)
    assert not same(headers["SIGN"], expected[:-1] + ("0" if expected[-1] != "0" else "1"))


@pytest.mark.parametrize(
    ("stamp", "now", "expected"),
    [
        ("1000", 1060.0, True),
        ("1000", 1060.5, False),
        ("1061", 1000.0, False),
        ("1060", 1000.0, True),
        ("soon", 1000.0, False),
        ("nan", 1000.0, False),
        ("inf", 1000.0, False),
        ("", 1000.0, False),
    ],
)
def test_a_timestamp_holds_for_sixty_seconds(stamp: str, now: float, expected: bool) -> None:
    assert fresh(stamp, now) is expected


def test_a_call_is_signed_over_the_text_that_was_sent() -> None:
    message = (
        '{"id":"1","payload":{"req_id":"1", "req_param" :  {"price":1e-05, "text":"t-}{"}, "timestamp":"7"}}'
    )
    assert json.loads(message)["payload"]["req_param"]["text"] == "t-}{"
    assert raw_parameters(message) == '{"price":1e-05, "text":"t-}{"}'
    assert raw_parameters('{"id":1}') == ""
    with pytest.raises(ValueError, match="Expecting"):
        raw_parameters('{"req_param": oops')


def test_the_three_signatures_differ() -> None:
    first = channel_signature("s", "spot.orders", "subscribe", 7)
    assert first != channel_signature("s", "spot.orders", "unsubscribe", 7)
    assert first != channel_signature("s", "spot.orders", "subscribe", 8)
    assert call_signature("s", "spot.order_place", "{}", "7") != call_signature(
        "t", "spot.order_place", "{}", "7"
    )
