"""What a stop plan says: which rules protect a position, and their numbers.

Without rules a position keeps the stop its entry named, which never moves but to tighten. Every rule below
only ever adds protection: the tightest of all wins, and no stop is ever lowered.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import Final

from domain.errors import ConfigError
from domain.money import ONE, ZERO


class StopKind(StrEnum):
    """The rules a plan may list. REGIME is none of its own: it scales those that count in ATR."""

    FIXED = "fixed"
    ATR = "atr"
    CHANDELIER = "chandelier"
    TRAILING = "trailing"
    BREAK_EVEN = "break_even"
    TIME = "time"
    LADDER = "ladder"
    REGIME = "regime"


@dataclass(frozen=True, slots=True)
class Rung:
    """Sell `fraction` of all that was bought when the price has come `r_ratio` times the risk above entry."""

    fraction: Decimal
    r_ratio: Decimal


DEFAULT_LADDER: Final = (Rung(Decimal("0.25"), Decimal(1)), Rung(Decimal("0.25"), Decimal(2)))


@dataclass(frozen=True, slots=True)
class StopPlan:
    """The rules and their numbers. Fractions are of a price (0.05 is 5 %), bars are of the desk's timeframe.

    R is the risk of one unit: the average entry price less the first stop that was armed for the position.

    default_distance_fraction    a position whose entry named no stop has one so far under its average price
    fixed_distance_fraction      fixed: so far under the average entry price
    atr_bars, atr_ratio          atr: entry - ratio x ATR(bars) of the newest closed bar
    chandelier_bars, _ratio      chandelier: highest high since entry - ratio x ATR(bars)
    trailing_distance_fraction   trailing: so far under the bid
    break_even_r_ratio           break_even: once the price is so many R above entry, to entry plus costs
    break_even_exit_fraction     what the way out is taken to cost, fee and slippage
    time_bars, time_r_ratio      time: closed when, after so many bars, no high was so many R above entry
    ladder                       ladder: parts sold at multiples of R; the parts are at most the whole
    regime_fast_bars, _slow_bars regime: turbulence = realised volatility of the fast over that of the slow
    regime_calm_ratio, _factor   at or under this turbulence the ATR ratios are multiplied by the factor
    regime_storm_ratio, _factor  at or over this one by that factor

    Raises ConfigError for a number outside its range and for rules that contradict each other.
    """

    rules: tuple[StopKind, ...] = ()
    default_distance_fraction: Decimal = Decimal("0.05")
    fixed_distance_fraction: Decimal = Decimal("0.05")
    atr_bars: int = 14
    atr_ratio: Decimal = Decimal("2.5")
    chandelier_bars: int = 22
    chandelier_ratio: Decimal = Decimal(3)
    trailing_distance_fraction: Decimal = Decimal("0.05")
    break_even_r_ratio: Decimal = ONE
    break_even_exit_fraction: Decimal = Decimal("0.001")
    time_bars: int = 96
    time_r_ratio: Decimal = Decimal("0.5")
    ladder: tuple[Rung, ...] = DEFAULT_LADDER
    regime_fast_bars: int = 24
    regime_slow_bars: int = 240
    regime_calm_ratio: Decimal = Decimal("0.75")
    regime_calm_factor: Decimal = Decimal("0.8")
    regime_storm_ratio: Decimal = Decimal("1.5")
    regime_storm_factor: Decimal = Decimal("1.25")

    def __post_init__(self) -> None:
        for field in fields(self):
            _check(field.name, getattr(self, field.name))
        if len(set(self.rules)) != len(self.rules):
            raise ConfigError("a stop rule is listed twice", fix="List each rule once")
        if StopKind.REGIME in self.rules and not {StopKind.ATR, StopKind.CHANDELIER} & set(self.rules):
            raise ConfigError(
                "the rule regime scales atr or chandelier, and neither is listed",
                fix="List one of them, or leave regime out",
            )
        if self.regime_fast_bars >= self.regime_slow_bars:
            raise ConfigError(
                f"regime_fast_bars {self.regime_fast_bars} is not below "
                f"regime_slow_bars {self.regime_slow_bars}",
                fix="Compare a short while with a long one",
            )
        if self.regime_calm_ratio >= self.regime_storm_ratio:
            raise ConfigError(
                f"regime_calm_ratio {self.regime_calm_ratio} is not below "
                f"regime_storm_ratio {self.regime_storm_ratio}",
                fix="A market cannot be calm and stormy at once",
            )
        if StopKind.LADDER in self.rules:
            self._check_ladder()

    def _check_ladder(self) -> None:
        if not self.ladder:
            raise ConfigError("the rule ladder has no parts", fix='Write for example ladder = ["0.25@1"]')
        whole = sum((rung.fraction for rung in self.ladder), ZERO)
        if whole > ONE:
            raise ConfigError(
                f"the ladder's parts add up to {whole}, more than the position", fix="Make them at most 1"
            )
        ratios = [rung.r_ratio for rung in self.ladder]
        if any(later <= earlier for earlier, later in pairwise(ratios)):
            raise ConfigError("the ladder's targets do not rise", fix="Write them from near to far")
        if StopKind.BREAK_EVEN in self.rules and self.break_even_r_ratio > ratios[0]:
            raise ConfigError(
                f"break_even_r_ratio {self.break_even_r_ratio} lies beyond the ladder's first target "
                f"{ratios[0]}: part of a gain would be taken while the rest may still become a loss",
                fix="Make it at most the first target",
            )

    def has(self, kind: StopKind) -> bool:
        return kind in self.rules

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the market features that the rules look at."""
        names: list[str] = []
        if StopKind.ATR in self.rules:
            names.append(f"atr({self.atr_bars})")
        if StopKind.CHANDELIER in self.rules:
            names.append(f"atr({self.chandelier_bars})")
        if StopKind.REGIME in self.rules:
            names += [f"vol({self.regime_fast_bars})", f"vol({self.regime_slow_bars})"]
        return tuple(dict.fromkeys(names))


_MOST_BARS: Final = 5_000
_MOST_RATIO: Final = Decimal(100)


def _check(name: str, value: object) -> None:
    """One number's range, told by the unit at the end of its name."""
    match value:
        case int():
            good, wanted = 2 <= value <= _MOST_BARS, f"a whole number from 2 to {_MOST_BARS}"
        case Decimal() if name == "break_even_exit_fraction":
            good, wanted = value.is_finite() and ZERO <= value < ONE, "at least 0 and below 1"
        case Decimal() if name.endswith("_fraction"):
            good, wanted = value.is_finite() and ZERO < value < ONE, "above 0 and below 1"
        case Decimal():
            good = value.is_finite() and ZERO < value <= _MOST_RATIO
            wanted = f"above 0 and at most {_MOST_RATIO}"
        case tuple():
            for rung in value:
                if isinstance(rung, Rung):
                    _check_rung(rung)
            return
        case _:
            good, wanted = False, "of the right type"
    if not good:
        raise ConfigError(f"{name} = {value} is not {wanted}", fix=f"Write {name} {wanted}")


def _check_rung(rung: Rung) -> None:
    if not (rung.fraction.is_finite() and ZERO < rung.fraction <= ONE):
        raise ConfigError(f"a ladder part of {rung.fraction} is not in (0, 1]", fix="Write a fraction of 1")
    if not (rung.r_ratio.is_finite() and ZERO < rung.r_ratio <= _MOST_RATIO):
        raise ConfigError(
            f"a ladder target of {rung.r_ratio} R is not above 0 and at most {_MOST_RATIO}",
            fix="Write a multiple of the risk",
        )
