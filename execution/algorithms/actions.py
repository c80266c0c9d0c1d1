"""What a step may know, what it may ask for, and the child order every method makes the same way."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from domain.algorithms import AlgorithmPlan
from domain.halt import HaltState
from domain.instrument import Instrument
from domain.market import Quote
from domain.money import ZERO, Price, Quantity
from domain.orders import OrderIntent, OrderType, Origin, Side
from execution.algorithms.router import VenueOffer


@dataclass(frozen=True, slots=True)
class MarketFacts:
    """What a step may know of the world. `offers` is what several venues offer, for the router only."""

    instrument: Instrument
    quote: Quote | None
    halt: HaltState
    offers: tuple[VenueOffer, ...] = ()
    drift: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Send:
    """Submit a child order, at `venue` when one is named."""

    intent: OrderIntent
    venue: str = ""


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Cancel what is left of a child."""

    client_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Write down that the algorithm sends nothing more; the next step withdraws and finishes."""

    reason: str


@dataclass(frozen=True, slots=True)
class Finish:
    """The algorithm is over: no child is live."""

    reason: str


Action = Send | Withdraw | Stop | Finish


def too_small(plan: AlgorithmPlan, facts: MarketFacts, quantity: Decimal, price: Decimal | None) -> bool:
    """Whether the venue takes no order of `quantity` at about `price`."""
    instrument = facts.instrument
    if not quantity or quantity < instrument.min_quantity:
        return True
    if price is None:
        quote = facts.quote
        if quote is None:
            return False
        price = quote.ask if plan.side is Side.BUY else quote.bid
    return quantity * price < instrument.min_notional


def child_order(
    plan: AlgorithmPlan,
    part: int,
    quantity: Decimal,
    now: datetime,
    quote: Quote | None,
    *,
    limit_price: Price | None = None,
    venue: str = "",
) -> Send:
    """The order for a part. Its id follows from the plan and the part, so it can never be sent twice."""
    return Send(
        OrderIntent(
            client_id=plan.child_id(part),
            session=plan.session,
            cycle=plan.cycle,
            leg=part,
            symbol=plan.symbol,
            side=plan.side,
            quantity=Quantity(quantity),
            order_type=OrderType.MARKET if limit_price is None else OrderType.LIMIT,
            created_at=now,
            origin=Origin.OPERATOR if plan.origin is Origin.OPERATOR else Origin.ALGORITHM,
            reduce_only=plan.reduce_only,
            limit_price=limit_price,
            protective_stop=plan.protective_stop,
            reason=f"{plan.method}: {plan.reason}" if plan.reason else plan.method.value,
            post_only=plan.post_only and limit_price is not None,
            take_profit=plan.take_profit,
            parent=plan.algorithm_id,
            arrival=None if quote is None else Price(quote.mid),
        ),
        venue,
    )
