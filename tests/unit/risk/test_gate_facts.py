"""Facts that are unknown, or that make no sense, refuse; the others are read the careful way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from datetime import timedelta
from decimal import Context, Decimal, localcontext
from typing import Any

import pytest

from domain.halt import HaltState
from domain.money import Currency, Price, Quantity, Symbol
from domain.orders import OrderIntent, OrderType, Side
from risk.facts import BreakerFacts, HealthFacts, PositionFacts, RiskFacts
from risk.gate import Refused
from risk.rules import RULES
from tests.unit.risk.gate_cases import (
    BUY,
    ETH,
    FACTS,
    INSTRUMENT,
    LIMITS,
    LOSSES,
    NOW,
    QUOTE,
    SELL,
    USDT,
    Plan,
    account,
    book,
    cut,
    holding,
    losses,
    market,
    refused_by,
    resting,
    verdict,
)

EXPOSURE = {
    "position_size",
    "gross_exposure",
    "leverage",
    "cluster_exposure",
    "stressed_loss",
    "value_at_risk",
    "expected_shortfall",
}
UNKNOWN_REFUSES = {
    "halt": {"halt_state"},
    "account": {
        "known_account",
        "balance",
        "trade_loss",
        "daily_loss",
        "weekly_loss",
        "peak_drawdown",
        *EXPOSURE,
    },
    "instrument": {"allowed_symbol", "venue_filters", "balance"},
    "quote": {
        "fresh_price",
        "price_agreement",
        "estimated_price",
        "venue_filters",
        "balance",
        "order_notional",
        "depth_share",
        "volume_share",
        "price_collar",
        "stop_required",
        "trade_loss",
        *EXPOSURE,
    },
    "open_orders": {"balance", "open_orders", *EXPOSURE},
    "recent_orders": {"order_rate"},
    "market": {"price_agreement", "depth_share", "volume_share", "news_blackout"},
    "losses": {"weekly_loss", "loss_streak", "loss_cooldown"},
    "book": {"cluster_exposure", "stressed_loss", "value_at_risk", "expected_shortfall"},
    "recent_intents": {"duplicate_intent"},
    "health": {"model_health"},
    "breakers": {"open_breaker", "breaker_size"},
}


@pytest.mark.parametrize("fact", [each.name for each in fields(RiskFacts)])
def test_an_unknown_fact_refuses(fact: str) -> None:
    assert set(refused_by(Plan(facts=replace(FACTS, **{fact: None})))) == UNKNOWN_REFUSES[fact]


@pytest.mark.parametrize("fact", UNKNOWN_REFUSES)
def test_a_rule_declares_the_facts_without_which_it_refuses(fact: str) -> None:
    declared = {rule.name for rule in RULES if fact in rule.needs}
    assert UNKNOWN_REFUSES[fact] <= declared


def test_parts_of_the_market_that_are_unknown_refuse() -> None:
    assert refused_by(Plan(facts=market(reference=None))) == ["price_agreement"]
    assert refused_by(Plan(facts=market(asks_quote=None))) == ["depth_share"]
    assert refused_by(Plan(facts=market(volume_quote=None))) == ["volume_share"]
    assert refused_by(Plan(facts=market(bids_quote=None))) == []
    sale = replace(SELL, reduce_only=False)
    assert refused_by(Plan(sale, holding("1", market=market(bids_quote=None).market))) == ["depth_share"]
    assert refused_by(Plan(sale, holding("1", market=market(asks_quote=None).market))) == []


@pytest.mark.parametrize("reference", ["0", "-50000", "NaN", "Infinity"])
def test_a_reference_that_makes_no_sense_refuses(reference: str) -> None:
    assert refused_by(Plan(facts=market(reference=Decimal(reference)))) == ["price_agreement"]


@pytest.mark.parametrize("value", ["-1", "NaN"])
@pytest.mark.parametrize("name", ["asks_quote", "volume_quote"])
def test_a_market_that_makes_no_sense_refuses(name: str, value: str) -> None:
    assert len(refused_by(Plan(facts=market(**{name: Decimal(value)})))) == 1
    assert cut(Plan(facts=market(**{name: Decimal(value)}))) == 0


@pytest.mark.parametrize("value", ["0", "-1", "NaN", "Infinity"])
def test_a_start_of_week_that_makes_no_sense_refuses(value: str) -> None:
    assert refused_by(Plan(facts=losses(week_start_equity=Decimal(value)))) == ["weekly_loss"]


def test_a_streak_of_unknown_date_refuses() -> None:
    assert refused_by(Plan(facts=losses(streak=6, streak_at=None))) == ["loss_streak"]


@pytest.mark.parametrize("name", ["variance", "asset_variance"])
@pytest.mark.parametrize("value", ["-1", "NaN", "Infinity"])
def test_a_variance_that_makes_no_sense_refuses(name: str, value: str) -> None:
    plan = Plan(facts=book(**{name: Decimal(value)}))
    assert refused_by(plan) == ["value_at_risk", "expected_shortfall"]
    assert cut(plan) == 0


def test_no_scenarios_are_no_answer() -> None:
    assert refused_by(Plan(facts=book(scenarios=(), scenario_losses=()))) == ["stressed_loss"]
    assert refused_by(Plan(facts=book(scenario_losses=(Decimal(0),)))) == ["stressed_loss"]


@pytest.mark.parametrize(("asked", "abstained"), [(20, 21), (5, -1)])
def test_a_count_of_answers_that_makes_no_sense_refuses(asked: int, abstained: int) -> None:
    assert refused_by(Plan(facts=replace(FACTS, health=HealthFacts(asked, abstained)))) == ["model_health"]


@pytest.mark.parametrize("size", ["-0.1", "1.1", "NaN"])
def test_a_breaker_that_makes_no_sense_refuses(size: str) -> None:
    plan = Plan(facts=replace(FACTS, breakers=BreakerFacts(Decimal(size), ())))
    assert refused_by(plan) == ["breaker_size"]
    assert cut(plan) == 0


def test_unknown_account_is_refused() -> None:
    assert "known_account" in refused_by(Plan(facts=replace(FACTS, account=None)))


@pytest.mark.parametrize("name", ["equity", "day_start_equity", "peak_equity"])
@pytest.mark.parametrize("value", ["0", "-1", "NaN", "Infinity"])
def test_an_account_that_makes_no_sense_is_refused(name: str, value: str) -> None:
    assert "known_account" in refused_by(Plan(facts=account(**{name: Decimal(value)})))


class Unreadable(Mapping[Currency, Decimal]):
    """Balances that fail when they are looked at."""

    def __getitem__(self, key: Currency) -> Decimal:
        raise OSError("planted")

    def __iter__(self) -> Iterator[Currency]:
        raise OSError("planted")

    def __len__(self) -> int:
        return 1


def test_facts_that_fail_when_read_refuse() -> None:
    answer = verdict(Plan(facts=account(free=Unreadable())))
    assert isinstance(answer, Refused)
    assert "OSError: planted" in answer.breaches[0].message


@pytest.mark.parametrize(("remaining", "price"), [("-1", "100"), ("1", "0"), ("1", "-100"), ("NaN", "100")])
def test_open_orders_that_make_no_sense_refuse(remaining: str, price: str) -> None:
    facts = replace(FACTS, open_orders=(resting(Side.BUY, remaining, price),))
    assert refused_by(Plan(facts=facts)) == ["known_facts"]


@pytest.mark.parametrize("quantity", ["-1", "NaN"])
def test_a_holding_that_makes_no_sense_cannot_make_room(quantity: str) -> None:
    facts = account(positions={ETH: PositionFacts(Decimal(quantity), Decimal(3_000))})
    told = refused_by(Plan(facts=facts))
    assert told[:2] == ["gross_exposure", "leverage"]
    assert cut(Plan(facts=facts)) == 0


@pytest.mark.parametrize("quantity", ["0", "-0.1", "NaN", "Infinity"])
def test_a_quantity_that_makes_no_sense_is_refused(quantity: str) -> None:
    intent = replace(BUY, quantity=Quantity(Decimal(quantity)))
    assert "venue_filters" in refused_by(Plan(intent))


BAD_QUOTES = {
    "ahead of the clock": replace(QUOTE, as_of=NOW + timedelta(microseconds=1)),
    "of another symbol": replace(QUOTE, symbol=ETH),
    "crossed": replace(QUOTE, bid=Price(Decimal(50_020))),
    "empty": replace(QUOTE, bid=Price(Decimal(0))),
    "not a number": replace(QUOTE, ask=Price(Decimal("NaN"))),
    "endless": replace(QUOTE, ask=Price(Decimal("Infinity"))),
}


@pytest.mark.parametrize("what", BAD_QUOTES)
def test_a_quote_that_cannot_be_the_market_is_refused(what: str) -> None:
    assert "fresh_price" in refused_by(Plan(facts=replace(FACTS, quote=BAD_QUOTES[what])))


def test_a_quote_of_this_very_moment_without_a_spread_is_the_market() -> None:
    point = replace(QUOTE, bid=Price(Decimal(50_000)), ask=Price(Decimal(50_000)), as_of=NOW)
    assert refused_by(Plan(facts=replace(FACTS, quote=point))) == []


def test_an_empty_book_refuses_a_market_entry() -> None:
    wide = replace(QUOTE, ask=Price(Decimal(53_000)))
    intent = replace(BUY, protective_stop=Price(Decimal(50_000)))
    assert refused_by(Plan(intent, replace(FACTS, quote=wide))) == ["price_collar"]


def test_an_instrument_of_another_currency_is_refused() -> None:
    assert "allowed_symbol" in refused_by(Plan(facts=account(currency=Currency("EUR"))))


def test_orders_without_the_price_their_type_needs_are_refused() -> None:
    assert "venue_filters" in refused_by(Plan(replace(BUY, order_type=OrderType.LIMIT)))
    assert "venue_filters" in refused_by(Plan(replace(BUY, order_type=OrderType.STOP)))


def test_prices_off_the_tick_are_refused() -> None:
    off = Price(Decimal("50020.005"))
    assert refused_by(Plan(replace(BUY, order_type=OrderType.LIMIT, limit_price=off))) == ["venue_filters"]
    assert refused_by(Plan(replace(BUY, order_type=OrderType.STOP, trigger_price=off))) == ["venue_filters"]


def test_a_value_below_the_venues_minimum_is_refused() -> None:
    assert refused_by(Plan(replace(BUY, quantity=Quantity(Decimal("0.0001"))))) == ["venue_filters"]


def test_the_venues_bounds_are_kept_to_the_step() -> None:
    """Worth 5,001: quantity at its bounds and value at its minimum pass, one step beyond does not."""
    step = INSTRUMENT.step_size
    pairs: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
        ({"min_quantity": BUY.quantity}, {"min_quantity": BUY.quantity + step}),
        ({"max_quantity": BUY.quantity}, {"max_quantity": BUY.quantity - step}),
        ({"min_notional": Decimal(5_001)}, {"min_notional": Decimal("5001.01")}),
    )
    for passes, refuses in pairs:
        assert refused_by(Plan(facts=replace(FACTS, instrument=replace(INSTRUMENT, **passes)))) == []
        assert refused_by(Plan(facts=replace(FACTS, instrument=replace(INSTRUMENT, **refuses)))) == [
            "venue_filters"
        ]


@pytest.mark.parametrize("price", ["0", "-50000", "NaN"])
def test_a_limit_price_that_makes_no_sense_is_refused(price: str) -> None:
    intent = replace(BUY, order_type=OrderType.LIMIT, limit_price=Price(Decimal(price)))
    assert "venue_filters" in refused_by(Plan(intent))


WORST_PRICES: dict[str, tuple[OrderIntent, str]] = {
    "a market buy pays the ask": (BUY, "5001"),
    "a market sale gets the bid": (replace(BUY, side=Side.SELL), "4999"),
    "a limit buy pays its limit": (
        replace(BUY, order_type=OrderType.LIMIT, limit_price=Price(Decimal(49_500))),
        "4950",
    ),
    "a stop buy pays its trigger": (
        replace(BUY, order_type=OrderType.STOP, trigger_price=Price(Decimal(50_500))),
        "5050",
    ),
    "a stop buy already triggered pays the ask": (
        replace(BUY, order_type=OrderType.STOP, trigger_price=Price(Decimal(49_500))),
        "5001",
    ),
    "a stop sale gets its trigger": (
        replace(BUY, side=Side.SELL, order_type=OrderType.STOP, trigger_price=Price(Decimal(49_500))),
        "4950",
    ),
    "a market buy has no use for a trigger": (replace(BUY, trigger_price=Price(Decimal(90_000))), "5001"),
}


@pytest.mark.parametrize("what", WORST_PRICES)
def test_an_order_is_valued_at_the_worst_it_may_get(what: str) -> None:
    intent, value = WORST_PRICES[what]
    answer = verdict(Plan(intent, holding("0.5"), replace(LIMITS, max_order_notional_quote=Decimal(1))))
    assert isinstance(answer, Refused)
    (told,) = [breach.value for breach in answer.breaches if breach.rule == "order_notional"]
    assert told == value


def test_an_open_order_with_nothing_remaining_is_no_obstacle() -> None:
    assert refused_by(Plan(facts=replace(FACTS, open_orders=(resting(Side.BUY, "0", "50000"),)))) == []


@pytest.mark.parametrize("stop", ["50010", "60000", "0", "-1"])
def test_a_stop_that_is_not_below_the_entry_is_refused(stop: str) -> None:
    assert "stop_required" in refused_by(Plan(replace(BUY, protective_stop=Price(Decimal(stop)))))


def test_a_stop_above_the_entry_is_refused_even_when_none_is_required() -> None:
    intent = replace(BUY, protective_stop=Price(Decimal(60_000)))
    assert refused_by(Plan(intent, limits=replace(LIMITS, require_stop=False))) == ["stop_required"]


def test_pending_buys_count_in_exposure_position_and_balance() -> None:
    pending = replace(FACTS, open_orders=(resting(Side.BUY, "0.52", "50000"),))
    assert refused_by(Plan(facts=pending)) == ["position_size"]
    elsewhere = replace(FACTS, open_orders=(resting(Side.BUY, "26", "3000", symbol=ETH),))
    assert refused_by(Plan(facts=elsewhere)) == ["gross_exposure", "cluster_exposure", "stressed_loss"]
    spent = account(free={USDT: Decimal(30_000)})
    assert refused_by(
        Plan(facts=replace(spent, open_orders=(resting(Side.BUY, "9", "3000", symbol=ETH),)))
    ) == ["balance"]


def test_a_pending_buy_never_makes_a_sale_bigger() -> None:
    facts = holding("0.1", open_orders=(resting(Side.BUY, "1", "50000"),))
    assert refused_by(Plan(replace(SELL, quantity=Quantity(Decimal("0.2"))), facts)) == [
        "balance",
        "reduce_only",
    ]


def test_losses_count_what_is_not_sold_yet() -> None:
    # Cash never moved; the holding lost 6 % of the account since midnight.
    facts = holding("0.88", price="50000")
    assert facts.account is not None
    lost = replace(facts.account, equity=Decimal(94_000), day_start_equity=Decimal(100_000))
    told = refused_by(Plan(replace(BUY, quantity=Quantity(Decimal("0.001"))), replace(facts, account=lost)))
    assert "daily_loss" in told


def test_a_desk_without_positions_still_remembers_its_drawdown() -> None:
    flat = account(equity=Decimal(79_000), day_start_equity=Decimal(79_000), free={USDT: Decimal(79_000)})
    begun = replace(LOSSES, week_start_equity=Decimal(79_000))
    assert refused_by(Plan(facts=replace(flat, losses=begun))) == ["peak_drawdown"]


def test_selling_more_than_held_is_refused_without_the_reduce_only_mark_too() -> None:
    sell = replace(SELL, reduce_only=False, quantity=Quantity(Decimal("0.2")))
    assert refused_by(Plan(sell, holding("0.2"))) == []
    assert refused_by(Plan(sell, holding("0.19"))) == ["balance"]


def test_a_sale_without_the_reduce_only_mark_is_not_exempt() -> None:
    sell = replace(SELL, reduce_only=False)
    assert refused_by(Plan(sell, holding("1", halt=HaltState.HALTED))) == ["halt_state"]
    assert refused_by(Plan(sell, holding("1", recent_orders=10))) == ["order_rate"]


def test_the_answer_does_not_depend_on_the_callers_decimal_context() -> None:
    nan = account(equity=Decimal("NaN"))
    with localcontext(Context(prec=3, traps=[])):
        assert refused_by(Plan()) == []
        assert "known_account" in refused_by(Plan(facts=nan))


def test_symbols_are_compared_whole() -> None:
    lookalike = replace(LIMITS, allowed_symbols=frozenset({Symbol("BTC/USD")}))
    assert refused_by(Plan(limits=lookalike)) == ["allowed_symbol"]
