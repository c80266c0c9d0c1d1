"""News that matter longer than before are read again: tightening a limit never forgets what was said."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.halt import HaltState
from domain.market import Headline
from execution.facts import FactsSource, no_breakers
from portfolio.portfolio import Portfolio
from tests.faults.world import BTC, CAPITAL, INSTRUMENTS, LIMITS, START
from tests.properties.history_world import WalkingFeed


@pytest.mark.parametrize(("seconds", "known"), [(3600, False), (7200, False), (7201, True), (14_400, True)])
def test_a_longer_news_blackout_holds_for_news_from_before_it_was_set(seconds: int, known: bool) -> None:
    feed, said = WalkingFeed(), START - timedelta(hours=2)
    feed.news.append(Headline("n", "Exchange hacked, funds stolen", "wire", said, said, (BTC,)))
    limits = replace(LIMITS, news_blackout_seconds=3600)
    portfolio = Portfolio(CAPITAL, INSTRUMENTS)
    source = FactsSource(portfolio, feed, lambda: HaltState.ACTIVE, limits, breakers=no_breakers)
    first = source.gather(BTC, START, ())
    assert first.market is not None
    assert first.market.severe_news_at is None
    source.limit_to(replace(limits, news_blackout_seconds=seconds))
    told = source.gather(BTC, START, ()).market
    assert told is not None
    assert told.severe_news_at == (said if known else None)
