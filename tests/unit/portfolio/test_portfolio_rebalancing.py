"""When a rebalancing is due, to the edge, and what it would trade."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import ConfigError
from domain.money import Symbol
from portfolio.rebalancing import RebalancePolicy, drifted, plan, proposal, scheduled

BTC, ETH, SOL = Symbol("BTC/USDT"), Symbol("ETH/USDT"), Symbol("SOL/USDT")
D = Decimal
NOW = datetime(2026, 1, 5, tzinfo=UTC)
BASE = {BTC: D("0.4"), ETH: D("0.3")}


def test_the_first_is_always_due() -> None:
    assert scheduled(RebalancePolicy(), None) == "the first"
    assert scheduled(RebalancePolicy(every_bars=0), None) == "the first"


def test_the_schedule_to_the_bar() -> None:
    assert scheduled(RebalancePolicy(), 671) == ""
    assert scheduled(RebalancePolicy(), 672) == "672 bars since the last"
    assert scheduled(RebalancePolicy(every_bars=0), 9_999) == ""


@pytest.mark.parametrize(
    ("current", "expected"),
    [
        ({BTC: D("0.4499"), ETH: D("0.3")}, ""),
        ({BTC: D("0.45"), ETH: D("0.3")}, "BTC/USDT has drifted by 5.0 % of equity"),
        ({BTC: D("0.35"), ETH: D("0.3")}, "BTC/USDT has drifted by 5.0 % of equity"),
        ({BTC: D("0.45"), ETH: D("0.2")}, "ETH/USDT has drifted by 10.0 % of equity"),
        ({BTC: D("0.4")}, "ETH/USDT has drifted by 30.0 % of equity"),
        ({**BASE, SOL: D("0.06")}, "SOL/USDT has drifted by 6.0 % of equity"),
    ],
)
def test_the_threshold_to_the_digit(current: dict[Symbol, Decimal], expected: str) -> None:
    assert drifted(RebalancePolicy(), current, BASE) == expected
    assert drifted(RebalancePolicy(drift_fraction=D(0)), current, BASE) == ""


def test_nothing_has_not_drifted() -> None:
    assert drifted(RebalancePolicy(), {}, {}) == ""


def made(current: dict[Symbol, Decimal], target: dict[Symbol, Decimal]) -> Any:
    return plan(current, target, equity=D(10_000), cost_fraction=D("0.002"), min_trade_fraction=D("0.01"))


def test_a_plan_by_hand() -> None:
    found = made({BTC: D("0.5"), SOL: D("0.004")}, {BTC: D("0.4"), ETH: D("0.3")})
    assert [(trade.symbol, trade.value, trade.cost) for trade in found.trades] == [
        (BTC, D("-1000.0"), D("2.0000")),
        (SOL, D("-40.000"), D("0.080000")),  # dust, but it is to go
        (ETH, D("3000.0"), D("6.0000")),
    ]
    assert (found.turnover, found.cost) == (D("0.404"), D("8.080000"))


def test_what_is_too_small_to_trade_is_left_alone() -> None:
    assert made({BTC: D("0.4")}, {BTC: D("0.4099")}).trades == ()
    assert len(made({BTC: D("0.4")}, {BTC: D("0.41")}).trades) == 1
    assert made({}, {}).trades == ()


weights = st.dictionaries(
    st.sampled_from([BTC, ETH, SOL]), st.decimals("0", "0.33", places=4, allow_nan=False), max_size=3
)


@given(weights, weights)
def test_a_plan_leads_to_its_target(current: dict[Symbol, Decimal], target: dict[Symbol, Decimal]) -> None:
    found = plan(current, target, equity=D(5_000), cost_fraction=D(0), min_trade_fraction=D(0))
    after = dict(current)
    for trade in found.trades:
        assert trade.value == (trade.target - trade.current) * 5_000
        after[trade.symbol] = trade.target
    assert {name: weight for name, weight in after.items() if weight} == {
        name: weight for name, weight in target.items() if weight
    }
    signs = [trade.value > 0 for trade in found.trades]
    assert signs == sorted(signs), "sells come first"
    assert made(target, target).trades == ()


def test_a_plan_becomes_a_proposal() -> None:
    found = proposal("s-000001", NOW, made({BTC: D("0.5")}, {ETH: D("0.3")}), "back to the base")
    assert [(target.symbol, target.weight, target.stop) for target in found.targets] == [
        (BTC, D(0), None),
        (ETH, D("0.3"), None),
    ]
    assert {target.reason for target in found.targets} == {"back to the base"}
    assert (found.cycle_id, found.as_of) == ("s-000001", NOW)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"every_bars": -1}, "every_bars -1 is below 0"),
        ({"drift_fraction": D(1)}, "drift_fraction"),
        ({"drift_fraction": D("-0.01")}, "drift_fraction"),
        ({"min_trade_fraction": D("NaN")}, "min_trade_fraction"),
        ({"every_bars": 0, "drift_fraction": D(0)}, "nothing would ever"),
    ],
)
def test_policies_that_make_no_sense_are_refused(told: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        RebalancePolicy(**told)
