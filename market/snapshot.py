"""The frozen observation that everything after it cites."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256

import orjson

from domain.errors import DataError
from domain.market import Candle, Headline, MarketSnapshot, SymbolView
from domain.money import Symbol
from market.features import FeatureEngine
from market.feed import Feed


class SnapshotBuilder:
    """Freezes what a feed shows. A symbol whose candle or quote is older than `max_age` is marked stale."""

    def __init__(self, feed: Feed, features: FeatureEngine, max_age: timedelta) -> None:
        self._feed = feed
        self._features = features
        self._max_age = max_age

    def freeze(self, as_of: datetime, headlines_since: datetime) -> MarketSnapshot:
        """The market as it could be known at `as_of`, with headlines available after `headlines_since`.

        A symbol without any data yet is left out. DataError when the feed stands later than `as_of`:
        its features would know more than that moment did.
        """
        now = self._feed.now
        if now is not None and now > as_of:
            raise DataError(
                f"a snapshot as of {as_of.isoformat()} cannot be taken from a feed that stands at "
                f"{now.isoformat()}",
                fix="Take it at the feed's own time, or later",
            )
        self._features.update()
        views = {
            symbol: view for symbol in self._feed.symbols if (view := self._view(symbol, as_of)) is not None
        }
        headlines = tuple(
            headline for headline in self._feed.headlines(headlines_since) if headline.available_at <= as_of
        )
        return MarketSnapshot(as_of, views, headlines, content_hash(as_of, views.values(), headlines))

    def _view(self, symbol: Symbol, as_of: datetime) -> SymbolView | None:
        quote = self._feed.quote(symbol)
        candle = self._feed.candle(symbol) or self._newest(symbol, as_of)
        if quote is None or candle is None:
            return None
        age = as_of - min(quote.as_of, candle.close_time)
        return SymbolView(
            symbol=symbol,
            candle=candle,
            quote=quote,
            features=self._features.values(symbol),
            age=age,
            stale=age > self._max_age,
        )

    def _newest(self, symbol: Symbol, as_of: datetime) -> Candle | None:
        """In a gap: the last bar that did close."""
        bars = self._feed.history(symbol, as_of, 1)
        return bars.candle(0, self._feed.instruments[symbol]) if len(bars) else None


def content_hash(as_of: datetime, views: Iterable[SymbolView], headlines: Iterable[Headline]) -> str:
    """SHA-256 (hex) of the content of a snapshot, written as canonical JSON.

    Decimals are written plainly, floats in their shortest exact form, times as ISO 8601, features sorted by
    name. The same content gives the same hash on every machine; any change gives another.
    """
    content = [
        as_of.isoformat(),
        [_canonical_view(view) for view in views],
        [
            [
                headline.headline_id,
                headline.title,
                headline.source,
                headline.published_at.isoformat(),
                headline.available_at.isoformat(),
                headline.symbols,
                headline.url,
            ]
            for headline in headlines
        ],
    ]
    return sha256(orjson.dumps(content)).hexdigest()


def _canonical_view(view: SymbolView) -> list[object]:
    candle, quote = view.candle, view.quote
    return [
        view.symbol,
        candle.timeframe.value,
        candle.open_time.isoformat(),
        candle.close_time.isoformat(),
        [f"{value:f}" for value in (candle.open, candle.high, candle.low, candle.close, candle.volume)],
        [f"{value:f}" for value in (quote.bid, quote.ask, quote.last)],
        quote.as_of.isoformat(),
        quote.estimated,
        sorted(view.features.items()),
        view.age / timedelta(microseconds=1),
        view.stale,
    ]
