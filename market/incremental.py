"""The same indicators, one bar at a time, in constant or window-sized work per bar.

Where TA-Lib keeps a running sum, so does the machine here, in the same order of operations: the results
then agree to the last digits even after a long tape. Seeds follow TA-Lib: an EMA starts from the mean of
its first bars, so a value depends on where the tape begins. Sources: Wilder, New Concepts in Technical
Trading Systems (1978) for RSI, ATR and ADX; the TA-Lib sources for seeds and order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from math import fsum, isnan, log, nan, sqrt
from typing import Final, NamedTuple, Protocol

from market.indicators import DAY_SECONDS, FLAT_BAND, YEAR_SECONDS, Arguments
from market.resample import NS
from market.running import Exponential, Extreme, Mean


class Row(NamedTuple):
    """One closed bar as plain floats."""

    open_ns: int
    high: float
    low: float
    close: float
    volume: float


class Machine(Protocol):
    """An indicator that takes bars as they close and answers its family's outputs, NaN while warming."""

    def push(self, bar: Row) -> tuple[float, ...]: ...


class _Sma:
    __slots__ = ("_mean",)

    def __init__(self, arguments: Arguments, seconds: int) -> None:
        self._mean = Mean(int(arguments[0]))

    def push(self, bar: Row) -> tuple[float, ...]:
        return (self._mean.push(bar.close),)


class _Ema:
    __slots__ = ("_average",)

    def __init__(self, arguments: Arguments, seconds: int) -> None:
        self._average = Exponential(int(arguments[0]))

    def push(self, bar: Row) -> tuple[float, ...]:
        return (self._average.push(bar.close),)


class _Rsi:
    __slots__ = ("_count", "_gain", "_loss", "_previous", "_seen")

    def __init__(self, arguments: Arguments, seconds: int) -> None:
        self._count = int(arguments[0])
        self._seen = 0
        self._gain = self._loss = 0.0
        self._previous = nan

    def push(self, bar: Row) -> tuple[float, ...]:
        change = bar.close - self._previous
        self._previous = bar.close
        self._seen += 1
        if self._seen == 1:
            return (nan,)
        gain, loss = (change, 0.0) if change >= 0 else (0.0, -change)
        count = self._count
        if self._seen <= count + 1:
            self._gain += gain
            self._loss += loss
            if self._seen <= count:
                return (nan,)
            self._gain /= count
            self._loss /= count
        else:
            self._gain = (self._gain * (count - 1) + gain) / count
            self._loss = (self._loss * (count - 1) + loss) / count
        both = self._gain + self._loss
        return (100.0 * (self._gain / both) if both > 0 else 0.0,)


class _Macd:
    """As TA-Lib does, the fast average is seeded as late as the slow one, from the bars just before."""

    __slots__ = ("_average", "_fast", "_fast_k", "_last", "_seen", "_slow", "_slow_count")

    def __init__(self, arguments: Arguments, seconds: int) -> None:
        fast, slow, signal = (int(value) for value in arguments)
        self._slow_count = slow
        self._slow = Exponential(slow)
        self._fast = nan
        self._fast_k = 2.0 / (fast + 1)
        self._last: deque[float] = deque(maxlen=fast)
        self._average = Exponential(signal)
        self._seen = 0

    def push(self, bar: Row) -> tuple[float, ...]:
        slow = self._slow.push(bar.close)
        self._seen += 1
        if self._seen <= self._slow_count:
            self._last.append(bar.close)
            if self._seen < self._slow_count:
                return nan, nan, nan
            total = 0.0
            for close in self._last:
                total += close
            self._fast = total / len(self._last)
        else:
            self._fast += (bar.close - self._fast) * self._fast_k
        line = self._fast - slow
        signal = self._average.push(line)
        if isnan(signal):
            return nan, nan, nan
        return line, signal, line - signal


class _Bbands:
    """The deviation is taken anew from the window: a running sum of squares would lose half the digits."""

    __slots__ = ("_closes", "_count", "_deviations", "_mean")

    def __init__(self, arguments: Arguments, seconds: int) -> None:
        self._count = int(arguments[0])
        self._deviations = float(arguments[1])
        self._closes: deque[float] = deque(maxlen=self._count)
        self._mean = Mean(self._count)

    def push(self, bar: Row) -> tuple[float, ...]:
        self._closes.append(bar.close)
        mid = self._mean.push(bar.close)
        if isnan(mid):
            return nan, nan, nan, nan
        variance = sum([(close - mid) ** 2 for close in self._closes]) / self._count
        band = sqrt(variance) * self._deviations
        upper, lower = mid + band, mid - band
        width = upper - lower
        return upper, mid, lower, (bar.close - lower) / width if width > mid * FLAT_BAND else nan


def _true_range(bar: Row, previous_close: float) -> float:
    return max(bar.high - bar.low, abs(bar.high - previous_close), abs(bar.low - previous_close))


class _Atr:
    __slots__ = ("_count", "_previous", "_seen", "_total", "_value")

    def __init__(self, arguments: Arguments, seconds: int) -> None:
        self._count = int(arguments[0])
        self._seen = 0
        self._total = 0.0
        self._previous = self._value = nan

    def push(self, bar: Row) -> tuple[float, ...]:
        span = _true_range(bar, self._previous)
        self._previous = bar.close
        self._seen += 1
        if self._seen == 1:
            return (nan,)
        count = self._count
        if self._seen <= count + 1:
            self._total += span
            if self._seen == count + 1:
                self._value = self._total / count
        else:
            self._value = (self._value * (count - 1) + span) / count
        return (self._value,)


class _Adx:
    __slots__ = ("_average", "_count", "_down", "_last", "_range", "_seen", "_total", "_up")

    def __init__(self, arguments: Arguments, seconds: int) -> None:
        self._count = int(arguments[0])
        self._seen = 0
        self._up = self._down = self._range = self._total = 0.0
        self._average = nan
        self._last: Row | None = None

    def push(self, bar: Row) -> tuple[float, ...]:
        last, self._last = self._last, bar
        self._seen += 1
        if last is None:
            return (nan,)
        rise, fall = bar.high - last.high, last.low - bar.low
        count = self._count
        if self._seen > count:  # Wilder's smoothing, once the first count - 1 moves are summed
            self._up -= self._up / count
            self._down -= self._down / count
            self._range -= self._range / count
        if fall > 0 and rise < fall:
            self._down += fall
        elif rise > 0 and rise > fall:
            self._up += rise
        self._range += _true_range(bar, last.close)
        if self._seen <= count:
            return (nan,)
        strength = self._strength()
        if self._seen <= 2 * count:
            self._total += strength or 0.0
            if self._seen == 2 * count:
                self._average = self._total / count
        elif strength is not None:
            self._average = (self._average * (count - 1) + strength) / count
        return (self._average,)

    def _strength(self) -> float | None:
        """The directional index of this bar; None when nothing moved."""
        if self._range == 0:
            return None
        down, up = 100.0 * (self._down / self._range), 100.0 * (self._up / self._range)
        both = down + up
        return 100.0 * (abs(down - up) / both) if both > 0 else None


class _Stoch:
    __slots__ = ("_d", "_high", "_k", "_low")

    def __init__(self, arguments: Arguments, seconds: int) -> None:
        count, smooth_k, smooth_d = (int(value) for value in arguments)
        self._high, self._low = Extreme(count, 1), Extreme(count, -1)
        self._k, self._d = Mean(smooth_k), Mean(smooth_d)

    def push(self, bar: Row) -> tuple[float, ...]:
        high, low = self._high.push(bar.high), self._low.push(bar.low)
        if isnan(high):
            return nan, nan
        unit = (high - low) / 100.0
        k = self._k.push((bar.close - low) / unit if unit != 0 else 0.0)
        if isnan(k):
            return nan, nan
        d = self._d.push(k)
        return (nan, nan) if isnan(d) else (k, d)


class _Obv:
    __slots__ = ("_previous", "_total")

    def __init__(self, arguments: Arguments, seconds: int) -> None:
        self._total = 0.0
        self._previous: float | None = None

    def push(self, bar: Row) -> tuple[float, ...]:
        if self._previous is None or bar.close > self._previous:
            self._total += bar.volume
        elif bar.close < self._previous:
            self._total -= bar.volume
        self._previous = bar.close
        return (self._total,)


def _typical(bar: Row) -> float:
    return (bar.high + bar.low + bar.close) / 3


class _Vwap:
    __slots__ = ("_values", "_volumes")

    def __init__(self, arguments: Arguments, seconds: int) -> None:
        count = int(arguments[0])
        self._values: deque[float] = deque(maxlen=count)
        self._volumes: deque[float] = deque(maxlen=count)

    def push(self, bar: Row) -> tuple[float, ...]:
        self._values.append(_typical(bar) * bar.volume)
        self._volumes.append(bar.volume)
        if len(self._volumes) < (self._volumes.maxlen or 0):
            return (nan,)
        # Summed anew: subtracting what left would lose every digit after one bar of huge volume.
        volume = sum(self._volumes)
        return (sum(self._values) / volume if volume > 0 else nan,)


class _VwapDay:
    __slots__ = ("_day", "_value", "_volume")

    def __init__(self, arguments: Arguments, seconds: int) -> None:
        self._day = -1
        self._value = self._volume = 0.0

    def push(self, bar: Row) -> tuple[float, ...]:
        day = bar.open_ns // (DAY_SECONDS * NS)
        if day != self._day:
            self._day, self._value, self._volume = day, 0.0, 0.0
        self._value += _typical(bar) * bar.volume
        self._volume += bar.volume
        return (self._value / self._volume if self._volume > 0 else nan,)


class _Donchian:
    __slots__ = ("_high", "_low")

    def __init__(self, arguments: Arguments, seconds: int) -> None:
        count = int(arguments[0])
        self._high, self._low = Extreme(count, 1), Extreme(count, -1)

    def push(self, bar: Row) -> tuple[float, ...]:
        return self._high.push(bar.high), self._low.push(bar.low)


class _Roc:
    __slots__ = ("_closes",)

    def __init__(self, arguments: Arguments, seconds: int) -> None:
        self._closes: deque[float] = deque(maxlen=int(arguments[0]) + 1)

    def push(self, bar: Row) -> tuple[float, ...]:
        self._closes.append(bar.close)
        if len(self._closes) < (self._closes.maxlen or 0):
            return (nan,)
        return ((bar.close / self._closes[0] - 1.0) * 100.0,)


class _Vol:
    __slots__ = ("_per_year", "_previous", "_returns")

    def __init__(self, arguments: Arguments, seconds: int) -> None:
        self._per_year = sqrt(YEAR_SECONDS / seconds)
        self._previous = nan
        self._returns: deque[float] = deque(maxlen=int(arguments[0]))

    def push(self, bar: Row) -> tuple[float, ...]:
        moved = log(bar.close)
        if not isnan(self._previous):
            self._returns.append(moved - self._previous)
        self._previous = moved
        count = len(self._returns)
        if count < (self._returns.maxlen or 0):
            return (nan,)
        mean = fsum(self._returns) / count
        variance = fsum((value - mean) ** 2 for value in self._returns) / (count - 1)
        return (self._per_year * sqrt(variance),)


class _EwmaVol:
    """Exponentially weighted squares of log returns (RiskMetrics Technical Document, J.P. Morgan, 1996)."""

    __slots__ = ("_average", "_per_year", "_previous")

    def __init__(self, arguments: Arguments, seconds: int) -> None:
        self._per_year = YEAR_SECONDS / seconds
        self._previous = nan
        self._average = Exponential(int(arguments[0]))

    def push(self, bar: Row) -> tuple[float, ...]:
        moved = log(bar.close)
        before, self._previous = self._previous, moved
        if isnan(before):
            return (nan,)
        return (sqrt(self._average.push((moved - before) ** 2) * self._per_year),)


class _VolumeRatio:
    __slots__ = ("_before",)

    def __init__(self, arguments: Arguments, seconds: int) -> None:
        self._before: deque[float] = deque(maxlen=int(arguments[0]))

    def push(self, bar: Row) -> tuple[float, ...]:
        warm = len(self._before) == self._before.maxlen
        mean = sum(self._before) / len(self._before) if warm else 0.0
        self._before.append(bar.volume)
        return (bar.volume / mean if mean > 0 else nan,)


MACHINES: Final[Mapping[str, Callable[[Arguments, int], Machine]]] = {
    "sma": _Sma,
    "ema": _Ema,
    "rsi": _Rsi,
    "macd": _Macd,
    "bbands": _Bbands,
    "atr": _Atr,
    "adx": _Adx,
    "stoch": _Stoch,
    "obv": _Obv,
    "vwap": _Vwap,
    "vwap_day": _VwapDay,
    "donchian": _Donchian,
    "roc": _Roc,
    "vol": _Vol,
    "ewma_vol": _EwmaVol,
    "volume_ratio": _VolumeRatio,
}
"""How to make the machine of a family: from its arguments and the bar length in seconds."""
