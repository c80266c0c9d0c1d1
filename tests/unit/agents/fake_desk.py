"""A desk for conversations: it answers with fixed facts and notes what it was told to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from agents.desk_view import DeskAction
from domain.errors import ConfigError, DeskError, NotFound
from domain.halt import Halt, HaltState
from domain.orders import OrderStatus, OrderType, Side

NOW = datetime(2024, 3, 4, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Account:
    currency: str = "USDT"
    equity: Decimal = Decimal("101250.40")
    cash: Decimal = Decimal("80000")
    realized: Decimal = Decimal("900")
    unrealized: Decimal = Decimal("400.40")
    fees: Decimal = Decimal("50")
    profit: Decimal = Decimal("1250.40")
    profit_fraction: Decimal = Decimal("0.012504")
    day_change: Decimal = Decimal("-0.0031")
    drawdown: Decimal = Decimal("0.02")


@dataclass(frozen=True)
class Status:
    halt: Halt
    session: str = "p1"
    mode: str = "paper"
    state: str = "running"
    now: datetime | None = NOW
    account: Account = field(default_factory=Account)


@dataclass(frozen=True)
class Held:
    symbol: str = "BTC/USDT"
    quantity: Decimal = Decimal("0.5")
    average_price: Decimal = Decimal("40000")
    mark: Decimal = Decimal("40800.8")
    value: Decimal = Decimal("20400.40")
    weight: Decimal = Decimal("0.2015")
    unrealized: Decimal = Decimal("400.40")
    stop: Decimal | None = Decimal("38000")


@dataclass(frozen=True)
class Ordered:
    client_id: str = "p1-000007-00"
    symbol: str = "BTC/USDT"
    side: Side = Side.BUY
    order_type: OrderType = OrderType.LIMIT
    status: OrderStatus = OrderStatus.FILLED
    quantity: Decimal = Decimal("0.5")
    filled: Decimal = Decimal("0.5")
    average_price: Decimal | None = Decimal("40000")
    reason: str = "blend"
    note: str = ""


@dataclass(frozen=True)
class Decided:
    cycle_id: str = "p1-000007"
    at: datetime = NOW
    summary: str = "1 order, 0 refusals"


@dataclass
class FakeDesk:
    """Implements DeskView. `latched` makes a resume without confirmation fail, as the desk would."""

    halt: Halt = field(default_factory=lambda: Halt(HaltState.ACTIVE, "", "start", NOW))
    held: tuple[Held, ...] = (Held(),)
    ordered: tuple[Ordered, ...] = (Ordered(),)
    decided: tuple[Decided, ...] = (Decided(),)
    acted: list[tuple[DeskAction, str, str, bool]] = field(default_factory=list)
    tightened: list[tuple[str, str, str, str]] = field(default_factory=list)

    async def status(self) -> Status:
        return Status(self.halt)

    async def positions(self) -> Sequence[Held]:
        return self.held

    async def orders(self, *, limit: int, open_only: bool) -> Sequence[Ordered]:
        return self.ordered[:limit]

    async def decisions(self, *, limit: int) -> Sequence[Decided]:
        return self.decided[:limit]

    async def limits(self) -> Mapping[str, object]:
        return {"max_drawdown_fraction": "0.20", "max_position_notional_quote": None}

    async def explain(self, name: str) -> str:
        known = {one.client_id for one in self.ordered} | {one.cycle_id for one in self.decided}
        if name not in known:
            raise NotFound(f"there is no order or decision {name}")
        return f"the story of {name}"

    async def act(self, action: DeskAction, *, reason: str, by: str, confirm: bool) -> str:
        if self.halt.latched and action is DeskAction.RESUME and not confirm:
            raise DeskError("the halt is latched", fix="Confirm to lift it")
        self.acted.append((action, reason, by, confirm))
        return f"done: {action.value}"

    async def tighten(self, name: str, value: str, *, reason: str, by: str) -> str:
        if name != "max_drawdown_fraction" or value > "0.20":
            raise ConfigError(f"{name} = {value} would loosen")
        self.tightened.append((name, value, reason, by))
        return f"tightened: {name} {value}"
