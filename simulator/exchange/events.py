"""What the exchange tells its listeners, in the order it happened; streams are made of these."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.money import Currency
from simulator.exchange.model import Holding, MarketTrade, OrderList, OrderView, TradeView


class Change(StrEnum):
    """What happened to an order."""

    NEW = "new"
    TRIGGERED = "triggered"
    TRADE = "trade"
    AMENDED = "amended"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class OrderChanged:
    """An order of an account changed; `trade` comes with TRADE. `request_id` is the client id that a cancel
    request carried itself, if it had one."""

    change: Change
    order: OrderView
    at: datetime
    trade: TradeView | None = None
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class BalancesChanged:
    """These holdings of an account are new."""

    account: str
    holdings: Mapping[Currency, Holding]
    at: datetime


@dataclass(frozen=True, slots=True)
class ListChanged:
    """A list of orders was placed or ended."""

    orders: OrderList
    at: datetime


@dataclass(frozen=True, slots=True)
class Traded:
    """A public trade happened."""

    trade: MarketTrade


@dataclass(frozen=True, slots=True)
class Pulse:
    """The market stands at this moment: `advance` has done one step, or all of what there was to do."""

    at: datetime


AccountEvent = OrderChanged | BalancesChanged | ListChanged
MarketEvent = Traded | Pulse
AccountListener = Callable[[AccountEvent], None]
MarketListener = Callable[[MarketEvent], None]
