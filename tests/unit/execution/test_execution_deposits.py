"""Money that is not the desk's changes nothing that limits on losses look at."""

from __future__ import annotations

from decimal import Decimal

from execution.scripted import ScriptedVenue
from tests.faults.world import BTC, START, USDT, world


async def test_a_deposit_hides_no_loss_and_taking_it_back_is_none() -> None:
    """The limits on losses are on the desk's own books: money beside them moves neither peak nor start."""
    venue = ScriptedVenue()
    w = world(venue=venue)
    assert await w.desk.reconcile() == ()
    order = await w.buy()
    venue.fill(order.client_id, "0.5", "40000", START)
    await w.desk.sync()
    w.feed.last[BTC] = Decimal(36_000)
    w.portfolio.mark(w.feed.last, w.clock.now())
    account = w.portfolio

    def told() -> tuple[Decimal, ...]:
        return account.equity, account.day_start_equity, account.week_start_equity, account.peak_equity

    lost = told()
    for deposit in (50_000, -50_000):
        venue.held[USDT] += deposit
        await w.desk.reconcile()
        await w.desk.accept_outside(USDT, "paid in, and taken out again")
        assert told() == lost
