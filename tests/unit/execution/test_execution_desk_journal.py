"""The order desk and its journal: what cannot be written down is not sent."""

from __future__ import annotations

import pytest

from domain.errors import StorageError
from domain.events import DeskEvent
from domain.orders import OrderStatus
from domain.ports import Journal
from execution.book import OrderBook
from execution.scripted import ScriptedVenue
from memory.journal import MemoryJournal
from tests.faults.world import World, world


class Failing(MemoryJournal):
    """A journal whose commit fails while `broken`; like the real one it keeps the batch."""

    broken = True

    def commit(self) -> None:
        if self.broken:
            raise StorageError("the disk is full", fix="Free some space")
        super().commit()


async def test_an_intent_that_cannot_be_written_is_not_sent() -> None:
    journal: Failing = Failing()
    w = world(journal)
    with pytest.raises(StorageError, match="disk is full"):
        await w.buy()
    assert isinstance(w.venue, ScriptedVenue)
    assert w.venue.placed == []
    order = w.desk.orders["s-000001-00"]
    assert order.status is OrderStatus.EXPIRED
    assert await w.buy() is order
    journal.broken = False
    journal.commit()
    later: World = world(journal)
    later.desk.restore(event for _, event in journal.events())
    assert later.desk.orders["s-000001-00"].status is OrderStatus.EXPIRED


def test_the_desk_needs_only_the_port() -> None:
    class Smallest:
        def append(self, event: DeskEvent) -> None: ...

        def commit(self) -> None: ...

    journal: Journal = Smallest()
    assert world(journal).desk.orders == {}


def test_everything_that_moves_an_order_is_journaled() -> None:
    handled = OrderBook(world().portfolio).handlers
    assert [kind.__name__ for kind in handled if not vars(kind)["durable"]] == []
