"""The risk of a book, measured: tails and their backtest, beta, correlation, contributions, exposure."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import numpy as np

from app.limits_views import LimitUse
from app.risk_book import Book
from app.risk_prices import MARKET
from app.risk_views import (
    AssetRiskView,
    BacktestView,
    CorrelationView,
    ExposureView,
    PricesView,
    RiskView,
    TailView,
)
from app.viewing import fraction
from domain.errors import DataError
from domain.money import ZERO, decimal_from
from risk.measures.coverage import coverage
from risk.measures.exposure import Exposure, exposure_tree
from risk.measures.relations import beta, clusters, contributions, correlation
from risk.measures.returns import Column, Returns
from risk.measures.tail import METHODS
from risk.stress.scenarios import SCENARIOS, worst

VAR_LEVEL: Final = 0.99
CVAR_LEVEL: Final = 0.975
_CENT: Final = Decimal("0.01")


def risk_view(book: Book) -> RiskView:
    """Everything that can be measured of the book; what cannot be says why in `problems`."""
    problems: list[str] = []
    session = book.seen.session
    assets = sorted(book.values)
    measured = [*assets, *([MARKET] if MARKET in book.prices.closes and MARKET not in assets else [])]
    returns: Returns | None = None
    groups: tuple[tuple[str, ...], ...] = ()
    table: CorrelationView | None = None
    if assets:
        try:
            returns = book.prices.returns(measured)
            found = correlation(returns)
            at_least = float(book.limits.min_correlation_fraction or 1)
            groups = clusters(returns.assets, found, at_least)
            table = CorrelationView(
                assets=returns.assets,
                table=tuple(tuple(round(float(each), 4) for each in row) for row in found),
            )
        except DataError as error:
            problems.append(error.message)
    weights = {asset: float(value / book.equity) for asset, value in book.values.items()}
    column = returns.of_book(weights) if returns is not None and len(returns) else None
    tails = tuple(_tail(name, column, returns, book.equity) for name in METHODS) if assets else ()
    exposure = exposure_tree(book.values, book.equity, groups)
    return RiskView(
        running=book.seen.live,
        session=session.started.session,
        as_of=session.as_of,
        currency=session.started.currency,
        equity=book.equity,
        invested=book.invested,
        market=MARKET,
        prices=_prices(book, returns) if assets else None,
        tails=tails,
        beta=_beta(column, returns),
        assets=_assets(book, returns, weights, problems),
        correlation=table,
        exposure=_branch(exposure),
        limits=_uses(book, exposure, tails),
        breakers=book.breakers,
        problems=tuple(problems),
    )


def _prices(book: Book, returns: Returns | None) -> PricesView:
    prices = book.prices
    return PricesView(
        source=prices.source,
        bars=prices.bars,
        bar_seconds=prices.seconds,
        observations=0 if returns is None else len(returns),
        observation_seconds=prices.seconds if returns is None else returns.seconds,
    )


def _tail(name: str, column: Column | None, returns: Returns | None, equity: Decimal) -> TailView:
    """One method over one day: observations are scaled by the root of time."""
    blank = TailView(method=name, var_level=VAR_LEVEL, cvar_level=CVAR_LEVEL)
    if column is None or returns is None:
        return blank.model_copy(update={"problem": "there are no returns"})
    method = METHODS[name]
    try:
        var = method(column, VAR_LEVEL).scaled(returns.per_day)
        cvar = method(column, CVAR_LEVEL).scaled(returns.per_day)
    except DataError as error:
        return blank.model_copy(update={"problem": error.message})
    backtest, problem = None, ""
    try:
        found = coverage(column, VAR_LEVEL, name)
        backtest = BacktestView(
            observations=found.observations,
            exceedances=found.exceedances,
            expected=round(found.expected, 2),
            kupiec_p=round(found.kupiec.p_value, 4),
            independence_p=round(found.independence.p_value, 4),
            conditional_p=round(found.conditional.p_value, 4),
            passes=not found.conditional.rejects(),
        )
    except DataError as error:
        problem = error.message
    return TailView(
        method=name,
        var_level=VAR_LEVEL,
        cvar_level=CVAR_LEVEL,
        observations=var.observations,
        var=_money(var.var, equity),
        cvar=_money(cvar.cvar, equity),
        var_equity_fraction=round(var.var, 6),
        cvar_equity_fraction=round(cvar.cvar, 6),
        backtest=backtest,
        backtest_problem=problem,
    )


def _money(part: float, equity: Decimal) -> Decimal:
    return (decimal_from(part) * equity).quantize(_CENT)


def _beta(column: Column | None, returns: Returns | None) -> float | None:
    """Of what is held, cash included: a book that is half bitcoin and half cash has one half."""
    if column is None or returns is None or MARKET not in returns.assets:
        return None
    try:
        return round(beta(column, returns.of(MARKET)), 4)
    except DataError:
        return None


def _assets(
    book: Book, returns: Returns | None, weights: dict[str, float], problems: list[str]
) -> tuple[AssetRiskView, ...]:
    if returns is None:
        return ()
    try:
        parts = contributions(returns, weights, CVAR_LEVEL)
    except DataError as error:
        problems.append(error.message)
        return ()
    return tuple(
        AssetRiskView(
            asset=part.asset,
            value=book.values[part.asset],
            weight=fraction(book.values[part.asset], book.equity),
            volatility=round(float(np.std(returns.of(part.asset), ddof=1)) * returns.per_day**0.5, 6),
            beta=_beta(returns.of(part.asset), returns),
            volatility_share=round(part.volatility / parts.volatility, 4),
            cvar_share=round(part.cvar / parts.cvar, 4) if parts.cvar else 0.0,
        )
        for part in sorted(parts.parts, key=lambda each: -each.volatility)
    )


def _branch(part: Exposure) -> ExposureView:
    return ExposureView(
        name=part.name,
        value=part.value,
        share=part.share.quantize(Decimal("1e-6")),
        parts=tuple(_branch(each) for each in part.parts),
    )


def _uses(book: Book, exposure: Exposure, tails: tuple[TailView, ...]) -> tuple[LimitUse, ...]:
    """How much of each limit that a book can use up is used; limits that are unset are left out.

    Value at risk and shortfall are the largest that any method gives.
    """
    portfolio, limits, equity = book.seen.session.portfolio, book.limits, book.equity
    _, stressed = worst(book.values, SCENARIOS)
    several = [part.value for part in exposure.parts]
    variance = [tail.var for tail in tails if tail.var is not None]
    shortfall = [tail.cvar for tail in tails if tail.cvar is not None]
    lost = {
        "max_daily_loss_fraction": portfolio.day_start_equity,
        "max_weekly_loss_fraction": portfolio.week_start_equity,
        "max_drawdown_fraction": portfolio.peak_equity,
    }
    used: dict[str, Decimal | None] = {
        "max_gross_exposure_equity_fraction": fraction(book.invested, equity),
        "max_position_equity_fraction": fraction(max(book.values.values(), default=ZERO), equity),
        "max_cluster_equity_fraction": fraction(max(several, default=ZERO), equity),
        "max_stressed_loss_equity_fraction": fraction(max(ZERO, stressed), equity),
        "max_var_equity_fraction": fraction(max(variance), equity) if variance else None,
        "max_cvar_equity_fraction": fraction(max(shortfall), equity) if shortfall else None,
        **{name: fraction(max(ZERO, start - equity), start) for name, start in lost.items()},
        "max_open_orders_count": Decimal(len(book.seen.session.book.open)),
    }
    return tuple(
        LimitUse(name=name, used=value, allowed=Decimal(allowed))
        for name, value in used.items()
        if value is not None and (allowed := getattr(limits, name)) is not None
    )
