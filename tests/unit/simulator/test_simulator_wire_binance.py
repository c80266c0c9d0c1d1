"""Unmodified ccxt trades against the simulated Binance."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import ccxt
import pytest
import pytest_asyncio

from domain.orders import Side
from tests.unit.simulator.binance_client import BTC, MARKET, READER, RULES, Stage, rest, stage


@pytest_asyncio.fixture
async def binance() -> AsyncIterator[Stage]:
    async with stage() as found:
        yield found


async def test_it_lists_its_markets_and_their_grids(binance: Stage) -> None:
    market = (await binance.client.load_markets())[MARKET]
    instrument = RULES.instrument
    assert market["precision"] == {
        "amount": float(instrument.step_size),
        "price": float(instrument.tick_size),
        "base": 1e-8,
        "quote": 1e-8,
    }
    assert market["limits"]["cost"]["min"] == float(instrument.min_notional)
    assert market["limits"]["amount"] == {"min": 1e-5, "max": 9000.0}
    assert market["limits"]["market"]["max"] == 100.0
    assert (market["active"], market["spot"]) == (True, True)


async def test_market_data_is_the_exchanges(binance: Stage) -> None:
    client = binance.client
    book = await client.fetch_order_book(MARKET, 3)
    assert book["bids"] == [[49990.0, 1.0], [49980.0, 1.0], [49970.0, 1.0]]
    assert book["asks"] == [[50010.0, 1.0], [50020.0, 1.0], [50030.0, 1.0]]
    await client.create_order(MARKET, "market", "buy", 1.5)
    ticker = await client.fetch_ticker(MARKET)
    assert (ticker["bid"], ticker["ask"], ticker["last"]) == (49990.0, 50020.0, 50020.0)
    trades = await client.fetch_trades(MARKET)
    assert [(each["price"], each["amount"], each["side"]) for each in trades] == [
        (50010.0, 1.0, "buy"),
        (50020.0, 0.5, "buy"),
    ]
    (bar,) = await client.fetch_ohlcv(MARKET, "1m", limit=1)
    assert bar[1:] == [50000.0, 50020.0, 50000.0, 50020.0, 1.5]
    assert abs(await client.fetch_time() - client.milliseconds()) < 10_000
    assert (await client.fetch_tickers([MARKET]))[MARKET]["last"] == 50020.0
    assert (await client.fetch_bids_asks([MARKET]))[MARKET]["ask"] == 50020.0
    assert (await client.fetch_last_prices([MARKET]))[MARKET]["price"] == 50020.0


async def test_a_limit_order_lives_and_dies(binance: Stage) -> None:
    client = binance.client
    placed = await client.create_order(MARKET, "limit", "buy", 0.5, 40_000, {"clientOrderId": "first"})
    assert (placed["status"], placed["clientOrderId"], placed["timeInForce"]) == ("open", "first", "GTC")
    held = await client.fetch_balance()
    assert (held["USDT"]["used"], held["USDT"]["free"]) == (20_000.0, 80_000.0)
    by_name = await client.fetch_order(None, MARKET, {"origClientOrderId": "first"})
    by_number = await client.fetch_order(placed["id"], MARKET)
    assert by_name["id"] == by_number["id"] == placed["id"]
    assert [each["id"] for each in await client.fetch_open_orders()] == [placed["id"]]
    ended = await client.cancel_order(placed["id"], MARKET)
    assert (ended["status"], ended["info"]["origClientOrderId"]) == ("canceled", "first")
    assert await client.fetch_open_orders(MARKET) == []
    assert [each["status"] for each in await client.fetch_orders(MARKET)] == ["canceled"]
    assert (await client.fetch_balance())["USDT"]["used"] == 0


async def test_market_orders_are_paid_for_to_the_last_digit(binance: Stage) -> None:
    client = binance.client
    bought = await client.create_order(MARKET, "market", "buy", 1.23456)
    spent = await client.create_market_buy_order_with_cost(MARKET, 1000)
    assert (bought["status"], spent["status"]) == ("closed", "closed")
    assert bought["average"] == pytest.approx((50_010 + 0.23456 * 50_020) / 1.23456)
    base, quote = Decimal(5), Decimal(100_000)
    for trade in await client.fetch_my_trades(MARKET):
        told = trade["info"]
        assert (told["commissionAsset"], told["isMaker"]) == ("BTC", False)
        base += Decimal(told["qty"]) - Decimal(told["commission"])
        quote -= Decimal(told["quoteQty"])
    held = {each["asset"]: each for each in (await client.fetch_balance())["info"]["balances"]}
    assert Decimal(held["BTC"]["free"]) == base
    assert Decimal(held["USDT"]["free"]) == quote
    assert Decimal(spent["info"]["cummulativeQuoteQty"]) <= 1000


@pytest.mark.parametrize(
    ("kind", "price", "params", "told"),
    [
        ("market", None, {"stopLossPrice": 45_000}, ("STOP_LOSS", "45000.00000000", "0.00000000")),
        ("limit", 44_900, {"stopLossPrice": 45_000}, ("STOP_LOSS_LIMIT", "45000.00000000", "44900.00000000")),
        ("market", None, {"takeProfitPrice": 55_000}, ("TAKE_PROFIT", "55000.00000000", "0.00000000")),
        (
            "limit",
            54_900,
            {"takeProfitPrice": 55_000},
            ("TAKE_PROFIT_LIMIT", "55000.00000000", "54900.00000000"),
        ),
        (
            "market",
            None,
            {"trailingPercent": "1", "stopLossOrTakeProfit": "stopLoss", "trailingTriggerPrice": 51_000},
            ("STOP_LOSS", "51000.00000000", "0.00000000"),
        ),
    ],
)
async def test_triggered_orders_sleep(
    binance: Stage, kind: str, price: float | None, params: dict[str, Any], told: tuple[str, str, str]
) -> None:
    placed = await binance.client.create_order(MARKET, kind, "sell", 0.5, price, params)
    info = (await binance.client.fetch_order(placed["id"], MARKET))["info"]
    assert (info["type"], info["stopPrice"], info["price"]) == told
    assert (info["status"], info["isWorking"]) == ("NEW", False)
    assert (await binance.client.fetch_balance())["BTC"]["used"] == 0.5


async def test_a_stop_sells_when_the_price_falls_to_it(binance: Stage) -> None:
    placed = await binance.client.create_order(MARKET, "market", "sell", 0.5, None, {"stopLossPrice": 49_985})
    await binance.client.create_order(MARKET, "market", "sell", 1.5)  # down to 49,980
    ended = await binance.client.fetch_order(placed["id"], MARKET)
    assert (ended["status"], ended["average"]) == ("closed", 49_980.0)


@pytest.mark.parametrize(
    ("params", "status", "filled"),
    [
        ({"timeInForce": "IOC"}, "expired", 1.0),
        ({"timeInForce": "FOK"}, "expired", 0.0),
        ({"timeInForce": "GTC"}, "open", 1.0),
    ],
)
async def test_times_in_force(binance: Stage, params: dict[str, str], status: str, filled: float) -> None:
    placed = await binance.client.create_order(MARKET, "limit", "buy", 1.5, 50_010, params)
    assert (placed["status"], placed["filled"]) == (status, filled)


async def test_an_edit_replaces_the_order(binance: Stage) -> None:
    client = binance.client
    placed = await client.create_order(MARKET, "limit", "buy", 0.5, 40_000)
    edited = await client.edit_order(placed["id"], MARKET, "limit", "buy", 0.6, 41_000)
    assert [each["id"] for each in await client.fetch_open_orders(MARKET)] == [edited["id"]]
    assert edited["id"] != placed["id"]


async def test_a_client_id_is_refused_only_while_it_is_open(binance: Stage) -> None:
    client = binance.client
    await client.create_order(MARKET, "limit", "buy", 0.1, 40_000, {"clientOrderId": "same"})
    with pytest.raises(ccxt.InvalidOrder, match="Duplicate order sent"):
        await client.create_order(MARKET, "limit", "buy", 0.1, 40_000, {"clientOrderId": "same"})
    first = await client.create_order(MARKET, "market", "buy", 0.1, None, {"clientOrderId": "filled"})
    again = await client.create_order(MARKET, "market", "buy", 0.1, None, {"clientOrderId": "filled"})
    assert first["id"] != again["id"]  # a blind retry buys twice
    assert (await client.fetch_order(None, MARKET, {"origClientOrderId": "filled"}))["id"] == again["id"]


@pytest.mark.parametrize(
    ("amount", "price", "params", "error", "words"),
    [
        (10, 40_000, {}, ccxt.InsufficientFunds, "insufficient balance"),
        (0.0001, 40_000, {}, ccxt.BadRequest, "NOTIONAL"),
        (0.1, 300_000, {}, ccxt.InvalidOrder, "PERCENT_PRICE_BY_SIDE"),
        (0.1, 50_010, {"postOnly": True}, ccxt.OrderImmediatelyFillable, "immediately match"),
        (0.1, 40_000, {"stopLossPrice": 49_000}, ccxt.OrderImmediatelyFillable, "trigger immediately"),
        (0.1, 40_000, {"clientOrderId": "no spaces"}, ccxt.BadRequest, "Illegal characters"),
    ],
)
async def test_refusals_become_the_right_exception(
    binance: Stage, amount: float, price: float, params: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        await binance.client.create_order(MARKET, "limit", "buy", amount, price, params)
    assert binance.exchange.orders("desk", BTC) == ()


async def test_orders_that_are_not_there(binance: Stage) -> None:
    with pytest.raises(ccxt.OrderNotFound, match="-2013"):
        await binance.client.fetch_order("999", MARKET)
    with pytest.raises(ccxt.OrderNotFound, match="-2011"):
        await binance.client.cancel_order("999", MARKET)
    with pytest.raises(ccxt.OrderNotFound, match="-2011"):
        await binance.client.cancel_all_orders(MARKET)
    stranger = rest(binance.exchange, Side.BUY, 40_000)
    with pytest.raises(ccxt.OrderNotFound):
        await binance.client.cancel_order(str(stranger), MARKET)


async def test_every_order_of_a_market_is_cancelled_at_once(binance: Stage) -> None:
    placed = [
        (await binance.client.create_order(MARKET, "limit", "buy", 0.1, price))["id"]
        for price in (40_000, 41_000)
    ]
    ended = await binance.client.cancel_all_orders(MARKET)
    assert sorted(each["id"] for each in ended) == sorted(placed)


@pytest.mark.parametrize(("key", "secret"), [("desk-key", "wrong"), ("nobody", "desk-secret")])
async def test_wrong_credentials_are_refused(key: str, secret: str) -> None:
    async with stage(key=key, secret=secret) as found:
        with pytest.raises(ccxt.AuthenticationError):
            await found.client.fetch_balance()


async def test_a_key_that_only_reads_cannot_trade() -> None:
    async with stage(key=READER.key, secret=READER.secret) as found:
        held = await found.client.fetch_balance()
        assert (held["info"]["canTrade"], held["info"]["canWithdraw"]) == (False, True)
        permissions = await found.client.sapi_get_account_apirestrictions()
        assert permissions["enableWithdrawals"] is True
        with pytest.raises((ccxt.AuthenticationError, ccxt.DDoSProtection), match="-2015"):
            await found.client.create_order(MARKET, "limit", "buy", 0.1, 40_000)


@pytest.mark.parametrize("ahead", [-20_000, 5_000])
async def test_a_clock_that_is_off_is_refused(binance: Stage, ahead: int) -> None:
    client = binance.client
    await client.load_markets()
    client.options |= {"timeDifference": -ahead, "adjustForTimeDifference": True}
    with pytest.raises(ccxt.InvalidNonce):
        await client.fetch_balance()


async def test_rates_status_and_test_orders(binance: Stage) -> None:
    client = binance.client
    assert (await client.fetch_status())["status"] == "ok"
    fees = await client.fetch_trading_fees()
    assert (fees[MARKET]["maker"], fees[MARKET]["taker"]) == (0.001, 0.001)
    await client.create_order(MARKET, "limit", "buy", 0.1, 40_000, {"test": True})
    assert binance.exchange.orders("desk", BTC) == ()
