"""Where the simulated exchange's prices come from: the synthetic market, walked inside each minute."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, Protocol

import numpy as np

from domain.clock import EPOCH, require_utc
from domain.errors import ConfigError
from domain.instrument import Instrument
from domain.market import Timeframe
from domain.money import Symbol
from simulator.assets import Asset, asset_of
from simulator.block_shelf import BlockShelf
from simulator.blocks import BLOCK_BARS, CoinBlock, Recipe, block, opening
from simulator.exchange.candles import Bar, joined, past_bar
from simulator.weather import FAIR, Weather

_MINUTE: Final = 60
_DAY: Final = 86_400
_MINUTE_DAYS: Final = 8
_HOUR_BLOCKS: Final = 12
_KEPT_BLOCKS: Final = 12


@dataclass(frozen=True, slots=True)
class Point:
    """Where the market is meant to be at a moment.

    `middle` and `spread` in ticks; `touch` is what makers quote at the best price, `flow` what takers trade
    until the next point, both in lots; `stress` is volatility over its usual level.
    """

    middle: int
    spread: int
    touch: int
    flow: int
    stress: float
    noise: tuple[int, int]


class Tape(Protocol):
    """A source of points for every market, `step` apart; a pure function of its seed and the time."""

    @property
    def step(self) -> timedelta: ...

    @property
    def instruments(self) -> Mapping[Symbol, Instrument]: ...

    def point(self, symbol: Symbol, at: datetime) -> Point:
        """The point that lies at or before `at`."""
        ...

    def history(self, symbol: Symbol, until: datetime) -> Mapping[Timeframe, list[Bar]]:
        """Whole minutes until then, oldest first, and longer bars, of which the newest may be incomplete."""
        ...


class SyntheticTape:
    """The synthetic market as an exchange's tape: eight days of minutes and 512 days of hours before today.

    It starts at the UTC day of `start`. The `weather` is that of the minutes; the hours before had the
    usual one. `step` divides a minute into equal parts. ConfigError for a step that
    does not, for no symbols or one named twice; UnknownSymbol for a coin that is not on it.
    """

    def __init__(
        self,
        seed: int,
        symbols: Iterable[Symbol],
        start: datetime,
        step: timedelta = timedelta(seconds=1),
        weather: Weather = FAIR,
    ) -> None:
        named = tuple(symbols)
        seconds = int(step.total_seconds())
        if step != timedelta(seconds=seconds) or seconds < 1 or _MINUTE % seconds:
            raise ConfigError(f"a step of {step} does not divide a minute", fix="Take 1, 5, 10 or 60 seconds")
        if not named or len(set(named)) != len(named) or seed < 0:
            raise ConfigError(
                "the tape needs symbols, each once, and a seed of zero or more",
                fix="For example BTC/USDT,ETH/USDT and 7",
            )
        self._assets: dict[Symbol, Asset] = {symbol: asset_of(symbol) for symbol in named}
        self._column = {symbol: at for at, symbol in enumerate(named)}
        self._instruments = {symbol: asset.instrument(symbol) for symbol, asset in self._assets.items()}
        self._step = step
        self._points = _MINUTE // seconds
        today = _second(require_utc(start)) // _DAY * _DAY
        self._origin = today - _MINUTE_DAYS * _DAY
        self._seed = seed
        rough = tuple(weather.over(asset) for asset in self._assets.values())
        self._recipe = Recipe(seed, rough, _MINUTE, self._origin, weather.jumps)
        self._blocks = BlockShelf(self._recipe, _KEPT_BLOCKS)
        self._paths: dict[Symbol, tuple[int, tuple[int, ...]]] = {}

    @property
    def step(self) -> timedelta:
        return self._step

    @property
    def instruments(self) -> Mapping[Symbol, Instrument]:
        return self._instruments

    def point(self, symbol: Symbol, at: datetime) -> Point:
        second = _second(at)
        minute, into = divmod(max(second - self._origin, 0), _MINUTE)
        coin, row = self._row(symbol, minute)
        asset = self._assets[symbol]
        path = self._path(symbol, minute, coin, row)
        part = into * self._points // _MINUTE
        stress = max(float(coin.stress[row]), 0.3)
        grid = 10**asset.quantity_digits
        return Point(
            middle=path[part],
            spread=int(coin.spread[row]),
            touch=max(round(asset.volume * 0.0001 / stress * grid), 1),
            flow=int(coin.volume[row]) // self._points,
            stress=stress,
            noise=(self._seed ^ asset.stream, minute * self._points + part),
        )

    def history(self, symbol: Symbol, until: datetime) -> Mapping[Timeframe, list[Bar]]:
        asset, stop = self._assets[symbol], _second(until)
        minutes: list[Bar] = []
        for number in range((stop - self._origin - 1) // _MINUTE // BLOCK_BARS + 1):
            minutes += _past(self._blocks[number].coins[self._column[symbol]], self._start(number), _MINUTE)
        minutes = [bar for bar in minutes if bar.second + _MINUTE <= stop]
        hours = self._hours(asset, minutes[0].open)
        made = {Timeframe.M1: minutes}
        for timeframe in (Timeframe.M5, Timeframe.M15):
            made[timeframe] = joined(minutes, timeframe)
        recent = joined(minutes, Timeframe.H1)
        made[Timeframe.H1] = hours + recent
        for timeframe in (Timeframe.H4, Timeframe.D1):
            made[timeframe] = joined(made[Timeframe.H1], timeframe)
        return made

    def _hours(self, asset: Asset, joins: int) -> list[Bar]:
        """The hours before the first minute, moved so that they end where the minutes begin."""
        recipe = Recipe(self._seed, (asset,), 3600, self._origin - _HOUR_BLOCKS * BLOCK_BARS * 3600)
        state, bars = opening(recipe), []
        for number in range(_HOUR_BLOCKS):
            made = block(recipe, number, state)
            state = made.after
            bars += _past(made.coins[0], recipe.origin + number * BLOCK_BARS * 3600, 3600)
        scale = joins / bars[-1].close
        for bar in bars:
            for name in ("open", "high", "low", "close"):
                setattr(bar, name, max(round(getattr(bar, name) * scale), 1))
            bar.turnover = round(bar.turnover * scale)
            bar.spent = bar.turnover // 2
        return bars

    def _path(self, symbol: Symbol, minute: int, coin: CoinBlock, row: int) -> tuple[int, ...]:
        """The middle at each point of a minute: from open by both extremes to close, in ticks."""
        kept = self._paths.get(symbol)
        if kept is not None and kept[0] == minute:
            return kept[1]
        first, high, low, last = (int(each[row]) for each in (coin.open, coin.high, coin.low, coin.close))
        points = self._points
        if points < 4:
            path = (first, high, last)[:points] if last < first else (first, low, last)[:points]
        else:
            extremes = (low, high) if last >= first else (high, low)
            draws = np.random.default_rng((self._seed, minute, self._assets[symbol].stream))
            one, two = sorted(int(at) for at in draws.choice(np.arange(1, points - 1), 2, replace=False))
            corners = ((0, first), (one, extremes[0]), (two, extremes[1]), (points - 1, last))
            walked = [first]
            for (start, here), (stop, there) in pairwise(corners):
                walked += [
                    here + (there - here) * (at - start) // (stop - start)
                    for at in range(start + 1, stop + 1)
                ]
            path = tuple(walked)
        self._paths[symbol] = (minute, path)
        return path

    def _row(self, symbol: Symbol, minute: int) -> tuple[CoinBlock, int]:
        number, row = divmod(minute, BLOCK_BARS)
        return self._blocks[number].coins[self._column[symbol]], row

    def _start(self, number: int) -> int:
        return self._origin + number * BLOCK_BARS * _MINUTE


def _past(coin: CoinBlock, start: int, seconds: int) -> list[Bar]:
    columns = zip(
        coin.open.tolist(),
        coin.high.tolist(),
        coin.low.tolist(),
        coin.close.tolist(),
        coin.volume.tolist(),
        strict=True,
    )
    return [past_bar(start + at * seconds, *row) for at, row in enumerate(columns)]


def _second(moment: datetime) -> int:
    return int((moment - EPOCH).total_seconds())
