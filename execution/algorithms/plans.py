"""From a parent order to a plan: one function per method. Quantities stay on the venue's grid, to the digit.

The parent's client id becomes the algorithm's id, so the same decision made twice is the same algorithm.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Decimal

from domain.algorithms import AlgorithmPlan, Method, Slice
from domain.errors import ConfigError
from domain.instrument import Instrument
from domain.money import ONE, ZERO, Price
from domain.orders import OrderIntent, Side
from execution.algorithms.volume import VolumeCurve, expected_share

_NOW = timedelta(0)


def twap(
    parent: OrderIntent,
    instrument: Instrument,
    price: Decimal,
    *,
    start: datetime,
    interval: timedelta,
    parts: int,
) -> AlgorithmPlan:
    """Even parts, one per `interval`; fewer when a part would be below the venue's minimums at `price`.

    Raises ConfigError for no parts, no interval, or a parent off the venue's grid.
    """
    _check(parent, instrument, interval, parts)
    parts = min(parts, most_parts(parent.quantity, instrument, price))
    return _timed(parent, Method.TWAP, instrument, start, interval, [ONE] * parts)


def vwap(
    parent: OrderIntent,
    instrument: Instrument,
    price: Decimal,
    *,
    start: datetime,
    interval: timedelta,
    parts: int,
    curve: VolumeCurve,
) -> AlgorithmPlan:
    """Parts in proportion to the volume that the curve expects in each interval.

    A part below the venue's minimums at `price` joins the next. Raises ConfigError as `twap` does.
    """
    _check(parent, instrument, interval, parts)
    weights = [
        Decimal(repr(expected_share(curve, start + interval * part, start + interval * (part + 1))))
        for part in range(parts)
    ]
    least = smallest(instrument, price)
    return _timed(parent, Method.VWAP, instrument, start, interval, weights, least)


def iceberg(
    parent: OrderIntent, instrument: Instrument, *, start: datetime, end: datetime, shown: Decimal
) -> AlgorithmPlan:
    """Parts of at most `shown`, one at a time at the parent's limit price, until `end`.

    Raises ConfigError when the parent has no limit price or `shown` is below the venue's minimums.
    """
    limit = parent.limit_price
    if limit is None:
        raise ConfigError(f"iceberg {parent.client_id} has no limit price", fix="Give the parent one")
    part = instrument.quantity(shown)
    if problems := instrument.filter_problems(part, limit):
        raise ConfigError(f"iceberg {parent.client_id} shows too little: {'; '.join(problems)}")
    whole, last = divmod(parent.quantity, part)
    amounts = [part] * int(whole) + ([last] if last else [])
    slices = tuple(Slice(_NOW, amount, limit) for amount in amounts)
    return _plan(parent, Method.ICEBERG, start, end, slices)


def scale(
    parent: OrderIntent,
    instrument: Instrument,
    prices: Sequence[Decimal],
    *,
    start: datetime,
    end: datetime,
    weights: Sequence[Decimal] | None = None,
) -> AlgorithmPlan:
    """A ladder: a limit order at each of `prices`, even ones or in proportion to `weights`.

    Buys are rounded down to the tick, sales up. Raises ConfigError when prices and weights do not match, a
    price is named twice, or a level is below the venue's minimums.
    """
    weights = weights or [ONE] * len(prices)
    if not prices or len(weights) != len(prices) or any(weight <= ZERO for weight in weights):
        raise ConfigError(f"ladder {parent.client_id} needs one weight above zero for each of its prices")
    rounded = [
        instrument.price_down(price) if parent.side is Side.BUY else instrument.price_up(price)
        for price in prices
    ]
    if len(set(rounded)) != len(rounded):
        raise ConfigError(f"ladder {parent.client_id} names a price twice", fix="Spread its levels")
    amounts = split(parent.quantity, weights, instrument.step_size)
    for amount, price in zip(amounts, rounded, strict=True):
        if problems := instrument.filter_problems(amount, price):
            raise ConfigError(f"ladder {parent.client_id} at {price}: {'; '.join(problems)}")
    slices = tuple(Slice(_NOW, amount, price) for amount, price in zip(amounts, rounded, strict=True))
    return _plan(parent, Method.SCALE, start, end, slices)


def dca(
    parent: OrderIntent,
    instrument: Instrument,
    *,
    budget: Decimal,
    start: datetime,
    interval: timedelta,
    parts: int,
) -> AlgorithmPlan:
    """Purchases for the same sum of quote currency, one per `interval`, `budget` in all, fees not included.

    The parent gives symbol, stop and, if it has one, the highest price; its quantity is not used. Raises
    ConfigError when a purchase would be below the venue's minimum or the parent sells.
    """
    _check(parent, instrument, interval, parts)
    cents = Decimal("0.01")
    if parent.side is not Side.BUY:
        raise ConfigError(f"{parent.client_id} sells: cost averaging buys", fix="Use twap to sell in parts")
    if budget / parts < instrument.min_notional or budget != budget.quantize(cents):
        raise ConfigError(
            f"{budget} in {parts} parts is not a sum that {parent.symbol} can be bought for",
            fix=f"Spend at least {instrument.min_notional} a part, in whole hundredths",
        )
    amounts = split(budget, [ONE] * parts, cents)
    slices = tuple(Slice(interval * part, amount, parent.limit_price) for part, amount in enumerate(amounts))
    end = start + interval * parts
    return _plan(parent, Method.DCA, start, end, slices, amount=budget, in_quote=True)


def routed(parent: OrderIntent, *, start: datetime, end: datetime, interval: timedelta) -> AlgorithmPlan:
    """Everything at once over several venues, split anew every `interval` until `end`."""
    slices = (Slice(_NOW, parent.quantity, parent.limit_price),)
    return _plan(parent, Method.ROUTE, start, end, slices, interval=interval)


def split(total: Decimal, weights: Sequence[Decimal], step: Decimal) -> list[Decimal]:
    """`total` in proportion to `weights`, each part within one `step` of its share, the sum exact.

    `total` must lie on the grid of `step`. Parts are the differences of the rounded running sums, so no
    rounding error adds up. Raises ConfigError when it does not.
    """
    if total % step:
        raise ConfigError(f"{total} is not a multiple of {step}", fix="Round it to the venue's step first")
    whole = sum(weights, ZERO)
    parts, before, running = [], ZERO, ZERO
    for weight in weights:
        running += weight
        upto = (
            total if running == whole else (total * running / whole / step).quantize(ONE, ROUND_FLOOR) * step
        )
        parts.append(upto - before)
        before = upto
    return parts


def even_part(quantity: Decimal, parts: int, instrument: Instrument) -> Decimal:
    """One of `parts` even parts, rounded up to the venue's step, so that no step is left over at the end."""
    steps = (quantity / parts / instrument.step_size).to_integral_value("ROUND_CEILING")
    return steps * instrument.step_size


def smallest(instrument: Instrument, price: Decimal) -> Decimal:
    """The smallest order that stays valid when the price falls by a tenth, in base currency."""
    by_value = instrument.min_notional / (price * Decimal("0.9")) if price > ZERO else ZERO
    steps = (max(by_value, instrument.min_quantity) / instrument.step_size).to_integral_value("ROUND_CEILING")
    return steps * instrument.step_size


def most_parts(quantity: Decimal, instrument: Instrument, price: Decimal) -> int:
    """Into how many valid orders a quantity can be split; at least one."""
    least = max(smallest(instrument, price), instrument.step_size)
    return max(int(quantity // least), 1)


def _check(parent: OrderIntent, instrument: Instrument, interval: timedelta, parts: int) -> None:
    if parts < 1 or interval <= _NOW:
        raise ConfigError(f"{parent.client_id}: {parts} parts every {interval} is no schedule")
    if not instrument.on_quantity_grid(parent.quantity):
        raise ConfigError(
            f"{parent.client_id}: {parent.quantity} is off the step {instrument.step_size}",
            fix="Let the instrument round it",
        )


def _timed(
    parent: OrderIntent,
    method: Method,
    instrument: Instrument,
    start: datetime,
    interval: timedelta,
    weights: Sequence[Decimal],
    least: Decimal = ZERO,
) -> AlgorithmPlan:
    amounts = split(parent.quantity, weights, instrument.step_size)
    slices: list[Slice] = []
    carried = ZERO
    for part, amount in enumerate(amounts):
        carried += amount
        if carried >= max(least, instrument.step_size):
            slices.append(Slice(interval * part, carried, parent.limit_price))
            carried = ZERO
    if carried:  # the tail is too small to stand alone
        last = slices.pop() if slices else Slice(_NOW, ZERO, parent.limit_price)
        slices.append(Slice(last.after, last.amount + carried, parent.limit_price))
    end = start + interval * len(weights)
    return _plan(parent, method, start, end, tuple(slices))


def _plan(
    parent: OrderIntent,
    method: Method,
    start: datetime,
    end: datetime,
    slices: tuple[Slice, ...],
    *,
    amount: Decimal | None = None,
    in_quote: bool = False,
    interval: timedelta = _NOW,
) -> AlgorithmPlan:
    arrival = parent.arrival
    return AlgorithmPlan(
        algorithm_id=parent.client_id,
        session=parent.session,
        cycle=parent.cycle,
        leg=parent.leg,
        method=method,
        symbol=parent.symbol,
        side=parent.side,
        amount=parent.quantity if amount is None else amount,
        start=start,
        end=end,
        slices=slices,
        in_quote=in_quote,
        reduce_only=parent.reduce_only,
        post_only=parent.post_only,
        arrival=None if arrival is None else Price(arrival),
        protective_stop=parent.protective_stop,
        take_profit=parent.take_profit,
        interval=interval,
        reason=parent.reason,
        origin=parent.origin,
    )
