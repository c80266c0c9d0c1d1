"""The background market: a pure function of seed and time, with depth, trades and bars that agree."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from domain.clock import SimulatedClock
from domain.errors import ConfigError, UnknownSymbol
from domain.market import Timeframe
from domain.money import Currency, Symbol
from domain.orders import OrderType, Side
from simulator.exchange.events import MarketEvent, Pulse, Traded
from simulator.exchange.exchange import SimulatedExchange
from simulator.exchange.model import MarketTrade, NewOrder
from simulator.exchange.synthetic import synthetic_exchange
from simulator.exchange.tape import SyntheticTape

START = datetime(2026, 3, 4, 10, 20, 30, tzinfo=UTC)
BTC, ETH = Symbol("BTC/USDT"), Symbol("ETH/USDT")
STEP = timedelta(seconds=15)


def made(
    seed: int = 7, symbols: tuple[Symbol, ...] = (BTC,), step: timedelta = STEP
) -> tuple[SimulatedExchange, SimulatedClock]:
    clock = SimulatedClock(START)
    exchange = synthetic_exchange(clock, seed=seed, symbols=symbols, step=step)
    exchange.open_account("me", {Currency("USDT"): Decimal(10**7), Currency("BTC"): Decimal(100)})
    return exchange, clock


def go(exchange: SimulatedExchange, clock: SimulatedClock, span: timedelta) -> None:
    clock.set(clock.now() + span)
    exchange.advance(clock.now())


def fingerprint(exchange: SimulatedExchange) -> tuple[object, ...]:
    return (
        exchange.depth(BTC, 50),
        exchange.recent_trades(BTC),
        exchange.klines(BTC, Timeframe.M1),
        exchange.balances("me"),
        exchange.orders("me", BTC),
    )


def play(seed: int, hops: list[int]) -> tuple[object, ...]:
    """The same orders at the same times, with the market advanced in these hops of seconds between."""
    exchange, clock = made(seed)
    for _ in range(3):
        last = exchange.last_price(BTC)
        for side, price in (("buy", last * Decimal("0.9995")), ("sell", last * Decimal("1.0005"))):
            exchange.place(
                "me",
                NewOrder(
                    BTC,
                    Side(side),
                    OrderType.LIMIT,
                    Decimal("0.5"),
                    limit_price=exchange.markets[BTC].instrument.price(price),
                ),
            )
        for hop in hops:
            go(exchange, clock, timedelta(seconds=hop))
    return fingerprint(exchange)


def test_the_same_seed_and_commands_give_the_same_market() -> None:
    assert play(7, [600]) == play(7, [600])
    assert play(7, [600]) != play(8, [600])


def test_how_often_the_market_is_moved_does_not_matter() -> None:
    assert play(7, [600]) == play(7, [15, 45, 1, 299, 240])


def test_a_coin_trades_the_same_whoever_trades_beside_it() -> None:
    alone, clock_alone = made()
    beside, clock_beside = made(symbols=(BTC, ETH))
    go(alone, clock_alone, timedelta(minutes=5))
    go(beside, clock_beside, timedelta(minutes=5))
    assert [(t.price, t.quantity) for t in alone.recent_trades(BTC)] == [
        (t.price, t.quantity) for t in beside.recent_trades(BTC)
    ]


def test_there_is_history_before_now_in_every_timeframe() -> None:
    exchange, _ = made()
    for timeframe in Timeframe:
        bars = exchange.klines(BTC, timeframe, limit=1000)
        assert len(bars) >= 500, timeframe
        assert all(one.close_time == two.open_time for one, two in pairwise(bars))
        assert bars[-1].open_time <= START < bars[-1].close_time
        for bar in bars:
            assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
            assert bar.low * bar.volume <= bar.quote_volume <= bar.high * bar.volume
            assert bar.taker_buy_volume <= bar.volume


def test_longer_bars_are_made_of_the_shorter_ones() -> None:
    exchange, clock = made()
    go(exchange, clock, timedelta(minutes=30))
    minutes = exchange.klines(BTC, Timeframe.M1, limit=1000)
    for timeframe in (Timeframe.M5, Timeframe.M15, Timeframe.H1, Timeframe.H4):
        for bar in exchange.klines(BTC, timeframe, limit=2):
            inside = [each for each in minutes if bar.open_time <= each.open_time < bar.close_time]
            assert bar.open == inside[0].open
            assert bar.close == inside[-1].close
            assert bar.high == max(each.high for each in inside)
            assert bar.low == min(each.low for each in inside)
            assert bar.volume == sum(each.volume for each in inside)
            assert bar.trades == sum(each.trades for each in inside)


def test_bars_are_what_the_trades_were() -> None:
    exchange, clock = made()
    heard: list[MarketTrade] = []

    def hear(event: MarketEvent) -> None:
        if isinstance(event, Traded):
            heard.append(event.trade)

    exchange.listen_market(hear)
    go(exchange, clock, timedelta(minutes=3))
    (bar,) = exchange.klines(BTC, Timeframe.M1, start=START + timedelta(seconds=30), limit=1)
    inside = [trade for trade in heard if bar.open_time <= trade.at < bar.close_time]
    assert (bar.high, bar.low) == (max(t.price for t in inside), min(t.price for t in inside))
    assert bar.close == inside[-1].price
    assert bar.volume == sum(t.quantity for t in inside)
    assert bar.quote_volume == sum(t.quantity * t.price for t in inside)
    assert bar.taker_buy_volume == sum(t.quantity for t in inside if not t.buyer_maker)
    assert [t.trade_id for t in heard] == list(range(heard[0].trade_id, heard[0].trade_id + len(heard)))


def test_klines_are_cut_as_asked() -> None:
    exchange, _ = made()
    start = START.replace(minute=0, second=0)
    first = exchange.klines(BTC, Timeframe.M5, start=start, limit=2)
    assert [bar.open_time.minute for bar in first] == [0, 5]
    upto = exchange.klines(BTC, Timeframe.M5, end=start + timedelta(minutes=10), limit=2)
    assert [bar.open_time.minute for bar in upto] == [5, 10]
    between = exchange.klines(
        BTC, Timeframe.M5, start=start + timedelta(seconds=1), end=start + timedelta(minutes=10)
    )
    assert [bar.open_time.minute for bar in between] == [5, 10]


def test_the_book_is_deep_sorted_and_on_the_grid() -> None:
    exchange, clock = made()
    instrument = exchange.markets[BTC].instrument
    for _ in range(5):
        go(exchange, clock, timedelta(minutes=1))
        depth = exchange.depth(BTC, 100)
        assert min(len(depth.bids), len(depth.asks)) >= 20
        bids, asks = ([price for price, _ in side] for side in (depth.bids, depth.asks))
        assert bids == sorted(bids, reverse=True)
        assert asks == sorted(asks)
        assert bids[0] < asks[0]
        for price, quantity in (*depth.bids, *depth.asks):
            assert instrument.on_price_grid(price)
            assert instrument.on_quantity_grid(quantity)
            assert quantity > 0


def test_a_change_of_the_book_has_a_number() -> None:
    exchange, clock = made()
    before = exchange.depth(BTC).update_id
    exchange.advance(clock.now())
    assert exchange.depth(BTC).update_id == before
    order = exchange.place(
        "me", NewOrder(BTC, Side.BUY, OrderType.LIMIT, Decimal(1), limit_price=Decimal(30_000))
    ).order
    placed = exchange.depth(BTC).update_id
    exchange.cancel("me", BTC, order_id=order.order_id)
    assert before < placed < exchange.depth(BTC).update_id


def test_the_price_comes_to_a_resting_order_and_it_is_a_maker() -> None:
    exchange, clock = made(step=timedelta(seconds=15))
    last, instrument = exchange.last_price(BTC), exchange.markets[BTC].instrument
    orders = [
        exchange.place(
            "me", NewOrder(BTC, side, OrderType.LIMIT, Decimal("0.5"), limit_price=instrument.price(price))
        ).order
        for side, price in ((Side.BUY, last * Decimal("0.998")), (Side.SELL, last * Decimal("1.002")))
    ]
    for _ in range(60):
        go(exchange, clock, timedelta(minutes=5))
        if exchange.trades("me"):
            break
    (trade, *_) = exchange.trades("me")
    order = next(each for each in orders if each.order_id == trade.order_id)
    assert (trade.maker, trade.price) == (True, order.limit_price)


def test_the_ticker_tells_the_last_day() -> None:
    exchange, clock = made()
    go(exchange, clock, timedelta(minutes=1))
    ticker, depth = exchange.ticker(BTC), exchange.depth(BTC, 1)
    minutes = exchange.klines(BTC, Timeframe.M1, limit=1440)
    assert (ticker.bid, ticker.bid_quantity) == depth.bids[0]
    assert (ticker.ask, ticker.ask_quantity) == depth.asks[0]
    assert ticker.open == minutes[0].open
    assert ticker.high == max(bar.high for bar in minutes)
    assert ticker.low == min(bar.low for bar in minutes)
    assert ticker.volume == sum(bar.volume for bar in minutes)
    assert ticker.last == exchange.last_price(BTC) == minutes[-1].close
    assert ticker.opened_at == clock.now() - timedelta(days=1)


def test_every_advance_ends_with_a_pulse() -> None:
    exchange, clock = made()
    heard: list[MarketEvent] = []
    stop = exchange.listen_market(heard.append)
    go(exchange, clock, timedelta(minutes=1))
    assert heard[-1] == Pulse(clock.now())
    stop()
    count = len(heard)
    go(exchange, clock, timedelta(minutes=1))
    assert len(heard) == count


def test_the_forming_bar_knows_nothing_of_the_future() -> None:
    exchange, _ = made()
    for timeframe in Timeframe:
        before, forming = exchange.klines(BTC, timeframe, limit=2)
        assert before.close_time == forming.open_time <= START
    (minute,) = exchange.klines(BTC, Timeframe.M1, limit=1)
    assert minute.volume == sum(trade.quantity for trade in exchange.recent_trades(BTC))
    assert minute.trades == len(exchange.recent_trades(BTC))


def test_a_point_is_played_when_its_time_has_come() -> None:
    exchange, clock = made()
    go(exchange, clock, STEP - timedelta(microseconds=1))
    assert exchange.recent_trades(BTC)[-1].at == START
    go(exchange, clock, timedelta(microseconds=1))
    assert exchange.recent_trades(BTC)[-1].at == START + STEP


def test_a_suspended_market_does_not_move() -> None:
    exchange, clock = made(symbols=(BTC, ETH))
    exchange.suspend(BTC)
    before = (exchange.depth(BTC, 5).bids, exchange.depth(ETH, 5).bids)
    go(exchange, clock, timedelta(minutes=2))
    assert exchange.depth(BTC, 5).bids == before[0]
    assert exchange.depth(ETH, 5).bids != before[1]
    assert (exchange.trades_now(BTC), exchange.trades_now(ETH)) == (False, True)
    exchange.resume(BTC)
    go(exchange, clock, timedelta(minutes=1))
    assert exchange.depth(BTC, 5).bids != before[0]


def test_what_is_kept_is_bounded() -> None:
    clock = SimulatedClock(START)
    exchange = synthetic_exchange(clock, symbols=(BTC,), step=STEP, keep=40)
    exchange.open_account("me", {Currency("USDT"): Decimal(10**7)})
    resting = exchange.place(
        "me",
        NewOrder(BTC, Side.BUY, OrderType.LIMIT, Decimal(1), limit_price=Decimal(30_000), client_id="old"),
    ).order
    for _ in range(200):
        exchange.place("me", NewOrder(BTC, Side.BUY, OrderType.MARKET, Decimal("0.001")))
    assert len(exchange.orders("me", BTC)) <= 51
    assert len(exchange.trades("me", BTC)) <= 50
    assert exchange.order("me", BTC, client_id="old").order_id == resting.order_id  # open ones are never lost


@pytest.mark.parametrize("step", [timedelta(seconds=7), timedelta(milliseconds=500), timedelta(0)])
def test_a_step_that_does_not_divide_a_minute_is_refused(step: timedelta) -> None:
    with pytest.raises(ConfigError):
        SyntheticTape(7, [BTC], START, step)


def test_a_coin_nobody_knows_is_refused() -> None:
    with pytest.raises(UnknownSymbol):
        SyntheticTape(7, [Symbol("NOPE/USDT")], START)
    with pytest.raises(ConfigError):
        SyntheticTape(7, [BTC, BTC], START)
    with pytest.raises(ConfigError):
        SyntheticTape(-1, [BTC], START)


@pytest.mark.parametrize("seconds", [1, 5, 10, 15, 20, 30, 60])
def test_the_path_of_a_minute_stays_inside_its_bar(seconds: int) -> None:
    tape = SyntheticTape(7, [BTC], START, timedelta(seconds=seconds))
    whole = SyntheticTape(7, [BTC], START, timedelta(seconds=1))
    at = START.replace(second=0)
    points = [tape.point(BTC, at + timedelta(seconds=second)).middle for second in range(0, 60, seconds)]
    every = [whole.point(BTC, at + timedelta(seconds=second)).middle for second in range(60)]
    assert points[0] == every[0]
    assert min(every) <= min(points) <= max(points) <= max(every)
    if len(points) > 1 and seconds <= 15:
        assert (points[-1], min(points), max(points)) == (every[-1], min(every), max(every))
