"""What the kills came to, as a table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Killed:
    """What became of one story at one place: how many moments it has, how many were deadly, what went wrong.

    `boundaries` are those moments that are the journal's; the others are those of requests to the venue.
    """

    place: str
    story: str
    moments: int
    boundaries: int
    kills: int
    wrong: tuple[str, ...]
    seconds: float = 0.0


_ROW = "{:<10} {:<20} {:>8} {:>19} {:>6} {:>9} {:>8}"
HEAD = _ROW.format("place", "story", "moments", "journal boundaries", "kills", "same end", "seconds")


def row(told: Killed) -> str:
    """One line, and one more for each death that did not come out right."""
    line = _ROW.format(
        told.place,
        told.story,
        told.moments,
        told.boundaries,
        told.kills,
        told.kills - len(told.wrong),
        f"{told.seconds:.0f}",
    )
    return "\n".join([line, *(f"    {each}" for each in told.wrong)])


def total(rows: Iterable[Killed]) -> str:
    rows = tuple(rows)
    return row(
        Killed(
            "all",
            "",
            sum(each.moments for each in rows),
            sum(each.boundaries for each in rows),
            sum(each.kills for each in rows),
            tuple("" for each in rows for _ in each.wrong),
            sum(each.seconds for each in rows),
        )
    ).splitlines()[0]
