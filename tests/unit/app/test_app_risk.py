"""`desk risk` and `desk risk stress`: a home's book measured, an empty one, a short one, the user's files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from app.home import Home
from app.risk_book import read_book
from app.risk_prices import from_marks
from domain.breakers import BreakerChanged, BreakerState, Level
from domain.clock import to_ns
from domain.events import (
    EquityMarked,
    IntentRecorded,
    OrderAccepted,
    OrderFilled,
    OrderSubmitted,
    SessionStarted,
)
from domain.money import Currency, Money, Price, Quantity, Symbol
from domain.orders import Fill, OrderIntent, OrderType, Side
from memory.database import open_database
from memory.journal import SqliteJournal
from tests.unit.app.desk_line import DeskLine

BTC, ETH = Symbol("BTC/USDT"), Symbol("ETH/USDT")
START = datetime(2022, 6, 1, tzinfo=UTC)
CAPITAL = Decimal(10_000)
BOUGHT = {BTC: Decimal("0.1"), ETH: Decimal(1)}


def walk(bars: int) -> dict[Symbol, list[Decimal]]:
    """Hourly prices of both that move together, ending where they began."""
    random = np.random.default_rng(7)
    common = random.standard_t(5, bars) * 0.004
    found = {}
    for symbol, first, own in ((BTC, 20_000.0, 0.001), (ETH, 1_000.0, 0.002)):
        path = np.exp(np.cumsum(common + random.standard_normal(bars) * own))
        found[symbol] = [Decimal(f"{first * each / path[-1]:.2f}") for each in path]
    return found


def home_with(folder: Path, bars: int, *, holds: bool = True, breaker: BreakerState | None = None) -> Path:
    """A home whose session bought a tenth of a bitcoin and one ether in its first bar."""
    home = Home(folder / "home")
    home.prepare("paper")
    open_database(home.database).dispose()
    journal = SqliteJournal(home.database)
    journal.append(SessionStarted("s", "paper", "h", CAPITAL, "USDT", False, START))
    prices = walk(bars)
    cash = CAPITAL
    for leg, (symbol, quantity) in enumerate(BOUGHT.items() if holds else ()):
        name, price = f"s-000001-{leg:02d}", prices[symbol][0]
        cash -= quantity * price
        intent = OrderIntent(name, "s", 1, leg, symbol, Side.BUY, Quantity(quantity), OrderType.MARKET, START)
        fill = Fill(
            f"f{leg}",
            name,
            symbol,
            Side.BUY,
            Quantity(quantity),
            Price(price),
            Money(Decimal(0), Currency("USDT")),
            START,
        )
        for event in (
            IntentRecorded(intent, START),
            OrderSubmitted(name, symbol, START),
            OrderAccepted(name, symbol, f"v{leg}", START),
            OrderFilled(fill, START),
        ):
            journal.append(event)
    held = BOUGHT if holds else {}
    peak = CAPITAL
    for bar in range(bars):
        at = START + timedelta(hours=bar + 1)
        now = {symbol: Price(column[bar]) for symbol, column in prices.items()}
        equity = cash + sum((quantity * now[symbol] for symbol, quantity in held.items()), Decimal(0))
        peak = max(peak, equity)
        journal.append(
            EquityMarked(
                bar=bar,
                equity=equity,
                cash=cash,
                peak=peak,
                day_start=CAPITAL,
                week_start=CAPITAL,
                prices=now,
                at=at,
            )
        )
    if breaker is not None:
        journal.append(
            BreakerChanged(
                "drawdown",
                Level.PORTFOLIO,
                "",
                BreakerState.OPEN,
                "it fell",
                Decimal(0),
                {},
                60.0,
                None,
                START,
            )
        )
        journal.append(
            BreakerChanged(
                "drawdown", Level.PORTFOLIO, "", breaker, "on trial", Decimal("0.25"), {}, 60.0, None, START
            )
        )
    journal.commit()
    journal.close()
    return home.path


def candle_files(folder: Path) -> Path:
    """Hourly candles of November 2022: bitcoin loses a fifth and ether a quarter on the 9th."""
    times = pd.date_range("2022-11-01", "2022-11-20", freq="h", tz="UTC")
    for base, after in (("BTC", 0.8), ("ETH", 0.75)):
        close = np.where(times >= pd.Timestamp("2022-11-09 10:00", tz="UTC"), 100.0 * after, 100.0)
        before = np.concatenate(([100.0], close[:-1]))
        pd.DataFrame(
            {
                "timestamp": times,
                "open": before,
                "high": np.maximum(before, close),
                "low": np.minimum(before, close),
                "close": close,
                "volume": 1000.0,
            }
        ).to_parquet(folder / f"{base}-USDT.parquet")
    return folder


def test_every_measure_of_a_book_in_json(desk: DeskLine, tmp_path: Path) -> None:
    told = desk("risk", "--home", home_with(tmp_path, 900), "--json").told
    assert (told["session"], told["running"], told["currency"]) == ("s", False, "USDT")
    assert Decimal(told["invested"]) == Decimal(3000)
    # 900 hourly marks: 225 returns of four hours are too few, so it is measured on single hours.
    assert (told["prices"]["observation_seconds"], told["prices"]["observations"]) == (3600, 899)
    assert told["prices"]["source"] == "the journal's marks"
    assert [tail["method"] for tail in told["tails"]] == ["historical", "filtered", "cornish-fisher"]
    for tail in told["tails"]:
        assert Decimal(tail["var"]) > 0
        assert tail["var_equity_fraction"] == pytest.approx(
            float(Decimal(tail["var"]) / Decimal(told["equity"])), abs=1e-5
        )
        assert tail["backtest"]["observations"] >= 600
        assert tail["backtest"]["expected"] == pytest.approx(tail["backtest"]["observations"] / 100, abs=0.01)
    assert sum(each["volatility_share"] for each in told["assets"]) == pytest.approx(1.0, abs=1e-3)
    assert sum(each["cvar_share"] for each in told["assets"]) == pytest.approx(1.0, abs=1e-3)
    beta = {each["asset"]: each["beta"] for each in told["assets"]}
    assert beta["BTC"] == 1.0
    weights = {each["asset"]: float(each["weight"]) for each in told["assets"]}
    assert told["beta"] == pytest.approx(weights["BTC"] + weights["ETH"] * beta["ETH"], abs=1e-3)
    assert told["correlation"]["table"][0][1] > 0.8
    assert told["exposure"]["parts"][0]["name"] == "BTC + ETH"
    assert told["problems"] == []


def test_the_use_of_limits_counts_what_is_held(desk: DeskLine, tmp_path: Path) -> None:
    told = desk("risk", "--home", home_with(tmp_path, 900), "--json").told
    used = {each["name"]: (Decimal(each["used"]), Decimal(each["allowed"])) for each in told["limits"]}
    equity = Decimal(told["equity"])
    assert used["max_gross_exposure_equity_fraction"][0] == pytest.approx(
        Decimal(3000) / equity, abs=Decimal("1e-6")
    )
    assert used["max_position_equity_fraction"][0] == pytest.approx(
        Decimal(2000) / equity, abs=Decimal("1e-6")
    )
    assert used["max_cluster_equity_fraction"][0] == used["max_gross_exposure_equity_fraction"][0]
    # 2020-03-12: half of the bitcoin, 55 % of the ether
    assert used["max_stressed_loss_equity_fraction"][0] == pytest.approx(
        (Decimal(1000) + Decimal(550)) / equity, abs=Decimal("1e-6")
    )
    assert used["max_daily_loss_fraction"] == (
        max(Decimal(0), (CAPITAL - equity) / CAPITAL).quantize(Decimal("1e-6")),
        Decimal("0.05"),
    )
    assert used["max_var_equity_fraction"][0] > 0
    assert used["max_open_orders_count"] == (Decimal(0), Decimal(20))


def test_breakers_that_are_not_closed_are_shown(desk: DeskLine, tmp_path: Path) -> None:
    trial = desk("risk", "--home", home_with(tmp_path, 20, breaker=BreakerState.HALF_OPEN), "--json").told
    (one,) = trial["breakers"]
    assert (one["name"], one["state"], one["size_fraction"]) == ("drawdown", "half_open", "0.25")


def test_a_breaker_that_closed_again_is_not_shown(desk: DeskLine, tmp_path: Path) -> None:
    home = home_with(tmp_path, 20, breaker=BreakerState.CLOSED)
    assert desk("risk", "--home", home, "--json").told["breakers"] == []
    assert "Every breaker is closed." in desk("risk", "--home", home).out


def test_for_people_it_is_a_page(desk: DeskLine, tmp_path: Path) -> None:
    said = desk("risk", "--home", home_with(tmp_path, 900)).out
    assert said.startswith("not running: this is how session s stood at")
    for part in (
        "VaR 99 %",
        "CVaR 97.5 %",
        "expected (p",
        "beta to BTC",
        "BTC + ETH",
        "max_var_equity_fraction",
    ):
        assert part in said


def test_an_empty_book_is_said_to_be_empty(desk: DeskLine, tmp_path: Path) -> None:
    home = home_with(tmp_path, 300, holds=False)
    seen = desk("risk", "--home", home)
    assert seen.code == 0
    assert "Nothing is held" in seen.out
    told = desk("risk", "--home", home, "--json").told
    assert (told["tails"], told["assets"], told["prices"], told["problems"]) == ([], [], None, [])
    stress = desk("risk", "stress", "--home", home, "--json").told
    assert {line["name"]: Decimal(line["loss"]) for line in stress["lines"]}["flash-crash"] == 0
    assert stress["lines"][0]["name"] == "de-peg"  # cash is not safe from that
    assert Decimal(stress["lines"][0]["loss"]) == 1300
    assert "only what happens to cash" in desk("risk", "stress", "--home", home).out


def test_too_short_a_history_says_how_much_it_needs_and_has(desk: DeskLine, tmp_path: Path) -> None:
    home = home_with(tmp_path, 20)
    told = desk("risk", "--home", home, "--json").told
    assert [tail["var"] for tail in told["tails"]] == [None] * 3
    assert "needs at least 100 returns, there are 19" in told["tails"][0]["problem"]
    assert any("needs at least 30 returns, there are 19" in problem for problem in told["problems"])
    seen = desk("risk", "--home", home)
    assert seen.code == 0
    assert "not measured: " in seen.out
    stress = desk("risk", "stress", "--home", home, "--json").told
    assert any("needs at least 30" in problem for problem in stress["problems"])
    assert {line["source"] for line in stress["lines"]} == {"stand-in", "parametric"}


def test_enough_for_value_at_risk_may_be_too_few_for_its_backtest(desk: DeskLine, tmp_path: Path) -> None:
    told = desk("risk", "--home", home_with(tmp_path, 200), "--json").told
    assert told["tails"][0]["var"] is not None
    assert told["tails"][0]["backtest"] is None
    assert "at least 380 returns, there are 199" in told["tails"][0]["backtest_problem"]


def test_stress_is_told_worst_first_with_where_it_comes_from(desk: DeskLine, tmp_path: Path) -> None:
    home = home_with(tmp_path, 900)
    told = desk("risk", "stress", "--home", home, "--json").told
    losses = [Decimal(line["loss"]) for line in told["lines"]]
    assert losses == sorted(losses, reverse=True)
    lines = {line["name"]: line for line in told["lines"]}
    assert (lines["2020-03-12"]["source"], lines["2020-03-12"]["loss"]) == ("stand-in", "1550.00")
    assert "not replayed: the candles of BTC do not cover 2020-03-11" in lines["2020-03-12"]["note"]
    assert lines["correlation-to-one"]["source"] == "parametric"
    assert lines["drawn-days"]["source"] == "drawn"
    assert Decimal(lines["venue-outage"]["loss"]) > 0
    assert "dry-market" not in lines  # the journal knows no volumes
    assert any("dry-market: the volume of BTC, ETH" in problem for problem in told["problems"])
    assert told["allowed"] == "0.60"
    assert "at most 60.00 % of equity" in desk("risk", "stress", "--home", home).out


def test_past_days_are_replayed_from_the_candles_that_are_named(desk: DeskLine, tmp_path: Path) -> None:
    home, files = home_with(tmp_path, 900), candle_files(tmp_path)
    told = desk(
        "risk", "stress", "--home", home, "--candles", files, "--scenario", "2022-11-ftx", "--json"
    ).told
    assert told["source"] == "replayed"
    assert Decimal(told["loss"]) == Decimal(2000) * Decimal("0.2") + Decimal(1000) * Decimal("0.25")
    assert Decimal(told["by_asset"]["ETH"]) == 250
    said = desk("risk", "stress", "--home", home, "--candles", files, "--scenario", "2022-11-ftx").out
    assert "2022-11-ftx (replayed)" in said
    assert "650.00" in said


def test_the_market_of_the_settings_is_used_when_it_is_the_session_s(desk: DeskLine, tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert desk("run", "--home", home, "--bars", "3", "--speed", "max", "--json").code == 0
    own = read_book(home, None, None)
    assert own.prices.source == "the synthetic market of the settings"
    assert own.prices.bars == 503
    assert set(own.prices.volumes) == {"BTC", "ETH", "SOL"}
    other = tmp_path / "other.toml"
    other.write_text("[market]\nseed = 6\n", encoding="utf-8")
    strange = read_book(home, other, None)
    assert strange.prices.source == "the journal's marks"
    assert strange.prices.bars == 3


def test_what_does_not_exist_is_not_found(desk: DeskLine, tmp_path: Path) -> None:
    assert desk("risk", "--home", tmp_path / "nothing").code == 2
    assert desk("risk", "stress", "--home", tmp_path / "nothing").code == 2
    home = home_with(tmp_path, 20)
    unknown = desk("risk", "stress", "--home", home, "--scenario", "doom")
    assert unknown.code == 2
    assert "flash-crash" in unknown.err
    missing = desk("risk", "stress", "--home", home, "--candles", tmp_path / "none")
    assert missing.code == 1
    assert "does not exist" in missing.err


def test_prices_are_measured_over_the_longest_period_with_enough_of_them() -> None:
    hours = [START + timedelta(hours=hour) for hour in range(24 * 252)]
    marks = [
        EquityMarked(
            bar=number,
            equity=CAPITAL,
            cash=CAPITAL,
            peak=CAPITAL,
            day_start=CAPITAL,
            week_start=CAPITAL,
            prices={BTC: Price(Decimal(100 + number % 7))},
            at=at,
        )
        for number, at in enumerate(hours)
    ]
    prices = from_marks(marks, 3600)
    assert prices.returns(["BTC"]).seconds == 86_400
    assert len(prices.returns(["BTC"])) == 251
    assert from_marks(marks[: 24 * 250], 3600).returns(["BTC"]).seconds == 14_400
    assert from_marks(marks[:300], 3600).returns(["BTC"]).seconds == 3_600
    assert int(prices.closes["BTC"][0][0]) == to_ns(START)
    assert len(prices.returns(["BTC", "ETH"])) == 0  # there are no prices of ether
