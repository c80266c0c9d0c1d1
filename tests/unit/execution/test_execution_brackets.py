"""Brackets and trailing stops: as a group where the venue has them, else one end is watched."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from domain.events import Notice
from domain.orders import OrderStatus
from execution.scripted import ALL, Answer
from execution.venue import Capabilities
from memory.journal import MemoryJournal
from tests.faults.world import BTC, START, intent, world
from tests.unit.execution.protected import (
    ENTRY,
    HALF,
    LOCKING,
    NO_GROUPS,
    PLAIN,
    PROFIT,
    STOP,
    holding,
    live,
    own,
    scripted,
    second,
)

# --- brackets


async def test_a_bracket_rests_as_a_group_where_the_venue_has_them() -> None:
    w = await holding(take_profit=PROFIT)
    assert live(w) == [STOP, ("limit", HALF, PROFIT)]
    stop, take = own(w)
    assert stop.intent.group == take.intent.group == stop.client_id
    assert stop.intent.parent == take.intent.parent == ENTRY
    await second(w)
    assert len(own(w)) == 2, "a bracket that stands is left alone"


@pytest.mark.parametrize("hit", [0, 1], ids=["stop", "take-profit"])
async def test_one_end_of_a_bracket_ends_the_other(hit: int) -> None:
    w = await holding(take_profit=PROFIT)
    order = own(w)[hit]
    price = order.intent.trigger_price or order.intent.limit_price
    assert price is not None
    w.feed.last[BTC] = price
    scripted(w).fill(order.client_id, "0.5", price, w.clock.now())
    await second(w)
    assert live(w) == []
    assert w.portfolio.positions == {}
    assert own(w)[1 - hit].status is OrderStatus.CANCELLED


async def test_a_profit_that_fills_in_part_leaves_the_rest_with_a_stop() -> None:
    w = await holding(take_profit=PROFIT)
    scripted(w).fill(own(w)[1].client_id, "0.2", PROFIT, w.clock.now())
    await second(w, "43990")
    rest = Decimal("0.3")
    assert sorted(live(w)) == [("limit", rest, PROFIT), ("stop", rest, Decimal("38000"))]
    stop, take = own(w)[-2:]
    assert stop.intent.group == take.intent.group


async def test_without_groups_the_stop_rests_and_the_profit_is_watched() -> None:
    w = await holding(NO_GROUPS, take_profit=PROFIT)
    assert live(w) == [STOP]
    await second(w, "43999.99")
    assert live(w) == [STOP]
    await second(w, "44000.01")
    assert live(w) == [STOP, ("market", HALF, None)]
    await second(w)
    assert len(own(w)) == 2, "sold once"
    assert "take-profit at 44000" in w.events(Notice)[-1].message


async def test_where_holdings_are_locked_the_stop_makes_way_for_the_profit() -> None:
    w = await holding(PLAIN, take_profit=PROFIT)
    await second(w, "44010")
    assert live(w) == [("market", HALF, None)]
    scripted(w).fill(own(w)[-1].client_id, "0.5", "44010", w.clock.now())
    await second(w)
    assert (live(w), w.portfolio.positions) == ([], {})


async def test_a_profit_the_venue_refuses_is_watched_instead() -> None:
    w = world()
    await w.desk.submit(replace(intent(0), take_profit=PROFIT))
    scripted(w).fill(ENTRY, "0.5", "40000", START)
    scripted(w).answers.extend([Answer.ACCEPT, Answer.REJECT])
    for _ in range(3):
        await second(w)
    assert live(w) == [STOP]
    assert len(own(w)) == 2, "asked once"
    await second(w, "44010")
    assert live(w)[-1] == ("market", HALF, None)


# --- trailing


@pytest.mark.parametrize("does", [ALL, NO_GROUPS, LOCKING, PLAIN], ids=["all", "single", "locking", "plain"])
async def test_a_trailing_stop_follows_the_price_up_and_never_down(does: Capabilities) -> None:
    w = await holding(does, trailing=Decimal("0.05"))
    levels = []
    for price in ("40000", "41000", "43000", "42000", "43010", "44000"):
        await second(w, price)
        ((kind, quantity, level),) = live(w)
        assert (kind, quantity) == ("stop", HALF)
        levels.append(level)
    assert levels[0] == Decimal("38000")  # five percent under 39,999.99 is less than what was armed
    assert levels[1:] == [Decimal(each) for each in ("38950", "40850", "40850", "40850", "41800")]
    assert w.events(Notice) == []


async def test_a_trailing_stop_comes_back_where_it_was() -> None:
    w = await holding(trailing=Decimal("0.05"))
    await second(w, "44000")
    w.journal.commit()
    w.feed.last[BTC] = Decimal("42500")
    assert isinstance(w.journal, MemoryJournal)
    after = world(w.journal, w.venue, feed=w.feed)
    after.desk.restore(event for _, event in w.journal.events())
    await after.desk.reconcile()
    assert (await after.guardian.resume()).armed == 1
    assert live(after) == [("stop", HALF, Decimal("41800"))]
