"""Where venues differ in how their exchange behaves: client ids, fees, locks, self-trade prevention."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from domain.errors import ConfigError
from domain.money import ZERO
from simulator.costs import FeeSchedule
from simulator.exchange.rejection import Reason, Rejection
from simulator.orderbook.messages import SelfTrade


class Duplicates(StrEnum):
    """What happens to an order whose client id was used before, in the same account and market."""

    REFUSED_WHILE_OPEN = "refused while an order with it is open"
    REFUSED = "refused for ever"
    ACCEPTED = "accepted as another order"


@dataclass(frozen=True, slots=True)
class ClientIdRule:
    """Which client ids a venue takes (`pattern`, matched whole) and what a used one does.

    The exchange makes an id of `made_prefix` and the order's number for an order that comes without.
    """

    pattern: str = r"[\x21-\x7e]{1,64}"
    duplicates: Duplicates = Duplicates.REFUSED_WHILE_OPEN
    made_prefix: str = "sim-"

    def check(self, client_id: str) -> None:
        """Raise Rejection (BAD_CLIENT_ID) for an id this venue would not take."""
        if re.fullmatch(self.pattern, client_id) is None:
            raise Rejection(Reason.BAD_CLIENT_ID, f"{client_id!r} does not match {self.pattern}")


class FeeIn(StrEnum):
    """The currency fees are taken in."""

    RECEIVED = "what the order receives: base for a buy, quote for a sell"
    QUOTE = "the quote currency; a buy pays it on top"


@dataclass(frozen=True, slots=True)
class FeeTier:
    """The rates from a turnover on: 30-day volume in quote currency."""

    turnover: Decimal
    fees: FeeSchedule


def one_tier(maker: str, taker: str) -> tuple[FeeTier, ...]:
    """The same rates for everybody, as fractions ("0.001" is 0.1 %)."""
    return (FeeTier(ZERO, FeeSchedule(Decimal(maker), Decimal(taker))),)


@dataclass(frozen=True, slots=True)
class Policy:
    """How one venue's exchange behaves.

    `tiers` are ordered by turnover, the first from zero on. `locks_sleeping` says whether an order that
    waits for its trigger locks balance. `fee_digits` are the decimals a fee is rounded down to. `generosity`
    is how many times the venue's documented rate limits its wire allows.
    """

    client_ids: ClientIdRule = ClientIdRule()
    tiers: tuple[FeeTier, ...] = one_tier("0.001", "0.001")
    fee_in: FeeIn = FeeIn.RECEIVED
    fee_digits: int = 8
    locks_sleeping: bool = True
    self_trade: SelfTrade = SelfTrade.EXPIRE_MAKER
    generosity: float = 1.0

    def __post_init__(self) -> None:
        turnovers = [tier.turnover for tier in self.tiers]
        if not turnovers or turnovers[0] != ZERO or turnovers != sorted(set(turnovers)):
            raise ConfigError(
                "the fee tiers must start at turnover 0 and rise", fix="Order them by turnover, each once"
            )

    def fees(self, turnover: Decimal) -> FeeSchedule:
        """The rates of an account that traded this much in 30 days."""
        return next(tier.fees for tier in reversed(self.tiers) if tier.turnover <= turnover)
