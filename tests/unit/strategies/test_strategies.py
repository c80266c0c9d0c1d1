"""What the classic strategies say, when they are silent, and that they declare what they read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import ConfigError
from domain.market import Candle, Quote, SymbolView, Timeframe
from domain.money import Price, Quantity, Symbol
from domain.opinions import Abstention, Opinion
from market.features import FeatureSpec
from strategies.base import Strategy, consult
from strategies.catalog import NAMES, make, make_all

BTC = Symbol("BTC/USDT")
NOW = datetime(2026, 1, 5, tzinfo=UTC)


def view(features: dict[str, float], close: str = "100.00", stale: bool = False) -> SymbolView:
    price = Price(Decimal(close))
    candle = Candle(
        BTC, Timeframe.H1, NOW - timedelta(hours=1), NOW, price, price, price, price, Quantity(Decimal(1))
    )
    quote = Quote(BTC, price, price, price, NOW)
    return SymbolView(BTC, candle, quote, features, timedelta(0), stale)


TREND = ("ema(12)", "ema(26)", "atr(14)")
CHANNEL = ("donchian_high(20)", "donchian_low(20)", "atr(14)")
SWING = ("rsi(14)", "atr(14)")

SAYS = [
    # strategy, its features, the sign of the stance (None: it abstains), the stop it names
    ("ma_crossover", dict(zip(TREND, (101.0, 100.0, 2.0), strict=True)), 1, "94.00"),
    ("ma_crossover", dict(zip(TREND, (99.0, 100.0, 2.0), strict=True)), -1, "94.00"),
    ("ma_crossover", dict(zip(TREND, (100.0, 100.0, 0.0), strict=True)), None, None),
    ("ma_crossover", {"ema(12)": 101.0, "ema(26)": 100.0}, None, None),
    ("breakout", dict(zip(CHANNEL, (100.5, 80.0, 1.0), strict=True)), 1, "97.00"),
    ("breakout", dict(zip(CHANNEL, (130.0, 99.0, 1.0), strict=True)), -1, None),
    ("breakout", dict(zip(CHANNEL, (110.0, 90.0, 1.0), strict=True)), None, None),
    ("breakout", dict(zip(CHANNEL, (100.0, 100.0, 1.0), strict=True)), None, None),
    ("rsi_reversion", dict(zip(SWING, (20.0, 2.0), strict=True)), 1, "95.00"),
    ("rsi_reversion", dict(zip(SWING, (85.0, 2.0), strict=True)), -1, None),
    ("rsi_reversion", dict(zip(SWING, (50.0, 2.0), strict=True)), None, None),
]


@pytest.mark.parametrize(("name", "features", "sign", "stop"), SAYS)
def test_each_strategy_says_what_its_features_mean(
    name: str, features: dict[str, float], sign: int | None, stop: str | None
) -> None:
    said = make(name).opine(view(features))
    if sign is None:
        assert isinstance(said, Abstention)
        return
    assert isinstance(said, Opinion)
    assert (said.source, said.symbol, said.stance) == (name, BTC, sign)
    assert said.invalidation == (Decimal(stop) if stop is not None else None)


def test_a_feature_that_warms_up_is_named() -> None:
    said = make("ma_crossover").opine(view({"ema(12)": 1.0}))
    assert isinstance(said, Abstention)
    assert "ema(26)" in said.reason
    assert "ema(12)" not in said.reason


def test_a_wider_gap_is_surer() -> None:
    near, far = (
        make("ma_crossover").opine(view(dict(zip(TREND, (100.0 + gap, 100.0, 2.0), strict=True))))
        for gap in (0.1, 3.0)
    )
    assert isinstance(near, Opinion)
    assert isinstance(far, Opinion)
    assert far.confidence > near.confidence


@pytest.mark.parametrize("name", NAMES)
@given(values=st.lists(st.floats(0.01, 1e6), min_size=3, max_size=3), close=st.floats(0.02, 1e6))
def test_no_input_leads_outside_the_ranges(name: str, values: list[float], close: float) -> None:
    strategy = make(name)
    features = dict(zip(strategy.features, values, strict=False))
    said = strategy.opine(view(features, f"{close:.2f}"))
    if isinstance(said, Opinion):
        assert said.invalidation is None or Decimal(0) < said.invalidation < Decimal(f"{close:.2f}")
        assert said.horizon > timedelta(0)


@pytest.mark.parametrize("name", NAMES)
def test_declared_features_exist(name: str) -> None:
    for feature in make(name).features:
        assert str(FeatureSpec.parse(feature)) == feature


@pytest.mark.parametrize(
    ("name", "parameters", "said"),
    [
        ("ma_crosover", {}, "no strategy 'ma_crosover'"),
        ("ma_crossover", {"fast": 30, "slow": 20}, "fast 30 is not shorter"),
        ("ma_crossover", {"fats": 3}, "fats"),
        ("rsi_reversion", {"oversold": 80}, "oversold"),
        ("breakout", {"zone": 0.5}, "zone"),
    ],
)
def test_wrong_parameters_are_refused_by_name(name: str, parameters: dict[str, float], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make(name, parameters)


def test_a_strategy_named_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="twice"):
        make_all(("breakout", "breakout"))


class Broken:
    name = "broken"
    features: tuple[str, ...] = ()

    def opine(self, view: SymbolView) -> Opinion:
        raise ZeroDivisionError("nothing to divide")


def test_a_strategy_that_fails_abstains_on_record() -> None:
    broken: Strategy = Broken()
    said = consult(broken, view({}))
    assert said == Abstention("broken", BTC, "ZeroDivisionError: nothing to divide", failed=True)


def test_stale_data_is_no_ground_for_an_opinion() -> None:
    said = consult(make("rsi_reversion"), view(dict(zip(SWING, (20.0, 2.0), strict=True)), stale=True))
    assert isinstance(said, Abstention)
