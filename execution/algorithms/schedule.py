"""Parts by the clock: TWAP, VWAP, DCA. One child at a time; a part is sent again only if it never arrived.

What a part did not get is spread over the parts that are left in their own proportions, so a pause or a
refusal does not end in a burst: no child is larger than twice what was planned for its part.
TWAP and VWAP follow Berkowitz, Logue and Noser, "The Total Cost of Transactions on the NYSE" (1988): trade in
proportion to time, or to expected volume.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

from domain.algorithms import Slice
from domain.money import ONE, ZERO, Price
from execution.algorithms.actions import Action, MarketFacts, Withdraw, child_order, too_small
from execution.algorithms.state import ATTEMPTS, AlgorithmState

CATCH_UP: Final = 2
"""The most a child may be, as a multiple of its planned part."""

ROOM: Final = Decimal("0.005")
"""How far above the ask a purchase for a sum of money may go, as a fraction: so it never costs more."""


def work(state: AlgorithmState, now: datetime, facts: MarketFacts) -> tuple[Action, ...]:
    """Send the part that is due; withdraw what an earlier part left open, first."""
    plan, count = state.plan, len(state.plan.slices)
    part = _due(state, now)
    if part is None:
        return ()
    tries = [child for child in state.children if child.part % count == part]
    if tries and not (tries[-1].lost and len(tries) < ATTEMPTS):
        return ()
    if any(child.part % count > part for child in state.children):
        return ()  # the clock was set back: what came later is not done again
    if state.live:
        return tuple(Withdraw(child.client_id, "the next part is due") for child in state.live)
    amount = _amount(state, part)
    limit = plan.slices[part].limit_price
    if plan.in_quote:
        limit = _affordable(facts, limit)
        if limit is None:
            return ()
        amount = amount / limit
    quantity = facts.instrument.quantity(amount)
    if quantity > facts.instrument.max_quantity:
        quantity = facts.instrument.quantity(facts.instrument.max_quantity)
    if too_small(plan, facts, quantity, limit):
        return ()
    number = part + count * len(tries)
    return (child_order(plan, number, quantity, now, facts.quote, limit_price=limit),)


def _due(state: AlgorithmState, now: datetime) -> int | None:
    """The newest part whose time has come; those it overtook are not sent any more."""
    elapsed = now - state.plan.start
    due = [part for part, each in enumerate(state.plan.slices) if each.after <= elapsed]
    return due[-1] if due else None


def _amount(state: AlgorithmState, part: int) -> Decimal:
    slices: tuple[Slice, ...] = state.plan.slices
    planned = slices[part].amount
    left = sum((each.amount for each in slices[part:]), ZERO)
    free = state.free
    share = planned if free == left else free * planned / left
    return min(share, planned * CATCH_UP, free)


def _affordable(facts: MarketFacts, worst: Price | None) -> Price | None:
    """The price that a purchase for a sum of money may pay at most; None while no price is known."""
    if facts.quote is None:
        return None
    limit = facts.instrument.price_down(facts.quote.ask * (ONE + ROOM))
    return limit if worst is None else min(limit, worst)
