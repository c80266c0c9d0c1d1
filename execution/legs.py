"""From target weights to order intents: the only place where quantities are made. Pure Decimal arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import assert_never

from domain.errors import ConfigError
from domain.instrument import Instrument
from domain.market import MarketSnapshot, Quote
from domain.money import ONE, ZERO, Price, Quantity, Symbol
from domain.opinions import Proposal, Target
from domain.orders import OrderIntent, OrderType, Side, client_order_id
from domain.tactics import Tactic
from portfolio.portfolio import Portfolio


@dataclass(frozen=True, slots=True)
class LegPolicy:
    """`min_change` is the smallest change of weight worth an order, as a fraction of equity.

    `default_stop` is how far under the price an entry's protective stop lies when its target names none or
    one that is not below the price. Raises ConfigError for a fraction outside its range.
    """

    min_change: Decimal = Decimal("0.005")
    default_stop: Decimal = Decimal("0.05")

    def __post_init__(self) -> None:
        if not ZERO <= self.min_change < ONE:
            raise ConfigError(
                f"min_change {self.min_change} is not in [0, 1)", fix="Write a fraction of equity"
            )
        if not ZERO < self.default_stop < ONE:
            raise ConfigError(f"default_stop {self.default_stop} is not in (0, 1)", fix="Write a fraction")


@dataclass(frozen=True, slots=True)
class _Change:
    target: Target
    instrument: Instrument
    quote: Quote
    side: Side
    quantity: Quantity


def legs(
    proposal: Proposal,
    portfolio: Portfolio,
    snapshot: MarketSnapshot,
    tactics: Mapping[Symbol, Tactic],
    *,
    instruments: Mapping[Symbol, Instrument],
    session: str,
    cycle: int,
    policy: LegPolicy | None = None,
) -> tuple[OrderIntent, ...]:
    """The orders that bring holdings to the proposal's target weights, sells before buys.

    A quantity is (weight * equity / mid) - holding in base currency, rounded towards zero by the
    instrument. A symbol that is not in the snapshot or is stale there gets no order, nor does a change below
    `policy.min_change` of equity or the venue's minimums; getting out (weight zero) is held to the venue's
    minimums only. Tactics that are not named are MARKET. Legs are numbered in this order and stamped with the
    proposal's time, so the same input has the same intents. Raises ConfigError when a symbol is named twice.
    """
    policy = policy or LegPolicy()
    changes: list[_Change] = []
    for target in proposal.targets:
        change = _change(target, portfolio, snapshot, instruments, policy)
        if change is not None:
            changes.append(change)
    changes.sort(key=lambda change: change.side is Side.BUY)  # stable: targets keep their order
    return tuple(
        _intent(
            change,
            tactics.get(change.target.symbol, Tactic.MARKET),
            session,
            cycle,
            leg,
            proposal.as_of,
            policy,
        )
        for leg, change in enumerate(_once_each(changes))
    )


def _once_each(changes: Sequence[_Change]) -> Sequence[_Change]:
    symbols = [change.target.symbol for change in changes]
    if len(set(symbols)) != len(symbols):
        raise ConfigError("a proposal names a symbol twice", fix="Give each symbol one target")
    return changes


def _change(
    target: Target,
    portfolio: Portfolio,
    snapshot: MarketSnapshot,
    instruments: Mapping[Symbol, Instrument],
    policy: LegPolicy,
) -> _Change | None:
    view, instrument = snapshot.views.get(target.symbol), instruments.get(target.symbol)
    if view is None or instrument is None or view.stale:
        return None
    quote = view.quote
    position = portfolio.position(target.symbol)
    held, equity = (ZERO if position is None else position.quantity), portfolio.equity
    leaves = target.weight <= ZERO
    difference = -held if leaves else target.weight * equity / quote.mid - held
    side = Side.BUY if difference > ZERO else Side.SELL
    quantity = min(instrument.quantity(abs(difference)), Quantity(instrument.max_quantity))
    price = quote.ask if side is Side.BUY else quote.bid
    if not leaves and abs(difference) * quote.mid < policy.min_change * equity:
        return None
    if quantity < instrument.min_quantity or quantity * price < instrument.min_notional or not quantity:
        return None
    return _Change(target, instrument, quote, side, quantity)


def _intent(
    change: _Change, tactic: Tactic, session: str, cycle: int, leg: int, now: datetime, policy: LegPolicy
) -> OrderIntent:
    target, side = change.target, change.side
    limit = _limit(change, tactic)
    entry = limit or (change.quote.ask if side is Side.BUY else change.quote.bid)
    return OrderIntent(
        client_id=client_order_id(session, cycle, leg),
        session=session,
        cycle=cycle,
        leg=leg,
        symbol=target.symbol,
        side=side,
        quantity=change.quantity,
        order_type=OrderType.MARKET if limit is None else OrderType.LIMIT,
        created_at=now,
        reduce_only=side is Side.SELL,
        limit_price=limit,
        protective_stop=_stop(change, entry, policy) if side is Side.BUY else None,
        reason=target.reason,
        arrival=Price(change.quote.mid),
    )


def _limit(change: _Change, tactic: Tactic) -> Price | None:
    """The limit price of a tactic, rounded so that it never pays more than the touch it names."""
    instrument, quote, buys = change.instrument, change.quote, change.side is Side.BUY
    match tactic:
        case Tactic.MARKET | Tactic.TWAP:
            return None
        case Tactic.LIMIT_AT_TOUCH:
            return instrument.price_up(quote.ask) if buys else instrument.price_down(quote.bid)
        case Tactic.LIMIT_PASSIVE | Tactic.ICEBERG:
            return instrument.price_down(quote.bid) if buys else instrument.price_up(quote.ask)
        case _:
            assert_never(tactic)


def _stop(change: _Change, entry: Price, policy: LegPolicy) -> Price:
    """The target's own stop when it lies below the entry, else the default distance under it."""
    named = change.target.stop
    level = named if named is not None and ZERO < named < entry else entry * (ONE - policy.default_stop)
    return change.instrument.price_down(level)
