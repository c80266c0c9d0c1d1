"""What the desk adds to an order: gate, books, durable journal and ccxt, over a bare HTTP POST.

A market order to buy 0.001 BTC at the simulated Binance in a process of its own. Two ways of sending it
stand turn by turn in the same run: `aiohttp` posting a request that is signed and ready, and the desk: the
intent written and committed (SQLite, synchronous=FULL), reviewed, placed through unmodified ccxt, accepted.
The difference of the medians is the desk's part, in plain Python and (`_native`) compiled. `venue_floor` is
what a desk without a gate would cost in the same run: ccxt alone over the POST, its answer read whole, and a
bare durable commit of one intent.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from app.running import spare_the_collector
from bench.bench_desk import MINUTE, Bare, Tape
from bench.bench_wire import KEY, SECRET, request
from bench.lanes import compiled
from bench.result import Context, Result, alone
from domain.clock import LiveClock, to_ns
from domain.errors import GateError
from domain.events import DeskEvent, IntentRecorded
from domain.halt import HaltState
from domain.market import Candle, Quote, Timeframe
from domain.money import Currency, Money, Price, Quantity, Symbol
from domain.orders import OrderIntent, OrderStatus, OrderType, Side, client_order_id
from execution.exchanges.connect import Connection, Credentials, close, rest_client
from execution.exchanges.profiles import PROFILES
from execution.exchanges.venue import open_venue
from execution.facts import FactsSource, no_breakers
from execution.order_desk import OrderDesk
from market.bars import Bars
from memory.codec import encode
from memory.journal import SqliteJournal
from portfolio.portfolio import Portfolio
from risk.limits import DEFAULTS, RiskLimits

if TYPE_CHECKING:
    import aiohttp

BTC = Symbol("BTC/USDT")
ORDERS = 600
WARM_UP = 60
GOAL_MS = 0.5
LIMITS = RiskLimits.from_mapping(
    {
        **DEFAULTS,
        "allowed_symbols": [BTC],
        "max_orders_per_window_count": 10_000,
        "duplicate_window_seconds": 0,  # the same order again and again is what is measured
        "require_stop": False,
    }
)
_QUANTITY = Quantity(Decimal("0.001"))


class _Standing(Tape):
    """A market that stands at the price the exchange had, and is as new as the last order."""

    def __init__(self, price: str, clock: LiveClock) -> None:
        super().__init__(1)
        last, now = Price(Decimal(price)), clock.now()
        self._clock, self._quote = clock, Quote(BTC, last, last, last, now)
        newest = now.replace(second=0, microsecond=0)
        closes = to_ns(newest) - 60_000_000_000 * np.arange(2_879, -1, -1, dtype=np.int64)
        still, much = np.full(2_880, float(price)), np.full(2_880, 1e6)
        self._still = Bars(
            BTC, Timeframe.M1, closes - 60_000_000_000, closes, still, still, still, still, much
        )
        self._newest = Candle(
            BTC, Timeframe.M1, newest - MINUTE, newest, last, last, last, last, Quantity(Decimal(50))
        )
        self.now = newest

    def candle(self, symbol: Symbol) -> Candle | None:
        return self._newest

    def refresh(self) -> None:
        self._quote = replace(self._quote, as_of=self._clock.now())

    def quote(self, symbol: Symbol) -> Quote | None:
        return self._quote


def _nobody(event: DeskEvent) -> None:
    return None


def _intent(number: int, now: datetime) -> OrderIntent:
    return OrderIntent(
        client_id=client_order_id("bench", number, 0),
        session="bench",
        cycle=number,
        leg=0,
        symbol=BTC,
        side=Side.BUY,
        quantity=_QUANTITY,
        order_type=OrderType.MARKET,
        created_at=now,
        reason="a benchmark",
    )


async def _post(session: aiohttp.ClientSession, url: str, body: bytes) -> float:
    headers = {"X-MBX-APIKEY": KEY, "Content-Type": "application/x-www-form-urlencoded"}
    began = time.perf_counter()
    async with session.post(url, data=body, headers=headers) as answer:
        said = await answer.read()
    took = time.perf_counter() - began
    if answer.status != 200:
        raise RuntimeError(f"an order was refused: {said.decode()}")
    return took


async def _measure(port: str, price: str, folder: Path) -> dict[str, list[float]]:
    """Seconds of every order, by the way it was sent."""
    import aiohttp

    clock, url = LiveClock(), f"http://127.0.0.1:{port}"
    connection = Connection(PROFILES["binance-testnet"], Credentials(KEY, SECRET), rest_url=url, paced=False)
    feed = _Standing(price, clock)
    portfolio = Portfolio(Money(Decimal(10**6), Currency("USDT")), feed.instruments)
    journal = SqliteJournal(folder / "desk.db")
    journal.prepare()  # as a session does
    venue = await open_venue(connection, (BTC,), clock, stream=False)
    facts = FactsSource(portfolio, feed, lambda: HaltState.ACTIVE, LIMITS, breakers=no_breakers)
    desk = OrderDesk(
        venue=venue,
        portfolio=portfolio,
        facts=facts,
        limits=LIMITS,
        journal=journal,
        clock=clock,
        publish=_nobody,
    )
    client = rest_client(connection, lambda: to_ns(clock.now()) // 1_000_000)
    await client.load_markets()
    took: dict[str, list[float]] = {"post": [], "ccxt": [], "commit": [], "desk": []}
    floor = Bare(folder / "bare.db")
    async with aiohttp.ClientSession() as session:
        for number in range(ORDERS + WARM_UP):
            body = request(4 * number + 1, price, to_ns(clock.now()) // 1_000_000, "bare")
            bare = await _post(session, f"{url}/api/v3/order", body.split(b"\r\n\r\n", 1)[1])
            began = time.perf_counter()
            await client.create_order("BTC/USDT", "market", "buy", 0.001)
            alone_ = time.perf_counter() - began
            feed.refresh()
            intent = _intent(number, clock.now())
            committed = floor.commit(encode(IntentRecorded(intent, intent.created_at)))
            began = time.perf_counter()
            order = await desk.submit(intent)
            mine = time.perf_counter() - began
            if order.status is not OrderStatus.ACCEPTED:
                raise GateError(f"the benchmark's order is {order.status}: {order.note}")
            # Fills are booked, kept and looked at outside the time that is taken, as the loop does it.
            await desk.sync()
            desk.commit()
            facts.keep_up()
            if number >= WARM_UP:
                for name, seconds in (
                    ("post", bare),
                    ("ccxt", alone_),
                    ("commit", committed),
                    ("desk", mine),
                ):
                    took[name].append(seconds)
    portfolio.check()
    await close(client)
    await venue.close()
    journal.close()
    floor.connection.close()
    return took


def run(context: Context | None = None) -> list[Result]:
    """Medians in milliseconds, in both lanes: the bare POST, and what ccxt and the desk add to it."""
    return [*of_a_lane(), *compiled("bench_venue")]


def of_a_lane() -> list[Result]:
    """The same in the lane of this process."""
    spare_the_collector()
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            [sys.executable, "-m", "bench.bench_wire", "serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as server,
    ):
        if server.stdout is None or server.stdin is None:
            raise RuntimeError("the server has no pipes")
        port, price = server.stdout.readline().split()
        took = asyncio.run(_measure(port, price, Path(folder)))
        server.stdin.close()
    post, ccxt, commit, desk = (statistics.median(seconds) * 1e3 for seconds in took.values())
    return [
        alone("venue_post", post, "ms"),
        alone("venue_floor", ccxt - post + commit, "ms over the POST"),
        alone("venue_desk", desk - post, "ms over the POST", at_most=GOAL_MS),
    ]


if __name__ == "__main__":
    json.dump([asdict(result) for result in run()], sys.stdout, indent=2)
    print()
