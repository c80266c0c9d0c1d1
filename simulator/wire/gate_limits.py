"""Gate's request quotas: how many calls an endpoint takes in a window, and what its headers say of it.

Gate API v4, "Frequency limit rule": 200 requests in 10 seconds for an endpoint (by address for public ones,
by user for private ones), and 10 orders a second for one user on one market.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from simulator.wire.gate_errors import refuse


@dataclass(frozen=True, slots=True)
class Quota:
    """At most `requests` in a window of `seconds`."""

    requests: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a quota after a request: the three rate-limit headers."""

    left: int
    limit: int
    reset_at: int

    def headers(self) -> dict[str, str]:
        return {
            "X-Gate-RateLimit-Requests-Remain": str(self.left),
            "X-Gate-RateLimit-Limit": str(self.limit),
            "X-Gate-RateLimit-Reset-Timestamp": str(self.reset_at),
        }


ENDPOINT: Final = Quota(200, 10)
ORDERS: Final = Quota(10, 1)


class GateLimits:
    """Counts requests in fixed windows of the venue's own time. `generosity` multiplies every quota."""

    def __init__(self, generosity: float = 1.0) -> None:
        self._endpoint = Quota(int(ENDPOINT.requests * generosity), ENDPOINT.seconds)
        self._orders = Quota(int(ORDERS.requests * generosity), ORDERS.seconds)
        self._windows: dict[str, tuple[int, int]] = {}

    def request(self, who: str, endpoint: str, now_seconds: float) -> Allowance:
        """Count one request to an endpoint; raises GateRefusal (429) when its quota is spent."""
        return self._take(f"{who} {endpoint}", self._endpoint, now_seconds)

    def order(self, who: str, market: str, now_seconds: float) -> Allowance:
        """Count one order (or amendment) on a market; raises GateRefusal (429) when its quota is spent."""
        return self._take(f"{who} orders {market}", self._orders, now_seconds)

    def _take(self, name: str, quota: Quota, now_seconds: float) -> Allowance:
        window = int(now_seconds) // quota.seconds
        started, used = self._windows.get(name, (window, 0))
        used = used + 1 if started == window else 1
        self._windows[name] = (window, used)
        allowance = Allowance(max(0, quota.requests - used), quota.requests, (window + 1) * quota.seconds)
        if used > quota.requests:
            error = refuse("TOO_MANY_REQUESTS")
            error.headers.update(allowance.headers())
            raise error
        return allowance
