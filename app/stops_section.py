"""The settings of stops: which rules protect a position, their numbers, and how long one may be without."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import Field, model_validator

from app.section import Section
from domain.errors import ConfigError, MoneyError
from domain.money import decimal_from
from execution.stops.plan import DEFAULT_LADDER, Rung, StopKind, StopPlan

_DEFAULT: Final = StopPlan()
_OWN: Final = frozenset({"unprotected_bars", "unprotected_seconds", "ladder"})
"""What the section says that a plan does not, or writes in another way."""

_LISTS: Final = ("rules", "ladder")


class StopsSection(Section):
    """See execution/stops/plan.py, which knows what each of them means and may be. Without rules a position
    keeps the stop its entry named.

    A ladder is written as parts "fraction@R". `unprotected_bars` is how long a position may be without its
    stop on a tape, in bars; `unprotected_seconds` the same at a venue, None for what the venue's patience
    comes to.
    """

    rules: tuple[StopKind, ...] = _DEFAULT.rules
    default_distance_fraction: Decimal = _DEFAULT.default_distance_fraction
    fixed_distance_fraction: Decimal = _DEFAULT.fixed_distance_fraction
    atr_bars: int = _DEFAULT.atr_bars
    atr_ratio: Decimal = _DEFAULT.atr_ratio
    chandelier_bars: int = _DEFAULT.chandelier_bars
    chandelier_ratio: Decimal = _DEFAULT.chandelier_ratio
    trailing_distance_fraction: Decimal = _DEFAULT.trailing_distance_fraction
    break_even_r_ratio: Decimal = _DEFAULT.break_even_r_ratio
    break_even_exit_fraction: Decimal = _DEFAULT.break_even_exit_fraction
    time_bars: int = _DEFAULT.time_bars
    time_r_ratio: Decimal = _DEFAULT.time_r_ratio
    ladder: tuple[str, ...] = tuple(f"{rung.fraction}@{rung.r_ratio}" for rung in DEFAULT_LADDER)
    regime_fast_bars: int = _DEFAULT.regime_fast_bars
    regime_slow_bars: int = _DEFAULT.regime_slow_bars
    regime_calm_ratio: Decimal = _DEFAULT.regime_calm_ratio
    regime_calm_factor: Decimal = _DEFAULT.regime_calm_factor
    regime_storm_ratio: Decimal = _DEFAULT.regime_storm_ratio
    regime_storm_factor: Decimal = _DEFAULT.regime_storm_factor
    unprotected_bars: Annotated[int, Field(ge=1, le=1_000)] = 2
    unprotected_seconds: Annotated[int, Field(ge=1, le=3_600)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _split(cls, told: Any) -> Any:
        """Lists may be written as text: the environment has none."""
        if not isinstance(told, dict):
            return told
        split = {
            name: tuple(part.strip() for part in told[name].split(",") if part.strip())
            for name in _LISTS
            if isinstance(told.get(name), str)
        }
        return {**told, **split}

    @model_validator(mode="after")
    def _sensible(self) -> StopsSection:
        try:
            self.plan()
        except ConfigError as error:
            raise ValueError(f"{error.message}; {error.fix}") from None
        for name in sorted(self.model_fields_set):
            kind = next((each for each in StopKind if name.startswith(each.value)), None)
            if kind is not None and kind not in self.rules:
                raise ValueError(
                    f"{name} is set, but {kind.value} is not among the rules; list it, or unset it"
                )
        return self

    def plan(self) -> StopPlan:
        """The plan. Raises ConfigError for numbers out of range and rules that contradict each other."""
        told = {name: value for name, value in self if name not in _OWN}
        return StopPlan(**told, ladder=tuple(_rung(part) for part in self.ladder))


def _rung(text: str) -> Rung:
    fraction, at, ratio = text.partition("@")
    try:
        if at:
            return Rung(decimal_from(fraction.strip()), decimal_from(ratio.strip()))
    except MoneyError:
        pass
    raise ConfigError(
        f"{text!r} is not a part of a ladder", fix='Write fraction@R: "0.25@1.5" sells a quarter at 1.5 R'
    )
