"""Where venues differ in how their exchange behaves: client ids, fees, locks, self-trade prevention."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from simulator.exchange.rejection import Reason, Rejection
from simulator.fees import FeeLadder, one_rate
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


_USUAL = one_rate("0.001", "0.001")


@dataclass(frozen=True, slots=True)
class Policy:
    """How one venue's exchange behaves.

    `fees` are its rates by turnover. `locks_sleeping` says whether an order that
    waits for its trigger locks balance. `fee_digits` are the decimals a fee is rounded down to. `generosity`
    is how many times the venue's documented rate limits its wire allows.
    """

    client_ids: ClientIdRule = ClientIdRule()
    fees: FeeLadder = _USUAL
    fee_in: FeeIn = FeeIn.RECEIVED
    fee_digits: int = 8
    locks_sleeping: bool = True
    self_trade: SelfTrade = SelfTrade.EXPIRE_MAKER
    generosity: float = 1.0
