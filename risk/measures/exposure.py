"""Where the money is: assets within clusters within the whole, in the account's currency."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from domain.errors import DataError
from domain.money import ZERO


@dataclass(frozen=True, slots=True)
class Exposure:
    """A branch of the tree: its value is that of its parts, if it has any. `share` is of equity, of 1."""

    name: str
    value: Decimal
    share: Decimal
    parts: tuple[Exposure, ...] = ()


def exposure_tree(
    values: Mapping[str, Decimal], equity: Decimal, groups: Iterable[tuple[str, ...]]
) -> Exposure:
    """The tree of holdings worth `values`, largest first; an asset in no group stands alone.

    A group of one held asset is that asset itself. Raises DataError for an equity that is not above zero or
    a value that is not finite or negative.
    """
    if not (equity.is_finite() and equity > ZERO):
        raise DataError(f"an equity of {equity} has no shares")
    for asset, value in values.items():
        if not value.is_finite() or value < ZERO:
            raise DataError(f"a holding of {asset} worth {value} makes no sense")
    leaves = {asset: Exposure(asset, value, value / equity) for asset, value in values.items()}
    branches: list[Exposure] = []
    for group in groups:
        members = _by_size(leaves.pop(asset) for asset in group if asset in leaves)
        if len(members) > 1:
            branches.append(_branch(" + ".join(each.name for each in members), members, equity))
        else:
            branches += members
    return _branch("total", _by_size([*branches, *leaves.values()]), equity)


def _branch(name: str, parts: tuple[Exposure, ...], equity: Decimal) -> Exposure:
    value = sum((part.value for part in parts), ZERO)
    return Exposure(name, value, value / equity, parts)


def _by_size(branches: Iterable[Exposure]) -> tuple[Exposure, ...]:
    return tuple(sorted(branches, key=lambda each: (-each.value, each.name)))
