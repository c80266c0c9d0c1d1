"""Requests from another process: a file in the home folder, answered by a file beside it.

This way pause, stop, panic and resume, and orders to be worked, do without the chat, the model and the API.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import orjson

from app.home import replace_file
from domain.errors import ConfigError, DeadlineExceeded, DeskError, NotFound

Action = Literal["pause", "stop", "panic", "resume"]
ACTIONS: tuple[Action, ...] = get_args(Action)
_ANSWER = ".answer"
_TAKEN = ".taken"
HEARD_SECONDS = 5.0
"""A desk that has not looked at a request by then does not look: it looks five times a second."""
_REQUEST = ".request"
_REFUSALS: dict[object, type[DeskError]] = {kind.exit_code: kind for kind in (ConfigError, NotFound)}
"""A refusal keeps its exit code on the way."""


@dataclass(frozen=True, slots=True)
class Request:
    """What an operator asked for. `confirm` lifts a latch on resume."""

    request_id: str
    action: Action
    reason: str
    by: str
    confirm: bool


@dataclass(frozen=True, slots=True)
class WorkRequest:
    """An order that an operator wants worked in parts; with `ends`, the id of one that is to stop."""

    request_id: str
    asked: Mapping[str, Any]
    ends: str
    by: str


@dataclass(frozen=True, slots=True)
class LimitsRequest:
    """Limits that an operator wants set as `told`, or, when that is None, back to what the file says.

    Without `may_loosen` only a tightening is done: so asks a chat.
    """

    request_id: str
    told: Mapping[str, Any] | None
    back: tuple[str, ...]
    reason: str
    by: str
    may_loosen: bool


@dataclass(frozen=True, slots=True)
class BreakerRequest:
    """A circuit breaker that an operator wants closed."""

    request_id: str
    name: str
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class AcceptRequest:
    """A surplus at the venue that an operator answers for."""

    request_id: str
    currency: str
    reason: str
    by: str


Asked = Request | WorkRequest | LimitsRequest | BreakerRequest | AcceptRequest


class Unheard(DeadlineExceeded):
    """The desk did not even look at a request."""


def ask(
    folder: Path,
    action: Action,
    *,
    reason: str,
    by: str,
    confirm: bool,
    timeout: float = 15.0,
) -> dict[str, Any]:
    """Leave a request for the running desk and wait for its answer.

    Returns the answer. Raises DeskError with the desk's own words when it refused, Unheard when it has not
    looked within HEARD_SECONDS, DeadlineExceeded when it has and is not done after `timeout` seconds. A halt
    then stays and is obeyed as soon as the desk looks; a resume is taken back: nobody waits for it any more.
    """
    told = {"action": action, "reason": reason, "by": by, "confirm": confirm}
    request_id = _leave(folder, told)
    heard = min(HEARD_SECONDS, timeout)
    found = _await(folder, request_id, heard)
    if found is None and not (folder / f"{request_id}{_TAKEN}").exists():
        then = "It obeys as soon as it looks; see desk status, or end the process"
        if action == "resume":
            (folder / f"{request_id}{_REQUEST}").unlink(missing_ok=True)
            then = "The request was taken back: ask again once it does"
        raise Unheard(f"the running desk did not look at {action} within {heard:g} s", fix=then)
    found = found or _await(folder, request_id, timeout - heard)
    if found is None:
        raise DeadlineExceeded(
            f"the running desk has taken {action} in and is not done after {timeout:g} s",
            fix="It goes on with it; see desk status and desk journal tail",
        )
    return found


def ask_work(
    folder: Path, *, asked: Mapping[str, Any] | None = None, ends: str = "", by: str, timeout: float = 15.0
) -> dict[str, Any]:
    """Ask the running desk to work an order in parts, or to stop the one that `ends` names.

    Returns the answer. Raises what the desk refused it with, DeadlineExceeded after `timeout` seconds: the
    request is then taken back, because an order that is carried out later than its operator thinks is none.
    """
    told = {"work": dict(asked or {}), "ends": ends, "by": by}
    return _ask_now(folder, told, timeout, "Look at desk work list before asking again")


def ask_limits(
    folder: Path,
    *,
    told: Mapping[str, Any] | None,
    back: tuple[str, ...] | None,
    reason: str,
    by: str,
    may_loosen: bool = True,
    timeout: float = 15.0,
) -> dict[str, Any]:
    """Ask the running desk to set limits, or to go back to the file's. Returns and raises as `ask_work`."""
    wanted = {
        "limits": None if told is None else dict(told),
        "back": back or (),
        "reason": reason,
        "by": by,
        "may_loosen": may_loosen,
    }
    return _ask_now(folder, wanted, timeout, "Look at desk limits before asking again")


def ask_breaker(folder: Path, *, name: str, reason: str, by: str, timeout: float = 15.0) -> dict[str, Any]:
    """Ask the running desk to close a breaker. Returns and raises as `ask_work`."""
    told = {"breaker": name, "reason": reason, "by": by}
    return _ask_now(folder, told, timeout, "Look at desk breakers before asking again")


def ask_accept(folder: Path, *, currency: str, reason: str, by: str, timeout: float = 15.0) -> dict[str, Any]:
    """Ask the running desk to take a surplus for somebody else's. Returns and raises as `ask_work`."""
    told = {"accept": currency, "reason": reason, "by": by}
    return _ask_now(folder, told, timeout, "Look at desk status before asking again")


def _ask_now(folder: Path, told: Mapping[str, Any], timeout: float, fix: str) -> dict[str, Any]:
    """Ask for what must not be done later than the operator thinks: without an answer it is taken back."""
    request_id = _leave(folder, told)
    try:
        found = _await(folder, request_id, timeout)
    finally:
        (folder / f"{request_id}{_REQUEST}").unlink(missing_ok=True)
    if found is None:
        raise DeadlineExceeded(
            f"the running desk did not answer within {timeout:g} s; the request was taken back",
            fix=fix,
        )
    return found


def _leave(folder: Path, told: Mapping[str, Any]) -> str:
    request_id = uuid.uuid4().hex
    replace_file(folder / f"{request_id}{_REQUEST}", orjson.dumps(told))
    return request_id


def _await(folder: Path, request_id: str, timeout: float) -> dict[str, Any] | None:
    """The answer, or None when none came in time. Raises the refusal that it is."""
    answer = folder / f"{request_id}{_ANSWER}"
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if answer.exists():
            found: dict[str, Any] = orjson.loads(answer.read_bytes())
            answer.unlink()
            if "error" in found:
                kind = _REFUSALS.get(found.get("exit_code"), DeskError)
                raise kind(found["error"], fix=found.get("fix", ""))
            return found
        time.sleep(0.05)
    return None


def pending(folder: Path) -> Iterator[Asked]:
    """The requests waiting in the folder, oldest first. A garbled one is answered and dropped."""
    found = sorted(folder.glob(f"*{_REQUEST}"), key=lambda path: path.stat().st_mtime_ns)
    for path in found:
        request_id = path.name.removesuffix(_REQUEST)
        try:
            told = orjson.loads(path.read_bytes())
            request = _read(request_id, told)
        except (ValueError, KeyError, TypeError) as error:
            answer(folder, request_id, {"error": f"the request cannot be read: {error}"})
            continue
        yield request


def _read(request_id: str, told: dict[str, Any]) -> Asked:
    if "work" in told:
        return _work(request_id, told)
    if "breaker" in told:
        return BreakerRequest(request_id, str(told["breaker"]), str(told["reason"]), str(told["by"]))
    if "accept" in told:
        return AcceptRequest(request_id, str(told["accept"]), str(told["reason"]), str(told["by"]))
    if "limits" in told:
        limits, back = told["limits"], tuple(map(str, told["back"]))
        wanted = None if limits is None else dict(limits)
        reason, by, may_loosen = str(told["reason"]), str(told["by"]), told["may_loosen"] is True
        return LimitsRequest(request_id, wanted, back, reason, by, may_loosen)
    return _halt(request_id, told)


def _halt(request_id: str, told: dict[str, Any]) -> Request:
    action = told["action"]
    if action not in ACTIONS:
        raise ValueError(f"{action!r} is not one of {', '.join(ACTIONS)}")
    return Request(request_id, action, str(told["reason"]), str(told["by"]), bool(told["confirm"]))


def _work(request_id: str, told: dict[str, Any]) -> WorkRequest:
    return WorkRequest(request_id, dict(told["work"]), str(told["ends"]), str(told["by"]))


def refusal(error: DeskError) -> dict[str, Any]:
    """The answer that a request is refused with."""
    return {"error": error.message, "fix": error.fix, "exit_code": error.exit_code}


def take(folder: Path, request_id: str) -> None:
    """Tell whoever waits that the request is being worked on; without a disk nobody is told."""
    with contextlib.suppress(OSError):
        (folder / f"{request_id}{_TAKEN}").touch()


def answer(folder: Path, request_id: str, told: dict[str, Any]) -> None:
    """Answer a request and take it off the list, where it does not stay even if nobody can be told.

    Raises StorageError when the answer cannot be written.
    """
    try:
        replace_file(folder / f"{request_id}{_ANSWER}", orjson.dumps(told))
    finally:
        for mark in (_REQUEST, _TAKEN):
            (folder / f"{request_id}{mark}").unlink(missing_ok=True)
