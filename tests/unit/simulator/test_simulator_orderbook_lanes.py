"""Tapes of commands, and sessions of the compiled replay: what they take, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from market.depth_files import Recording
from simulator.orderbook import compiled
from simulator.orderbook.replay import BookReplay, Kind, Request
from simulator.orderbook.session import fills_of, open_session, state_of
from simulator.orderbook.tape import Action, Command, Outcome, Status, Tape, run_tape

COLUMNS = {
    name: np.zeros(3, np.int64)
    for name in (
        "action",
        "order_id",
        "owner",
        "buy",
        "price",
        "quantity",
        "tif",
        "post_only",
        "prevention",
    )
}


def test_a_tape_of_wrong_columns_is_refused() -> None:
    with pytest.raises(ValueError, match="a tape has the columns action, order_id"):
        Tape.from_columns(action=np.zeros(3))
    with pytest.raises(ValueError, match="column price has 2 rows; action has 3"):
        Tape.from_columns(**{**COLUMNS, "price": np.zeros(2)})


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("order_id", 3, "0 to 2"),
        ("order_id", -1, "0 to 2"),
        ("action", 4, "0 to 3"),
        ("prevention", 5, "0 to 4"),
    ],
)
def test_an_id_or_a_flag_out_of_range_is_refused(name: str, value: int, says: str) -> None:
    with pytest.raises(ValueError, match=f"column {name} must lie in {says}"):
        Tape.from_columns(**{**COLUMNS, name: np.array([0, value, 0])})


def test_every_command_is_answered_in_both_lanes() -> None:
    tape = Tape.of(
        [
            Command(Action.LIMIT, 0, 1, False, 101, 5),
            Command(Action.LIMIT, 0, 1, False, 101, 5),
            Command(Action.REDUCE, 0, quantity=2),
            Command(Action.REDUCE, 0, quantity=3),
            Command(Action.LIMIT, 1, 1, True, 101, 1, post_only=True),
            Command(Action.MARKET, 2, 2, True, 0, 4),
            Command(Action.CANCEL, 0),
            Command(Action.LIMIT, 3, 2, True, 7, 4),
            Command(Action.CANCEL, 3),
        ]
    )
    outcome = run_tape(tape)
    assert [Status(status) for status in outcome.status] == [
        Status.DONE,
        Status.INVALID,
        Status.DONE,
        Status.INVALID,
        Status.POST_ONLY,
        Status.UNFILLED,
        Status.ABSENT,
        Status.DONE,
        Status.DONE,
    ]
    assert outcome.amount.tolist() == [5, 0, 3, 0, 0, 0, 0, 4, 4]
    assert outcome.trades.tolist() == [[0, 2, 101, 3]]
    assert compiled.run_tape(tape) == outcome


def test_an_outcome_differs_when_any_part_does() -> None:
    outcome = run_tape(Tape.of([Command(Action.LIMIT, 0, 1, False, 101, 5)]))
    assert outcome == replace(outcome)
    assert outcome != replace(outcome, resting=np.array([[0, 101, 4]]))
    assert outcome != "an outcome"


def recording() -> Recording:
    return Recording(
        "BTCUSDT",
        Decimal("0.1"),
        Decimal("0.001"),
        np.array([10, 10, 20, 30], np.int64),
        np.array([False, False, True, False]),
        np.array([True, False, False, True]),
        np.array([100, 102, 100, 100], np.int64),
        np.array([5, 5, 8, 0], np.int64),
    )


def test_a_session_tells_fills_states_and_the_touch() -> None:
    from simulator.orderbook import replay_kernel as kernel

    session = open_session(recording(), orders=4)
    assert (kernel.now(session), kernel.best_bid(session), kernel.best_ask(session)) == (10, 0, 0)
    assert kernel.advance(session, 15)
    assert (kernel.best_bid(session), kernel.best_ask(session)) == (100, 102)
    kernel.send_limit(session, 2, True, 100, 4, 0, False)
    assert kernel.is_working(session, 2)
    assert not kernel.advance(session, 50)
    assert fills_of(session) == [(20, 2, 100, 3, True)]
    assert state_of(session, 2) == (2, 1)
    assert state_of(session, 0) == (None, 0)
    assert (kernel.position(session), kernel.best_bid(session), kernel.now(session)) == (3, 0, 50)
    kernel.send_cancel(session, 2)
    kernel.advance(session, 50)
    assert not kernel.is_working(session, 2)


def test_a_session_refuses_what_it_has_no_room_for() -> None:
    from simulator.orderbook import replay_kernel as kernel

    session = open_session(recording(), orders=4, fills=0, on_way=2)
    kernel.advance(session, 15)
    with pytest.raises(ValueError, match="outside the room"):
        kernel.send_limit(session, 4, True, 100, 1, 0, False)
    with pytest.raises(ValueError, match="no such order"):
        kernel.send_cancel(session, 1)
    with pytest.raises(ValueError, match="must be at least 1"):
        kernel.send_limit(session, 1, True, 100, 0, 0, False)
    kernel.send_market(session, 1, True, 1)
    with pytest.raises(ValueError, match="used already"):
        kernel.send_market(session, 1, True, 1)
    kernel.send_cancel(session, 1)
    with pytest.raises(ValueError, match="more requests on their way"):
        kernel.send_cancel(session, 1)
    with pytest.raises(ValueError, match="more fills"):
        kernel.advance(session, 15)


def test_a_session_cannot_be_opened_on_nonsense() -> None:
    with pytest.raises(ValueError, match="must be at least 1"):
        open_session(recording(), orders=0)
    wide = replace(recording(), price=np.array([1, 1 + compiled.WIDEST, 5, 5]))
    with pytest.raises(ValueError, match="ticks apart"):
        open_session(wide, orders=1)


def test_the_plain_replay_refuses_the_same_requests() -> None:
    replay = BookReplay(recording())
    replay.advance(15)
    with pytest.raises(ValueError, match="no order 1 to cancel"):
        replay.send(Request(Kind.CANCEL, 1))
    with pytest.raises(ValueError, match="must be at least 1"):
        replay.send(Request(Kind.LIMIT, 1, True, 0, 1))
    replay.send(Request(Kind.MARKET, 1, True, quantity=1))
    with pytest.raises(ValueError, match="used already"):
        replay.send(Request(Kind.MARKET, 1, True, quantity=1))
    with pytest.raises(ValueError, match="must not be negative"):
        BookReplay(recording(), latency_ns=-1)


@pytest.mark.parametrize("buy", [True, False])
@pytest.mark.parametrize("lane", [run_tape, compiled.run_tape])
def test_when_the_best_order_is_cancelled_the_next_one_is_the_best(
    lane: Callable[[Tape], Outcome], buy: bool
) -> None:
    worse = 99 if buy else 101
    tape = Tape.of(
        [
            Command(Action.LIMIT, 0, 1, buy, 100, 5),
            Command(Action.LIMIT, 1, 1, buy, worse, 5),
            Command(Action.CANCEL, 0),
            Command(Action.LIMIT, 3, 1, not buy, worse, 1, post_only=True),
            Command(Action.LIMIT, 4, 1, not buy, 100, 1, post_only=True),
            Command(Action.CANCEL, 1),
            Command(Action.LIMIT, 6, 1, not buy, worse, 1, post_only=True),
        ]
    )
    done, refused = Status.DONE, Status.POST_ONLY
    assert lane(tape).status.tolist() == [done, done, done, refused, done, done, done]
