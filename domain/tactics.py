"""How an order is worked: the list the execution trader picks from. It never picks a quantity."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Final

LARGE_SHARE: Final = Decimal("0.02")
"""From this share of a bar's volume on, an order moves the market and is better worked in parts."""


class Tactic(StrEnum):
    """MARKET crosses now. LIMIT_AT_TOUCH is a limit at the far touch, LIMIT_PASSIVE one at the near touch.

    TWAP crosses in even parts, one a bar. ICEBERG rests at the near touch and shows a part at a time.
    """

    MARKET = "market"
    LIMIT_AT_TOUCH = "limit_at_touch"
    LIMIT_PASSIVE = "limit_passive"
    TWAP = "twap"
    ICEBERG = "iceberg"
