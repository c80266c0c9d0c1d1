"""How rough the synthetic market is: the usual one, or a storm to rehearse in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from domain.errors import ConfigError
from simulator.assets import Asset

_MOST: Final = {"volatility": 10.0, "spread": 100.0, "jumps": 3.0}


@dataclass(frozen=True, slots=True)
class Weather:
    """Multiples of what is usual: each coin's volatility and quiet spread, and how often the price jumps.

    Jumps are of half a day's volatility, so they grow with it; each frightens the market for some hours.
    ConfigError for a multiple that is not above zero, or so large that the fright would feed on itself.
    """

    volatility: float = 1.0
    spread: float = 1.0
    jumps: float = 1.0

    def __post_init__(self) -> None:
        for name, most in _MOST.items():
            if not 0.0 < getattr(self, name) <= most:
                raise ConfigError(f"{name} {getattr(self, name)} of the weather is outside (0, {most:g}]")

    def over(self, asset: Asset) -> Asset:
        """The coin as it trades in this weather."""
        return replace(
            asset, volatility=asset.volatility * self.volatility, spread=asset.spread * self.spread
        )


FAIR: Final = Weather()
STORM: Final = Weather(volatility=3.0, spread=8.0, jumps=1.5)
"""One of the worst weeks of a decade, such as those of 12 March 2020 and 19 May 2021: bitcoin moves by some
10 % a day as a standard deviation, and jumps by several percent now and then."""

WEATHERS: Final[Mapping[str, Weather]] = {"fair": FAIR, "storm": STORM}


def weather_of(name: str) -> Weather:
    """The weather of that name. ConfigError for one there is not."""
    if name not in WEATHERS:
        raise ConfigError(f"there is no weather {name!r}", fix=f"Take one of {', '.join(WEATHERS)}")
    return WEATHERS[name]
