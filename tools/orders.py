"""The one tool that acts: an intent for the order desk's door, where the gate reviews it."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, model_validator

from domain.money import Price
from domain.orders import OrderIntent, OrderType, Origin, Side
from tools.context import ToolContext
from tools.market import view_of
from tools.registry import Arguments, Seen, ToolRefused, Value

_Positive = Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]


class IntentArguments(Arguments):
    """An order to ask for. Quantity in base currency, prices in quote currency; rounded by the instrument."""

    symbol: str
    side: Literal["buy", "sell"]
    quantity: _Positive
    order_type: Literal["market", "limit"] = "market"
    limit_price: _Positive | None = None
    protective_stop: _Positive | None = None
    reduce_only: bool = False
    reason: Annotated[str, Field(max_length=200)] = ""

    @model_validator(mode="after")
    def _priced(self) -> IntentArguments:
        if (self.order_type == "limit") != (self.limit_price is not None):
            raise ValueError("a limit order has a limit_price, a market order has none")
        return self


async def submit_intent(args: IntentArguments, role: str, context: ToolContext) -> Seen:
    """Hand an intent to the order desk and say what became of it; a refusal is an answer, not an error.

    Raises ToolRefused where the context has no door to the desk, and what the desk raises.
    """
    if context.submit is None or context.new_id is None:
        raise ToolRefused("orders cannot be asked for here", fix="Ask where the desk is running")
    view = view_of(args.symbol, context)
    instrument = context.feed.instruments[view.symbol]
    side = Side(args.side)

    def on_grid(price: Decimal | None) -> Price | None:
        if price is None:
            return None
        return instrument.price_down(price) if side is Side.BUY else instrument.price_up(price)

    number, client_id = context.new_id()
    intent = OrderIntent(
        client_id=client_id,
        session=context.session,
        cycle=number,
        leg=0,
        symbol=view.symbol,
        side=side,
        quantity=instrument.quantity(args.quantity),
        order_type=OrderType(args.order_type),
        created_at=context.snapshot.as_of,
        origin=Origin.OPERATOR if role == "operator" else Origin.CYCLE,
        reduce_only=args.reduce_only,
        limit_price=on_grid(args.limit_price),
        protective_stop=on_grid(args.protective_stop),
        reason=args.reason,
    )
    order = await context.submit(intent)
    values: dict[str, Value] = {
        "client_id": order.client_id,
        "status": order.status.value,
        "note": order.note,
        "quantity": f"{intent.quantity:f}",
    }
    return Seen(view.symbol, context.snapshot.as_of, values, values)
