"""Every error the connector can raise means one of seven things, and doubt always means unknown."""

from __future__ import annotations

import socket

import aiohttp
import ccxt
import pytest
from ccxt.base.errors import error_hierarchy
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import ConfigError, VenueDown, VenueRejected, VenueUnknown
from execution.exchanges.errors import TAXONOMY, Outcome, classify, redact
from execution.exchanges.line import LineFailed
from execution.exchanges.profiles import PROFILES


def names(tree: dict[str, object]) -> set[str]:
    found = set(tree)
    for below in tree.values():
        found |= names(below)  # type: ignore[arg-type]  # the library's tree is made of dictionaries
    return found


EVERY = sorted(names(error_hierarchy))


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def test_the_table_has_every_class_of_the_connector_and_no_other() -> None:
    assert set(TAXONOMY) == set(EVERY)


@pytest.mark.parametrize("name", EVERY)
def test_every_class_is_told_by_its_own_row(name: str) -> None:
    error = getattr(ccxt, name)("venue {}")
    assert classify(error, status=400) is TAXONOMY[name]


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("status", [500, 502, 503, 504, 530])
def test_a_server_that_broke_down_knows_nothing(name: str, status: int) -> None:
    assert classify(getattr(ccxt, name)("x"), status=status) is Outcome.UNKNOWN


@pytest.mark.parametrize(
    "error",
    [
        ccxt.RequestTimeout("binance POST https://x"),
        ccxt.ExchangeNotAvailable("binance POST https://x 403 Forbidden <html>"),
        ccxt.ExchangeNotAvailable("binance POST https://x 404 Not Found"),
        ccxt.ExchangeNotAvailable("gate {label: SERVER_ERROR}"),
        ccxt.BadResponse("nonsense"),
        ccxt.NullResponse("nothing"),
        ccxt.OperationFailed("-1006 Execution status unknown"),
        caused(ccxt.ExchangeError("x"), aiohttp.ClientPayloadError("cut in the middle")),
        caused(ccxt.ExchangeNotAvailable("x"), aiohttp.ServerDisconnectedError()),
        caused(ccxt.ExchangeNotAvailable("x"), ConnectionResetError()),
        ccxt.ExchangeError("no status, no sentence"),
        TypeError("NoneType is not subscriptable"),
        KeyError("id"),
        TimeoutError(),
        OSError("broken pipe"),
        ValueError("?"),
    ],
    ids=lambda error: f"{type(error).__name__}-{str(error)[:30]}",
)
def test_doubt_is_unknown(error: Exception) -> None:
    assert classify(error) is Outcome.UNKNOWN


@pytest.mark.parametrize("status", [403, 404, 405, 409, 451])
def test_a_gateways_status_is_not_the_venues_word(status: int) -> None:
    assert classify(ccxt.ExchangeNotAvailable("x"), status=status) is Outcome.UNKNOWN


def test_a_connection_that_was_never_made_sent_nothing() -> None:
    key = aiohttp.client_reqrep.ConnectionKey("h", 1, False, False, None, None, None)
    refused = aiohttp.ClientConnectorError(key, OSError("refused"))
    assert classify(caused(ccxt.ExchangeNotAvailable("x"), refused)) is Outcome.DOWN
    assert classify(caused(ccxt.ExchangeNotAvailable("x"), socket.gaierror())) is Outcome.DOWN


@pytest.mark.parametrize("error", [ccxt.DDoSProtection("418"), ccxt.RateLimitExceeded("-1003")])
def test_a_rate_limit_is_a_certain_refusal(error: Exception) -> None:
    assert classify(error, status=429) is Outcome.BUSY
    assert isinstance(LineFailed(Outcome.BUSY, "").as_venue_error(), VenueDown)


def test_a_wrong_key_after_a_success_is_not_a_rate_limit() -> None:
    said = ccxt.DDoSProtection('binance {"code":-2015,"msg":"Invalid API-key, IP, or permissions"}')
    assert classify(said, status=401) is Outcome.REFUSED
    assert classify(said, status=429) is Outcome.BUSY


def test_a_stale_time_stamp_is_a_certain_refusal() -> None:
    assert classify(ccxt.InvalidNonce("-1021"), status=400) is Outcome.CLOCK
    gate = ccxt.AuthenticationError('gate {"label":"REQUEST_EXPIRED"}')
    assert classify(gate, status=403) is Outcome.CLOCK


@pytest.mark.parametrize(
    "text",
    ["binance Duplicate order sent.", "gate duplicate client order id", "mexc Duplicate clientOrderId"],
)
def test_a_duplicate_is_looked_up_and_not_refused(text: str) -> None:
    assert classify(ccxt.InvalidOrder(text), status=400) is Outcome.DUPLICATE
    assert isinstance(LineFailed(Outcome.DUPLICATE, "").as_venue_error(), VenueUnknown)


def test_each_venues_words_for_a_missing_order() -> None:
    for name, error in (
        ("binance", ccxt.OrderNotFound("-2013")),
        ("gate", ccxt.InvalidOrder('gate {"label":"ORDER_CLOSED"}')),
        ("mexc", ccxt.ExchangeError('mexc {"code":-2013,"msg":"Order does not exist."}')),
        ("mexc", ccxt.BadRequest('mexc {"code":-2011,"msg":"Unknown order"}')),
    ):
        assert classify(error, status=400, gone_words=PROFILES[name].gone_words) is Outcome.GONE


def test_the_guard_is_a_refusal() -> None:
    assert classify(ConfigError("a live host")) is Outcome.REFUSED


def test_a_new_error_of_the_connector_falls_back_to_its_parent() -> None:
    class Newer(ccxt.InsufficientFunds):  # type: ignore[misc]  # the library is not typed
        pass

    class Odd(ccxt.BaseError):  # type: ignore[misc]
        pass

    assert classify(Newer("x"), status=400) is Outcome.REFUSED
    assert classify(Odd("x"), status=400) is Outcome.UNKNOWN


@given(
    st.sampled_from([*EVERY, "TypeError", "KeyError"]),
    st.text(max_size=40),
    st.sampled_from([None, 200, 400, 401, 403, 404, 418, 429, 500, 503]),
)
def test_it_answers_for_everything(name: str, text: str, status: int | None) -> None:
    made = getattr(ccxt, name, None) or {"TypeError": TypeError, "KeyError": KeyError}[name]
    assert isinstance(classify(made(text), status=status), Outcome)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_only_a_word_of_the_venue_is_final(outcome: Outcome) -> None:
    final = isinstance(LineFailed(outcome, "x").as_venue_error(), VenueRejected)
    assert final == (outcome in (Outcome.REFUSED, Outcome.GONE))


@pytest.mark.parametrize(
    "text",
    [
        "binance GET https://h/api/v3/order?timestamp=1&signature=abc&x=my-secret",
        '{"apiKey": "my-key", "sign": "f00", "secret":"my-secret"}',
        "KEY=my-key&signature=0123abcd",
        "listenKey=abc123 my-secret",
    ],
)
def test_messages_carry_no_secret(text: str) -> None:
    said = redact(text, ("my-key", "my-secret"))
    for secret in ("my-key", "my-secret", "abc", "f00", "0123"):
        assert secret not in said


def test_messages_are_one_short_line() -> None:
    said = redact("a\n  b\t" + "c" * 1000, ())
    assert said.startswith("a b c")
    assert len(said) == 300
