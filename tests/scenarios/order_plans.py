"""Order plans as data: what is submitted at the close of which bar, and what must come of it.

Every plan starts with 1,000 USDT and the coins it names, and pays 0.1 % as maker and 0.2 % as taker.
An order of step `n` is submitted when bar `n` has closed; -1 means before bar 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from domain.market import Candle, OrderBook
from domain.orders import OrderIntent, Side, TimeInForce
from simulator.costs import BookWalk, FillModel, NextOpen
from tests.scenarios.stage import bar, book, order

BUY, SELL = Side.BUY, Side.SELL
IOC, FOK = TimeInForce.IOC, TimeInForce.FOK


@dataclass(frozen=True)
class Filled:
    """A fill: the bar it came on, its order, quantity, price, fee in USDT, and whether it was at the open."""

    bar: int
    client_id: str
    quantity: str
    price: str
    fee: str
    at_open: bool = True
    maker: bool = False


@dataclass(frozen=True)
class Over:
    """An order that ended: the bar, its order, and a word of the reason."""

    bar: int
    client_id: str
    reason: str


@dataclass(frozen=True)
class Cancelled(Over):
    """An order that was cancelled, not expired: another of its group was first."""


@dataclass(frozen=True)
class Plan:
    name: str
    bars: tuple[Candle, ...]
    orders: dict[int, tuple[OrderIntent, ...]]
    expected: tuple[Filled | Over, ...]
    coins: str = "0"
    model: FillModel = field(default_factory=NextOpen)
    books: dict[int, OrderBook] = field(default_factory=dict)
    still_open: tuple[str, ...] = ()
    cash_after: Decimal | None = None


FLAT = tuple(bar(i, "100", "100", "100", "100") for i in range(4))
DEEP = book([("99", "5"), ("98", "5")], [("101", "5"), ("102", "5")])

PLANS = (
    Plan(
        "market buy fills at the next open, not at the close that decided",
        (bar(0, "90", "95", "85", "91"), bar(1, "100", "110", "95", "108")),
        {0: (order("a", BUY, "2"),)},
        (Filled(1, "a", "2", "100", "0.4"),),
        cash_after=Decimal("799.6"),
    ),
    Plan(
        "market order waits through a gap in the tape",
        (bar(0, "100", "100", "100", "100"), bar(3, "120", "120", "120", "120")),
        {0: (order("a", BUY, "1"),)},
        (Filled(3, "a", "1", "120", "0.24"),),
    ),
    Plan(
        "limit buy fills at its price as maker when the bar trades through it",
        (bar(0, "100", "101", "94", "96"),),
        {-1: (order("a", BUY, "2", limit="95"),)},
        (Filled(0, "a", "2", "95", "0.19", at_open=False, maker=True),),
    ),
    Plan(
        "limit buy that is only touched does not fill",
        (bar(0, "100", "101", "95", "96"),),
        {-1: (order("a", BUY, "2", limit="95"),)},
        (),
        still_open=("a",),
    ),
    Plan(
        "limit buy gets the better open when the market gaps through it",
        (bar(0, "90", "92", "89", "91"),),
        {-1: (order("a", BUY, "2", limit="95"),)},
        (Filled(0, "a", "2", "90", "0.36"),),
    ),
    Plan(
        "limit sell gets the better open when the market gaps through it",
        (bar(0, "110", "112", "109", "111"),),
        {-1: (order("a", SELL, "2", limit="105"),)},
        (Filled(0, "a", "2", "110", "0.44"),),
        coins="2",
    ),
    Plan(
        "limit sell fills at its price when the bar trades through it, later",
        (*FLAT[:2], bar(2, "100", "106", "99", "101")),
        {-1: (order("a", SELL, "2", limit="105"),)},
        (Filled(2, "a", "2", "105", "0.21", at_open=False, maker=True),),
        coins="2",
    ),
    Plan(
        "stop sell fills at its trigger when the bar reaches it",
        (bar(0, "100", "101", "95", "97"),),
        {-1: (order("a", SELL, "2", trigger="95"),)},
        (Filled(0, "a", "2", "95", "0.38", at_open=False),),
        coins="2",
    ),
    Plan(
        "stop sell fills at the open when the market gaps below it",
        (bar(0, "90", "91", "89", "90"),),
        {-1: (order("a", SELL, "2", trigger="95"),)},
        (Filled(0, "a", "2", "90", "0.36"),),
        coins="2",
    ),
    Plan(
        "stop buy fills at its trigger on the way up",
        (bar(0, "100", "106", "99", "104"),),
        {-1: (order("a", BUY, "2", trigger="105"),)},
        (Filled(0, "a", "2", "105", "0.42", at_open=False),),
    ),
    Plan(
        "stop buy fills at the open when the market gaps above it",
        (bar(0, "108", "109", "107", "108"),),
        {-1: (order("a", BUY, "2", trigger="105"),)},
        (Filled(0, "a", "2", "108", "0.432"),),
    ),
    Plan(
        "a bar that hits the stop and the profit target is taken as a loss",
        (bar(0, "100", "110", "90", "100"),),
        {
            -1: (
                order("profit", SELL, "2", limit="108", reduce_only=True),
                order("stop", SELL, "2", trigger="95", reduce_only=True),
            )
        },
        (Filled(0, "stop", "2", "95", "0.38", at_open=False), Over(0, "profit", "held")),
        coins="2",
    ),
    Plan(
        "an entry and its stop in the same bar: bought above, stopped below",
        (bar(0, "100", "106", "90", "92"),),
        {
            -1: (
                order("stop", SELL, "2", trigger="95", reduce_only=True),
                order("entry", BUY, "2", trigger="105"),
            )
        },
        (
            Filled(0, "entry", "2", "105", "0.42", at_open=False),
            Filled(0, "stop", "2", "95", "0.38", at_open=False),
        ),
    ),
    Plan(
        "on the way down a higher limit buy comes before a lower stop",
        (bar(0, "100", "100", "90", "92"),),
        {
            -1: (
                order("stop", SELL, "1", trigger="93", reduce_only=True),
                order("entry", BUY, "1", limit="97"),
            )
        },
        (
            Filled(0, "entry", "1", "97", "0.097", at_open=False, maker=True),
            Filled(0, "stop", "1", "93", "0.186", at_open=False),
        ),
    ),
    Plan(
        "on the way down a higher stop comes before a lower limit buy",
        (bar(0, "100", "100", "90", "92"),),
        {
            -1: (
                order("entry", BUY, "1", limit="93"),
                order("stop", SELL, "1", trigger="97", reduce_only=True),
            )
        },
        (
            Filled(0, "stop", "1", "97", "0.194", at_open=False),
            Filled(0, "entry", "1", "93", "0.093", at_open=False, maker=True),
        ),
        coins="1",
    ),
    Plan(
        "a stop and a limit buy at the same price: the stop comes first",
        (bar(0, "100", "100", "90", "92"),),
        {
            -1: (
                order("entry", BUY, "1", limit="95"),
                order("stop", SELL, "1", trigger="95", reduce_only=True),
            )
        },
        (
            Filled(0, "stop", "1", "95", "0.19", at_open=False),
            Filled(0, "entry", "1", "95", "0.095", at_open=False, maker=True),
        ),
        coins="1",
    ),
    Plan(
        "reduce-only is capped by the holding and the rest expires",
        (bar(0, "100", "101", "94", "95"),),
        {-1: (order("a", SELL, "5", trigger="95", reduce_only=True),)},
        (Filled(0, "a", "2", "95", "0.38", at_open=False), Over(0, "a", "held")),
        coins="2",
    ),
    Plan(
        "reduce-only expires when nothing is held",
        FLAT[:1],
        {-1: (order("a", SELL, "5", reduce_only=True),)},
        (Over(0, "a", "held"),),
    ),
    Plan(
        "a stop that is not reached stays, whatever is held",
        FLAT,
        {-1: (order("a", SELL, "5", trigger="95", reduce_only=True),)},
        (),
        still_open=("a",),
    ),
    Plan(
        "a market buy that no longer fits the cash is cut and the rest expires",
        (bar(0, "100", "100", "100", "100"), bar(1, "200", "200", "200", "200")),
        {0: (order("a", BUY, "9"),)},
        (Filled(1, "a", "4.99", "200", "1.996"), Over(1, "a", "used up")),
        cash_after=Decimal("0.004"),
    ),
    Plan(
        "an immediate-or-cancel limit that is not there at the open expires",
        (bar(0, "100", "101", "90", "95"),),
        {-1: (order("a", BUY, "1", limit="95", tif=IOC),)},
        (Over(0, "a", "ioc"),),
    ),
    Plan(
        "an immediate-or-cancel market order keeps what it got",
        (bar(0, "100", "101", "99", "100"), *FLAT[1:3]),
        {-1: (order("a", BUY, "8", tif=IOC),)},
        (Filled(0, "a", "5", "101", "1.01"), Over(0, "a", "ioc")),
        model=BookWalk(participation=Decimal(1)),
        books={-1: book([("99", "5")], [("101", "5")])},
    ),
    Plan(
        "fill-or-kill is killed when the book is too thin",
        FLAT[:2],
        {-1: (order("a", BUY, "8", tif=FOK),)},
        (Over(0, "a", "whole"),),
        model=BookWalk(participation=Decimal(1)),
        books={-1: book([("99", "5")], [("101", "5")])},
    ),
    Plan(
        "fill-or-kill fills whole when the book is deep enough",
        FLAT[:2],
        {-1: (order("a", BUY, "8", tif=FOK),)},
        (Filled(0, "a", "8", "101.38", "1.62208"),),
        model=BookWalk(participation=Decimal(1)),
        books={-1: DEEP},
    ),
    Plan(
        "a large order walks the book that was known before, re-centred on the open",
        (bar(0, "110", "111", "109", "110"),),
        {-1: (order("a", BUY, "8"),)},
        (Filled(0, "a", "8", "111.38", "1.78208"),),
        model=BookWalk(participation=Decimal(1)),
        books={-1: DEEP, 0: book([("1", "1")], [("900", "1")])},
    ),
    Plan(
        "the volume cap spreads an order over bars",
        tuple(bar(i, "100", "100", "100", "100", volume="20") for i in range(3)),
        {-1: (order("a", SELL, "5"),)},
        (
            Filled(0, "a", "2", "99", "0.396"),
            Filled(1, "a", "2", "95", "0.38"),
            Filled(2, "a", "1", "99", "0.198"),
        ),
        coins="5",
        model=BookWalk(participation=Decimal("0.1")),
        books={-1: DEEP, 0: book([("95", "5")], [("105", "5")]), 1: DEEP},
    ),
    Plan(
        "the volume cap is shared by all orders of a bar",
        tuple(bar(i, "100", "100", "100", "100", volume="20") for i in range(2)),
        {-1: (order("a", SELL, "1.5"), order("b", SELL, "1.5"))},
        (
            Filled(0, "a", "1.5", "99", "0.297"),
            Filled(0, "b", "0.5", "99", "0.099"),
            Filled(1, "b", "1", "99", "0.198"),
        ),
        coins="3",
        model=BookWalk(participation=Decimal("0.1")),
        books={-1: DEEP, 0: DEEP},
    ),
    Plan(
        "a stop pays slippage below its trigger",
        (bar(0, "100", "101", "90", "95"),),
        {-1: (order("a", SELL, "2", trigger="95"),)},
        (Filled(0, "a", "2", "94", "0.376", at_open=False),),
        coins="2",
        model=BookWalk(participation=Decimal(1)),
        books={-1: DEEP},
    ),
    Plan(
        "a triggered stop that fills in part goes on at the next open",
        (bar(0, "100", "101", "90", "95", volume="1"), bar(1, "97", "98", "96", "97")),
        {-1: (order("a", SELL, "2", trigger="95"),)},
        (Filled(0, "a", "1", "94", "0.188", at_open=False), Filled(1, "a", "1", "96", "0.192")),
        coins="2",
        model=BookWalk(participation=Decimal(1)),
        books={-1: DEEP, 0: DEEP},
    ),
    Plan(
        "a limit whose spread is too wide at the open rests and fills at its own price",
        (bar(0, "99.5", "100", "99", "99.5"),),
        {-1: (order("a", BUY, "1", limit="100"),)},
        (Filled(0, "a", "1", "100", "0.1", maker=True),),
        model=BookWalk(participation=Decimal(1)),
        books={-1: DEEP},
    ),
    Plan(
        "without a book the model's half spread is paid",
        FLAT[:1],
        {-1: (order("a", BUY, "1"),)},
        (Filled(0, "a", "1", "100.1", "0.2002"),),
        model=BookWalk(half_spread=Decimal("0.001")),
    ),
)
