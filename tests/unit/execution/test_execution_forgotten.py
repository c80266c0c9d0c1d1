"""What still comes in about an order that the desk has forgotten."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from domain.errors import ConfigError, JournalCorrupt, NotFound, VenueRejected
from domain.events import (
    IntentRecorded,
    Notice,
    OrderFilled,
)
from domain.money import Quantity
from domain.orders import OrderStatus, Origin
from domain.reconciliation import Reconciled
from execution.ids import OwnIds
from execution.scripted import ScriptedVenue
from tests.faults.world import BTC, ETH, START, intent, sell, world
from tests.unit.execution.forgetting_stage import (
    books,
    bought,
    execution,
    expired,
    forget_sooner,
    name,
    next_life,
    scripted,
    told,
)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_sooner(monkeypatch)


@pytest.mark.usefixtures("few")
async def test_a_forgotten_id_is_refused_and_sends_nothing() -> None:
    w = world()
    await expired(w, 0, 1, 2)
    assert name(0) not in w.desk.orders
    assert (await w.desk.submit(intent(1))).status is OrderStatus.EXPIRED, "known: the same order"
    sent = list(scripted(w).placed)
    with pytest.raises(ConfigError, match=f"{name(0)} was sent before"):
        await w.desk.submit(intent(0))
    with pytest.raises(NotFound):
        await w.desk.cancel(name(0), "why not")
    with pytest.raises(NotFound):
        await w.desk.replace(name(0), intent(7))
    after = await next_life(w)
    with pytest.raises(ConfigError, match="was sent before"):
        await after.desk.submit(intent(0))
    assert scripted(w).placed == sent


def test_a_journal_that_records_a_forgotten_id_again_contradicts_itself() -> None:
    book = books(1)
    for leg in range(66):
        told(book, intent(leg))
    assert name(0) in book.forgotten
    with pytest.raises(JournalCorrupt, match="recorded twice"):
        book.apply(IntentRecorded(intent(0), START))
    with pytest.raises(JournalCorrupt, match="never recorded"):
        book.apply(OrderFilled(execution(intent(99), 1), START))


@pytest.mark.usefixtures("few")
async def test_numbers_go_on_where_they_were_after_a_restart() -> None:
    w = world()
    ids = OwnIds(w.desk, "s", Origin.GUARDIAN)
    taken = []
    for _ in range(5):
        number, client_id = ids.take()
        taken.append(client_id)
        order = replace(intent(number, at=w.clock.now()), client_id=client_id, origin=Origin.GUARDIAN)
        await w.desk.submit(order)
        scripted(w).end(client_id, OrderStatus.EXPIRED, w.clock.now())
        await w.desk.sync()
    await expired(w, 20)
    after = await next_life(w)
    assert [*after.desk.orders] == [taken[4], name(20)]
    assert OwnIds(after.desk, "s", Origin.GUARDIAN).take()[0] == 6
    assert OwnIds(after.desk, "s", Origin.OPERATOR).take()[0] == 1


@pytest.mark.usefixtures("few")
async def test_a_restart_knows_and_forgets_the_same() -> None:
    w = world()
    await expired(w, *range(4))
    await w.buy(4)
    scripted(w).fill(name(4), "0.5", "40000", START)
    await w.desk.sync()
    await expired(w, *range(5, 9))
    after = await next_life(w)
    assert dict(after.desk.orders) == dict(w.desk.orders)
    assert after.desk.forgotten == w.desk.forgotten
    assert len(w.desk.orders) == 3
    assert after.desk._book.forgotten_since == w.desk._book.forgotten_since == START
    assert after.desk._book._ended == w.desk._book._ended


# -- what still comes in


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("reported", [True, False], ids=["reported", "found by the comparison"])
async def test_an_execution_of_a_forgotten_order_is_booked_once(reported: bool) -> None:
    w = world()
    assert await w.desk.reconcile() == ()
    await expired(w, 0, 1, 2)
    fill = scripted(w).fill(name(0), "0.01", "40000", w.clock.now(), report=reported)
    found = await w.desk.reconcile() if not reported else ()
    if reported:
        assert await w.desk.sync() == (fill,)
    else:
        assert [each.verdict for each in w.events(Reconciled)[-1].differences] == ["explained"]
        assert found == (f"{name(0)}: buy 0.01 BTC/USDT at 40000 had not been reported",)
    scripted(w).repeat(fill)
    assert await w.desk.sync() == ()
    assert [event.fill for event in w.events(OrderFilled)] == [fill]
    said = [notice.message for notice in w.events(Notice) if notice.level == "error"]
    assert said == [f"{name(0)} ended long ago and still filled: 0.01"]
    assert w.portfolio.positions[BTC].quantity == Decimal("0.01")
    assert w.desk.entry(BTC) is None, "what it promised is not known: the guardian's own stop holds"
    assert await w.desk.reconcile() == (), "books and venue agree"
    w.portfolio.check()
    after = await next_life(w)
    assert after.portfolio.fills() == w.portfolio.fills() == [fill]
    assert await after.desk.sync() == ()
    await w.guardian.check()
    (stop,) = [each for each in w.desk.open_orders() if each.intent.guards]
    assert stop.remaining == Decimal("0.01")


@pytest.mark.usefixtures("few")
async def test_a_strangers_execution_is_still_a_strangers() -> None:
    w = world()
    await expired(w, 0, 1, 2)
    scripted(w).rest(intent(50, quantity="0.01"))
    scripted(w).fill(name(50), "0.01", "40000", w.clock.now())
    assert await w.desk.sync() == ()
    assert [notice.message for notice in w.events(Notice)] == [
        f"scripted filled {name(50)}, which this desk never sent"
    ]


@pytest.mark.usefixtures("few")
async def test_a_forgotten_order_that_is_open_at_the_venue_is_withdrawn_and_freezes_its_symbol() -> None:
    w = world()
    await expired(w, 0, 1, 2)
    resting = replace(intent(0, quantity="0.01", limit="30000"), symbol=ETH)
    scripted(w).rest(resting)
    (said, *_) = await w.desk.reconcile()
    assert said == f"{name(0)} is over in the books and open at scripted"
    assert w.events(Reconciled)[-1].frozen == {ETH: said}
    assert await w.venue.open_orders() == ()
    assert await w.desk.reconcile() == ()


@pytest.mark.usefixtures("few")
async def test_one_that_the_venue_does_not_withdraw_stays_frozen_and_the_comparison_goes_on() -> None:
    class Stubborn(ScriptedVenue):
        async def cancel(self, client_id: str) -> None:
            raise VenueRejected(f"{client_id} is not an order of this process")

    w = world(venue=Stubborn())
    await expired(w, 0, 1, 2)
    scripted(w).rest(replace(intent(0, quantity="0.01", limit="30000"), symbol=ETH))
    for _ in range(2):
        (said, *_) = await w.desk.reconcile()
        assert said == f"{name(0)} is over in the books and open at scripted"
    assert w.events(Reconciled)[-1].frozen == {ETH: said}
    assert [notice.message for notice in w.events(Notice)] == [said], "said once, and nothing else is wrong"


@pytest.mark.usefixtures("few")
async def test_a_first_comparison_asks_back_to_the_first_order_forgotten_or_not() -> None:
    w = world()
    await expired(w, 0)
    w.clock.set(START + timedelta(hours=5))
    w.feed.now = w.clock.now()
    await expired(w, 1, 2, 3)
    assert min(order.intent.created_at for order in w.desk.orders.values()) > START
    assert w.desk._fills_since() == START


def test_an_execution_that_comes_before_its_order_is_forgotten_ends_it_no_second_time() -> None:
    book = books(1)
    early = sell(0, "0.5")
    bought(book, intent(1, quantity="0.5"))
    told(book, early)
    book.apply(OrderFilled(execution(early, 1), START))
    assert book._ended.count(early.client_id) == 1
    assert early.client_id in book.orders
    for leg in range(2, 140):
        told(book, intent(leg))
    assert early.client_id in book.forgotten


def test_an_execution_that_sells_a_position_out_ends_its_promises_too() -> None:
    book = books(1)
    bought(book, intent(0, quantity="0.5"))
    late = sell(1, "0.5")
    told(book, late)
    for leg in range(2, 70):
        told(book, intent(leg))
    assert late.client_id in book.forgotten
    assert BTC in book.entries
    book.touched = {}
    book.apply(OrderFilled(execution(late, 1), START))
    assert BTC not in book.entries
    assert book.touched == {BTC: START}
    with pytest.raises(JournalCorrupt, match="booked twice"):
        book.apply(OrderFilled(execution(late, 1), START))
    assert Quantity(Decimal(0)) == sum(quantity for _, quantity, _ in book._portfolio.held())
