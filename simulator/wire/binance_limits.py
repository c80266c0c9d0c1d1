"""Binance's rate limits: request weight per address and minute, orders per account, 429 and then a ban.

Windows begin at whole minutes (10 seconds, days) of the server's clock, as the venue documents them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from domain.clock import EPOCH
from simulator.wire.binance_errors import BinanceError

WEIGHT_A_MINUTE: Final = 6000
ORDERS_10S: Final = 100
ORDERS_A_DAY: Final = 200_000
RAW_5M: Final = 61_000
_PATIENCE: Final = 20
_FIRST_BAN: Final = 120
_LONGEST_BAN: Final = 3 * 86_400


@dataclass(slots=True)
class _Window:
    number: int = -1
    used: int = 0

    def add(self, number: int, amount: int) -> int:
        if number != self.number:
            self.number, self.used = number, 0
        self.used += amount
        return self.used


@dataclass(slots=True)
class _Address:
    weight: _Window = field(default_factory=_Window)
    ignored: int = 0
    ban: int = _FIRST_BAN
    banned_until: datetime | None = None


@dataclass(slots=True)
class _Orders:
    short: _Window = field(default_factory=_Window)
    day: _Window = field(default_factory=_Window)


class BinanceLimits:
    """Counts what every address and account uses. `generosity` multiplies every limit."""

    def __init__(self, generosity: float = 1.0) -> None:
        self.weight = int(WEIGHT_A_MINUTE * generosity)
        self.orders_10s = int(ORDERS_10S * generosity)
        self.orders_day = int(ORDERS_A_DAY * generosity)
        self._addresses: dict[str, _Address] = {}
        self._orders: dict[str, _Orders] = {}

    def request(self, address: str, weight: int, now: datetime) -> int:
        """Count a request and return the minute's weight so far.

        Raises BinanceError 429 over the limit; an address that goes on regardless is banned: 418, two
        minutes at first, twice as long each time, three days at most.
        """
        known = self._addresses.get(address)
        if known is None:
            known = self._addresses[address] = _Address()
        if known.banned_until is not None:
            if now < known.banned_until:
                raise _banned(known.banned_until, now)
            known.banned_until, known.ignored = None, 0
        second = int((now - EPOCH).total_seconds())
        used = known.weight.add(second // 60, weight)
        if used <= self.weight:
            return used
        known.ignored += 1
        if known.ignored > _PATIENCE:
            known.banned_until = now + timedelta(seconds=known.ban)
            known.ban = min(2 * known.ban, _LONGEST_BAN)
            raise _banned(known.banned_until, now)
        raise BinanceError(
            -1003,
            f"Too much request weight used; current limit is {self.weight} request weight per 1 MINUTE. "
            "Please use WebSocket Streams for live updates to avoid polling the API.",
            429,
            60 - second % 60,
        )

    def order(self, account: str, now: datetime) -> tuple[int, int]:
        """Count an order and return how many there were in these 10 seconds and today; BinanceError 429."""
        known = self._orders.get(account)
        if known is None:
            known = self._orders[account] = _Orders()
        second = int((now - EPOCH).total_seconds())
        short, day = known.short.add(second // 10, 1), known.day.add(second // 86_400, 1)
        for used, limit, words, wait in (
            (short, self.orders_10s, "10 SECOND", 10 - second % 10),
            (day, self.orders_day, "1 DAY", 86_400 - second % 86_400),
        ):
            if used > limit:
                raise BinanceError(
                    -1015, f"Too many new orders; current limit is {limit} orders per {words}.", 429, wait
                )
        return short, day

    def counted(self, account: str) -> tuple[int, int]:
        """The orders of an account in its newest 10 seconds and day."""
        known = self._orders.get(account, _Orders())
        return known.short.used, known.day.used


def _banned(until: datetime, now: datetime) -> BinanceError:
    moment = int((until - EPOCH).total_seconds() * 1000)
    return BinanceError(
        -1003,
        f"Way too much request weight used; IP banned until {moment}. Please use WebSocket Streams for live "
        "updates to avoid bans.",
        418,
        max(int((until - now).total_seconds()), 1),
    )
