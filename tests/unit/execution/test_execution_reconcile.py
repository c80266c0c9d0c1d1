"""The books against the venue: explained, adopted or frozen, and never anything new on a doubt."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from domain.errors import ConfigError
from domain.events import IntentRefused, Notice
from domain.money import Currency, Money, Price, Quantity
from domain.orders import Fill, OrderStatus, OrderType, Side
from domain.reconciliation import FillAdopted, IntentReduced, Reconciled
from execution.scripted import ScriptedVenue
from memory.journal import MemoryJournal
from tests.faults.world import BTC, ETH, START, USDT, World, intent, sell, world

ID = "s-000001-00"
COIN, BNB = Currency("BTC"), Currency("BNB")


def scripted(at: World) -> ScriptedVenue:
    assert isinstance(at.venue, ScriptedVenue)
    return at.venue


async def agreed(w: World | None = None) -> World:
    """A desk that has compared once: what was there before is settled."""
    w = w or world()
    assert await w.desk.reconcile() == ()
    return w


def later(w: World, hours: int = 1) -> None:
    w.clock.set(w.clock.now() + timedelta(hours=hours))
    w.feed.now = w.clock.now()


async def next_life(w: World) -> World:
    assert isinstance(w.journal, MemoryJournal)
    w.journal.commit()
    after = world(w.journal, w.venue, feed=w.feed)
    after.desk.restore(event for _, event in w.journal.events())
    return after


async def blocked(w: World) -> str:
    """Why a small entry is refused by what reconciling found; empty when it is not."""
    leg = len(w.desk.orders)
    order = await w.desk.submit(intent(leg, quantity="0.01", at=w.clock.now()))
    refusals = [each for each in w.events(IntentRefused) if each.intent.client_id == order.client_id]
    return refusals[0].breaches[0].message if refusals else ""


def foreign(side: Side = Side.BUY, quantity: str = "0.1", number: int = 1, hours: int = 1) -> Fill:
    return Fill(
        fill_id=f"foreign-{number}",
        client_id="",
        symbol=BTC,
        side=side,
        quantity=Quantity(Decimal(quantity)),
        price=Price(Decimal(40_000)),
        fee=Money(Decimal(4), USDT),
        filled_at=START + timedelta(hours=hours),
    )


async def test_books_that_agree_are_journaled_once_and_then_every_hour() -> None:
    w = await agreed()
    (first,) = w.events(Reconciled)
    assert (first.differences, first.frozen, first.fills_until) == ((), {}, START)
    await w.desk.reconcile()
    assert len(w.events(Reconciled)) == 1
    later(w)
    await w.desk.reconcile()
    assert len(w.events(Reconciled)) == 2


async def test_an_execution_nobody_reported_is_booked() -> None:
    w = await agreed()
    await w.buy()
    scripted(w).fill(ID, "0.5", "40000", START, report=False)
    found = await w.desk.reconcile()
    assert found[0].startswith(f"{ID} was accepted and is filled"), found
    assert w.portfolio.positions[BTC].quantity == Decimal("0.5")
    assert await blocked(w) == ""


async def test_a_part_nobody_reported_is_explained_by_the_list_of_executions() -> None:
    w = await agreed()
    await w.buy()
    scripted(w).fill(ID, "0.2", "40000", START, report=False)
    (said,) = await w.desk.reconcile()
    assert said == f"{ID}: buy 0.2 BTC/USDT at 40000 had not been reported"
    (difference,) = w.events(Reconciled)[-1].differences
    assert (difference.verdict, difference.subject) == ("explained", "fill")
    assert w.desk.orders[ID].filled == Decimal("0.2")
    w.portfolio.check()


async def test_somebody_elses_execution_is_adopted_and_counts() -> None:
    w = await agreed()
    later(w, 2)
    scripted(w).trade(foreign())
    (said,) = await w.desk.reconcile()
    assert "foreign-1, which this desk did not send" in said
    assert w.events(FillAdopted)
    assert w.portfolio.positions[BTC].quantity == Decimal("0.1")
    assert await blocked(w) == "", "it is known now"
    await w.guardian.check()
    (stop,) = [each for each in w.desk.open_orders() if each.intent.order_type is OrderType.STOP]
    assert stop.remaining == Decimal("0.1")
    assert await w.desk.reconcile() == ()


async def test_what_others_did_before_the_first_comparison_is_not_the_desks() -> None:
    w = world()
    scripted(w).trade(foreign(hours=-1))
    later(w)
    assert await w.desk.reconcile() == ("USDT: 95996 instead of 100000, which nothing explains: no entries",)
    assert w.portfolio.positions == {}
    assert w.events(Reconciled)[0].outside == {COIN: Decimal("0.1"), Currency("ETH"): 0, USDT: 0}


async def test_nor_is_it_when_the_next_comparison_asks_back_to_it() -> None:
    w = world()
    later(w)
    scripted(w).held[COIN] = Decimal(1)
    before = replace(foreign(Side.SELL), filled_at=w.clock.now() - timedelta(minutes=1))
    scripted(w).trade(before)
    scripted(w).held[USDT] -= 3996  # what it brought was paid out again
    await agreed(w)
    await w.buy()
    assert await w.desk.reconcile() == ()


async def test_an_execution_that_cannot_be_booked_freezes_its_symbol() -> None:
    w = world()
    scripted(w).held[COIN] = Decimal(1)  # coins that are not the desk's
    await agreed(w)
    later(w, 2)
    scripted(w).trade(foreign(Side.SELL))
    found = await w.desk.reconcile()
    assert "cannot be booked" in found[0]
    frozen = w.events(Reconciled)[-1].frozen
    assert "cannot be booked" in frozen[BTC]
    assert "103996 instead of 100000" in frozen["*"]
    assert await blocked(w)
    assert w.events(Notice)[0].level == "error"


async def test_coins_that_were_there_before_the_desk_stay_outside() -> None:
    w = world()
    scripted(w).held[COIN] = Decimal(3)
    await agreed(w)
    assert w.events(Reconciled)[0].outside[COIN] == 3
    await w.buy()
    scripted(w).fill(ID, "0.5", "40000", START)
    await w.desk.sync()
    assert await w.desk.reconcile() == ()
    assert (await next_life(w)).desk.orders[ID].status is OrderStatus.FILLED


@pytest.mark.parametrize("change", ["500", "-500"], ids=["deposit", "withdrawal"])
async def test_money_that_comes_or_goes_unexplained_freezes_every_entry(change: str) -> None:
    w = await agreed()
    scripted(w).held[USDT] += Decimal(change)
    (said,) = await w.desk.reconcile()
    assert said == f"USDT: {100000 + int(change)} instead of 100000, which nothing explains: no entries"
    event = w.events(Reconciled)[-1]
    assert event.frozen == {"*": said}
    (difference,) = event.differences
    assert (difference.ours, difference.theirs) == (Decimal(100_000), Decimal(100_000) + Decimal(change))
    assert await blocked(w) == said
    assert [notice.level for notice in w.events(Notice)] == ["error"]
    await w.desk.reconcile()
    assert len(w.events(Notice)) == 1, "said once"
    after = await next_life(w)
    assert await blocked(after) == said, "a restart forgets nothing"


async def test_coins_that_come_or_go_freeze_their_symbol_only() -> None:
    w = await agreed()
    scripted(w).held[COIN] = Decimal("0.3")
    await w.desk.reconcile()
    assert "BTC: 0.3 instead of 0" in await blocked(w)
    other = await w.desk.submit(intent(9, symbol=ETH, quantity="1", stop="1900"))
    assert other.status is OrderStatus.ACCEPTED


async def test_a_frozen_desk_can_still_get_smaller() -> None:
    w = await agreed()
    await w.buy()
    scripted(w).fill(ID, "0.5", "40000", START)
    await w.desk.sync()
    scripted(w).held[USDT] -= 500
    await w.desk.reconcile()
    assert await blocked(w)
    assert (await w.desk.submit(sell(7, "0.5"))).status is OrderStatus.ACCEPTED


async def test_a_difference_that_goes_away_thaws() -> None:
    w = await agreed()
    scripted(w).held[USDT] -= 500
    await w.desk.reconcile()
    scripted(w).held[USDT] += 500
    assert await w.desk.reconcile() == ()
    assert w.events(Reconciled)[-1].frozen == {}
    assert await blocked(w) == ""


async def test_somebody_can_answer_for_a_deposit() -> None:
    w = await agreed()
    scripted(w).held[USDT] += 500
    await w.desk.reconcile()
    assert await w.desk.accept_outside(USDT, "my own savings") == ()
    assert await blocked(w) == ""
    (accepted,) = [
        each for event in w.events(Reconciled) for each in event.differences if each.verdict == "adopted"
    ]
    assert accepted.message == "500 USDT are outside the desk: my own savings"
    assert await (await next_life(w)).desk.reconcile() == ()


async def test_nobody_can_talk_away_money_that_the_books_need() -> None:
    w = await agreed()
    scripted(w).held[USDT] -= 500
    await w.desk.reconcile()
    with pytest.raises(ConfigError, match="99500 USDT, the books say 100000"):
        await w.desk.accept_outside(USDT, "it is gone")
    assert await blocked(w)


async def test_a_capital_that_is_not_there_is_found_before_the_first_order() -> None:
    w = world()
    scripted(w).held[USDT] = Decimal(500)
    await w.desk.reconcile()
    assert "500 instead of 100000" in await blocked(w)


@pytest.mark.parametrize(("currency", "fee"), [(COIN, "0.0005"), (BNB, "0.01")], ids=["base", "third"])
async def test_a_fee_in_another_currency_is_no_difference(currency: Currency, fee: str) -> None:
    w = world(venue=ScriptedVenue(currency))
    scripted(w).held[BNB] = Decimal(5)
    await agreed(w)
    await w.buy()
    fill = replace(
        scripted(w).fill(ID, "0.5", "40000", START, report=False), fee=Money(Decimal(fee), currency)
    )
    scripted(w)._orders[ID].fills[:] = [fill]
    await w.desk.reconcile()
    expected = Decimal("0.4995") if currency == COIN else Decimal("0.5")
    assert w.portfolio.positions[BTC].quantity == expected
    assert w.events(Reconciled)[-1].frozen == {}
    assert not any(each.subject == "balance" for each in w.events(Reconciled)[-1].differences)
    assert await blocked(w) == ""
    w.portfolio.check()


async def test_a_change_in_a_coin_that_only_pays_fees_is_taken_as_it_is() -> None:
    w = world(venue=ScriptedVenue("BNB"))
    scripted(w).held[BNB] = Decimal(500)
    await agreed(w)
    await w.buy()
    scripted(w).fill(ID, "0.5", "40000", START)
    await w.desk.sync()
    assert await w.desk.reconcile() == ()
    scripted(w).held[BNB] += 7
    (said,) = await w.desk.reconcile()
    assert "nothing is traded in it" in said
    assert await blocked(w) == ""
    assert await w.desk.reconcile() == ()


# --- orders of others


async def test_somebody_elses_order_counts_as_exposure_until_it_is_gone() -> None:
    w = await agreed()
    stranger = replace(intent(0, quantity="0.7", limit="39000"), client_id="web-1")  # 27,300 of 30,000
    scripted(w).rest(stranger)
    assert await w.desk.reconcile() == ("scripted holds web-1, which this journal does not know",)
    entry = await w.desk.submit(intent(1, quantity="0.1"))
    assert entry.intent.quantity < Decimal("0.1")
    assert "position_size" in w.events(IntentReduced)[0].reason
    await scripted(w).cancel("web-1")
    await w.desk.reconcile()
    assert (await w.desk.submit(intent(2, quantity="0.1"))).status is OrderStatus.ACCEPTED


async def test_somebody_elses_order_of_unknown_size_freezes_its_symbol() -> None:
    w = await agreed()
    scripted(w).tells_terms = False
    scripted(w).rest(replace(intent(0, quantity="0.7", limit="39000"), client_id="web-1"))
    await w.desk.reconcile()
    assert await blocked(w) == "scripted holds web-1, which this journal does not know"


async def test_an_order_of_ours_that_came_back_from_the_dead_is_withdrawn() -> None:
    w = await agreed()
    order = await w.desk.submit(intent(limit="39000"))
    await w.desk.cancel(ID, "x")
    scripted(w)._orders[ID].status = OrderStatus.ACCEPTED
    (said,) = await w.desk.reconcile()
    assert said == f"{ID} is cancelled in the books and open at scripted"
    assert scripted(w)._orders[ID].status is OrderStatus.CANCELLED
    assert await blocked(w) == said
    assert await w.desk.reconcile() == ()
    assert order.status is OrderStatus.CANCELLED


async def test_an_order_the_venue_keeps_as_another_one_freezes_its_symbol() -> None:
    w = await agreed()
    await w.desk.submit(intent(limit="39000"))
    scripted(w).alter(ID, intent(limit="39900"))
    (said,) = await w.desk.reconcile()
    assert said == f"scripted holds {ID} as another order: its limit price is 39900, not 39000"
    assert await blocked(w) == said


async def test_an_order_the_venue_no_longer_lists_is_looked_up() -> None:
    w = await agreed()
    order = await w.desk.submit(intent(limit="39000"))
    scripted(w)._orders[ID].status = OrderStatus.CANCELLED  # and nobody reported it
    (said,) = await w.desk.reconcile()
    assert said.startswith(f"{ID} was accepted and is cancelled")
    assert order.note == "ended by scripted"


# --- a venue that does not answer


async def test_a_comparison_that_fails_leaves_the_desk_without_entries_until_one_succeeds() -> None:
    w = await agreed()
    scripted(w).silent = True
    (said,) = await w.desk.reconcile()
    assert said == "scripted could not be compared with the books: the line is down"
    assert await blocked(w) == said
    await w.desk.reconcile()
    assert len(w.events(Notice)) == 1
    scripted(w).silent = False
    await w.desk.reconcile()
    assert await blocked(w) == ""


async def test_the_desk_compares_by_itself_and_sooner_after_a_failure() -> None:
    w = world(reconcile_every=timedelta(minutes=5))
    asked: list[float] = []
    venue = scripted(w)
    listing = venue.open_orders

    async def counting():  # type: ignore[no-untyped-def]
        asked.append((w.clock.now() - START).total_seconds())
        return await listing()

    venue.open_orders = counting  # type: ignore[method-assign]  # a wire tap
    for second in range(620):
        w.clock.set(START + timedelta(seconds=second))
        venue.silent = 300 <= second < 312
        await w.desk.tick()
    assert asked == [0, 300, 305, 310, 315, 615]


async def test_what_fills_between_two_questions_is_no_difference() -> None:
    w = await agreed()
    await w.buy()
    venue = scripted(w)
    balances = venue.balances
    asked: list[int] = []

    async def and_fill():  # type: ignore[no-untyped-def]
        asked.append(len(asked))
        if len(asked) == 1:
            venue.fill(ID, "0.2", "40000", START, report=False)
        return await balances()

    venue.balances = and_fill  # type: ignore[method-assign]  # an execution at the worst moment
    found = await w.desk.reconcile()
    assert found == (f"{ID}: buy 0.2 BTC/USDT at 40000 had not been reported",)
    assert await blocked(w) == ""
    assert len(asked) == 2
