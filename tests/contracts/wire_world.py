"""A simulated exchange on loopback, real ccxt in front of it, and one clock for both: nothing waits for real.

The market is empty but for what a test puts there: `quote` makes the other side rest, `hit` makes it trade.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from domain.clock import SimulatedClock
from domain.instrument import Instrument
from domain.money import Currency, Symbol
from domain.orders import OrderType, Side, TimeInForce
from execution.exchanges.connect import Connection, Credentials
from execution.exchanges.profiles import profile
from execution.exchanges.venue import CcxtVenue, open_venue
from simulator.exchange.accounts import ApiKey
from simulator.exchange.exchange import SimulatedExchange
from simulator.exchange.model import NewOrder, OrderView
from simulator.exchange.policy import FeeIn
from simulator.exchange.rules import MarketRules
from simulator.exchange.tape import Tape
from simulator.fees import one_rate
from simulator.wire.coinbase_keys import key_from
from simulator.wire.server import Running, serve, venue_module
from tests.scenarios.stage import BTC, COIN, INSTRUMENT, START, USDT

KEYS: Final = Credentials("desk-key", "desk-secret")
DESK, MAKER, TAKER = "desk", "maker", "taker"
FUNDS: Final = {USDT: Decimal(10_000), COIN: Decimal(10)}
_NAMES: Final = {
    "binance": "binance-testnet",
    "gate": "gate-testnet",
    "mexc": "mexc",
    "coinbase": "coinbase",
}


@dataclass(slots=True)
class WireMarket:
    """One venue with the desk's account, and strangers who can trade anything. Nobody is connected."""

    wire: str
    clock: SimulatedClock
    exchange: SimulatedExchange
    server: Running

    def wait(self, seconds: float = 1) -> None:
        """Let time pass for everybody."""
        self.clock.set(self.clock.now() + timedelta(seconds=seconds))
        self.exchange.advance(self.clock.now())

    def wait_out_the_window(self) -> None:
        """Let so much time pass that no request on its way can be taken in any more."""
        self.wait(2 * profile(_NAMES[self.wire]).acceptance.total_seconds())

    def quote(self, side: Side, quantity: str, price: str, symbol: Symbol = BTC) -> OrderView:
        """The other side's limit order: it rests, or trades with the desk's."""
        order = NewOrder(symbol, side, OrderType.LIMIT, Decimal(quantity), limit_price=Decimal(price))
        return self.exchange.place(MAKER, order).order

    def hit(self, side: Side, quantity: str, price: str, symbol: Symbol = BTC) -> None:
        """The other side takes up to `quantity` at `price` or better, now."""
        order = NewOrder(
            symbol,
            side,
            OrderType.LIMIT,
            Decimal(quantity),
            limit_price=Decimal(price),
            time_in_force=TimeInForce.IOC,
        )
        self.exchange.place(TAKER, order)

    def orders(self, symbol: Symbol = BTC) -> tuple[OrderView, ...]:
        """Every order the venue ever took from the desk: what its effects are counted by."""
        return self.exchange.orders(DESK, symbol)

    def held(self) -> dict[Currency, Decimal]:
        """What the desk's account holds at the venue, free and locked together."""
        held = self.exchange.balances(DESK)
        return {currency: each.free + each.locked for currency, each in held.items()}


@dataclass(slots=True)
class WireWorld(WireMarket):
    """A venue with the desk connected to it."""

    venue: CcxtVenue
    connection: Connection

    def lose_patience(self, seconds: float) -> None:
        """From now on requests time out after so many real seconds: for those that meet a delay."""
        self.venue.line.client.timeout = int(seconds * 1000)

    async def listening(self) -> None:
        """Make events of the desk's account, in real time, until its stream has brought one of them."""
        stream = self.venue.stream
        if stream is None:
            raise AssertionError("this world has no stream")
        far = NewOrder(BTC, Side.BUY, OrderType.LIMIT, Decimal(1), limit_price=Decimal(50))
        for _ in range(600):
            placed = self.exchange.place(DESK, far).order
            self.exchange.cancel(DESK, BTC, order_id=placed.order_id)
            with suppress(TimeoutError):
                await asyncio.wait_for(stream.changed.wait(), 0.05)
            stream.changed.clear()
            if stream.connected:
                return
        raise AssertionError(f"no event came: {stream.last_error}")


@asynccontextmanager
async def wire_market(
    wire: str,
    *,
    start: datetime = START,
    instruments: tuple[Instrument, ...] = (INSTRUMENT,),
    price: str = "100",
    funds: Mapping[Currency, Decimal] = FUNDS,
    fee_in: FeeIn = FeeIn.QUOTE,
    tape: Tape | None = None,
) -> AsyncIterator[WireMarket]:
    """A venue that is up, on loopback."""
    clock = SimulatedClock(start)
    policy = replace(
        venue_module(wire).POLICY, fees=one_rate("0.001", "0.001"), fee_in=fee_in, generosity=1000.0
    )
    rules = [MarketRules(each) for each in instruments]
    exchange = SimulatedExchange(
        clock,
        rules,
        policy=policy,
        tape=tape,
        prices={each.symbol: Decimal(price) for each in instruments},
    )
    keys = keys_of(wire)
    exchange.open_account(DESK, funds, [ApiKey(keys.key, keys.secret)])
    rich = {currency: Decimal(10**9) for each in instruments for currency in (each.base, each.quote)}
    for stranger in (MAKER, TAKER):  # two, or they would be kept from trading with themselves
        exchange.open_account(stranger, rich)
    async with serve(venue=wire, exchange=exchange, clock=clock) as server:
        yield WireMarket(wire, clock, exchange, server)


def keys_of(wire: str) -> Credentials:
    """The desk's key at a venue: a word and a secret, but at Coinbase, which hands out private keys."""
    return Credentials(*key_from("desk")) if wire == "coinbase" else KEYS


def connection_to(wire: str, url: str, *, stream: bool = False, patience: float = 30) -> Connection:
    """How the desk reaches such a venue. Requests time out after `patience` real seconds."""
    return Connection(
        profile(_NAMES[wire]),
        keys_of(wire),
        rest_url=url,
        stream_url=url.replace("http", "ws", 1) if stream else None,
        timeout=timedelta(seconds=patience),
        paced=False,
    )


@asynccontextmanager
async def wire_world(
    wire: str,
    *,
    start: datetime = START,
    instruments: tuple[Instrument, ...] = (INSTRUMENT,),
    price: str = "100",
    funds: Mapping[Currency, Decimal] = FUNDS,
    fee_in: FeeIn = FeeIn.QUOTE,
    stream: bool = False,
    patience: float = 30,
    tape: Tape | None = None,
) -> AsyncIterator[WireWorld]:
    """A venue that is up, with the desk connected. Requests time out after `patience` real seconds."""
    market = wire_market(
        wire, start=start, instruments=instruments, price=price, funds=funds, fee_in=fee_in, tape=tape
    )
    async with market as up:
        connection = connection_to(wire, up.server.url, stream=stream, patience=patience)
        symbols = tuple(each.symbol for each in instruments)
        venue = await open_venue(connection, symbols, up.clock, stream=stream)
        world = WireWorld(wire, up.clock, up.exchange, up.server, venue, connection)
        world.wait_out_the_window()  # nothing of an earlier process can still be on its way
        try:
            yield world
        finally:
            await venue.close()
