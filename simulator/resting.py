"""An order that waits in a simulated market, and where a bar meets it.

Prices. A market order fills at the open. A limit fills at the open when the open is through its price,
else at its own price when the bar trades through it; a touch is not a fill. A stop triggers when the bar
reaches it and fills at its trigger, or at the open when the bar opened beyond it. The fill model adds
slippage to whatever takes liquidity.

Order of events inside a bar. A candle does not tell its path, so the core assumes the one that is worst
for a long-only account: first the open; then buy stops (entries on strength); then the fall, where sell
stops and buy limits meet by falling price, the stop first when equal; last the sell limits (profits).
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

from domain.errors import VenueRejected
from domain.instrument import Instrument
from domain.market import Candle
from domain.money import ZERO
from domain.orders import Fill, OrderIntent, OrderStatus, OrderType, Side, TimeInForce

AT_OPEN: Final = 0
_RISE: Final = 1
_FALL: Final = 2
_PROFIT: Final = 3

# Reading a member off its enum class costs more than a comparison; these are read once per order and bar.
_BUY: Final = Side.BUY
_GTC: Final = TimeInForce.GTC
_MARKET: Final = OrderType.MARKET
_LIMIT: Final = OrderType.LIMIT
_STOP: Final = OrderType.STOP
_ACCEPTED: Final = OrderStatus.ACCEPTED


class Resting:
    """One order inside the core. Callers read it; only the core changes it.

    `at_once` says that what does not fill at the first chance expires. `last_matched` is the close time of
    the newest bar it met. `unit` is what one unit of its quantity
    reserves of the currency it `spends`, `reserved` what it reserves now.
    """

    __slots__ = (
        "at_once",
        "buy",
        "fills",
        "instrument",
        "intent",
        "last_matched",
        "remaining",
        "reserved",
        "spends",
        "status",
        "submitted_at",
        "triggered",
        "unit",
        "venue_id",
    )

    def __init__(self, intent: OrderIntent, instrument: Instrument, submitted_at: datetime) -> None:
        self.intent = intent
        self.instrument = instrument
        self.venue_id = "sim-" + intent.client_id
        self.submitted_at = submitted_at
        self.last_matched: datetime | None = None
        self.remaining: Decimal = intent.quantity
        self.fills: tuple[Fill, ...] = ()
        self.status = _ACCEPTED
        self.buy = intent.side is _BUY
        self.spends = instrument.quote if self.buy else instrument.base
        self.at_once = intent.time_in_force is not _GTC
        self.unit = ZERO
        self.reserved = ZERO
        self.triggered = False

    @property
    def had_its_chance(self) -> bool:
        """Whether an at-once order has already met the one bar it could fill on."""
        if self.last_matched is None or not self.at_once:
            return False
        return self.triggered or self.intent.order_type is not _STOP


Hit = tuple[int, Decimal, bool]
"""Where a bar meets an order: the stage of the bar's path, the price there, and whether it was maker."""


def place_in_path(met: tuple[Resting, Hit]) -> tuple[int, Decimal, bool]:
    order, (stage, price, _) = met
    is_limit = order.intent.order_type is _LIMIT
    if stage == AT_OPEN:
        return stage, ZERO, False  # in the order of submission
    return stage, -price if stage == _FALL else price, is_limit


def meet(order: Resting, candle: Candle) -> Hit | None:
    """Where the bar first meets the order; None when it does not."""
    intent = order.intent
    kind = intent.order_type
    if kind is _MARKET or order.triggered:
        return (AT_OPEN, candle.open, False)
    if kind is _LIMIT:
        return _meet_limit(order, candle)
    buy = order.buy
    trigger = intent.trigger_price
    if trigger is None:
        raise VenueRejected(f"order {intent.client_id}: a stop order without a trigger price")
    if candle.open >= trigger if buy else candle.open <= trigger:
        order.triggered = True
        return (AT_OPEN, candle.open, False)
    if candle.high >= trigger if buy else candle.low <= trigger:
        order.triggered = True
        return (_RISE if buy else _FALL, trigger, False)
    return None


def _meet_limit(order: Resting, candle: Candle) -> Hit | None:
    intent, buy = order.intent, order.buy
    limit = intent.limit_price
    if limit is None:
        raise VenueRejected(f"order {intent.client_id}: a limit order without a limit price")
    if candle.open < limit if buy else candle.open > limit:
        return (AT_OPEN, candle.open, False)
    if order.at_once:
        return None  # it had to fill at once, which is at the open
    if candle.low < limit if buy else candle.high > limit:
        return (_FALL if buy else _PROFIT, limit, True)
    return None
