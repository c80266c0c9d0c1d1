"""The synthetic market looks like a market: the facts that people find in crypto returns, measured."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from domain.errors import ConfigError, UnknownSymbol
from domain.market import Timeframe
from domain.money import Symbol
from market.bars import Bars
from market.feed import Feed
from simulator.assets import ASSETS
from simulator.blocks import BLOCK_BARS, Recipe, block, opening
from simulator.regimes import Regime
from simulator.stories import StoryKind
from simulator.synthetic import SyntheticFeed

START = datetime(2024, 1, 1, tzinfo=UTC)
BTC, ETH, SOL = Symbol("BTC/USDT"), Symbol("ETH/USDT"), Symbol("SOL/USDT")
COINS = (BTC, ETH, SOL)
HOURS = 20_000


@pytest.fixture(scope="module")
def hourly() -> dict[Symbol, Bars]:
    feed = SyntheticFeed(11, COINS, Timeframe.H1, START)
    feed.seek(START + timedelta(hours=HOURS))
    now = feed.now
    assert now is not None
    return {symbol: feed.history(symbol, now, HOURS) for symbol in COINS}


def returns(bars: Bars) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.diff(np.log(bars.close))


def autocorrelation(values: np.ndarray[tuple[int], np.dtype[np.float64]], lag: int) -> float:
    return float(np.corrcoef(values[lag:], values[:-lag])[0, 1])


def test_it_is_a_feed() -> None:
    feed: Feed = SyntheticFeed(1, COINS, Timeframe.M1, START)
    assert feed.now is None
    assert feed.bar_index() == -1
    assert feed.candle(BTC) is None
    assert feed.quote(BTC) is None
    assert feed.book(BTC) is None
    assert feed.headlines(START - timedelta(days=9)) == ()
    warm = feed.history(BTC, START + timedelta(days=9), 10_000)
    assert len(warm) == 500
    assert warm.close_ns[-1] == int(START.timestamp()) * 10**9
    assert feed.advance() == START + timedelta(minutes=1)
    assert feed.bar_index() == 0


def test_seek_before_the_first_bar_stands_before_it() -> None:
    feed = SyntheticFeed(1, COINS, Timeframe.H1, START)
    first = feed.advance()
    feed.seek(START + timedelta(minutes=59))
    assert (feed.now, feed.bar_index()) == (None, -1)
    assert feed.advance() == first


def test_volatility_comes_in_clusters_and_returns_do_not(hourly: dict[Symbol, Bars]) -> None:
    for bars in hourly.values():
        moves = returns(bars)
        assert autocorrelation(np.abs(moves), 1) > 0.15
        assert autocorrelation(np.abs(moves), 24) > 0.05
        assert abs(autocorrelation(moves, 1)) < 0.08


def test_returns_have_fat_tails(hourly: dict[Symbol, Bars]) -> None:
    for bars in hourly.values():
        moves = returns(bars)
        scaled = (moves - moves.mean()) / moves.std()
        assert np.mean(scaled**4) > 6  # a normal law has 3
        assert np.mean(np.abs(scaled) > 4) > 20 * 6.3e-5  # and beyond four deviations 6.3e-5


def test_coins_move_together_and_bitcoin_least_violently(hourly: dict[Symbol, Bars]) -> None:
    moves = {symbol: returns(bars) for symbol, bars in hourly.items()}
    assert 0.6 < np.corrcoef(moves[BTC], moves[ETH])[0, 1] < 0.95
    assert 0.5 < np.corrcoef(moves[BTC], moves[SOL])[0, 1] < 0.95
    assert moves[BTC].std() < moves[ETH].std() < moves[SOL].std()
    assert 0.3 < moves[BTC].std() * np.sqrt(365 * 24) < 1.2


def test_volume_has_the_shape_of_the_day_and_the_week(hourly: dict[Symbol, Bars]) -> None:
    bars = hourly[BTC]
    seconds = bars.open_ns // 10**9
    hour, weekday = seconds // 3600 % 24, (seconds // 86_400 + 3) % 7
    afternoon = np.median(bars.volume[(hour >= 13) & (hour < 16)])
    night = np.median(bars.volume[(hour >= 3) & (hour < 6)])
    assert afternoon > 1.7 * night
    assert np.median(bars.volume[weekday >= 5]) < 0.8 * np.median(bars.volume[weekday < 5])


def test_volume_rises_with_movement(hourly: dict[Symbol, Bars]) -> None:
    bars = hourly[BTC]
    assert np.corrcoef(np.abs(returns(bars)), bars.volume[1:])[0, 1] > 0.3


def test_prices_stay_in_a_believable_range(hourly: dict[Symbol, Bars]) -> None:
    for symbol, bars in hourly.items():
        usual = ASSETS[symbol.split("/")[0]].price
        assert usual / 25 < bars.low.min() < bars.high.max() < usual * 25


def _blocks(count: int, seed: int = 5):  # type: ignore[no-untyped-def]  # yields simulator.blocks.Block
    recipe = Recipe(seed, tuple(ASSETS[base] for base in ("BTC", "ETH", "SOL")), 3600, int(START.timestamp()))
    state = opening(recipe)
    for number in range(count):
        made = block(recipe, number, state)
        state = made.after
        yield made


def test_every_regime_comes_up_and_differs_in_volatility() -> None:
    moods, stress = [], []
    for made in _blocks(30):
        moods.append(made.regimes)
        stress.append(made.coins[0].stress)
    mood, level = np.concatenate(moods), np.concatenate(stress)
    typical = {regime: np.median(level[mood == regime]) for regime in Regime}
    assert typical[Regime.RANGE] < typical[Regime.VOLATILE] < typical[Regime.CRISIS]
    assert all(np.mean(mood == regime) > 0.001 for regime in Regime)


def test_trends_go_where_they_say() -> None:
    up, down = [], []
    for made in _blocks(40):
        moves = np.diff(np.log(made.coins[0].close))
        up.append(moves[made.regimes[1:] == Regime.UP])
        down.append(moves[made.regimes[1:] == Regime.DOWN])
    assert np.mean(np.concatenate(up)) > 0 > np.mean(np.concatenate(down))


def _after(kind: StoryKind, hours: int = 12, blocks: int = 60) -> tuple[float, float, int]:
    """Mean log return over the hours after such a story, in the direction of its text, its standard error,
    and how many stories there were."""
    effects = []
    for made in _blocks(blocks):
        for told in made.stories:
            story = told.draft
            if told.coin is None or story.kind is not kind or not story.direction:
                continue
            if story.bar + hours < BLOCK_BARS:
                closes = made.coins[told.coin].close
                effects.append(story.direction * np.log(closes[story.bar + hours] / closes[story.bar]))
    return float(np.mean(effects)), float(np.std(effects) / np.sqrt(len(effects))), len(effects)


def test_leading_headlines_are_followed_by_the_price() -> None:
    effect, error, count = _after(StoryKind.LEAD)
    assert count > 1000
    assert effect > 0.006
    assert effect > 5 * error


def test_wrong_headlines_are_followed_by_the_opposite() -> None:
    effect, error, _ = _after(StoryKind.WRONG)
    assert effect < -5 * error


def test_noise_leads_nowhere() -> None:
    effect, error, _ = _after(StoryKind.NOISE)
    assert abs(effect) < 4 * error


def test_headlines_look_like_news_and_some_are_hostile() -> None:
    feed = SyntheticFeed(3, COINS, Timeframe.H1, START)
    feed.seek(START + timedelta(days=200))
    found = feed.headlines(START)
    assert 4 < len(found) / 200 < 30
    assert all("{" not in headline.title and headline.title for headline in found)
    assert {len(headline.symbols) for headline in found} == {1, 3}
    hostile = [h for h in found if "ignore all previous instructions" in h.title or "SYSTEM:" in h.title]
    assert 0 < len(hostile) < len(found) / 20
    single = [h for h in found if h.symbols == (ETH,)]
    assert single
    assert all("Bitcoin" not in h.title for h in single)


def test_the_spread_widens_when_the_market_is_nervous() -> None:
    spread, stress = [], []
    for made in _blocks(10):
        coin = made.coins[0]
        spread.append(coin.spread / coin.close)
        stress.append(coin.stress)
    relative, level = np.concatenate(spread), np.concatenate(stress)
    calm, wild = np.quantile(level, (0.2, 0.8))
    assert relative[level > wild].mean() > 1.5 * relative[level < calm].mean()


def test_a_coin_does_not_change_because_another_is_traded() -> None:
    alone = SyntheticFeed(9, (BTC,), Timeframe.M15, START)
    among = SyntheticFeed(9, (ETH, BTC), Timeframe.M15, START)
    for feed in (alone, among):
        feed.seek(START + timedelta(days=20))
    assert alone.candle(BTC) == among.candle(BTC)


def test_another_seed_is_another_market() -> None:
    first, second = (SyntheticFeed(seed, COINS, Timeframe.H1, START) for seed in (1, 2))
    first.advance()
    second.advance()
    assert first.candle(BTC) != second.candle(BTC)


def test_old_blocks_are_made_again_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.synthetic._KEPT_BLOCKS", 2)
    feed = SyntheticFeed(4, (BTC,), Timeframe.H1, START, warmup_bars=0)
    feed.seek(START + timedelta(hours=200))
    early = feed.history(BTC, START + timedelta(hours=200), 50)
    feed.seek(START + timedelta(hours=6 * BLOCK_BARS))
    again = feed.history(BTC, START + timedelta(hours=200), 50)
    assert np.array_equal(early.close, again.close)
    whole = feed.history(BTC, START + timedelta(days=900), 6 * BLOCK_BARS)
    assert len(whole) == 6 * BLOCK_BARS


@pytest.mark.parametrize("symbol", ["FOO/USDT", "ETH/BTC"])
def test_a_coin_it_does_not_trade_is_refused_with_the_ones_it_does(symbol: str) -> None:
    with pytest.raises(UnknownSymbol, match=r"does not trade .*BTC, ETH"):
        SyntheticFeed(1, (Symbol(symbol),), Timeframe.H1, START)


def test_a_symbol_that_is_not_on_the_tape_is_refused_in_every_method() -> None:
    feed = SyntheticFeed(1, (BTC,), Timeframe.H1, START)
    feed.advance()
    for ask in (feed.candle, feed.quote, feed.book):
        with pytest.raises(UnknownSymbol, match="not on this tape"):
            ask(ETH)
    with pytest.raises(UnknownSymbol, match="not on this tape"):
        feed.history(ETH, START, 1)


@pytest.mark.parametrize(
    ("seed", "symbols", "warmup"), [(-1, (BTC,), 0), (1, (), 0), (1, (BTC, BTC), 0), (1, (BTC,), -1)]
)
def test_nonsense_is_refused(seed: int, symbols: tuple[Symbol, ...], warmup: int) -> None:
    with pytest.raises(ConfigError):
        SyntheticFeed(seed, symbols, Timeframe.H1, START, warmup)
