"""The circuit breakers as they are shown: by the API, the command line and the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from app.views import BreakerView, Fraction, Model
from domain.breakers import BreakerChanged, BreakerState
from domain.errors import NotFound
from risk.anomalies.table import ANOMALIES

if TYPE_CHECKING:
    from risk.anomalies.paper_books import PaperBooks
    from risk.breakers.board import BreakerBoard

_KEPT: Final = 200


class SourceView(Model):
    """A source of views: its paper account (1 is where it began), and what it is heard with."""

    source: str
    paper: float
    trades: int
    losing_streak: int
    size_fraction: Fraction


class AnomalyView(Model):
    """What is watched for oddities, how, and the breaker it leads to; "notice" is word to a person."""

    watches: str
    detector: str
    leads_to: str


class BreakersView(Model):
    """Those that are open or on probation, the newest changes of all (oldest first), and what is watched.

    `sources` is empty where no desk runs: a journal keeps views, and only a desk adds them up.
    """

    troubled: tuple[BreakerView, ...]
    changes: tuple[BreakerView, ...]
    sources: tuple[SourceView, ...] = ()
    anomalies: tuple[AnomalyView, ...]


class BreakerLog:
    """Listens: how every breaker last changed, and the newest changes of all."""

    def __init__(self) -> None:
        self._newest: dict[str, BreakerChanged] = {}
        self._changes: list[BreakerChanged] = []

    def see(self, event: BreakerChanged) -> None:
        self._newest[event.name] = event
        self._changes.append(event)
        del self._changes[:-_KEPT]

    def troubled(self) -> tuple[BreakerView, ...]:
        """Those that are open or on probation, the ones that allow least first."""
        found = [event for event in self._newest.values() if event.state is not BreakerState.CLOSED]
        return tuple(
            breaker_view(event) for event in sorted(found, key=lambda one: (one.size_fraction, one.name))
        )

    def find(self, name: str) -> BreakerChanged:
        """How a breaker that is open or on probation last changed. Raises NotFound for any other."""
        event = self._newest.get(name)
        if event is None or event.state is BreakerState.CLOSED:
            troubled = ", ".join(view.name for view in self.troubled()) or "none"
            raise NotFound(f"no breaker {name!r} is open or on probation", fix=f"Those that are: {troubled}")
        return event

    def view(self, sources: tuple[SourceView, ...] = ()) -> BreakersView:
        return BreakersView(
            troubled=self.troubled(),
            changes=tuple(breaker_view(event) for event in self._changes),
            sources=sources,
            anomalies=tuple(
                AnomalyView(watches=each.watches, detector=each.detector, leads_to=each.leads_to)
                for each in ANOMALIES
            ),
        )


def breaker_view(event: BreakerChanged) -> BreakerView:
    return BreakerView(
        name=event.name,
        level=event.level,
        scope=event.scope,
        state=event.state,
        size_fraction=event.size_fraction,
        cause=event.cause,
        figures=dict(event.figures),
        wait_seconds=event.wait_seconds,
        until=event.until,
        at=event.at,
        by=event.by,
    )


def reset_view(event: BreakerChanged) -> dict[str, object]:
    """The answer to whoever had a breaker closed by the running desk."""
    return {
        "running": True,
        "breaker": breaker_view(event).model_dump(mode="json"),
        "message": f"{event.name} is closed ({event.cause}); it goes on watching.",
    }


def source_views(paper: PaperBooks, board: BreakerBoard) -> tuple[SourceView, ...]:
    return tuple(
        SourceView(
            source=source,
            paper=round(book.level, 6),
            trades=book.trades,
            losing_streak=book.streak,
            size_fraction=board.strategy_size(source),
        )
        for source, book in sorted(paper.books.items())
    )
