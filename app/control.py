"""Halt requests from another process: a file in the home folder, answered by a file beside it.

This way pause, stop, panic and resume work while the chat, the model and the API are down.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import orjson

from app.home import replace_file
from domain.errors import DeadlineExceeded, DeskError

Action = Literal["pause", "stop", "panic", "resume"]
ACTIONS: tuple[Action, ...] = get_args(Action)
_ANSWER = ".answer"
_REQUEST = ".request"


@dataclass(frozen=True, slots=True)
class Request:
    """What an operator asked for. `confirm` lifts a latch on resume."""

    request_id: str
    action: Action
    reason: str
    by: str
    confirm: bool


def ask(
    folder: Path, action: Action, *, reason: str, by: str, confirm: bool, timeout: float = 15.0
) -> dict[str, Any]:
    """Leave a request for the running desk and wait for its answer.

    Returns the answer. Raises DeskError with the desk's own words when it refused, DeadlineExceeded
    after `timeout` seconds: the request then stays and is obeyed as soon as the desk looks.
    """
    request_id = uuid.uuid4().hex
    told = {"action": action, "reason": reason, "by": by, "confirm": confirm}
    replace_file(folder / f"{request_id}{_REQUEST}", orjson.dumps(told))
    answer = folder / f"{request_id}{_ANSWER}"
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if answer.exists():
            found: dict[str, Any] = orjson.loads(answer.read_bytes())
            answer.unlink()
            if "error" in found:
                raise DeskError(found["error"], fix=found.get("fix", ""))
            return found
        time.sleep(0.05)
    raise DeadlineExceeded(
        f"the running desk did not answer {action} within {timeout:g} s",
        fix="It obeys as soon as it looks; see desk status, or end the process",
    )


def pending(folder: Path) -> Iterator[Request]:
    """The requests waiting in the folder, oldest first. A garbled one is answered and dropped."""
    found = sorted(folder.glob(f"*{_REQUEST}"), key=lambda path: path.stat().st_mtime_ns)
    for path in found:
        request_id = path.name.removesuffix(_REQUEST)
        try:
            told = orjson.loads(path.read_bytes())
            action = told["action"]
            if action not in ACTIONS:
                raise ValueError(f"{action!r} is not one of {', '.join(ACTIONS)}")
            request = Request(request_id, action, str(told["reason"]), str(told["by"]), bool(told["confirm"]))
        except (ValueError, KeyError, TypeError) as error:
            answer(folder, request_id, {"error": f"the request cannot be read: {error}"})
            continue
        yield request


def answer(folder: Path, request_id: str, told: dict[str, Any]) -> None:
    """Answer a request and take it off the list."""
    replace_file(folder / f"{request_id}{_ANSWER}", orjson.dumps(told))
    (folder / f"{request_id}{_REQUEST}").unlink(missing_ok=True)
