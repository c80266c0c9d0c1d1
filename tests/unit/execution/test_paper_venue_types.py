"""The paper venue and the orders that wait for something: what it promises, and what a restart keeps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from domain.clock import to_ns
from domain.errors import VenueRejected
from domain.market import Candle
from domain.money import Symbol
from domain.orders import Order, OrderIntent, OrderStatus, OrderType, Side, TimeInForce
from execution.paper import PaperVenue
from execution.venue import Closed, Executed, VenueReport
from market.bars import Bars
from simulator.costs import FeeSchedule, NextOpen
from simulator.fees import FeeLadder
from simulator.matching import MatchingCore
from tests.scenarios.order_plans_by_type import maker_only, of, sleeper
from tests.scenarios.stage import BTC, COIN, HOUR, INSTRUMENT, START, USDT, StageFeed, approve, bar, order

FEES = FeeSchedule(Decimal("0.001"), Decimal("0.001"))


@dataclass
class RememberingFeed(StageFeed):
    """A stage whose bars can be read again."""

    def history(self, symbol: Symbol, as_of: datetime, limit: int) -> Bars:
        closed = [each for each in self.bars.values() if each.close_time <= min(as_of, self.now or as_of)]
        kept = sorted(closed, key=lambda each: each.open_time)[-limit:]
        return Bars(
            symbol,
            self.timeframe,
            np.array([to_ns(each.open_time) for each in kept], dtype=np.int64),
            np.array([to_ns(each.close_time) for each in kept], dtype=np.int64),
            *(
                np.array([float(getattr(each, name)) for each in kept])
                for name in ("open", "high", "low", "close", "volume")
            ),
        )


def stage(bars: list[Candle], ladder: FeeLadder | None = None) -> tuple[PaperVenue, RememberingFeed]:
    feed = RememberingFeed(dict(enumerate(bars)), {})
    core = MatchingCore(
        {BTC: INSTRUMENT}, FEES, NextOpen(), {USDT: Decimal(10_000), COIN: Decimal(10)}, ladder=ladder
    )
    return PaperVenue(feed, core), feed


def accepted(intent: OrderIntent, *reports: VenueReport) -> Order:
    found = Order(intent)
    found.move(OrderStatus.SUBMITTING, START)
    found.move(OrderStatus.ACCEPTED, START)
    for report in reports:
        if isinstance(report, Executed):
            found.add_fill(report.fill)
    return found


def test_it_does_everything_an_intent_can_ask_for() -> None:
    venue, _ = stage([])
    can = venue.capabilities
    assert can.order_types == frozenset(OrderType)
    assert can.times_in_force == frozenset(TimeInForce)
    assert can.post_only
    assert can.groups
    assert can.stops


async def test_a_post_only_order_at_the_touch_is_refused_by_the_quote() -> None:
    venue, feed = stage([bar(0, "100", "101", "99", "100")])
    feed.advance()
    now = feed.now
    assert now is not None
    for intent in (maker_only("a", Side.BUY, "1", "100"), maker_only("a", Side.SELL, "1", "100")):
        with pytest.raises(VenueRejected, match="would take at 100"):
            await venue.place(approve(replace(intent, created_at=now)))
    await venue.place(approve(replace(maker_only("a", Side.BUY, "1", "99.99"), created_at=now)))


async def test_a_trigger_that_the_last_price_has_reached_is_refused() -> None:
    venue, feed = stage([bar(0, "100", "101", "99", "100")])
    feed.advance()
    with pytest.raises(VenueRejected, match="reached at 100 already"):
        await venue.place(approve(order("a", Side.SELL, "1", trigger="100"), feed.now))


async def test_a_symbol_nobody_lists_is_refused() -> None:
    venue = PaperVenue(RememberingFeed({}, {}), MatchingCore({}, FEES, NextOpen(), {USDT: Decimal(10_000)}))
    with pytest.raises(VenueRejected, match="BTC/USDT is not listed here"):
        await venue.place(approve(order("a", Side.BUY, "1")))


TAPE = [
    bar(0, "100", "110", "100", "110"),
    bar(1, "110", "120", "109", "118"),
    bar(2, "118", "119", "100", "106"),
]


async def test_a_trailing_stop_is_where_it_was_after_a_restart() -> None:
    intent = sleeper("a", OrderType.TRAILING_STOP, Side.SELL, "2", "90", trailing="0.1")
    again, feed = stage(TAPE)
    feed.seek(START + 2 * HOUR)
    again.restore([(accepted(intent), feed.now)])
    assert await again.poll() == ()
    feed.advance()
    (report,) = await again.poll()
    assert isinstance(report, Executed)
    assert report.fill.price == 108


async def test_bars_that_closed_before_the_order_do_not_move_its_trail() -> None:
    late = START + 2 * HOUR
    intent = replace(
        sleeper("a", OrderType.TRAILING_STOP, Side.SELL, "2", "90", trailing="0.1"), created_at=late
    )
    again, feed = stage([*TAPE[:2], bar(2, "100", "101", "95", "100"), bar(3, "100", "100", "91", "95")])
    feed.seek(START + 3 * HOUR)
    again.restore([(accepted(intent), feed.now)])
    feed.advance()
    assert await again.poll() == ()  # its trail stands at 90.9, not at 108


async def test_a_stop_limit_that_had_woken_is_awake_after_a_restart() -> None:
    intent = sleeper("a", OrderType.STOP_LIMIT, Side.SELL, "2", "105", "104")
    again, feed = stage([bar(0, "100", "101", "99", "100"), bar(1, "100", "104.5", "99", "100")])
    feed.seek(START + HOUR)
    again.restore([(accepted(intent), feed.now)])
    feed.advance()
    (report,) = await again.poll()
    assert isinstance(report, Executed)
    assert (report.fill.price, report.fill.maker) == (Decimal(104), True)


async def test_after_a_restart_the_rest_of_a_group_that_had_filled_is_cancelled() -> None:
    venue, feed = stage(TAPE)
    target = of("exit", order("target", Side.SELL, "2", limit="108"))
    stop = of("exit", order("stop", Side.SELL, "2", trigger="95"))
    await venue.place(approve(target))
    feed.advance()
    reports = await venue.poll()
    sold = accepted(target, *reports)
    assert sold.status is OrderStatus.FILLED

    again, feed_again = stage(TAPE)
    feed_again.seek(START + HOUR)
    newer = replace(stop, client_id="newer", created_at=START + HOUR)  # its group ended before it came
    again.restore([(each, feed_again.now) for each in (sold, accepted(stop), accepted(newer))])
    (report,) = await again.poll()
    assert isinstance(report, Closed)
    assert (report.client_id, report.status) == ("stop", OrderStatus.CANCELLED)
    assert [each.client_id for each in await again.open_orders()] == ["newer"]
    assert await again.lookup("target") is None


async def test_after_a_restart_fees_follow_what_was_traded_before_it() -> None:
    ladder = FeeLadder(((Decimal(0), FEES), (Decimal(150), FeeSchedule(Decimal(0), Decimal("0.0001")))))
    venue, feed = stage(TAPE, ladder)
    bought = order("a", Side.BUY, "2")
    await venue.place(approve(bought))
    feed.advance()
    done = accepted(bought, *await venue.poll())

    later = [bar(index, "100", "100", "100", "100") for index in range(30)]
    again, feed_again = stage(later, ladder)
    feed_again.seek(START + 24 * HOUR)
    again.restore([(done, None)])
    now = feed_again.now
    assert now is not None
    await again.place(approve(replace(order("b", Side.BUY, "1"), created_at=now)))
    feed_again.advance()
    (report,) = await again.poll()
    assert isinstance(report, Executed)
    assert report.fill.fee.amount == Decimal("0.01")


async def test_a_date_that_passes_while_the_symbol_has_no_bar_ends_the_order_at_the_common_close() -> None:
    venue, feed = stage([bar(0, "100", "100", "100", "100")])
    feed.bars = {0: feed.bars[0], 5: bar(5, "90", "90", "90", "90")}
    dated = replace(
        order("a", Side.BUY, "1", limit="95", tif=TimeInForce.GTD), expires_at=START + timedelta(minutes=90)
    )
    await venue.place(approve(dated))
    feed.advance()
    assert await venue.poll() == ()
    feed.advance()
    (report,) = await venue.poll()
    assert isinstance(report, Closed)
    assert (report.status, report.at) == (OrderStatus.EXPIRED, START + 2 * HOUR)
