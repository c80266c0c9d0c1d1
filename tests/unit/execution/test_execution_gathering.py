"""What the gate is told beyond the account: fresh when it must be, and the same for a desk that just woke."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from domain.clock import to_ns
from domain.halt import HaltState
from domain.market import BookLevel, Headline, OrderBook
from domain.money import Price, Quantity, Symbol
from domain.orders import Order, OrderStatus, Side
from execution.book_facts import telling
from execution.facts import ASKED, FactsSource, no_breakers
from market.bars import Bars
from portfolio.portfolio import Portfolio
from risk.facts import BookFacts, BreakerFacts, HealthFacts, MarketFacts, RiskFacts
from risk.limits import DEFAULTS, RiskLimits
from risk.stress.scenarios import SCENARIOS, Scenario, loss
from tests.faults.world import BTC, CAPITAL, ETH, INSTRUMENTS, START, StillFeed, intent
from tests.unit.portfolio.portfolio_cases import buy, sell

D = Decimal
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
LIMITS = RiskLimits.from_mapping({**DEFAULTS, "allowed_symbols": [BTC, ETH]})
BARS = 200


class Market(StillFeed):
    """A past in which the price walked, a book of three levels, and headlines; it counts what is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.news: list[Headline] = []
        self.levels: Mapping[str, tuple[str, str]] = {"bids": ("39999", "2"), "asks": ("40001", "3")}
        chance = np.random.default_rng(4)
        moves = {symbol: chance.normal(0, 0.01, BARS) for symbol in self.symbols}
        self.past = {symbol: 100 * np.exp(np.cumsum(each)) for symbol, each in moves.items()}
        self.ends = to_ns(START) + np.arange(1 - BARS, 1, dtype=np.int64) * 3_600_000_000_000

    def history(self, symbol: Symbol, as_of: datetime, limit: int) -> Bars:
        self.asked.append(f"history {symbol}")
        close = self.past[symbol]
        length = 3_600_000_000_000
        bars = Bars(
            symbol,
            self.timeframe,
            self.ends - length,
            self.ends,
            close,
            close,
            close,
            close,
            np.full(BARS, 2.0),
        )
        known = bars.upto(as_of)
        return known.slice(max(0, len(known) - limit), len(known))

    def book(self, symbol: Symbol) -> OrderBook | None:
        self.asked.append(f"book {symbol}")
        if not self.levels:
            return None
        sides = {
            name: tuple(BookLevel(Price(D(price) + step), Quantity(D(size))) for step in range(3))
            for name, (price, size) in self.levels.items()
        }
        return OrderBook(symbol, self.now or START, sides["bids"], sides["asks"])

    def headlines(self, since: datetime) -> tuple[Headline, ...]:
        self.asked.append("headlines")
        now = self.now or START
        return tuple(each for each in self.news if since < each.available_at <= now)


class Place:
    """An account on that market, and the source of its facts."""

    def __init__(self, limits: RiskLimits = LIMITS) -> None:
        self.feed = Market()
        self.portfolio = Portfolio(CAPITAL, INSTRUMENTS)
        self.breakers = BreakerFacts(D(1), ())
        self.source = FactsSource(
            self.portfolio, self.feed, lambda: HaltState.ACTIVE, limits, breakers=lambda symbol: self.breakers
        )

    def facts(self, symbol: Symbol = BTC, now: datetime | None = None, **more: Any) -> RiskFacts:
        return self.source.gather(symbol, now or self.feed.now or START, (), **more)

    def market(self, now: datetime | None = None) -> MarketFacts:
        told = self.facts(now=now).market
        assert told is not None
        return told

    def book(self, symbol: Symbol = BTC, now: datetime | None = None) -> BookFacts:
        told = self.facts(symbol, now).book
        assert told is not None
        return told


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


def test_within_the_hour_a_fill_changes_the_book_but_not_how_assets_move() -> None:
    place = Place()
    before = place.book()
    assert (before.variance, before.covariance) == (D(0), D(0))
    looked = place.feed.asked.count(f"history {ETH}")
    place.portfolio.book(buy("1", "40000"))
    after = place.book(now=START + 59 * MINUTE)
    assert place.feed.asked.count(f"history {ETH}") == looked
    assert after.correlations == before.correlations
    assert float(after.variance) == pytest.approx(float(after.asset_variance) * 40_000**2)
    assert float(after.covariance) == pytest.approx(float(after.asset_variance) * 40_000)
    place.book(now=START + HOUR)
    assert place.feed.asked.count(f"history {ETH}") == looked + 1


def test_the_variance_of_the_book_is_that_of_all_that_is_held() -> None:
    place = Place()
    place.portfolio.book(buy("1", "40000"))
    place.portfolio.book(buy("10", "2000", symbol=ETH))
    btc, eth = place.book(BTC), place.book(ETH)
    a, b = float(btc.asset_variance), float(eth.asset_variance)
    c = float(btc.correlations[ETH]) * math.sqrt(a * b)
    assert btc.correlations[ETH] == eth.correlations[BTC]
    assert btc.variance == eth.variance
    assert float(btc.variance) == pytest.approx(40_000**2 * a + 20_000**2 * b + 2 * 40_000 * 20_000 * c)
    assert float(btc.covariance) == pytest.approx(40_000 * a + 20_000 * c)
    assert float(eth.covariance) == pytest.approx(40_000 * c + 20_000 * b)
    assert float(btc.worst_deviation) == pytest.approx(math.sqrt(max(a, b)))


def test_what_was_sold_leaves_the_book() -> None:
    place = Place()
    place.portfolio.book(buy("1", "40000"))
    place.portfolio.book(buy("10", "2000", symbol=ETH))
    place.book()
    place.portfolio.book(sell("1", "40000"))
    only = place.book(ETH)
    assert float(only.variance) == pytest.approx(20_000**2 * float(only.asset_variance))
    place.portfolio.book(sell("10", "2000", symbol=ETH))
    nothing = place.book(ETH)
    assert (nothing.variance, nothing.covariance, set(nothing.scenario_losses)) == (D(0), D(0), {D(0)})


def test_a_mark_changes_the_book() -> None:
    place = Place()
    place.portfolio.book(buy("1", "40000"))
    before = place.book().variance
    place.portfolio.mark({BTC: D(80_000)}, START)
    assert float(place.book().variance) == pytest.approx(4 * float(before))


def test_a_book_put_together_bit_by_bit_is_that_of_a_desk_that_just_woke() -> None:
    place = Place()
    steps = [buy("1", "40000"), buy("3", "2000", symbol=ETH), sell("0.5", "41000"), buy("0.1", "39000")]
    for each in steps:
        place.portfolio.book(each)
        place.facts()
    fresh = Place()
    for each in steps:
        fresh.portfolio.book(each)
    for symbol in (BTC, ETH):
        woken, known = fresh.facts(symbol), place.facts(symbol)
        assert woken.book == known.book
        assert woken.losses == known.losses
        assert woken.market == known.market


def test_the_worst_scenario_is_the_worst_of_all_scenarios() -> None:
    place = Place()
    place.portfolio.book(buy("1", "40000"))
    place.portfolio.book(buy("10", "2000", symbol=ETH))
    told = place.book()
    worst = max(loss(each, {"BTC": D(40_000), "ETH": D(20_000)}) for each in SCENARIOS)
    assert float(max(told.scenario_losses)) == pytest.approx(float(worst))
    for scenario in told.scenarios:
        assert scenario.shock_fraction == -next(e for e in SCENARIOS if e.name == scenario.name).shock("BTC")
        assert scenario.worst_fraction >= scenario.shock_fraction


def test_a_scenario_that_can_never_be_the_worst_is_left_out() -> None:
    mild = Scenario("mild", {"BTC": D("-0.1"), "ETH": D("-0.2")}, D(0), "")
    worse = Scenario("worse", {"BTC": D("-0.1"), "ETH": D("-0.3")}, D(0), "")
    other = Scenario("other", {"BTC": D("-0.2"), "ETH": D("-0.1")}, D(0), "")
    for order in ((mild, worse, other), (worse, other, mild), (other, mild, worse)):
        assert {each.name for each in telling(order, ["BTC", "ETH"])} == {"worse", "other"}
    assert [each.name for each in telling((mild, worse), ["BTC"])] == ["mild"]


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
