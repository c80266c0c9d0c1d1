"""A small exchange for tests: one market at 100, no tape, and a rival who quotes what a test asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from domain.clock import SimulatedClock
from domain.instrument import Instrument
from domain.money import Currency, Symbol
from domain.orders import OrderType, Side
from simulator.exchange.events import AccountEvent, OrderChanged
from simulator.exchange.exchange import SimulatedExchange
from simulator.exchange.model import NewOrder, OrderView, Placed
from simulator.exchange.policy import Policy
from simulator.exchange.rules import MarketRules
from simulator.fees import one_rate
from simulator.orderbook.messages import SelfTrade

START = datetime(2026, 3, 4, 10, tzinfo=UTC)
COIN = Symbol("COIN/USDT")
BASE, QUOTE = Currency("COIN"), Currency("USDT")
ME, RIVAL = "me", "rival"
INSTRUMENT = Instrument(
    symbol=COIN,
    base=BASE,
    quote=QUOTE,
    tick_size=Decimal("0.1"),
    step_size=Decimal("0.01"),
    min_quantity=Decimal("0.01"),
    max_quantity=Decimal(1000),
    min_notional=Decimal(5),
)
FREE = Policy(fees=one_rate("0", "0"), self_trade=SelfTrade.NONE)


def d(value: str | int) -> Decimal:
    return Decimal(value)


@dataclass
class Floor:
    """The exchange and its clock; numbers are written as text."""

    exchange: SimulatedExchange
    clock: SimulatedClock

    def place(self, side: str, kind: OrderType, account: str = ME, **fields: Any) -> Placed:
        """Place an order; text that is a number becomes a Decimal."""
        money = {"quantity", "quote_amount", "limit_price", "trigger_price", "trailing", "display"}
        values: dict[str, Any] = {
            name: d(value) if name in money else value for name, value in fields.items()
        }
        return self.exchange.place(account, NewOrder(COIN, Side(side), kind, **values))

    def limit(self, side: str, price: str, quantity: str, account: str = ME, **fields: Any) -> OrderView:
        return self.place(
            side, OrderType.LIMIT, account, limit_price=price, quantity=quantity, **fields
        ).order

    def rival(self, side: str, price: str, quantity: str) -> OrderView:
        """Somebody else's limit order."""
        return self.limit(side, price, quantity, RIVAL)

    def trade_at(self, price: str, quantity: str = "0.1") -> None:
        """Let the rival trade with itself at a price: the last price is this one then."""
        maker = self.rival("sell", price, quantity)
        self.rival("buy", price, quantity)
        assert self.order(maker.order_id, RIVAL).filled == d(quantity)

    def order(self, order_id: int, account: str = ME) -> OrderView:
        return self.exchange.order(account, COIN, order_id=order_id)

    def held(self, account: str = ME) -> dict[str, tuple[str, str]]:
        """Free and locked of every currency, as plain text."""
        return {
            currency: (plain(held.free), plain(held.locked))
            for currency, held in self.exchange.balances(account).items()
        }

    def hear(self, account: str = ME) -> list[AccountEvent]:
        """A list that fills with the account's events."""
        heard: list[AccountEvent] = []
        self.exchange.listen(account, heard.append)
        return heard


def plain(value: Decimal) -> str:
    return f"{value.normalize():f}"


def changes(heard: list[AccountEvent]) -> list[tuple[int, str]]:
    """Which order changed how, in order."""
    return [(event.order.order_id, event.change.value) for event in heard if isinstance(event, OrderChanged)]


def floor(policy: Policy = FREE, balances: Mapping[str, str] | None = None, **rules: Any) -> Floor:
    """An exchange in which the rival can pay for anything."""
    clock = SimulatedClock(START)
    exchange = SimulatedExchange(
        clock,
        [MarketRules(INSTRUMENT, **rules)],
        policy=policy,
        prices={COIN: Decimal(100)},
    )
    mine = balances or {"COIN": "10", "USDT": "10000"}
    exchange.open_account(ME, {Currency(name): d(amount) for name, amount in mine.items()})
    exchange.open_account(RIVAL, {BASE: d(10**6), QUOTE: d(10**8)})
    return Floor(exchange, clock)


def quoted() -> Floor:
    """Asks 101 x 1 and 102 x 2, bids 99 x 1 and 98 x 2."""
    made = floor()
    for side, price, quantity in (
        ("sell", "101", "1"),
        ("sell", "102", "2"),
        ("buy", "99", "1"),
        ("buy", "98", "2"),
    ):
        made.rival(side, price, quantity)
    return made
