"""The names of features: what exists, its parameters and their defaults, and how a name is written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from domain.errors import ConfigError
from domain.market import Timeframe

_LONGEST = 5_000


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number a feature takes. `whole` ones are counts of bars."""

    name: str
    default: float
    low: float
    high: float = _LONGEST
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Kind:
    """One nameable feature: output number `output` of an indicator family."""

    family: str
    output: int
    parameters: tuple[Parameter, ...]


def _bars(default: int, low: int = 2, name: str = "bars") -> Parameter:
    return Parameter(name, default, low)


_MACD = (_bars(12, name="fast"), _bars(26, name="slow"), _bars(9, name="signal"))
_BANDS = (_bars(20), Parameter("deviations", 2, 0.1, 10, whole=False))
_STOCH = (_bars(14), _bars(3, 1, "smooth_k"), _bars(3, 1, "smooth_d"))

KINDS: Final[Mapping[str, Kind]] = {
    "sma": Kind("sma", 0, (_bars(20),)),
    "ema": Kind("ema", 0, (_bars(20),)),
    "rsi": Kind("rsi", 0, (_bars(14),)),
    "macd": Kind("macd", 0, _MACD),
    "macd_signal": Kind("macd", 1, _MACD),
    "macd_hist": Kind("macd", 2, _MACD),
    "bbands_upper": Kind("bbands", 0, _BANDS),
    "bbands_mid": Kind("bbands", 1, _BANDS),
    "bbands_lower": Kind("bbands", 2, _BANDS),
    "percent_b": Kind("bbands", 3, _BANDS),
    "atr": Kind("atr", 0, (_bars(14),)),
    "adx": Kind("adx", 0, (_bars(14),)),
    "stoch_k": Kind("stoch", 0, _STOCH),
    "stoch_d": Kind("stoch", 1, _STOCH),
    "obv": Kind("obv", 0, ()),
    "vwap": Kind("vwap", 0, (_bars(24, 1),)),
    "vwap_day": Kind("vwap_day", 0, ()),
    "donchian_high": Kind("donchian", 0, (_bars(20),)),
    "donchian_low": Kind("donchian", 1, (_bars(20),)),
    "roc": Kind("roc", 0, (_bars(10, 1),)),
    "vol": Kind("vol", 0, (_bars(24),)),
    "ewma_vol": Kind("ewma_vol", 0, (_bars(33),)),
    "volume_ratio": Kind("volume_ratio", 0, (_bars(20, 1),)),
}
"""Every feature that can be named. Prices in quote currency unless said otherwise:

sma ema                      moving averages of the close
rsi                          Wilder's relative strength index, 0 to 100
macd macd_signal macd_hist   difference of two EMAs of the close, its EMA, and the difference of both
bbands_upper _mid _lower     Bollinger bands of the close
percent_b                    the close's place in those bands, 0 at the lower and 1 at the upper
atr                          Wilder's average true range
adx                          Wilder's average directional index, 0 to 100
stoch_k stoch_d              slow stochastic, 0 to 100
obv                          on-balance volume since the first bar, base currency
vwap vwap_day                volume-weighted typical price: of the last bars, and since UTC midnight
donchian_high donchian_low   highest high and lowest low of the last bars, this one included
roc                          rate of change of the close, percent
vol                          realized volatility: deviation of log returns per year of 365 days (0.8 = 80 %)
ewma_vol                     the same, about zero, faded by lambda = 1 - 2 / (bars + 1): RiskMetrics
volume_ratio                 this bar's volume over the mean volume of the bars before it
"""

_FORM = re.compile(r"(?P<name>[a-z_]+)(?:\((?P<arguments>[^()]*)\))?(?:@(?P<timeframe>\w+))?")


@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """A feature by name, arguments and timeframe; `timeframe` None means the desk's own."""

    name: str
    arguments: tuple[float, ...]
    timeframe: Timeframe | None = None

    @classmethod
    def parse(cls, text: str) -> FeatureSpec:
        """Read "ema(12)", "macd_hist(12,26,9)@4h", "obv"; arguments left out take their defaults.

        ConfigError for an unknown name or timeframe, listing what exists, and for impossible arguments.
        """
        match = _FORM.fullmatch(text.replace(" ", ""))
        if match is None:
            raise ConfigError(
                f"{text!r} is not a feature", fix="Write name(arguments)@timeframe, as ema(12)@1h"
            )
        name = match["name"]
        kind = KINDS.get(name)
        if kind is None:
            raise ConfigError(f"{text!r}: there is no feature {name!r}", fix=f"There are {', '.join(KINDS)}")
        given = match["arguments"].split(",") if match["arguments"] else []
        if len(given) > len(kind.parameters):
            takes = ", ".join(p.name for p in kind.parameters) or "no arguments"
            raise ConfigError(f"{text!r} has {len(given)} arguments", fix=f"{name} takes {takes}")
        arguments = tuple(
            _argument(text, parameter, given[index]) if index < len(given) else parameter.default
            for index, parameter in enumerate(kind.parameters)
        )
        if kind.family == "macd" and arguments[0] >= arguments[1]:
            raise ConfigError(f"{text!r}: the fast average must be shorter than the slow one")
        return cls(name, arguments, _timeframe(text, match["timeframe"]))

    @property
    def kind(self) -> Kind:
        return KINDS[self.name]

    def __str__(self) -> str:
        arguments = f"({','.join(f'{value:g}' for value in self.arguments)})" if self.arguments else ""
        return f"{self.name}{arguments}{f'@{self.timeframe}' if self.timeframe else ''}"


def _argument(text: str, parameter: Parameter, given: str) -> float:
    try:
        value = int(given) if parameter.whole else float(given)
    except ValueError:
        kind = "a whole number" if parameter.whole else "a number"
        raise ConfigError(f"{text!r}: {parameter.name} must be {kind}, not {given!r}") from None
    if not parameter.low <= value <= parameter.high:
        raise ConfigError(
            f"{text!r}: {parameter.name} must lie between {parameter.low:g} and {parameter.high:g}"
        )
    return value


def _timeframe(text: str, given: str | None) -> Timeframe | None:
    if given is None:
        return None
    try:
        return Timeframe(given)
    except ValueError:
        raise ConfigError(
            f"{text!r}: there is no timeframe {given!r}", fix=f"There are {', '.join(Timeframe)}"
        ) from None
