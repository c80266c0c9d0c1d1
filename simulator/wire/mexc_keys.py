"""Listen keys: what opens the user stream of an account on MEXC. One lasts an hour unless it is extended."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any, Final

from domain.clock import Clock
from simulator.wire.mexc_asks import Fields, required
from simulator.wire.mexc_errors import Code, MexcRefusal

LASTS: Final = timedelta(minutes=60)
_MOST: Final = 60
"""How many an account may have at once."""


class ListenKeys:
    """Every key that is alive, with its account."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._alive: dict[str, tuple[str, datetime]] = {}
        self._made = 0

    def account(self, key: str) -> str | None:
        """Whose stream a key opens; None when it is over or never was."""
        self._forget()
        found = self._alive.get(key)
        return None if found is None else found[0]

    def make(self, account: str, _: Fields) -> Any:
        self._forget()
        if sum(owner == account for owner, _until in self._alive.values()) >= _MOST:
            raise MexcRefusal(Code.TOO_MANY_REQUESTS, "too many listen keys")
        self._made += 1
        key = hashlib.sha256(f"{account} {self._made}".encode()).hexdigest()
        self._alive[key] = (account, self._clock.now() + LASTS)
        return {"listenKey": key}

    def listed(self, account: str, _: Fields) -> Any:
        self._forget()
        return {"listenKey": [key for key, (owner, _until) in self._alive.items() if owner == account]}

    def extend(self, account: str, fields: Fields) -> Any:
        key = self._own(account, fields)
        self._alive[key] = (account, self._clock.now() + LASTS)
        return {"listenKey": key}

    def end(self, account: str, fields: Fields) -> Any:
        key = self._own(account, fields)
        del self._alive[key]
        return {"listenKey": key}

    def _own(self, account: str, fields: Fields) -> str:
        key = required(fields, "listenKey")
        if self.account(key) != account:
            raise MexcRefusal(Code.BAD_PARAMETER, "this listen key does not exist")
        return key

    def _forget(self) -> None:
        now = self._clock.now()
        self._alive = {key: each for key, each in self._alive.items() if each[1] > now}
