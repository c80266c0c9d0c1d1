"""What an operator wants worked in parts: read, checked against the market, and handed to the algorithms.

Checked before anything is written down: what cannot work is refused in one sentence that names the fix.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from domain.errors import ConfigError, DeskError, MoneyError, NotFound
from domain.halt import HaltState
from domain.money import ZERO, decimal_from
from domain.orders import Side

if TYPE_CHECKING:
    from app.bootstrap import Desk
    from domain.algorithms import AlgorithmPlan

KINDS: Final = ("twap", "vwap", "iceberg", "scale", "dca", "route")
NUMBERS: Final = ("quantity", "notional", "minutes", "slices", "limit", "from", "to", "stop")
MOST_SLICES: Final = 200
LONGEST: Final = Decimal(30 * 24 * 60)
_DIGITS: Final = 18


@dataclass(frozen=True, slots=True)
class Desired:
    """An order to be worked: `quantity` in base or `notional` in quote currency, over `minutes`.

    `limit` is the worst price, `low` and `high` the ends of a ladder, `stop` the price that proves a
    purchase wrong.
    """

    kind: str
    symbol: str
    side: Side
    quantity: Decimal | None
    notional: Decimal | None
    minutes: Decimal | None
    slices: int | None
    limit: Decimal | None
    low: Decimal | None
    high: Decimal | None
    stop: Decimal | None

    @staticmethod
    def read(told: Mapping[str, Any]) -> Desired:
        """From the words of a command line. Raises ConfigError for what no market could make right."""
        kind, side = told.get("kind"), told.get("side")
        if kind not in KINDS:
            raise ConfigError(f"{kind!r} is no way to work an order", fix=f"Name one of {', '.join(KINDS)}")
        if side not in tuple(Side):
            raise ConfigError(f"--side {side} is neither buy nor sell", fix="Write --side buy or --side sell")
        seen = {name: _number(name, told.get(name)) for name in NUMBERS}
        slices = seen["slices"]
        if slices is not None and (slices != int(slices) or slices > MOST_SLICES):
            raise ConfigError(f"--slices {slices:f} is no number of parts", fix=f"Write 1 to {MOST_SLICES}")
        ends = [price for price in (seen["from"], seen["to"]) if price is not None]
        desired = Desired(
            kind=kind,
            symbol=str(told.get("symbol", "")),
            side=Side(side),
            quantity=seen["quantity"],
            notional=seen["notional"],
            minutes=seen["minutes"],
            slices=None if slices is None else int(slices),
            limit=seen["limit"],
            low=min(ends, default=None),
            high=max(ends, default=None),
            stop=seen["stop"],
        )
        if problem := _misfit(desired, len(ends)):
            raise ConfigError(problem[0], fix=problem[1])
        return desired


def _number(name: str, value: object) -> Decimal | None:
    if value is None:
        return None
    try:
        number = decimal_from(value)
    except MoneyError:
        number = ZERO
    if (
        number <= ZERO
        or not -_DIGITS < number.adjusted() < _DIGITS
        or len(number.as_tuple().digits) > 2 * _DIGITS
    ):
        raise ConfigError(f"--{name} {value} is not a number above zero", fix=f"Write --{name} as 12.5")
    return number


def _misfit(want: Desired, ends: int) -> tuple[str, str] | None:
    """What does not fit together, and the fix."""
    kind, ladder, saving = want.kind, want.kind == "scale", want.kind == "dca"
    if saving and (want.side is not Side.BUY or want.notional is None or want.quantity is not None):
        return (
            "dca buys for a sum of money",
            "Write --side buy and --notional, no --quantity; twap sells in parts",
        )
    if (want.quantity is None) == (want.notional is None):
        return "an order needs its size once", "Write either --quantity or --notional"
    if ladder and (ends != 2 or want.limit is not None or (want.low == want.high and want.slices != 1)):
        return (
            "scale is a ladder between two prices",
            "Write --from and --to, two different prices, and no --limit",
        )
    if not ladder and ends:
        return f"{kind} has no ladder", "Leave out --from and --to, or use scale"
    if kind == "route" and want.slices is not None:
        return "route is split by what the venues offer", "Leave out --slices"
    if kind == "iceberg" and want.limit is None:
        return "iceberg shows a part of a limit order", "Add --limit"
    if want.minutes is not None and want.minutes > LONGEST:
        return f"--minutes {want.minutes:f} is too long", f"Write at most {LONGEST:f}, which is 30 days"
    if want.stop is not None and want.side is Side.SELL:
        return "a sale opens nothing that a stop could protect", "Leave out --stop"
    return None


async def begin(desk: Desk, want: Desired, *, by: str, pace: timedelta) -> dict[str, object]:
    """Start it, durably, and send what is due; the answer to the operator.

    `pace` is how often the desk looks after orders. Raises NotFound for a symbol that is not traded,
    ConfigError for what the market cannot take, GateError when the gate would refuse the first part.
    """
    from app.work_plans import checked

    context = desk.context
    if not desk.engine.settled:
        raise DeskError("the desk has just restarted and puts its stops back first", fix="Ask again in a bar")
    async with context.hands:
        plan = checked(desk, want, by=by, pace=pace)
        if want.kind == "route":
            for other in context.algorithms.others.values():
                await other.offer(plan)  # who does not answer is told now, not found out later
        context.algorithms.start(plan)
        desk.journal.commit()
        await context.algorithms.tick()
    desk.journal.commit()
    return _described(desk, plan)


async def end(desk: Desk, algorithm_id: str, reason: str) -> dict[str, object]:
    """Stop one that runs: what is open of it is withdrawn. Raises NotFound when it does not run."""
    context = desk.context
    async with context.hands:
        running = {state.plan.algorithm_id: state.plan for state in context.algorithms.running}
        plan = running.get(algorithm_id)
        if plan is None:
            raise NotFound(f"no order {algorithm_id!r} is being worked", fix="desk work list names them")
        await context.algorithms.stop(algorithm_id, reason)
    desk.journal.commit()
    left = any(state.plan.algorithm_id == algorithm_id for state in context.algorithms.running)
    waits = "; the venue has yet to confirm a withdrawal" if left else ""
    return {
        "algorithm_id": algorithm_id,
        "stopped": not left,
        "message": f"{algorithm_id} sends nothing more{waits}.",
    }


def _described(desk: Desk, plan: AlgorithmPlan) -> dict[str, object]:
    instrument = desk.feed.instruments[plan.symbol]
    unit = instrument.quote if plan.in_quote else instrument.base
    parts = len(plan.slices)
    waits = "; no part is sent before desk resume" if desk.halts.state() is HaltState.HALTED else ""
    return {
        "algorithm_id": plan.algorithm_id,
        "method": plan.method,
        "symbol": plan.symbol,
        "side": plan.side,
        "amount": f"{plan.amount:f}",
        "unit": unit,
        "parts": parts,
        "starts": plan.start.isoformat(),
        "ends": plan.end.isoformat(),
        "message": f"{plan.algorithm_id}: {plan.method} {plan.side}s {plan.amount:f} {unit} in "
        f"{plan.symbol}, {parts} part(s), until {plan.end:%Y-%m-%d %H:%M:%S}Z{waits}.",
    }
