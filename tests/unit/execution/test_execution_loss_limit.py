"""A loss limit that is reached ends the loss: entries withdrawn, everything sold, and not before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from domain.events import Notice
from domain.market import Quote, Timeframe
from domain.money import Price, Symbol
from domain.orders import Order, OrderStatus, OrderType, Side
from execution.guardian import StopGuardian
from execution.loss_limit import LossLimit
from execution.scripted import ScriptedVenue
from risk.limits import RiskLimits
from tests.faults.world import BTC, CAPITAL, ETH, LIMITS, World, intent, world

DAILY, WEEKLY, DRAWDOWN = Decimal("0.05"), Decimal("0.10"), Decimal("0.20")
FIRST = "s-000001-00"


def limits(
    daily: Decimal | None = DAILY, weekly: Decimal | None = WEEKLY, drawdown: Decimal | None = DRAWDOWN
) -> RiskLimits:
    return replace(
        LIMITS,
        max_daily_loss_fraction=daily,
        max_weekly_loss_fraction=weekly,
        max_drawdown_fraction=drawdown,
    )


def guarded(
    told: RiskLimits | None = None, quote: Callable[[Symbol], Quote | None] = lambda symbol: None
) -> tuple[World, LossLimit]:
    """A desk whose guardian knows the limits on losses."""
    w = world()
    losses = LossLimit(w.portfolio, told or limits(), w.clock, quote)
    w.guardian = StopGuardian(w.desk, w.portfolio, w.feed, w.clock, session="s", losses=losses)
    return w, losses


async def holding(w: World) -> None:
    """Half a bitcoin at 40,000 with its stop far away, in an account of 100,000."""
    await w.buy(quantity="0.5", stop="34500")
    assert isinstance(w.venue, ScriptedVenue)
    w.venue.fill(FIRST, "0.5", "40000", w.clock.now())
    await w.tick()


def sales(w: World) -> list[Order]:
    return [
        order
        for order in w.desk.orders.values()
        if order.intent.side is Side.SELL and order.intent.order_type is OrderType.MARKET
    ]


def lose(w: World, start: Decimal, fraction: str, but: str = "0") -> None:
    """Move bitcoin so that at its next mark the account has lost `fraction` of `start`, but for `but`."""
    equity = start * (1 - Decimal(fraction)) + Decimal(but)
    w.feed.last[BTC] = Price((equity - w.portfolio.cash) / Decimal("0.5"))


async def test_one_cent_above_the_daily_limit_nothing_happens_and_at_it_everything_is_sold() -> None:
    w, _ = guarded()
    await holding(w)
    start = w.portfolio.day_start_equity
    assert start == CAPITAL.amount - 20  # the fee was paid before the first mark
    lose(w, start, "0.05", but="0.01")
    await w.tick()
    assert sales(w) == []
    lose(w, start, "0.05")
    await w.tick()
    (sale,) = sales(w)
    assert (sale.intent.quantity, sale.intent.reduce_only) == (Decimal("0.5"), True)
    assert "5.00% since the day began" in sale.intent.reason
    assert any("is sold at market" in notice.message for notice in w.events(Notice))


async def test_what_is_being_sold_is_not_sold_twice_and_its_stop_stays_until_it_is_gone() -> None:
    w, _ = guarded()
    await holding(w)
    lose(w, CAPITAL.amount, "0.06")
    for _ in range(3):
        await w.tick()
    assert len(sales(w)) == 1
    stops = [order for order in w.desk.open_orders() if order.intent.guards]
    assert len(stops) == 1
    assert isinstance(w.venue, ScriptedVenue)
    w.venue.fill(sales(w)[0].client_id, "0.5", "28000", w.clock.now())
    await w.tick()
    assert w.portfolio.positions == {}
    assert w.desk.open_orders() == ()


async def test_entries_that_wait_are_withdrawn() -> None:
    w, _ = guarded()
    await holding(w)
    waiting = await w.desk.submit(
        replace(
            intent(1, symbol=ETH, quantity="1", stop="1700"),
            order_type=OrderType.LIMIT,
            limit_price=Price(Decimal(1990)),
        )
    )
    lose(w, CAPITAL.amount, "0.04")
    await w.tick()
    assert waiting in w.desk.open_orders()
    lose(w, CAPITAL.amount, "0.06")
    await w.tick()
    await w.tick()
    assert waiting.status is OrderStatus.CANCELLED


@pytest.mark.parametrize(
    ("told", "since", "fraction", "says"),
    [
        (limits(weekly=None, drawdown=None), "day_start_equity", "0.05", "5.00% since the day began"),
        (limits(daily=None, drawdown=None), "week_start_equity", "0.10", "10.00% since the week began"),
        (limits(daily=None, weekly=None), "peak_equity", "0.20", "20.00% below its peak"),
    ],
)
async def test_every_limit_has_its_edge(told: RiskLimits, since: str, fraction: str, says: str) -> None:
    w, losses = guarded(told)
    w.guardian = StopGuardian(w.desk, w.portfolio, w.feed, w.clock, session="s")  # nothing is sold here
    await holding(w)
    start = getattr(w.portfolio, since)
    lose(w, start, fraction, but="0.01")
    await w.tick()
    assert losses.reached() == ""
    lose(w, start, fraction)
    await w.tick()
    assert losses.reached().startswith(f"equity is {says}")


async def test_limits_that_are_unset_are_reached_by_nothing() -> None:
    w, losses = guarded(limits(None, None, None))
    await holding(w)
    lose(w, CAPITAL.amount, "0.199")
    await w.tick()
    assert losses.reached() == ""
    assert sales(w) == []


async def test_new_limits_count_from_the_next_look_on() -> None:
    w, losses = guarded()
    await holding(w)
    lose(w, CAPITAL.amount, "0.031")
    await w.tick()
    assert sales(w) == []
    losses.limit_to(limits(daily=Decimal("0.03")))
    await w.tick()
    assert len(sales(w)) == 1


async def test_the_next_day_begins_anew() -> None:
    w, losses = guarded(limits(weekly=None))
    await holding(w)
    lose(w, CAPITAL.amount, "0.06")
    await w.tick()
    assert losses.reached()
    await w.tick(hours=24 * 60 // (Timeframe.H1.seconds // 60))
    assert losses.reached() == ""


def test_an_account_at_its_start_has_reached_nothing() -> None:
    _, losses = guarded()
    assert losses.reached() == ""


class Screen:
    """The quotes that the guardian sees between two marks."""

    def __init__(self) -> None:
        self.quotes: dict[Symbol, Quote] = {}

    def show(self, w: World, price: str, *, later: int = 1, estimated: bool = False) -> None:
        at, middle = w.clock.now() + timedelta(seconds=later), Decimal(price)
        bid, ask = Price(middle - 1), Price(middle + 1)
        self.quotes[BTC] = Quote(BTC, bid, ask, Price(middle), at, estimated)

    def __call__(self, symbol: Symbol) -> Quote | None:
        return self.quotes.get(symbol)


async def watched() -> tuple[World, Screen]:
    """A holding that at 30,000 has lost a twentieth of the account, and a guardian who looks between bars."""
    screen = Screen()
    w, _ = guarded(quote=screen)
    await holding(w)
    return w, screen


async def look(w: World, seconds: int) -> None:
    w.clock.set(w.clock.now() + timedelta(seconds=seconds))
    await w.guardian.check()


async def test_between_two_bars_a_loss_that_stays_is_sold_within_seconds() -> None:
    w, screen = await watched()
    screen.show(w, "29999")
    await look(w, 1)
    await look(w, 9)
    assert sales(w) == []
    await look(w, 1)
    (sale,) = sales(w)
    assert "since the day began, the limit is 5.00%, by quotes of 10 s" in sale.intent.reason


async def test_one_odd_quote_sells_nothing() -> None:
    w, screen = await watched()
    for price in ("29000", "39000", "29000", "39000", "29000"):
        screen.show(w, price)
        await look(w, 8)
    assert sales(w) == []


@pytest.mark.parametrize("quote", ["older than the mark", "estimated", "crossed", "none"])
async def test_only_a_real_quote_that_is_newer_than_the_mark_counts(quote: str) -> None:
    w, screen = await watched()
    w.portfolio.mark({BTC: Price(Decimal(40_000))}, w.clock.now())
    screen.show(w, "20000", later=0 if quote == "older than the mark" else 1, estimated=quote == "estimated")
    if quote == "crossed":
        screen.quotes[BTC] = replace(screen.quotes[BTC], ask=Price(Decimal(1)))
    elif quote == "none":
        screen.quotes.clear()
    for _ in range(4):
        await look(w, 10)
    assert sales(w) == []
