"""One part of a large limit order shown at a time; the next when the last is done."""

from __future__ import annotations

from datetime import datetime

from execution.algorithms.actions import Action, MarketFacts, Stop, child_order, too_small
from execution.algorithms.state import ATTEMPTS, AlgorithmState


def work(state: AlgorithmState, now: datetime, facts: MarketFacts) -> tuple[Action, ...]:
    """Show the next part once nothing is shown. Ends when part after part is not taken: no retry storm."""
    plan, children = state.plan, state.children
    if state.live:
        return ()
    if len(children) >= ATTEMPTS and all(child.failed for child in children[-ATTEMPTS:]):
        return (Stop(f"{ATTEMPTS} orders in a row were not filled at all"),)
    shown = plan.slices[0]
    quantity = min(facts.instrument.quantity(shown.amount), facts.instrument.quantity(state.free))
    if too_small(plan, facts, state.free - quantity, shown.limit_price):
        quantity = facts.instrument.quantity(min(state.free, facts.instrument.max_quantity))
    if too_small(plan, facts, quantity, shown.limit_price):
        return (Stop("the rest is below the venue's minimum"),)
    return (child_order(plan, len(children), quantity, now, facts.quote, limit_price=shown.limit_price),)
