"""Indicators over whole columns. TA-Lib where it has them; NaN while warming up or undefined.

Every function takes bars and its family's arguments and returns the family's outputs in the order of
market/feature_spec.py. market/incremental.py holds the same indicators bar by bar; a property test
holds the two equal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from market.bars import Bars, Column
from market.resample import bucket_open

Arguments = tuple[float, ...]
Outputs = tuple[Column, ...]

YEAR_SECONDS = 365 * 86_400
DAY_SECONDS = 86_400
# A band narrower than this fraction of the price is rounding noise: nothing has a place in it.
FLAT_BAND = 1e-9
_CELLS = 1 << 20


def _sma(bars: Bars, arguments: Arguments) -> Outputs:
    import talib

    return (talib.SMA(bars.close, timeperiod=int(arguments[0])),)


def _ema(bars: Bars, arguments: Arguments) -> Outputs:
    import talib

    return (talib.EMA(bars.close, timeperiod=int(arguments[0])),)


def _rsi(bars: Bars, arguments: Arguments) -> Outputs:
    import talib

    return (talib.RSI(bars.close, timeperiod=int(arguments[0])),)


def _macd(bars: Bars, arguments: Arguments) -> Outputs:
    import talib

    fast, slow, signal = (int(value) for value in arguments)
    line, average, hist = talib.MACD(bars.close, fastperiod=fast, slowperiod=slow, signalperiod=signal)
    return line, average, hist


def _bbands(bars: Bars, arguments: Arguments) -> Outputs:
    import talib

    count, deviations = int(arguments[0]), float(arguments[1])
    upper, mid, lower = talib.BBANDS(bars.close, timeperiod=count, nbdevup=deviations, nbdevdn=deviations)
    width = upper - lower
    place = np.full(len(bars), np.nan)
    np.divide(bars.close - lower, width, out=place, where=width > mid * FLAT_BAND)
    return upper, mid, lower, place


def _atr(bars: Bars, arguments: Arguments) -> Outputs:
    import talib

    return (talib.ATR(bars.high, bars.low, bars.close, timeperiod=int(arguments[0])),)


def _adx(bars: Bars, arguments: Arguments) -> Outputs:
    import talib

    return (talib.ADX(bars.high, bars.low, bars.close, timeperiod=int(arguments[0])),)


def _stoch(bars: Bars, arguments: Arguments) -> Outputs:
    import talib

    count, smooth_k, smooth_d = (int(value) for value in arguments)
    slow_k, slow_d = talib.STOCH(
        bars.high, bars.low, bars.close, fastk_period=count, slowk_period=smooth_k, slowd_period=smooth_d
    )
    return slow_k, slow_d


def _obv(bars: Bars, arguments: Arguments) -> Outputs:
    import talib

    return (talib.OBV(bars.close, bars.volume),)


def _donchian(bars: Bars, arguments: Arguments) -> Outputs:
    import talib

    count = int(arguments[0])
    return talib.MAX(bars.high, timeperiod=count), talib.MIN(bars.low, timeperiod=count)


def _roc(bars: Bars, arguments: Arguments) -> Outputs:
    import talib

    return (talib.ROC(bars.close, timeperiod=int(arguments[0])),)


def _over_windows(values: Column, count: int, measure: Callable[[Column], Column]) -> Column:
    """`measure` of every window of `count` values, at the row of its last one.

    `measure` takes a matrix with one window a row. Worked off in blocks, so that memory stays bounded.
    """
    result = np.full(len(values), np.nan)
    if len(values) < count:
        return result
    windows = np.lib.stride_tricks.sliding_window_view(values, count)
    block = max(1, _CELLS // count)
    for start in range(0, len(windows), block):
        part = windows[start : start + block]
        result[count - 1 + start : count - 1 + start + len(part)] = measure(part)
    return result


def _window_sum(values: Column, count: int) -> Column:
    return _over_windows(values, count, lambda windows: windows.sum(axis=1))


def _ratio(above: Column, below: Column) -> Column:
    result = np.full(len(above), np.nan)
    # NaN compares false, so a row that is still warming up stays NaN.
    np.divide(above, below, out=result, where=below > 0)
    return result


def _vwap(bars: Bars, arguments: Arguments) -> Outputs:
    count = int(arguments[0])
    typical = (bars.high + bars.low + bars.close) / 3
    return (_ratio(_window_sum(typical * bars.volume, count), _window_sum(bars.volume, count)),)


def _vwap_day(bars: Bars, arguments: Arguments) -> Outputs:
    value = (bars.high + bars.low + bars.close) / 3 * bars.volume
    days = bucket_open(bars.open_ns, DAY_SECONDS)
    starts: NDArray[np.intp] = np.flatnonzero(np.diff(days)) + 1
    # Summed day by day: one running sum over the tape, minus an offset, would lose digits.
    values = [np.cumsum(part) for part in np.split(value, starts)]
    volumes = [np.cumsum(part) for part in np.split(bars.volume, starts)]
    return (_ratio(np.concatenate(values), np.concatenate(volumes)),)


def _vol(bars: Bars, arguments: Arguments) -> Outputs:
    returns = np.diff(np.log(bars.close), prepend=np.nan)[1:]
    per_year = np.sqrt(YEAR_SECONDS / bars.timeframe.seconds)
    result = np.full(len(bars), np.nan)
    result[1:] = per_year * _over_windows(returns, int(arguments[0]), lambda w: w.std(axis=1, ddof=1))
    return (result,)


def _ewma_vol(bars: Bars, arguments: Arguments) -> Outputs:
    import talib

    result = np.full(len(bars), np.nan)
    count = int(arguments[0])
    if len(bars) > count:
        squares = np.diff(np.log(bars.close)) ** 2
        per_year = YEAR_SECONDS / bars.timeframe.seconds
        result[1:] = np.sqrt(talib.EMA(squares, timeperiod=count) * per_year)
    return (result,)


def _volume_ratio(bars: Bars, arguments: Arguments) -> Outputs:
    count = int(arguments[0])
    before = np.full(len(bars), np.nan)
    before[1:] = _window_sum(bars.volume, count)[:-1] / count
    return (_ratio(bars.volume, before),)


BATCH: Final[Mapping[str, Callable[[Bars, Arguments], Outputs]]] = {
    "sma": _sma,
    "ema": _ema,
    "rsi": _rsi,
    "macd": _macd,
    "bbands": _bbands,
    "atr": _atr,
    "adx": _adx,
    "stoch": _stoch,
    "obv": _obv,
    "vwap": _vwap,
    "vwap_day": _vwap_day,
    "donchian": _donchian,
    "roc": _roc,
    "vol": _vol,
    "ewma_vol": _ewma_vol,
    "volume_ratio": _volume_ratio,
}
