"""The simulated exchange in the foreground: a venue on this machine to rehearse at, with trouble on order."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import signal
import tomllib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from domain.clock import Clock, LiveClock, SimulatedClock
from domain.errors import ConfigError
from domain.money import Currency, Symbol
from market.live.clock import VenueClock
from simulator.exchange.accounts import ApiKey
from simulator.exchange.events import AccountEvent, OrderChanged
from simulator.exchange.synthetic import DEFAULT_SYMBOLS, synthetic_exchange
from simulator.weather import weather_of
from simulator.wire.faults import Fault, FaultPlan, fault_from
from simulator.wire.server import Running, serve, venue_module

Venue = Literal["binance", "gate", "mexc", "coinbase"]
ACCOUNT = "rehearsal"


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What to simulate. `speed` is how fast its time runs; at 0 it stands until `POST /clock` moves it."""

    venue: str
    key: str
    secret: str = field(repr=False)
    host: str = "127.0.0.1"
    port: int = 0
    seed: int = 7
    weather: str = "fair"
    speed: float = 1.0
    symbols: tuple[str, ...] = DEFAULT_SYMBOLS
    cash: Decimal = Decimal(100_000)
    currency: str = "USDT"
    faults: tuple[Fault, ...] = ()


@dataclass(slots=True)
class Summary:
    """What happened at the exchange: order events by kind, and how often each fault struck."""

    events: Counter[str] = field(default_factory=Counter)
    struck: int = 0

    def as_mapping(self) -> dict[str, int]:
        return {**dict(sorted(self.events.items())), "faults": self.struck}


def key_pair(venue: str) -> tuple[str, str]:
    """A new key and its secret, of the kind that venue hands out."""
    if venue == "coinbase":
        from simulator.wire.coinbase_keys import key_from

        return key_from(secrets.token_hex(32))
    return secrets.token_hex(16), secrets.token_hex(32)


def read_faults(path: Path) -> tuple[Fault, ...]:
    """Faults from a TOML file of [[fault]] tables; ConfigError names the file and what is wrong in it."""
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(
            f"{path} cannot be read: {error}", fix="It is TOML; see docs/exchange.md"
        ) from error
    tables = told.pop("fault", [])
    if told or not isinstance(tables, list) or not all(isinstance(table, Mapping) for table in tables):
        raise ConfigError(f"{path} holds more than [[fault]] tables", fix="See docs/exchange.md")
    made: list[Fault] = []
    for number, table in enumerate(tables, start=1):
        try:
            made.append(fault_from(table))
        except ConfigError as error:
            raise ConfigError(f"{path}, fault {number}: {error.message}", fix=error.fix) from error
    return tuple(made)


@contextlib.asynccontextmanager
async def rehearse(told: Rehearsal) -> AsyncIterator[tuple[Running, Summary]]:
    """Serve the exchange with one account until the context ends. ConfigError for what cannot be had."""
    clock = _clock(told.speed)
    exchange = synthetic_exchange(
        clock,
        seed=told.seed,
        symbols=tuple(Symbol(symbol) for symbol in told.symbols),
        policy=venue_module(told.venue).POLICY,
        weather=weather_of(told.weather),
    )
    exchange.open_account(ACCOUNT, {Currency(told.currency): told.cash}, [ApiKey(told.key, told.secret)])
    summary = Summary()

    def count(event: AccountEvent) -> None:
        if isinstance(event, OrderChanged):
            summary.events[event.change.value] += 1

    exchange.listen(ACCOUNT, count)
    plan = FaultPlan(clock, told.faults)
    async with serve(
        venue=told.venue, exchange=exchange, clock=clock, host=told.host, port=told.port, faults=plan
    ) as running:
        try:
            yield running, summary
        finally:
            summary.struck = sum(happened for _, _, happened in plan.planned())


async def run_until_stopped(told: Rehearsal, ready: Callable[[Running], None]) -> Summary:
    """Serve until SIGINT or SIGTERM; `ready` is called once the exchange listens."""
    stop = asyncio.Event()
    with _signals(stop):
        async with rehearse(told) as (running, summary):
            ready(running)
            await stop.wait()
    return summary


@contextlib.contextmanager
def _signals(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    ours = (signal.SIGINT, signal.SIGTERM)
    for number in ours:
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in ours:
            loop.remove_signal_handler(number)


def _clock(speed: float) -> Clock:
    if speed == 0:
        return SimulatedClock(LiveClock().now())
    if speed == 1:
        return LiveClock()
    clock = VenueClock(speed=speed)
    now = clock.reading()
    clock.correct(LiveClock().now(), now, now)
    return clock


def hints(told: Rehearsal, running: Running) -> dict[str, Any]:
    """What somebody needs to trade there, by this desk or by anything else."""
    name = f"{told.venue}-testnet" if told.venue in ("binance", "gate") else told.venue
    prefix = name.upper().replace("-", "_")
    secret = told.secret.replace("\n", "\\n")  # a private key has lines, a variable has one
    return {
        "venue": told.venue,
        "url": running.url,
        "stream_url": running.url.replace("http", "ws", 1),
        "key": told.key,
        "secret": told.secret,
        "environment": {f"{prefix}_API_KEY": told.key, f"{prefix}_API_SECRET": secret},
        "desk": f"desk run --venue {name} --venue-url {running.url}"
        + (f" --speed {told.speed:g}" if told.speed not in (0, 1) else ""),
        "seed": told.seed,
        "speed": told.speed,
        "symbols": list(told.symbols),
        "balances": {told.currency: f"{told.cash:f}"},
        "faults": f"{running.url}/faults",
        "clock": f"{running.url}/clock",
    }
