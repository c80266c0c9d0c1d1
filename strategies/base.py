"""A strategy: an opinion on one symbol, from declared features alone and without a language model."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import ROUND_FLOOR
from math import isfinite
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from domain.market import SymbolView
from domain.money import ZERO, Price, decimal_from
from domain.opinions import Abstention, Opinion, View


class Parameters(BaseModel):
    """The knobs of a strategy. Unknown and impossible ones are refused when it is made."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Strategy(Protocol):
    """A source of opinions. It keeps no state: the same view gives the same opinion.

    `features` are the names it reads, for the feature engine to compute.
    """

    @property
    def name(self) -> str: ...

    @property
    def features(self) -> tuple[str, ...]: ...

    def opine(self, view: SymbolView) -> View:
        """An opinion on the symbol of `view`, or an abstention that says what is missing."""
        ...


def consult(strategy: Strategy, view: SymbolView) -> View:
    """Ask one strategy for its view; stale data and an exception inside it become abstentions."""
    if view.stale:
        return Abstention(strategy.name, view.symbol, f"the data is {view.age} old")
    try:
        return strategy.opine(view)
    except Exception as error:  # noqa: BLE001 - whatever a strategy raises is an abstention on record
        return Abstention(strategy.name, view.symbol, f"{type(error).__name__}: {error}", failed=True)


def warm(view: SymbolView, names: tuple[str, ...]) -> Mapping[str, float] | str:
    """The features `names` of a view, or a sentence naming those still warming up."""
    cold = [name for name in names if name not in view.features]
    return f"still warming up: {', '.join(cold)}" if cold else view.features


def below(view: SymbolView, distance: float) -> Price | None:
    """The price `distance` (in quote currency) under the last close, with as many decimals as the close.

    None when that would not be a price between zero and the close.
    """
    close = view.candle.close
    level = decimal_from(float(close) - distance) if isfinite(distance) else ZERO
    level = level.quantize(close, rounding=ROUND_FLOOR)
    return Price(level) if ZERO < level < close else None


def opinion(
    strategy: Strategy,
    view: SymbolView,
    *,
    stance: float,
    confidence: float,
    horizon: timedelta,
    rationale: str,
    invalidation: Price | None = None,
) -> Opinion:
    """An Opinion with stance and confidence held inside their ranges."""
    return Opinion(
        source=strategy.name,
        symbol=view.symbol,
        stance=max(-1.0, min(1.0, stance)),
        confidence=max(0.0, min(1.0, confidence)),
        horizon=horizon,
        rationale=rationale,
        invalidation=invalidation,
    )
