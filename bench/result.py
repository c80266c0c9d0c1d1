"""One line of a benchmark's answer, and what a benchmark module is given to work with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from bench.peers.environments import PeerEnvironments

Better = Literal["higher", "lower"]


@dataclass(frozen=True, slots=True)
class Result:
    """A measured value beside its peer's.

    `ratio` is value / peer_value. `goal` is in words; `met` says whether it was reached, and is None when
    no goal was set.
    """

    name: str
    value: float
    unit: str
    peer: str | None = None
    peer_value: float | None = None
    ratio: float | None = None
    goal: str | None = None
    met: bool | None = None


def against(
    name: str,
    value: float,
    unit: str,
    *,
    peer: str,
    peer_value: float,
    at_least: float | None = None,
    at_most: float | None = None,
) -> Result:
    """A result judged by its ratio to a peer: at least so many times as much, or at most."""
    ratio = value / peer_value
    goal, met = _judge(ratio, at_least, at_most, f"x {peer}")
    return Result(name, value, unit, peer, peer_value, ratio, goal, met)


def alone(
    name: str, value: float, unit: str, *, at_least: float | None = None, at_most: float | None = None
) -> Result:
    """A result judged by its own value, in its own unit."""
    goal, met = _judge(value, at_least, at_most, f" {unit}")
    return Result(name, value, unit, goal=goal, met=met)


def _judge(
    value: float, at_least: float | None, at_most: float | None, unit: str
) -> tuple[str | None, bool | None]:
    said = [
        f"{sign} {bound:g}{unit}" for sign, bound in ((">=", at_least), ("<=", at_most)) if bound is not None
    ]
    if not said:
        return None, None
    met = (at_least is None or value >= at_least) and (at_most is None or value <= at_most)
    return " and ".join(said), met


@dataclass(frozen=True, slots=True)
class Context:
    """What every benchmark gets: a folder for its files, and the peers' own virtual environments."""

    folder: Path
    peers: PeerEnvironments

    def peer(self, peer: str, script: str, *arguments: str) -> Mapping[str, Any]:
        """Run `bench/peers/<script>.py` in the peer's own environment; its last line of output is JSON."""
        return self.peers.run(peer, script, *arguments)


class BenchModule(Protocol):
    """A file `bench/bench_<name>.py`."""

    @staticmethod
    def run(context: Context) -> list[Result]: ...
