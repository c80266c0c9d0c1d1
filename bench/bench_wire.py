"""How many orders a second the simulated exchange's server takes, over 50 connections, on one process.

The client is as lean as it can be (prepared requests, raw sockets), so that the server is what is measured.
Every answer is read, and must be an accepted order.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from decimal import Decimal
from urllib.parse import urlencode

from bench.result import Context, Result, alone
from domain.clock import LiveClock, to_ns
from domain.money import Currency, Symbol
from simulator.exchange.accounts import ApiKey
from simulator.exchange.synthetic import synthetic_exchange
from simulator.wire.server import serve, venue_module

CONNECTIONS = 50
ORDERS = 12_000
ROUNDS = 3
GOAL_ORDERS = 2_000.0
KEY, SECRET = "bench", "bench-secret"


async def serve_until_told() -> None:
    """The server: says its port and BTC's price, and runs until its input ends. No rate limits."""
    clock = LiveClock()
    policy = replace(venue_module("binance").POLICY, generosity=1e6)
    exchange = synthetic_exchange(clock, policy=policy)
    balances = {Currency("USDT"): Decimal(10**9), Currency("BTC"): Decimal(10**4)}
    exchange.open_account("bench", balances, [ApiKey(KEY, SECRET)])
    async with serve(venue="binance", exchange=exchange, clock=clock) as running:
        print(running.port, exchange.last_price(Symbol("BTC/USDT")), flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


def request(number: int, price: str, now_ms: int, tag: str) -> bytes:
    """One signed order: three in four at the market, the fourth a limit order for what it meets at once."""
    fields = {"symbol": "BTCUSDT", "side": "BUY" if number % 2 else "SELL", "quantity": "0.001"}
    if number % 4:
        fields |= {"type": "MARKET"}
    else:
        fields |= {"type": "LIMIT", "timeInForce": "IOC", "price": price}
    fields |= {"newClientOrderId": f"{tag}-{number}", "recvWindow": "60000", "timestamp": str(now_ms)}
    query = urlencode(fields)
    body = f"{query}&signature={hmac.digest(SECRET.encode(), query.encode(), 'sha256').hex()}".encode()
    head = (
        "POST /api/v3/order HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"X-MBX-APIKEY: {KEY}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def work(port: int, requests: Sequence[bytes]) -> list[float]:
    """Send these one after the other over one connection; the seconds each took."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    took = []
    for each in requests:
        began = time.perf_counter()
        writer.write(each)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        answer = await reader.readexactly(length)
        took.append(time.perf_counter() - began)
        if b" 200 " not in head.split(b"\r\n", 1)[0]:
            raise RuntimeError(f"an order was refused: {answer.decode()}")
    writer.close()
    await writer.wait_closed()
    return took


async def orders_a_second(port: int, price: str, tag: str) -> tuple[float, float]:
    """Orders a second, and the 99th percentile of what one took, in milliseconds."""
    now_ms = to_ns(LiveClock().now()) // 1_000_000
    shares = [
        [request(number, price, now_ms, tag) for number in range(first, ORDERS, CONNECTIONS)]
        for first in range(CONNECTIONS)
    ]
    began = time.perf_counter()
    took = await asyncio.gather(*(work(port, share) for share in shares))
    seconds = time.perf_counter() - began
    return ORDERS / seconds, statistics.quantiles([each for one in took for each in one], n=100)[98] * 1e3


def run(context: Context | None = None) -> list[Result]:
    """The best of three rounds: orders a second, and the slow ones' milliseconds."""
    with subprocess.Popen(
        [sys.executable, "-m", "bench.bench_wire", "serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        if server.stdout is None or server.stdin is None:
            raise RuntimeError("the server has no pipes")
        port, price = server.stdout.readline().split()
        rounds = [asyncio.run(orders_a_second(int(port), price, f"r{at}")) for at in range(ROUNDS)]
        server.stdin.close()
    rate, slow = max(rounds)
    return [
        alone("wire", rate, "orders/s", at_least=GOAL_ORDERS),
        alone("wire_p99", slow, "ms"),
    ]


if __name__ == "__main__" and sys.argv[1:] == ["serve"]:
    asyncio.run(serve_until_told())
elif __name__ == "__main__":
    json.dump([asdict(result) for result in run()], sys.stdout, indent=2)
    print()
