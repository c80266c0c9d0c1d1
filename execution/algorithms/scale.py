"""Scaling in or out: a ladder of limit orders, one per level, resting at the same time.

A level that was withdrawn (the desk was halted, a crash) or that the gate refused is put up again, a few
times at most. One that the venue rejected is not.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from domain.money import ZERO
from domain.orders import OrderStatus
from execution.algorithms.actions import Action, MarketFacts, child_order, too_small
from execution.algorithms.state import ATTEMPTS, AlgorithmState, Child

_AGAIN: Final = frozenset({OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.REFUSED})


def work(state: AlgorithmState, now: datetime, facts: MarketFacts) -> tuple[Action, ...]:
    """An order for every level that is due and has none."""
    plan, count, elapsed = state.plan, len(state.plan.slices), now - state.plan.start
    sends: list[Action] = []
    for level, each in enumerate(plan.slices):
        tries = [child for child in state.children if child.part % count == level]
        if each.after > elapsed or not _wanted(tries):
            continue
        filled = sum((child.filled for child in tries), ZERO)
        quantity = facts.instrument.quantity(max(each.amount - filled, ZERO))
        if not too_small(plan, facts, quantity, each.limit_price):
            part = level + count * len(tries)
            sends.append(child_order(plan, part, quantity, now, facts.quote, limit_price=each.limit_price))
    return tuple(sends)


def _wanted(tries: list[Child]) -> bool:
    return not tries or (len(tries) < ATTEMPTS and tries[-1].status in _AGAIN)
