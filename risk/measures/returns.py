"""What the measures are measured on: returns of several assets over the same stretches of time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.errors import DataError

Column = NDArray[np.float64]
Table = NDArray[np.float64]
Times = NDArray[np.int64]

SECOND_NS = 1_000_000_000


class HistoryTooShort(DataError):
    """There are fewer observations than the measure needs."""

    def __init__(self, what: str, needs: int, has: int) -> None:
        super().__init__(f"{what} needs at least {needs} returns, there are {has}", fix="Let more bars pass")
        self.needs = needs
        self.has = has


def checked(returns: Column, needs: int, what: str) -> Column:
    """`returns` as floats. Raises HistoryTooShort, or DataError when they are no column of finite numbers."""
    column = np.asarray(returns, dtype=np.float64)
    if column.ndim != 1:
        raise DataError(f"{what} is measured on one column of returns, not on {column.ndim} dimensions")
    if not np.isfinite(column).all():
        raise DataError(f"{what}: return {int(np.argmin(np.isfinite(column))) + 1} is not a finite number")
    if len(column) < needs:
        raise HistoryTooShort(what, needs, len(column))
    return column


@dataclass(frozen=True, slots=True, eq=False)
class Returns:
    """Simple returns (close over close before, less 1) of `assets`, a column each, oldest row first.

    `seconds` is the length of one observation. Raises DataError for a table of another shape, an asset
    named twice or a return that is not finite or below -1.
    """

    assets: tuple[str, ...]
    values: Table
    seconds: int

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != len(self.assets):
            raise DataError(f"{len(self.assets)} assets need as many columns, not {self.values.shape}")
        if len(set(self.assets)) != len(self.assets):
            raise DataError("an asset is named twice")
        if self.seconds <= 0:
            raise DataError(f"an observation of {self.seconds} seconds makes no sense")
        if not (np.isfinite(self.values) & (self.values >= -1.0)).all():
            raise DataError("a return is not a finite number of at least -1")

    def __len__(self) -> int:
        return len(self.values)

    @property
    def per_day(self) -> float:
        """Observations in a day."""
        return 86_400 / self.seconds

    def of(self, asset: str) -> Column:
        """One asset's returns. Raises DataError for one that is not here."""
        if asset not in self.assets:
            raise DataError(f"there are no returns of {asset}")
        column: Column = self.values[:, self.assets.index(asset)]
        return column

    def of_book(self, weights: Mapping[str, float]) -> Column:
        """Returns of a book that holds each asset at a constant weight, as fractions of the weights' base.

        What is not named is not held. Raises DataError for an asset without returns or a weight that is not
        finite.
        """
        column: Column = self.values @ self.vector(weights)
        return column

    def vector(self, weights: Mapping[str, float]) -> Column:
        """`weights` in the order of `assets`; zero for what is not named. Raises as `of_book`."""
        for asset, weight in weights.items():
            if asset not in self.assets:
                raise DataError(f"there are no returns of {asset}", fix="Give its candles")
            if not np.isfinite(weight):
                raise DataError(f"the weight of {asset} is {weight}")
        return np.array([weights.get(asset, 0.0) for asset in self.assets], dtype=np.float64)


def aligned(closes: Mapping[str, tuple[Times, Column]], seconds: int) -> Returns:
    """Returns over `seconds` from closes by asset: (close times in ns since 1970 UTC, prices).

    Only moments on the UTC grid of `seconds` at which every asset has a close count, and only returns
    between two neighbours on that grid: a gap gives no return. Raises DataError for a price that is not above
    zero, and for no asset at all.
    """
    if not closes:
        raise DataError("no asset is given, so there is nothing to measure")
    step = seconds * SECOND_NS
    grid: Times | None = None
    for asset, (times, prices) in closes.items():
        if len(times) != len(prices):
            raise DataError(f"{asset} has {len(times)} times and {len(prices)} prices")
        if not (np.isfinite(prices) & (prices > 0.0)).all():
            raise DataError(f"a price of {asset} is not above zero")
        on_grid = times[times % step == 0]
        grid = on_grid if grid is None else np.intersect1d(grid, on_grid, assume_unique=True)
    if grid is None or len(grid) < 2:
        return Returns(tuple(closes), np.empty((0, len(closes))), seconds)
    table = np.column_stack([prices[np.searchsorted(times, grid)] for times, prices in closes.values()])
    neighbours = np.diff(grid) == step
    return Returns(tuple(closes), (table[1:] / table[:-1] - 1.0)[neighbours], seconds)
