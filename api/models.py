"""What the API is asked, and what only the API says. What the desk says of itself is in app/views.py."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

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
