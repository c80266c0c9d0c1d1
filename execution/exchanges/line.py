"""The line to one venue: every request goes through `call`, which knows the venue's time and its patience."""

from __future__ import annotations

import decimal
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from domain.clock import EPOCH, Clock
from domain.errors import VenueDown, VenueRejected, VenueUnknown
from execution.exchanges.connect import RETRY_AFTER, STATUS, Connection, close, placing, rest_client
from execution.exchanges.errors import Outcome, classify, redact

_MILLISECOND: Final = timedelta(milliseconds=1)
_PATIENCE: Final = timedelta(seconds=10)
"""How long to leave a venue alone that asks for fewer requests and names no time."""

_LONGEST_WAIT: Final = timedelta(days=3)
"""The longest ban a venue gives; a longer wait is nonsense."""


class LineFailed(Exception):
    """A request that brought no usable answer, and what that means."""

    def __init__(self, outcome: Outcome, message: str) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.message = message

    def as_venue_error(self) -> VenueRejected | VenueDown | VenueUnknown:
        """The error the desk understands, for a request that would have changed something at the venue."""
        match self.outcome:
            case Outcome.REFUSED | Outcome.GONE:
                return VenueRejected(self.message)
            case Outcome.CLOCK | Outcome.BUSY | Outcome.DOWN:
                return VenueDown(self.message)
            case Outcome.UNKNOWN | Outcome.DUPLICATE:
                return VenueUnknown(self.message)


class Line:
    """One venue's REST connection. The venue's clock is ours plus a measured skew.

    A request that was refused for its time stamp is signed again once, after the skew was measured anew: such
    a refusal is certain. After a rate limit nothing is sent until the venue's time is up.
    """

    def __init__(
        self,
        connection: Connection,
        clock: Clock,
        make: Callable[[Connection, Callable[[], int]], Any] = rest_client,
    ) -> None:
        self.connection = connection
        self.profile = connection.profile
        self.skew = timedelta(0)
        self.heard: datetime | None = None  # the venue's clock when it last told; it stands at this or later
        self._clock = clock
        self._silent_until: datetime | None = None
        self.client = make(connection, self.milliseconds)

    def now(self) -> datetime:
        """The venue's time, as far as it was measured."""
        return self._clock.now() + self.skew

    def milliseconds(self) -> int:
        """The venue's time in milliseconds since 1970: what requests are signed with."""
        return (self.now() - EPOCH) // _MILLISECOND

    async def measure(self) -> timedelta:
        """Ask the venue for its time and keep the difference; the difference.

        Half the way there and back is the venue's; the estimate is never ahead of it by more than that.
        """
        before = self._clock.now()
        said = await self._ask("fetch_time")
        if not isinstance(said, int) or isinstance(said, bool):
            raise LineFailed(
                Outcome.UNKNOWN, f"{self.profile.name} answered {said!r} when asked for its time"
            )
        after = self._clock.now()
        self.heard = EPOCH + said * _MILLISECOND
        self.skew = self.heard - (before + (after - before) / 2)
        return self.skew

    async def call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method of the connector; raises LineFailed, and nothing else but cancellation."""
        try:
            return await self._ask(method, *args, **kwargs)
        except LineFailed as refused:
            if refused.outcome is not Outcome.CLOCK:
                raise
        await self.measure()
        try:
            return await self._ask(method, *args, **kwargs)
        except LineFailed as again:
            if again.outcome is Outcome.CLOCK and self.profile.clock_words:
                raise LineFailed(Outcome.REFUSED, again.message) from None  # then it is the key
            raise

    async def close(self) -> None:
        """Close every connection of this line."""
        await close(self.client)

    def say(self, error: BaseException) -> str:
        """What an error says, in one line and without secrets."""
        said = redact(str(error), self.connection.credentials.secrets)
        return f"{self.profile.name}: {type(error).__name__} {said}".strip()

    async def _ask(self, method: str, *args: Any, **kwargs: Any) -> Any:
        self._stay_silent()
        token = placing.set(method == "create_order")
        try:
            # The connector changes the rounding and the traps of the decimal context it runs in.
            with decimal.localcontext():
                return await getattr(self.client, method)(*args, **kwargs)
        except Exception as error:  # noqa: BLE001  total: whatever it is, it is classified
            outcome = classify(
                error,
                status=getattr(error, STATUS, None),
                gone_words=self.profile.gone_words,
                clock_words=self.profile.clock_words,
            )
            if outcome is Outcome.BUSY:
                self._hush(getattr(error, RETRY_AFTER, None))
            raise LineFailed(outcome, self.say(error)) from None  # the cause would show what redact took out
        finally:
            placing.reset(token)

    def _stay_silent(self) -> None:
        until = self._silent_until
        if until is None:
            return
        if self._clock.now() < until:
            raise LineFailed(
                Outcome.BUSY,
                f"{self.profile.name} asked for fewer requests; nothing is sent before {until:%H:%M:%S}",
            )
        self._silent_until = None

    def _hush(self, seconds: float | None) -> None:
        wait = _PATIENCE if seconds is None else min(timedelta(seconds=seconds), _LONGEST_WAIT)
        self._silent_until = self._clock.now() + wait
