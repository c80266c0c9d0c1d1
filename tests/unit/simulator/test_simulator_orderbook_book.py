"""The price-time order book: who trades with whom, what rests, and what is refused."""

from __future__ import annotations

import pytest

from simulator.orderbook.messages import End, Result, SelfTrade, Tif, Trade
from simulator.orderbook.reference import PriceTimeBook

ME, OTHER = 1, 2


def book_of(*orders: tuple[int, int, bool, int, int]) -> PriceTimeBook:
    book = PriceTimeBook()
    for order_id, owner, buy, price, quantity in orders:
        assert book.limit(order_id, owner, buy, price, quantity).rested == quantity
    return book


def asks() -> PriceTimeBook:
    """Ten lots at 101 of two owners, five at 102."""
    return book_of((1, OTHER, False, 101, 4), (2, ME, False, 101, 6), (3, OTHER, False, 102, 5))


def test_the_best_price_trades_first_and_at_one_price_the_oldest() -> None:
    result = asks().market(9, 3, True, 12)
    assert result == Result((Trade(1, 9, 101, 4), Trade(2, 9, 101, 6), Trade(3, 9, 102, 2)), 0, None)


def test_a_limit_order_takes_up_to_its_price_and_rests_with_what_is_left() -> None:
    book = asks()
    result = book.limit(9, 3, True, 101, 15)
    assert (result.rested, result.ended) == (5, None)
    assert [trade.price for trade in result.trades] == [101, 101]
    assert (book.best_bid, book.best_ask) == (101, 102)
    assert book.depth(5) == ([(101, 5)], [(102, 5)])


def test_a_sell_takes_the_highest_bid_first() -> None:
    book = book_of((1, OTHER, True, 99, 5), (2, OTHER, True, 100, 5))
    assert book.limit(9, 3, False, 99, 7).trades == (Trade(2, 9, 100, 5), Trade(1, 9, 99, 2))
    assert book.depth(1) == ([(99, 3)], [])


@pytest.mark.parametrize(
    ("quantity", "price", "tif", "traded", "ended"),
    [
        (10, 101, Tif.IOC, 10, None),
        (11, 101, Tif.IOC, 10, End.UNFILLED),
        (3, 100, Tif.IOC, 0, End.UNFILLED),
        (10, 101, Tif.FOK, 10, None),
        (11, 101, Tif.FOK, 0, End.FILL_OR_KILL),
        (11, 102, Tif.FOK, 11, None),
        (3, 100, Tif.FOK, 0, End.FILL_OR_KILL),
    ],
)
def test_ioc_and_fok_never_rest(quantity: int, price: int, tif: Tif, traded: int, ended: End | None) -> None:
    book = asks()
    result = book.limit(9, 3, True, price, quantity, tif=tif)
    assert sum(trade.quantity for trade in result.trades) == traded
    assert (result.rested, result.ended) == (0, ended)
    assert 9 not in book
    assert book.best_bid is None


@pytest.mark.parametrize(("price", "ended"), [(100, None), (101, End.POST_ONLY), (105, End.POST_ONLY)])
def test_post_only_rests_or_is_refused(price: int, ended: End | None) -> None:
    book = asks()
    result = book.limit(9, 3, True, price, 5, post_only=True)
    assert result == Result((), 0 if ended else 5, ended)
    assert book.depth(1)[1] == [(101, 10)]


def test_a_market_order_stops_at_its_worst_price_and_never_rests() -> None:
    book = asks()
    result = book.market(9, 3, True, 12, worst=101)
    assert sum(trade.quantity for trade in result.trades) == 10
    assert result.ended == End.UNFILLED
    assert book.depth(5) == ([], [(102, 5)])
    assert PriceTimeBook().market(1, 1, False, 3) == Result((), 0, End.UNFILLED)


@pytest.mark.parametrize(
    ("prevention", "expected"),
    [
        (SelfTrade.NONE, Result((Trade(1, 9, 101, 4), Trade(2, 9, 101, 5)), 0, None)),
        (SelfTrade.EXPIRE_TAKER, Result((Trade(1, 9, 101, 4),), 0, End.SELF_TRADE)),
        (SelfTrade.EXPIRE_MAKER, Result((Trade(1, 9, 101, 4), Trade(3, 9, 102, 5)), 0, None, (2,))),
        (SelfTrade.EXPIRE_BOTH, Result((Trade(1, 9, 101, 4),), 0, End.SELF_TRADE, (2,))),
        (SelfTrade.DECREMENT, Result((Trade(1, 9, 101, 4),), 0, End.SELF_TRADE, (), ((2, 5),), 5)),
    ],
)
def test_an_order_that_meets_its_owners_own(prevention: SelfTrade, expected: Result) -> None:
    book = asks()
    assert book.limit(9, ME, True, 103, 9, prevention=prevention) == expected
    left = {SelfTrade.NONE: 1, SelfTrade.EXPIRE_TAKER: 6, SelfTrade.DECREMENT: 1}.get(prevention, 0)
    assert book.left(2) == left


def test_decrement_removes_the_smaller_resting_order_and_goes_on() -> None:
    book = asks()
    result = book.limit(9, ME, True, 102, 14, prevention=SelfTrade.DECREMENT)
    assert result == Result((Trade(1, 9, 101, 4), Trade(3, 9, 102, 4)), 0, None, (2,), (), 6)


@pytest.mark.parametrize(
    ("prevention", "quantity", "fills"),
    [
        (SelfTrade.EXPIRE_TAKER, 4, True),
        (SelfTrade.EXPIRE_TAKER, 5, False),
        (SelfTrade.DECREMENT, 5, False),
        (SelfTrade.EXPIRE_MAKER, 9, True),
        (SelfTrade.EXPIRE_MAKER, 10, False),
        (SelfTrade.NONE, 15, True),
    ],
)
def test_fok_counts_only_what_prevention_lets_it_have(
    prevention: SelfTrade, quantity: int, fills: bool
) -> None:
    book = asks()
    result = book.limit(9, ME, True, 102, quantity, tif=Tif.FOK, prevention=prevention)
    assert result.ended == (None if fills else End.FILL_OR_KILL)
    if not fills:
        assert result == Result((), 0, End.FILL_OR_KILL)
        assert book.depth(5)[1] == [(101, 10), (102, 5)]


def test_reducing_keeps_the_place_and_cancelling_gives_back_the_rest() -> None:
    book = asks()
    assert book.ahead(2) == 4
    assert book.reduce(1, 3) is True
    assert book.ahead(2) == 1
    assert book.depth(1)[1] == [(101, 7)]
    assert book.cancel(2) == 6
    assert book.cancel(2) == 0
    assert book.depth(1)[1] == [(101, 1)]
    assert book.market(9, 3, True, 1).trades == (Trade(1, 9, 101, 1),)
    assert book.best_ask == 102
    assert book.reduce(1, 1) is False


@pytest.mark.parametrize("quantity", [0, -1, 4, 5])
def test_a_reduction_must_take_something_and_leave_something(quantity: int) -> None:
    book = asks()
    with pytest.raises(ValueError, match="order 1 has 4 left"):
        book.reduce(1, quantity)
    assert book.left(1) == 4


def test_what_cannot_be_an_order_is_refused_and_changes_nothing() -> None:
    book = asks()
    with pytest.raises(ValueError, match="price 0 must be at least one tick"):
        book.limit(9, ME, True, 0, 5)
    with pytest.raises(ValueError, match="quantity 0 must be at least one lot"):
        book.limit(9, ME, True, 100, 0)
    with pytest.raises(ValueError, match="quantity -1 must be at least one lot"):
        book.market(9, ME, True, -1)
    with pytest.raises(ValueError, match="order 1 is in the book already"):
        book.limit(1, ME, True, 100, 1)
    with pytest.raises(ValueError, match="must be GTC"):
        book.limit(9, ME, True, 100, 1, tif=Tif.IOC, post_only=True)
    with pytest.raises(KeyError):
        book.ahead(9)
    assert book.resting() == [(1, 101, 4), (2, 101, 6), (3, 102, 5)]


def test_what_is_available_up_to_a_price() -> None:
    book = asks()
    book.limit(5, OTHER, True, 99, 7)
    assert [book.available(True, price) for price in (100, 101, 102, 500)] == [0, 10, 15, 15]
    assert [book.available(False, price) for price in (100, 99, 1)] == [0, 7, 7]


def test_an_id_can_be_used_again_once_its_order_is_gone() -> None:
    book = asks()
    book.cancel(1)
    assert book.limit(1, ME, False, 101, 2).rested == 2
    assert book.ahead(1) == 6
    assert len(book) == 3
