"""Running means and extremes: what the bar-by-bar indicators are built from. NaN while warming up."""

from __future__ import annotations

from collections import deque
from math import nan


class Mean:
    """The mean of the last `count` values."""

    __slots__ = ("_count", "_total", "_values")

    def __init__(self, count: int) -> None:
        self._count = count
        self._total = 0.0
        self._values: deque[float] = deque()

    def push(self, value: float) -> float:
        if self._count == 1:
            return value
        self._total += value
        self._values.append(value)
        if len(self._values) < self._count:
            return nan
        mean = self._total / self._count
        self._total -= self._values.popleft()
        return mean


class Exponential:
    """An exponential average that starts from the mean of its first `count` values."""

    __slots__ = ("_count", "_k", "_seen", "_total", "_value")

    def __init__(self, count: int) -> None:
        self._count = count
        self._k = 2.0 / (count + 1)
        self._seen = 0
        self._total = 0.0
        self._value = nan

    def push(self, value: float) -> float:
        if self._seen >= self._count:
            self._value += (value - self._value) * self._k
            return self._value
        self._seen += 1
        self._total += value
        if self._seen == self._count:
            self._value = self._total / self._count
        return self._value


class Extreme:
    """The highest of the last `count` values, or with sign -1 the lowest, by a monotone queue."""

    __slots__ = ("_count", "_queue", "_seen", "_sign")

    def __init__(self, count: int, sign: int) -> None:
        self._count = count
        self._sign = sign
        self._seen = 0
        self._queue: deque[tuple[int, float]] = deque()

    def push(self, value: float) -> float:
        signed = value * self._sign
        queue = self._queue
        while queue and queue[-1][1] <= signed:
            queue.pop()
        queue.append((self._seen, signed))
        if queue[0][0] <= self._seen - self._count:
            queue.popleft()
        self._seen += 1
        return queue[0][1] * self._sign if self._seen >= self._count else nan
