"""The books against the venue: orders, executions and balances, at start-up and now and then.

A difference is *explained* (an execution that was missed: booked), *adopted* (somebody else's order or
execution: it counts from now on) or *frozen* (nobody can say: no entries until it is gone or answered for).
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Literal

from domain.errors import ConfigError, LedgerError, NotFound, VenueError, VenueRejected
from domain.instrument import split_symbol
from domain.money import ZERO, Currency, Price, Quantity, Symbol
from domain.orders import Fill, Order, OrderIntent, OrderStatus, Origin
from domain.reconciliation import Difference, FillAdopted, Reconciled
from execution.balances import NOTHING, weigh
from execution.settling import Settling, said
from execution.terms import deviations
from execution.venue import VenueOrder

EVERYTHING: Final = "*"
"""The name under which the whole account is frozen."""

OVERLAP: Final = timedelta(minutes=5)
"""How far behind the newest known execution the venue is asked again: clocks differ, executions come late."""

KEPT: Final = timedelta(hours=1)
"""A comparison that found nothing new is journaled this often, so that a restart need not ask far back."""

_TRIES: Final = 3
_IN_FLIGHT: Final = frozenset({OrderStatus.INTENDED, OrderStatus.SUBMITTING})


class Reconciling(Settling):
    """Compares books and venue. `strangers` are orders of others that may still fill, as far as known."""

    _first_look = True
    _stale = ""
    _strangers: tuple[Order, ...] = ()
    _parked: frozenset[str] = frozenset()
    _compared_at: datetime | None = None

    @property
    def differences(self) -> tuple[Difference, ...]:
        """What the newest comparison found; empty before the first."""
        return () if self._book.reconciled is None else self._book.reconciled.differences

    @property
    def frozen(self) -> Mapping[str, str]:
        """What stops entries until the books and the venue agree again: by symbol, "*" for all, and why."""
        return self._book.frozen

    async def reconcile(self) -> tuple[str, ...]:
        """Bring books and venue together; one sentence for everything that was different.

        The first time every order that has not ended is looked up, later those the venue does not list. A
        venue that does not answer leaves the desk without entries until a comparison succeeds.
        """
        found: list[str] = []
        self._compared_at = began = self._clock.now()
        for order in tuple(self._book.open.values()):
            if self._first_look or order.status is OrderStatus.UNKNOWN:
                found += await self._ask_about(order)
        self._first_look = False
        try:
            differences = await self._compare_all(began, found)
        except (VenueError, TimeoutError, OSError) as error:
            self._stale = f"{self._venue.name} could not be compared with the books: {said(error)}"
            self._say_once("comparison", self._stale)
            found.append(self._stale)
        else:
            self._stale = ""
            self._heard("comparison")
            found += [each.message for each in differences]
        self._journal.commit()
        return tuple(found)

    async def accept_outside(self, currency: Currency, reason: str) -> tuple[str, ...]:
        """Somebody answers for a frozen balance, such as a deposit: it is not the desk's.

        Raises ConfigError when less is there than the desk's own books say: that cannot be talked away.
        """
        newest = self._book.reconciled
        theirs = (await self._venue.balances()).get(currency, NOTHING).total
        ours = self._owned().get(currency, ZERO)
        if newest is None or theirs < ours:
            raise ConfigError(
                f"the account holds {theirs:f} {currency}, the books say {ours:f}",
                fix="Bring the money back, or start a session with the capital that is there",
            )
        message = f"{theirs - ours:f} {currency} are outside the desk: {reason}"
        accepted = Difference("adopted", "balance", currency, Symbol(""), ours, theirs, message)
        outside = {**newest.outside, currency: theirs - ours}
        self._write_down((0, 0, 1), (accepted,), {}, outside, newest.fills_until)
        return await self.reconcile()

    async def _ask_about(self, order: Order) -> list[str]:
        """Look an order up; a sentence when its fate changed or is not known."""
        before = order.status, order.filled
        if order.status is OrderStatus.INTENDED and order.intent.replaces:
            if await self._was_never_sent(order):
                self._parked |= {order.client_id}
                return [f"{order.client_id} was to replace {order.intent.replaces} and is not sent yet"]
        else:
            await self._look_up(order, still_open=True)  # a withdrawal of ours that never arrived is no more
        if order.status is not OrderStatus.UNKNOWN and (order.status, order.filled) == before:
            return []
        return [f"{order.client_id} was {before[0]} and is {order.status}: {_state(order)}"]

    async def _was_never_sent(self, order: Order) -> bool:
        """Whether the venue is certain not to have it; anything else is taken in as it is."""
        try:
            if await self._venue.lookup(order.client_id) is None:
                return True
        except (VenueError, TimeoutError, OSError) as error:
            self._lose_sight(order, f"it could not be looked up: {said(error)}")
        else:
            await self._look_up(order)
        return False

    async def _compare_all(self, began: datetime, found: list[str]) -> tuple[Difference, ...]:
        frozen: dict[str, str] = {}
        differences = await self._compare_orders(found)
        fills, more = await self._compare_fills()
        differences += more
        count, wrong, outside = await self._compare_balances(differences)
        differences += wrong
        known = self._book.reconciled.differences if self._book.reconciled is not None else ()
        for each in differences:
            if each.verdict == "frozen":
                frozen.setdefault(each.symbol or EVERYTHING, each.message)
            if each not in known:
                self._notice("error" if each.verdict == "frozen" else "warning", each.message)
        counts = len(self._book.open), fills, count
        self._write_down(counts, tuple(differences), frozen, outside, began)
        return tuple(differences)

    def _write_down(
        self,
        counts: tuple[int, int, int],
        differences: tuple[Difference, ...],
        frozen: Mapping[str, str],
        outside: Mapping[Currency, Decimal],
        until: datetime,
    ) -> None:
        """Journal the comparison, unless it says what the newest one said not long ago."""
        newest, now = self._book.reconciled, self._clock.now()
        if newest is not None and now - newest.at < KEPT:
            same = newest.differences, dict(newest.frozen), dict(newest.outside)
            if same == (differences, dict(frozen), dict(outside)):
                return
        self.record(
            Reconciled(self._venue.name, *counts, differences, dict(frozen), dict(outside), until, now)
        )

    # -- orders

    async def _compare_orders(self, found: list[str]) -> list[Difference]:
        resting = {order.client_id or order.venue_id: order for order in await self._venue.open_orders()}
        for order in tuple(self._book.open.values()):
            if order.status in _IN_FLIGHT or order.client_id in resting:
                continue
            found += await self._ask_about(order)
        differences: list[Difference] = []
        strangers: list[Order] = []
        for name, seen in resting.items():
            known = self._find(name)
            if known is None and name in self._book.forgotten:
                differences.append(await self._revenant(name, "over", ZERO, seen))
            elif known is None:
                differences.append(self._stranger(name, seen, strangers))
            elif known.is_terminal:
                differences.append(await self._revenant(name, known.status, known.filled, seen))
            elif wrong := deviations(known.intent, seen):
                message = f"{self._venue.name} holds {name} as another order: {'; '.join(wrong)}"
                differences.append(_about_order("frozen", name, seen, known.remaining, message))
                self._book.touched.setdefault(seen.symbol, self._clock.now())
        self._strangers = tuple(strangers)
        return differences

    def _stranger(self, name: str, seen: VenueOrder, strangers: list[Order]) -> Difference:
        """Somebody else's order: counted as exposure when the venue tells what it is, else it freezes."""
        message = f"{self._venue.name} holds {name}, which this journal does not know"
        terms = seen.terms
        if terms is None:
            return _about_order("frozen", name, seen, ZERO, message)
        intent = OrderIntent(
            client_id=name,
            session="",
            cycle=0,
            leg=0,
            symbol=seen.symbol,
            side=terms.side,
            quantity=Quantity(terms.quantity - seen.filled),
            order_type=terms.order_type,
            created_at=self._clock.now(),
            origin=Origin.OPERATOR,
            limit_price=None if terms.limit_price is None else Price(terms.limit_price),
            trigger_price=None if terms.trigger_price is None else Price(terms.trigger_price),
        )
        strangers.append(Order(intent, OrderStatus.ACCEPTED))
        return _about_order("adopted", name, seen, ZERO, message)

    async def _revenant(self, client_id: str, stands: str, filled: Decimal, seen: VenueOrder) -> Difference:
        """Our own order, over in the books and open at the venue: withdrawn, frozen till then.

        It may have gone by itself; one that the venue does not let go stays frozen.
        """
        message = f"{client_id} is {stands} in the books and open at {self._venue.name}"
        with contextlib.suppress(NotFound, VenueRejected):
            await self._venue.cancel(client_id)
        return _about_order("frozen", client_id, seen, filled, message)

    # -- executions

    async def _compare_fills(self) -> tuple[int, list[Difference]]:
        seen = await self._venue.fills(self._fills_since())
        return len(seen), [each for fill in seen if (each := self._missed(fill)) is not None]

    def _fills_since(self) -> datetime:
        """Where to ask from. What others did before the first comparison is in its balances already."""
        first, newest = self._book.known_from, self._book.reconciled
        if first is not None and newest is not None:
            return max(first, newest.fills_until - OVERLAP)
        earliest = [order.intent.created_at for order in self._book.orders.values()]
        if self._book.forgotten_since is not None:
            earliest.append(self._book.forgotten_since)
        return min(earliest, default=self._clock.now())

    def _missed(self, fill: Fill) -> Difference | None:
        if fill.fill_id in self._book.fills:
            return None
        what = f"{fill.side.value} {fill.quantity:f} {fill.symbol} at {fill.price:f}"
        if fill.client_id in self._book.orders or fill.client_id in self._book.forgotten:
            self._book_fill(fill)
            message = f"{fill.client_id}: {what} had not been reported"
            return _about_fill("explained", fill, fill.quantity, message)
        message = f"{self._venue.name} executed {fill.fill_id}, which this desk did not send: {what}"
        try:
            self.record(FillAdopted(fill, self._clock.now()))
        except LedgerError as error:
            return _about_fill("frozen", fill, ZERO, f"{message}; it cannot be booked: {error.message}")
        return _about_fill("adopted", fill, fill.quantity, message)

    # -- balances

    async def _compare_balances(
        self, differences: list[Difference]
    ) -> tuple[int, list[Difference], Mapping[Currency, Decimal]]:
        """Differences that stay when executions and balances are asked for again: what moves is no news."""
        for attempt in range(_TRIES):
            theirs = await self._venue.balances()
            newest = self._book.reconciled
            before = None if newest is None else newest.outside
            wrong, outside = weigh(self._owned(), theirs, before, self._traded())
            if not wrong or attempt == _TRIES - 1:
                break
            _, more = await self._compare_fills()  # it may have filled between the two questions
            differences += more
        return len(outside), wrong, outside

    def _owned(self) -> Mapping[Currency, Decimal]:
        """What the books say is there, of every currency the desk trades or has paid fees in."""
        portfolio = self._portfolio
        owned: dict[Currency, Decimal] = dict.fromkeys(self._traded(), ZERO)
        owned.update(portfolio.balances())
        for currency, amount in portfolio.paid_outside().items():
            owned[currency] = owned.get(currency, ZERO) - amount
        return owned

    def _traded(self) -> dict[Currency, Symbol]:
        """The symbol each coin is traded in; none for the money, which concerns them all."""
        traded = {split_symbol(symbol)[0]: symbol for symbol in self._portfolio.symbols}
        traded[self._portfolio.capital.currency] = Symbol("")
        return traded


def _about_order(
    verdict: Literal["adopted", "frozen"], name: str, seen: VenueOrder, ours: Decimal, message: str
) -> Difference:
    theirs = ZERO if seen.terms is None else seen.terms.quantity - seen.filled
    return Difference(verdict, "order", name, seen.symbol, ours, theirs, message)


def _about_fill(
    verdict: Literal["explained", "adopted", "frozen"], fill: Fill, ours: Decimal, message: str
) -> Difference:
    return Difference(verdict, "fill", fill.fill_id, fill.symbol, ours, fill.quantity, message)


def _state(order: Order) -> str:
    filled = f"{order.filled:f} of {order.intent.quantity:f} filled"
    return f"{filled}, {order.note}" if order.note else filled
