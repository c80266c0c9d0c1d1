"""Named shocks: by how much each asset moves at once, and what a book then loses.

The sizes below are stand-ins for whoever has no data of that day: `risk.stress.replay` takes them from the
user's own candles where those cover the dates. Where no other source is named they are the worst 24 hours of
each asset within the window, close to close on hourly candles of Binance's perpetuals against USDT, each
rounded away from zero to a whole percent; `other` is at least as bad as the typical altcoin of the window.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from domain.errors import ConfigError, DataError, NotFound
from domain.money import ZERO

_TOTAL_LOSS: Final = Decimal(-1)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A move of all prices at once, as fractions of 1: -0.40 is a fall of 40 %.

    `shocks` are by asset (a base currency such as "BTC"); an asset that is not named moves by `other`.
    `describes` says what it stands for and where its sizes come from.

    Raises ConfigError for a shock that is not finite or is a fall of more than everything.
    """

    name: str
    shocks: Mapping[str, Decimal]
    other: Decimal
    describes: str

    def __post_init__(self) -> None:
        for asset, shock in (*self.shocks.items(), ("any other asset", self.other)):
            if not shock.is_finite() or shock < _TOTAL_LOSS:
                raise ConfigError(f"scenario {self.name}: {asset} cannot move by {shock}")
        object.__setattr__(self, "shocks", MappingProxyType(dict(self.shocks)))

    def shock(self, asset: str) -> Decimal:
        """By how much the asset moves, as a fraction of its price."""
        return self.shocks.get(asset, self.other)


def loss(scenario: Scenario, values: Mapping[str, Decimal]) -> Decimal:
    """What holdings worth `values` (by asset, in one currency) lose in the scenario; below zero is a gain.

    Raises DataError for a value that is not finite or is negative: the desk holds, it does not owe.
    """
    lost = ZERO
    for asset, value in values.items():
        if not value.is_finite() or value < ZERO:
            raise DataError(f"a holding of {asset} worth {value} makes no sense")
        lost -= value * scenario.shock(asset)
    return lost


def worst(values: Mapping[str, Decimal], scenarios: Iterable[Scenario]) -> tuple[Scenario, Decimal]:
    """The scenario that costs most, and what it costs. Raises DataError when there is none, or as `loss`."""
    found = max(((loss(each, values), -place, each) for place, each in enumerate(scenarios)), default=None)
    if found is None:
        raise DataError("no scenario is given, so the worst is unknown")
    return found[2], found[0]


def named(name: str) -> Scenario:
    """The built-in scenario of that name. Raises NotFound naming those there are."""
    for scenario in SCENARIOS:
        if scenario.name == name:
            return scenario
    raise NotFound(
        f"there is no scenario {name!r}", fix=f"There are: {', '.join(each.name for each in SCENARIOS)}"
    )


def _percents(**by_asset: int) -> dict[str, Decimal]:
    return {asset: Decimal(points) / 100 for asset, points in by_asset.items()}


SCENARIOS: Final[tuple[Scenario, ...]] = (
    Scenario(
        "2020-03-12",
        _percents(BTC=-50, ETH=-55),
        Decimal("-0.55"),
        "Black Thursday: within 24 hours Bitcoin went from 7,900 to below 4,000 and Ether from 195 to about "
        "90 (reports of 13 March 2020); the rest as Ether",
    ),
    Scenario(
        "2021-05-19",
        _percents(BTC=-21, ETH=-34, SOL=-41, XRP=-41, ADA=-40, DOGE=-43, TRX=-39, XLM=-61),
        Decimal("-0.43"),
        "The liquidations of 19 May 2021",
    ),
    Scenario(
        "2022-05-luna",
        _percents(BTC=-14, ETH=-24, SOL=-37, XRP=-31, ADA=-34, DOGE=-33, TRX=-22, XLM=-26, LUNA=-99, UST=-70),
        Decimal("-0.37"),
        "The end of Luna, 5 to 14 May 2022; Luna itself and UST as reported on 12 May",
    ),
    Scenario(
        "2022-06-3ac",
        _percents(BTC=-20, ETH=-22, SOL=-21, XRP=-14, ADA=-16, DOGE=-21, TRX=-25, XLM=-15),
        Decimal("-0.25"),
        "Celsius stops withdrawals and Three Arrows fails, 10 to 20 June 2022",
    ),
    Scenario(
        "2022-11-ftx",
        _percents(BTC=-17, ETH=-25, SOL=-58, XRP=-20, ADA=-17, DOGE=-26, TRX=-16, XLM=-17, FTT=-80),
        Decimal("-0.26"),
        "FTX stops withdrawals, 6 to 15 November 2022; its own token as reported on 8 November",
    ),
    Scenario(
        "flash-crash",
        _percents(BTC=-35, ETH=-60),
        Decimal("-0.60"),
        "Minutes without buyers: the lowest trades of 19 May 2021 against the close of the day before "
        "(BTC -33 %, ETH -59 %, SOL -55 %, TRX -59 %)",
    ),
    Scenario(
        "de-peg",
        _percents(USDT=-13, USDC=-13, DAI=-13, FDUSD=-13, TUSD=-13, BUSD=-13, USDE=-13, PYUSD=-13),
        Decimal("-0.10"),
        "A stablecoin loses its peg as USDC did on 11 March 2023 (0.8774, CoinMarketCap) while the market "
        "falls by a tenth; cash counts when it is named among the values",
    ),
)
"""The shocks that the gate's rule on stressed loss and `desk risk stress` know without any data."""
