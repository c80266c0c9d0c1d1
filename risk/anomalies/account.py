"""What is odd about the account and about the desk's own doings: volatility, jumps, answers, failures."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from math import nan, sqrt
from typing import Final

from domain.market import Timeframe
from risk.anomalies.detectors import Outlier, median

_DAY: Final = 86_400
_FEWEST, _MOST = 8, 240
_WINDOW: Final = 96
_ANSWERS, _ANSWERS_FEWEST = 20, 5


class EquitySensor:
    """The volatility of equity over the last day, and whether its last step was out of all proportion.

    Volatility is the root mean square of the returns of a day's bars (8 to 240 of them), per day by the
    square root of time. `jump` is in usual deviations of the last 96 bars, none of them counted smaller than
    `usual_fraction`.
    """

    def __init__(self, timeframe: Timeframe, *, usual_fraction: float) -> None:
        bars = min(max(_DAY // timeframe.seconds, _FEWEST), _MOST)
        self._per_day = _DAY / timeframe.seconds
        self._squares: deque[float] = deque(maxlen=bars)
        self._last: float | None = None
        self._steps = Outlier(window=_WINDOW, floor=usual_fraction)
        self.jump = 0.0

    def mark(self, equity: float) -> float:
        """The volatility a day, with this equity as the newest; 0 until a day is known. NaN for no equity."""
        last, self._last = self._last, equity
        if not equity > 0.0 or (last is not None and not last > 0.0):
            return nan
        if last is None:
            return 0.0
        step = equity / last - 1.0
        self.jump = self._steps.score(step)
        self._squares.append(step * step)
        if len(self._squares) * 2 < (self._squares.maxlen or 0):
            return 0.0
        return sqrt(sum(self._squares) / len(self._squares) * self._per_day)


class RecentCount:
    """How often something happened within the last `window`."""

    def __init__(self, window: timedelta) -> None:
        self._window = window
        self._times: deque[datetime] = deque()

    def happened(self, at: datetime) -> None:
        self._times.append(at)

    def count(self, now: datetime) -> int:
        start = now - self._window
        while self._times and self._times[0] <= start:
            self._times.popleft()
        return len(self._times)


class AnswerTimes:
    """The usual time (median of the last 20) from sending an order to its answer, in seconds."""

    def __init__(self) -> None:
        self._sent: dict[str, datetime] = {}
        self._seconds: deque[float] = deque(maxlen=_ANSWERS)
        self.fresh = False

    def sent(self, client_id: str, at: datetime) -> None:
        self._sent[client_id] = at

    def answered(self, client_id: str, at: datetime) -> None:
        """Also for an order that was refused or whose fate stayed unknown: that took its time, too."""
        sent = self._sent.pop(client_id, None)
        if sent is not None:
            self._seconds.append((at - sent).total_seconds())
            self.fresh = True

    def usual(self) -> float | None:
        """None while fewer than five are known."""
        self.fresh = False
        return median(list(self._seconds)) if len(self._seconds) >= _ANSWERS_FEWEST else None


class Share:
    """The share of failures among the last `window` attempts, given in portions; None below `fewest`."""

    def __init__(self, *, window: int, fewest: int) -> None:
        self._portions: deque[tuple[int, int]] = deque()
        self._window = window
        self._fewest = fewest
        self._failed = 0
        self._asked = 0

    def add(self, failed: int, asked: int) -> float | None:
        """The share with this portion as the newest."""
        self._portions.append((failed, asked))
        self._failed += failed
        self._asked += asked
        if len(self._portions) > self._window:
            gone_failed, gone_asked = self._portions.popleft()
            self._failed -= gone_failed
            self._asked -= gone_asked
        return self._failed / self._asked if self._asked >= self._fewest else None
