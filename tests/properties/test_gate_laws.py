"""Laws of the gate, for any intent, any facts and any limits."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypeVar, assert_never

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.halt import HaltState
from domain.market import Quote
from domain.money import Currency, Price, Quantity
from domain.orders import STOPS, TRIGGERED, WITH_LIMIT, OrderIntent, OrderType, Origin, Side, TimeInForce
from risk.approval import ApprovedOrder, redeem
from risk.facts import AccountFacts, OpenOrderFacts, PositionFacts, RiskFacts
from risk.gate import Refused, review
from risk.limits import RiskLimits
from tests.unit.risk.gate_cases import BTC, BUY, ETH, INSTRUMENT, LIMITS, NOW, USDT

COIN = Currency("BTC")
Known = TypeVar("Known")
LIMIT_NAMES = [each.name for each in fields(RiskLimits)]


def decimals(low: str, high: str, places: int) -> st.SearchStrategy[Decimal]:
    return st.decimals(Decimal(low), Decimal(high), places=places, allow_nan=False, allow_infinity=False)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mostly something; now and then nothing."""
    return st.integers(0, 19).flatmap(lambda roll: st.none() if roll == 0 else strategy)


PRICES = decimals("45000", "55000", 2)
FRACTIONS = decimals("0.0001", "1", 4)
QUANTITIES = st.one_of(decimals("0.00001", "2", 5), decimals("0.00001", "0.2", 5), decimals("-1", "200", 6))
INTENTS = st.builds(
    lambda **changes: replace(BUY, **changes),
    side=st.sampled_from(Side),
    symbol=st.sampled_from([BTC, BTC, BTC, BTC, ETH]),
    quantity=QUANTITIES.map(Quantity),
    order_type=st.sampled_from(OrderType),
    reduce_only=st.booleans(),
    limit_price=maybe(PRICES.map(Price)),
    trigger_price=maybe(PRICES.map(Price)),
    protective_stop=maybe(PRICES.map(Price)),
    time_in_force=st.sampled_from([TimeInForce.GTC, TimeInForce.GTC, *TimeInForce]),
    post_only=st.integers(0, 5).map(lambda roll: roll == 0),
    expires_at=st.none() | st.integers(-5, 5).map(lambda minutes: NOW + timedelta(minutes=minutes)),
    trailing=st.none() | decimals("-0.1", "1", 2),
    take_profit=st.none() | PRICES.map(Price),
    origin=st.sampled_from(Origin),
    group=st.sampled_from(["", "g"]),
)
QUOTES = st.builds(
    lambda bid, spread, age: Quote(
        BTC, Price(bid), Price(bid + spread), Price(bid), NOW - timedelta(seconds=age)
    ),
    bid=PRICES,
    spread=decimals("-1", "500", 2),
    age=st.integers(-1, 40),
)
OPEN_ORDERS = st.lists(
    st.builds(
        OpenOrderFacts,
        client_id=st.just("open"),
        symbol=st.sampled_from([BTC, ETH]),
        side=st.sampled_from(Side),
        remaining=decimals("0", "0.3", 5),
        price=PRICES,
        reduce_only=st.booleans(),
        is_stop=st.booleans(),
    ),
    max_size=5,
).map(tuple)
EQUITIES = st.one_of(decimals("90000", "130000", 2), decimals("-10", "200000", 2))
ACCOUNTS = st.builds(
    AccountFacts,
    currency=st.just(USDT),
    equity=EQUITIES,
    day_start_equity=EQUITIES,
    peak_equity=EQUITIES,
    free=st.fixed_dictionaries(
        {}, optional={USDT: decimals("-10", "200000", 2), COIN: decimals("0", "2", 5)}
    ),
    positions=st.fixed_dictionaries(
        {},
        optional={
            symbol: st.builds(PositionFacts, quantity=decimals("0", "2", 5), price=PRICES)
            for symbol in (BTC, ETH)
        },
    ),
)
FACTS = st.builds(
    RiskFacts,
    halt=maybe(st.sampled_from([HaltState.ACTIVE, HaltState.ACTIVE, *HaltState])),
    account=maybe(ACCOUNTS),
    instrument=maybe(st.just(INSTRUMENT)),
    quote=maybe(QUOTES),
    open_orders=maybe(OPEN_ORDERS),
    recent_orders=maybe(st.integers(0, 12)),
)
LIMIT_SETS = st.builds(
    RiskLimits,
    allowed_symbols=maybe(st.sets(st.sampled_from([BTC, ETH]), min_size=1).map(frozenset)),
    max_quote_age=maybe(st.integers(1, 40).map(lambda seconds: timedelta(seconds=seconds))),
    max_order_notional=maybe(decimals("100", "200000", 2)),
    max_position_notional=st.none() | decimals("100", "200000", 2),
    max_position_weight=maybe(FRACTIONS),
    max_gross_exposure=maybe(FRACTIONS),
    price_collar=maybe(FRACTIONS),
    max_orders_per_window=maybe(st.integers(1, 12)),
    order_rate_window=maybe(st.just(timedelta(minutes=1))),
    max_open_orders=maybe(st.integers(1, 6)),
    require_stop=maybe(st.booleans()),
    max_stop_distance=maybe(FRACTIONS),
    max_daily_loss=maybe(FRACTIONS),
    max_drawdown=maybe(FRACTIONS),
    fee_reserve=maybe(decimals("0", "0.1", 4)),
)
SANE_FACTS = st.builds(
    RiskFacts,
    halt=st.just(HaltState.ACTIVE),
    account=st.builds(
        AccountFacts,
        currency=st.just(USDT),
        equity=decimals("97000", "130000", 2),
        day_start_equity=st.just(Decimal(100_000)),
        peak_equity=st.just(Decimal(110_000)),
        free=st.fixed_dictionaries({USDT: decimals("0", "100000", 2), COIN: decimals("0", "2", 5)}),
        positions=st.fixed_dictionaries(
            {BTC: st.builds(PositionFacts, quantity=decimals("0", "1", 5), price=PRICES)}
        ),
    ),
    instrument=st.just(INSTRUMENT),
    quote=st.builds(
        lambda bid: Quote(BTC, Price(bid), Price(bid + 10), Price(bid), NOW),
        bid=PRICES,
    ),
    open_orders=OPEN_ORDERS.map(lambda orders: orders[:2]),
    recent_orders=st.integers(0, 9),
)


def in_form(kind: OrderType, side: Side, price: Decimal, beyond: Decimal, **changes: Any) -> OrderIntent:
    """An order of this type with just the prices it needs, its trigger mostly on the right side."""
    up = (side is Side.BUY) is (kind in STOPS)
    trigger = Price(price + beyond if up else price - beyond)
    if side is Side.SELL:
        changes["protective_stop"] = None
    return replace(
        BUY,
        order_type=kind,
        side=side,
        limit_price=Price(price) if kind is OrderType.LIMIT else trigger if kind in WITH_LIMIT else None,
        trigger_price=trigger if kind in TRIGGERED else None,
        trailing=Decimal("0.05") if kind is OrderType.TRAILING_STOP else None,
        **changes,
    )


SANE_INTENTS = st.builds(
    in_form,
    kind=st.sampled_from([OrderType.MARKET, OrderType.LIMIT, *OrderType]),
    side=st.sampled_from(Side),
    price=PRICES,
    beyond=decimals("0", "9000", 2),
    quantity=decimals("0.001", "0.3", 5).map(Quantity),
    reduce_only=st.booleans(),
    protective_stop=decimals("42000", "46000", 2).map(Price),
)


def filled(limits: RiskLimits) -> RiskLimits:
    """The limits with nothing unset and room for ordinary orders."""
    known = {name: getattr(limits, name) or getattr(LIMITS, name) for name in LIMIT_NAMES}
    return replace(
        RiskLimits(**known),
        allowed_symbols=frozenset({BTC}),
        max_daily_loss=Decimal("0.05"),
        max_drawdown=Decimal("0.2"),
        max_stop_distance=Decimal("0.2"),
    )


def hold_in_words(intent: OrderIntent, facts: RiskFacts, limits: RiskLimits) -> None:
    """What an approval promises, said again without the gate's code. Fails when one promise is broken."""
    account, instrument, quote, orders = facts.account, facts.instrument, facts.quote, facts.open_orders
    assert account is not None
    assert instrument is not None
    assert quote is not None
    assert orders is not None
    assert limits.max_quote_age is not None
    assert timedelta(0) <= NOW - quote.as_of <= limits.max_quote_age
    assert instrument.symbol == intent.symbol == quote.symbol
    held = account.positions[BTC].quantity if BTC in account.positions else Decimal(0)
    sales = [each for each in orders if each.symbol == BTC and each.side is Side.SELL and not each.is_stop]
    sides_with_market(intent, quote)
    guards = intent.order_type in STOPS or (
        intent.origin is Origin.GUARDIAN and intent.order_type is not OrderType.MARKET
    )
    shares = guards and intent.reduce_only and intent.side is Side.SELL
    selling = Decimal(0) if shares else sum((each.remaining for each in sales), Decimal(0))
    assert intent.quantity > 0
    assert intent.quantity % instrument.step_size == 0
    if intent.side is Side.SELL:
        assert intent.quantity + selling <= account.free[COIN]
        if intent.reduce_only:
            assert intent.quantity + selling <= held
            return
    else:
        assert not intent.reduce_only
    price = entry_price(intent, quote)
    value = intent.quantity * price
    assert facts.halt is HaltState.ACTIVE
    assert limits.allowed_symbols is not None
    assert intent.symbol in limits.allowed_symbols
    assert value <= some(limits.max_order_notional)
    assert facts.recent_orders is not None
    assert facts.recent_orders + 1 <= some(limits.max_orders_per_window)
    assert len(orders) + 1 <= some(limits.max_open_orders)
    assert account.equity > account.day_start_equity * (1 - some(limits.max_daily_loss))
    assert account.equity > account.peak_equity * (1 - some(limits.max_drawdown))
    assert abs(price - quote.mid) <= some(limits.price_collar) * quote.mid
    if intent.side is Side.SELL:
        return
    buys = [each for each in orders if each.side is Side.BUY]
    pending = {
        symbol: sum((each.remaining * each.price for each in buys if each.symbol == symbol), Decimal(0))
        for symbol in (BTC, ETH)
    }
    worth = {symbol: each.quantity * each.price for symbol, each in account.positions.items()}
    position = value + pending[BTC] + worth.get(BTC, Decimal(0))
    assert limits.max_position_notional is not None or limits.max_position_weight is not None
    if limits.max_position_notional is not None:
        assert position <= limits.max_position_notional
    if limits.max_position_weight is not None:
        assert position <= limits.max_position_weight * account.equity
    exposure = value + sum(pending.values()) + sum(worth.values())
    assert exposure <= some(limits.max_gross_exposure) * account.equity
    assert (value + sum(pending.values())) * (1 + some(limits.fee_reserve)) <= account.free[USDT]
    if limits.require_stop:
        assert intent.protective_stop is not None
    if intent.protective_stop is not None:
        assert intent.protective_stop < price
        assert price - intent.protective_stop <= some(limits.max_stop_distance) * price


def sides_with_market(intent: OrderIntent, quote: Quote) -> None:
    """An approved order has the prices of its type only, an end ahead, and its trigger not yet reached."""
    assert (intent.limit_price is not None) == (intent.order_type in WITH_LIMIT)
    assert (intent.trigger_price is not None) == (intent.order_type in TRIGGERED)
    assert intent.expires_at is None or intent.expires_at > NOW
    assert intent.time_in_force is not TimeInForce.GTD or intent.expires_at is not None
    if intent.order_type is OrderType.TRAILING_STOP:
        assert 0 < some(intent.trailing) <= Decimal("0.5")
    if intent.trigger_price is not None:
        rises = (
            intent.trigger_price > quote.ask if intent.side is Side.BUY else intent.trigger_price > quote.bid
        )
        falls = (
            intent.trigger_price < quote.ask if intent.side is Side.BUY else intent.trigger_price < quote.bid
        )
        assert rises if (intent.side is Side.BUY) is (intent.order_type in STOPS) else falls
    if intent.take_profit is not None:
        assert intent.side is Side.BUY
        assert intent.take_profit > entry_price(intent, quote)


def entry_price(intent: OrderIntent, quote: Quote) -> Decimal:
    touch = quote.ask if intent.side is Side.BUY else quote.bid
    match intent.order_type:
        case OrderType.MARKET:
            return touch
        case OrderType.LIMIT | OrderType.STOP_LIMIT | OrderType.TAKE_PROFIT_LIMIT:
            return some(intent.limit_price)
        case OrderType.STOP | OrderType.TAKE_PROFIT | OrderType.TRAILING_STOP:
            trigger = some(intent.trigger_price)
            return max(trigger, touch) if intent.side is Side.BUY else trigger
        case _:
            assert_never(intent.order_type)


def some(value: Known | None) -> Known:
    assert value is not None
    return value


@settings(max_examples=300)
@given(INTENTS, FACTS, LIMIT_SETS)
def test_the_gate_never_approves_beyond_its_limits(
    intent: OrderIntent, facts: RiskFacts, limits: RiskLimits
) -> None:
    answer = review(intent, facts, limits, NOW)
    if isinstance(answer, ApprovedOrder):
        assert redeem(answer) is intent
        hold_in_words(intent, facts, limits)


@settings(max_examples=300)
@given(SANE_INTENTS, SANE_FACTS, LIMIT_SETS.map(filled))
def test_an_approval_of_a_sane_order_holds_in_words(
    intent: OrderIntent, facts: RiskFacts, limits: RiskLimits
) -> None:
    answer = review(intent, facts, limits, NOW)
    if isinstance(answer, ApprovedOrder):
        hold_in_words(intent, facts, limits)


def test_sane_orders_are_often_approved() -> None:
    """Without this, the laws above could hold because nothing ever passes."""
    seen: Counter[bool] = Counter()
    kinds: set[OrderType] = set()
    easy = replace(LIMITS, price_collar=Decimal("0.2"), max_stop_distance=Decimal("0.3"))

    @settings(max_examples=400)
    @given(SANE_INTENTS, SANE_FACTS)
    def count(intent: OrderIntent, facts: RiskFacts) -> None:
        approved = isinstance(review(intent, facts, easy, NOW), ApprovedOrder)
        seen[approved] += 1
        if approved:
            kinds.add(intent.order_type)

    count()
    assert seen[True] >= 20
    assert seen[False] >= 20
    assert kinds == set(OrderType)


WORSE: list[tuple[str, Any]] = [
    ("halt", HaltState.HALTED),
    ("halt", None),
    ("account", None),
    ("instrument", None),
    ("quote", None),
    ("open_orders", None),
    ("recent_orders", None),
    ("recent_orders", 1_000),
]


@given(INTENTS | SANE_INTENTS, FACTS | SANE_FACTS, st.sampled_from(WORSE))
def test_worse_facts_only_refuse_more(intent: OrderIntent, facts: RiskFacts, worse: tuple[str, Any]) -> None:
    before = review(intent, facts, LIMITS, NOW)
    after = review(intent, replace(facts, **{worse[0]: worse[1]}), LIMITS, NOW)
    if isinstance(before, Refused):
        assert isinstance(after, Refused)


@given(
    INTENTS | SANE_INTENTS,
    FACTS | SANE_FACTS,
    LIMIT_SETS,
    st.sampled_from(LIMIT_NAMES),
)
def test_unsetting_a_limit_only_refuses_more(
    intent: OrderIntent, facts: RiskFacts, limits: RiskLimits, name: str
) -> None:
    if name in ("max_position_notional", "max_position_weight"):
        limits = replace(limits, max_position_notional=None, max_position_weight=None)
    before = review(intent, facts, limits, NOW)
    after = review(intent, facts, replace(limits, **{name: None}), NOW)
    if isinstance(before, Refused):
        assert isinstance(after, Refused)
        assert {breach.rule for breach in before.breaches} <= {breach.rule for breach in after.breaches}


TIGHTER: dict[str, Any] = {
    "max_order_notional": lambda value: value / 2,
    "max_position_notional": lambda value: value / 2,
    "max_position_weight": lambda value: value / 2,
    "max_gross_exposure": lambda value: value / 2,
    "price_collar": lambda value: value / 2,
    "max_stop_distance": lambda value: value / 2,
    "max_daily_loss": lambda value: value / 2,
    "max_drawdown": lambda value: value / 2,
    "max_quote_age": lambda value: value / 2,
    "max_orders_per_window": lambda value: max(1, value - 1),
    "max_open_orders": lambda value: max(1, value - 1),
    "require_stop": lambda value: True,
    "fee_reserve": lambda value: min(Decimal(1), value * 2),
}


@given(INTENTS | SANE_INTENTS, FACTS | SANE_FACTS, LIMIT_SETS, st.sampled_from(sorted(TIGHTER)))
def test_a_tighter_limit_never_lets_more_through(
    intent: OrderIntent, facts: RiskFacts, limits: RiskLimits, name: str
) -> None:
    value = getattr(limits, name)
    if value is None:
        return
    tighter = limits.tightened(**{name: TIGHTER[name](value)})
    before = review(intent, facts, limits, NOW)
    if isinstance(before, Refused):
        after = review(intent, facts, tighter, NOW)
        assert isinstance(after, Refused)
        assert {breach.rule for breach in before.breaches} <= {breach.rule for breach in after.breaches}


@given(INTENTS | SANE_INTENTS, FACTS | SANE_FACTS, OPEN_ORDERS)
def test_more_open_orders_never_let_more_through(
    intent: OrderIntent, facts: RiskFacts, more: tuple[OpenOrderFacts, ...]
) -> None:
    before = review(intent, facts, LIMITS, NOW)
    after = review(intent, replace(facts, open_orders=(*(facts.open_orders or ()), *more)), LIMITS, NOW)
    if isinstance(before, Refused) and facts.open_orders is not None:
        assert isinstance(after, Refused)


@given(INTENTS | SANE_INTENTS, FACTS | SANE_FACTS, LIMIT_SETS)
def test_the_same_question_has_the_same_answer(
    intent: OrderIntent, facts: RiskFacts, limits: RiskLimits
) -> None:
    first, second = review(intent, facts, limits, NOW), review(intent, facts, limits, NOW)
    if isinstance(first, Refused):
        assert first == second
    else:
        assert isinstance(second, ApprovedOrder)


@given(decimals("0.00020", "1", 5), decimals("0.00020", "1", 5), st.sampled_from(HaltState), st.booleans())
def test_a_part_of_the_holding_can_always_be_sold(
    held: Decimal, wanted: Decimal, halt: HaltState, allowed: bool
) -> None:
    quantity = min(held, wanted)
    facts = RiskFacts(
        halt=halt,
        account=AccountFacts(
            currency=USDT,
            equity=Decimal(1),
            day_start_equity=Decimal(100_000),
            peak_equity=Decimal(100_000),
            free={COIN: held},
            positions={BTC: PositionFacts(held, Decimal(50_000))},
        ),
        instrument=INSTRUMENT,
        quote=Quote(BTC, Price(Decimal(50_000)), Price(Decimal(50_010)), Price(Decimal(50_000)), NOW),
        open_orders=(),
        recent_orders=10_000,
    )
    sell = replace(BUY, side=Side.SELL, quantity=Quantity(quantity), reduce_only=True, protective_stop=None)
    limits = LIMITS if allowed else replace(LIMITS, allowed_symbols=frozenset({ETH}))
    assert isinstance(review(sell, facts, limits, NOW), ApprovedOrder)
