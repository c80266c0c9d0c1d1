"""How an account did, from its equity curve alone.

Returns are daily: equity at the end of each UTC day over that of the day before, where the first day starts
at the first point. A point at exactly midnight ends the day before. A day without a point repeats the last
equity, so a gap in the curve counts as days at rest. Crypto trades every day: a year has 365.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from domain.clock import require_utc
from domain.errors import DataError

DAYS_PER_YEAR: Final = 365.0
TAIL: Final = 0.05

_INSTANT: Final = timedelta(microseconds=1)
_FLAT: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Performance:
    """Figures of one curve, as fractions of 1 and per year where said; None where one is undefined.

    total_return             last equity over first, less 1
    cagr                     (last / first) ** (365 / days) - 1; None below one day or beyond a float
    volatility               standard deviation (n - 1) of daily returns * sqrt(365)
    sharpe                   mean / standard deviation of daily returns * sqrt(365), no risk-free rate
    sortino                  mean / root mean square of min(daily return, 0) * sqrt(365)
    calmar                   cagr / max_drawdown
    omega                    sum of gains / sum of losses of daily returns, threshold 0
    max_drawdown             largest fall from a peak, of every point (not only the days' ends)
    longest_underwater       longest time from a peak until it was reached again, or until the end
    value_at_risk            the daily loss that 5 % of days exceed (historical, linear interpolation)
    expected_shortfall       mean loss of the days at or beyond it
    best_day, worst_day      daily returns
    positive_days            share of days with a return above 0
    days                     number of daily returns

    Sources: W. F. Sharpe, "The Sharpe Ratio", J. of Portfolio Management 21 (1994); F. Sortino and L. Price,
    "Performance Measurement in a Downside Risk Framework", J. of Investing 3 (1994); T. Young, "Calmar Ratio:
    A Smoother Tool", Futures 20 (1991); C. Keating and W. Shadwick, "A Universal Performance Measure" (2002).
    """

    total_return: float | None
    cagr: float | None
    volatility: float | None
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    omega: float | None
    max_drawdown: float | None
    longest_underwater: timedelta | None
    value_at_risk: float | None
    expected_shortfall: float | None
    best_day: float | None
    worst_day: float | None
    positive_days: float | None
    days: int


def performance(curve: Sequence[tuple[datetime, Decimal]]) -> Performance:
    """Figures for an equity curve: (time, equity), times aware UTC and rising, equity above zero.

    An empty curve gives None everywhere. Raises DataError naming the first point that is out of order, and
    for an equity that is not finite. Once equity is at or below zero, what divides by it is undefined.
    """
    times, equity = _read(curve)
    if not equity:
        return Performance(*(None,) * 14, days=0)
    first, last = equity[0], equity[-1]
    elapsed = (times[-1] - times[0]) / timedelta(days=1)
    solvent = min(equity) > 0.0
    total = last / first - 1.0 if first > 0.0 else None
    cagr = _annual(last / first, elapsed) if solvent and elapsed >= 1.0 else None
    fall, underwater = _drawdown(times, equity) if first > 0.0 else (None, None)
    returns = _daily_returns(times, equity) if solvent else []
    mean = math.fsum(returns) / len(returns) if returns else 0.0
    deviation = _deviation(returns, mean)
    downside = math.sqrt(math.fsum(min(each, 0.0) ** 2 for each in returns) / max(len(returns), 1))
    gains = math.fsum(max(each, 0.0) for each in returns)
    losses = -math.fsum(min(each, 0.0) for each in returns)
    at_risk, shortfall = _tail(returns)
    year = math.sqrt(DAYS_PER_YEAR)
    return Performance(
        total_return=total,
        cagr=cagr,
        volatility=None if deviation is None else deviation * year,
        sharpe=mean / deviation * year if deviation is not None and deviation > _FLAT else None,
        sortino=mean / downside * year if len(returns) > 1 and downside > _FLAT else None,
        calmar=cagr / fall if cagr is not None and fall else None,
        omega=gains / losses if losses > _FLAT else None,
        max_drawdown=fall,
        longest_underwater=underwater,
        value_at_risk=at_risk,
        expected_shortfall=shortfall,
        best_day=max(returns, default=None),
        worst_day=min(returns, default=None),
        positive_days=sum(each > 0.0 for each in returns) / len(returns) if returns else None,
        days=len(returns),
    )


def _annual(growth: float, days: float) -> float | None:
    exponent = math.log(growth) * DAYS_PER_YEAR / days
    return math.expm1(exponent) if exponent < 700.0 else None


def _read(curve: Sequence[tuple[datetime, Decimal]]) -> tuple[list[datetime], list[float]]:
    times: list[datetime] = []
    equity: list[float] = []
    for at, value in curve:
        if times and at <= times[-1]:
            raise DataError(f"the equity curve goes from {times[-1]} to {at}", fix="Sort it by time")
        number = float(value)
        if not math.isfinite(number):
            raise DataError(f"the equity at {at} is {value}")
        times.append(at)
        equity.append(number)
    if times:
        require_utc(times[0])
    return times, equity


def _daily_returns(times: list[datetime], equity: list[float]) -> list[float]:
    """Returns from one UTC day's end to the next; the first and the last day may be partial."""
    returns: list[float] = []
    opening = closing = equity[0]
    day_end = _day_end(times[0])
    for at, value in zip(times[1:], equity[1:], strict=True):
        while at > day_end:
            if day_end > times[0]:
                returns.append(closing / opening - 1.0)
            opening = closing
            day_end += timedelta(days=1)
        closing = value
    if times[-1] > times[0]:
        returns.append(closing / opening - 1.0)
    return returns


def _day_end(at: datetime) -> datetime:
    """The UTC midnight at or after `at`."""
    day = (at - _INSTANT).astimezone(UTC)
    return day.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def _deviation(returns: list[float], mean: float) -> float | None:
    if len(returns) < 2:
        return None
    return math.sqrt(math.fsum((each - mean) ** 2 for each in returns) / (len(returns) - 1))


def _drawdown(times: list[datetime], equity: list[float]) -> tuple[float, timedelta]:
    """The largest fall from a peak, and the longest time spent below one."""
    peak, peak_at = equity[0], times[0]
    fall, longest = 0.0, timedelta(0)
    below = False
    for at, value in zip(times, equity, strict=True):
        if value >= peak:
            if below:
                longest = max(longest, at - peak_at)
            peak, peak_at, below = value, at, False
        else:
            below = True
            fall = max(fall, 1.0 - value / peak)
    if below:
        longest = max(longest, times[-1] - peak_at)
    return fall, longest


def _tail(returns: list[float]) -> tuple[float | None, float | None]:
    """Value at risk and expected shortfall at 5 %, as losses; None for fewer than 20 days.

    The quantile is interpolated linearly between order statistics (numpy's default method).
    """
    if len(returns) * TAIL < 1.0:
        return None, None
    ordered = sorted(returns)
    place = (len(ordered) - 1) * TAIL
    low = math.floor(place)
    quantile = ordered[low] + (ordered[low + 1] - ordered[low]) * (place - low)
    worst = [each for each in ordered if each <= quantile]
    return -quantile, -math.fsum(worst) / len(worst)
