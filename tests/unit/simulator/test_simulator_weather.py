"""A storm on the synthetic market: rougher and wider by about what it says, and as repeatable as ever."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from math import log, sqrt

import pytest

from domain.errors import ConfigError
from domain.market import Timeframe
from domain.money import Symbol
from simulator.assets import ASSETS
from simulator.exchange.tape import SyntheticTape
from simulator.weather import FAIR, STORM, Weather, weather_of

START = datetime(2026, 1, 5, tzinfo=UTC)
BTC = Symbol("BTC/USDT")


def roughness(weather: Weather) -> tuple[float, float]:
    """The standard deviation of a minute's log return over a week, and the mean spread in parts of price."""
    tape = SyntheticTape(3, [BTC], START, weather=weather)
    closes = [bar.close for bar in tape.history(BTC, START)[Timeframe.M1]]
    moves = [log(after / before) for before, after in pairwise(closes)]
    spread = sum(float(block.spread.sum()) for block in (tape._blocks[at].coins[0] for at in range(8)))
    return sqrt(sum(move * move for move in moves) / len(moves)), spread


def test_a_storm_is_rougher_and_wider() -> None:
    (calm, narrow), (rough, wide) = roughness(FAIR), roughness(STORM)
    assert 3.0 < rough / calm < 9.0
    assert 5.0 < wide / narrow < 12.0


def test_jumps_frighten() -> None:
    assert roughness(Weather(jumps=3.0))[0] > 1.2 * roughness(FAIR)[0]


def test_the_usual_weather_changes_nothing() -> None:
    assert FAIR.over(ASSETS["BTC"]) == ASSETS["BTC"]
    told = SyntheticTape(3, [BTC], START).history(BTC, START)
    assert [
        bar.close for bar in SyntheticTape(3, [BTC], START, weather=FAIR).history(BTC, START)[Timeframe.D1]
    ] == [bar.close for bar in told[Timeframe.D1]]


def test_weather_has_names_and_bounds() -> None:
    assert weather_of("storm") is STORM
    with pytest.raises(ConfigError, match="there is no weather 'drizzle'"):
        weather_of("drizzle")
    with pytest.raises(ConfigError, match=r"spread 0\.0 of the weather"):
        Weather(spread=0.0)
