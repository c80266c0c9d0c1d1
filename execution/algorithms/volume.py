"""The volume curve: how a day's trading is spread over its 24 hours (UTC), learnt from past bars."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from domain.clock import from_ns
from market.bars import Bars

HOURS: Final = 24
_HOUR: Final = timedelta(hours=1)

VolumeCurve = tuple[float, ...]
"""The share of each hour of the day; 24 numbers above zero that add up to one."""

FLAT: Final[VolumeCurve] = (1 / HOURS,) * HOURS


def volume_curve(bars: Bars) -> VolumeCurve:
    """The mean volume per hour of the day, as shares of their sum.

    A bar longer than an hour counts evenly for the hours it spans. An hour that was never seen, or never
    traded, gets a tenth of the mean of the others; without any volume the curve is flat.
    """
    sums, seen = [0.0] * HOURS, [0.0] * HOURS
    for row in range(len(bars)):
        start, end = from_ns(int(bars.open_ns[row])), from_ns(int(bars.close_ns[row]))
        pieces = list(_pieces(start, end))
        whole = sum(share for _, share in pieces)
        for hour, share in pieces:
            sums[hour] += float(bars.volume[row]) * share / whole
            seen[hour] += share
    rates = [total / hours if hours else 0.0 for total, hours in zip(sums, seen, strict=True)]
    known = [rate for rate in rates if rate > 0]
    if not known:
        return FLAT
    floor = sum(known) / len(known) / 10
    rates = [max(rate, floor) if rate <= 0 else rate for rate in rates]
    return tuple(rate / sum(rates) for rate in rates)


def expected_share(curve: VolumeCurve, start: datetime, end: datetime) -> float:
    """The share of a day's volume that the curve expects between two moments; over 1 beyond a day."""
    return sum(curve[hour] * share for hour, share in _pieces(start, end))


def _pieces(start: datetime, end: datetime) -> list[tuple[int, float]]:
    """The hours of the day between two moments, each with how much of it is covered, in hours."""
    pieces: list[tuple[int, float]] = []
    while start < end:
        edge = start.replace(minute=0, second=0, microsecond=0) + _HOUR
        stop = min(edge, end)
        pieces.append((start.hour, (stop - start) / _HOUR))
        start = stop
    return pieces
