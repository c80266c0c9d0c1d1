"""The rules on the order itself: may the desk trade, may it trade this, in this form, with this money.

Those marked as always asked in `risk.rules` hold for orders that reduce as well.
"""

from __future__ import annotations

from typing import Final, assert_never

from domain.halt import HaltState
from domain.money import ONE, ZERO
from domain.verdicts import Breach
from risk.breaches import missing, percent, plain, unset
from risk.case import Case

# Looking up a member on its enum costs about 100 ns in Python 3.11, a name in the module almost nothing.
_ACTIVE: Final = HaltState.ACTIVE


def halt_state(case: Case) -> Breach | None:
    """Entries need an ACTIVE desk."""
    state = case.facts.halt
    if state is None:
        return missing("halt_state", "whether the desk is halted")
    if state is _ACTIVE:
        return None
    match state:
        case HaltState.REDUCING | HaltState.HALTED:
            return Breach(
                "halt_state", "active", state.value, f"the desk is {state.value}: it may only reduce"
            )
        case _:
            assert_never(state)


def known_account(case: Case) -> Breach | None:
    """The account is known; for an entry its equity, peak and start of day are sums above zero."""
    account = case.facts.account
    if account is None:
        return missing("known_account", "the account")
    if case.reduces:
        return None
    equity, day_start, peak = account.equity, account.day_start_equity, account.peak_equity
    if (
        equity.is_finite()
        and day_start.is_finite()
        and peak.is_finite()
        and equity > ZERO
        and day_start > ZERO
        and peak > ZERO
    ):
        return None
    seen = f"{equity}, {day_start}, {peak}"
    message = f"equity, start of day and peak of {seen} make no sense"
    return Breach("known_account", "above zero", seen, message)


def allowed_symbol(case: Case) -> Breach | None:
    """The instrument is known and the account's; an entry is in `allowed_symbols`."""
    symbol, instrument, account = case.intent.symbol, case.facts.instrument, case.facts.account
    if instrument is None:
        return missing("allowed_symbol", f"the instrument {symbol}")
    if instrument.symbol != symbol:
        return Breach("allowed_symbol", symbol, instrument.symbol, "the instrument is another one")
    if account is not None and instrument.quote != account.currency:
        return Breach(
            "allowed_symbol",
            account.currency,
            instrument.quote,
            f"{symbol} is not quoted in {account.currency}",
        )
    if case.reduces:
        return None
    allowed = case.limits.allowed_symbols
    if allowed is None:
        return unset("allowed_symbol", "allowed_symbols")
    if symbol not in allowed:
        return Breach(
            "allowed_symbol", ", ".join(sorted(allowed)), symbol, f"{symbol} is not an allowed symbol"
        )
    return None


def venue_filters(case: Case) -> Breach | None:
    """Quantity and price are on the instrument's grid and above its minimums, and the type has its price."""
    intent, instrument = case.intent, case.facts.instrument
    if instrument is None:
        return missing("venue_filters", f"the instrument {intent.symbol}")
    price, notional, quantity = case.price, case.notional, intent.quantity
    if price is None or notional is None:
        return missing("venue_filters", f"the price of the {intent.order_type.value} order")
    if not (quantity > ZERO and price > ZERO):
        return Breach(
            "venue_filters", "above zero", f"{quantity} at {price}", "quantity and price must be above zero"
        )
    limit, trigger, tick = intent.limit_price, intent.trigger_price, instrument.tick_size
    if (
        quantity < instrument.min_quantity
        or quantity > instrument.max_quantity
        or notional < instrument.min_notional
        or quantity % instrument.step_size
        or (limit is not None and limit % tick)
        or (trigger is not None and trigger % tick)
    ):
        problems = list(instrument.filter_problems(quantity, price - price % tick))
        problems += [
            f"price {each:f} is off the tick {tick:f}" for each in (limit, trigger) if each and each % tick
        ]
        return Breach(
            "venue_filters", "the venue's filters", f"{quantity:f} at {price:f}", "; ".join(problems)
        )
    return None


def balance(case: Case) -> Breach | None:
    """Free cash covers a buy and `fee_reserve_fraction`, the holding a sell, both after pending orders."""
    account, instrument = case.facts.account, case.facts.instrument
    if account is None or instrument is None:
        return missing("balance", "the balance")
    if case.buys:
        reserve, notional, pending = case.limits.fee_reserve_fraction, case.notional, case.pending_buys
        if reserve is None:
            return unset("balance", "fee_reserve_fraction")
        if notional is None or pending is None:
            return missing("balance", "the value of this and all open orders")
        free = account.free.get(instrument.quote, ZERO)
        needed = (notional + pending) * (ONE + reserve)
        if needed <= free:
            return None
        currency = instrument.quote
    else:
        claimed = case.claimed()
        if claimed is None:
            return missing("balance", "what open orders may still sell")
        free = account.free.get(instrument.base, ZERO)
        needed = case.intent.quantity + claimed
        if needed <= free:
            return None
        currency = instrument.base
    has, needs = plain(free), plain(needed)
    return Breach(
        "balance",
        f"{has} {currency}",
        f"{needs} {currency}",
        f"{needs} {currency} are needed with all pending orders, {has} are there",
    )


def price_collar(case: Case) -> Breach | None:
    """The price is within `price_collar_fraction` of the middle of the quote.

    A market entry is measured at the touch, so an empty book refuses it. A reducing order is only held
    to the collar when its limit price is worse than the market, or than the trigger at which it becomes one:
    a take-profit far above is no danger, and a stop or market order is the way out.
    """
    intent = case.intent
    if case.reduces and intent.limit_price is None:
        return None
    limit, quote, price = case.limits.price_collar_fraction, case.facts.quote, case.price
    if limit is None:
        return unset("price_collar", "price_collar_fraction")
    if quote is None or price is None:
        return missing("price_collar", "the price")
    middle = case.middle(quote)
    if case.reduces:
        middle = intent.trigger_price or middle
        if price >= middle:
            return None
    if abs(price - middle) <= limit * middle:
        return None
    away = percent(abs(price - middle) / middle) if middle > ZERO else "unknown"
    return Breach(
        "price_collar",
        percent(limit),
        away,
        f"{plain(price)} is {away} away from the market at {plain(middle)}",
    )


def order_rate(case: Case) -> Breach | None:
    """At most `max_orders_per_window_count` orders within `order_rate_window_seconds`, this one included."""
    limit, window, recent = (
        case.limits.max_orders_per_window_count,
        case.limits.order_rate_window_seconds,
        case.facts.recent_orders,
    )
    if limit is None or window is None:
        return unset(
            "order_rate", "max_orders_per_window_count" if limit is None else "order_rate_window_seconds"
        )
    if recent is None:
        return missing("order_rate", "how many orders were just sent")
    if recent < limit:
        return None
    return Breach(
        "order_rate", f"{limit} in {window} s", str(recent), f"{recent} orders were sent within {window} s"
    )


def duplicate_intent(case: Case) -> Breach | None:
    """No other order of the same symbol, side and quantity was sent within `duplicate_window_seconds`.

    The parts of one algorithm share a `parent` and are meant to repeat; so is an order that replaces another.
    A cycle that a crash cut short meets its own orders again: those are the same, by their ids, and not sent.
    """
    window, recent = case.limits.duplicate_window_seconds, case.facts.recent_intents
    if window is None:
        return unset("duplicate_intent", "duplicate_window_seconds")
    if recent is None:
        return missing("duplicate_intent", "which orders were just sent")
    if not recent or not window:
        return None
    intent = case.intent
    for each in recent:
        if (
            each.quantity == intent.quantity
            and each.side is intent.side
            and (case.now - each.at).total_seconds() < window
            and not (each.parent and each.parent == intent.parent)
            and each.client_id not in (intent.replaces, intent.client_id)
        ):
            return Breach(
                "duplicate_intent",
                f"once in {window} s",
                each.client_id,
                f"{each.client_id} is the same order, sent at {each.at:%H:%M:%S}",
            )
    return None


def open_orders(case: Case) -> Breach | None:
    """At most `max_open_orders_count` orders may still fill, this one included."""
    limit, orders = case.limits.max_open_orders_count, case.facts.open_orders
    if limit is None:
        return unset("open_orders", "max_open_orders_count")
    if orders is None:
        return missing("open_orders", "how many orders are open")
    if len(orders) < limit:
        return None
    return Breach("open_orders", str(limit), str(len(orders)), f"{len(orders)} orders are open already")


def stop_required(case: Case) -> Breach | None:
    """An entry names a protective stop below its price, at most `max_stop_distance_fraction` away."""
    required, distance, stop = (
        case.limits.require_stop,
        case.limits.max_stop_distance_fraction,
        case.intent.protective_stop,
    )
    if required is None or distance is None:
        return unset("stop_required", "require_stop" if required is None else "max_stop_distance_fraction")
    if stop is None:
        if not required:
            return None
        return Breach("stop_required", "a protective stop", "none", "an entry needs a protective stop")
    price = case.price
    if price is None:
        return missing("stop_required", "the price the stop belongs to")
    if not ZERO < stop < price:
        return Breach(
            "stop_required", f"below {plain(price)}", str(stop), "the protective stop is not below the entry"
        )
    if price - stop <= distance * price:
        return None
    away = percent((price - stop) / price)
    return Breach("stop_required", percent(distance), away, f"the protective stop is {away} below the entry")


def reward_to_risk(case: Case) -> Breach | None:
    """A named take-profit is worth `min_reward_to_risk_ratio` times the way to the stop, from the live price.

    (take profit - ask) / (ask - stop), both measured from what is asked now, never from a price that the
    order names for itself. Without a stop everything is at risk.
    """
    least, profit = case.limits.min_reward_to_risk_ratio, case.intent.take_profit
    if least is None:
        return unset("reward_to_risk", "min_reward_to_risk_ratio")
    if profit is None:
        return None
    quote, stop = case.facts.quote, case.intent.protective_stop
    if quote is None:
        return missing("reward_to_risk", "the live price")
    live = quote.ask
    reward, risk = profit - live, live if stop is None else live - stop
    if risk > ZERO and reward >= least * risk:
        return None
    ratio = f"{reward / risk:.2f}" if risk > ZERO else "no risk"
    return Breach(
        "reward_to_risk",
        f"at least {plain(least)}",
        ratio,
        f"from {plain(live)} the take-profit is {plain(reward)} away and the stop {plain(risk)}",
    )


def reduce_only(case: Case) -> Breach | None:
    """An order that says it only reduces sells no more than is held and not already being sold."""
    if not case.intent.reduce_only or case.reduces:
        return None
    if case.buys:
        return Breach("reduce_only", "a sell", "buy", "a buy cannot reduce a long position")
    claimed = case.claimed()
    if case.held is None or claimed is None:
        return missing("reduce_only", "the holding")
    left = case.held - claimed
    return Breach(
        "reduce_only",
        f"at most {plain(left)}",
        plain(case.intent.quantity),
        f"the order sells {plain(case.intent.quantity)}, but {plain(left)} are held and not being sold yet",
    )
