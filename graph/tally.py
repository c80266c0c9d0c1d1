"""What a session came to so far, told by its events: counters, the equity curve, and the fingerprint.

The tally only listens. Fed with the journal of a session that was interrupted, it stands where it stood.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from domain.events import CycleRecorded, DeskEvent, EquityMarked, IntentRefused, OrderFilled, OrderSubmitted
from domain.money import ZERO, Symbol

if TYPE_CHECKING:
    from domain.orders import Fill

_SEPARATOR: Final = "|"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refused intent, as the fingerprint counts it."""

    symbol: Symbol
    side: str
    quantity: Decimal
    rules: tuple[str, ...]


class Tally:
    """Listens to a session's events. An event seen twice (a bar run again) counts once."""

    def __init__(self) -> None:
        self.curve: list[tuple[datetime, Decimal]] = []
        self.fills: list[Fill] = []
        self.refusals: dict[str, Refusal] = {}
        self.fees = ZERO
        self.first: EquityMarked | None = None
        self.last: EquityMarked | None = None
        self._cycles: set[int] = set()
        self._orders: set[str] = set()
        self._fill_ids: set[str] = set()

    @property
    def bars(self) -> int:
        return len(self.curve)

    @property
    def cycles(self) -> int:
        return len(self._cycles)

    @property
    def orders(self) -> int:
        """Orders that were sent to the venue."""
        return len(self._orders)

    def see(self, event: DeskEvent) -> None:
        """Count what `event` tells; most kinds tell nothing that is counted."""
        if isinstance(event, EquityMarked):
            self._mark(event)
        elif isinstance(event, OrderFilled):
            self._fill(event.fill)
        elif isinstance(event, OrderSubmitted):
            self._orders.add(event.client_id)
        elif isinstance(event, CycleRecorded):
            self._cycles.add(event.cycle)
        elif isinstance(event, IntentRefused):
            intent = event.intent
            rules = tuple(breach.rule for breach in event.breaches)
            refusal = Refusal(intent.symbol, intent.side.value, intent.quantity, rules)
            self.refusals.setdefault(intent.client_id, refusal)

    def _mark(self, event: EquityMarked) -> None:
        if self.last is not None and event.at <= self.last.at:
            return
        if self.first is None:
            self.first = event
        self.last = event
        self.curve.append((event.at, event.equity))

    def _fill(self, fill: Fill) -> None:
        if fill.fill_id in self._fill_ids:
            return
        self._fill_ids.add(fill.fill_id)
        self.fills.append(fill)
        self.fees += _in_quote(fill)

    def buy_and_hold(self) -> float | None:
        """The return of holding every symbol in equal parts from the first marked bar to the last."""
        if self.first is None or self.last is None:
            return None
        return equal_hold(self.first.prices, self.last.prices)

    def fingerprint(self) -> str:
        """SHA-256 over the ordered fills, the refusals and the final equity.

        Neither wall time, nor the session's name, nor how often it was interrupted is in it. Numbers are
        written without trailing zeros, so that equal amounts are equal text.
        """
        digest = hashlib.sha256()
        for fill in self.fills:
            parts = (
                fill.filled_at.isoformat(),
                fill.symbol,
                fill.side.value,
                plain(fill.quantity),
                plain(fill.price),
                plain(fill.fee.amount),
            )
            digest.update(("fill" + _SEPARATOR + _SEPARATOR.join(parts) + "\n").encode())
        for refusal in self.refusals.values():
            text = (refusal.symbol, refusal.side, plain(refusal.quantity), ",".join(refusal.rules))
            digest.update(("refusal" + _SEPARATOR + _SEPARATOR.join(text) + "\n").encode())
        equity = plain(self.last.equity) if self.last is not None else ""
        digest.update(f"equity{_SEPARATOR}{equity}\n".encode())
        return digest.hexdigest()


def _in_quote(fill: Fill) -> Decimal:
    """A fill's fee in quote currency. One paid in what was traded counts at the fill's price.

    One in a third currency has no price here; it is left out, as in the account's own figures.
    """
    fee = fill.fee
    base, _, quote = fill.symbol.partition("/")
    if fee.currency == quote:
        return fee.amount
    return fee.amount * fill.price if fee.currency == base else ZERO


def plain(number: Decimal) -> str:
    """A Decimal as text that equal numbers share: fixed point, no trailing zeros."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def equal_hold(first: Mapping[Symbol, Decimal], last: Mapping[Symbol, Decimal]) -> float | None:
    """The mean of last / first - 1 over the symbols priced at both ends; None when there is none."""
    both = [symbol for symbol in first if symbol in last]
    if not both:
        return None
    return float(sum((last[symbol] / first[symbol] for symbol in both), ZERO) / len(both) - 1)
