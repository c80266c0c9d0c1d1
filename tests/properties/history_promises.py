"""What an approval promises, worked out again from the fills and prices alone, in plain words.

Nothing here asks the gate, its rules, or the facts it was given. Only the estimate of how assets move
together and the table of scenarios are taken from where the desk has them: they are inputs, not limits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np

from domain.halt import HaltState
from domain.market import Quote
from domain.money import ONE, Symbol
from domain.orders import STOPS, Fill, Order, OrderIntent, OrderType, Side
from market.bars import Bars
from risk.comovement import bars_needed, comovement
from risk.limits import RiskLimits
from risk.stress.scenarios import SCENARIOS, loss
from tests.faults.world import BTC, CAPITAL, ETH, INSTRUMENTS

D = Decimal
LEAST = {symbol: (each.min_quantity, each.min_notional) for symbol, each in INSTRUMENTS.items()}


@dataclass
class Marks:
    """Equity as it was marked, kept by hand: its peak, and where day and week began."""

    prices: dict[Symbol, Decimal]
    peak: Decimal = CAPITAL.amount
    day: Decimal = CAPITAL.amount
    week: Decimal = CAPITAL.amount
    last: datetime | None = None

    def mark(self, fills: list[Fill], prices: dict[Symbol, Decimal], at: datetime) -> None:
        before = equity(fills, self.prices)
        self.prices = dict(prices)
        after = equity(fills, self.prices)
        midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
        start = after if at == midnight else before
        if self.last is None or self.last < midnight:
            self.day = start
            monday = midnight - timedelta(days=at.weekday())
            if self.last is None or self.last < monday:
                self.week = after if at == monday else before
        self.last, self.peak = at, max(self.peak, after)


@dataclass
class Known:
    """Everything a limit can be about, as the test arranged it."""

    now: datetime
    halt: HaltState
    limits: RiskLimits
    quote: Quote
    reference: Decimal
    marks: Marks
    fills: list[Fill]
    others: list[Order]
    asks: dict[Symbol, Decimal]
    sent: list[tuple[datetime, Order]]
    depth: tuple[Decimal, Decimal]
    bars: Callable[[Symbol, datetime, int], Bars]
    news: list[tuple[datetime, Symbol]] = field(default_factory=list)
    answers: list[bool] = field(default_factory=list)
    size: Decimal = ONE
    open_breakers: tuple[str, ...] = ()


def held(fills: list[Fill]) -> dict[Symbol, Decimal]:
    owned = {BTC: D(0), ETH: D(0)}
    for fill in fills:
        owned[fill.symbol] += fill.quantity if fill.side is Side.BUY else -fill.quantity
        if fill.fee.currency != "USDT":
            owned[fill.symbol] -= fill.fee.amount
    return owned


def cash(fills: list[Fill]) -> Decimal:
    money = CAPITAL.amount
    for fill in fills:
        money += fill.quantity * fill.price * (-1 if fill.side is Side.BUY else 1)
        if fill.fee.currency == "USDT":
            money -= fill.fee.amount
    return money


def equity(fills: list[Fill], prices: dict[Symbol, Decimal]) -> Decimal:
    return cash(fills) + sum((amount * prices[symbol] for symbol, amount in held(fills).items()), D(0))


def lost_before(fills: list[Fill]) -> tuple[int, datetime | None, dict[Symbol, datetime]]:
    """Losing round trips in a row, when the newest ended, and when each symbol was last sold at a loss."""
    streak, streak_at, at_loss = 0, None, dict[Symbol, datetime]()
    for symbol, fill, gain, trip in sales(fills):
        if gain < 0:
            at_loss[symbol] = max(at_loss.get(symbol, fill.filled_at), fill.filled_at)
        if trip is not None:
            streak = streak + 1 if trip < 0 else 0
            if trip < 0:
                streak_at = fill.filled_at if streak_at is None else max(streak_at, fill.filled_at)
    return streak, streak_at, at_loss


def sales(fills: list[Fill]) -> list[tuple[Symbol, Fill, Fraction, Fraction | None]]:
    """Every sale with its gain after fees, and that of the round trip it ended, if it ended one."""
    told, books = [], dict[Symbol, list[Fraction]]()
    for fill in fills:
        book = books.setdefault(fill.symbol, [Fraction(0)] * 3)  # held, its cost, gained since it was empty
        amount, price, fee = Fraction(fill.quantity), Fraction(fill.price), Fraction(fill.fee.amount)
        in_money = fill.fee.currency == "USDT"
        if fill.side is Side.BUY:
            book[0] += amount - (0 if in_money else fee)
            book[1] += amount * price + (fee if in_money else 0)
            continue
        part = min(Fraction(1), amount / book[0])
        gain = amount * price - (fee if in_money else 0) - part * book[1]
        book[0], book[1], book[2] = book[0] - amount, book[1] * (1 - part), book[2] + gain
        least, worth = LEAST[fill.symbol]
        over = book[0] <= 0 or book[0] < Fraction(least) or book[0] * price < Fraction(worth)
        whole = book[2] + book[0] * price - book[1] if over else None
        told.append((fill.symbol, fill, gain, whole))
        if over:
            del books[fill.symbol]
    return told


def worst_price(intent: OrderIntent, quote: Quote) -> Decimal:
    if intent.limit_price is not None:
        return intent.limit_price
    touch = quote.ask if intent.side is Side.BUY else quote.bid
    if intent.trigger_price is None:
        return touch
    return max(touch, intent.trigger_price) if intent.side is Side.BUY else intent.trigger_price


def broken_promises(intent: OrderIntent, known: Known) -> list[str]:
    """The limits that the order would break; what an approval of it must find empty."""
    if intent.reduce_only:
        return _of_a_sale(intent, known)
    broken = _of_an_entry(intent, known)
    return broken + (_of_a_sale(intent, known) if intent.side is Side.SELL else _of_a_buy(intent, known))


def _failed(**kept: bool) -> list[str]:
    return [name for name, is_kept in kept.items() if not is_kept]


def _set(value: Decimal | int | None) -> Decimal:
    """An unset limit allows nothing."""
    return D(-1) if value is None else D(value)


def _of_a_sale(intent: OrderIntent, known: Known) -> list[str]:
    owned = held(known.fills)[intent.symbol]
    guards = intent.order_type in STOPS and intent.reduce_only
    selling = sum(
        (
            order.remaining
            for order in known.others
            if order.intent.symbol == intent.symbol
            and order.intent.side is Side.SELL
            and order.intent.order_type is not OrderType.STOP
        ),
        D(0),
    )
    age = known.now - known.quote.as_of
    return _failed(
        holding=intent.quantity + (0 if guards else selling) <= owned,
        fresh=timedelta(0) <= age <= timedelta(seconds=float(_set(known.limits.max_quote_age_seconds))),
    )


def _of_an_entry(intent: OrderIntent, known: Known) -> list[str]:
    limits, now, quote = known.limits, known.now, known.quote
    value, middle = intent.quantity * worst_price(intent, quote), (quote.bid + quote.ask) / 2
    worth, marks = equity(known.fills, known.marks.prices), known.marks
    streak, streak_at, at_loss = lost_before(known.fills)
    window = timedelta(seconds=limits.order_rate_window_seconds or 0)
    twice = timedelta(seconds=limits.duplicate_window_seconds or 0)
    quiet = timedelta(seconds=limits.news_blackout_seconds or 0)
    pause = timedelta(seconds=limits.loss_streak_pause_seconds or 0)
    cooldown = timedelta(seconds=limits.loss_cooldown_seconds or 0)
    bars = known.bars(intent.symbol, now.replace(minute=0, second=0, microsecond=0), 24)
    volume = D(repr(float(bars.volume @ bars.close)))
    depth = known.depth[0 if intent.side is Side.SELL else 1]
    abstained, asked = sum(known.answers), len(known.answers)
    part = known.size
    if abstained > _set(limits.max_abstention_fraction) * asked:
        part = min(part, _set(limits.unhealthy_size_fraction))
    return _failed(
        halt=known.halt is HaltState.ACTIVE,
        symbol=intent.symbol in (limits.allowed_symbols or ()),
        fresh=timedelta(0)
        <= now - quote.as_of
        <= timedelta(seconds=float(_set(limits.max_quote_age_seconds))),
        real=not quote.estimated or bool(limits.allow_estimated_prices),
        agreement=abs(middle - known.reference) <= _set(limits.max_price_disagreement_fraction) * middle,
        order=value <= part * _set(limits.max_order_notional_quote),
        depth=value <= _set(limits.max_depth_fraction) * depth,
        volume=value <= _set(limits.max_volume_fraction) * volume,
        collar=abs(worst_price(intent, quote) - middle) <= _set(limits.price_collar_fraction) * middle,
        rate=sum(at > now - window for at, _ in known.sent) < _set(limits.max_orders_per_window_count),
        duplicate=not any(
            order.intent.symbol == intent.symbol
            and (order.intent.side, order.intent.quantity) == (intent.side, intent.quantity)
            and now - at < twice
            and (order.venue_id or order.filled or not order.is_terminal)
            for at, order in known.sent
        ),
        open=len(known.others) < _set(limits.max_open_orders_count),
        day=marks.day - worth < max(_set(limits.max_daily_loss_fraction) * marks.day, D("1e-99")),
        week=marks.week - worth < max(_set(limits.max_weekly_loss_fraction) * marks.week, D("1e-99")),
        peak=marks.peak - worth < max(_set(limits.max_drawdown_fraction) * marks.peak, D("1e-99")),
        streak=streak < _set(limits.max_loss_streak_count) or streak_at is None or now - streak_at >= pause,
        cooldown=intent.symbol not in at_loss or now - at_loss[intent.symbol] >= cooldown,
        news=all(now - at >= quiet for at, symbol in known.news if symbol == intent.symbol),
        breakers=not known.open_breakers,
        hours=_open_for_trading(limits, now),
    )


def _open_for_trading(limits: RiskLimits, now: datetime) -> bool:
    """Read from how the windows are written: "mon-fri 08:00-20:00" and two moments with a slash."""
    days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    clock = f"{now:%H:%M}"
    allowed = False
    for each in map(str, limits.trading_hours_utc or ()):
        told, _, span = each.rpartition(" ")
        first, _, last = told.partition("-")
        start, _, end = span.partition("-")
        on = not told or days.index(first) <= now.weekday() <= days.index(last or first)
        allowed |= each == "always" or (on and start <= clock < end)
    moment = f"{now:%Y-%m-%dT%H:%M:%SZ}"
    windows = [str(each).split("/") for each in limits.blackout_windows_utc or ()]
    return allowed and not any(start <= moment < end for start, end in windows)


def _of_a_buy(intent: OrderIntent, known: Known) -> list[str]:
    limits, quote, mine = known.limits, known.quote, intent.symbol
    price = worst_price(intent, quote)
    value, worth = intent.quantity * price, equity(known.fills, known.marks.prices)
    pending = {BTC: D(0), ETH: D(0)}
    for order in known.others:
        if order.intent.side is Side.BUY:
            at = order.intent.limit_price or order.intent.trigger_price or known.asks[order.intent.symbol]
            pending[order.intent.symbol] += order.remaining * at
    holdings = {symbol: amount * known.marks.prices[symbol] for symbol, amount in held(known.fills).items()}
    here, other = value + pending[mine], sum(pending.values()) - pending[mine]
    whole = here + other + sum(holdings.values())
    fees = 1 + _set(limits.fee_reserve_fraction)
    position = here + holdings[mine]
    most = [each for each in (limits.max_position_notional_quote,) if each is not None]
    if limits.max_position_equity_fraction is not None:
        most.append(limits.max_position_equity_fraction * worth)
    part = known.size
    if sum(known.answers) > _set(limits.max_abstention_fraction) * len(known.answers):
        part = min(part, _set(limits.unhealthy_size_fraction))
    stop = intent.protective_stop
    risk = price if stop is None else price - stop
    return _failed(
        position=bool(most) and position <= part * min(most, default=D(0)),
        gross=whole <= _set(limits.max_gross_exposure_equity_fraction) * worth,
        leverage=whole + (here + other) * (fees - 1) <= _set(limits.max_leverage_ratio) * worth,
        balance=(here + other) * fees <= cash(known.fills),
        stop=not limits.require_stop or stop is not None,
        stop_distance=risk > 0 and (stop is None or risk <= _set(limits.max_stop_distance_fraction) * price),
        trade_loss=intent.quantity * risk <= _set(limits.max_trade_loss_equity_fraction) * worth,
        reward=intent.take_profit is None
        or intent.take_profit - quote.ask
        >= _set(limits.min_reward_to_risk_ratio) * (quote.ask - (stop or D(0))),
    ) + _of_the_book(known, mine, here, other, holdings, worth)


def _of_the_book(
    known: Known,
    mine: Symbol,
    here: Decimal,
    other: Decimal,
    holdings: dict[Symbol, Decimal],
    worth: Decimal,
) -> list[str]:
    """Clusters, scenarios and a bad day; what is pending elsewhere falls as far as anything can.

    How assets move is known as of the last quarter of a UTC day, by the desk's own word.
    """
    limits, near = known.limits, 1 + 1e-9
    quarter = known.now.replace(hour=known.now.hour // 6 * 6, minute=0, second=0, microsecond=0)
    moves = comovement([known.bars(symbol, quarter, bars_needed(3600)) for symbol in (BTC, ETH)])
    together = moves.correlation[0, 1] * near >= float(_set(limits.min_correlation_fraction))
    elsewhere = sum(holdings.values()) - holdings[mine]
    cluster = here + holdings[mine] + (other + elsewhere if together else 0)
    bases = {symbol: str(INSTRUMENTS[symbol].base) for symbol in (BTC, ETH)}
    stressed = max(
        loss(each, {bases[s]: holdings[s] + (here if s == mine else 0) for s in (BTC, ETH)})
        + other * max(-each.shock(base) for base in bases.values())
        for each in SCENARIOS
    )
    values = np.array([float(holdings[s] + (here if s == mine else 0)) for s in (BTC, ETH)])
    deviation = math.sqrt(max(0.0, float(values @ moves.covariance @ values)))
    deviation += float(other) * float(moves.deviations.max())
    return _failed(
        cluster=float(cluster) <= float(_set(limits.max_cluster_equity_fraction) * worth) * near,
        stressed=float(stressed) <= float(_set(limits.max_stressed_loss_equity_fraction) * worth) * near,
        var=2.6065 * deviation <= float(_set(limits.max_var_equity_fraction) * worth) * near,
        cvar=2.7278 * deviation <= float(_set(limits.max_cvar_equity_fraction) * worth) * near,
    )
