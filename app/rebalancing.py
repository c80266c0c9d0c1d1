"""`desk rebalance`: base weights found now, and holdings brought to them once, through the one door.

What is worked out is the same for a running desk and, as a dry run, for one that stands still.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from domain.errors import DeskError
from domain.money import ZERO, Symbol
from domain.orders import Order, OrderIntent, Origin, Side

if TYPE_CHECKING:
    from app.allocation_section import AllocationSection
    from app.bootstrap import Desk
    from domain.market import MarketSnapshot
    from market.feed import Feed
    from portfolio.allocation import Allocation
    from portfolio.portfolio import Portfolio
    from portfolio.rebalancing import RebalancePlan

KIND: Final = "rebalance"
"""What tells such a request from an order that is to be worked."""

_ANY_CYCLE: Final = 2**62


@dataclass(frozen=True, slots=True)
class Rebalancing:
    """What a rebalancing comes to: weights now and then, and the trades between. Fractions of equity."""

    as_of: datetime
    equity: Decimal
    currency: str
    current: Mapping[Symbol, Decimal]
    allocation: Allocation
    plan: RebalancePlan
    left_out: tuple[Symbol, ...]


def load(method: str) -> None:
    """Import the optimiser; that takes seconds, so a running desk does it beside its loop."""
    if method != "equal":
        import portfolio.allocation_methods  # noqa: F401


def work_out(
    feed: Feed,
    portfolio: Portfolio,
    prices: Mapping[Symbol, Decimal],
    told: AllocationSection,
    *,
    method: str,
    as_of: datetime,
) -> Rebalancing:
    """The weights of `method` for the symbols that have a price, and the trades that lead there.

    A symbol without one is left out: it is neither bought nor sold. Raises ConfigError for an unknown method,
    DataError for a history that it cannot use, DeskError for an account that is worth nothing.
    """
    from graph.allocating import past_returns
    from portfolio.allocation import allocate
    from portfolio.rebalancing import plan
    from portfolio.sizing import WEIGHT_STEP

    policy = told.allocation(method)
    equity = portfolio.equity
    if equity <= ZERO:
        raise DeskError(f"the account is worth {equity}: there is nothing to allocate")
    quantities = {symbol: quantity for symbol, quantity, _ in portfolio.held()}
    current = {
        symbol: (quantities.get(symbol, ZERO) * price / equity).quantize(WEIGHT_STEP)
        for symbol, price in prices.items()
    }
    found = allocate(past_returns(feed, prices, as_of, told.lookback_bars), policy, current)
    trades = plan(
        current,
        found.weights,
        equity=equity,
        cost_fraction=told.cost_fraction,
        min_trade_fraction=told.min_trade_fraction,
    )
    left_out = tuple(symbol for symbol in feed.symbols if symbol not in prices)
    return Rebalancing(as_of, equity, portfolio.capital.currency, current, found, trades, left_out)


async def rebalance(desk: Desk, asked: Mapping[str, Any], *, by: str) -> dict[str, Any]:
    """Carry out what an operator asked the running desk for; the answer to the operator.

    Entries that earlier decisions left open are withdrawn first. Sells go before buys, every order through
    the gate, which may refuse or clip it. Raises as `work_out`, and DeskError before the stops are back.
    """
    told = desk.settings.allocation
    method = str(asked.get("method") or told.method)
    told.allocation(method)  # refused before anything is loaded
    if not desk.engine.settled:
        raise DeskError("the desk has just restarted and puts its stops back first", fix="Ask again in a bar")
    await asyncio.to_thread(load, method)
    context = desk.context
    orders: list[tuple[Decimal, Order]] = []
    async with context.hands:
        now = desk.clock.now()
        snapshot = context.snapshots.freeze(now, now)
        prices = {
            symbol: Decimal(view.quote.mid) for symbol, view in snapshot.views.items() if not view.stale
        }
        found = work_out(desk.feed, desk.portfolio, prices, told, method=method, as_of=now)
        dry = bool(asked.get("dry_run"))
        if not dry:
            await _withdraw(desk)
            for intent in _intents(desk, found, snapshot, f"rebalance by {method}, asked for by {by}"):
                orders.append((intent.quantity, await desk.orders.submit(intent)))
            desk.journal.commit()
    return described(found, running=True, dry_run=dry, orders=orders)


async def _withdraw(desk: Desk) -> None:
    why = "a rebalancing decides"
    await desk.context.algorithms.stop_older(_ANY_CYCLE, why)
    for order in desk.orders.open_orders():
        if order.intent.origin is Origin.CYCLE and not order.intent.reduce_only:
            await desk.orders.cancel(order.client_id, why)


def _intents(
    desk: Desk, found: Rebalancing, snapshot: MarketSnapshot, reason: str
) -> tuple[OrderIntent, ...]:
    """The plan's orders at market, under the operator's own ids."""
    from execution.ids import OwnIds
    from execution.legs import legs
    from portfolio.rebalancing import proposal

    ids = OwnIds(desk.orders, desk.session, Origin.OPERATOR)
    drafts = legs(
        proposal("", found.as_of, found.plan, reason),
        desk.portfolio,
        snapshot,
        {},
        instruments=desk.feed.instruments,
        session=desk.session,
        cycle=0,
        policy=desk.context.leg_policy,
    )
    named = []
    for draft in drafts:
        serial, client_id = ids.take()
        own = replace(draft, client_id=client_id, cycle=serial, leg=0, origin=Origin.OPERATOR)
        named.append(own)
    return tuple(named)


def described(
    found: Rebalancing, *, running: bool, dry_run: bool, orders: Sequence[tuple[Decimal, Order]] = ()
) -> dict[str, Any]:
    """A rebalancing as JSON-ready values: money and weights are decimal text.

    `orders` are those sent, each with the quantity that was asked for: the gate may have made it smaller.
    """
    trades = found.plan.trades
    what = "would be traded" if dry_run else "were traded for"
    done = f"{len(trades)} change(s) of weight {what}, turnover {found.plan.turnover * 100:.1f} % of equity"
    if not dry_run:
        refused = sum(order.is_terminal and not order.filled for _, order in orders)
        clipped = sum(order.intent.quantity < asked for asked, order in orders if not order.is_terminal)
        done += f": {len(orders)} order(s) sent, {clipped} made smaller by the gate, {refused} refused"
    return {
        "running": running,
        "dry_run": dry_run,
        "method": found.allocation.method,
        "fallback": found.allocation.fallback,
        "as_of": found.as_of.isoformat(),
        "equity": f"{found.equity:f}",
        "currency": found.currency,
        "current": {symbol: f"{weight:f}" for symbol, weight in found.current.items()},
        "target": {symbol: f"{weight:f}" for symbol, weight in found.allocation.weights.items()},
        "trades": [
            {
                "symbol": trade.symbol,
                "side": Side.BUY if trade.value > ZERO else Side.SELL,
                "current": f"{trade.current:f}",
                "target": f"{trade.target:f}",
                "value": f"{abs(trade.value):.2f}",
                "cost": f"{trade.cost:.2f}",
            }
            for trade in trades
        ],
        "turnover": f"{found.plan.turnover:f}",
        "cost": f"{found.plan.cost:.2f}",
        "bars": found.allocation.bars,
        "left_out": list(found.left_out),
        "orders": [
            {
                "client_id": order.client_id,
                "symbol": order.intent.symbol,
                "side": order.intent.side,
                "asked": f"{asked:f}",
                "quantity": f"{order.intent.quantity:f}",
                "status": order.status,
                "note": order.note,
            }
            for asked, order in orders
        ],
        "message": f"{done}.",
    }
