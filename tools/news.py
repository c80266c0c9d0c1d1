"""The tool that looks at headlines: scored, aged, quoted, and orders in them left out."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from typing import Annotated, Any, Final

from pydantic import Field

from domain.market import Headline
from tools.context import ToolContext
from tools.market import view_of
from tools.registry import Arguments, Seen, Value
from tools.untrusted import gives_orders, quote

MAX_HEADLINES: Final = 20


class HeadlinesArguments(Arguments):
    """Headlines about a symbol, or about the whole market, of the last `hours`."""

    symbol: str
    hours: Annotated[int, Field(ge=1, le=168)] = 48


def headlines(args: HeadlinesArguments, context: ToolContext) -> Seen:
    """The newest headlines with lexicon score in [-1, 1] and age in hours; `about` is symbol or market.

    The same story told twice counts once, at its first telling. A headline that talks to the machine is
    not shown and not counted; `left_out` says how many there were.
    """
    view = view_of(args.symbol, context)
    now = context.snapshot.as_of
    oldest = now - timedelta(hours=args.hours)
    found: dict[str, Headline] = {}
    left_out = 0
    for headline in sorted(context.snapshot.headlines, key=_when):
        if not oldest < headline.available_at <= now:
            continue
        if headline.symbols and view.symbol not in headline.symbols:
            continue
        if gives_orders(headline.title) or gives_orders(headline.source):
            left_out += 1
        else:
            found.setdefault(quote(headline.title).casefold(), headline)
    kept = sorted(found.values(), key=_when)[-MAX_HEADLINES:]
    rows: list[dict[str, Any]] = []
    values: dict[str, Value] = {"count": float(len(kept)), "left_out": float(left_out)}
    for number, headline in enumerate(reversed(kept), start=1):
        score = lexicon_score(headline.title)
        values[f"h{number}"] = score
        rows.append(
            {
                "name": f"h{number}",
                "title": quote(headline.title),
                "source": quote(headline.source),
                "about": "symbol" if headline.symbols else "market",
                "age_hours": round((now - headline.available_at) / timedelta(hours=1), 2),
                "score": score,
            }
        )
    ids = [headline.headline_id for headline in reversed(kept)]
    return Seen(view.symbol, now, values, {**values, "headlines": rows, "headline_ids": ids})


def _when(headline: Headline) -> tuple[object, str]:
    return headline.available_at, headline.headline_id


@lru_cache(maxsize=16_384)
def lexicon_score(title: str) -> float:
    """The lexicon's score of a headline in [-1, 1]; the same words always score the same."""
    from market.news.lexicon import score

    return round(score(quote(title)), 4)
