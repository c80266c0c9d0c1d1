"""What the gate is told beyond the account: fresh when it must be, and the same for a desk that just woke."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from app import native
from domain.errors import LedgerError
from domain.halt import HaltState
from domain.market import Headline
from domain.money import Price, Symbol
from domain.orders import Order, OrderStatus, Side
from execution.facts import ASKED, FactsSource, no_breakers
from risk.facts import BreakerFacts, HealthFacts
from tests.faults.world import BTC, ETH, INSTRUMENTS, START, intent
from tests.unit.execution.gathering_stage import BARS, HOUR, LIMITS, D, Market, Place
from tests.unit.portfolio.portfolio_cases import buy, sell


def test_a_reduction_asks_the_market_nothing() -> None:
    place = Place()
    told = place.facts(entry=False)
    assert place.feed.asked == []
    assert (told.market, told.losses, told.book, told.recent_intents) == (None, None, None, None)
    assert (told.recent_orders, told.health, told.breakers) == (None, None, None)
    assert told.account is not None
    assert told.quote is not None


def test_depth_is_what_rests_on_each_side() -> None:
    told = Place().market()
    assert told.bids_quote == (D(39_999) + 40_000 + 40_001) * 2
    assert told.asks_quote == (D(40_001) + 40_002 + 40_003) * 3


def test_without_a_book_depth_is_unknown() -> None:
    place = Place()
    place.feed.levels = {}
    told = place.market()
    assert (told.bids_quote, told.asks_quote) == (None, None)


class Deep(Market):
    def depth(self, symbol: Symbol) -> tuple[Decimal, Decimal] | None:
        return D(7), D(8)


def test_a_feed_that_knows_its_depth_builds_no_book() -> None:
    place = Place()
    place.feed = Deep()
    source = FactsSource(place.portfolio, place.feed, lambda: HaltState.ACTIVE, LIMITS, breakers=no_breakers)
    told = source.gather(BTC, START, ()).market
    assert told is not None
    assert (told.bids_quote, told.asks_quote) == (D(7), D(8))
    assert f"book {BTC}" not in place.feed.asked


def test_the_volume_is_that_of_the_last_24_hours() -> None:
    place = Place()
    assert float(place.market().volume_quote or 0) == pytest.approx(2 * place.feed.past[BTC][-24:].sum())
    gone = Place()
    gone.feed.ends = gone.feed.ends - 10 * 3_600_000_000_000
    assert float(gone.market().volume_quote or 0) == pytest.approx(2 * gone.feed.past[BTC][-14:].sum())
    silent = Place()
    silent.feed.ends = silent.feed.ends - 24 * 3_600_000_000_000
    assert silent.market().volume_quote is None


def test_a_tape_that_began_within_the_hour_counts_what_there_is() -> None:
    place = Place()
    place.feed.ends = place.feed.ends + (BARS - 1) * 3_600_000_000_000 + 30 * 60_000_000_000
    assert place.market().volume_quote is None
    place.feed.now = START + timedelta(minutes=40)
    assert float(place.market().volume_quote or 0) == pytest.approx(2 * place.feed.past[BTC][0])


def test_the_reference_is_the_newest_close() -> None:
    place = Place()
    assert place.market().reference == 40_000

    class Gap(Market):
        def candle(self, symbol: Symbol) -> None:
            return None

    place.source = FactsSource(place.portfolio, Gap(), lambda: HaltState.ACTIVE, LIMITS, breakers=no_breakers)
    told = place.market().reference
    assert told == INSTRUMENTS[BTC].price(float(place.feed.past[BTC][-1]))


def headline(title: str, hours: float, *symbols: Symbol) -> Headline:
    at = START - hours * HOUR
    return Headline(title, title, "wire", at, at, symbols)


CRASH = "Exchange hacked, funds stolen, withdrawals suspended"


def test_severe_news_is_told_to_the_symbols_it_names() -> None:
    place = Place()
    place.feed.news = [headline(CRASH, 0.5, BTC), headline("Prices rise", 0.2, BTC)]
    told = place.facts(BTC).market, place.facts(ETH).market
    assert [each.severe_news_at if each else "" for each in told] == [START - 0.5 * HOUR, None]


def test_news_that_names_nobody_or_is_too_old_is_nothing_severe() -> None:
    place = Place()
    place.feed.news = [headline(CRASH, 0.5), headline(CRASH, 1.0, BTC)]
    assert place.market().severe_news_at is None


def test_news_that_comes_later_is_read_once() -> None:
    place = Place()
    assert place.market().severe_news_at is None
    place.feed.now = START + 2 * HOUR
    place.feed.news = [headline(CRASH, -1.5, BTC)]
    assert place.market().severe_news_at == START + 1.5 * HOUR
    asked = place.feed.asked.count("headlines")
    assert place.market(START + 2 * HOUR).severe_news_at == START + 1.5 * HOUR
    assert place.feed.asked.count("headlines") == asked


def test_a_desk_that_woke_later_knows_the_same_news() -> None:
    news = [headline(CRASH, -1.5, BTC), headline(CRASH, -1.8, ETH)]
    early, late = Place(), Place()
    early.feed.news = late.feed.news = news
    early.facts()
    for place in (early, late):
        place.feed.now = START + 2 * HOUR
    for symbol in (BTC, ETH):
        first, second = early.facts(symbol).market, late.facts(symbol).market
        assert first is not None
        assert second is not None
        assert first.severe_news_at == second.severe_news_at is not None


def test_without_a_news_blackout_no_headline_is_read() -> None:
    place = Place(replace(LIMITS, news_blackout_seconds=0))
    place.feed.news = [headline(CRASH, 0.5, BTC)]
    assert place.market().severe_news_at is None
    assert "headlines" not in place.feed.asked


def test_nothing_is_looked_up_twice_while_nothing_happens() -> None:
    place = Place()
    place.portfolio.book(buy("1", "40000"))
    first = place.facts()
    asked = list(place.feed.asked)
    second = place.facts()
    assert place.feed.asked == asked
    for name in ("account", "market", "book", "losses", "health"):
        assert getattr(first, name) is getattr(second, name)


def sent(place: Place, leg: int, at: datetime, **changes: Any) -> Order:
    order = Order(replace(intent(leg, at=at), **changes))
    place.source.submitted(at, order)
    return order


def test_orders_are_remembered_for_the_window_of_duplicates() -> None:
    place = Place()
    sent(place, 0, START)
    sent(place, 1, START + timedelta(seconds=1), symbol=ETH)
    sent(place, 2, START + timedelta(seconds=2), parent="algo", side=Side.SELL)

    def names(seconds: float) -> list[str]:
        told = place.facts(now=START + timedelta(seconds=seconds)).recent_intents
        assert told is not None
        return [each.client_id for each in told]

    assert names(2) == ["s-000001-02", "s-000001-00"]
    assert names(29.9) == ["s-000001-02", "s-000001-00"]
    assert names(30) == ["s-000001-02"]
    assert names(32) == []
    newest = place.facts(now=START + timedelta(seconds=3)).recent_intents
    assert newest is not None
    assert (newest[0].side, newest[0].quantity, newest[0].parent) == (Side.SELL, D("0.5"), "algo")


def test_an_order_that_the_venue_never_took_is_no_duplicate() -> None:
    place = Place()
    order = sent(place, 0, START)
    order.move(OrderStatus.SUBMITTING, START)
    order.move(OrderStatus.EXPIRED, START)
    assert place.facts().recent_intents == ()
    assert place.facts().recent_orders == 1
    taken = Place()
    order = sent(taken, 0, START)
    order.move(OrderStatus.SUBMITTING, START)
    order.move(OrderStatus.EXPIRED, START)
    order.venue_id = "v"
    assert len(taken.facts().recent_intents or ()) == 1


def test_the_rate_counts_its_own_window_whatever_that_of_duplicates_is() -> None:
    wide = replace(LIMITS, order_rate_window_seconds=60, duplicate_window_seconds=300)
    place = Place(wide)
    sent(place, 0, START)
    later = START + timedelta(seconds=60)
    assert place.facts(now=later - timedelta(microseconds=1)).recent_orders == 1
    assert place.facts(now=later).recent_orders == 0
    assert len(place.facts(now=later).recent_intents or ()) == 1
    assert place.facts(now=START + timedelta(seconds=300)).recent_intents == ()


def test_new_limits_count_from_the_next_review_on() -> None:
    place = Place()
    sent(place, 0, START)
    at = START + timedelta(seconds=40)
    assert place.facts(now=at).recent_intents == ()
    place.source.limit_to(replace(LIMITS, duplicate_window_seconds=60))
    assert len(place.facts(now=at).recent_intents or ()) == 1
    place.source.limit_to(replace(LIMITS, duplicate_window_seconds=None, order_rate_window_seconds=None))
    assert (place.facts(now=at).recent_intents, place.facts(now=at).recent_orders) == (None, None)


def test_the_last_answers_of_models_tell_their_health() -> None:
    place = Place()
    assert place.facts().health == HealthFacts(0, 0)
    place.source.answered(0, 0)
    assert place.facts().health == HealthFacts(0, 0)
    place.source.answered(4, 3)
    assert place.facts().health == HealthFacts(4, 3)
    for _ in range(4):
        place.source.answered(4, 0)
    assert place.facts().health == HealthFacts(ASKED, 3)
    place.source.answered(1, 0)
    assert place.facts().health == HealthFacts(ASKED, 3)
    place.source.answered(1, 0)
    assert place.facts().health == HealthFacts(ASKED, 2)


def test_breakers_are_asked_for_each_review_and_unknown_without_any() -> None:
    place = Place()
    place.breakers = BreakerFacts(D("0.5"), ("gap",))
    assert place.facts().breakers is place.breakers
    bare = FactsSource(place.portfolio, place.feed, lambda: HaltState.ACTIVE, LIMITS)
    assert bare.gather(BTC, START, ()).breakers is None
    assert no_breakers(BTC) == BreakerFacts(D(1), ())


def test_losses_are_those_of_every_fill_so_far() -> None:
    place = Place()
    place.facts()
    for each in (buy("1", "40000"), sell("1", "39000")):
        place.portfolio.book(each)
    told = place.facts().losses
    assert told is not None
    assert (told.streak, set(told.last_loss_at)) == (1, {BTC})
    assert told.week_start_equity == place.portfolio.week_start_equity
    place.portfolio.mark({}, START)
    again = place.facts().losses
    assert again is not told
    assert again is not None
    assert again.last_loss_at is told.last_loss_at


def test_open_orders_are_told_anew_only_when_they_changed() -> None:
    place = Place()
    order = Order(intent(0, limit="39000"))
    first = place.source.gather(BTC, START, [order]).open_orders
    second = place.source.gather(BTC, START, [order]).open_orders
    assert first is not None
    assert second is not None
    assert first[0] is second[0]
    order.filled = D("0.2")
    third = place.source.gather(BTC, START, [order]).open_orders
    assert third is not None
    assert third[0].remaining == D("0.3")
    order.intent = replace(order.intent, limit_price=Price(D(38_000)))
    fourth = place.source.gather(BTC, START, [order]).open_orders
    assert fourth is not None
    assert fourth[0].price == 38_000


def test_a_market_order_is_valued_at_the_ask_of_the_moment() -> None:
    place = Place()
    order = Order(intent(0))
    for last in (40_000, 41_000):
        place.feed.last = {**place.feed.last, BTC: D(last)}
        told = place.source.gather(BTC, START, [order]).open_orders
        assert told is not None
        assert told[0].price == D(last) + D("0.01")


def test_a_source_that_keeps_up_tells_the_same() -> None:
    kept, asked = Place(), Place()
    for fill in (buy("1", "40000"), buy("2", "2000", symbol=ETH), sell("0.5", "41000")):
        for place in (kept, asked):
            place.facts(BTC)
            place.portfolio.book(fill)
        kept.source.keep_up()
        assert kept.facts(BTC) == asked.facts(BTC)


@pytest.mark.skipif(native.active(), reason="compiled books cannot be broken from outside")
def test_what_cannot_be_kept_up_is_for_the_review_to_say(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place()
    place.facts(BTC)
    place.portfolio.book(buy("1", "40000"))

    def broken() -> None:
        raise LedgerError("the books are closed")

    monkeypatch.setattr(place.portfolio, "held", broken)
    place.source.keep_up()
    with pytest.raises(LedgerError):
        place.facts(BTC)


def test_a_fill_that_the_losses_cannot_take_in_is_not_forgotten() -> None:
    calm, feed = Place(), Market()
    feed.instruments = known = dict(INSTRUMENTS)
    source = FactsSource(calm.portfolio, feed, lambda: HaltState.ACTIVE, LIMITS, breakers=no_breakers)
    source.gather(ETH, START, ())
    for fill in (buy("1", "40000"), sell("1", "39000")):
        calm.portfolio.book(fill)
    bitcoin = known.pop(BTC)
    source.keep_up()
    with pytest.raises(KeyError):
        source.gather(ETH, START, ())
    known[BTC] = bitcoin
    assert source.gather(ETH, START, ()).losses == calm.facts(ETH, START).losses
