"""The simulated Coinbase: tokens are checked to the second and the path, orders answered as it does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import aiohttp
import ccxt
import pytest

from domain.orders import Side
from execution.exchanges.connect import close, rest_client
from simulator.exchange.accounts import ApiKey
from simulator.wire.coinbase_keys import claimed, genuine, in_time, key_from, meant_for
from tests.contracts.wire_world import WireMarket, connection_to, keys_of, wire_market
from tests.scenarios.stage import COIN, START, USDT

ORDERS = "/api/v3/brokerage/orders"
NOW = int(START.timestamp())
GOOD: dict[str, Any] = {"nbf": NOW, "exp": NOW + 120, "uri": "POST 127.0.0.1:1/api"}


@dataclass
class Stage:
    market: WireMarket
    client: Any

    async def ask(self, method: str, path: str, token: str, body: Any = None) -> tuple[int, Any]:
        headers = {"Authorization": token}
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, self.market.server.url + path, headers=headers, json=body) as answer,
        ):
            text = await answer.text()
        return answer.status, json.loads(text) if text.startswith("{") else text

    def token(self, method: str, path: str, seconds: int | None = None) -> str:
        at = int(self.market.clock.now().timestamp()) if seconds is None else seconds
        made: str = self.client.create_auth_token(at, method, self.market.server.url + path)
        return f"Bearer {made}"


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    async with wire_market("coinbase") as market:
        client = rest_client(
            connection_to("coinbase", market.server.url), lambda: int(market.clock.now().timestamp() * 1000)
        )
        try:
            yield Stage(market, client)
        finally:
            await close(client)


@pytest.mark.parametrize(
    ("changes", "good"),
    [
        ({}, True),
        ({"nbf": NOW + 1, "exp": NOW + 100}, True),
        ({"nbf": NOW + 2, "exp": NOW + 100}, False),
        ({"nbf": NOW - 119, "exp": NOW + 1}, True),
        ({"nbf": NOW - 120, "exp": NOW}, False),
        ({"exp": NOW + 121}, False),
        ({"exp": None}, False),
        ({"nbf": "soon"}, False),
    ],
)
def test_a_token_lives_for_two_minutes(changes: dict[str, Any], good: bool) -> None:
    assert in_time({**GOOD, **changes}, START) is good


@pytest.mark.parametrize(
    ("uri", "good"),
    [
        ("POST 127.0.0.1:1/api", True),
        ("POST http://127.0.0.1:1/api", True),
        ("POST https://127.0.0.1:1/api", True),
        ("GET 127.0.0.1:1/api", False),
        ("POST 127.0.0.1:2/api", False),
        ("POST 127.0.0.1:1/api/", False),
        (None, False),
    ],
)
def test_a_token_is_for_one_request(uri: str | None, good: bool) -> None:
    assert meant_for({**GOOD, "uri": uri}, "POST", "127.0.0.1:1", "/api") is good


async def test_only_the_keys_owner_signs() -> None:
    async with stage() as at:
        token = at.token("GET", ORDERS)
        assert genuine(token, keys_of("coinbase").secret)
        assert not genuine(token, key_from("another")[1])
        assert not genuine(token[:-4] + "AAAA", keys_of("coinbase").secret)
        assert not genuine(token, "no key at all")
        assert not genuine("Bearer a.b.c", keys_of("coinbase").secret)
        assert claimed("Basic abc") is None
        assert claimed("Bearer a.b.c") is None


async def test_what_is_not_signed_for_this_request_is_refused() -> None:
    async with stage() as at:
        path, now = "/api/v3/brokerage/accounts", int(START.timestamp())
        assert (await at.ask("GET", path, at.token("GET", path)))[0] == 200
        for token in (
            "",
            at.token("POST", path),
            at.token("GET", ORDERS),
            at.token("GET", path, now - 120),
            at.token("GET", path, now + 30),
        ):
            assert await at.ask("GET", path, token) == (401, "Unauthorized\n")


async def test_a_key_that_may_only_look_places_nothing() -> None:
    async with stage() as at:
        name, secret = key_from("looker")
        at.market.exchange.open_account("looker", {USDT: Decimal(100)}, [ApiKey(name, secret, trade=False)])
        at.client.apiKey, at.client.secret = name, secret
        with pytest.raises(ccxt.PermissionDenied):
            await at.client.create_order("BTC/USDT", "limit", "buy", "1", "95")
        assert (await at.client.fetch_balance())["free"] == {"USDT": "100"}


async def test_a_used_client_id_brings_back_its_order() -> None:
    async with stage() as at:
        told = {"client_order_id": "mine"}
        first = await at.client.create_order("BTC/USDT", "limit", "buy", "1", "95", told)
        second = await at.client.create_order("BTC/USDT", "limit", "buy", "1", "95", told)
        assert first["id"] == second["id"]
        assert len(at.market.orders()) == 1


@pytest.mark.parametrize(
    ("kind", "amount", "price", "params", "filled", "status"),
    [
        ("market", "1", None, {}, "1", "closed"),
        ("limit", "1", "99", {"timeInForce": "IOC"}, "1", "closed"),
        ("limit", "3", "99", {"timeInForce": "IOC"}, "2", "canceled"),
        ("limit", "3", "99", {"timeInForce": "FOK"}, "0", "canceled"),
        ("limit", "2", "99", {"timeInForce": "FOK"}, "2", "closed"),
        ("limit", "1", "101", {"postOnly": True}, "0", "open"),
        ("limit", "1", "101", {"timeInForce": "GTD", "end_time": "2999-01-01T00:00:00Z"}, "0", "open"),
    ],
)
async def test_every_kind_of_order_is_taken_and_told(
    kind: str, amount: str, price: str | None, params: dict[str, Any], filled: str, status: str
) -> None:
    async with stage() as at:
        at.market.quote(Side.BUY, "2", "99")
        placed = await at.client.create_order("BTC/USDT", kind, "sell", amount, price, params)
        seen = await at.client.fetch_order(placed["id"], "BTC/USDT")
        assert (seen["filled"], seen["status"], seen["side"]) == (filled, status, "sell")
        trades = await at.client.fetch_my_trades("BTC/USDT")
        assert sum(Decimal(each["amount"]) for each in trades) == Decimal(filled)
        fees = sum(Decimal(each["fee"]["cost"]) for each in trades)
        assert Decimal(seen["fee"]["cost"]) == fees == Decimal(filled) * 99 / 1000
        assert at.market.held()[COIN] == 10 - Decimal(filled)


@pytest.mark.parametrize(
    ("amount", "price", "params", "error"),
    [
        ("1000", "95", {}, ccxt.InsufficientFunds),
        ("1", "105", {"postOnly": True}, ccxt.ExchangeError),
        ("1", "95", {"stopLossPrice": "90"}, ccxt.ExchangeError),
    ],
)
async def test_what_it_does_not_take_it_refuses(
    amount: str, price: str, params: dict[str, Any], error: type[Exception]
) -> None:
    async with stage() as at:
        at.market.quote(Side.SELL, "2", "101")
        with pytest.raises(error):
            await at.client.create_order("BTC/USDT", "limit", "buy", amount, price, params)
        assert at.market.orders() == ()


async def test_the_market_is_told_as_it_is() -> None:
    async with stage() as at:
        at.market.quote(Side.SELL, "2", "101")
        at.market.quote(Side.BUY, "3", "99")
        book = await at.client.fetch_order_book("BTC/USDT")
        assert (book["bids"], book["asks"]) == ([[99.0, 3.0]], [[101.0, 2.0]])
        ticker = await at.client.fetch_ticker("BTC/USDT")
        assert (ticker["bid"], ticker["ask"]) == ("99", "101")
        at.market.hit(Side.BUY, "1", "101")
        at.market.wait(60)
        bars = await at.client.fetch_ohlcv("BTC/USDT", "1m", int(START.timestamp() * 1000), 5)
        assert [bar[4] for bar in bars][:1] == ["101"]
        assert abs(await at.client.fetch_time() - at.market.clock.now().timestamp() * 1000) < 1000


async def test_too_many_questions_are_refused_for_a_second() -> None:
    async with stage() as at:
        path = "/api/v3/brokerage/time"
        at.market.exchange.policy = replace(at.market.exchange.policy, generosity=1.0)
        async with aiohttp.ClientSession() as session:

            async def once() -> int:
                async with session.get(at.market.server.url + path) as answer:
                    return answer.status

            seen = [await once() for _ in range(12)]
            assert seen == [200] * 10 + [429] * 2
            at.market.clock.set(at.market.clock.now() + timedelta(seconds=1))
            assert await once() == 200
