"""From what an operator wants worked to a plan that the market, the account and the gate can take."""

from __future__ import annotations

from collections.abc import Sized
from datetime import timedelta
from decimal import Decimal
from typing import Final

from app.bootstrap import Desk
from app.working import Desired
from domain.algorithms import AlgorithmPlan
from domain.errors import ConfigError, DataError, DeskError, GateError, NotFound
from domain.halt import HaltState
from domain.instrument import Instrument
from domain.market import Quote
from domain.money import ZERO, Price, Quantity, Symbol
from domain.orders import OrderIntent, OrderType, Origin, Side
from execution.algorithms.actions import MarketFacts, Send, Stop
from execution.algorithms.plans import dca, even_part, iceberg, routed, scale, twap, vwap
from execution.algorithms.routing import ROUNDS
from execution.algorithms.state import AlgorithmState
from execution.algorithms.step import step
from execution.algorithms.volume import volume_curve
from risk.gate import Refused, review

_PARTS: Final = {"twap": 10, "vwap": 10, "dca": 10, "iceberg": 10, "scale": 5, "route": ROUNDS}
_RESTING_BARS: Final = 24
"""So long do an iceberg and a ladder rest when nobody says."""
_CURVE_BARS: Final = 500
_A_STOP: Final = Decimal("0.95")


def checked(desk: Desk, want: Desired, *, by: str, pace: timedelta) -> AlgorithmPlan:
    """The plan, ready to start. Nothing is written down or sent. Raises as `working.begin` does."""
    symbol = Symbol(want.symbol)
    if want.kind == "route" and not desk.context.algorithms.others:
        raise ConfigError(
            "there is no other desk to route to",
            fix="Name their home folders in [peers]; see docs/execution.md",
        )
    if symbol not in desk.feed.symbols:
        known = ", ".join(desk.feed.symbols)
        raise NotFound(f"{want.symbol!r} is not traded by this desk", fix=f"Name one of {known}")
    halt = desk.halts.current
    if want.side is Side.BUY and halt.state is not HaltState.ACTIVE:
        raise DeskError(
            f"the desk is {halt.state} ({halt.reason}): it only gets smaller", fix="desk resume first"
        )
    quote = desk.feed.quote(symbol)
    if quote is None:
        raise DataError(f"there is no price of {symbol} yet", fix="Ask again after the next bar")
    instrument = desk.feed.instruments[symbol]
    _on_grid(want, instrument)
    quantity = _quantity(want, instrument, quote)
    if want.kind != "route":  # each desk says what it can pay for, or has to sell
        _affordable(desk, want, instrument, quote, quantity)
    _stopped_below(desk, want, instrument, quote)
    parent = _parent(desk, want, quantity, quote, by)
    try:
        plan = _plan(desk, want, parent, instrument, quote, pace)
    except ConfigError as error:
        raise ConfigError(error.message, fix=error.fix or "Ask for more, or for fewer --slices") from error
    _would_go(desk, plan, quote)
    return plan


def _on_grid(want: Desired, instrument: Instrument) -> None:
    for name, price in (
        ("limit", want.limit),
        ("from/--to", want.low),
        ("from/--to", want.high),
        ("stop", want.stop),
    ):
        if price is not None and not instrument.on_price_grid(price):
            fix = f"Write {instrument.price_up(price):f}"
            raise ConfigError(f"--{name} {price:f} is off the tick {instrument.tick_size:f}", fix=fix)
    if want.quantity is not None and not instrument.on_quantity_grid(want.quantity):
        near = max(instrument.quantity(want.quantity), instrument.min_quantity)
        raise ConfigError(
            f"--quantity {want.quantity:f} is off the step {instrument.step_size:f}", fix=f"Write {near:f}"
        )


def _quantity(want: Desired, instrument: Instrument, quote: Quote) -> Decimal:
    """How much in base currency; for a sum of money, what it buys at the worst price."""
    price = _worst(want, quote)
    if want.quantity is not None:
        quantity = want.quantity
    elif want.notional is not None:
        quantity = instrument.quantity(want.notional / price)
    else:
        raise ConfigError("an order needs its size", fix="Write --quantity or --notional")
    grid_price = instrument.price_up(price)
    problems = instrument.filter_problems(min(quantity, instrument.max_quantity), grid_price)
    if problems:
        least = max(instrument.min_quantity, instrument.min_notional / price)
        raise ConfigError(
            f"{want.symbol}: {'; '.join(problems)}",
            fix=f"Trade at least {least:.8f} {instrument.base}, worth {least * price:.2f} {instrument.quote}",
        )
    return quantity


def _worst(want: Desired, quote: Quote) -> Decimal:
    """The highest price of a purchase, the lowest of a sale."""
    if want.side is Side.BUY:
        return want.limit or want.high or quote.ask
    return want.limit or want.low or quote.bid


def _affordable(desk: Desk, want: Desired, instrument: Instrument, quote: Quote, quantity: Decimal) -> None:
    if want.side is Side.SELL:
        position = desk.portfolio.position(Symbol(want.symbol))
        held = ZERO if position is None else position.quantity
        if quantity > held:
            fix = "Sell at most that" if held else "desk positions lists what is held"
            raise ConfigError(f"{held:f} {instrument.base} is held, not {quantity:f}", fix=fix)
        return
    cost = want.notional or quantity * _worst(want, quote)
    if cost > desk.portfolio.cash:
        raise ConfigError(
            f"it costs {cost:.2f} {instrument.quote}, and {desk.portfolio.cash:.2f} is there",
            fix="Ask for less",
        )


def _stopped_below(desk: Desk, want: Desired, instrument: Instrument, quote: Quote) -> None:
    """A purchase has its stop, below every price at which it may buy."""
    if want.side is Side.SELL:
        return
    lowest = min(quote.bid, want.limit or quote.bid, want.low or quote.bid)
    example = f"for example --stop {instrument.price_down(lowest * _A_STOP):f}"
    if want.stop is None:
        if desk.limits.require_stop is not False:
            raise ConfigError("a purchase needs the price that proves it wrong", fix=f"Add --stop, {example}")
    elif want.stop >= lowest:
        raise ConfigError(
            f"--stop {want.stop:f} is not below the lowest price {lowest:f}", fix=f"Lower it, {example}"
        )


def _parent(desk: Desk, want: Desired, quantity: Decimal, quote: Quote, by: str) -> OrderIntent:
    return OrderIntent(
        client_id=_name(desk),
        session=desk.session,
        cycle=0,
        leg=0,
        symbol=Symbol(want.symbol),
        side=want.side,
        quantity=Quantity(quantity),
        order_type=OrderType.MARKET if want.limit is None else OrderType.LIMIT,
        created_at=desk.clock.now(),
        origin=Origin.OPERATOR,
        reduce_only=want.side is Side.SELL,
        limit_price=None if want.limit is None else Price(want.limit),
        protective_stop=None if want.stop is None else Price(want.stop),
        reason=f"asked for by {by}",
        arrival=Price(quote.mid),
    )


def _name(desk: Desk) -> str:
    """The next id of its kind: the letter keeps it apart from those of cycles."""
    number = 1
    while desk.context.algorithms.knows(name := f"{desk.session}-w{number:05d}-00"):
        number += 1
    return name


def _plan(
    desk: Desk, want: Desired, parent: OrderIntent, instrument: Instrument, quote: Quote, pace: timedelta
) -> AlgorithmPlan:
    start, bar = parent.created_at, desk.feed.timeframe.delta
    parts = want.slices or _PARTS[want.kind]
    resting = want.kind in ("iceberg", "scale")
    lasts = (
        timedelta(minutes=float(want.minutes))
        if want.minutes
        else bar * (_RESTING_BARS if resting else parts)
    )
    interval = lasts if resting else lasts / parts
    _fits(desk, interval, lasts, parts, pace)
    match want.kind:
        case "twap":
            return twap(parent, instrument, quote.mid, start=start, interval=interval, parts=parts)
        case "vwap":
            curve = volume_curve(desk.feed.history(parent.symbol, start, _CURVE_BARS))
            return vwap(
                parent, instrument, quote.mid, start=start, interval=interval, parts=parts, curve=curve
            )
        case "iceberg":
            shown = even_part(parent.quantity, parts, instrument)
            return iceberg(parent, instrument, start=start, end=start + lasts, shown=shown)
        case "route":
            return routed(parent, start=start, end=start + lasts, interval=interval)
        case "dca":
            if want.notional is None:
                raise ConfigError("dca buys for a sum of money", fix="Write --notional")
            return dca(parent, instrument, budget=want.notional, start=start, interval=interval, parts=parts)
        case _:
            return scale(parent, instrument, _ladder(want, instrument, parts), start=start, end=start + lasts)


def _fits(desk: Desk, interval: timedelta, lasts: timedelta, parts: int, pace: timedelta) -> None:
    if interval < pace:
        least = pace if interval == lasts else pace * parts
        raise ConfigError(
            f"{_minutes(lasts)} minutes are too short: orders are looked after every {_span(pace)} here",
            fix=f"Write --minutes {_minutes(least)} or more, or fewer --slices",
        )
    feed = desk.feed
    if isinstance(feed, Sized):
        left = feed.timeframe.delta * max(len(feed) - 1 - feed.bar_index(), 0)
        if lasts > left:
            raise ConfigError(
                f"the tape ends in {_minutes(left)} minutes, before {_minutes(lasts)} are over",
                fix="Use fewer --minutes",
            )


def _minutes(span: timedelta) -> str:
    return f"{span.total_seconds() / 60:.10g}"


def _span(span: timedelta) -> str:
    return f"{_minutes(span)} minutes" if span >= timedelta(minutes=1) else f"{span.total_seconds():g} s"


def _ladder(want: Desired, instrument: Instrument, levels: int) -> list[Decimal]:
    """Even prices between the ends, both included, on the tick."""
    low, high = want.low, want.high
    if low is None or high is None:
        raise ConfigError("scale is a ladder between two prices", fix="Write --from and --to")
    if levels == 1:
        return [low if want.side is Side.BUY else high]
    return [instrument.price(low + (high - low) * level / (levels - 1)) for level in range(levels)]


def _would_go(desk: Desk, plan: AlgorithmPlan, quote: Quote) -> None:
    """Ask what the plan would send now, and the gate what it thinks of that. Approvals are dropped here."""
    context, now = desk.context, desk.clock.now()
    facts = MarketFacts(desk.feed.instruments[plan.symbol], quote, HaltState.ACTIVE)
    for action in step(AlgorithmState(plan), now, facts):
        if isinstance(action, Stop):
            raise ConfigError(f"it would stop at once: {action.reason}", fix="Name other prices")
        if isinstance(action, Send):
            intent = action.intent
            verdict = review(intent, context.gather(plan.symbol, 0, now, intent.client_id), desk.limits, now)
            if isinstance(verdict, Refused):
                said = "; ".join(breach.message for breach in verdict.breaches)
                raise GateError(f"the gate refuses its first part: {said}", fix="Nothing was started")
