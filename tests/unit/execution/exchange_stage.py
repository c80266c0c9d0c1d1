"""Orders for a venue on the wire, and a spy on what is asked of it."""

from __future__ import annotations

from typing import Any

from domain.orders import OrderIntent, Side
from risk import approval
from risk.approval import ApprovedOrder
from simulator.wire.faults import Fault, FaultKind, Operation, When
from tests.contracts.wire_world import WireWorld
from tests.scenarios.stage import START, order

WIRES = ("binance", "gate", "mexc", "coinbase")
STREAMING = ("binance", "gate", "mexc")
WITH_STOPS = ("binance", "gate")
PLACE, CANCEL, QUERY = Operation.PLACE, Operation.CANCEL, Operation.QUERY


def fault(kind: FaultKind, *operations: Operation, when: When = When.BEFORE, **more: Any) -> Fault:
    """A fault that happens once, unless told otherwise."""
    more.setdefault("count", 1)
    return Fault(kind, when, operations=frozenset(operations), **more)


def bid(client_id: str = "a", quantity: str = "2", limit: str = "95") -> OrderIntent:
    return order(client_id, Side.BUY, quantity, limit=limit)


def stop(client_id: str = "s", trigger: str = "80", quantity: str = "1") -> OrderIntent:
    return order(client_id, Side.SELL, quantity, trigger=trigger, reduce_only=True)


def approved(intent: OrderIntent) -> ApprovedOrder:
    """An approval for an order that the gate would refuse, so that the venue has to."""
    return approval.ApprovedOrder(intent, START, approval._SEAL)


def calls(world: WireWorld) -> list[str]:
    """Every method of the connector that is called from now on."""
    seen: list[str] = []
    ask = world.venue.line._ask

    async def watched(method: str, *args: Any, **kwargs: Any) -> Any:
        seen.append(method)
        return await ask(method, *args, **kwargs)

    world.venue.line._ask = watched  # type: ignore[method-assign]  # a spy
    return seen
