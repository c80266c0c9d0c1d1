"""The rules on size: one order, one holding, what moves together, and all of it.

Each has beside it what it allows: the largest quantity that it would let through, for the gate to clip to.
"""

from __future__ import annotations

from decimal import Decimal

from domain.money import ONE, ZERO, Symbol
from domain.verdicts import Breach
from risk.breaches import missing, percent, plain, unset
from risk.case import Case


def order_notional(case: Case) -> Breach | None:
    """One order is worth at most `max_order_notional_quote`."""
    limit, notional = case.limits.max_order_notional_quote, case.notional
    if limit is None:
        return unset("order_notional", "max_order_notional_quote")
    if notional is None:
        return missing("order_notional", "the value of the order")
    if notional <= limit:
        return None
    return Breach(
        "order_notional",
        plain(limit),
        plain(notional),
        f"the order is worth {plain(notional)}, allowed are {plain(limit)}",
    )


def notional_allows(case: Case) -> Decimal | None:
    return _at_price(case, case.limits.max_order_notional_quote)


def position_size(case: Case) -> Breach | None:
    """The holding with this and all pending buys keeps both position limits."""
    limits, account, limit = case.limits, case.facts.account, case.limits.max_position_notional_quote
    fraction = limits.max_position_equity_fraction
    if limit is None and fraction is None:
        return unset("position_size", "max_position_notional_quote", "max_position_equity_fraction")
    if account is None or case.notional is None or case.pending_here is None:
        return missing("position_size", "the position with everything pending")
    total = case.notional + case.pending_here
    position = account.positions.get(case.intent.symbol)
    if position is not None:
        value = position.quantity * position.price
        if value < ZERO:
            return _senseless("position_size", f"a position worth {value}")
        total += value
    if fraction is not None:
        by_weight = fraction * account.equity
        if limit is None or by_weight < limit:
            limit = by_weight
    if limit is not None and total <= limit:
        return None
    allowed = "nothing" if limit is None else plain(limit)
    return Breach(
        "position_size",
        allowed,
        plain(total),
        f"the position would be worth {plain(total)}, allowed are {allowed}",
    )


def position_allows(case: Case) -> Decimal | None:
    limit = _position_limit(case)
    return None if limit is None else _at_price(case, limit - _position(case))


def gross_exposure(case: Case) -> Breach | None:
    """All holdings with this and all pending buys keep `max_gross_exposure_equity_fraction`."""
    limit, account = case.limits.max_gross_exposure_equity_fraction, case.facts.account
    if limit is None:
        return unset("gross_exposure", "max_gross_exposure_equity_fraction")
    if account is None or case.notional is None or case.pending_buys is None:
        return missing("gross_exposure", "the exposure with everything pending")
    total, allowed = case.exposure(), limit * account.equity
    if total <= allowed:
        return None
    return Breach(
        "gross_exposure",
        f"{percent(limit)} of equity, {plain(allowed)}",
        plain(total),
        f"holdings would be worth {plain(total)}, allowed are {plain(allowed)}",
    )


def gross_allows(case: Case) -> Decimal | None:
    return _within(case, case.limits.max_gross_exposure_equity_fraction, case.held_value())


def leverage(case: Case) -> Breach | None:
    """Holdings, pending buys and this one, with their fees, are within `max_leverage_ratio` of equity.

    1 is spot: nothing is bought with money that is not the account's own, whatever its free balance says.
    """
    limit, account = case.limits.max_leverage_ratio, case.facts.account
    if limit is None:
        return unset("leverage", "max_leverage_ratio")
    if account is None or case.notional is None or case.pending_buys is None:
        return missing("leverage", "the exposure with everything pending")
    fees = (case.notional + case.pending_buys) * (case.limits.fee_reserve_fraction or ZERO)
    total = case.exposure() + fees
    if total <= limit * account.equity:
        return None
    ratio = f"{total / account.equity:.2f}" if account.equity > ZERO else "no equity"
    return Breach(
        "leverage",
        plain(limit),
        ratio,
        f"holdings would cost {plain(total)} with an equity of {plain(account.equity)}",
    )


def leverage_allows(case: Case) -> Decimal | None:
    limit, account, pending = case.limits.max_leverage_ratio, case.facts.account, case.pending_buys
    if limit is None or account is None or pending is None:
        return None
    fees = ONE + (case.limits.fee_reserve_fraction or ZERO)  # unset, it is for the rule on balance to refuse
    return _at_price(case, (limit * account.equity - case.held_value()) / fees - pending)


def cluster_exposure(case: Case) -> Breach | None:
    """Holdings and pending buys of all assets that move with this one keep `max_cluster_equity_fraction`.

    Two assets move together when their correlation is at least `min_correlation_fraction`.
    """
    limits, account = case.limits, case.facts.account
    limit, threshold = limits.max_cluster_equity_fraction, limits.min_correlation_fraction
    if limit is None or threshold is None:
        return unset(
            "cluster_exposure",
            "max_cluster_equity_fraction" if limit is None else "min_correlation_fraction",
        )
    if account is None or case.facts.book is None or case.notional is None or case.pending_here is None:
        return missing("cluster_exposure", "what moves together with everything pending")
    allowed = limit * account.equity
    if case.exposure() <= allowed:
        return None  # all of it is within the limit of a part
    total = case.notional + _cluster(case, threshold)
    if total <= allowed:
        return None
    return Breach(
        "cluster_exposure",
        f"{percent(limit)} of equity, {plain(allowed)}",
        plain(total),
        f"{', '.join(_together(case, threshold))} move together and would be worth {plain(total)}, "
        f"allowed are {plain(allowed)}",
    )


def cluster_allows(case: Case) -> Decimal | None:
    limit, threshold = case.limits.max_cluster_equity_fraction, case.limits.min_correlation_fraction
    account = case.facts.account
    if limit is None or threshold is None or account is None:
        return None
    return _at_price(case, limit * account.equity - _cluster(case, threshold))


def model_health(case: Case) -> Breach | None:
    """When models abstain too often, one order and one holding keep a part of their limits only.

    With more than `max_abstention_fraction` of the last answers abstentions, `unhealthy_size_fraction` of
    the limits on the value of an order and of a holding is what is left of them.
    """
    most, part, health = (
        case.limits.max_abstention_fraction,
        case.limits.unhealthy_size_fraction,
        case.facts.health,
    )
    if most is None or part is None:
        return unset("model_health", "max_abstention_fraction" if most is None else "unhealthy_size_fraction")
    if health is None:
        return missing("model_health", "how the models are doing")
    if not 0 <= health.abstained <= health.asked:
        return _senseless("model_health", f"{health.abstained} abstentions of {health.asked}")
    if not health.abstained or health.abstained <= most * health.asked:
        return None
    why = f"{health.abstained} of the last {health.asked} answers were abstentions"
    return _shrunk("model_health", case, part, why)


def health_allows(case: Case) -> Decimal | None:
    part = case.limits.unhealthy_size_fraction
    return None if part is None else _part_allows(case, part)


def breaker_size(case: Case) -> Breach | None:
    """While a breaker is on probation, one order and one holding keep a part of their limits only."""
    breakers = case.facts.breakers
    if breakers is None:
        return missing("breaker_size", "how the breakers stand")
    part = breakers.size_fraction
    if part == ONE:
        return None
    if not ZERO <= part <= ONE:
        return _senseless("breaker_size", f"a size of {part}")
    return _shrunk("breaker_size", case, part, "a breaker is on probation")


def breaker_allows(case: Case) -> Decimal | None:
    breakers = case.facts.breakers
    return None if breakers is None else _part_allows(case, breakers.size_fraction)


def _position(case: Case) -> Decimal:
    """What is held of the symbol and pending, in the account's currency."""
    account = case.facts.account
    position = None if account is None else account.positions.get(case.intent.symbol)
    held = ZERO if position is None else position.quantity * position.price
    return held if held < ZERO or case.pending_here is None else held + case.pending_here


def _position_limit(case: Case) -> Decimal | None:
    limit, fraction = case.limits.max_position_notional_quote, case.limits.max_position_equity_fraction
    account = case.facts.account
    if fraction is None or account is None:
        return limit
    by_weight = fraction * account.equity
    return by_weight if limit is None else min(limit, by_weight)


def _together(case: Case, threshold: Decimal) -> list[Symbol]:
    """The symbols of the order's cluster, its own first."""
    book = case.facts.book
    others = {} if book is None else book.correlations
    mine = case.intent.symbol
    return [mine, *(symbol for symbol, value in others.items() if value >= threshold and symbol != mine)]


def _cluster(case: Case, threshold: Decimal) -> Decimal:
    """Holdings and pending buys of the order's cluster, in the account's currency."""
    account = case.facts.account
    positions = {} if account is None else account.positions
    pending, total = case.pending, ZERO
    if not positions and not pending:
        return total
    for symbol in _together(case, threshold):
        position = positions.get(symbol)
        if position is not None:
            total += position.quantity * position.price
        if pending:
            total += pending.get(symbol, ZERO)
    return total


def _limits_left(case: Case, part: Decimal) -> tuple[Decimal, Decimal] | None:
    """That part of the limits on one order and on one holding; None when one of them is unset."""
    order, holding = case.limits.max_order_notional_quote, _position_limit(case)
    return None if order is None or holding is None else (part * order, part * holding)


def _shrunk(rule: str, case: Case, part: Decimal, why: str) -> Breach | None:
    left = _limits_left(case, part)
    if left is None:
        return unset(rule, "max_order_notional_quote", "max_position_equity_fraction")
    if not case.buys:
        return None if case.notional is not None and case.notional <= left[0] else _too_much(rule, left, why)
    if case.notional is None or case.pending_here is None or case.facts.account is None:
        return missing(rule, "the value of the order and the position with everything pending")
    if case.notional <= left[0] and case.notional + _position(case) <= left[1]:
        return None
    return _too_much(rule, left, why)


def _too_much(rule: str, left: tuple[Decimal, Decimal], why: str) -> Breach:
    order, holding = left
    return Breach(
        rule,
        f"{plain(order)} an order, {plain(holding)} a holding",
        "more",
        f"{why}: an order may be worth {plain(order)} and a holding {plain(holding)} now",
    )


def _part_allows(case: Case, part: Decimal) -> Decimal | None:
    left = _limits_left(case, part)
    return None if left is None else _at_price(case, min(left[0], left[1] - _position(case)))


def _within(case: Case, fraction: Decimal | None, held: Decimal) -> Decimal | None:
    """The quantity that fits into a fraction of equity beside what is held and pending."""
    account, pending = case.facts.account, case.pending_buys
    if fraction is None or account is None or pending is None:
        return None
    return _at_price(case, fraction * account.equity - held - pending)


def _at_price(case: Case, value: Decimal | None) -> Decimal | None:
    """The quantity that is worth `value` at the worst price of the order."""
    return None if value is None or case.price is None else value / case.price


def _senseless(rule: str, what: str) -> Breach:
    return Breach(rule, "facts that make sense", what, f"{what} makes no sense")
