"""The synthetic market's tape: each block is a pure function of seed, number and the state before.

Returns of every coin share a factor. Volatility is the product of the regime's level, two log-normal
Ornstein-Uhlenbeck factors of the whole market (hours and days; falling prices and jumps push the fast one
up), one of the coin's own, and the shape of the day. Shocks are Student t with 6 degrees of freedom; jumps
are compound Poisson. A share of the shocks reverts within a day, most of all in a range. Highs and lows are
drawn from the law of a Brownian bridge from open a to close b:
max = (a + b + sqrt((b - a)^2 - 2 s^2 ln U)) / 2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator import regimes, stories
from simulator.assets import Asset
from simulator.regimes import Array, Regime
from simulator.stories import Draft

Ints = NDArray[np.int64]

BLOCK_BARS: Final = 1024
_DAY_SECONDS: Final = 86_400
_FREEDOM: Final = 6.0
_FAST_DAYS, _FAST_SPREAD = 0.25, 0.40
_SLOW_DAYS, _SLOW_SPREAD = 6.0, 0.35
_OWN_DAYS, _OWN_SPREAD = 1.0, 0.25
_VOLUME_DAYS, _VOLUME_SPREAD = 0.15, 0.40
_TRANSIENT_DAYS: Final = 0.4
_LEVERAGE: Final = -0.30
_JUMP_SCARE: Final = 0.7
_JUMP_MEAN, _JUMP_SIZE = -0.08, 0.50
_NEWS_DAYS: Final = 4.0 / 24.0
_NEWS_BARS: Final = 3.0
_PULL_DAYS: Final = 180.0
_WEEKEND: Final = 0.62
# Share of trading by UTC hour: quiet before dawn, busy when America opens.
_HOURS: Final = np.array(
    (
        *(0.95, 0.90, 0.82, 0.74, 0.68, 0.66, 0.70, 0.82, 0.94, 0.98, 0.96, 0.98),
        *(1.10, 1.36, 1.62, 1.60, 1.44, 1.26, 1.12, 1.04, 1.02, 0.98, 0.94, 0.93),
    )
)
_SHAPE: Final = _HOURS / _HOURS.mean()
_VOLATILITY, _DRIFT = regimes.column("volatility"), regimes.column("drift")
_TRANSIENT, _JUMPS = regimes.column("transient"), regimes.column("jumps")
_VOLUME, _CORRELATION = regimes.column("volume"), regimes.column("correlation")


@dataclass(frozen=True, slots=True)
class CoinState:
    """What one coin carries from block to block. `news` is the drift that is still to come, per bar."""

    log_price: float
    close_ticks: int
    own: float
    transient: float
    news: float
    news_next: float
    volume: float


@dataclass(frozen=True, slots=True)
class MarketState:
    """What the market carries from block to block."""

    regime: int
    fast: float
    slow: float
    coins: tuple[CoinState, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """A story with its words and where it belongs. `coin` is None for the whole market."""

    draft: Draft
    coin: int | None
    title: str


@dataclass(frozen=True, slots=True)
class CoinBlock:
    """The bars of one coin: prices in ticks, volume in steps. `stress` is volatility over its usual level."""

    open: Ints
    high: Ints
    low: Ints
    close: Ints
    volume: Ints
    spread: Ints
    stress: Array


@dataclass(frozen=True, slots=True)
class Block:
    """One block of the tape, and the state after it."""

    coins: tuple[CoinBlock, ...]
    regimes: Ints
    stories: tuple[Told, ...]
    after: MarketState


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the tape is a function of. `origin` is the open of its first bar, in seconds since 1970; `jumps`
    is how many there are, over their usual number."""

    seed: int
    assets: tuple[Asset, ...]
    bar_seconds: int
    origin: int
    jumps: float = 1.0

    @property
    def bar_days(self) -> float:
        return self.bar_seconds / _DAY_SECONDS


def opening(recipe: Recipe) -> MarketState:
    """The state before the first block."""
    rng = np.random.default_rng((recipe.seed, 0, 0))
    coins = []
    for asset in recipe.assets:
        own = np.random.default_rng((recipe.seed, 0, asset.stream))
        price = asset.price * math.exp(0.15 * float(own.standard_normal()))
        coins.append(
            CoinState(
                log_price=math.log(price),
                close_ticks=max(round(price * 10**asset.price_digits), 1),
                own=_OWN_SPREAD * float(own.standard_normal()),
                transient=0.0,
                news=0.0,
                news_next=0.0,
                volume=0.0,
            )
        )
    return MarketState(
        regime=int(rng.choice((Regime.RANGE, Regime.UP, Regime.DOWN))),
        fast=_FAST_SPREAD * float(rng.standard_normal()),
        slow=_SLOW_SPREAD * float(rng.standard_normal()),
        coins=tuple(coins),
    )


def block(recipe: Recipe, number: int, before: MarketState) -> Block:
    """Block `number` (from 0) of the tape, given the state before it."""
    days, bars = recipe.bar_days, BLOCK_BARS
    rng = np.random.default_rng((recipe.seed, number + 1, 0))
    mood = regimes.path(rng, before.regime, bars, days)
    shock = _shocks(rng, bars)
    jumped = rng.random(bars) < 1.0 - np.exp(-recipe.jumps * _JUMPS[mood] * days)
    jump = np.where(jumped, rng.normal(_JUMP_MEAN, _JUMP_SIZE, bars), 0.0)
    noise = _LEVERAGE * shock + math.sqrt(1.0 - _LEVERAGE**2) * rng.standard_normal(bars)
    fast = _reverting(before.fast, noise, _FAST_DAYS, _FAST_SPREAD, days, np.where(jumped, _JUMP_SCARE, 0.0))
    slow = _reverting(before.slow, rng.standard_normal(bars), _SLOW_DAYS, _SLOW_SPREAD, days)
    shape = _shape_of_day(recipe, number)
    level = np.exp(fast + slow - _FAST_SPREAD**2 - _SLOW_SPREAD**2) * _VOLATILITY[mood] * np.sqrt(shape)
    shared = stories.draft(rng, bars, stories.per_bar(stories.MARKET_PER_HOUR, days))
    market = _Market(mood, shock, jump, level, shape, shared)

    coins, after, told = [], [], []
    for at, (asset, coin) in enumerate(zip(recipe.assets, before.coins, strict=True)):
        made, state, drafts, log_prices = _coin(recipe, number, asset, coin, market)
        coins.append(made)
        after.append(state)
        told += _tell(recipe, drafts, at, log_prices)
        if at == 0:
            told += _tell(recipe, shared, None, log_prices)
    told.sort(key=lambda each: (each.draft.bar, each.draft.moment, -1 if each.coin is None else each.coin))
    state_after = MarketState(int(mood[-1]), float(fast[-1]), float(slow[-1]), tuple(after))
    return Block(tuple(coins), mood, tuple(told), state_after)


@dataclass(frozen=True, slots=True)
class _Market:
    """What all coins of a block share."""

    mood: Ints
    shock: Array
    jump: Array
    level: Array
    shape: Array
    stories: Sequence[Draft]


def _coin(
    recipe: Recipe, number: int, asset: Asset, before: CoinState, market: _Market
) -> tuple[CoinBlock, CoinState, list[Draft], Array]:
    days, bars = recipe.bar_days, BLOCK_BARS
    rng = np.random.default_rng((recipe.seed, number + 1, asset.stream))
    drafts = stories.draft(rng, bars, stories.per_bar(stories.COIN_PER_HOUR, days))
    own = _reverting(before.own, rng.standard_normal(bars), _OWN_DAYS, _OWN_SPREAD, days)
    stress = market.level * np.exp(own - _OWN_SPREAD**2)
    sigma = asset.volatility * math.sqrt(days) * stress

    loading = asset.loading + (1.0 - asset.loading) * _CORRELATION[market.mood]
    shock = (loading * market.shock + np.sqrt(1.0 - loading**2) * _shocks(rng, bars)) * sigma
    share = _TRANSIENT[market.mood]
    fade = math.exp(-1.0 / max(_TRANSIENT_DAYS / days, 2.0))
    transient = _recursion(before.transient, fade, np.sqrt(share) * shock)
    own_jump = np.where(
        rng.random(bars) < 1.0 - np.exp(-0.3 * recipe.jumps * _JUMPS[market.mood] * days),
        rng.normal(0.0, _JUMP_SIZE, bars),
        0.0,
    )
    news, news_next = _news(before, market.stories, drafts, asset, days)
    # Over a whole block the price gives back this share of its distance to the usual level.
    pull = (math.log(asset.price) - before.log_price) * -math.expm1(-bars * days / _PULL_DAYS) / bars
    moves = (
        asset.volatility * _DRIFT[market.mood] * asset.loading * days
        + pull
        + np.sqrt(1.0 - share) * shock
        + np.diff(transient, prepend=before.transient)
        + asset.volatility * (asset.loading * market.jump + own_jump)
        + news
    )
    logs = before.log_price + np.cumsum(moves)
    made = _bars(rng, asset, before, logs, sigma)
    volume_noise = _reverting(before.volume, rng.standard_normal(bars), _VOLUME_DAYS, _VOLUME_SPREAD, days)
    usual = asset.volatility * math.sqrt(days)
    busy = np.exp(volume_noise - _VOLUME_SPREAD**2 / 2.0) * (
        0.55 + 0.6 * np.minimum(np.abs(moves) / usual, 6.0)
    )
    volume = asset.volume * days * market.shape * _VOLUME[market.mood] * busy
    wide = asset.spread * np.maximum(stress, 0.25) * np.exp(0.25 * rng.standard_normal(bars))
    coin = CoinBlock(
        *made,
        volume=np.rint(volume * 10**asset.quantity_digits).astype(np.int64),
        spread=np.maximum(np.ceil(wide * made[3]), 1.0).astype(np.int64),
        stress=stress,
    )
    after = CoinState(
        log_price=float(logs[-1]),
        close_ticks=int(made[3][-1]),
        own=float(own[-1]),
        transient=float(transient[-1]),
        news=float(news[-1]),
        news_next=news_next,
        volume=float(volume_noise[-1]),
    )
    return coin, after, drafts, logs


def _bars(
    rng: np.random.Generator, asset: Asset, before: CoinState, logs: Array, sigma: Array
) -> tuple[Ints, Ints, Ints, Ints]:
    """Open, high, low and close in ticks."""
    scale = 10.0**asset.price_digits
    starts = np.concatenate(([math.log(before.close_ticks / scale)], logs[:-1]))
    starts = starts + 0.02 * sigma * rng.standard_normal(len(logs))
    gap = (logs - starts) ** 2
    up, down = (np.sqrt(gap - 2.0 * sigma**2 * np.log1p(-rng.random(len(logs)))) for _ in range(2))
    middle = starts + logs
    opens, closes = (np.maximum(np.rint(np.exp(each) * scale), 1.0) for each in (starts, logs))
    highs = np.maximum.reduce((np.rint(np.exp((middle + up) / 2.0) * scale), opens, closes))
    lows = np.minimum.reduce((np.rint(np.exp((middle - down) / 2.0) * scale), opens, closes))
    lows = np.maximum(lows, 1.0)
    return (
        opens.astype(np.int64),
        highs.astype(np.int64),
        lows.astype(np.int64),
        closes.astype(np.int64),
    )


def _news(
    before: CoinState, shared: Sequence[Draft], own: Sequence[Draft], asset: Asset, days: float
) -> tuple[Array, float]:
    """The drift that stories cause, per bar, and what the last bar's stories hand to the next block.

    A story moves the price from the bar after the one it became known in, and fades.
    """
    fade = math.exp(-1.0 / max(_NEWS_DAYS / days, _NEWS_BARS))
    pushes = np.zeros(BLOCK_BARS + 1)
    pushes[0] = before.news_next
    for weight, drafts in ((asset.loading, shared), (1.0, own)):
        for story in drafts:
            pushes[story.bar + 1] += weight * story.impulse * asset.volatility * (1.0 - fade)
    return _recursion(before.news, fade, pushes[:-1]), float(pushes[-1])


def _tell(recipe: Recipe, drafts: Sequence[Draft], coin: int | None, logs: Array) -> list[Told]:
    asset = None if coin is None else recipe.assets[coin]
    back = max(round(6 * 3600 / recipe.bar_seconds), 1)
    told = []
    for story in drafts:
        since = max(story.bar - 1 - back, 0)
        seen = max(story.bar - 1, 0)  # the bar it falls into has not closed yet
        change = math.expm1(float(logs[seen] - logs[since]))
        hours = max((seen - since) * recipe.bar_seconds / 3600, recipe.bar_seconds / 3600)
        name, base = ("Crypto market", "") if asset is None else (asset.name, asset.base)
        told.append(Told(story, coin, stories.title(story, name, base, change, round(hours, 1))))
    return told


def _shape_of_day(recipe: Recipe, number: int) -> Array:
    """Activity of each bar relative to the mean, from the UTC hour and the day of the week."""
    first = recipe.origin + number * BLOCK_BARS * recipe.bar_seconds
    middle = first + recipe.bar_seconds * (np.arange(BLOCK_BARS) + 0.5)
    days = middle / _DAY_SECONDS
    weekday = (np.floor(days).astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
    shape = np.where(weekday >= 5, _WEEKEND, 1.0)
    if recipe.bar_seconds < _DAY_SECONDS:
        hours = (days % 1.0) * 24.0 - 0.5  # the table gives the middle of each hour
        shape = shape * np.interp(hours, np.arange(-1, 25), np.concatenate((_SHAPE[-1:], _SHAPE, _SHAPE[:1])))
    return shape


def _shocks(rng: np.random.Generator, bars: int) -> Array:
    """Student t shocks with unit variance."""
    return rng.standard_t(_FREEDOM, bars) * math.sqrt((_FREEDOM - 2.0) / _FREEDOM)


def _reverting(
    start: float, noise: Array, memory_days: float, spread: float, bar_days: float, push: Array | None = None
) -> Array:
    """An Ornstein-Uhlenbeck path sampled every bar, with standard deviation `spread` in the long run."""
    keep = math.exp(-bar_days / memory_days)
    inputs = spread * math.sqrt(1.0 - keep**2) * noise
    return _recursion(start, keep, inputs if push is None else inputs + push)


def _recursion(start: float, keep: float, inputs: Array) -> Array:
    """x[t] = keep * x[t-1] + inputs[t], from x[-1] = start."""
    steps = accumulate(inputs.tolist(), lambda last, push: keep * last + push, initial=start)
    next(steps)
    return np.fromiter(steps, dtype=np.float64, count=len(inputs))
