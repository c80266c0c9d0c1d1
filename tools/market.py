"""Tools that look at prices: candles, indicators and the order book."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from domain.errors import DataError, UnknownSymbol
from domain.market import BookLevel, SymbolView
from domain.money import Symbol
from tools.context import ToolContext
from tools.registry import Arguments, Seen, Value


class SymbolArguments(Arguments):
    """One symbol of the snapshot."""

    symbol: str


class CandlesArguments(Arguments):
    """The newest `limit` closed bars of a symbol, on the desk's timeframe."""

    symbol: str
    limit: Annotated[int, Field(ge=2, le=200)] = 24


class BookArguments(Arguments):
    """The best `levels` of each side of a symbol's book."""

    symbol: str
    levels: Annotated[int, Field(ge=1, le=20)] = 10


def view_of(symbol: str, context: ToolContext) -> SymbolView:
    """The snapshot's view of a symbol. Raises UnknownSymbol for one that is not in it."""
    view = context.snapshot.views.get(Symbol(symbol))
    if view is None:
        known = ", ".join(context.snapshot.views) or "none"
        raise UnknownSymbol(f"{symbol} is not in the snapshot", fix=f"Its symbols: {known}")
    return view


def indicators(args: SymbolArguments, context: ToolContext) -> Seen:
    """Last close, quote, and every declared indicator that has warmed up."""
    view = view_of(args.symbol, context)
    quote = view.quote
    values: dict[str, Value] = {
        "close": float(view.candle.close),
        "bid": float(quote.bid),
        "ask": float(quote.ask),
        "age_seconds": view.age.total_seconds(),
        "stale": "yes" if view.stale else "no",
        **view.features,
    }
    return Seen(view.symbol, context.snapshot.as_of, values, values)


def candles(args: CandlesArguments, context: ToolContext) -> Seen:
    """The newest closed bars, and what they add up to. Raises DataError when there are none."""
    view = view_of(args.symbol, context)
    bars = context.feed.history(view.symbol, context.snapshot.as_of, args.limit)
    count = len(bars)
    if count == 0:
        raise DataError(f"{args.symbol} has no closed bar at {context.snapshot.as_of:%Y-%m-%d %H:%M}")
    opens, highs, lows = bars.open.tolist(), bars.high.tolist(), bars.low.tolist()
    closes, volumes = bars.close.tolist(), bars.volume.tolist()
    values: dict[str, Value] = {
        "bars": float(count),
        "close": closes[-1],
        "high": max(highs),
        "low": min(lows),
        "change_percent": round((closes[-1] / opens[0] - 1.0) * 100.0, 4),
        "mean_volume": sum(volumes) / count,
        "last_volume": volumes[-1],
    }
    rows = list(zip(opens, highs, lows, closes, volumes, strict=True))
    return Seen(view.symbol, context.snapshot.as_of, values, {**values, "open_high_low_close_volume": rows})


def book(args: BookArguments, context: ToolContext) -> Seen:
    """Spread in basis points, depth in quote currency and imbalance. Raises DataError without a book.

    Imbalance is (bid depth - ask depth) / (bid depth + ask depth), in [-1, 1].
    """
    view = view_of(args.symbol, context)
    found = context.feed.book(view.symbol)
    if found is None or not found.bids or not found.asks:
        raise DataError(f"{args.symbol} has no order book")
    bid, ask = float(found.bids[0].price), float(found.asks[0].price)
    bids, asks = _depth(found.bids[: args.levels]), _depth(found.asks[: args.levels])
    values: dict[str, Value] = {
        "bid": bid,
        "ask": ask,
        "spread_bps": round((ask - bid) / (ask + bid) * 20_000.0, 3),
        "bid_depth": round(bids, 2),
        "ask_depth": round(asks, 2),
        "imbalance": round((bids - asks) / (bids + asks), 4) if bids + asks > 0 else 0.0,
        "estimated": "yes" if found.estimated else "no",
        "as_of": found.as_of.isoformat(),
    }
    return Seen(view.symbol, context.snapshot.as_of, values, values)


def _depth(levels: tuple[BookLevel, ...]) -> float:
    return sum(float(level.price) * float(level.quantity) for level in levels)
