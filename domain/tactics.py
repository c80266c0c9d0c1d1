"""How an order is worked: the list the execution trader picks from. It never picks a quantity."""

from __future__ import annotations

from enum import StrEnum


class Tactic(StrEnum):
    """MARKET crosses now. LIMIT_AT_TOUCH is a limit at the far touch, LIMIT_PASSIVE one at the near touch."""

    MARKET = "market"
    LIMIT_AT_TOUCH = "limit_at_touch"
    LIMIT_PASSIVE = "limit_passive"
