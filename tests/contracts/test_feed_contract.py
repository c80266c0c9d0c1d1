"""What every market feed promises, held against each implementation in feed_cases.py."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from domain.clock import to_ns
from domain.errors import UnknownSymbol
from domain.market import Candle, Headline, OrderBook, Quote
from domain.money import Symbol
from market.bars import Bars
from market.features import FeatureEngine
from market.feed import Feed
from tests.contracts.feed_cases import FEEDS, FeedCase

Make = Callable[[], Feed]
LONG_AGO = datetime(1980, 1, 1, tzinfo=UTC)
FAR_AHEAD = datetime(2100, 1, 1, tzinfo=UTC)
NAMES = ("ema(5)", "rsi(5)", "obv", "vwap(4)", "atr(5)", "ema(3)@1d", "sma(2)@4h")


@pytest.fixture(params=FEEDS, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> FeedCase:
    found: FeedCase = request.param
    return found


@pytest.fixture
def make(case: FeedCase, tmp_path: Path) -> Make:
    made = iter(range(1_000))

    def fresh() -> Feed:
        folder = tmp_path / str(next(made))
        folder.mkdir()
        return case.make(folder)

    return fresh


def walked(feed: Feed, bars: int) -> Feed:
    for _ in range(bars):
        assert feed.advance() is not None
    return feed


def rows(bars: Bars) -> list[tuple[float, ...]]:
    columns = (bars.open_ns, bars.close_ns, bars.open, bars.high, bars.low, bars.close, bars.volume)
    return list(zip(*(column.tolist() for column in columns), strict=True))


Seen = tuple[
    datetime | None,
    int,
    dict[Symbol, tuple[Candle | None, Quote | None, OrderBook | None, list[tuple[float, ...]]]],
    tuple[Headline, ...],
]


def everything(feed: Feed) -> Seen:
    """All that the feed shows from where it stands."""
    now = feed.now or FAR_AHEAD
    shown = {
        symbol: (
            feed.candle(symbol),
            feed.quote(symbol),
            feed.book(symbol),
            rows(feed.history(symbol, now, 10_000)),
        )
        for symbol in feed.symbols
    }
    return feed.now, feed.bar_index(), shown, feed.headlines(LONG_AGO)


def test_before_the_first_bar_only_the_warm_up_is_visible(make: Make) -> None:
    feed = make()
    assert feed.now is None
    assert feed.bar_index() == -1
    warm_up = {symbol: feed.history(symbol, FAR_AHEAD, 10_000) for symbol in feed.symbols}
    first = feed.advance()
    assert first is not None
    for symbol, bars in warm_up.items():
        assert all(close < to_ns(first) for close in bars.close_ns.tolist())
        assert feed.history(symbol, first, 10_000).close_ns.tolist()[: len(bars)] == bars.close_ns.tolist()


def test_every_step_is_one_bar_later_and_counted_from_zero(make: Make, case: FeedCase) -> None:
    feed = make()
    moments = []
    for index in range(case.bars):
        moment = feed.advance()
        assert moment is not None
        assert moment == feed.now
        assert moment.utcoffset() == timedelta(0)
        assert feed.bar_index() == index
        moments.append(moment)
    length = feed.timeframe.delta
    assert all(later - earlier >= length for earlier, later in pairwise(moments))
    assert all(to_ns(moment) % (feed.timeframe.seconds * 10**9) == 0 for moment in moments)


def test_a_candle_closes_exactly_now_and_lies_on_the_grids(make: Make, case: FeedCase) -> None:
    feed = make()
    candles = 0
    for _ in range(case.bars):
        now = feed.advance()
        shown = [candle for symbol in feed.symbols if (candle := feed.candle(symbol)) is not None]
        assert shown, "a bar close on the grid belongs to some symbol"
        for candle in shown:
            instrument = feed.instruments[candle.symbol]
            assert candle.close_time == now
            assert candle.close_time - candle.open_time == feed.timeframe.delta
            assert candle.low <= min(candle.open, candle.close) <= max(candle.open, candle.close)
            assert max(candle.open, candle.close) <= candle.high
            assert candle.volume >= 0
            for price in (candle.open, candle.high, candle.low, candle.close):
                assert instrument.on_price_grid(price)
            assert instrument.on_quantity_grid(candle.volume)
            candles += 1
    assert candles >= case.bars


def test_a_quote_is_never_from_the_future_and_never_crossed(make: Make, case: FeedCase) -> None:
    feed = make()
    quotes = 0
    for _ in range(case.bars):
        now = feed.advance()
        assert now is not None
        for symbol in feed.symbols:
            quote = feed.quote(symbol)
            if quote is None:
                assert feed.candle(symbol) is None
                continue
            quotes += 1
            instrument = feed.instruments[symbol]
            assert quote.as_of <= now
            assert quote.bid < quote.ask
            assert instrument.on_price_grid(quote.bid)
            assert instrument.on_price_grid(quote.ask)
            candle = feed.candle(symbol)
            if candle is not None:
                assert quote.as_of == now
                assert quote.last == candle.close
    assert quotes >= case.bars


def test_a_book_is_sorted_best_first_around_the_quote(make: Make, case: FeedCase) -> None:
    feed = walked(make(), case.bars // 2)
    for symbol in feed.symbols:
        book, quote, instrument = feed.book(symbol), feed.quote(symbol), feed.instruments[symbol]
        assert book is not None
        assert quote is not None
        assert 0 < len(book.bids) <= 20
        assert 0 < len(book.asks) <= 20
        assert book.bids[0].price == quote.bid
        assert book.asks[0].price == quote.ask
        assert all(near.price > far.price for near, far in pairwise(book.bids))
        assert all(near.price < far.price for near, far in pairwise(book.asks))
        for level in (*book.bids, *book.asks):
            assert level.quantity > 0
            assert instrument.on_quantity_grid(level.quantity)
            assert instrument.on_price_grid(level.price)


def test_history_never_shows_a_bar_that_closes_after_now_or_as_of(make: Make, case: FeedCase) -> None:
    feed = walked(make(), case.bars // 2)
    now = feed.now
    assert now is not None
    earlier = now - 7 * feed.timeframe.delta
    for symbol in feed.symbols:
        newest = feed.history(symbol, FAR_AHEAD, 10_000)
        assert int(newest.close_ns[-1]) <= to_ns(now)
        before = feed.history(symbol, earlier, 10_000)
        assert int(before.close_ns[-1]) <= to_ns(earlier)
        assert rows(before) == [row for row in rows(newest) if row[1] <= to_ns(earlier)]
        assert rows(feed.history(symbol, now, 3)) == rows(newest)[-3:]
        assert all(first < second for first, second in pairwise(newest.close_ns.tolist()))


def test_history_agrees_with_the_candles_as_they_came(make: Make, case: FeedCase) -> None:
    feed = make()
    came: dict[Symbol, list[int]] = {symbol: [] for symbol in feed.symbols}
    for _ in range(case.bars):
        feed.advance()
        for symbol in feed.symbols:
            candle = feed.candle(symbol)
            if candle is not None:
                came[symbol].append(to_ns(candle.close_time))
    for symbol, closes in came.items():
        assert feed.history(symbol, FAR_AHEAD, len(closes)).close_ns.tolist() == closes


def test_history_cannot_be_changed_by_its_reader(make: Make) -> None:
    feed = walked(make(), 3)
    bars = feed.history(feed.symbols[0], FAR_AHEAD, 10)
    with pytest.raises(ValueError, match="read-only"):
        bars.close[0] = 1.0


def test_headlines_are_available_after_since_and_not_after_now(make: Make, case: FeedCase) -> None:
    feed = make()
    last = LONG_AGO
    piecewise: list[Headline] = []
    for _ in range(case.bars):
        now = feed.advance()
        assert now is not None
        fresh = feed.headlines(last)
        assert all(last < headline.available_at <= now for headline in fresh)
        assert all(headline.published_at <= headline.available_at for headline in fresh)
        piecewise += fresh
        last = now
    assert tuple(piecewise) == feed.headlines(LONG_AGO)
    assert len({headline.headline_id for headline in piecewise}) == len(piecewise)


def test_the_same_tape_twice_shows_the_same(make: Make, case: FeedCase) -> None:
    one, other = make(), make()
    for _ in range(case.bars // 4):
        one.advance()
        other.advance()
        assert everything(one) == everything(other)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_after_a_seek_everything_is_as_in_an_uninterrupted_run(
    make: Make, case: FeedCase, share: float
) -> None:
    straight, sought = walked(make(), int(case.bars * share)), make()
    assert straight.now is not None
    sought.seek(straight.now + straight.timeframe.delta / 2)
    assert everything(sought) == everything(straight)
    for _ in range(int(case.bars * (1 - share))):
        assert straight.advance() == sought.advance()
    assert everything(sought) == everything(straight)


def test_a_seek_back_forgets_what_came_later(make: Make, case: FeedCase) -> None:
    feed = walked(make(), case.bars // 4)
    then, seen = feed.now, everything(feed)
    assert then is not None
    walked(feed, case.bars // 2)
    assert everything(feed) != seen
    feed.seek(then)
    assert everything(feed) == seen


def test_a_seek_before_the_first_bar_starts_over(make: Make) -> None:
    feed = walked(make(), 5)
    feed.seek(LONG_AGO)
    assert feed.now is None
    assert feed.bar_index() == -1
    assert feed.advance() == make().advance()


def test_features_after_a_seek_are_those_of_an_uninterrupted_run(make: Make, case: FeedCase) -> None:
    straight, sought = make(), make()
    names = [name for name in NAMES if not (straight.timeframe.seconds > 14_400 and "@" in name)]
    whole, resumed = FeatureEngine(straight, names), FeatureEngine(sought, names)
    for _ in range(case.bars // 2):
        straight.advance()
        whole.update()
    assert straight.now is not None
    sought.seek(straight.now)
    resumed.update()
    for _ in range(5):
        for symbol in straight.symbols:
            assert whole.values(symbol) == resumed.values(symbol)
            assert whole.values(symbol)
        for feed, engine in ((straight, whole), (sought, resumed)):
            feed.advance()
            engine.update()


def test_an_unknown_symbol_is_refused(make: Make) -> None:
    feed = walked(make(), 1)
    stranger = Symbol("NOBODY/USDT")
    for ask in (feed.candle, feed.quote, feed.book):
        with pytest.raises(UnknownSymbol, match="NOBODY/USDT"):
            ask(stranger)
    with pytest.raises(UnknownSymbol, match="NOBODY/USDT"):
        feed.history(stranger, FAR_AHEAD, 1)
