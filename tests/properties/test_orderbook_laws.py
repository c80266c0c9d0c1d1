"""Laws of the price-time order book, for any commands; and the compiled lane does what the plain one does."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.orderbook import compiled, tape
from simulator.orderbook.messages import SelfTrade, Tif
from simulator.orderbook.reference import PriceTimeBook
from simulator.orderbook.tape import Action, Command, Outcome, Status, Tape

LOW, HIGH = 95, 105


@st.composite
def tapes(draw: st.DrawFn) -> Tape:
    """Commands close enough together to meet, with wrong ones among them."""
    count = draw(st.integers(1, 60))
    made = []
    for number in range(count):
        action = draw(st.sampled_from((Action.LIMIT, Action.LIMIT, Action.CANCEL, *Action)))
        fresh = action in (Action.LIMIT, Action.MARKET) and draw(st.integers(0, 9)) > 0
        price = draw(st.integers(LOW, HIGH))
        if draw(st.integers(0, 14)) == 0 or (action == Action.MARKET and draw(st.booleans())):
            price = draw(st.sampled_from((0, 0, -1, LOW - 7, HIGH + 9)))
        made.append(
            Command(
                action,
                number if fresh else draw(st.integers(0, count - 1)),
                owner=draw(st.integers(1, 3)),
                buy=draw(st.booleans()),
                price=price,
                quantity=draw(st.integers(0, 12)),
                tif=draw(st.sampled_from((Tif.GTC, Tif.GTC, *Tif))),
                post_only=draw(st.integers(0, 2)) == 0,
                prevention=draw(st.sampled_from((SelfTrade.NONE, *SelfTrade))),
            )
        )
    return Tape.of(made)


@given(tapes())
def test_both_lanes_trade_refuse_and_end_alike(commands: Tape) -> None:
    plain, fast = tape.run_tape(commands), compiled.run_tape(commands)
    for part in ("status", "amount", "trades", "prevented", "resting"):
        assert getattr(plain, part).tolist() == getattr(fast, part).tolist(), part
    assert plain == fast


def test_both_lanes_agree_on_a_long_tape() -> None:
    from bench.order_tape import order_tape

    commands = order_tape(20_000)
    plain = tape.run_tape(commands)
    assert plain == compiled.run_tape(commands)
    assert len(plain.trades) > 1000
    assert len(plain.resting) > 100


def taken(outcome: Outcome, column: int) -> dict[int, int]:
    """Quantity traded per maker (column 0) or taker (1)."""
    found: dict[int, int] = defaultdict(int)
    for row in outcome.trades.tolist():
        found[row[column]] += row[3]
    return found


@given(tapes())
def test_the_book_is_never_crossed_and_every_trade_keeps_within_its_limits(commands: Tape) -> None:
    done = tape.run_tape(commands)
    limits = {}
    for row in range(len(commands)):
        if commands.action[row] == Action.LIMIT and done.status[row] == Status.DONE and done.amount[row]:
            limits[int(commands.order_id[row])] = (bool(commands.buy[row]), int(commands.price[row]))
    bids = [price for each, price, _ in done.resting.tolist() if limits[each][0]]
    asks = [price for each, price, _ in done.resting.tolist() if not limits[each][0]]
    assert not bids or not asks or max(bids) < min(asks)
    for each, price, left in done.resting.tolist():
        assert price == limits[each][1]
        assert left > 0
    for _, _, price, quantity in done.trades.tolist():
        assert quantity > 0
        assert LOW - 7 <= price <= HIGH + 9


@given(tapes())
def test_no_order_trades_more_than_it_asked_and_what_rests_is_what_is_left(commands: Tape) -> None:
    fresh = len(set(commands.order_id.tolist())) == len(commands)
    done = tape.run_tape(commands)
    bought = taken(done, 1)
    asked: dict[int, int] = defaultdict(int)
    for row in range(len(commands)):
        if commands.action[row] <= Action.MARKET:
            asked[int(commands.order_id[row])] += int(commands.quantity[row])
    for taker, quantity in bought.items():
        assert quantity <= asked[taker]
    if fresh:
        sold = taken(done, 0)
        for each, _, left in done.resting.tolist():
            assert left + sold[each] + bought[each] <= asked[each]


@given(tapes(), st.integers(1, 30), st.booleans())
def test_a_market_order_fills_as_the_depth_says(commands: Tape, quantity: int, buy: bool) -> None:
    book = PriceTimeBook()
    for each, price, left in tape.run_tape(commands).resting.tolist():
        side_buy = [bool(b) for b, i in zip(commands.buy, commands.order_id, strict=True) if i == each]
        book.limit(each, 0, side_buy[0], price, left) if len(set(side_buy)) == 1 else None
    bids, asks = book.depth(100)
    want, walk = quantity, []
    for price, there in asks if buy else bids:
        if want:
            walk.append((price, min(want, there)))
            want -= min(want, there)
    result = book.market(10_000, 9, buy, quantity)
    met: dict[int, int] = defaultdict(int)
    for trade in result.trades:
        met[trade.price] += trade.quantity
    assert list(met.items()) == walk
    assert result.ended == ("unfilled" if want else None)


@given(tapes())
def test_the_oldest_order_at_a_price_trades_first(commands: Tape) -> None:
    """After any tape, one large sweep takes the resting orders in the order the book lists them."""
    book = PriceTimeBook()
    resting = tape.run_tape(commands).resting.tolist()
    for each, price, left in resting:
        book.limit(each, 0, True, price, left)
    queue = book.resting()
    ahead: dict[int, int] = defaultdict(int)
    for each, price, left in queue:
        assert book.ahead(each) == ahead[price]
        ahead[price] += left
    result = book.market(10_000, 9, False, sum(ahead.values()) + 1)
    assert [(trade.maker_id, trade.price, trade.quantity) for trade in result.trades] == queue
    assert len(book) == 0
    assert book.depth(5) == ([], [])


def test_prices_too_far_apart_are_refused_with_the_reason() -> None:
    far = [Command(Action.LIMIT, 0, 0, True, 1, 1), Command(Action.LIMIT, 1, 0, True, compiled.WIDEST + 1, 1)]
    with pytest.raises(ValueError, match="ticks apart"):
        compiled.run_tape(Tape.of(far))
    assert len(tape.run_tape(Tape.of(far)).resting) == 2


def test_an_empty_tape_does_nothing() -> None:
    nothing = Tape.of([])
    assert tape.run_tape(nothing) == compiled.run_tape(nothing)
    assert np.array_equal(tape.run_tape(nothing).resting, np.empty((0, 3), np.int64))
