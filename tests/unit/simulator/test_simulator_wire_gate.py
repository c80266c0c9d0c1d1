"""Unmodified ccxt trades against the simulated Gate."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from domain.money import Currency
from domain.orders import Side
from tests.unit.simulator.gate_client import BTC, FUNDS, LAST, READER, Stage, order, stage

MARKET = "BTC/USDT"


@pytest_asyncio.fixture
async def gate() -> AsyncIterator[Stage]:
    async with stage() as found:
        yield found


async def _touch(gate: Stage) -> tuple[float, float]:
    book = await gate.client.fetch_order_book(MARKET, 5)
    return float(book["bids"][0][0]), float(book["asks"][0][0])


async def test_it_lists_its_markets_and_their_grids(gate: Stage) -> None:
    markets = await gate.client.load_markets()
    instrument = gate.exchange.markets[BTC].instrument
    market = markets[instrument.symbol]
    assert market["precision"]["price"] == float(instrument.tick_size)
    assert market["precision"]["amount"] == float(instrument.step_size)
    assert market["limits"]["cost"]["min"] == float(instrument.min_notional)
    assert (market["maker"], market["taker"]) == (0.002, 0.002)
    assert market["active"] is True


async def test_a_limit_order_lives_and_is_cancelled_by_its_client_id(gate: Stage) -> None:
    client = gate.client
    bid, _ = await _touch(gate)
    placed = await client.create_order(MARKET, "limit", "buy", 0.01, bid * 0.9, {"text": "t-first"})
    assert (placed["status"], placed["clientOrderId"]) == ("open", "t-first")
    held = await client.fetch_balance()
    assert held["USDT"]["used"] == pytest.approx(0.01 * placed["price"])

    by_text = await client.fetch_order(None, MARKET, {"clientOrderId": "t-first"})
    by_number = await client.fetch_order(placed["id"], MARKET)
    assert by_text["id"] == by_number["id"] == placed["id"]
    assert [each["id"] for each in await client.fetch_open_orders(MARKET)] == [placed["id"]]

    ended = await client.cancel_order("t-first", MARKET)
    assert ended["status"] == "canceled"
    assert await client.fetch_open_orders(MARKET) == []
    assert [each["id"] for each in await client.fetch_closed_orders(MARKET)] == [placed["id"]]
    assert (await client.fetch_balance())["USDT"]["used"] == 0


async def test_market_orders_pay_what_the_venue_says_they_pay(gate: Stage) -> None:
    client = gate.client
    _, ask = await _touch(gate)
    bought = await client.create_order(MARKET, "market", "buy", 0.02, ask)
    sold = await client.create_order(MARKET, "market", "sell", 0.01)
    assert bought["status"] == sold["status"] == "closed"
    told = bought["info"]
    assert Decimal(told["left"]) == Decimal(told["amount"]) - Decimal(told["filled_total"]), "all in quote"
    trades = await client.fetch_my_trades(MARKET)
    base = sum(Decimal(each["info"]["amount"]) for each in trades if each["side"] == "buy")
    assert base == Decimal(bought["info"]["filled_amount"])
    paid = sum(
        Decimal(each["info"]["amount"]) * Decimal(each["info"]["price"])
        for each in trades
        if each["side"] == "buy"
    )
    got = sum(
        Decimal(each["info"]["amount"]) * Decimal(each["info"]["price"])
        for each in trades
        if each["side"] == "sell"
    )
    fees = {"BTC": Decimal(0), "USDT": Decimal(0)}
    for each in trades:
        fees[each["info"]["fee_currency"]] += Decimal(each["info"]["fee"])
    usdt, btc = (gate.exchange.balances("desk")[Currency(code)].free for code in ("USDT", "BTC"))
    assert usdt == FUNDS[Currency("USDT")] - paid + got - fees["USDT"]
    assert btc == FUNDS[Currency("BTC")] + base - Decimal("0.01") - fees["BTC"]
    assert {each["takerOrMaker"] for each in trades} == {"taker"}


async def test_post_only_that_would_take_is_refused(gate: Stage) -> None:
    import ccxt

    _, ask = await _touch(gate)
    with pytest.raises(ccxt.OrderImmediatelyFillable):
        await gate.client.create_order(MARKET, "limit", "buy", 0.01, ask * 1.01, {"postOnly": True})
    rests = await gate.client.create_order(MARKET, "limit", "buy", 0.01, ask * 0.9, {"postOnly": True})
    assert (rests["status"], rests["postOnly"], rests["timeInForce"]) == ("open", True, "PO")


async def test_immediate_or_cancel_ends_what_it_cannot_fill(gate: Stage) -> None:
    bid, ask = await _touch(gate)
    low = await gate.client.create_order(MARKET, "limit", "buy", 0.01, bid * 0.9, {"timeInForce": "IOC"})
    assert (low["status"], low["filled"], low["info"]["finish_as"]) == ("canceled", 0, "ioc")
    high = await gate.client.create_order(MARKET, "limit", "buy", 0.01, ask * 1.01, {"timeInForce": "IOC"})
    assert (high["status"], high["filled"]) == ("closed", 0.01)


async def test_fill_or_kill_fills_whole_or_was_never_there(gate: Stage) -> None:
    import ccxt

    _, ask = await _touch(gate)
    whole = await gate.client.create_order(MARKET, "limit", "buy", 0.01, ask * 1.01, {"timeInForce": "FOK"})
    assert (whole["status"], whole["filled"]) == ("closed", 0.01)
    params = {"timeInForce": "FOK"}
    exact = await gate.client.create_order(MARKET, "limit", "buy", 0.99 + 1, 50_020, params)
    assert (exact["status"], exact["filled"]) == ("closed", 1.99), "all that is there up to its price"
    with pytest.raises(ccxt.ExchangeError, match="FOK_NOT_FILL"):
        await gate.client.create_order(
            MARKET, "limit", "buy", 15, ask, {"timeInForce": "FOK", "text": "t-kill"}
        )
    with pytest.raises(ccxt.OrderNotFound):
        await gate.client.fetch_order(None, MARKET, {"clientOrderId": "t-kill"})


async def test_a_stop_is_armed_apart_and_fires_another_order(gate: Stage) -> None:
    import ccxt

    client, exchange = gate.client, gate.exchange
    await client.load_markets()
    last = float(LAST)
    armed = await client.create_order(
        MARKET, "limit", "sell", 0.01, last * 0.8, {"stopLossPrice": last * 0.9, "text": "t-stop"}
    )
    seen = await client.fetch_order(armed["id"], MARKET, {"trigger": True})
    assert (seen["status"], seen["clientOrderId"], seen["info"]["fired_order_id"]) == ("open", None, 0)
    assert await client.fetch_open_orders(MARKET) == []
    assert [each["id"] for each in await client.fetch_open_orders(MARKET, None, None, {"trigger": True})] == [
        armed["id"]
    ]
    assert (await client.fetch_balance())["BTC"]["used"] == 0, "an armed order locks nothing"
    with pytest.raises(ccxt.OrderNotFound):
        await client.fetch_order(armed["id"], MARKET)

    exchange.place("maker", order(BTC, Side.BUY, "1", Decimal(45_000)))
    exchange.place("taker", order(BTC, Side.SELL, "10.5", Decimal(45_000)))
    fired = await client.fetch_order(armed["id"], MARKET, {"trigger": True})
    assert fired["info"]["status"] == "finish"
    worked = await client.fetch_order(str(fired["info"]["fired_order_id"]), MARKET)
    assert (worked["status"], worked["average"], worked["clientOrderId"]) == ("closed", 45_000, "apiv4")
    assert worked["id"] != armed["id"]
    assert {each["order"] for each in await client.fetch_my_trades(MARKET)} == {worked["id"]}
    with pytest.raises(ccxt.InvalidOrder):
        await client.cancel_order(armed["id"], MARKET, {"trigger": True})


async def test_a_stop_without_funds_fails_when_it_fires(gate: Stage) -> None:
    client, exchange = gate.client, gate.exchange
    armed = await client.create_order(MARKET, "limit", "sell", 6, 44_000, {"stopLossPrice": 49_995})
    exchange.place("taker", order(BTC, Side.SELL, "0.1", Decimal(49_990)))
    failed = await client.fetch_order(armed["id"], MARKET, {"trigger": True})
    assert failed["info"]["status"] == "failed"
    assert failed["status"] == "canceled"
    assert await client.fetch_closed_orders(MARKET) == []


async def test_a_trigger_on_the_wrong_side_is_refused(gate: Stage) -> None:
    import ccxt

    await gate.client.load_markets()
    last = float(LAST)
    for params, label in (
        ({"stopLossPrice": last * 1.1}, "AUTO_TRIGGER_PRICE_LESS_LAST"),
        ({"takeProfitPrice": last * 0.9}, "AUTO_TRIGGER_PRICE_GREATE_LAST"),
    ):
        with pytest.raises(ccxt.InvalidOrder, match=label):
            await gate.client.create_order(MARKET, "limit", "sell", 0.01, last, params)


async def test_a_used_client_id_makes_a_second_order(gate: Stage) -> None:
    bid, _ = await _touch(gate)
    first = await gate.client.create_order(MARKET, "limit", "buy", 0.01, bid * 0.9, {"text": "t-twice"})
    second = await gate.client.create_order(MARKET, "limit", "buy", 0.01, bid * 0.9, {"text": "t-twice"})
    assert first["id"] != second["id"]
    found = await gate.client.fetch_order(None, MARKET, {"clientOrderId": "t-twice"})
    assert found["id"] == second["id"]
    assert len(await gate.client.fetch_open_orders(MARKET)) == 2


async def test_an_order_is_amended_in_place(gate: Stage) -> None:
    import ccxt

    bid, _ = await _touch(gate)
    placed = await gate.client.create_order(MARKET, "limit", "buy", 0.02, bid * 0.9, {"text": "t-amend"})
    smaller = await gate.client.edit_order("t-amend", MARKET, "limit", "buy", 0.01)
    assert (smaller["id"], smaller["amount"]) == (placed["id"], 0.01)
    lower = await gate.client.edit_order(placed["id"], MARKET, "limit", "buy", None, bid * 0.8)
    assert lower["price"] < smaller["price"]
    with pytest.raises(ccxt.InvalidOrder, match="NO_CHANGE"):
        await gate.client.edit_order(placed["id"], MARKET, "limit", "buy", 0.01)
    await gate.client.cancel_order(placed["id"], MARKET)
    with pytest.raises(ccxt.InvalidOrder, match="ORDER_CANCELLED"):
        await gate.client.edit_order(placed["id"], MARKET, "limit", "buy", 0.005)
    with pytest.raises(ccxt.InvalidOrder, match="ORDER_CANCELLED"):
        await gate.client.cancel_order(placed["id"], MARKET)


async def test_many_orders_at_once(gate: Stage) -> None:
    bid, _ = await _touch(gate)
    client = gate.client
    asks: list[dict[str, Any]] = [
        {"symbol": MARKET, "type": "limit", "side": "buy", "amount": amount, "price": bid * 0.9}
        for amount in (0.01, 0.02, 900)
    ]
    placed = await client.create_orders(asks)
    assert sorted(each["status"] for each in placed) == ["open", "open", "rejected"]
    kept = next(each for each in placed if each["status"] == "open")
    ended = await client.cancel_orders([kept["id"], "99999"], MARKET)
    assert [each["info"]["succeeded"] for each in ended] == [True, False]
    assert len(await client.cancel_all_orders(MARKET)) == 1
    assert await client.fetch_open_orders(MARKET) == []


@pytest.mark.parametrize(
    ("change", "exception", "said"),
    [
        ({"amount": "50"}, "InsufficientFunds", "BALANCE_NOT_ENOUGH"),
        ({"amount": "0.00001"}, "BadRequest", "The minimum is 0.0001 BTC"),
        ({"amount": "0.0001", "price": "20000"}, "BadRequest", "Your order size 2 USDT is too small"),
        ({"amount": "0.00015"}, "InvalidOrder", "INVALID_PRECISION"),
        ({"price": "49000.05"}, "InvalidOrder", "INVALID_PRECISION"),
        ({"price": "500"}, "InvalidOrder", "PRICE_THRESHOLD_EXCEEDED"),
        ({"amount": "9001"}, "InvalidOrder", "AMOUNT_TOO_MUCH"),
        ({"currency_pair": "DOGE_USDT"}, "BadSymbol", "INVALID_CURRENCY_PAIR"),
        ({"text": "t-" + "x" * 29}, "BadRequest", "text"),
        ({"price": None}, "ArgumentsRequired", "MISSING_REQUIRED_PARAM"),
    ],
)
async def test_refusals_become_the_right_exceptions(
    gate: Stage, change: dict[str, Any], exception: str, said: str
) -> None:
    import ccxt

    body = {"currency_pair": "BTC_USDT", "type": "limit", "side": "buy", "amount": "0.01", "price": "49000"}
    with pytest.raises(getattr(ccxt, exception), match=said):
        await gate.client.private_spot_post_orders({**body, **change})
    assert gate.exchange.orders("desk", BTC) == ()


async def test_planned_trouble_reaches_the_client(gate: Stage) -> None:
    import ccxt

    from simulator.wire.faults import Fault, FaultKind, Operation, When

    client, faults = gate.client, gate.server.faults
    await client.load_markets()
    place = frozenset({Operation.PLACE})
    faults.add(Fault(FaultKind.RATE_LIMIT, operations=place, count=1))
    with pytest.raises(ccxt.RateLimitExceeded):
        await client.create_order(MARKET, "limit", "buy", 0.01, 49_000)
    faults.add(Fault(FaultKind.ERROR, operations=place, count=1))
    with pytest.raises(ccxt.ExchangeNotAvailable):
        await client.create_order(MARKET, "limit", "buy", 0.01, 49_000)
    assert gate.exchange.orders("desk", BTC) == ()
    faults.add(Fault(FaultKind.RESET, When.AFTER, operations=place, count=1))
    with pytest.raises(ccxt.NetworkError):
        await client.create_order(MARKET, "limit", "buy", 0.01, 49_000, {"text": "t-lost"})
    assert (await client.fetch_order(None, MARKET, {"clientOrderId": "t-lost"}))["status"] == "open"
    faults.add(Fault(FaultKind.SKEW, seconds=-90, lasts=3600))
    with pytest.raises(ccxt.AuthenticationError, match="REQUEST_EXPIRED"):
        await client.fetch_balance()


async def test_a_spent_quota_is_said_and_counted_down(gate: Stage) -> None:
    from simulator.wire.gate_errors import GateRefusal
    from simulator.wire.gate_limits import ORDERS, GateLimits

    limits = GateLimits()
    left = [limits.order("desk", "BTC_USDT", 100.0 + step / 100).left for step in range(ORDERS.requests)]
    assert left == list(range(ORDERS.requests - 1, -1, -1))
    assert limits.order("desk", "ETH_USDT", 100.5).left == ORDERS.requests - 1
    with pytest.raises(GateRefusal) as caught:
        limits.order("desk", "BTC_USDT", 100.9)
    assert caught.value.status == 429
    assert caught.value.headers["X-Gate-RateLimit-Reset-Timestamp"] == "101"
    assert limits.order("desk", "BTC_USDT", 101.0).left == ORDERS.requests - 1
    await gate.client.fetch_balance()
    told = gate.client.last_response_headers
    assert (told["X-Gate-RateLimit-Limit"], told["X-Gate-RateLimit-Requests-Remain"]) == ("200", "199")


async def test_an_unknown_market_is_refused(gate: Stage) -> None:
    import ccxt

    with pytest.raises(ccxt.BadSymbol, match="INVALID_CURRENCY_PAIR"):
        await gate.client.public_spot_get_order_book({"currency_pair": "DOGE_USDT"})


async def test_a_wrong_secret_an_unknown_key_and_a_reading_key(gate: Stage) -> None:
    import ccxt

    client = gate.client
    await client.load_markets()
    client.secret = "guess"
    with pytest.raises(ccxt.AuthenticationError, match="INVALID_SIGNATURE"):
        await client.fetch_balance()
    client.apiKey = "nobody"
    with pytest.raises(ccxt.AuthenticationError, match="INVALID_KEY"):
        await client.fetch_balance()
    client.apiKey, client.secret = READER.key, READER.secret
    assert (await client.fetch_balance())["USDT"]["free"] == 1_000_000
    with pytest.raises(ccxt.PermissionDenied, match="READ_ONLY"):
        await client.create_order(MARKET, "limit", "buy", 0.01, 30_000)
    assert gate.exchange.open_orders("desk") == ()


async def test_a_late_request_is_refused_and_changes_nothing(gate: Stage) -> None:
    import ccxt

    client = gate.client
    bid, _ = await _touch(gate)
    client.headers = {"x-gate-exptime": str(client.milliseconds() - 1)}
    with pytest.raises(ccxt.AuthenticationError, match="x-gate-exptime"):
        await client.create_order(MARKET, "limit", "buy", 0.01, bid * 0.9)
    assert gate.exchange.open_orders("desk") == ()
    client.headers = {"x-gate-exptime": str(client.milliseconds() + 60_000)}
    assert (await client.create_order(MARKET, "limit", "buy", 0.01, bid * 0.9))["status"] == "open"


async def test_what_a_key_may_do_is_told(gate: Stage) -> None:
    own, reader = await gate.client.private_account_get_main_keys()
    assert own["key"].startswith("desk-key")
    assert own["key"].endswith("*****")
    assert {each["name"]: each["read_only"] for each in own["perms"]} == {"spot": False, "account": True}
    assert reader["perms"][0] == {"name": "spot", "read_only": True}


async def test_the_other_questions_ccxt_asks(gate: Stage) -> None:
    client = gate.client
    await client.load_markets()
    assert abs(await client.fetch_time() - client.milliseconds()) < 60_000
    assert (await client.fetch_trading_fee(MARKET))["maker"] == 0.002
    assert set(await client.fetch_tickers()) == {"BTC/USDT", "ETH/USDT"}
    bars = await client.fetch_ohlcv(MARKET, "1h", limit=3)
    assert bars[-1][1:] == [50_000, 50_000, 50_000, 50_000, 0.5]
    trades = await client.fetch_trades(MARKET, limit=5)
    assert trades == sorted(trades, key=lambda each: each["timestamp"])
