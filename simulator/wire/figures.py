"""How numbers and moments are written on a wire."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from domain.clock import EPOCH

_MILLISECOND = timedelta(milliseconds=1)


def number(value: Decimal) -> str:
    """A decimal without exponent and trailing zeros."""
    text = f"{value:f}"
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


def digits(grid: Decimal) -> int:
    """How many decimals a price or quantity grid has."""
    exponent = grid.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def millis(moment: datetime) -> int:
    """Whole milliseconds since 1970."""
    return (moment - EPOCH) // _MILLISECOND


def seconds(moment: datetime) -> int:
    """Whole seconds since 1970."""
    return millis(moment) // 1000
