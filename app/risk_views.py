"""What `desk risk` and `desk risk stress` say, as typed models: the JSON of both. Losses are positive."""

from __future__ import annotations

from typing import Literal

from app.limits_views import LimitUse
from app.views import Amount, Fraction, Model, Time


class PricesView(Model):
    """What was measured on: bars of `bar_seconds`, returns over `observation_seconds`."""

    source: str
    bars: int
    bar_seconds: int
    observations: int
    observation_seconds: int


class BacktestView(Model):
    """How forecasts of value at risk fared. p-values are those of the tests; `passes` is at 5 %."""

    observations: int
    exceedances: int
    expected: float
    kupiec_p: float
    independence_p: float
    conditional_p: float
    passes: bool


class TailView(Model):
    """One method's value at risk and expected shortfall over one day, in money and as fractions of equity.

    `problem` says why a figure is missing; `backtest_problem` why there is no backtest.
    """

    method: str
    var_level: float
    cvar_level: float
    observations: int = 0
    var: Amount | None = None
    cvar: Amount | None = None
    var_equity_fraction: float | None = None
    cvar_equity_fraction: float | None = None
    problem: str = ""
    backtest: BacktestView | None = None
    backtest_problem: str = ""


class AssetRiskView(Model):
    """One holding: its beta to the market asset and its parts in the book's volatility and shortfall.

    `volatility` is a day's, of the asset; `volatility_share` and `cvar_share` are fractions of the book's.
    """

    asset: str
    value: Amount
    weight: Fraction
    volatility: float
    beta: float | None
    volatility_share: float
    cvar_share: float


class CorrelationView(Model):
    assets: tuple[str, ...]
    table: tuple[tuple[float, ...], ...]


class ExposureView(Model):
    """A branch of the tree: the whole, a cluster, or an asset. `share` is of equity."""

    name: str
    value: Amount
    share: Fraction
    parts: tuple[ExposureView, ...] = ()


class BreakerView(Model):
    """A breaker that is open or on probation. `size_fraction` of the usual size is allowed."""

    name: str
    state: str
    size_fraction: Fraction
    cause: str
    at: Time


class RiskView(Model):
    """The risk of the book as it stands. `problems` say what could not be measured, and why."""

    running: bool
    session: str
    as_of: Time
    currency: str
    equity: Amount
    invested: Amount
    market: str
    prices: PricesView | None
    tails: tuple[TailView, ...]
    beta: float | None
    assets: tuple[AssetRiskView, ...]
    correlation: CorrelationView | None
    exposure: ExposureView
    limits: tuple[LimitUse, ...]
    breakers: tuple[BreakerView, ...]
    problems: tuple[str, ...]


class StressLineView(Model):
    """What the book loses in one scenario.

    replayed: prices of that day, from candles. stand-in: the built-in sizes of that day. parametric: a rule.
    drawn: the shortfall of thousands of random days.
    """

    name: str
    source: Literal["replayed", "stand-in", "parametric", "drawn"]
    loss: Amount
    equity_fraction: Fraction
    by_asset: dict[str, Amount]
    describes: str
    note: str = ""


class StressView(Model):
    """Every scenario, worst first. `allowed` is the limit on the stressed loss as a fraction of equity."""

    running: bool
    session: str
    as_of: Time
    currency: str
    equity: Amount
    invested: Amount
    allowed: Fraction | None
    lines: tuple[StressLineView, ...]
    problems: tuple[str, ...]
