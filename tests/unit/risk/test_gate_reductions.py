"""A desk can always get smaller; nothing that only claims to reduce gets through on that claim."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from domain.halt import HaltState
from domain.money import Currency, Price, Quantity
from domain.orders import OrderIntent, OrderType, Origin, Side
from risk.approval import ApprovedOrder
from risk.facts import RiskFacts
from risk.gate import review
from risk.limits import RiskLimits
from tests.unit.risk.gate_cases import (
    BUY,
    ETH,
    FACTS,
    INSTRUMENT,
    LIMITS,
    NOW,
    QUOTE,
    SELL,
    STOP_SELL,
    USDT,
    holding,
    resting,
)

WHOLE = replace(SELL, quantity=Quantity(Decimal(1)))
WHOLE_STOP = replace(STOP_SELL, quantity=Quantity(Decimal(1)))
TAKE_PROFIT = replace(WHOLE, order_type=OrderType.LIMIT, limit_price=Price(Decimal(60_000)))


def refused_by(intent: OrderIntent, facts: RiskFacts, limits: RiskLimits = LIMITS) -> list[str]:
    answer = review(intent, facts, limits, NOW)
    return [] if isinstance(answer, ApprovedOrder) else [breach.rule for breach in answer.breaches]


def in_trouble(halt: HaltState | None) -> RiskFacts:
    """Halted, past every loss limit, past the order rate, with a full order list, the symbol not allowed."""
    facts = holding("1", halt=halt, recent_orders=None)
    assert facts.account is not None
    lost = replace(
        facts.account,
        equity=Decimal(50_000),
        day_start_equity=Decimal(100_000),
        peak_equity=Decimal(200_000),
    )
    many = tuple(resting(Side.SELL, "0.1", "3100", symbol=ETH, number=number) for number in range(50))
    return replace(facts, account=lost, open_orders=many)


NO_ENTRIES = replace(LIMITS, allowed_symbols=frozenset({ETH}), max_order_notional_quote=Decimal(1))


@pytest.mark.parametrize("intent", [WHOLE, WHOLE_STOP, TAKE_PROFIT], ids=["market", "stop", "take-profit"])
@pytest.mark.parametrize("halt", [*HaltState, None])
def test_a_halted_desk_can_still_reduce(halt: HaltState | None, intent: OrderIntent) -> None:
    assert refused_by(intent, in_trouble(halt), NO_ENTRIES) == []


@pytest.mark.parametrize("halt", [HaltState.REDUCING, HaltState.HALTED])
def test_a_halted_desk_cannot_enter(halt: HaltState) -> None:
    assert refused_by(BUY, replace(FACTS, halt=halt)) == ["halt_state"]


@pytest.mark.parametrize("origin", Origin)
def test_who_asks_makes_no_difference(origin: Origin) -> None:
    assert refused_by(replace(BUY, origin=origin), replace(FACTS, halt=HaltState.HALTED)) == ["halt_state"]
    assert refused_by(replace(SELL, origin=origin), holding("0.05")) == ["balance", "reduce_only"]


def test_an_account_without_value_can_still_reduce() -> None:
    facts = holding("1")
    assert facts.account is not None
    broke = replace(
        facts.account, equity=Decimal(-1), free={USDT: Decimal(-50_001), Currency("BTC"): Decimal(1)}
    )
    assert refused_by(WHOLE, replace(facts, account=broke)) == []


def test_a_reduction_needs_a_known_account() -> None:
    assert "known_account" in refused_by(WHOLE, replace(holding("1"), account=None))


def test_a_reduction_needs_a_fresh_price() -> None:
    stale = replace(QUOTE, as_of=NOW - timedelta(seconds=31))
    assert refused_by(WHOLE, holding("1", quote=stale)) == ["fresh_price"]


def test_a_reduction_needs_a_known_instrument() -> None:
    assert "allowed_symbol" in refused_by(WHOLE, holding("1", instrument=None))
    assert refused_by(WHOLE, holding("1", instrument=replace(INSTRUMENT, symbol=ETH))) == ["allowed_symbol"]


def test_a_reduction_keeps_the_venues_filters() -> None:
    dust = replace(SELL, quantity=Quantity(Decimal("0.00011")))
    assert refused_by(dust, holding("1")) == ["venue_filters"]


def test_a_reduction_sells_only_what_is_free() -> None:
    facts = holding("1")
    assert facts.account is not None
    locked = replace(facts.account, free={USDT: Decimal(50_000), Currency("BTC"): Decimal("0.99999")})
    assert refused_by(WHOLE, replace(facts, account=locked)) == ["balance"]


def test_a_reduction_is_not_given_away_below_the_collar() -> None:
    at_the_edge = replace(TAKE_PROFIT, limit_price=Price(Decimal(49_000)))
    assert refused_by(at_the_edge, holding("1")) == []
    below = replace(TAKE_PROFIT, limit_price=Price(Decimal("48999.99")))
    assert refused_by(below, holding("1")) == ["price_collar"]


def test_reducing_needs_a_holding() -> None:
    assert refused_by(SELL, FACTS) == ["balance", "reduce_only"]
    assert "reduce_only" in refused_by(SELL, holding("5", symbol=ETH, price="3000"))


def test_reducing_by_more_than_is_held_is_refused() -> None:
    more = replace(SELL, quantity=Quantity(Decimal("0.10001")))
    assert refused_by(more, holding("0.1")) == ["balance", "reduce_only"]


def test_a_buy_does_not_reduce() -> None:
    assert refused_by(replace(BUY, reduce_only=True), holding("0.1")) == ["reduce_only"]


def test_a_claim_to_reduce_that_is_false_gives_no_exemption() -> None:
    halted = replace(FACTS, halt=HaltState.HALTED)
    assert refused_by(replace(BUY, reduce_only=True), halted) == ["halt_state", "reduce_only"]
    assert "halt_state" in refused_by(SELL, halted)


def test_a_resting_stop_does_not_block_the_way_out() -> None:
    stop = resting(Side.SELL, "1", "45000", stop=True)
    assert refused_by(WHOLE, holding("1", open_orders=(stop,))) == []


def test_a_stop_can_be_replaced_without_a_gap() -> None:
    stop = resting(Side.SELL, "1", "45000", stop=True)
    moved = replace(WHOLE_STOP, trigger_price=Price(Decimal(46_000)))
    assert refused_by(moved, holding("1", open_orders=(stop,))) == []


def test_a_stop_can_protect_what_a_take_profit_is_selling() -> None:
    profit = resting(Side.SELL, "1", "60000")
    assert refused_by(WHOLE_STOP, holding("1", open_orders=(profit,))) == []


def test_the_same_holding_is_not_sold_twice() -> None:
    selling = resting(Side.SELL, "0.95", "50100")
    assert refused_by(SELL, holding("1", open_orders=(selling,))) == ["balance", "reduce_only"]
    elsewhere = resting(Side.SELL, "0.95", "3100", symbol=ETH)
    assert refused_by(SELL, holding("1", open_orders=(elsewhere,))) == []


def test_unknown_open_orders_refuse_a_sale() -> None:
    assert refused_by(SELL, holding("1", open_orders=None)) == ["balance", "reduce_only"]


def test_a_false_claim_is_not_told_what_nobody_found_out_for_it() -> None:
    bare = holding("0.05", market=None, losses=None, book=None, recent_intents=None, recent_orders=None)
    assert refused_by(SELL, replace(bare, health=None, breakers=None)) == ["balance", "reduce_only"]
    entry = replace(SELL, reduce_only=False)
    assert "depth_share" in refused_by(entry, replace(bare, health=None, breakers=None))


def test_a_stop_may_be_as_far_away_as_it_has_to_be() -> None:
    far = replace(WHOLE_STOP, trigger_price=Price(Decimal(30_000)))
    assert refused_by(far, holding("1")) == []
