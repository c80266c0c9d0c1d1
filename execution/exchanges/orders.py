"""An intent as the request a venue understands, and whether what the venue has is what was asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from domain.frozen import quick
from domain.instrument import Instrument
from domain.money import ZERO, Price
from domain.orders import TRIGGERED, WITH_LIMIT, OrderIntent, OrderType, Side, TimeInForce
from execution.exchanges.parse import Seen
from execution.exchanges.profiles import VenueProfile

_TAKES_PROFIT: Final = frozenset({OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT})
_LEAST_TRAIL: Final = Decimal("0.0001")

# Reading a member off its enum class costs more than a comparison; these are read while an order waits.
_MARKET: Final = OrderType.MARKET
_LIMIT: Final = OrderType.LIMIT
_TRAILING: Final = OrderType.TRAILING_STOP
_GTC: Final = TimeInForce.GTC
_FOK: Final = TimeInForce.FOK
_BUY: Final = Side.BUY


@quick
@dataclass(frozen=True, slots=True)
class Ticket:
    """The arguments of ccxt's create_order: amounts and prices as exact decimal text."""

    symbol: str
    kind: str
    side: str
    amount: str
    price: str | None
    params: Mapping[str, Any]

    @property
    def arguments(self) -> tuple[Any, ...]:
        return (self.symbol, self.kind, self.side, self.amount, self.price, dict(self.params))


def problems(intent: OrderIntent, profile: VenueProfile, instrument: Instrument | None) -> tuple[str, ...]:
    """Everything that keeps this venue from doing exactly what the intent says, in words.

    Asked before anything is promised or sent: a venue must not drop a part of an order in silence.
    """
    said = list(profile.capabilities.problems(intent))
    kind, tif = intent.order_type, intent.time_in_force
    if instrument is None:
        return (*said, f"{intent.symbol} is not among the symbols of this desk")
    if intent.post_only and (kind is not _LIMIT or tif is not _GTC):
        said.append("post-only is for limit orders that rest")
    if tif is not _GTC and kind not in (_LIMIT, _MARKET):
        said.append(f"a {kind.value} order cannot be {tif.value}")
    if tif is _FOK and kind is _MARKET:
        said.append("a market order takes what there is; it cannot be all or nothing")
    if kind in TRIGGERED and profile.trigger_book and kind not in WITH_LIMIT and intent.side is _BUY:
        said.append("a buy that becomes a market order can only be told as an amount to spend")
    if kind is not _MARKET or intent.limit_price is not None or intent.trigger_price is not None:
        said += _price_problems(intent, instrument)
    said += _quantity_problems(intent.quantity, instrument)
    if kind is _TRAILING and (
        intent.trailing is None or intent.trailing <= ZERO or intent.trailing % _LEAST_TRAIL
    ):
        said.append("a trailing distance is a whole number of hundredths of a percent")
    return tuple(said)


def _price_problems(intent: OrderIntent, instrument: Instrument) -> Iterator[str]:
    kind = intent.order_type
    for name, price, needed in (
        ("limit price", intent.limit_price, kind in WITH_LIMIT),
        ("trigger price", intent.trigger_price, kind in TRIGGERED and kind is not OrderType.TRAILING_STOP),
    ):
        if needed and price is None:
            yield f"it has no {name}"
        if price is not None and (price <= ZERO or not instrument.on_price_grid(price)):
            yield f"{name} {price:f} is off the tick {instrument.tick_size:f}"


def _quantity_problems(quantity: Decimal, instrument: Instrument) -> list[str]:
    if not instrument.on_quantity_grid(quantity):
        return [f"quantity {quantity:f} is off the step {instrument.step_size:f}"]
    if not instrument.min_quantity <= quantity <= instrument.max_quantity:
        allowed = f"{instrument.min_quantity:f} to {instrument.max_quantity:f}"
        return [f"quantity {quantity:f} is not within {allowed}"]
    return []


def bounded(best_ask: Decimal, bound: Decimal, instrument: Instrument) -> Price:
    """The limit that stands for a market buy: a fraction above the best ask, on the grid."""
    return instrument.price_up(best_ask * (1 + bound))


def ticket(
    intent: OrderIntent, profile: VenueProfile, venue_client_id: str, bound: Price | None = None
) -> Ticket:
    """The request for an intent that has no `problems`. `bound` is set for a market buy told as a limit."""
    kind = intent.order_type
    params: dict[str, Any] = {**profile.order_params, profile.client_id_key: venue_client_id}
    price = intent.limit_price if kind in WITH_LIMIT else None
    word = "limit" if kind in WITH_LIMIT else "market"
    if intent.post_only:
        params["postOnly"] = True
    if intent.time_in_force is not TimeInForce.GTC and kind is not OrderType.MARKET:
        params["timeInForce"] = intent.time_in_force.value.upper()
    if bound is not None:
        word, price, params["timeInForce"] = "limit", bound, "IOC"
    if kind is OrderType.TRAILING_STOP and intent.trailing is not None:
        params["trailingPercent"] = _plain(intent.trailing * 100)
        params["stopLossOrTakeProfit"] = "stopLoss"
    elif intent.trigger_price is not None and kind in TRIGGERED:
        name = "takeProfitPrice" if kind in _TAKES_PROFIT else "stopLossPrice"
        params[name] = _plain(intent.trigger_price)
        if profile.trigger_book and price is None:
            price = intent.trigger_price  # the venue wants a price even where it means nothing
    return Ticket(
        symbol=intent.symbol,
        kind=word,
        side=intent.side.value,
        amount=_plain(intent.quantity),
        price=None if price is None else _plain(price),
        params=params,
    )


def mismatches(intent: OrderIntent, seen: Seen) -> tuple[str, ...]:
    """Where what the venue has differs from what was asked: what makes a resting stop no stop."""
    if seen.terms is None:
        return ("the venue does not say what it has",)
    terms = seen.terms
    said: list[str] = []
    if seen.symbol != intent.symbol:
        said.append(f"symbol {seen.symbol}, not {intent.symbol}")
    for name, has, wants in (
        ("type", terms.order_type.value, intent.order_type.value),
        ("side", terms.side.value, intent.side.value),
        ("quantity", terms.quantity, intent.quantity),
        ("limit", terms.limit_price, intent.limit_price if intent.order_type in WITH_LIMIT else None),
    ):
        if has != wants:
            said.append(f"{name} {has}, not {wants}")
    if intent.order_type is OrderType.TRAILING_STOP:
        if seen.trailing != intent.trailing:
            said.append(f"distance {seen.trailing}, not {intent.trailing}")
    elif terms.trigger_price != intent.trigger_price:
        said.append(f"trigger {terms.trigger_price}, not {intent.trigger_price}")
    return tuple(said)


def _plain(number: Decimal) -> str:
    return f"{number:f}"
