"""A strategy that cannot sit still: it changes its mind at every other bar, with a stop close by."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from unittest.mock import patch

from domain.market import SymbolView
from domain.opinions import View
from strategies import catalog
from strategies.base import below, opinion

NAME = "restless"


class Restless:
    """In or out by a draw from the symbol and the bar: it knows nothing, and trades like it."""

    name = NAME
    features: tuple[str, ...] = ()

    def opine(self, view: SymbolView) -> View:
        bar = view.candle
        draw = random.Random(f"{view.symbol} {bar.close_time.timestamp():.0f}")  # noqa: S311 - a mood
        bullish = draw.random() < 0.55
        distance = draw.choice((0.004, 0.008, 0.02)) * float(bar.close)
        return opinion(
            self,
            view,
            stance=draw.choice((0.4, 0.7, 1.0)) if bullish else -1.0,
            confidence=1.0,
            horizon=timedelta(seconds=bar.timeframe.seconds),
            rationale="it felt like it",
            invalidation=below(view, distance) if bullish else None,
        )


@contextmanager
def hired() -> Iterator[None]:
    """Within the block the catalogue has it."""
    with patch.dict(catalog._MAKERS, {NAME: lambda told: Restless()}):
        yield
