"""Order plans for the types beyond market, limit and stop, for dates, groups and queues."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from domain.money import Price
from domain.orders import OrderIntent, OrderType, Side, TimeInForce
from simulator.costs import BookWalk
from tests.scenarios.order_plans import BUY, DEEP, FLAT, IOC, SELL, Cancelled, Filled, Over, Plan
from tests.scenarios.stage import HOUR, START, bar, book, order

STOP_LIMIT, TRAILING = OrderType.STOP_LIMIT, OrderType.TRAILING_STOP
PROFIT, PROFIT_LIMIT = OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT


def sleeper(
    client_id: str,
    kind: OrderType,
    side: Side,
    quantity: str,
    trigger: str,
    limit: str | None = None,
    *,
    trailing: str | None = None,
    tif: TimeInForce = TimeInForce.GTC,
    group: str = "",
) -> OrderIntent:
    """An order of `kind` that wakes at `trigger`."""
    return replace(
        order(client_id, side, quantity, trigger=trigger, tif=tif),
        order_type=kind,
        limit_price=Price(Decimal(limit)) if limit else None,
        trailing=Decimal(trailing) if trailing else None,
        group=group,
    )


def until(intent: OrderIntent, hours: float) -> OrderIntent:
    """The same order, good until so many hours after the first bar opens."""
    return replace(intent, time_in_force=TimeInForce.GTD, expires_at=START + hours * HOUR)


def maker_only(client_id: str, side: Side, quantity: str, limit: str) -> OrderIntent:
    return replace(order(client_id, side, quantity, limit=limit), post_only=True)


def of(group: str, intent: OrderIntent) -> OrderIntent:
    return replace(intent, group=group)


TYPE_PLANS = (
    Plan(
        "a stop-limit fills at its trigger when the limit allows it",
        (bar(0, "100", "101", "90", "92"),),
        {-1: (sleeper("a", STOP_LIMIT, SELL, "2", "95", "94"),)},
        (Filled(0, "a", "2", "95", "0.38", at_open=False),),
        coins="2",
    ),
    Plan(
        "a stop-limit that the market gaps over rests at its limit, and sells when the price comes back",
        (bar(0, "90", "91", "89", "90"), bar(1, "90", "92", "89", "91"), bar(2, "92", "95", "91", "93")),
        {-1: (sleeper("a", STOP_LIMIT, SELL, "2", "95", "94"),)},
        (Filled(2, "a", "2", "94", "0.188", at_open=False, maker=True),),
        coins="2",
    ),
    Plan(
        "a stop-limit buy that gaps over its limit is filled by the fall of the same bar",
        (bar(0, "108", "109", "100", "102"),),
        {-1: (sleeper("a", STOP_LIMIT, BUY, "2", "105", "106"),)},
        (Filled(0, "a", "2", "106", "0.212", at_open=False, maker=True),),
    ),
    Plan(
        "a stop-limit whose limit is its trigger takes there",
        (bar(0, "100", "101", "90", "92"),),
        {-1: (sleeper("a", STOP_LIMIT, SELL, "2", "95", "95"),)},
        (Filled(0, "a", "2", "95", "0.38", at_open=False),),
        coins="2",
    ),
    Plan(
        "a stop-limit buy that gaps over its limit is not filled by a touch of it",
        (bar(0, "108", "109", "106", "107"),),
        {-1: (sleeper("a", STOP_LIMIT, BUY, "2", "105", "106"),)},
        (),
        still_open=("a",),
    ),
    Plan(
        "a stop-limit whose book is too thin at the trigger waits at its limit",
        (bar(0, "100", "101", "94.5", "95"), bar(1, "95", "96", "94.8", "95.5")),
        {-1: (sleeper("a", STOP_LIMIT, SELL, "2", "95", "94.5"),)},
        (Filled(1, "a", "2", "94.5", "0.189", maker=True),),
        coins="2",
        model=BookWalk(participation=Decimal(1)),
        books={-1: DEEP, 0: DEEP},
    ),
    Plan(
        "a stop-limit that wakes at an open which is its very limit was touched, not traded through",
        (
            bar(0, "100", "101", "95.5", "96"),
            bar(1, "94", "94", "93", "94"),
            bar(2, "94", "94.5", "94", "94"),
        ),
        {-1: (sleeper("a", STOP_LIMIT, SELL, "2", "95", "94"),)},
        (Filled(2, "a", "2", "94", "0.188", at_open=False, maker=True),),
        coins="2",
        model=BookWalk(participation=Decimal(1)),
        books=dict.fromkeys(range(-1, 3), DEEP),
    ),
    Plan(
        "an immediate-or-cancel stop-limit that is gapped over expires when it wakes",
        (bar(0, "96", "97", "96", "96"), bar(1, "90", "91", "89", "90")),
        {-1: (sleeper("a", STOP_LIMIT, SELL, "2", "95", "94", tif=IOC),)},
        (Over(1, "a", "ioc"),),
        coins="2",
    ),
    Plan(
        "a take-profit sells at its trigger on the way up, as taker",
        (bar(0, "100", "105", "99", "101"),),
        {-1: (sleeper("a", PROFIT, SELL, "2", "105"),)},
        (Filled(0, "a", "2", "105", "0.42", at_open=False),),
        coins="2",
    ),
    Plan(
        "a take-profit sells at the open when the market gaps above it",
        (bar(0, "110", "111", "109", "110"),),
        {-1: (sleeper("a", PROFIT, SELL, "2", "105"),)},
        (Filled(0, "a", "2", "110", "0.44"),),
        coins="2",
    ),
    Plan(
        "a take-profit buys at its trigger on the way down",
        (bar(0, "100", "101", "95", "99"),),
        {-1: (sleeper("a", PROFIT, BUY, "2", "95"),)},
        (Filled(0, "a", "2", "95", "0.38", at_open=False),),
    ),
    Plan(
        "a take-profit limit above its trigger is sold into the same rise",
        (bar(0, "100", "108", "99", "101"),),
        {-1: (sleeper("a", PROFIT_LIMIT, SELL, "2", "105", "107"),)},
        (Filled(0, "a", "2", "107", "0.214", at_open=False, maker=True),),
        coins="2",
    ),
    Plan(
        "a take-profit limit that was woken and not filled rests",
        (
            bar(0, "100", "106", "99", "101"),
            bar(1, "101", "102", "100", "101"),
            bar(2, "108", "109", "107", "108"),
        ),
        {-1: (sleeper("a", PROFIT_LIMIT, SELL, "2", "105", "107"),)},
        (Filled(2, "a", "2", "108", "0.432"),),
        coins="2",
    ),
    Plan(
        "a trailing stop follows the high and sells at its trigger from before, which is the worst path",
        (bar(0, "100", "110", "100", "110"), bar(1, "110", "112", "95", "100")),
        {-1: (sleeper("a", TRAILING, SELL, "2", "90", trailing="0.1"),)},
        (Filled(1, "a", "2", "99", "0.396", at_open=False),),
        coins="2",
    ),
    Plan(
        "a trailing stop that only this bar's own high brings within reach sells at the low",
        (bar(0, "100", "120", "105", "110"),),
        {-1: (sleeper("a", TRAILING, SELL, "2", "90", trailing="0.1"),)},
        (Filled(0, "a", "2", "105", "0.42", at_open=False),),
        coins="2",
    ),
    Plan(
        "a trailing stop sells at the open when the market gaps below it",
        (bar(0, "100", "110", "100", "110"), bar(1, "95", "96", "94", "95")),
        {-1: (sleeper("a", TRAILING, SELL, "2", "90", trailing="0.1"),)},
        (Filled(1, "a", "2", "95", "0.38"),),
        coins="2",
    ),
    Plan(
        "a trailing stop is as good as it was placed until the price has moved that far",
        (bar(0, "100", "101", "93", "95"),),
        {-1: (sleeper("a", TRAILING, SELL, "2", "92", trailing="0.1"),)},
        (),
        coins="2",
        still_open=("a",),
    ),
    Plan(
        "a trailing buy follows the low and buys on the turn, at the dearest the path allows",
        (bar(0, "100", "100", "90", "91"), bar(1, "91", "101", "90", "100")),
        {-1: (sleeper("a", TRAILING, BUY, "1", "110", trailing="0.1"),)},
        (Filled(0, "a", "1", "100", "0.2", at_open=False),),
    ),
    Plan(
        "a post-only order that would take at its first open expires",
        (bar(0, "94", "96", "93", "95"),),
        {-1: (maker_only("a", BUY, "2", "95"),)},
        (Over(0, "a", "post-only"),),
    ),
    Plan(
        "a post-only order that rests is filled at its own price, also by a gap",
        (bar(0, "100", "101", "96", "97"), bar(1, "90", "92", "89", "91")),
        {-1: (maker_only("a", BUY, "2", "95"),)},
        (Filled(1, "a", "2", "95", "0.19", maker=True),),
    ),
    Plan(
        "an order with a date fills before it",
        (bar(0, "100", "101", "96", "97"), bar(1, "97", "98", "94", "95")),
        {-1: (until(order("a", BUY, "2", limit="95"), 2),)},
        (Filled(1, "a", "2", "95", "0.19", at_open=False, maker=True),),
    ),
    Plan(
        "an order with a date expires at the first close at or after it",
        FLAT,
        {-1: (until(order("a", BUY, "2", limit="95"), 2),)},
        (Over(1, "a", "date"),),
    ),
    Plan(
        "a price met inside the bar that the date lies in may have come too late, and does not fill",
        (bar(0, "100", "101", "90", "97"),),
        {-1: (until(order("a", BUY, "2", limit="95"), 0.5),)},
        (Over(0, "a", "date"),),
    ),
    Plan(
        "an open before the date fills, though the bar ends after it",
        (bar(0, "90", "91", "89", "90"),),
        {-1: (until(order("a", BUY, "2", limit="95"), 0.5),)},
        (Filled(0, "a", "2", "90", "0.36"),),
    ),
    Plan(
        "a date passes in a gap of the tape as well",
        (bar(0, "100", "100", "100", "100"), bar(3, "90", "90", "90", "90")),
        {-1: (until(order("a", BUY, "2", limit="95"), 2),)},
        (Over(1, "a", "date"),),
    ),
    Plan(
        "of a group the stop comes first in a bar that reaches both, and ends the target",
        (bar(0, "100", "110", "90", "100"),),
        {
            -1: (
                of("exit", order("target", SELL, "2", limit="108")),
                of("exit", order("stop", SELL, "2", trigger="95")),
            )
        },
        (Filled(0, "stop", "2", "95", "0.38", at_open=False), Cancelled(0, "target", "stop")),
        coins="2",
    ),
    Plan(
        "a group needs its coins once, and its target ends its stop",
        (bar(0, "100", "110", "96", "105"),),
        {
            -1: (
                of("exit", order("target", SELL, "2", limit="108")),
                of("exit", order("stop", SELL, "2", trigger="95")),
            )
        },
        (Filled(0, "target", "2", "108", "0.216", at_open=False, maker=True), Cancelled(0, "stop", "target")),
        coins="2",
    ),
    Plan(
        "a part of one is enough to end the others of its group, and the rest goes on",
        (bar(0, "100", "110", "99", "105", volume="1"), bar(1, "105", "109", "90", "100")),
        {
            -1: (
                of("exit", order("target", SELL, "2", limit="108")),
                of("exit", order("stop", SELL, "2", trigger="95")),
            )
        },
        (
            Filled(0, "target", "1", "108", "0.108", at_open=False, maker=True),
            Cancelled(0, "stop", "target"),
            Filled(1, "target", "1", "108", "0.108", at_open=False, maker=True),
        ),
        coins="2",
        model=BookWalk(participation=Decimal(1)),
        books={-1: DEEP, 0: DEEP},
    ),
    Plan(
        "a touch fills what trades at the price beyond the queue ahead, and a bar through it the rest",
        (
            bar(0, "95", "95", "95", "95", volume="4.5"),
            bar(1, "95", "95", "95", "95", volume="1.5007"),
            bar(2, "95", "95.01", "95", "95", volume="4"),
            bar(3, "95", "95", "94.99", "95"),
        ),
        {-1: (order("a", BUY, "5", limit="95"),)},
        (
            Filled(1, "a", "1", "95", "0.095", at_open=False, maker=True),
            Filled(2, "a", "2", "95", "0.19", at_open=False, maker=True),
            Filled(3, "a", "2", "95", "0.19", at_open=False, maker=True),
        ),
        model=BookWalk(participation=Decimal(1), queue=Decimal(1)),
        books=dict.fromkeys(range(-1, 4), book([("95", "5"), ("94", "9")], [("95.02", "1")])),
    ),
    Plan(
        "a bar through its price takes the queue ahead along",
        (
            bar(0, "96", "96", "94", "95", volume="1"),
            bar(1, "95", "95", "95", "95", volume="1"),
        ),
        {-1: (order("a", BUY, "2", limit="95"),)},
        (
            Filled(0, "a", "1", "95", "0.095", at_open=False, maker=True),
            Filled(1, "a", "1", "95", "0.095", at_open=False, maker=True),
        ),
        model=BookWalk(participation=Decimal(1), queue=Decimal(1)),
        books=dict.fromkeys(range(-1, 2), book([("95", "5"), ("94", "9")], [("95.02", "1")])),
    ),
    Plan(
        "without a book nobody knows the queue, and a touch is no fill",
        (bar(0, "96", "97", "95", "96"),),
        {-1: (order("a", BUY, "1", limit="95"),)},
        (),
        model=BookWalk(participation=Decimal(1), queue=Decimal(0)),
        still_open=("a",),
    ),
)
