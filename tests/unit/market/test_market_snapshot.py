"""The frozen observation: what is in it, what is stale, and its hash."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from domain.errors import DataError
from domain.market import Headline, MarketSnapshot, Timeframe
from domain.money import Price, Symbol
from market.features import FeatureEngine
from market.replay import ReplayFeed
from market.snapshot import SnapshotBuilder, content_hash
from tests.contracts.candle_files import walk, write, write_walk

BTC, ETH = Symbol("BTC/USDT"), Symbol("ETH/USDT")
HOUR = timedelta(hours=1)
LONG_AGO = datetime(1980, 1, 1, tzinfo=UTC)


class WithNews(ReplayFeed):
    """A replay with headlines available every hour of the first day."""

    def headlines(self, since: datetime) -> tuple[Headline, ...]:
        times = [datetime(2021, 1, 1, hour, tzinfo=UTC) for hour in range(24)]
        return tuple(
            Headline(f"h{at.hour}", "Nothing happened", "test", at - HOUR, at, (BTC,))
            for at in times
            if self.now is not None and since < at <= self.now
        )


@pytest.fixture
def feed(tmp_path: Path) -> WithNews:
    write_walk(tmp_path / "BTC-USDT.parquet", seed=1, rows=48)
    write_walk(tmp_path / "ETH-USDT.parquet", seed=2, rows=48, leave_out=(*range(4), 10, 11, 12))
    return WithNews(tmp_path, [BTC, ETH], Timeframe.H1)


def builder(feed: ReplayFeed, *names: str, max_age: timedelta = HOUR) -> SnapshotBuilder:
    return SnapshotBuilder(feed, FeatureEngine(feed, names or ("ema(3)", "rsi(5)")), max_age)


def walked(feed: ReplayFeed, bars: int) -> datetime:
    for _ in range(bars):
        feed.advance()
    assert feed.now is not None
    return feed.now


def rehashed(snapshot: MarketSnapshot) -> str:
    return content_hash(snapshot.as_of, snapshot.views.values(), snapshot.headlines)


def test_a_snapshot_holds_what_the_feed_shows(feed: WithNews) -> None:
    make = builder(feed)
    now = walked(feed, 8)
    snapshot = make.freeze(now, LONG_AGO)
    assert snapshot.symbols == (BTC, ETH)
    for symbol, view in snapshot.views.items():
        assert view.candle == feed.candle(symbol)
        assert view.quote == feed.quote(symbol)
        assert view.age == timedelta(0)
        assert not view.stale
    assert set(snapshot.views[BTC].features) == {"ema(3)", "rsi(5)"}
    assert set(snapshot.views[ETH].features) == {"ema(3)"}, "rsi(5) has seen four bars and is warming up"


def test_a_symbol_without_data_yet_is_left_out(feed: WithNews) -> None:
    make = builder(feed)
    assert make.freeze(walked(feed, 1), LONG_AGO).symbols == (BTC,)


def test_before_the_first_bar_nothing_is_seen(feed: WithNews) -> None:
    snapshot = builder(feed).freeze(LONG_AGO, LONG_AGO)
    assert snapshot.views == {}
    assert snapshot.headlines == ()


def test_old_data_is_shown_with_its_age_and_marked_stale(feed: WithNews) -> None:
    make = builder(feed, max_age=2 * HOUR)
    walked(feed, 10)
    marks = []
    for _ in range(5):
        view = make.freeze(walked(feed, 1), LONG_AGO).views[ETH]
        marks.append((view.age // HOUR, view.stale))
        assert view.candle.close_time == view.quote.as_of
    assert marks == [(1, False), (2, False), (3, True), (0, False), (0, False)]


def test_age_counts_from_the_moment_of_the_snapshot(feed: WithNews) -> None:
    make = builder(feed)
    now = walked(feed, 8)
    view = make.freeze(now + 90 * timedelta(minutes=1), LONG_AGO).views[BTC]
    assert view.age == timedelta(minutes=90)
    assert view.stale


def test_a_snapshot_of_the_past_of_its_feed_is_refused(feed: WithNews) -> None:
    make = builder(feed)
    now = walked(feed, 8)
    with pytest.raises(DataError, match="cannot be taken from a feed that stands at"):
        make.freeze(now - timedelta(seconds=1), LONG_AGO)


def test_headlines_begin_after_the_time_given(feed: WithNews) -> None:
    make = builder(feed)
    now = walked(feed, 8)
    since = datetime(2021, 1, 1, 5, tzinfo=UTC)
    assert [headline.headline_id for headline in make.freeze(now, since).headlines] == ["h6", "h7", "h8"]


def test_the_hash_can_be_taken_again_from_the_content(feed: WithNews) -> None:
    make = builder(feed)
    snapshot = make.freeze(walked(feed, 8), LONG_AGO)
    assert len(snapshot.content_hash) == 64
    assert rehashed(snapshot) == snapshot.content_hash
    feed.seek(snapshot.as_of)
    assert make.freeze(snapshot.as_of, LONG_AGO) == snapshot


def test_every_part_of_the_content_moves_the_hash(feed: WithNews) -> None:
    snapshot = builder(feed).freeze(walked(feed, 8), LONG_AGO)
    btc, eth = snapshot.views[BTC], snapshot.views[ETH]
    up = Price(btc.candle.close + btc.quote.ask - btc.quote.bid)
    changed_views = [
        replace(btc, candle=replace(btc.candle, close=up)),
        replace(btc, candle=replace(btc.candle, open_time=btc.candle.open_time - HOUR)),
        replace(btc, quote=replace(btc.quote, last=up)),
        replace(btc, quote=replace(btc.quote, estimated=False)),
        replace(btc, features={**btc.features, "ema(3)": btc.features["ema(3)"] * (1 + 1e-15)}),
        replace(btc, features={}),
        replace(btc, age=btc.age + timedelta(microseconds=1)),
        replace(btc, stale=True),
        replace(btc, symbol=Symbol("BTC/USD")),
    ]
    others = [replace(snapshot, views={BTC: view, ETH: eth}) for view in changed_views]
    others.append(replace(snapshot, as_of=snapshot.as_of + HOUR))
    others.append(replace(snapshot, views={BTC: btc}))
    others.append(replace(snapshot, headlines=snapshot.headlines[1:]))
    others.append(
        replace(
            snapshot, headlines=(replace(snapshot.headlines[0], title="Something"), *snapshot.headlines[1:])
        )
    )
    hashes = {rehashed(other) for other in others} | {snapshot.content_hash}
    assert len(hashes) == len(others) + 1


def test_the_hash_does_not_depend_on_the_order_in_which_features_were_named(feed: WithNews) -> None:
    now = walked(feed, 8)
    one = builder(feed, "ema(3)", "rsi(5)").freeze(now, LONG_AGO)
    other = builder(feed, "rsi(5)", "ema(3)").freeze(now, LONG_AGO)
    assert one.content_hash == other.content_hash


def test_a_snapshot_cannot_be_changed(feed: WithNews) -> None:
    snapshot = builder(feed).freeze(walked(feed, 8), LONG_AGO)
    with pytest.raises(FrozenInstanceError):
        snapshot.as_of = LONG_AGO  # type: ignore[misc]  # what the test is about


def test_a_planted_future_changes_no_snapshot_before_it(tmp_path: Path) -> None:
    frame = walk(seed=5, rows=80)
    doctored = frame.copy()
    doctored.loc[60:, ["open", "high", "low", "close"]] *= 50
    doctored.loc[60:, "volume"] = 0.0
    feeds = []
    for folder, candles in (("true", frame), ("false", doctored)):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / "BTC-USDT.parquet", candles)
        feeds.append(ReplayFeed(tmp_path / folder, [BTC], Timeframe.H1, start=date(2021, 1, 2)))
    names = ("ema(9)", "macd_hist(3,6,4)", "vol(10)", "sma(3)@4h", "percent_b(10,2)", "adx(5)")
    makers = [builder(feed, *names) for feed in feeds]
    for bar in range(80 - 24):
        now = feeds[0].advance()
        assert now == feeds[1].advance()
        assert now is not None
        one, other = (maker.freeze(now, LONG_AGO) for maker in makers)
        assert (one == other) == (bar + 24 < 60)
        assert (feeds[0].book(BTC) == feeds[1].book(BTC)) == (bar + 24 < 60)


def test_prices_in_a_snapshot_are_decimals_on_the_tick_grid(feed: WithNews) -> None:
    view = builder(feed).freeze(walked(feed, 8), LONG_AGO).views[BTC]
    instrument = feed.instruments[BTC]
    for price in (view.candle.open, view.candle.close, view.quote.bid, view.quote.ask):
        assert isinstance(price, Decimal)
        assert instrument.on_price_grid(price)
