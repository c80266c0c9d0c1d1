"""The smart order router: which venue gets how much, by price after fee, depth, latency and balance.

The cost of a unit at a venue is its price, its taker fee, and what the price is expected to run away while
the order is under way (`drift` per second of latency). Each venue's levels get worse one by one, so taking
the cheapest level of all, again and again, is the cheapest split there is; rounding to each venue's step
and minimums can spoil that, so the best single venue is kept when it turns out no worse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from domain.instrument import Instrument
from domain.market import BookLevel
from domain.money import ONE, ZERO, Price, Quantity
from domain.orders import Side


@dataclass(frozen=True, slots=True)
class VenueOffer:
    """What one venue offers to a taker now.

    `levels` are the asks for a buy, the bids for a sale, best first. `taker` is a fraction. `free` is what
    the account may spend there: quote currency for a buy, base currency for a sale. `latency` is the time
    an order takes to arrive, `instrument` the venue's own grid and minimums.
    """

    venue: str
    levels: tuple[BookLevel, ...]
    taker: Decimal
    free: Decimal
    instrument: Instrument
    latency: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Allocation:
    """The part of one venue, at worst `worst_price`. `cost` is in quote currency, below zero for a sale."""

    venue: str
    quantity: Quantity
    worst_price: Price
    cost: Decimal


@dataclass(frozen=True, slots=True)
class Routed:
    """A split. `routed` and `rest` add up to what was asked for, in base currency."""

    allocations: tuple[Allocation, ...]
    routed: Decimal
    rest: Decimal
    cost: Decimal


def route(side: Side, quantity: Decimal, offers: Sequence[VenueOffer], *, drift: Decimal = ZERO) -> Routed:
    """Split `quantity` over the venues: first as much of it as can be had, then as cheaply as possible.

    `drift` is the adverse move expected per second, as a fraction of the price. No venue gets more than it
    shows, than the account can pay for there with the fee, or an order below its minimums. Raises
    ValueError when a venue is named twice.
    """
    if len({offer.venue for offer in offers}) != len(offers):
        raise ValueError("a venue is named twice: give each one offer")
    venues = [_Venue(side, offer, drift) for offer in offers]
    plans = [_split(venues, quantity), *(_split([venue], quantity) for venue in venues)]
    return min(plans, key=lambda plan: (-plan.routed, plan.cost, len(plan.allocations)))


def _split(venues: Sequence[_Venue], quantity: Decimal) -> Routed:
    """The cheapest levels first; venues whose part is too small drop out, and theirs is split again."""
    taking = list(venues)
    while True:
        taken = _greedy(taking, quantity)
        small = [venue for venue in taking if taken[venue.name] and not venue.takes(taken[venue.name])]
        if not small:
            break
        taking.remove(min(small, key=lambda venue: taken[venue.name]))
    allocations = tuple(venue.allocation(taken[venue.name]) for venue in taking if taken[venue.name])
    routed = sum((each.quantity for each in allocations), ZERO)
    return Routed(allocations, routed, quantity - routed, sum((each.cost for each in allocations), ZERO))


def _greedy(venues: Sequence[_Venue], quantity: Decimal) -> Mapping[str, Decimal]:
    taken = {venue.name: ZERO for venue in venues}
    levels = [(venue, level) for venue in venues for level in venue.levels]
    levels.sort(key=lambda each: each[0].unit_cost(each[1].price))  # stable: a venue's own order stays
    left = quantity
    for venue, level in levels:
        amount = min(left, level.quantity, venue.most - taken[venue.name])
        if amount > ZERO:
            taken[venue.name] += amount
            left -= amount
    for venue in venues:
        taken[venue.name] = venue.rounded(taken[venue.name])
    left = quantity - sum(taken.values(), ZERO)
    for venue in sorted(venues, key=lambda venue: venue.next_cost(taken[venue.name])):
        more = venue.rounded(min(left, venue.most - taken[venue.name]))  # what rounding left over
        taken[venue.name] += more
        left -= more
    return taken


class _Venue:
    """One offer with what it comes to: costs per unit and the most that can be had there."""

    def __init__(self, side: Side, offer: VenueOffer, drift: Decimal) -> None:
        self.name = offer.venue
        self.levels = offer.levels
        self._offer = offer
        self._buys = side is Side.BUY
        away = drift * Decimal(offer.latency // timedelta(microseconds=1)) / 1_000_000
        self._factor = (
            (ONE + offer.taker) * (ONE + away) if self._buys else (ONE - offer.taker) * (ONE - away)
        )
        self.most = self.rounded(min(self._payable(), offer.instrument.max_quantity))

    def unit_cost(self, price: Decimal) -> Decimal:
        """What a unit costs all in, in quote currency; a sale's proceeds count as a negative cost."""
        return price * self._factor if self._buys else -price * self._factor

    def rounded(self, quantity: Decimal) -> Decimal:
        return self._offer.instrument.quantity(max(quantity, ZERO))

    def takes(self, quantity: Decimal) -> bool:
        """Whether the venue's minimums allow an order of this size."""
        return not self._offer.instrument.filter_problems(quantity, self.allocation(quantity).worst_price)

    def next_cost(self, taken: Decimal) -> Decimal:
        for level in self.levels:
            if taken < level.quantity:
                return self.unit_cost(level.price)
            taken -= level.quantity
        return Decimal("Infinity")

    def allocation(self, quantity: Decimal) -> Allocation:
        cost, left, worst = ZERO, quantity, self.levels[0].price
        for level in self.levels:
            if left <= ZERO:
                break
            part = min(left, level.quantity)
            cost += part * self.unit_cost(level.price)
            left -= part
            worst = level.price
        return Allocation(self.name, Quantity(quantity), self._on_grid(worst), cost)

    def _on_grid(self, price: Decimal) -> Price:
        """The limit price that still reaches `price`."""
        instrument = self._offer.instrument
        return instrument.price_up(price) if self._buys else instrument.price_down(price)

    def _payable(self) -> Decimal:
        """How much the account can take here: all that is shown, or what the balance covers."""
        if not self._buys:
            return min(self._offer.free, sum((level.quantity for level in self.levels), ZERO))
        # A limit order locks all of its quantity at its worst price: that much must be free.
        most, shown = ZERO, ZERO
        for level in self.levels:
            shown += level.quantity
            most = max(
                most, min(shown, self._offer.free / (self._on_grid(level.price) * (ONE + self._offer.taker)))
            )
        return most
