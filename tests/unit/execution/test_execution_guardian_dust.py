"""What is left of a position when less came in than was bought, and no order is small enough for it."""

from __future__ import annotations

from decimal import Decimal

from domain.events import Notice
from execution.scripted import ScriptedVenue
from tests.faults.world import BTC, intent, sell, world


async def test_a_remainder_under_the_grid_is_told_by_its_size_and_worries_nobody() -> None:
    venue = ScriptedVenue()
    w = world(venue=venue)
    await w.desk.submit(intent(0))
    venue.fill("s-000001-00", "0.4995", "40000", w.clock.now())
    await w.desk.cancel("s-000001-00", "enough")
    await w.tick()
    await w.desk.submit(sell(1, "0.499"))
    venue.fill("s-000001-01", "0.499", "40000", w.clock.now())
    for _ in range(3):
        await w.tick()
    left = w.portfolio.position(BTC)
    assert left is not None
    assert 0 < left.quantity < Decimal("0.001")
    (notice,) = (each for each in w.events(Notice) if each.source == "guardian")
    assert (notice.level, notice.message) == (
        "info",
        f"{left.quantity:f} of BTC/USDT is left: the venue takes no order so small",
    )
