"""Laws of own orders against a recorded book; and the compiled replay does what the plain one does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bench.paper_fidelity import allowed
from market.depth_files import Recording
from simulator.orderbook.messages import Tif
from simulator.orderbook.replay import BookReplay, Kind, OwnFill, Request, State
from simulator.orderbook.session import fills_of, open_session, state_of

LOW, HIGH = 96, 104
END = 10_000
Row = tuple[int, bool, bool, int, int]
Script = Sequence[tuple[int, Request]]


def recording(rows: Sequence[Row]) -> Recording:
    columns: list[Any] = list(zip(*rows, strict=True)) if rows else [()] * 5
    time_ns, trade, buy, price, quantity = columns
    return Recording(
        "BTCUSDT",
        Decimal("0.1"),
        Decimal("0.001"),
        np.array(time_ns, np.int64),
        np.array(trade, np.bool_),
        np.array(buy, np.bool_),
        np.array(price, np.int64),
        np.array(quantity, np.int64),
    )


@st.composite
def recordings(draw: st.DrawFn) -> Recording:
    """A book that is set, then changes and trades: a wandering middle, never crossed."""
    middle = draw(st.integers(LOW + 2, HIGH - 2))
    rows: list[Row] = []
    shown: dict[tuple[bool, int], int] = {}

    def level(at: int, buy: bool, price: int, quantity: int) -> None:
        rows.append((at, False, buy, price, quantity))
        shown[buy, price] = quantity

    for price in range(LOW, HIGH + 1):
        if price != middle:
            level(0, price < middle, price, draw(st.integers(0, 9)))
    for at in range(1, draw(st.integers(2, 40))):
        time = at * 10
        what = draw(st.sampled_from(("level", "level", "trade", "move")))
        buy = draw(st.booleans())
        if what == "level":
            price = draw(st.integers(LOW, middle - 1) if buy else st.integers(middle + 1, HIGH))
            level(time, buy, price, draw(st.integers(0, 9)))
        elif what == "trade":
            away = draw(st.sampled_from((0, 1, 1, 2)))
            price = min(HIGH, middle + away) if buy else max(LOW, middle - away)
            quantity = draw(st.integers(1, 25))
            rows.append((time, True, buy, price, quantity))
            if draw(st.booleans()) and (there := shown.get((not buy, price), 0)):
                level(time, not buy, price, max(0, there - quantity))
        else:
            step = draw(st.sampled_from((-1, 1)))
            if LOW < middle + step < HIGH:
                middle += step
                if draw(st.booleans()):  # a message may list either side first
                    level(time, step > 0, middle - step, draw(st.integers(0, 9)))
                    level(time, step < 0, middle, 0)
                else:
                    level(time, step < 0, middle, 0)
                    level(time, step > 0, middle - step, draw(st.integers(0, 9)))
    return recording(rows)


@st.composite
def scripts(draw: st.DrawFn) -> list[tuple[int, Request]]:
    made = []
    at = 0
    for order_id in range(draw(st.integers(1, 8))):
        at += draw(st.integers(0, 80))
        passive = draw(st.integers(0, 2)) > 0
        kind = Kind.LIMIT if passive else draw(st.sampled_from((Kind.LIMIT, Kind.MARKET)))
        buy = draw(st.booleans())
        near = (LOW + 1, (LOW + HIGH) // 2) if buy else ((LOW + HIGH) // 2, HIGH - 1)
        made.append(
            (
                at,
                Request(
                    kind,
                    order_id,
                    buy,
                    draw(st.integers(*near) if passive else st.integers(LOW - 2, HIGH + 2)),
                    draw(st.integers(1, 15)),
                    Tif.GTC if passive else draw(st.sampled_from(Tif)),
                    post_only=draw(st.booleans()),
                ),
            )
        )
        if draw(st.integers(0, 3)) == 0:
            at += draw(st.integers(0, 120))
            made.append((at, Request(Kind.CANCEL, draw(st.integers(0, order_id)))))
    return made


def play(tape: Recording, script: Script, latency: int = 0, power: int = 2) -> BookReplay:
    replay = BookReplay(tape, latency_ns=latency, power=power)
    for at, request in script:
        replay.advance(at)
        replay.send(request)
    replay.advance(END)
    return replay


def play_compiled(tape: Recording, script: Script, latency: int, power: int) -> Any:
    from simulator.orderbook import replay_kernel as kernel

    session = open_session(tape, orders=16, fills=200, latency_ns=latency, power=power)
    for at, request in script:
        kernel.advance(session, at)
        if request.kind == Kind.CANCEL:
            kernel.send_cancel(session, request.order_id)
        elif request.kind == Kind.MARKET:
            kernel.send_market(session, request.order_id, request.buy, request.quantity)
        else:
            kernel.send_limit(
                session,
                request.order_id,
                request.buy,
                request.price,
                request.quantity,
                int(request.tif),
                request.post_only,
            )
    kernel.advance(session, END)
    return session


def both(tape: Recording, script: Script, latency: int = 0, power: int = 2) -> BookReplay:
    """The plain replay, after the compiled one was seen to end the same in everything."""
    from simulator.orderbook import replay_kernel as kernel

    plain = play(tape, script, latency, power)
    session = play_compiled(tape, script, latency, power)
    assert fills_of(session) == plain.fills
    for order_id, order in plain.orders.items():
        assert state_of(session, order_id) == (order.state, order.left)
        assert float(session.orders[order_id]["ahead"]) == order.ahead
    assert (kernel.best_bid(session), kernel.best_ask(session)) == (plain.best_bid or 0, plain.best_ask or 0)
    signed = sum(fill.quantity if plain.orders[fill.order_id].buy else -fill.quantity for fill in plain.fills)
    assert kernel.position(session) == signed
    assert kernel.now(session) == plain.now
    return plain


@given(recordings(), scripts(), st.sampled_from((0, 10, 35)), st.integers(1, 3))
def test_both_replays_fill_alike(tape: Recording, script: Script, latency: int, power: int) -> None:
    both(tape, script, latency, power)


@given(recordings(), st.integers(0, 400), st.booleans(), st.integers(1, 60))
def test_a_market_order_fills_as_a_walk_of_the_recorded_book(
    tape: Recording, at: int, buy: bool, quantity: int
) -> None:
    shown: dict[int, int] = {}
    for row in range(len(tape)):
        if tape.time_ns[row] <= at and not tape.trade[row] and tape.buy[row] != buy:
            shown[int(tape.price[row])] = int(tape.quantity[row])
    want, walk = quantity, []
    for price in sorted(shown, reverse=not buy):
        if shown[price] and want:
            walk.append((price, min(want, shown[price])))
            want -= walk[-1][1]
    replay = play(tape, [(at, Request(Kind.MARKET, 0, buy, quantity=quantity))])
    assert [(fill.price, fill.quantity) for fill in replay.fills] == walk
    assert all(fill.time_ns == max(at, int(tape.time_ns[0])) and not fill.maker for fill in replay.fills)
    assert replay.orders[0].state == (State.EXPIRED if want else State.FILLED)
    assert replay.orders[0].left == want


@given(recordings(), scripts(), st.sampled_from((0, 25)))
def test_no_fill_is_better_than_the_tape_allows(tape: Recording, script: Script, latency: int) -> None:
    replay = play(tape, script, latency)
    requests = {request.order_id: request for _, request in script if request.kind != Kind.CANCEL}
    per_moment: dict[tuple[int, bool], list[OwnFill]] = defaultdict(list)
    for fill in replay.fills:
        request = requests[fill.order_id]
        if request.kind == Kind.LIMIT:
            assert fill.price <= request.price if request.buy else fill.price >= request.price
        if fill.maker:
            assert fill.price == request.price
        per_moment[fill.time_ns, request.buy].append(fill)
    for (at, buy), fills in per_moment.items():
        # All that was ever offered to that side up to then at a price no worse: levels shown, and trades.
        worst = max(fill.price for fill in fills) if buy else min(fill.price for fill in fills)
        allowed = 0
        last: dict[int, int] = {}
        for row in range(len(tape)):
            price, quantity = int(tape.price[row]), int(tape.quantity[row])
            if tape.time_ns[row] > at or (price > worst if buy else price < worst) or tape.buy[row] == buy:
                continue
            if tape.trade[row]:
                allowed += quantity if tape.time_ns[row] == at else 0
            else:
                allowed += max(0, quantity - last.get(price, 0))
                last[price] = quantity
        assert sum(fill.quantity for fill in fills) <= allowed


@given(recordings(), st.integers(0, 300), st.booleans(), st.integers(1, 20), st.integers(1, 3))
def test_an_order_that_rests_fills_no_more_and_no_earlier_than_the_tape_allows(
    tape: Recording, at: int, buy: bool, quantity: int, power: int
) -> None:
    """At every price, against a judge of its own, for whom every cancellation was ahead of the order."""
    for price in range(LOW - 1, HIGH + 2):
        sent = Request(Kind.LIMIT, 0, buy, price, quantity, post_only=True)
        replay = play(tape, [(at, sent)], power=power)
        if replay.fills:
            most = dict(allowed(tape, buy, price, replay_time(tape, at)))
            filled = 0
            for fill in replay.fills:
                filled += fill.quantity
                assert fill.maker
                assert fill.price == price
                assert filled <= most[fill.time_ns]


def replay_time(tape: Recording, at: int) -> int:
    return max(at, int(tape.time_ns[0]))


@given(recordings(), st.integers(0, 300), st.booleans(), st.integers(LOW, HIGH))
def test_what_trades_through_an_order_fills_it(tape: Recording, at: int, buy: bool, price: int) -> None:
    """Not better than the tape, but not worse either: the first trade through its price reaches it."""
    replay = play(tape, [(at, Request(Kind.LIMIT, 0, buy, price, 1, post_only=True))])
    through = (tape.price < price if buy else tape.price > price) & (tape.buy != buy) & (tape.time_ns > at)
    times = tape.time_ns[tape.trade & through]
    if replay.orders[0].state != State.REFUSED and len(times):
        assert replay.orders[0].state == State.FILLED
        assert replay.fills[0].time_ns <= times[0]


def test_a_queue_moves_up_by_trades_and_by_the_stated_part_of_the_cancellations() -> None:
    book: list[Row] = [(0, False, True, 100, 10), (0, False, False, 102, 5)]
    later: list[Row] = [
        (10, False, True, 100, 14),  # four join behind
        (20, True, False, 100, 2),
        (20, False, True, 100, 12),  # the trade explains this
        (30, False, True, 100, 9),  # three cancel
    ]
    replay = BookReplay(recording([*book, *later]), power=1)
    replay.advance(0)
    replay.send(Request(Kind.LIMIT, 1, True, 100, 3))
    replay.advance(0)
    assert replay.orders[1].ahead == 10
    replay.advance(10)
    assert replay.orders[1].ahead == 10
    replay.advance(20)
    assert replay.orders[1].ahead == 8
    replay.advance(30)
    assert replay.orders[1].ahead == 8 - 3 * 8 / 12
    assert not replay.fills


def test_what_an_own_order_took_stays_taken_until_the_level_shows_less() -> None:
    rows: list[Row] = [
        (0, False, False, 101, 10),
        (10, False, False, 101, 12),
        (20, False, False, 101, 7),
        (30, False, False, 101, 0),
        (40, False, False, 101, 4),
    ]
    replay = BookReplay(recording(rows))
    replay.advance(0)
    replay.send(Request(Kind.MARKET, 1, True, quantity=6))
    seen = []
    for at in (0, 10, 20, 30, 40):
        replay.advance(at)
        seen.append(replay.depth(False))
    assert seen == [[(101, 4)], [(101, 6)], [(101, 6)], [], [(101, 4)]]


def buys(*orders: tuple[int, int], quantity: int = 5) -> list[tuple[int, Request]]:
    """Limit orders to buy, sent at time 0, as (id, price)."""
    return [(0, Request(Kind.LIMIT, order_id, True, price, quantity)) for order_id, price in orders]


def test_own_orders_share_a_trade_best_price_first_then_oldest() -> None:
    rows: list[Row] = [(0, False, True, 99, 4), (0, False, False, 103, 1), (10, True, False, 99, 12)]
    replay = both(recording(rows), buys((1, 99), (2, 99), (3, 100)))
    assert [(fill.order_id, fill.price, fill.quantity) for fill in replay.fills] == [(3, 100, 5), (1, 99, 3)]
    assert replay.orders[2].left == 5


def test_what_went_to_a_better_own_order_does_not_reach_the_next() -> None:
    rows: list[Row] = [(0, False, True, 99, 4), (0, False, False, 103, 1), (10, True, False, 99, 8)]
    replay = both(recording(rows), buys((3, 100), (1, 99)))
    assert [(fill.order_id, fill.quantity) for fill in replay.fills] == [(3, 5)]
    assert replay.orders[1].ahead == 1


def test_an_offer_at_an_own_orders_price_waits_for_the_queue_and_one_through_it_does_not() -> None:
    rows: list[Row] = [
        (0, False, True, 100, 5),
        (0, False, False, 103, 1),
        (10, False, False, 100, 3),
        (20, False, True, 100, 0),
    ]
    at_its_price = both(recording(rows), buys((1, 100)))
    assert [(fill.time_ns, fill.price, fill.quantity) for fill in at_its_price.fills] == [(20, 100, 3)]
    rows[2] = (10, False, False, 99, 3)
    through = both(recording(rows), buys((1, 100)))
    assert [(fill.time_ns, fill.price, fill.quantity) for fill in through.fills] == [(10, 100, 3)]


def test_an_order_sees_all_that_is_recorded_at_the_time_of_its_arrival() -> None:
    rows: list[Row] = [(0, False, False, 103, 9), (10, False, False, 101, 2), (11, False, False, 100, 9)]
    replay = both(recording(rows), [(0, Request(Kind.MARKET, 1, True, quantity=3))], latency=10)
    assert [(fill.time_ns, fill.price, fill.quantity) for fill in replay.fills] == [
        (10, 101, 2),
        (10, 103, 1),
    ]


def test_no_more_is_ahead_than_the_level_shows() -> None:
    rows: list[Row] = [
        (0, False, True, 100, 2),
        (0, False, False, 103, 1),
        (10, False, True, 100, 12),
        (20, False, True, 100, 1),
    ]
    assert both(recording(rows), buys((1, 100))).orders[1].ahead == 1
