"""What the API is asked, and what only the API says. What the desk says of itself is in app/views.py."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from app.limits_views import Told
from app.views import HaltAction, Model

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
Message = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]


class HaltRequest(Model):
    action: HaltAction
    reason: Line = "asked for by the operator"


class ResumeRequest(Model):
    """`confirm` lifts the latch that every halt sets; `reason` says why that is right."""

    confirm: bool = False
    reason: Line


class LimitsRequest(Model):
    """Limits to set, by name, or to take `back` to what the settings file says (none named: all).

    Loosening needs a `reason` and ends at the ceiling.
    """

    limits: Told | None = None
    back: tuple[Annotated[str, StringConstraints(min_length=1, max_length=100)], ...] | None = None
    reason: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)] = ""

    @model_validator(mode="after")
    def _one_of_both(self) -> LimitsRequest:
        if (self.limits is None) == (self.back is None):
            raise ValueError("name the limits to set, or those to take back, not both")
        return self


class ChatRequest(Model):
    """A question or a command. `confirm` repeats the id of an action the desk asked to have confirmed."""

    text: Message
    confirm: Annotated[str, StringConstraints(max_length=100)] | None = None


class Problem(Model):
    """Every error, in one line: what is wrong, and what to do about it."""

    error: str
    fix: str = ""


class StreamHello(Model):
    """First message on the WebSocket. `stream` changes when the desk restarts; `seq` is the newest event."""

    type: Literal["hello"] = "hello"
    stream: str
    seq: int
    oldest: int
    version: str


class StreamBeat(Model):
    """Sent when nothing else was, so silence means a broken line. `quiet_seconds`: since the last event."""

    type: Literal["beat"] = "beat"
    seq: int
    quiet_seconds: Annotated[float, Field(ge=0)]
