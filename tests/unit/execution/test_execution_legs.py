"""Legs: target weights become quantities, in Decimal, the same every time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import ConfigError
from domain.market import MarketSnapshot, SymbolView
from domain.money import Money, Price, Quantity, Symbol
from domain.opinions import Proposal, Target
from domain.orders import Fill, OrderIntent, OrderType, Side
from domain.tactics import Tactic
from execution.legs import LegPolicy, legs
from portfolio.portfolio import Portfolio
from tests.faults.world import BTC, CAPITAL, ETH, INSTRUMENTS, START, USDT, StillFeed

FEED = StillFeed()


def snapshot(**changes: object) -> MarketSnapshot:
    views = {}
    for symbol in FEED.symbols:
        candle, quote = FEED.candle(symbol), FEED.quote(symbol)
        assert candle is not None
        assert quote is not None
        view = SymbolView(symbol, candle, quote, {}, timedelta(0), False)
        views[symbol] = replace(view, **changes)  # type: ignore[arg-type]  # a test names real fields
    return MarketSnapshot(START, views, (), "")


def account(**held: str) -> Portfolio:
    portfolio = Portfolio(CAPITAL, INSTRUMENTS)
    for base, quantity in held.items():
        symbol = Symbol(f"{base}/USDT")
        portfolio.book(
            Fill(
                fill_id=f"f-{base}",
                client_id="c",
                symbol=symbol,
                side=Side.BUY,
                quantity=Quantity(Decimal(quantity)),
                price=Price(FEED.last[symbol]),
                fee=Money(Decimal(0), USDT),
                filled_at=START,
            )
        )
    return portfolio


def target(symbol: Symbol, weight: str, stop: str | None = None) -> Target:
    return Target(symbol, Decimal(weight), None if stop is None else Price(Decimal(stop)), "trend")


def plan(
    *targets: Target,
    portfolio: Portfolio | None = None,
    tactics: dict[Symbol, Tactic] | None = None,
    seen: MarketSnapshot | None = None,
    policy: LegPolicy | None = None,
) -> tuple[OrderIntent, ...]:
    return legs(
        Proposal("s-000007", START, targets),
        portfolio or account(),
        seen or snapshot(),
        tactics or {},
        instruments=INSTRUMENTS,
        session="s",
        cycle=7,
        policy=policy,
    )


def test_a_target_becomes_a_quantity() -> None:
    (leg,) = plan(target(BTC, "0.20", "38000"))
    assert (leg.side, leg.quantity, leg.order_type) == (Side.BUY, Decimal("0.5"), OrderType.MARKET)
    assert leg.protective_stop == Decimal("38000")
    assert leg.client_id == "s-000007-00"
    assert not leg.reduce_only


def test_sells_come_before_buys() -> None:
    first, second = plan(target(BTC, "0.20"), target(ETH, "0"), portfolio=account(ETH="10"))
    assert (first.symbol, first.side, first.leg) == (ETH, Side.SELL, 0)
    assert first.reduce_only
    assert first.protective_stop is None
    assert (second.symbol, second.side, second.client_id) == (BTC, Side.BUY, "s-000007-01")


def test_only_the_difference_is_traded() -> None:
    portfolio = account(BTC="0.5")
    (more,) = plan(target(BTC, "0.30"), portfolio=portfolio)
    assert (more.side, more.quantity) == (Side.BUY, Decimal("0.25"))
    (less,) = plan(target(BTC, "0.10"), portfolio=portfolio)
    assert (less.side, less.quantity) == (Side.SELL, Decimal("0.25"))
    assert plan(target(BTC, "0.20"), portfolio=portfolio) == ()


def test_a_tiny_change_of_mind_is_not_traded() -> None:
    portfolio = account(BTC="0.5")
    assert plan(target(BTC, "0.204"), portfolio=portfolio) == ()
    assert (
        len(plan(target(BTC, "0.204"), portfolio=portfolio, policy=LegPolicy(min_change=Decimal("0.001"))))
        == 1
    )


def test_getting_out_is_never_held_back() -> None:
    (leg,) = plan(target(BTC, "0"), portfolio=account(BTC="0.003"))
    assert (leg.side, leg.quantity) == (Side.SELL, Decimal("0.003"))


def test_what_the_venue_would_not_take_is_left_out() -> None:
    assert plan(target(ETH, "0"), portfolio=account(ETH="0.004")) == ()  # worth 8, the minimum is 10


def test_a_negative_weight_is_flat_on_a_spot_account() -> None:
    (leg,) = plan(target(BTC, "-0.5"), portfolio=account(BTC="0.5"))
    assert (leg.side, leg.quantity) == (Side.SELL, Decimal("0.5"))


def test_a_stale_or_unseen_symbol_gets_no_order() -> None:
    assert plan(target(BTC, "0.2"), seen=snapshot(stale=True)) == ()
    assert plan(target(Symbol("DOGE/USDT"), "0.2")) == ()


@pytest.mark.parametrize(
    ("tactic", "side", "price"),
    [
        (Tactic.LIMIT_AT_TOUCH, Side.BUY, "40000.01"),
        (Tactic.LIMIT_PASSIVE, Side.BUY, "39999.99"),
        (Tactic.LIMIT_AT_TOUCH, Side.SELL, "39999.99"),
        (Tactic.LIMIT_PASSIVE, Side.SELL, "40000.01"),
        (Tactic.MARKET, Side.BUY, None),
    ],
)
def test_a_tactic_names_the_price(tactic: Tactic, side: Side, price: str | None) -> None:
    buys = side is Side.BUY
    (leg,) = plan(
        target(BTC, "0.2" if buys else "0"),
        portfolio=account() if buys else account(BTC="0.5"),
        tactics={BTC: tactic},
    )
    assert leg.side is side
    assert leg.limit_price == (None if price is None else Decimal(price))
    assert leg.order_type is (OrderType.MARKET if price is None else OrderType.LIMIT)


def test_the_tactic_changes_neither_quantity_nor_id() -> None:
    plans = [plan(target(BTC, "0.2"), tactics={BTC: tactic})[0] for tactic in Tactic]
    assert len({(leg.client_id, leg.quantity, leg.side) for leg in plans}) == 1


@pytest.mark.parametrize("stop", [None, "40000.01", "50000"])
def test_an_entry_always_has_a_stop_below_it(stop: str | None) -> None:
    (leg,) = plan(target(BTC, "0.2", stop))
    assert leg.protective_stop == Decimal("38000.00")


def test_a_symbol_named_twice_is_an_error() -> None:
    with pytest.raises(ConfigError, match="twice"):
        plan(target(BTC, "0.2"), target(BTC, "0.1"))


@pytest.mark.parametrize("policy", [{"min_change": Decimal(1)}, {"default_stop": Decimal(0)}])
def test_a_policy_out_of_range_is_an_error(policy: dict[str, Decimal]) -> None:
    with pytest.raises(ConfigError):
        LegPolicy(**policy)


@given(
    weights=st.tuples(*[st.decimals(0, 1, places=4)] * 2),
    held=st.tuples(st.decimals("0.001", "1", places=3), st.decimals("0.01", "20", places=3)),
)
@settings(max_examples=60, deadline=None)
def test_every_leg_passes_the_venues_filters_and_moves_towards_its_target(
    weights: tuple[Decimal, Decimal], held: tuple[Decimal, Decimal]
) -> None:
    portfolio = account(BTC=str(held[0]), ETH=str(held[1]))
    made = plan(target(BTC, str(weights[0])), target(ETH, str(weights[1])), portfolio=portfolio)
    for leg in made:
        price, before = FEED.last[leg.symbol], portfolio.positions[leg.symbol].quantity
        wanted = (weights[0] if leg.symbol == BTC else weights[1]) * portfolio.equity / price
        after = before + leg.quantity if leg.side is Side.BUY else before - leg.quantity
        assert after >= 0
        assert abs(after - wanted) < abs(before - wanted)
        assert INSTRUMENTS[leg.symbol].filter_problems(leg.quantity, price) == ()
