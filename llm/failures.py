"""What an endpoint's failures say: in one line, and how long they ask to wait."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import openai


def say(failure: openai.APIStatusError) -> str:
    """The status and what the endpoint said about it. A refused key is never quoted."""
    status = failure.status_code
    if status in (401, 403):
        return f"{status}: the endpoint refused the key; check NEBIUS_API_KEY or OPENAI_API_KEY"
    body = failure.body
    said = body.get("message") or body.get("detail") if isinstance(body, Mapping) else None
    return f"{status}: {said or failure.message}"


def cause(failure: openai.APIConnectionError) -> str:
    """What lies under a broken connection."""
    below = failure.__cause__
    return (str(below) or type(below).__name__) if below is not None else failure.message


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds a response asks to wait, in `retry-after-ms` or `retry-after`; None when it asks nothing.

    A date is read against the response's own `date`, so no clock of ours is needed. What cannot be read
    counts as a wait without end: better to abstain than to hammer. Source: RFC 9110, section 10.2.3.
    """
    forever = float("inf")
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        if (text := headers.get(name)) is None:
            continue
        try:
            seconds = float(text) / unit
        except ValueError:
            try:
                seconds = (
                    parsedate_to_datetime(text) - parsedate_to_datetime(headers["date"])
                ).total_seconds()
            except (KeyError, TypeError, ValueError):
                return forever
        return max(seconds, 0.0) if seconds == seconds else forever  # noqa: PLR0124 - a NaN is not itself
    return None
