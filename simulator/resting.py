"""An order that waits in a simulated market, and where a bar meets it.

Prices. A market order fills at the open. A limit fills at the open when the open is through its price,
else at its own price when the bar trades through it; a touch is not a fill, unless the fill model keeps a
queue. A post-only limit that would take liquidity at its first open expires; after that it fills at its own
price, as maker, also when the market gaps through it. Sleeping orders wake at their trigger
(`simulator.triggers`). The fill model adds slippage to whatever takes liquidity.

Order of events inside a bar. A candle does not tell its path, so the core assumes the one that is worst
for a long-only account: first the open; then buy stops (entries on strength); then the fall, where sell
stops and buy limits meet by falling price, the stop first when equal; last the sell limits and the sales
for a profit. The first fill of a group ends its others, so of a stop and a profit target that one bar
reaches, the stop is what happened.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from domain.errors import VenueRejected
from domain.instrument import Instrument
from domain.market import Candle
from domain.money import ZERO, Currency
from domain.orders import Fill, OrderIntent, OrderStatus, OrderType, Side, TimeInForce
from simulator.triggers import AT_OPEN, FALL, PROFIT, Hit, Trigger

# Reading a member off its enum class costs more than a comparison; these are read once per order and bar.
_BUY: Final = Side.BUY
_IOC: Final = TimeInForce.IOC
_FOK: Final = TimeInForce.FOK
_MARKET: Final = OrderType.MARKET
_LIMIT: Final = OrderType.LIMIT
_ACCEPTED: Final = OrderStatus.ACCEPTED


@dataclass(slots=True)
class Terms:
    """What few orders have. The core changes it as bars pass.

    `trigger` is set while the order sleeps. `queue` is the quantity ahead of a resting limit at its price,
    and `served` what reached it beyond that queue in the bar at hand; None while nobody keeps a queue.
    """

    trigger: Trigger | None = None
    post_only: bool = False
    expires_at: datetime | None = None
    group: str = ""
    queue: Decimal | None = None
    served: Decimal | None = None


class Resting:
    """One order inside the core. Callers read it; only the core changes it.

    `kind` is what it works as now: a stop that has triggered works as a market order. `at_once` says that
    what does not fill at the first chance expires. `last_matched` is the close time of the newest bar it
    met. `unit` is what one unit of its quantity reserves of the currency it spends, `reserved` what it
    reserves now. `terms` is None for a plain order.
    """

    __slots__ = (
        "at_once",
        "buy",
        "fills",
        "instrument",
        "intent",
        "kind",
        "last_matched",
        "remaining",
        "reserved",
        "status",
        "submitted_at",
        "terms",
        "unit",
    )

    def __init__(
        self, intent: OrderIntent, instrument: Instrument, submitted_at: datetime, terms: Terms | None
    ) -> None:
        self.intent = intent
        self.instrument = instrument
        self.submitted_at = submitted_at
        self.terms = terms
        self.kind = intent.order_type
        self.buy = intent.side is _BUY
        self.at_once = (tif := intent.time_in_force) is _IOC or tif is _FOK
        self.remaining: Decimal = intent.quantity
        self.unit = self.reserved = ZERO
        self.fills: tuple[Fill, ...] = ()
        self.status = _ACCEPTED
        self.last_matched: datetime | None = None

    @property
    def venue_id(self) -> str:
        return "sim-" + self.intent.client_id

    @property
    def spends(self) -> Currency:
        return self.instrument.quote if self.buy else self.instrument.base

    @property
    def asleep(self) -> bool:
        """Whether it still waits for its trigger."""
        return self.terms is not None and self.terms.trigger is not None

    @property
    def had_its_chance(self) -> bool:
        """Whether an at-once order has already met the one bar it could fill on."""
        return self.at_once and self.last_matched is not None and not self.asleep

    def wake(self) -> None:
        """Go on as the order that the trigger made of it: at market, or with the limit it names."""
        if self.terms is not None:
            self.terms.trigger = None
        self.kind = _MARKET if self.intent.limit_price is None else _LIMIT


def place_in_path(met: tuple[Resting, Hit, bool]) -> tuple[int, Decimal, bool]:
    """Sorts what a bar meets by the order in which it happens."""
    stage, price, maker = met[1]
    if stage == AT_OPEN:
        return stage, ZERO, False  # in the order of submission
    return stage, -price if stage == FALL else price, maker


def meet(order: Resting, candle: Candle) -> Hit | None:
    """Where the bar first meets the order; None when it does not. A trigger that is reached wakes it."""
    kind = order.kind
    if kind is _MARKET:
        return (AT_OPEN, candle.open, False)
    if kind is _LIMIT:
        return _meet_limit(order, candle)
    terms = order.terms
    if terms is None or terms.trigger is None:
        raise VenueRejected(f"order {order.intent.client_id}: a {kind.value} order without a trigger")
    woken = terms.trigger.meet(candle)
    if woken is None:
        return None
    order.wake()
    return _after_trigger(order, candle, woken)


def _meet_limit(order: Resting, candle: Candle) -> Hit | None:
    intent, buy = order.intent, order.buy
    limit = intent.limit_price
    if limit is None:
        raise VenueRejected(f"order {intent.client_id}: a limit order without a limit price")
    if candle.open < limit if buy else candle.open > limit:
        if order.terms is not None and order.terms.post_only:
            return (AT_OPEN, limit, True)
        return (AT_OPEN, candle.open, False)
    if order.at_once:
        return None  # it had to fill at once, which is at the open
    if candle.low < limit if buy else candle.high > limit:
        return (FALL if buy else PROFIT, limit, True)
    return None


def _after_trigger(order: Resting, candle: Candle, woken: tuple[int, Decimal]) -> Hit | None:
    """What the rest of the bar does to an order that has just woken at that stage and price.

    One whose limit the price has passed rests from there on: a buy can still meet the fall, a sale only the
    last rise, and only if that rise comes after its trigger for certain.
    """
    stage, price = woken
    limit = order.intent.limit_price
    if limit is None or (price <= limit if order.buy else price >= limit):
        return (stage, price, False)
    if order.at_once:
        return None
    if order.buy:
        return (FALL, limit, True) if candle.low < limit else None
    return (PROFIT, limit, True) if stage != FALL and candle.high > limit else None
