"""One part of a large limit order shown at a time, never more than that; the next when the last is done."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from domain.money import ZERO
from execution.algorithms.actions import Action, MarketFacts, Stop, child_order, too_small
from execution.algorithms.plans import smallest
from execution.algorithms.state import ATTEMPTS, AlgorithmState


def work(state: AlgorithmState, now: datetime, facts: MarketFacts) -> tuple[Action, ...]:
    """Show the next part once nothing is shown. Ends when part after part is not taken: no retry storm."""
    plan, children = state.plan, state.children
    if state.live:
        return ()
    if len(children) >= ATTEMPTS and all(child.failed for child in children[-ATTEMPTS:]):
        return (Stop(f"{ATTEMPTS} orders in a row were not filled at all"),)
    shown = plan.slices[0]
    free = facts.instrument.quantity(state.free)
    quantity: Decimal = min(facts.instrument.quantity(shown.amount), free)
    if quantity < free and too_small(plan, facts, free - quantity, shown.limit_price):
        least = smallest(facts.instrument, shown.limit_price or ZERO)
        if free - least >= least:  # show less now, so that the venue takes the last part alone
            quantity = min(quantity, free - least)
    if too_small(plan, facts, quantity, shown.limit_price):
        return (Stop("the rest is below the venue's minimum"),)
    return (child_order(plan, len(children), quantity, now, facts.quote, limit_price=shown.limit_price),)
