"""A desk on a made-up venue whose time passes when the desk rests: hours in a moment, always the same."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from app.bootstrap import Desk, build_desk
from app.settings import Settings, load
from app.venue_run import VenueRun
from domain.events import DeskEvent
from domain.halt import Halt
from domain.market import Timeframe
from domain.money import Currency, Symbol
from domain.orders import TERMINAL, Order, OrderType, Side
from execution.scripted import ScriptedVenue
from execution.venue import VenueReport
from graph.inline import run_inline
from market.live.clock import VenueClock
from market.live.feed import LiveFeed
from memory.journal import MemoryJournal
from memory.records import MemoryRecords
from portfolio.portfolio import Portfolio
from tests.unit.market.live_venue import INSTRUMENTS, MadeUpVenue

SYMBOLS = (Symbol("BTC/USDT"), Symbol("ETH/USDT"))
USDT = Currency("USDT")


class FillingVenue(ScriptedVenue):
    """When polled it fills limit orders at their price, market orders and triggered stops at the touch."""

    def __init__(self) -> None:
        super().__init__()
        self.held = {USDT: Decimal(10_000)}
        self.feed: LiveFeed | None = None
        self.polls = 0
        self.takes_limits = True

    async def poll(self) -> tuple[VenueReport, ...]:
        self.polls += 1
        self._speak()
        for name, kept in tuple(self._orders.items()):
            quote = self.feed.quote(kept.intent.symbol) if self.feed is not None else None
            if quote is None or kept.status in TERMINAL:
                continue
            trigger = kept.intent.trigger_price
            limit = kept.intent.order_type is OrderType.LIMIT and self.takes_limits
            plain = kept.intent.order_type is OrderType.MARKET or limit
            if plain or (trigger is not None and quote.bid <= trigger):
                touch = quote.ask if kept.intent.side is Side.BUY else quote.bid
                price = kept.intent.limit_price or touch
                self.fill(name, kept.intent.quantity, price, quote.as_of)
        return await super().poll()


@dataclass
class MadeUpWorld:
    feed: LiveFeed
    clock: VenueClock
    filling: FillingVenue
    reconcile_every: timedelta | None = timedelta(minutes=1)
    bound: timedelta | None = timedelta(seconds=36)

    def venue(self, portfolio: Portfolio) -> FillingVenue:
        self.filling.feed = self.feed
        return self.filling

    def put_back(self, orders: Iterable[Order], last: datetime | None, portfolio: Portfolio) -> None:
        return None


def settings(decision: dict[str, Any] | None = None, **session: Any) -> Settings:
    """Two symbols, a decision every hour; the address is never asked."""
    told = {"symbols": SYMBOLS, "timeframe": "1h", **session}
    return load(
        overrides={
            "session": told,
            "venue": {"name": "binance-testnet", "url": "http://127.0.0.1:9"},
            "decision": {"strategies": ("breakout", "ma_crossover"), **(decision or {})},
        }
    )


class VenueStage:
    """One home's journal and one venue; `start` begins a run, again after a crash if you like."""

    def __init__(self, pace: float = 20) -> None:
        """One rest of the desk lasts `pace` times what it asked for: fewer looks, sooner done."""
        self.pace = pace
        self.data = MadeUpVenue()
        self.filling = FillingVenue()
        self.decision: dict[str, Any] = {}
        self.journal = MemoryJournal()
        self.world: MadeUpWorld

    async def desk(self, past: Sequence[DeskEvent] = (), halt: Halt | None = None, **session: Any) -> Desk:
        clock = VenueClock(counter=self.data.counter)
        origin = past[0].at if past else None
        feed = await LiveFeed.open(
            self.data, INSTRUMENTS, Timeframe.H1, name="made-up", clock=clock, origin=origin
        )
        self.world = MadeUpWorld(feed, clock, self.filling)
        return build_desk(
            settings(self.decision, **session),
            session="s0001",
            journal=self.journal,
            records=MemoryRecords(),
            cycles=lambda context: partial(run_inline, context),
            past=past,
            halt=halt,
            world=self.world,
        )

    async def run(self, bars: int | None = None, **more: Any) -> VenueRun:
        desk = await self.desk(**more)
        return VenueRun(desk, self.world.feed, bars=bars, rest=self.rest)

    async def rest(self, seconds: float) -> None:
        self.data.counter.seconds += seconds * self.pace
        await asyncio.sleep(0)

    def events(self) -> list[DeskEvent]:
        return [event for _, event in self.journal.events()]
