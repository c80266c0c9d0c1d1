"""Working a routed order in rounds: split what is left, send it everywhere at once, wait, split again."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from domain.money import ZERO
from execution.algorithms.actions import Action, MarketFacts, Stop, Withdraw, child_order
from execution.algorithms.router import route
from execution.algorithms.state import AlgorithmState

ROUNDS: Final = 5


def work(state: AlgorithmState, now: datetime, facts: MarketFacts) -> tuple[Action, ...]:
    """A new round when none is under way; a round that takes longer than the plan's interval is withdrawn."""
    plan = state.plan
    if live := state.live:
        late = [child for child in live if now - child.sent_at >= plan.interval]
        return tuple(Withdraw(child.client_id, "the router splits again") for child in late)
    rounds = {child.sent_at for child in state.children}
    if len(rounds) >= ROUNDS:
        return (Stop(f"{ROUNDS} rounds did not fill it"),)
    if now in rounds or not facts.offers:
        return ()
    split = route(plan.side, facts.instrument.quantity(state.free), facts.offers, drift=facts.drift)
    if not split.routed > ZERO:
        return ()
    first = len(state.children)
    return tuple(
        child_order(
            plan,
            first + place,
            part.quantity,
            now,
            facts.quote,
            limit_price=part.worst_price,
            venue=part.venue,
        )
        for place, part in enumerate(split.allocations)
    )
