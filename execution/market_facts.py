"""The gate's facts about one market: reference price, visible depth, a day's volume, severe news.

Each is worked out when an entry asks for it, and kept for as long as what it comes from stands.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from domain.clock import to_ns
from domain.market import BookLevel, Quote
from domain.money import ZERO, Price, Symbol
from market.feed import Depths, Feed
from risk.facts import MarketFacts

SEVERE: Final = -0.6
"""A headline that the word lists score at this or below is severe; -1 is the worst there is."""
_HOUR: Final = timedelta(hours=1)
_DAY_NS: Final = 86_400 * 1_000_000_000


class MarketSource:
    """Facts about the markets of one feed.

    The reference is the newest closed bar's close: on a venue it comes from the candles, the quote from the
    order book. The volume is that of the 24 hours up to the last full hour,
    or of the tape so far when it is younger than that. A book or volume that the feed
    does not have is None.
    """

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._depth: Callable[[Symbol], tuple[Decimal, Decimal] | None] = (
            feed.depth if isinstance(feed, Depths) else self._walk
        )
        self._bars_a_day = -(-86_400 // feed.timeframe.seconds)
        self._known: dict[Symbol, tuple[datetime, datetime | None, MarketFacts]] = {}
        self._volumes: dict[Symbol, tuple[datetime, datetime, Decimal | None]] = {}
        self._severe: dict[Symbol, datetime] = {}
        self._read_until: datetime | None = None

    def facts(self, symbol: Symbol, quote: Quote | None, now: datetime, news: timedelta) -> MarketFacts:
        """What is known at `now`; `news` is how far back headlines matter."""
        bar, stamp = self._feed.now, None if quote is None else quote.as_of
        known = self._known.get(symbol)
        if known is not None and known[0] == now and known[1] == stamp:
            return known[2]
        depth = self._depth(symbol)
        facts = MarketFacts(
            reference=self._reference(symbol, now) if bar is not None else None,
            bids_quote=None if depth is None else depth[0],
            asks_quote=None if depth is None else depth[1],
            volume_quote=self._volume(symbol, now),
            severe_news_at=self._severe_at(symbol, now, news) if news else None,
        )
        self._known[symbol] = (now, stamp, facts)
        return facts

    def _reference(self, symbol: Symbol, now: datetime) -> Price | None:
        feed = self._feed
        candle = feed.candle(symbol)
        if candle is not None:
            return candle.close
        bars = feed.history(symbol, now, 1)
        return feed.instruments[symbol].price(float(bars.close[-1])) if len(bars) else None

    def _walk(self, symbol: Symbol) -> tuple[Decimal, Decimal] | None:
        book = self._feed.book(symbol)
        return None if book is None else (_worth(book.bids), _worth(book.asks))

    def _volume(self, symbol: Symbol, now: datetime) -> Decimal | None:
        known = self._volumes.get(symbol)
        if known is None or not known[0] <= now < known[1]:
            hour = now.replace(minute=0, second=0, microsecond=0)
            known = (hour, hour + _HOUR, self._add_up(symbol, hour))
            if known[2] is None:  # a tape that began within this hour
                return self._add_up(symbol, now)
            self._volumes[symbol] = known
        return known[2]

    def _add_up(self, symbol: Symbol, until: datetime) -> Decimal | None:
        bars = self._feed.history(symbol, until, self._bars_a_day)
        first = int(bars.close_ns.searchsorted(to_ns(until) - _DAY_NS, side="right"))
        if first >= len(bars):
            return None
        return Decimal(repr(float(bars.volume[first:] @ bars.close[first:])))

    def _severe_at(self, symbol: Symbol, now: datetime, window: timedelta) -> datetime | None:
        """When the newest severe headline about the symbol became known; None when none did in the window."""
        read = self._read_until
        if read is None or read < now:
            since = now - window if read is None else max(read, now - window)
            self._read_until = now
            for headline in self._feed.headlines(since):
                if headline.symbols and _score(headline.title) <= SEVERE:
                    for each in headline.symbols:
                        self._severe[each] = headline.available_at
        return self._severe.get(symbol)


def _score(title: str) -> float:
    from market.news.lexicon import score

    return score(title)


def _worth(levels: tuple[BookLevel, ...]) -> Decimal:
    total = ZERO
    for level in levels:
        total += level.price * level.quantity
    return total
