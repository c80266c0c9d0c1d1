"""Working a routed order in rounds: split what is left, send it everywhere at once, wait, split again."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from domain.algorithms import AlgorithmPlan
from domain.money import ZERO
from domain.orders import Side
from execution.algorithms.actions import Action, MarketFacts, Stop, Withdraw, child_order
from execution.algorithms.router import VenueOffer, route
from execution.algorithms.state import AlgorithmState

ROUNDS: Final = 5


def _within(offer: VenueOffer, plan: AlgorithmPlan) -> VenueOffer:
    """What of an offer keeps the worst price of the plan, where it names one."""
    worst = plan.slices[0].limit_price
    if worst is None:
        return offer
    buys = plan.side is Side.BUY
    good = tuple(each for each in offer.levels if (each.price <= worst if buys else each.price >= worst))
    return replace(offer, levels=good)


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
    offers = [_within(offer, plan) for offer in facts.offers]
    split = route(plan.side, facts.instrument.quantity(state.free), offers, drift=facts.drift)
    if not split.routed > ZERO:
        return ()
    first = state.children[-1].part + 1 if state.children else 0
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
