"""How fast a venue may be asked: bursts are fine, the average is not exceeded.

The connector's own pacing makes every request wait for what the one before it cost, however long ago that
was, so that a costly answer once in a while keeps the next question waiting for seconds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """So much at once, and so much a second, in the connector's cost of a request.

    In any span of t seconds no more than `burst + t * per_second` goes out.
    """

    burst: float
    per_second: float


class Bucket:
    """Holds requests back to a pace, first come, first served; idle time is credited up to the burst."""

    def __init__(self, pace: Pace, counter: Callable[[], float] = time.monotonic) -> None:
        """`counter` tells seconds that only grow."""
        self._pace = pace
        self._counter = counter
        self._left = pace.burst
        self._counted = counter()

    def reserve(self, cost: float) -> float:
        """Take a request's cost; how many seconds it has to wait until it is there."""
        now, pace = self._counter(), self._pace
        self._left = min(self._left + (now - self._counted) * pace.per_second, pace.burst) - cost
        self._counted = now
        return max(0.0, -self._left / pace.per_second)

    async def throttle(self, cost: float | None = None) -> None:
        """Wait until a request of this cost may go out; what the connector calls before each."""
        wait = self.reserve(1.0 if cost is None else float(cost))
        if wait:
            await asyncio.sleep(wait)
