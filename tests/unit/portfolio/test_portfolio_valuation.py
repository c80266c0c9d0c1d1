"""Conversion paths: the shortest, the most liquid, the fresh, and a refusal with a name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import DataError, MoneyError
from domain.market import Quote
from domain.money import Currency, Price, Symbol
from portfolio.valuation import Converter, Market

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
AGE = timedelta(minutes=1)
BTC, ETH, EUR, USD, USDT, USDC = (Currency(name) for name in ("BTC", "ETH", "EUR", "USD", "USDT", "USDC"))
D = Decimal


def market(symbol: str, bid: str, ask: str, liquidity: str = "1", age: timedelta = AGE) -> Market:
    prices = Price(D(bid)), Price(D(ask))
    return Market(Quote(Symbol(symbol), *prices, prices[0], NOW - age), D(liquidity))


def converter(*markets: Market) -> Converter:
    return Converter(markets, now=NOW, max_age=AGE)


def route(found: Converter, source: Currency, target: Currency) -> list[str]:
    return [step.symbol for step in found.path(source, target)]


def test_what_is_held_is_valued_at_the_bid() -> None:
    found = converter(market("BTC/USDT", "50000", "50010"))
    assert found.convert(D(2), BTC, USDT) == D(100_000)


def test_the_other_way_it_costs_the_ask() -> None:
    found = converter(market("BTC/USDT", "40000", "50000"))
    assert found.convert(D(100), USDT, BTC) == D("0.002")


def test_a_path_of_two_markets() -> None:
    found = converter(market("BTC/USDT", "50000", "50010"), market("EUR/USDT", "1.20", "1.25"))
    assert route(found, BTC, EUR) == ["BTC/USDT", "EUR/USDT"]
    assert found.convert(D(1), BTC, EUR) == D(40_000)  # sold at the bid, the euro bought at the ask


def test_the_same_currency_needs_no_market() -> None:
    assert converter().path(EUR, EUR) == ()
    assert converter().convert(D("1.23"), EUR, EUR) == D("1.23")


def test_the_shortest_path_wins_however_illiquid() -> None:
    found = converter(
        market("BTC/USDT", "50000", "50010", "1000000"),
        market("EUR/USDT", "1.20", "1.25", "1000000"),
        market("BTC/EUR", "39000", "39010", "1"),
    )
    assert route(found, BTC, EUR) == ["BTC/EUR"]


def test_of_equal_lengths_the_thinnest_market_decides() -> None:
    through_tether = (market("BTC/USDT", "5", "6", "900"), market("EUR/USDT", "1", "1", "20"))
    through_circle = (market("BTC/USDC", "5", "6", "30"), market("EUR/USDC", "1", "1", "25"))
    assert route(converter(*through_tether, *through_circle), BTC, EUR) == ["BTC/USDC", "EUR/USDC"]
    thinner = (market("BTC/USDC", "5", "6", "30"), market("EUR/USDC", "1", "1", "19"))
    assert route(converter(*through_tether, *thinner), BTC, EUR) == ["BTC/USDT", "EUR/USDT"]


def test_of_equal_paths_the_first_by_name() -> None:
    markets = [market(name, "1", "1") for name in ("BTC/USDT", "EUR/USDT", "BTC/USDC", "EUR/USDC")]
    for given_order in (markets, markets[::-1]):
        assert route(converter(*given_order), BTC, EUR) == ["BTC/USDC", "EUR/USDC"]


def test_a_currency_without_a_path_is_refused_by_name() -> None:
    found = converter(market("BTC/USDT", "50000", "50010"))
    with pytest.raises(MoneyError, match=r"nothing converts ETH into USDT\. Add a market"):
        found.value({BTC: D(1), ETH: D(1)}, USDT)


def test_a_quote_counts_up_to_its_age_and_not_beyond() -> None:
    assert converter(market("BTC/USDT", "5", "6", age=AGE)).convert(D(1), BTC, USDT) == 5
    late = converter(market("BTC/USDT", "5", "6", age=AGE + timedelta(microseconds=1)))
    with pytest.raises(MoneyError, match=r"BTC into USDT.*BTC/USDT is 0:01:00.000001 old"):
        late.convert(D(1), BTC, USDT)
    assert converter(market("BTC/USDT", "5", "6", age=timedelta(0))).convert(D(1), BTC, USDT) == 5
    with pytest.raises(MoneyError, match="from the future"):
        converter(market("BTC/USDT", "5", "6", age=-timedelta(microseconds=1))).convert(D(1), BTC, USDT)


NONSENSE = [("0", "6"), ("-1", "6"), ("7", "6"), ("NaN", "6"), ("5", "Infinity")]


@pytest.mark.parametrize(("bid", "ask"), NONSENSE)
def test_a_quote_that_makes_no_sense_is_not_used(bid: str, ask: str) -> None:
    with pytest.raises(MoneyError, match="cannot be used"):
        converter(market("BTC/USDT", bid, ask)).convert(D(1), BTC, USDT)


def chain(length: int) -> Converter:
    return converter(*(market(f"C{number}/C{number + 1}", "2", "2") for number in range(length)))


def test_a_path_has_at_most_four_markets() -> None:
    assert chain(4).convert(D(1), Currency("C0"), Currency("C4")) == 16
    with pytest.raises(MoneyError, match="nothing converts C0 into C5"):
        chain(5).convert(D(1), Currency("C0"), Currency("C5"))


def test_balances_in_one_currency() -> None:
    found = converter(
        market("BTC/USDT", "50000", "50010", age=timedelta(seconds=30)),
        market("EUR/USDT", "1.20", "1.25", age=timedelta(seconds=50)),
    ).value({BTC: D("0.5"), USDT: D(100), EUR: D(10), ETH: D(0)}, USDT)
    assert [(line.currency, line.value, len(line.path)) for line in found.lines] == [
        (BTC, D("25000.0"), 1),
        (USDT, D(100), 0),
        (EUR, D("12.00"), 1),
    ]
    assert found.total == D("25112.00")
    assert found.as_of == NOW - timedelta(seconds=50)
    assert converter().value({USDT: D(7)}, USDT).as_of is None


@pytest.mark.parametrize("amount", ["-0.01", "NaN", "Infinity"])
def test_a_balance_that_makes_no_sense_is_refused(amount: str) -> None:
    with pytest.raises(DataError, match="cannot be valued"):
        converter().value({USDT: D(amount)}, USDT)


prices = st.decimals("0.0001", "99999", places=4)


@given(prices, prices, st.decimals("0.000001", "1000000", places=6))
def test_there_and_back_never_gains_and_without_a_spread_loses_nothing(
    first: Decimal, second: Decimal, amount: Decimal
) -> None:
    bid, ask = sorted((first, second))
    wide = converter(market("BTC/USDT", str(bid), str(ask)), market("EUR/USDT", "1.1", "1.2"))
    back = wide.convert(wide.convert(amount, BTC, EUR), EUR, BTC)
    assert back <= amount * (1 + D("1e-40"))
    level = converter(market("BTC/USDT", str(bid), str(bid)), market("EUR/USDT", "1.1", "1.1"))
    back = level.convert(level.convert(amount, BTC, EUR), EUR, BTC)
    assert abs(back - amount) <= amount * D("1e-40")
