"""The crash report: what counts as kept, and that a reckless policy can be run through a fall."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from bench.crash_page import page
from bench.crash_witness import Crossing, Loss, Run
from bench.crashes import POLICIES, crash

START = datetime(2021, 5, 1, tzinfo=UTC)
BASE = Decimal(100)


def told(*bars: tuple[str, str, str], limit: float = 0.05, starts: tuple[int, ...] = ()) -> Loss:
    """A loss after bars of (equity, gap, selling) in an account that began with 100."""
    loss = Loss(limit)
    crossing, start = Crossing(loss), 0
    for number, (equity, gap, selling) in enumerate(bars):
        start += number in starts
        at = START + timedelta(hours=number)
        crossing.mark(start, BASE, Decimal(equity), Decimal(gap), Decimal(selling), at)
    return loss


def test_a_loss_below_its_limit_is_kept_and_has_no_gap() -> None:
    loss = told(("97", "9", "9"), ("95.01", "9", "9"))
    assert (loss.passed, loss.gap, loss.selling) == (True, 0.0, 0.0)
    assert loss.worst == pytest.approx(0.0499)
    assert loss.at == "2021-05-01 01:00"


def test_the_bar_that_reaches_the_limit_may_pass_it_by_its_own_gap_and_no_more() -> None:
    assert told(("96", "0", "0"), ("93", "2", "0")).passed
    assert not told(("96", "0", "0"), ("92.99", "2", "0")).passed


def test_the_next_bar_may_add_what_selling_cost_and_later_ones_nothing() -> None:
    assert told(("93", "2", "0"), ("92.5", "7", "0.5")).passed
    assert not told(("93", "2", "0"), ("92.49", "7", "0.5")).passed
    assert not told(("93", "2", "0"), ("92.5", "7", "0.5"), ("92.4", "7", "0.5")).passed


def test_a_new_day_begins_anew() -> None:
    loss = told(("93", "2", "0"), ("96", "0", "0"), ("94", "0.5", "0"), starts=(1,))
    assert not loss.passed  # the second day passed the limit by one, its bar explains a half
    assert loss.worst == pytest.approx(0.07)
    assert loss.gap == pytest.approx(0.02)


def candles(folder: Path) -> None:
    """Two weeks of hours at rest, then a slide of 40 % within a day and a half."""
    import pandas as pd

    count = 24 * 20
    times = pd.date_range(START, periods=count, freq="h", tz="UTC")
    random = np.random.default_rng(1)
    path = np.ones(count)
    path[24 * 14 : 24 * 14 + 36] = 0.6 ** (1 / 36)
    for number, base in enumerate(("BTC", "ETH", "SOL")):
        close = 100.0 * (number + 1) * np.cumprod(path * np.exp(random.standard_normal(count) * 0.002))
        before = np.concatenate(([close[0]], close[:-1]))
        table = {
            "timestamp": times,
            "open": before,
            "high": np.maximum(before, close) * 1.001,
            "low": np.minimum(before, close) * 0.999,
            "close": close,
            "volume": np.full(count, 1e6),
        }
        pd.DataFrame(table).to_parquet(folder / f"{base}-USDT.parquet")


@pytest.mark.parametrize("policy", POLICIES)
async def test_a_slide_costs_no_policy_more_than_its_limits(tmp_path: Path, policy: str) -> None:
    candles(tmp_path)
    run = await crash(tmp_path, "a slide", "2021-05-12", "2021-05-18", policy)
    assert run.kept
    assert run.bars == 7 * 24
    assert run.day.limit == 0.05
    if policy != POLICIES[0]:
        assert run.asked > run.bought > 0
        assert run.refusals["stop_required"] > 0
        assert run.most_invested > 0.5
    if policy == POLICIES[2]:
        assert run.breakers == []
        assert run.total_return < -0.02


def test_no_breaker_the_settings_know_is_left_within_reach_by_accident() -> None:
    from app.breakers_section import BreakersSection
    from bench.crashes import OUT_OF_REACH

    assert set(OUT_OF_REACH) <= set(BreakersSection.model_fields)


def test_the_page_tells_what_was_kept_and_what_was_not() -> None:
    good = Run("one", "default", "2021-01-01", "2021-01-31", Loss(0.05, 0.03, "x"), Loss(0.2, 0.1, "y"))
    bad = Run("one", "reckless", "2021-01-01", "2021-01-31", Loss(0.05, 0.09, "x", 0.01), Loss(0.2))
    bad.day.passed = False
    good.costs = {"taker": "0.001"}
    good.breakers = [f"at {number} drawdown open" for number in range(20)]
    told = page([good, bad])
    assert "taker 0.001" in told
    assert (
        "| one | default | +0.0% | +0.0% | 3.00% | 5% | - | - | 10.00% | 20% | - | - | 0% | 0.0% | yes |"
        in told
    )
    assert "9.00% | 5% | 1.00% | 0.00% |" in told
    assert "**NO**" in told
    assert "and 6 more" in told
