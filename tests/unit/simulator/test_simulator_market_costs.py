"""Impact, latency, fee ladders and withdrawal fees by themselves, and on top of the book walk."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from domain.errors import ConfigError
from domain.market import Candle
from domain.money import Currency
from domain.orders import Fill, Side
from simulator.costs import BookWalk, FeeSchedule, NextOpen
from simulator.fees import LADDERS, FeeLadder, Turnover, rates, withdrawal_fee
from simulator.impact import Impact, bar_volatility, depth_at
from simulator.latency import Latency
from simulator.matching import MatchingCore
from tests.scenarios.stage import BTC, COIN, HOUR, INSTRUMENT, START, USDT, bar, book, order

BAR = bar(0, "100", "101", "99", "100", volume="1000")
WIDE = bar(0, "100", "104", "96", "100", volume="1000")


def at_hour(hour: int) -> Candle:
    return replace(BAR, open_time=START + hour * HOUR, close_time=START + (hour + 1) * HOUR)


def test_the_volatility_of_a_bar_is_parkinsons() -> None:
    assert bar_volatility(BAR) == pytest.approx(Decimal("0.0120"), abs=Decimal("0.0001"))
    assert bar_volatility(bar(0, "100", "100", "100", "100")) == 0


def test_impact_is_the_square_root_of_the_share_of_volume() -> None:
    impact = Impact(Decimal(1))
    one, four = impact.share(Decimal(10), BAR), impact.share(Decimal(40), BAR)
    assert four == pytest.approx(2 * one)
    assert one == pytest.approx(bar_volatility(BAR) * (Decimal("0.01") / depth_at(0)).sqrt())


def test_impact_grows_with_volatility_and_falls_with_volume() -> None:
    impact, size = Impact(), Decimal(10)
    usual = impact.share(size, BAR)
    assert impact.share(size, WIDE) == pytest.approx(4 * usual)
    assert impact.share(size, bar(0, "100", "101", "99", "100", volume="4000")) == pytest.approx(usual / 2)
    assert Impact(Decimal(0)).share(size, BAR) == 0
    assert impact.share(size, bar(0, "100", "101", "99", "100", volume="0")) == 0


def test_the_book_is_deepest_before_noon_and_thinnest_in_the_evening() -> None:
    depths = [depth_at(hour) for hour in range(24)]
    assert max(depths) == depths[11] == Decimal("1.24")
    assert min(depths) == depths[21] == Decimal("0.76")
    assert sum(depths) / 24 == pytest.approx(Decimal(1))
    assert Impact().share(Decimal(1), at_hour(21)) > Impact().share(Decimal(1), at_hour(11))


@pytest.mark.parametrize("coefficient", ["-0.1", "10.1"])
def test_an_impact_out_of_range_is_refused(coefficient: str) -> None:
    with pytest.raises(ConfigError, match=r"outside \[0, 10\]"):
        Impact(Decimal(coefficient))


def test_latency_is_usual_in_quiet_markets_and_grows_with_volatility() -> None:
    latency = Latency(timedelta(milliseconds=200))
    assert latency.delay(bar(0, "100", "100.01", "99.99", "100")) == Decimal("0.2")
    nervous = bar_volatility(BAR) * Decimal(24 * 365).sqrt() / Decimal("0.6")
    assert latency.delay(BAR) == pytest.approx(Decimal("0.2") * nervous)
    assert latency.delay(BAR) < latency.delay(WIDE) < 5
    assert latency.delay(bar(0, "100", "190", "50", "100")) == 5


def test_latency_costs_the_expected_adverse_move() -> None:
    latency = Latency(timedelta(seconds=1), volatility=Decimal(100))
    assert latency.delay(BAR) == 1
    assert latency.share(BAR) == pytest.approx(
        bar_volatility(BAR) / 60 * Decimal("0.3989"), rel=Decimal("0.001")
    )
    assert Latency(timedelta(0)).share(BAR) == 0


@pytest.mark.parametrize(
    "changes", [{"usual": timedelta(-1)}, {"usual": timedelta(9)}, {"volatility": Decimal(0)}]
)
def test_a_latency_out_of_range_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        Latency(**changes)  # type: ignore[arg-type]  # any field


def take(model: BookWalk, **changes: object) -> tuple[Decimal, Decimal]:
    arguments = {
        "buy": True,
        "quantity": Decimal(4),
        "price": Decimal(100),
        "limit": None,
        "candle": BAR,
        "book": book([("99.99", "10")], [("100.01", "2"), ("100.05", "8")]),
        "taken": Decimal(0),
        "instrument": INSTRUMENT,
    }
    return model.take(**{**arguments, **changes})  # type: ignore[arg-type]  # a mapping of all arguments


def test_impact_and_latency_worsen_a_walk_and_only_a_fresh_order_is_late() -> None:
    assert take(BookWalk()) == (Decimal(4), Decimal("100.03"))
    share = Impact(Decimal(1)).share(Decimal(4), BAR)
    dearer: Decimal = INSTRUMENT.price_up(Decimal("100.03") * (1 + share))
    assert take(BookWalk(impact=Impact(Decimal(1)))) == (
        Decimal(4),
        dearer,
    )
    assert take(BookWalk(impact=Impact(Decimal(1))), buy=False)[1] < Decimal("99.95")
    late = BookWalk(latency=Latency(timedelta(seconds=4)))
    assert take(late) == (Decimal(4), Decimal("100.03"))
    assert take(late, fresh=True)[1] > Decimal("100.03")
    assert take(late, fresh=True, buy=False)[1] < Decimal("99.99")
    assert take(late, fresh=True, book=None)[1] > take(late, book=None)[1]


def test_what_was_taken_before_makes_the_next_order_dearer() -> None:
    model = BookWalk(impact=Impact(Decimal(1)))
    assert take(model, taken=Decimal(50))[1] > take(model)[1]


def test_a_limit_holds_against_impact_and_latency() -> None:
    model = BookWalk(impact=Impact(Decimal(1)), latency=Latency())
    assert take(model, limit=Decimal("100.02")) == (Decimal(0), Decimal(100))
    quantity, price = take(model, limit=Decimal("100.08"))
    assert quantity == 2
    assert Decimal("100.01") < price <= Decimal("100.08")
    assert take(model, limit=Decimal("100.05"), fresh=True)[0] == 0


def test_a_queue_below_zero_is_refused() -> None:
    with pytest.raises(ConfigError, match="below zero"):
        BookWalk(queue=Decimal(-1))


@pytest.mark.parametrize(
    ("venue", "turnover", "maker", "taker"),
    [
        ("binance", "0", "0.001", "0.001"),
        ("binance", "999999", "0.001", "0.001"),
        ("binance", "1000000", "0.0009", "0.001"),
        ("gate", "0", "0.002", "0.002"),
        ("mexc", "1e12", "0", "0.0005"),
        ("coinbase", "10000", "0.0025", "0.004"),
        ("coinbase", "1e12", "0", "0.0005"),
    ],
)
def test_the_ladder_of_a_venue(venue: str, turnover: str, maker: str, taker: str) -> None:
    assert LADDERS[venue].at(Decimal(turnover)) == FeeSchedule(Decimal(maker), Decimal(taker))


def test_rates_never_rise_with_turnover() -> None:
    for ladder in LADDERS.values():
        for kind in ("maker", "taker"):
            falling = [getattr(schedule, kind) for _, schedule in ladder.steps]
            assert falling == sorted(falling, reverse=True)


def test_a_rate_that_is_given_wins() -> None:
    given = Decimal("0.0003")
    assert rates(None, Decimal(0), None, None) == (FeeSchedule(Decimal("0.001"), Decimal("0.001")), None)
    assert rates("gate", Decimal(0), None, None) == (LADDERS["gate"].at(Decimal(0)), LADDERS["gate"])
    assert rates("gate", Decimal(0), given, None) == (FeeSchedule(given, Decimal("0.002")), None)
    assert rates(None, Decimal(0), None, given) == (FeeSchedule(Decimal("0.001"), given), None)
    with pytest.raises(ConfigError, match="no fees are known of 'kraken'"):
        rates("kraken", Decimal(0), None, None)


def test_a_ladder_begins_at_zero_and_rises() -> None:
    rate = FeeSchedule(Decimal(0), Decimal(0))
    with pytest.raises(ConfigError, match="begins at a turnover of 0"):
        FeeLadder(((Decimal(1), rate),))
    with pytest.raises(ConfigError, match="must rise"):
        FeeLadder(((Decimal(0), rate), (Decimal(5), rate), (Decimal(5), rate)))


def test_turnover_is_of_the_thirty_days_before() -> None:
    turnover, day = Turnover(Decimal(7)), timedelta(days=1)
    turnover.add(START, Decimal(100))
    assert turnover.of_month(START.date()) == 7
    assert turnover.of_month((START + day).date()) == 107
    assert turnover.of_month((START + 30 * day).date()) == 107
    assert turnover.of_month((START + 31 * day).date()) == 0


def test_the_rates_of_a_day_follow_what_was_traded_before_it() -> None:
    cheap, dear = FeeSchedule(Decimal(0), Decimal("0.001")), FeeSchedule(Decimal(0), Decimal("0.01"))
    ladder = FeeLadder(((Decimal(0), dear), (Decimal(150), cheap)))
    core = MatchingCore({BTC: INSTRUMENT}, dear, NextOpen(), {USDT: Decimal(1000)}, ladder=ladder)
    fees = []
    for index in (0, 1, 24):  # two on the first day, one on the next
        core.submit(order(f"o{index}", Side.BUY, "1"), START + index * HOUR, Decimal(100))
        (fill,) = core.on_bar(bar(index, "100", "100", "100", "100"))
        assert isinstance(fill, Fill)
        fees.append(fill.fee.amount)
    assert fees == [1, 1, Decimal("0.1")]
    assert core.fees == cheap


def test_a_restart_remembers_the_turnover() -> None:
    cheap, dear = FeeSchedule(Decimal(0), Decimal("0.001")), FeeSchedule(Decimal(0), Decimal("0.01"))
    ladder = FeeLadder(((Decimal(0), dear), (Decimal(150), cheap)))
    core = MatchingCore({BTC: INSTRUMENT}, dear, NextOpen(), {USDT: Decimal(1000)}, ladder=ladder)
    core.submit(order("a", Side.BUY, "2"), START, Decimal(100))
    (fill,) = core.on_bar(bar(0, "100", "100", "100", "100"))
    assert isinstance(fill, Fill)
    again = MatchingCore({BTC: INSTRUMENT}, dear, NextOpen(), {USDT: Decimal(1000)}, ladder=ladder)
    again.remember([fill])
    again.submit(order("b", Side.BUY, "1"), START + 24 * HOUR, Decimal(100))
    (later,) = again.on_bar(bar(24, "100", "100", "100", "100"))
    assert isinstance(later, Fill)
    assert later.fee.amount == Decimal("0.1")


def test_withdrawal_fees_are_in_the_coin_that_leaves() -> None:
    assert withdrawal_fee("binance", COIN) == Decimal("0.00003")
    assert withdrawal_fee("coinbase", Currency("USDC")) == 0
    with pytest.raises(ConfigError, match="Known: BTC"):
        withdrawal_fee("gate", Currency("NOPE"))
    with pytest.raises(ConfigError, match="Known: binance"):
        withdrawal_fee("kraken", COIN)
