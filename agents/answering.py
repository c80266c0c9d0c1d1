"""Answers from the desk's own records, without a model."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, assert_never

from agents.desk_view import DeskView, HaltFacts, OrderFacts, PositionFacts, StatusFacts
from agents.recognising import Question, Topic
from domain.errors import NotFound
from domain.halt import HaltState
from domain.orders import TERMINAL

HELP: Final = (
    "Ask about: status, positions, orders, profit, decisions, limits, halt, or why (`why BTC`, `why <id>`).\n"
    "Tell it to: pause or stop (at once), panic (asks first; say `confirm panic`), "
    "tighten <limit> <value>. It cannot resume, nor loosen a limit."
)
_MEANS: Final = {
    HaltState.ACTIVE: "Trading is on",
    HaltState.REDUCING: "Trading is paused: positions can only get smaller",
    HaltState.HALTED: "Trading is halted: no decisions are made; positions can still be reduced",
}
_SHOWN: Final = 10


async def answer(question: Question, desk: DeskView) -> str:
    """The answer to a recognised question, in a few lines."""
    match question.topic:
        case Topic.HELP:
            return HELP
        case Topic.STATUS:
            return _status(await desk.status(), await desk.positions())
        case Topic.HALT:
            return _halt((await desk.status()).halt)
        case Topic.PROFIT:
            return _profit(await desk.status())
        case Topic.POSITIONS:
            return await _positions(question.symbol, desk)
        case Topic.ORDERS:
            return await _orders(question.symbol, desk)
        case Topic.DECISIONS:
            return await _decisions(desk)
        case Topic.LIMITS:
            return await _limits(desk)
        case Topic.EXPLAIN:
            return await explain(question, desk)
        case _:
            assert_never(question.topic)


async def explain(question: Question, desk: DeskView) -> str:
    """Why: of the order or decision named, the newest trade when one is meant, else the newest decision."""
    name = question.name
    if not name and (question.symbol or question.trade):
        orders = await desk.orders(limit=200, open_only=False)
        found = [order for order in orders if not question.symbol or order.symbol == question.symbol]
        if not found:
            about = f"order in {question.symbol}" if question.symbol else "order"
            return f"There is no {about}, so there is nothing to explain yet."
        name = next((order for order in found if order.filled), found[0]).client_id
    if not name:
        decisions = await desk.decisions(limit=1)
        if not decisions:
            return "No decision has been made yet."
        name = decisions[0].cycle_id
    try:
        return await desk.explain(name)
    except NotFound as error:
        return str(error)


def _status(status: StatusFacts, positions: Sequence[PositionFacts]) -> str:
    account = status.account
    at = f"{status.now:%Y-%m-%d %H:%M} UTC" if status.now else "before its first bar"
    return (
        f"Session {status.session} ({status.mode}) is {status.state}, {at}. {_MEANS[status.halt.state]}.\n"
        f"Equity {_money(account.equity)} {account.currency}, "
        f"{_percent(account.profit_fraction)} since the start, "
        f"{_percent(account.day_change)} today; {len(positions)} positions."
    )


def _halt(halt: HaltFacts) -> str:
    latched = " It is latched: desk resume --confirm --reason lifts it." if halt.latched else ""
    if halt.state is HaltState.ACTIVE:
        return f"{_MEANS[halt.state]}."
    return f"{_MEANS[halt.state]}. Set by {halt.by} at {halt.at:%Y-%m-%d %H:%M} UTC: {halt.reason}.{latched}"


def _profit(status: StatusFacts) -> str:
    account = status.account
    return (
        f"Profit {_money(account.profit)} {account.currency} ({_percent(account.profit_fraction)}); "
        f"equity {_money(account.equity)}, cash {_money(account.cash)}.\n"
        f"Realized {_money(account.realized)}, unrealized {_money(account.unrealized)}, "
        f"fees {_money(account.fees)}; "
        f"today {_percent(account.day_change)}, drawdown {_percent(-account.drawdown)}."
    )


async def _positions(symbol: str, desk: DeskView) -> str:
    positions = [one for one in await desk.positions() if not symbol or one.symbol == symbol]
    if not positions:
        return f"No position in {symbol}." if symbol else "No open position."
    return "\n".join(
        f"{one.symbol}: {one.quantity:f} at {one.average_price:.8g}, now {one.mark:.8g} "
        f"(worth {_money(one.value)}, {_percent(one.weight, signed=False)} of equity), "
        f"unrealized {_money(one.unrealized)}, stop {f'{one.stop:.8g}' if one.stop is not None else 'NONE'}"
        for one in positions
    )


async def _orders(symbol: str, desk: DeskView) -> str:
    orders = [
        one for one in await desk.orders(limit=200, open_only=False) if not symbol or one.symbol == symbol
    ]
    if not orders:
        return f"No order in {symbol} so far." if symbol else "No order so far."
    working = sum(one.status not in TERMINAL for one in orders)
    lines = [f"{working} open of the newest {len(orders)} orders:", *map(_order, orders[:_SHOWN])]
    return "\n".join(lines)


def _order(order: OrderFacts) -> str:
    price = f" at {order.average_price:.8g}" if order.average_price is not None else ""
    note = f" ({order.note})" if order.note else ""
    return (
        f"{order.client_id}: {order.side} {order.quantity:f} {order.symbol} {order.order_type}, "
        f"{order.status}, filled {order.filled:f}{price}{note}"
    )


async def _decisions(desk: DeskView) -> str:
    decisions = await desk.decisions(limit=5)
    if not decisions:
        return "No decision has been made yet."
    return "\n".join(f"{one.at:%m-%d %H:%M} {one.cycle_id}: {one.summary}" for one in decisions)


async def _limits(desk: DeskView) -> str:
    limits = await desk.limits()
    return "\n".join(
        f"{name} = {'UNSET (refuses)' if value is None else value}" for name, value in limits.items()
    )


def _money(value: Decimal) -> str:
    return f"{value:,.2f}"


def _percent(fraction: Decimal, *, signed: bool = True) -> str:
    return f"{fraction * 100:+.2f} %" if signed else f"{fraction * 100:.1f} %"
