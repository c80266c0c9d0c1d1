"""A simulated exchange on the wire as the ground of a story: real HTTP, real ccxt, a clock for everybody."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal

from domain.instrument import Instrument
from domain.money import Currency, Money, Symbol
from domain.orders import Side
from execution.exchanges.venue import CcxtVenue
from execution.order_desk import OrderDesk
from execution.venue import Venue
from portfolio.portfolio import Portfolio
from risk.limits import DEFAULTS, RiskLimits
from simulator.exchange.policy import FeeIn
from tests.contracts.wire_world import WireMarket, WireWorld, wire_market, wire_world
from tests.faults.ground import Seen
from tests.faults.world import StillFeed
from tests.roomy import ROOM
from tests.scenarios.stage import BTC, INSTRUMENT, USDT

_DEEP = "1000"


class WireGround:
    """Two coins at 100, bid and asked for in depth a tick of ten cents around it."""

    symbol: Symbol = BTC
    instruments: Mapping[Symbol, Instrument] = {BTC: INSTRUMENT}
    capital = Money(Decimal(10_000), USDT)
    limits: RiskLimits = RiskLimits.from_mapping(
        {**DEFAULTS, **ROOM, "allowed_symbols": [BTC], "max_orders_per_window_count": 1000}
    )
    price = Decimal(100)
    quantity = Decimal(2)
    moment = timedelta(seconds=6)
    forgets = False

    def __init__(self, world: WireMarket) -> None:
        self.world = world
        self.clock = world.clock
        self.feed = OneCoinFeed()
        self._now()
        world.quote(Side.BUY, _DEEP, "99.9")
        world.quote(Side.SELL, _DEEP, "100.1")

    def _now(self) -> None:
        self.feed.now = self.clock.now()

    def connect(self) -> Venue:
        assert isinstance(self.world, WireWorld), "nobody is connected to this venue"
        venue = self.world.venue
        return CcxtVenue(venue.line, venue.instruments, self.clock, reconcile_every=timedelta(0))

    def put_back(self, venue: Venue, desk: OrderDesk, portfolio: Portfolio) -> None:
        assert isinstance(venue, CcxtVenue)
        venue.restore(desk.orders.values())

    def pass_time(self) -> None:
        self.world.wait(self.moment.total_seconds())
        self._now()

    def fill_bids(self, quantity: Decimal) -> None:
        self.world.hit(Side.SELL, f"{quantity}", "100")
        self.pass_time()

    def rise(self) -> None:
        self.world.hit(Side.BUY, _DEEP, "121")
        self.world.quote(Side.BUY, "50", "121")
        self.feed.last[BTC] = Decimal(121)
        self.pass_time()

    def fall(self) -> None:
        self.world.hit(Side.SELL, _DEEP, "90.5")
        self.world.quote(Side.BUY, _DEEP, "89")
        self.world.hit(Side.SELL, "0.1", "89")
        self.feed.last[BTC] = Decimal(89)
        self.pass_time()

    def orders(self) -> list[Seen]:
        return [
            Seen(
                _ours(view.client_id),
                view.order_type.value,
                view.side.value,
                view.limit_price or view.trigger_price,
                view.quantity - view.filled,
                view.filled,
                view.is_open,
            )
            for view in self.world.orders()
        ]

    def held(self) -> Mapping[Currency, Decimal]:
        return self.world.held()


class OneCoinFeed(StillFeed):
    """One coin at 100 until somebody says otherwise."""

    symbols = (BTC,)  # type: ignore[assignment]  # one of the two
    instruments: Mapping[Symbol, Instrument] = {BTC: INSTRUMENT}

    def __init__(self) -> None:
        super().__init__()
        self.last = {BTC: Decimal(100)}


def _ours(client_id: str) -> str:
    """The desk's id; empty for an order of a venue that keeps none for triggers and what becomes of them."""
    return "" if client_id.startswith("apiv4-") else client_id.removeprefix("t-")


@asynccontextmanager
async def wire_ground(wire: str) -> AsyncIterator[WireGround]:
    """A venue that charges its fees as it does, in what is received."""
    funds = {USDT: WireGround.capital.amount}
    async with wire_world(wire, funds=funds, fee_in=FeeIn.RECEIVED, patience=5) as world:
        yield WireGround(world)


@asynccontextmanager
async def wire_outside(wire: str) -> AsyncIterator[WireGround]:
    """The same venue, to which other processes connect."""
    funds = {USDT: WireGround.capital.amount}
    async with wire_market(wire, funds=funds, fee_in=FeeIn.RECEIVED) as market:
        yield WireGround(market)
