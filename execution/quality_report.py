"""From measured orders to figures: shortfall and its parts, fill rate, maker share, latencies.

Costs are in basis points (1 bp = 0.01 %) of the value at arrival, weighted by that value; above zero is money
lost. Every formula is in docs/execution.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from math import ceil
from typing import Final

from domain.money import ZERO
from execution.quality import Measured

_BASIS: Final = 10_000
_PLACES: Final = Decimal("0.01")
_SHARE_PLACES: Final = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Of durations in seconds, by the nearest-rank rule. None when there are none."""

    count: int
    p50: float | None
    p95: float | None
    p99: float | None


@dataclass(frozen=True, slots=True)
class Quality:
    """One row. Rates are fractions of 1; costs are in basis points, None where nothing was measured.

    `shortfall` is the sum of `execution` (price against arrival, what was filled), `fees` and `opportunity`
    (what was not filled, at the price afterwards). `expected` and `actual` compare the price that could be
    expected when sending with the price that was paid, both against arrival.
    """

    key: str
    orders: int
    filled: int
    open: int
    refused: int
    rejected: int
    unmeasured: int
    strange_fees: int
    value: Decimal
    fill_rate: Decimal | None
    maker_share: Decimal | None
    shortfall: Decimal | None
    execution: Decimal | None
    fees: Decimal | None
    opportunity: Decimal | None
    expected: Decimal | None
    actual: Decimal | None
    to_send: Percentiles
    to_acknowledge: Percentiles
    to_first_fill: Percentiles
    to_fill: Percentiles


def grouped(orders: Iterable[Measured], by: Callable[[Measured], str]) -> list[Quality]:
    """One row per key, in alphabetical order."""
    groups: dict[str, list[Measured]] = {}
    for order in orders:
        groups.setdefault(by(order), []).append(order)
    return [summary(key, groups[key]) for key in sorted(groups)]


def summary(key: str, orders: Sequence[Measured]) -> Quality:
    """The figures of some orders together."""
    sent = [order for order in orders if order.sent_at is not None]
    over = [order for order in sent if order.ended_at is not None]
    chosen = [order for order in over if not order.waits]
    cost = _Cost(over)
    traded = sum((order.paid for order in orders), ZERO)
    return Quality(
        key=key,
        orders=sum(order.orders for order in orders),
        filled=sum(1 for order in sent if order.filled >= order.quantity > ZERO),
        open=sum(1 for order in orders if order.ended_at is None),
        refused=sum(order.refused for order in orders),
        rejected=sum(order.rejected for order in orders),
        unmeasured=sum(1 for order in over if order.arrival is None),
        strange_fees=sum(order.strange_fees for order in orders),
        value=traded.quantize(_PLACES, ROUND_HALF_EVEN),
        fill_rate=_fill_rate(chosen),
        maker_share=_share(sum((order.maker for order in orders), ZERO), traded),
        shortfall=cost.in_basis_points(cost.execution + cost.fees + cost.opportunity),
        execution=cost.in_basis_points(cost.execution),
        fees=cost.in_basis_points(cost.fees),
        opportunity=cost.in_basis_points(cost.opportunity),
        expected=_slippage(over, lambda order: order.expected),
        actual=_slippage(over, lambda order: order.average),
        to_send=_between(sent, lambda order: (order.decided_at, order.sent_at)),
        to_acknowledge=_between(sent, lambda order: (order.sent_at, order.acknowledged_at)),
        to_first_fill=_between(sent, lambda order: (order.acknowledged_at, order.first_fill_at)),
        to_fill=_between(
            [order for order in sent if order.filled >= order.quantity and not order.waits],
            lambda order: (order.sent_at, order.last_fill_at),
        ),
    )


class _Cost:
    """The parts of the implementation shortfall, in quote currency, of orders that are over."""

    def __init__(self, orders: Sequence[Measured]) -> None:
        self.execution = self.fees = self.opportunity = self.value = ZERO
        for order in orders:
            if order.arrival is None:
                continue
            # An order that waits for a trigger was not wanted until it traded: only what filled counts.
            wanted = order.filled if order.waits else max(order.quantity, order.filled)
            self.value += wanted * order.arrival
            self.execution += order.sign * (order.paid - order.filled * order.arrival)
            self.fees += order.fees
            if order.after is not None:
                self.opportunity += order.sign * (wanted - order.filled) * (order.after - order.arrival)

    def in_basis_points(self, cost: Decimal) -> Decimal | None:
        return _points(cost, self.value)


def _fill_rate(orders: Sequence[Measured]) -> Decimal | None:
    """Filled of wanted, by value at arrival so that different coins can be added."""
    priced = [(order, order.arrival) for order in orders if order.arrival is not None]
    wanted = sum((order.quantity * arrival for order, arrival in priced), ZERO)
    filled = sum((min(order.filled, order.quantity) * arrival for order, arrival in priced), ZERO)
    return _share(filled, wanted)


def _slippage(orders: Sequence[Measured], price: Callable[[Measured], Decimal | None]) -> Decimal | None:
    """A price against arrival over what was filled; orders without an expectation are left out of both."""
    cost = value = ZERO
    for order in orders:
        against = price(order)
        if order.arrival is None or order.expected is None or against is None or not order.filled:
            continue
        cost += order.sign * order.filled * (against - order.arrival)
        value += order.filled * order.arrival
    return _points(cost, value)


def _points(cost: Decimal, value: Decimal) -> Decimal | None:
    return (cost / value * _BASIS).quantize(_PLACES, ROUND_HALF_EVEN) if value else None


def _share(part: Decimal, whole: Decimal) -> Decimal | None:
    return (part / whole).quantize(_SHARE_PLACES, ROUND_HALF_EVEN) if whole else None


Ends = tuple[datetime | None, datetime | None]


def _between(orders: Iterable[Measured], ends: Callable[[Measured], Ends]) -> Percentiles:
    """How long it took from one moment to the other; never below zero, for two clocks may disagree."""
    spans = []
    for order in orders:
        start, end = ends(order)
        if start is not None and end is not None:
            spans.append(max((end - start) / timedelta(seconds=1), 0.0))
    spans.sort()
    return Percentiles(len(spans), _rank(spans, 0.50), _rank(spans, 0.95), _rank(spans, 0.99))


def _rank(ordered: Sequence[float], share: float) -> float | None:
    """The smallest value that at least `share` of all values do not exceed."""
    return ordered[max(ceil(share * len(ordered)), 1) - 1] if ordered else None
