"""One step of an algorithm: from where it stands and what the market is, to what is to be done. Pure.

What a step leads to comes back as the children's orders, so the same state and facts always give the same
actions, before a crash and after it. The rules every method shares stand here: nothing new while a child's
fate is open, nothing that makes the desk larger while it is halted, everything withdrawn at the end.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, assert_never

from domain.algorithms import AlgorithmPlan, Method
from domain.halt import HaltState
from domain.market import Quote
from domain.orders import Side
from execution.algorithms import iceberg, routing, scale, schedule
from execution.algorithms.actions import Action, Finish, MarketFacts, Stop, Withdraw
from execution.algorithms.state import AlgorithmState

COMPLETE: Final = "complete"


def step(state: AlgorithmState, now: datetime, facts: MarketFacts) -> tuple[Action, ...]:
    """What to do now; empty to wait. Withdrawals come alone: what they free is seen by the next step."""
    plan = state.plan
    if ending := _ending(state, now):
        return _wind_up(state, ending)
    if _stopped_out(plan, facts.quote):
        return (Stop(f"the price is at its protective stop {plan.protective_stop}"),)
    if state.blocked:
        return ()
    if facts.halt is HaltState.HALTED or (facts.halt is HaltState.REDUCING and not plan.reduce_only):
        if plan.reduce_only:
            return ()  # what rests makes the desk smaller, and flattening has the floor
        return tuple(Withdraw(child.client_id, f"the desk is {facts.halt}") for child in state.live)
    match plan.method:
        case Method.TWAP | Method.VWAP | Method.DCA:
            return schedule.work(state, now, facts)
        case Method.ICEBERG:
            return iceberg.work(state, now, facts)
        case Method.SCALE:
            return scale.work(state, now, facts)
        case Method.ROUTE:
            return routing.work(state, now, facts)
        case _:
            assert_never(plan.method)


def _ending(state: AlgorithmState, now: datetime) -> str:
    """Why the algorithm is to end now; empty when it goes on."""
    if state.done >= state.plan.amount:
        return COMPLETE
    if state.stopping:
        return state.stopping
    return "its time is up" if now >= state.plan.end else ""


def _wind_up(state: AlgorithmState, reason: str) -> tuple[Action, ...]:
    live = state.live
    if not live:
        return (Finish(reason),)
    return tuple(Withdraw(child.client_id, reason) for child in live if child.rests)


def _stopped_out(plan: AlgorithmPlan, quote: Quote | None) -> bool:
    """Whether the market is where the position would be sold again: an entry is not worked any further."""
    if plan.side is not Side.BUY or plan.protective_stop is None or quote is None:
        return False
    return quote.bid <= plan.protective_stop
