"""How much of a target to keep: arithmetic that only ever shrinks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from typing import Final

from domain.market import SymbolView
from domain.money import ONE, ZERO, Symbol
from domain.opinions import Target
from tools.account import Room

ATR: Final = "atr(14)"
USUAL_ANNUAL_VOLATILITY: Final = 0.8
LEAST_FOR_VOLATILITY: Final = 0.25
MARGIN: Final = Decimal("0.99")
"""Targets stay this far inside a limit, because prices move between the decision and the gate."""

_ATR_PER_DEVIATION: Final = 1.5
_SECONDS_PER_YEAR: Final = 365.25 * 86_400.0
_FOUR_PLACES: Final = Decimal("0.0001")
_WEIGHT_PLACES: Final = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Keep:
    """The fraction of a target to keep, in [0, 1], and why not all of it."""

    fraction: Decimal
    reason: str


def keep_fractions(
    targets: Mapping[Symbol, Target],
    views: Mapping[Symbol, SymbolView],
    rooms: Mapping[Symbol, Room],
    held: Mapping[Symbol, Decimal],
    equity: Decimal,
) -> dict[Symbol, Keep]:
    """The smallest of what volatility, losses and the room in each limit allow, per target.

    `held` is the value of each holding and `equity` the account's, in quote currency. A symbol without a
    room, or an account without equity, is kept as it is: the gate refuses what it cannot check.
    """
    growth = {
        symbol: max(target.weight * equity - held.get(symbol, ZERO), ZERO)
        for symbol, target in targets.items()
    }
    wanted = sum(growth.values(), ZERO)
    found: dict[Symbol, Keep] = {}
    for symbol, target in targets.items():
        room = rooms.get(symbol)
        if room is None or equity <= ZERO or target.weight <= ZERO:
            found[symbol] = Keep(ONE, "")
            continue
        allowed = [
            Keep(_for_volatility(views.get(symbol)), "volatility"),
            Keep(_for_loss(room.drawdown, room.max_drawdown), "drawdown"),
            Keep(_for_loss(room.daily_loss, room.max_daily_loss), "loss of the day"),
        ]
        if growth[symbol] > ZERO:
            value, holding = target.weight * equity, held.get(symbol, ZERO)
            room_left = [(room.position, "position limit"), (room.order, "order limit")]
            if room.exposure is not None:
                room_left.append((room.exposure * growth[symbol] / wanted, "exposure limit"))
            allowed += [
                Keep((holding + min(growth[symbol], left * MARGIN)) / value, name)
                for left, name in room_left
                if left is not None and left * MARGIN < growth[symbol]
            ]
        tightest = min(allowed, key=lambda one: one.fraction)
        fraction = min(max(tightest.fraction, ZERO), ONE).quantize(_FOUR_PLACES, ROUND_FLOOR)
        found[symbol] = Keep(fraction, tightest.reason if fraction < ONE else "")
    return found


def shrink(target: Target, keep: Keep) -> Target:
    """The target with that fraction of its weight, rounded towards zero; never larger."""
    if keep.fraction >= ONE:
        return target
    sign = ONE if target.weight >= ZERO else -ONE
    weight = (abs(target.weight) * max(keep.fraction, ZERO)).quantize(_WEIGHT_PLACES, ROUND_FLOOR)
    reason = f"{target.reason}; kept {keep.fraction:.0%}: {keep.reason}"
    return Target(target.symbol, sign * min(weight, abs(target.weight)), target.stop, reason)


def _for_volatility(view: SymbolView | None) -> Decimal:
    """Shrinks in proportion once ATR exceeds 1.5 deviations of a bar at 80 % a year, down to a quarter.

    Bars of t seconds deviate by 0.8 * sqrt(t / seconds of a year), as independent returns would.
    """
    if view is None:
        return ONE
    atr, close = view.features.get(ATR, 0.0), float(view.candle.close)
    if not atr > 0.0:
        return ONE
    deviation = USUAL_ANNUAL_VOLATILITY * (view.candle.timeframe.seconds / _SECONDS_PER_YEAR) ** 0.5
    return Decimal(repr(min(max(_ATR_PER_DEVIATION * deviation * close / atr, LEAST_FOR_VOLATILITY), 1.0)))


def _for_loss(lost: Decimal | None, limit: Decimal | None) -> Decimal:
    """All below half of the limit, then less and less, nothing at the limit."""
    if lost is None or limit is None or limit <= ZERO:
        return ONE
    return min(max(2 * (ONE - lost / limit), ZERO), ONE)
