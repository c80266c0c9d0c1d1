"""Unmodified ccxt trades against the simulated MEXC."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from domain.money import Currency
from domain.orders import Side
from simulator.wire.faults import Fault, FaultKind, Operation, When
from simulator.wire.mexc_http import REQUESTS, MexcHttp
from simulator.wire.mexc_signing import in_window, same, signature, split_signature
from tests.unit.simulator.gate_client import BTC, FUNDS, order
from tests.unit.simulator.mexc_client import READER, Stage, stage

MARKET = "BTC/USDT"


@pytest_asyncio.fixture
async def mexc() -> AsyncIterator[Stage]:
    async with stage() as found:
        yield found


async def test_it_lists_its_markets_with_their_own_fees(mexc: Stage) -> None:
    client = mexc.client
    market = client.markets[MARKET]
    assert (market["maker"], market["taker"], market["active"]) == (0, 0.0005, True)
    assert (client.markets["ETH/USDT"]["maker"], client.markets["ETH/USDT"]["taker"]) == (0, 0)
    assert (market["precision"]["price"], market["precision"]["amount"]) == (0.1, 0.0001)
    assert (market["limits"]["amount"]["min"], market["limits"]["cost"]["min"]) == (0.0001, 3)
    assert set(client.currencies) >= {"BTC", "ETH", "USDT"}
    assert (await client.fetch_trading_fee("ETH/USDT"))["taker"] == 0
    assert (await client.fetch_trading_fee(MARKET))["taker"] == 0.0005


async def test_a_limit_order_answers_little_and_is_fetched_afterwards(mexc: Stage) -> None:
    client = mexc.client
    placed = await client.create_order(MARKET, "limit", "buy", 0.01, 49_000, {"clientOrderId": "first_1"})
    assert placed["status"] is None
    assert placed["clientOrderId"] is None
    assert placed["id"].startswith("C02__")
    seen = await client.fetch_order(None, MARKET, {"clientOrderId": "first_1"})
    assert (seen["id"], seen["status"], seen["clientOrderId"]) == (placed["id"], "open", "first_1")
    assert [each["id"] for each in await client.fetch_open_orders(MARKET)] == [placed["id"]]
    assert (await client.fetch_balance())["USDT"]["used"] > 490
    ended = await client.cancel_order(None, MARKET, {"clientOrderId": "first_1"})
    assert (ended["id"], ended["status"]) == (placed["id"], "canceled")
    assert (await client.fetch_balance())["USDT"]["used"] == 0
    assert [each["id"] for each in await client.fetch_canceled_orders(MARKET)] == [placed["id"]]


async def test_fees_are_paid_in_quote_and_free_markets_are_free(mexc: Stage) -> None:
    client = mexc.client
    await client.create_order(MARKET, "market", "buy", 0.5)
    await client.create_order(MARKET, "market", "sell", 0.5)
    await client.create_order("ETH/USDT", "market", "buy", 1)
    held = mexc.exchange.balances("desk")
    fees = (Decimal(50_010) + Decimal(49_990)) * Decimal("0.5") * Decimal("0.0005")
    assert held[Currency("USDT")].free == FUNDS[Currency("USDT")] - 10 - fees - 2010
    assert held[Currency("BTC")].free == FUNDS[Currency("BTC")]
    assert held[Currency("ETH")].free == FUNDS[Currency("ETH")] + 1
    trades = await client.fetch_my_trades(MARKET)
    assert [each["fee"]["currency"] for each in trades] == ["USDT", "USDT"]
    assert sum(Decimal(each["info"]["commission"]) for each in trades) == fees
    (free,) = await client.fetch_my_trades("ETH/USDT")
    assert free["fee"]["cost"] == 0


async def test_a_market_buy_by_its_cost(mexc: Stage) -> None:
    placed = await mexc.client.create_order(MARKET, "market", "buy", 0.01, 60_000)
    seen = await mexc.client.fetch_order(placed["id"], MARKET)
    assert (seen["status"], seen["info"]["origQuoteOrderQty"]) == ("closed", "600")
    assert seen["filled"] == 0.0119
    assert seen["cost"] <= 600


async def test_a_stop_price_is_dropped_without_a_word(mexc: Stage) -> None:
    client = mexc.client
    placed = await client.create_order(MARKET, "limit", "sell", 0.01, 60_000, {"stopLossPrice": 45_000})
    seen = await client.fetch_order(placed["id"], MARKET)
    assert (seen["status"], seen["triggerPrice"], seen["stopLossPrice"]) == ("open", None, None)
    mexc.exchange.place("taker", order(BTC, Side.SELL, "10", Decimal(49_900)))
    assert (await client.fetch_order(placed["id"], MARKET))["status"] == "open"
    assert client.features["spot"]["createOrder"]["stopLossPrice"] is False


@pytest.mark.parametrize(
    ("params", "amount", "price", "kind", "status", "filled"),
    [
        ({"timeInForce": "IOC"}, 0.01, 49_000, "IMMEDIATE_OR_CANCEL", "canceled", 0),
        ({"timeInForce": "IOC"}, 1.5, 50_010, "IMMEDIATE_OR_CANCEL", "canceled", 1),
        ({"timeInForce": "FOK"}, 1.5, 50_010, "FILL_OR_KILL", "canceled", 0),
        ({"timeInForce": "FOK"}, 1.5, 50_020, "FILL_OR_KILL", "closed", 1.5),
        ({"postOnly": True}, 0.01, 49_000, "LIMIT_MAKER", "open", 0),
    ],
)
async def test_orders_that_do_not_wait_and_orders_that_only_wait(
    mexc: Stage, params: dict[str, Any], amount: float, price: float, kind: str, status: str, filled: float
) -> None:
    placed = await mexc.client.create_order(MARKET, "limit", "buy", amount, price, params)
    seen = await mexc.client.fetch_order(placed["id"], MARKET)
    assert (seen["info"]["type"], seen["status"], seen["filled"]) == (kind, status, filled)
    if status == "canceled":
        assert seen["info"]["status"] == ("PARTIALLY_CANCELED" if filled else "CANCELED")


async def test_a_used_client_id_makes_a_second_order(mexc: Stage) -> None:
    client = mexc.client
    first = await client.create_order(MARKET, "limit", "buy", 0.01, 49_000, {"clientOrderId": "twice"})
    second = await client.create_order(MARKET, "limit", "buy", 0.01, 49_000, {"clientOrderId": "twice"})
    assert first["id"] != second["id"]
    assert (await client.fetch_order(None, MARKET, {"clientOrderId": "twice"}))["id"] == second["id"]


BUY = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.01", "price": "49000"}


@pytest.mark.parametrize(
    ("change", "exception", "code"),
    [
        ({"quantity": "50"}, "InsufficientFunds", 30004),
        ({"side": "SELL", "quantity": "6"}, "InsufficientFunds", 30005),
        ({"quantity": "0.00001"}, "InvalidOrder", 30002),
        ({"quantity": "0.0001", "price": "20000"}, "InvalidOrder", 30002),
        ({"quantity": "9001"}, "InvalidOrder", 30003),
        ({"quantity": "0.00015"}, "BadRequest", 400),
        ({"price": "49000.05"}, "BadRequest", 400),
        ({"price": "500"}, "InvalidOrder", 30087),
        ({"symbol": "DOGEUSDT"}, "BadSymbol", -1121),
        ({"type": "STOP_LOSS"}, "InvalidOrder", 30041),
        ({"type": "LIMIT_MAKER", "price": "51000"}, "InvalidOrder", 30010),
        ({"type": "MARKET", "quantity": ""}, "BadRequest", -1128),
        ({"side": "HOLD"}, "BadRequest", 33333),
        ({"quantity": ""}, "BadRequest", 700004),
        ({"newClientOrderId": "x" * 33}, "BadRequest", 700008),
        ({"newClientOrderId": "a b"}, "BadRequest", 700008),
    ],
)
async def test_refusals_become_the_right_exceptions(
    mexc: Stage, change: dict[str, Any], exception: str, code: int
) -> None:
    import ccxt

    with pytest.raises(ccxt.ExchangeError if code == 33333 else getattr(ccxt, exception), match=f"{code}"):
        await mexc.client.spot_private_post_order({**BUY, **change})
    assert mexc.exchange.orders("desk", BTC) == ()


async def test_orders_nobody_knows(mexc: Stage) -> None:
    import ccxt

    with pytest.raises(ccxt.ExchangeError, match="-2013"):
        await mexc.client.fetch_order("C02__999", MARKET)
    with pytest.raises(ccxt.ExchangeError, match="-2013"):
        await mexc.client.fetch_order("nonsense", MARKET)
    with pytest.raises(ccxt.BadRequest, match="-2011"):
        await mexc.client.cancel_order("C02__999", MARKET)
    placed = await mexc.client.create_order(MARKET, "limit", "buy", 0.01, 49_000)
    await mexc.client.cancel_order(placed["id"], MARKET)
    with pytest.raises(ccxt.BadRequest, match="-2011"):
        await mexc.client.cancel_order(placed["id"], MARKET)
    with pytest.raises(ccxt.BadRequest, match="700004"):
        await mexc.client.spot_private_get_order({"symbol": "BTCUSDT"})


async def test_keys_signatures_and_the_window(mexc: Stage) -> None:
    import ccxt

    client = mexc.client
    good = client.apiKey, client.secret
    for key, secret, exception, code in (
        (good[0], "guess", ccxt.AuthenticationError, 700002),
        ("mx0nobody", good[1], ccxt.BadRequest, 10072),
        ("not a key!", good[1], ccxt.AuthenticationError, 700001),
    ):
        client.apiKey, client.secret = key, secret
        with pytest.raises(exception, match=str(code)):
            await client.fetch_balance()
    client.apiKey, client.secret = READER.key, READER.secret
    told = await client.fetch_balance()
    assert told["USDT"]["free"] == 1_000_000
    assert (told["info"]["canTrade"], told["info"]["canWithdraw"]) == (False, False)
    with pytest.raises(ccxt.AuthenticationError, match="700007"):
        await client.create_order(MARKET, "limit", "buy", 0.01, 49_000)
    client.apiKey, client.secret = good
    client.options["timeDifference"] = 20_000
    with pytest.raises(ccxt.InvalidNonce, match="700003"):
        await client.fetch_balance()
    client.options["timeDifference"] = 0
    client.options["recvWindow"] = 60_001
    with pytest.raises(ccxt.InvalidNonce, match="700005"):
        await client.fetch_balance()


async def test_many_orders_at_once(mexc: Stage) -> None:
    client = mexc.client
    asks = [
        {"symbol": MARKET, "type": "limit", "side": "buy", "amount": amount, "price": 49_000}
        for amount in (0.01, 0.02, 100)
    ]
    placed = await client.create_orders(asks)
    assert [each["info"].get("code") for each in placed].count(30004) == 1
    assert len(await client.fetch_open_orders(MARKET)) == 2
    assert len(await client.cancel_all_orders(MARKET)) == 2
    assert await client.fetch_open_orders(MARKET) == []


async def test_the_market_in_numbers(mexc: Stage) -> None:
    client = mexc.client
    ticker = await client.fetch_ticker(MARKET)
    assert (ticker["bid"], ticker["ask"], ticker["last"]) == (49_990, 50_010, 50_000)
    assert set(await client.fetch_tickers()) == {"BTC/USDT", "ETH/USDT"}
    book = await client.fetch_order_book(MARKET, 3)
    assert book["bids"] == [[49_990, 1], [49_980, 1], [49_970, 1]]
    (bar,) = await client.fetch_ohlcv(MARKET, "1h", limit=1)
    assert bar[1:] == [50_000, 50_000, 50_000, 50_000, 0.5]
    (trade,) = await client.fetch_trades(MARKET)
    assert (trade["price"], trade["amount"], trade["side"]) == (50_000, 0.5, "buy")
    assert abs(await client.fetch_time() - client.milliseconds()) < 60_000
    with pytest.raises(Exception, match="Invalid interval"):
        await client.spot_public_get_klines({"symbol": "BTCUSDT", "interval": "1h"})


async def test_planned_trouble_reaches_the_client(mexc: Stage) -> None:
    import ccxt

    client, faults = mexc.client, mexc.server.faults
    place = frozenset({Operation.PLACE})
    faults.add(Fault(FaultKind.RATE_LIMIT, operations=place, count=1))
    with pytest.raises(ccxt.RateLimitExceeded):
        await client.create_order(MARKET, "limit", "buy", 0.01, 49_000)
    faults.add(Fault(FaultKind.ERROR, operations=place, count=1))
    with pytest.raises(ccxt.ExchangeNotAvailable):
        await client.create_order(MARKET, "limit", "buy", 0.01, 49_000)
    assert mexc.exchange.orders("desk", BTC) == ()
    faults.add(Fault(FaultKind.DROP, When.AFTER, operations=place, count=1))
    with pytest.raises(ccxt.NetworkError):
        await client.create_order(MARKET, "limit", "buy", 0.01, 49_000, {"clientOrderId": "lost"})
    assert (await client.fetch_order(None, MARKET, {"clientOrderId": "lost"}))["status"] == "open"


def test_a_spent_quota_says_when_to_come_back(mexc_clock: Any) -> None:
    from tests.unit.simulator.mexc_client import quiet_exchange

    api = MexcHttp(quiet_exchange(mexc_clock), mexc_clock)
    from simulator.wire.mexc_http import Asked

    endpoint = next(each for each in api.endpoints if each.path == "/api/v3/time")
    asked = Asked("", {}, "", "127.0.0.1")
    answers = [api.answer(endpoint, asked) for _ in range(REQUESTS + 1)]
    assert {each.status for each in answers[:-1]} == {200}
    assert (answers[-1].status, answers[-1].headers) == (429, {"Retry-After": "10"})
    assert api.answer(endpoint, Asked("", {}, "", "127.0.0.2")).status == 200


def test_a_listen_key_lasts_an_hour_unless_it_is_extended(mexc_clock: Any) -> None:
    from datetime import timedelta

    from simulator.wire.mexc_errors import MexcRefusal
    from simulator.wire.mexc_keys import LASTS, ListenKeys

    keys = ListenKeys(mexc_clock)
    key = keys.make("desk", {})["listenKey"]
    assert keys.account(key) == "desk"
    with pytest.raises(MexcRefusal):
        keys.extend("somebody else", {"listenKey": key})
    mexc_clock.set(mexc_clock.now() + LASTS - timedelta(seconds=1))
    keys.extend("desk", {"listenKey": key})
    mexc_clock.set(mexc_clock.now() + LASTS - timedelta(seconds=1))
    assert keys.account(key) == "desk"
    mexc_clock.set(mexc_clock.now() + timedelta(seconds=1))
    assert keys.account(key) is None
    assert keys.listed("desk", {}) == {"listenKey": []}


@pytest.fixture
def mexc_clock() -> Any:
    from datetime import UTC, datetime

    from domain.clock import SimulatedClock

    return SimulatedClock(datetime(2026, 1, 1, tzinfo=UTC))


def test_the_window_and_the_signature() -> None:
    assert in_window(1_000, 5_000, 6_000)
    assert not in_window(999, 5_000, 6_000)
    assert in_window(6_999, 5_000, 6_000)
    assert not in_window(7_000, 5_000, 6_000)
    assert split_signature("a=1&signature=ff") == ("a=1", "ff")
    assert split_signature("a=1") == ("a=1", "")
    # the example of MEXC's own documentation
    total = "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=11&recvWindow=5000&timestamp=1644489390087"
    signed = signature("45d0b3c26f2644f19bfb98b07741b2f5", total)
    assert signed == "fd3e4e8543c5188531eb7279d68ae7d26a573d0fc5ab0d18eb692451654d837a"
    assert not same(signed.upper(), signed)
