"""Tools that look at the account: what is held, and how much of each limit is left."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from domain.money import ZERO, Symbol
from domain.orders import Side
from tools.context import ToolContext
from tools.market import SymbolArguments, view_of
from tools.registry import Arguments, Seen, Value

if TYPE_CHECKING:
    from risk.facts import AccountFacts, RiskFacts
    from risk.limits import RiskLimits


class NoArguments(Arguments):
    """Nothing to choose."""


@dataclass(frozen=True, slots=True)
class Room:
    """How much of each limit is left for one symbol; None where a fact or a limit is unknown.

    `drawdown` and `daily_loss` are fractions of peak and day-start equity lost so far, beside the most that
    may be lost. `position` and `exposure` are what may be added, in quote currency, counting entries that
    may still fill; `order` is the largest single one.
    """

    drawdown: Decimal | None
    max_drawdown: Decimal | None
    daily_loss: Decimal | None
    max_daily_loss: Decimal | None
    order: Decimal | None
    position: Decimal | None
    exposure: Decimal | None
    open_orders: int | None
    orders_in_window: int | None


def portfolio(args: NoArguments, context: ToolContext) -> Seen:
    """Equity, cash, profit and every holding, exact, in quote currency; weights are fractions of equity."""
    account = context.portfolio
    equity = account.equity
    values: dict[str, Value] = {
        "equity": f"{equity:f}",
        "cash": f"{account.cash:f}",
        "realized": f"{account.realized:f}",
        "unrealized": f"{account.unrealized:f}",
        "fees_paid": f"{account.fees_paid:f}",
    }
    for symbol, position in account.positions.items():
        weight = position.quantity * position.mark / equity if equity > ZERO else ZERO
        values[f"{symbol} quantity"] = f"{position.quantity:f}"
        values[f"{symbol} average_price"] = f"{position.average_price:f}"
        values[f"{symbol} mark"] = f"{position.mark:f}"
        values[f"{symbol} weight"] = round(float(weight), 4)
    return Seen(None, context.snapshot.as_of, values, values)


def limits_left(args: SymbolArguments, context: ToolContext) -> Seen:
    """The halt state and what is left of every limit for a symbol; "unknown" where nobody can say."""
    view = view_of(args.symbol, context)
    facts, limits = context.facts(view.symbol), context.limits
    room = room_for(view.symbol, facts, limits)
    values: dict[str, Value] = {
        "halt": facts.halt.value if facts.halt is not None else "unknown",
        "drawdown": _fraction(room.drawdown),
        "max_drawdown": _fraction(limits.max_drawdown_fraction),
        "daily_loss": _fraction(room.daily_loss),
        "max_daily_loss": _fraction(limits.max_daily_loss_fraction),
        "position_left": _amount(room.position),
        "exposure_left": _amount(room.exposure),
        "max_order_notional": _amount(limits.max_order_notional_quote),
        "open_orders_left": _count(room.open_orders),
        "orders_left_in_window": _count(room.orders_in_window),
    }
    return Seen(view.symbol, context.snapshot.as_of, values, values)


def room_for(symbol: Symbol, facts: RiskFacts, limits: RiskLimits) -> Room:
    """What is left of each limit. It only informs: the gate does its own arithmetic."""
    account, orders = facts.account, facts.open_orders
    if account is None:
        return Room(None, None, None, None, None, None, None, None, None)
    held = {name: position.quantity * position.price for name, position in account.positions.items()}
    pending: dict[Symbol, Decimal] = {}
    for order in orders or ():
        if order.side is Side.BUY and not order.reduce_only:
            pending[order.symbol] = pending.get(order.symbol, ZERO) + order.remaining * order.price
    holding = held.get(symbol, ZERO) + pending.get(symbol, ZERO)
    gross = sum(held.values(), ZERO) + sum(pending.values(), ZERO)
    most = _most(account, limits)
    recent, rate = facts.recent_orders, limits.max_orders_per_window_count
    return Room(
        drawdown=_lost(account.peak_equity, account.equity),
        max_drawdown=limits.max_drawdown_fraction,
        daily_loss=_lost(account.day_start_equity, account.equity),
        max_daily_loss=limits.max_daily_loss_fraction,
        order=limits.max_order_notional_quote,
        position=None if most is None or orders is None else max(most - holding, ZERO),
        exposure=None
        if limits.max_gross_exposure_equity_fraction is None or orders is None
        else max(limits.max_gross_exposure_equity_fraction * account.equity - gross, ZERO),
        open_orders=None
        if limits.max_open_orders_count is None or orders is None
        else max(limits.max_open_orders_count - len(orders), 0),
        orders_in_window=None if recent is None or rate is None else max(rate - recent, 0),
    )


def _most(account: AccountFacts, limits: RiskLimits) -> Decimal | None:
    """The largest holding in one symbol, in quote currency: the stricter of the two position limits."""
    weight = limits.max_position_equity_fraction
    by_weight = None if weight is None else weight * account.equity
    told = [limit for limit in (limits.max_position_notional_quote, by_weight) if limit is not None]
    return min(told, default=None)


def _lost(base: Decimal, equity: Decimal) -> Decimal | None:
    return max((base - equity) / base, ZERO) if base > ZERO else None


def _fraction(value: Decimal | None) -> Value:
    return "unknown" if value is None else round(float(value), 6)


def _amount(value: Decimal | None) -> Value:
    return "unknown" if value is None else f"{value:.2f}"


def _count(value: int | None) -> Value:
    return "unknown" if value is None else float(value)
