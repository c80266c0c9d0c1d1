"""Three detectors, each for one kind of oddity: a point far out, a level that shifted, answers all the same.

None of them crashes on a value that is not a number: it answers NaN, which a breaker takes for a bad one, and
forgets it.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Hashable
from math import isfinite, nan
from typing import Final

NORMAL_MAD: Final = 1.4826
"""The MAD of a normal distribution times this is its standard deviation (1 / 0.6745)."""


def median(values: list[float]) -> float:
    """The middle value, or the mean of the two in the middle. ValueError for none."""
    ordered = sorted(values)
    count = len(ordered)
    if not count:
        raise ValueError("nothing has no median")
    half = count // 2
    return ordered[half] if count % 2 else (ordered[half - 1] + ordered[half]) / 2.0


class Outlier:
    """How many usual deviations a value lies from the usual one: the Hampel identifier.

    The usual is the median of the last `window` values, the deviation their MAD times 1.4826, both taken anew
    every `stride` values; it never counts as smaller than `floor`, so that a constant series (MAD 0) does not
    make every flutter an alarm. Less than half a window says nothing: 0. The value is judged before it joins.
    Hampel, "The influence curve and its role in robust estimation", JASA 69 (1974); Iglewicz and Hoaglin,
    "How to Detect and Handle Outliers" (1993).
    """

    def __init__(self, *, window: int, floor: float, stride: int = 8) -> None:
        if window < 4 or not 0 < stride <= window or not floor > 0.0:
            raise ValueError(
                f"a window of {window}, a stride of {stride} and a floor of {floor} make no sense"
            )
        self._values: deque[float] = deque(maxlen=window)
        self._floor = floor
        self._stride = stride
        self._since = 0
        self._middle: float | None = None
        self._spread = floor

    def score(self, value: float) -> float:
        """Signed deviations from the usual; NaN for what is not a number, 0 while too little is known."""
        if not isfinite(value):
            return nan
        told = 0.0 if self._middle is None else (value - self._middle) / self._spread
        self._values.append(value)
        self._since += 1
        maxlen = self._values.maxlen or 0
        if self._since >= self._stride and len(self._values) * 2 >= maxlen:
            self._since = 0
            values = list(self._values)
            self._middle = middle = median(values)
            mad = median([abs(each - middle) for each in values])
            self._spread = max(NORMAL_MAD * mad, self._floor)
        return told


class LevelShift:
    """Small deviations in one direction, added up until they are too many: a one-sided CUSUM.

    Each value adds what it has above `allowance`; the sum never falls below zero. A single value counts with
    `most` at most, so that one outlier is not a shift. Page, "Continuous Inspection Schemes", Biometrika 41
    (1954). Units are those of the values.
    """

    def __init__(self, *, allowance: float, most: float) -> None:
        if not 0.0 <= allowance < most:
            raise ValueError(f"an allowance of {allowance} and at most {most} a value make no sense")
        self._allowance = allowance
        self._most = most
        self.total = 0.0

    def add(self, value: float) -> float:
        """The sum with this value; NaN for what is not a number, which adds nothing."""
        if not isfinite(value):
            return nan
        self.total = max(0.0, self.total + min(value, self._most) - self._allowance)
        return self.total

    def restart(self) -> None:
        """Begin again at zero, as one does after an alarm."""
        self.total = 0.0


class Sameness:
    """The share of the most frequent answer among the last `window`; 0 until there were so many."""

    def __init__(self, *, window: int) -> None:
        if window < 2:
            raise ValueError(f"a window of {window} answers is always the same")
        self._answers: deque[Hashable] = deque(maxlen=window)
        self._counts: Counter[Hashable] = Counter()

    def share(self, answer: Hashable) -> float:
        """The share with this answer among them."""
        answers = self._answers
        if len(answers) == answers.maxlen:
            oldest = answers[0]
            self._counts[oldest] -= 1
            if not self._counts[oldest]:
                del self._counts[oldest]
        answers.append(answer)
        self._counts[answer] += 1
        if len(answers) != answers.maxlen:
            return 0.0
        return max(self._counts.values()) / len(answers)

    @property
    def usual(self) -> Hashable:
        """The most frequent answer so far."""
        return self._counts.most_common(1)[0][0] if self._counts else None
