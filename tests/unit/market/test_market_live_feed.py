"""The live feed: what it shows, how old that is, and that nonsense never gets in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.clock import to_ns
from domain.errors import DataError, UnknownSymbol, VenueDown
from domain.market import Timeframe
from domain.money import Symbol
from market.features import FeatureEngine
from market.live.clock import VenueClock
from market.live.feed import KEEP, WARMUP, LiveFeed
from market.snapshot import SnapshotBuilder
from tests.unit.market.live_venue import HOUR_MS, INSTRUMENTS, START, MadeUpVenue, row

BTC, ETH = Symbol("BTC/USDT"), Symbol("ETH/USDT")
HOUR = timedelta(hours=1)
NOON = START.replace(minute=0, second=0)


class Stage:
    """A made-up venue and a feed on it, with one counter for both."""

    def __init__(self, venue: MadeUpVenue, feed: LiveFeed) -> None:
        self.venue = venue
        self.feed = feed

    async def later(self, seconds: float) -> None:
        self.venue.counter.seconds += seconds
        await self.feed.refresh_bars()
        await self.feed.refresh_quotes()


async def opened(venue: MadeUpVenue | None = None, **more: Any) -> Stage:
    venue = venue or MadeUpVenue()
    clock = VenueClock(counter=venue.counter)
    feed = await LiveFeed.open(venue, INSTRUMENTS, Timeframe.H1, name="made-up", clock=clock, **more)
    return Stage(venue, feed)


def ms(moment: datetime) -> int:
    return to_ns(moment) // 1_000_000


async def test_it_opens_on_the_bar_that_closed_last() -> None:
    stage = await opened()
    feed = stage.feed
    assert feed.now is None
    assert feed.bar_index() == -1
    assert len(feed.history(BTC, START, 10_000)) == WARMUP - 1
    assert feed.ready()
    assert feed.advance() == NOON
    assert feed.bar_index() == 0
    candle = feed.candle(BTC)
    assert candle is not None
    assert [float(candle.open), float(candle.close)] == [
        row(BTC, ms(NOON - HOUR))[1],
        row(BTC, ms(NOON - HOUR))[4],
    ]
    assert feed.advance() is None
    assert not feed.due()


async def test_the_running_bar_is_never_shown() -> None:
    stage = await opened()
    await stage.later(3_569)
    assert stage.feed.advance() == NOON
    assert not stage.feed.ready()
    await stage.later(1)
    assert stage.feed.ready()
    assert stage.feed.advance() == NOON + HOUR
    assert stage.feed.bar_index() == 1


async def test_quotes_are_newer_than_the_bar_and_say_when() -> None:
    stage = await opened()
    stage.feed.advance()
    await stage.later(60)
    quote, book = stage.feed.quote(BTC), stage.feed.book(BTC)
    assert quote is not None
    assert book is not None
    assert quote.as_of == START + timedelta(seconds=60)
    assert (quote.bid, quote.ask) == (book.bids[0].price, book.asks[0].price)
    assert quote.bid <= quote.last <= quote.ask
    assert len(book.bids) == len(book.asks) == 20
    assert not book.estimated


async def test_a_book_without_a_stamp_is_as_old_as_the_question() -> None:
    venue = MadeUpVenue()
    venue.stamped = False
    stage = await opened(venue)
    quote = stage.feed.quote(BTC)
    assert quote is not None
    assert quote.as_of == START


async def test_an_outage_is_filled_in_and_not_decided_upon() -> None:
    stage = await opened()
    features = FeatureEngine(stage.feed, ["sma(5)"])
    stage.feed.advance()
    features.update()
    stage.venue.down = {"candles"}
    await stage.later(3 * 3_600)
    assert stage.feed.advance() is None
    assert [said.level for said in stage.feed.take_said()] == ["warning", "warning"]
    await stage.later(60)
    assert stage.feed.take_said() == (), "the same trouble is said once"
    stage.venue.down = set()
    await stage.later(0)
    assert {said.message.rpartition(": ")[2] for said in stage.feed.take_said()} == {"good again"}
    assert stage.feed.advance() == NOON + 3 * HOUR
    assert stage.feed.bar_index() == 3
    closes = stage.feed.history(BTC, NOON + 3 * HOUR, 5).close_ns.tolist()
    assert closes == [to_ns(NOON + n * HOUR) for n in range(-1, 4)]
    features.update()
    assert features.values(BTC)["sma(5)"] == pytest.approx(
        sum(row(BTC, ms(NOON + n * HOUR))[4] for n in range(-2, 3)) / 5
    )


async def test_a_long_gap_is_read_in_pages_and_memory_stays_flat() -> None:
    stage = await opened()
    stage.feed.advance()
    for _ in range(6):
        await stage.later(550 * 3_600)
        stage.feed.advance()
    bars = stage.feed.history(BTC, stage.venue.now, 10_000)
    assert len(bars) == KEEP
    assert set((bars.open_ns[1:] - bars.open_ns[:-1]).tolist()) == {3_600 * 10**9}


async def test_a_bar_waits_for_all_symbols_until_patience_ends() -> None:
    stage = await opened()
    stage.feed.advance()
    stage.venue.missing.add((ETH, ms(NOON)))
    await stage.later(3_570 + 29)
    assert stage.feed.due()
    assert not stage.feed.ready()
    await stage.later(1)
    assert stage.feed.ready()
    assert stage.feed.advance() == NOON + HOUR
    assert stage.feed.candle(BTC) is not None
    assert stage.feed.candle(ETH) is None
    assert not stage.feed.take_reread()
    stage.venue.missing.clear()
    await stage.later(1)
    assert stage.feed.candle(ETH) is not None
    assert stage.feed.take_reread(), "features must be read again: a bar behind now came late"
    assert not stage.feed.take_reread()


def _last(change: Callable[[list[Any]], list[Any]]) -> Callable[[list[Any]], list[Any]]:
    return lambda rows: [*rows[:-1], change(rows[-1])]


BAD_CANDLES: dict[str, Callable[[Any], Any]] = {
    "no list": lambda rows: {"code": -1},
    "text": lambda rows: "<html>",
    "none": lambda rows: None,
    "short row": _last(lambda r: r[:4]),
    "not a number": _last(lambda r: [*r[:4], "many", r[5]]),
    "nan": _last(lambda r: [*r[:4], float("nan"), r[5]]),
    "infinite": _last(lambda r: [*r[:2], float("inf"), *r[3:]]),
    "zero price": _last(lambda r: [r[0], r[1], r[2], 0.0, r[4], r[5]]),
    "negative": _last(lambda r: [r[0], *(-value for value in r[1:5]), r[5]]),
    "negative volume": _last(lambda r: [*r[:5], -1.0]),
    "high under close": _last(lambda r: [r[0], r[1], r[4] - 0.5, r[3], r[4], r[5]]),
    "low over open": _last(lambda r: [r[0], r[1], r[2], r[1] + 0.5, r[4], r[5]]),
    "off the grid": _last(lambda r: [r[0] + 1000, *r[1:]]),
    "twice": lambda rows: [*rows, rows[-1]],
    "backwards": lambda rows: rows[::-1],
    "from the future": lambda rows: [*rows, [rows[-1][0] + HOUR_MS, *rows[-1][1:]]],
    "slipped digit": lambda rows: [[r[0], *(value * 100 for value in r[1:5]), r[5]] for r in rows],
}


@pytest.mark.parametrize("bend", BAD_CANDLES.values(), ids=BAD_CANDLES.keys())
async def test_nonsense_candles_are_refused_and_said(bend: Callable[[Any], Any]) -> None:
    stage = await opened()
    stage.feed.advance()
    before = stage.feed.history(BTC, START + HOUR, 3)
    stage.venue.bend["candles"] = bend
    await stage.later(3_600)
    assert stage.feed.advance() is None
    assert stage.feed.history(BTC, START + 2 * HOUR, 3).close_ns.tolist() == before.close_ns.tolist()
    warned = [said.message for said in stage.feed.take_said() if said.level == "warning"]
    assert len(warned) == 2
    assert "candles of BTC/USDT" in warned[0]


def _book(**parts: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda told: {**told, **parts}


BAD_BOOKS: dict[str, Callable[[Any], Any]] = {
    "no dict": lambda told: [],
    "none": lambda told: None,
    "empty": _book(bids=[], asks=[]),
    "no bids": _book(bids=[]),
    "crossed": lambda told: {**told, "bids": told["asks"], "asks": told["bids"]},
    "touching": lambda told: {**told, "bids": [told["asks"][0], *told["bids"]]},
    "nan price": lambda told: {**told, "bids": [[float("nan"), 1.0]]},
    "nan amount": lambda told: {**told, "asks": [[told["asks"][0][0], float("nan")]]},
    "negative amount": lambda told: {**told, "asks": [[told["asks"][0][0], -1.0]]},
    "zero price": lambda told: {**told, "bids": [[0.0, 1.0]]},
    "out of order": lambda told: {**told, "bids": told["bids"][::-1]},
    "level twice": lambda told: {**told, "asks": [told["asks"][0], *told["asks"]]},
    "text": _book(asks=["x"]),
    "from the future": lambda told: {**told, "timestamp": told["timestamp"] + 3_600_000},
    "dust only": lambda told: {**told, "bids": [[told["bids"][0][0], 0.00001]]},
    "slipped digit": lambda told: {
        **told,
        "bids": [[p * 100, q] for p, q in told["bids"]],
        "asks": [[p * 100, q] for p, q in told["asks"]],
    },
}


@pytest.mark.parametrize("bend", BAD_BOOKS.values(), ids=BAD_BOOKS.keys())
async def test_a_nonsense_book_is_refused_and_the_old_one_grows_old(bend: Callable[[Any], Any]) -> None:
    stage = await opened()
    before = stage.feed.quote(BTC)
    stage.venue.bend["book"] = bend
    await stage.later(60)
    assert stage.feed.quote(BTC) == before
    warned = [said.message for said in stage.feed.take_said() if said.level == "warning"]
    assert len(warned) == 2
    assert "order book of BTC/USDT" in warned[0]
    stage.venue.bend.clear()
    await stage.later(60)
    assert stage.feed.quote(BTC) != before


async def test_a_book_older_than_the_last_is_ignored() -> None:
    stage = await opened()
    await stage.later(60)
    before = stage.feed.quote(BTC)
    stage.venue.bend["book"] = lambda told: {**told, "timestamp": told["timestamp"] - 90_000}
    await stage.later(60)
    assert stage.feed.quote(BTC) == before


async def test_a_book_that_stands_still_while_others_trade_is_not_believed() -> None:
    venue = MadeUpVenue()
    venue.nonce = 7
    stage = await opened(venue)
    await stage.later(3_000)
    fresh = stage.feed.quote(BTC)
    assert fresh is not None
    assert fresh.as_of == venue.now, "nothing proves it wrong yet"
    await stage.later(2 * 3_600)
    assert stage.feed.quote(BTC) == fresh
    assert any("stands still" in said.message for said in stage.feed.take_said())
    venue.nonce = 8
    await stage.later(1)
    assert stage.feed.quote(BTC) != fresh


async def test_one_symbol_in_trouble_leaves_the_other_alone() -> None:
    stage = await opened()
    before = stage.feed.quote(ETH)
    stage.venue.down = {ETH}
    await stage.later(60)
    assert stage.feed.quote(ETH) == before
    quote = stage.feed.quote(BTC)
    assert quote is not None
    assert quote.as_of == stage.venue.now


async def test_a_bar_number_survives_a_restart() -> None:
    stage = await opened()
    stage.feed.advance()
    await stage.later(5 * 3_600)
    stage.feed.advance()
    again = await opened(stage.venue, origin=START)
    again.feed.seek(NOON + 5 * HOUR + timedelta(minutes=3))
    assert again.feed.bar_index() == stage.feed.bar_index() == 5
    assert again.feed.now == stage.feed.now
    assert again.feed.candle(BTC) == stage.feed.candle(BTC)
    assert again.feed.advance() is None
    again.feed.seek(NOON - HOUR)
    assert (again.feed.now, again.feed.bar_index()) == (None, -1)


async def test_history_ends_at_the_bar_it_stands_on() -> None:
    stage = await opened()
    stage.feed.advance()
    await stage.later(3 * 3_600)
    assert stage.feed.history(BTC, stage.venue.now, 1).close_ns.tolist() == [to_ns(NOON)]
    assert stage.feed.history(BTC, NOON - HOUR, 1).close_ns.tolist() == [to_ns(NOON - HOUR)]


@pytest.mark.parametrize("what", ["time", "candles", "book"])
async def test_a_venue_that_cannot_be_reached_at_the_start_is_named(what: str) -> None:
    venue = MadeUpVenue()
    venue.down = {what}
    with pytest.raises(VenueDown, match="made-up") as refused:
        await opened(venue)
    assert refused.value.fix


@pytest.mark.parametrize(
    ("what", "bend"),
    [
        ("time", lambda told: "noon"),
        ("time", lambda told: -1),
        ("candles", lambda told: []),
        ("candles", lambda told: [[1, 2]]),
        ("book", lambda told: None),
    ],
)
async def test_nonsense_at_the_start_is_refused(what: str, bend: Callable[[Any], Any]) -> None:
    venue = MadeUpVenue()
    venue.bend[what] = bend
    with pytest.raises((DataError, VenueDown)):
        await opened(venue)


async def test_a_request_that_hangs_ends_at_its_deadline() -> None:
    import asyncio

    stage = await opened(deadline=0.05)

    async def hang(symbol: str, limit: int | None = None) -> Any:
        await asyncio.Event().wait()

    stage.venue.fetch_order_book = hang  # type: ignore[method-assign]
    await stage.feed.refresh_quotes()
    assert [said.level for said in stage.feed.take_said()] == ["warning", "warning"]


async def test_a_stranger_is_refused() -> None:
    feed = (await opened()).feed
    for ask in (feed.candle, feed.quote, feed.book):
        with pytest.raises(UnknownSymbol, match="XRP"):
            ask(Symbol("XRP/USDT"))


async def test_features_are_read_again_when_a_bar_came_late() -> None:
    stage = await opened()
    features = FeatureEngine(stage.feed, ["sma(2)"])
    stage.feed.advance()
    features.update()
    stage.venue.missing.add((ETH, ms(NOON)))
    await stage.later(2 * 3_600 + 60)
    stage.feed.advance()
    features.update()
    stage.venue.missing.clear()
    stage.feed._markets[ETH].bars = stage.feed._markets[ETH].bars.upto(NOON)
    await stage.later(1)
    assert stage.feed.take_reread()
    features.reread()
    features.update()
    right = (row(ETH, ms(NOON))[4] + row(ETH, ms(NOON + HOUR))[4]) / 2
    assert features.values(ETH)["sma(2)"] == pytest.approx(right)


async def test_a_snapshot_with_an_old_candle_is_stale_however_new_the_quote() -> None:
    stage = await opened()
    stage.feed.advance()
    stage.venue.down = {"candles"}
    await stage.later(3 * 3_600)
    builder = SnapshotBuilder(stage.feed, FeatureEngine(stage.feed, ["sma(2)"]), 2 * HOUR)
    view = builder.freeze(stage.venue.now, START).views[BTC]
    assert view.quote.as_of == stage.venue.now
    assert view.age == 3 * HOUR + timedelta(seconds=30)
    assert view.stale


async def test_a_clock_that_jumps_is_said_and_not_followed() -> None:
    stage = await opened()
    stage.venue.skew = timedelta(hours=3)
    assert await stage.feed.refresh_clock() is None
    assert any("jumped" in said.message for said in stage.feed.take_said())
    stage.venue.skew = timedelta(seconds=1)
    assert await stage.feed.refresh_clock() == timedelta(seconds=1)
