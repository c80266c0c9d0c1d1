"""The rules on the market: its price is fresh, real and agreed upon, and the order is small in it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Final

from domain.money import ZERO
from domain.verdicts import Breach
from risk.breaches import missing, percent, plain, unset
from risk.case import Case

_NO_AGE: Final = timedelta(0)


def fresh_price(case: Case) -> Breach | None:
    """The quote is of this symbol, whole, not from the future, and at most `max_quote_age_seconds` old."""
    quote, limit = case.facts.quote, case.limits.max_quote_age_seconds
    if quote is None:
        return missing("fresh_price", "the price")
    if limit is None:
        return unset("fresh_price", "max_quote_age_seconds")
    if quote.symbol != case.intent.symbol:
        return Breach("fresh_price", case.intent.symbol, quote.symbol, "the quote is of another symbol")
    age = case.now - quote.as_of
    seconds = age.total_seconds()
    if seconds > limit or age < _NO_AGE:
        when = f"{abs(age)} {'old' if seconds > limit else 'ahead of now'}"
        return Breach("fresh_price", f"at most {limit} s old", when, f"the price is {when}")
    if not (quote.ask >= quote.bid > ZERO and quote.ask.is_finite()):
        return Breach(
            "fresh_price", "0 < bid <= ask", f"{quote.bid} / {quote.ask}", "the quote is crossed or empty"
        )
    return None


def price_agreement(case: Case) -> Breach | None:
    """The middle of the quote is within `max_price_disagreement_fraction` of a price from elsewhere."""
    limit, quote, market = case.limits.max_price_disagreement_fraction, case.facts.quote, case.facts.market
    if limit is None:
        return unset("price_agreement", "max_price_disagreement_fraction")
    reference = None if market is None else market.reference
    if quote is None or reference is None:
        return missing("price_agreement", "the price or what it is compared with")
    middle = case.middle(quote)
    if abs(middle - reference) <= limit * middle:
        return None
    away = percent(abs(middle - reference) / middle) if middle > ZERO else "senseless"
    return Breach(
        "price_agreement",
        percent(limit),
        away,
        f"the quote {plain(quote.bid)} / {plain(quote.ask)} does not agree with {plain(reference)}",
    )


def estimated_price(case: Case) -> Breach | None:
    """The quote is a real one, unless `allow_estimated_prices`."""
    allowed, quote = case.limits.allow_estimated_prices, case.facts.quote
    if allowed is None:
        return unset("estimated_price", "allow_estimated_prices")
    if quote is None:
        return missing("estimated_price", "the price")
    if allowed or not quote.estimated:
        return None
    return Breach("estimated_price", "a real quote", "estimated", "the quote is a model's, nobody offers it")


def depth_share(case: Case) -> Breach | None:
    """The order is worth at most `max_depth_fraction` of what rests on the side it takes."""
    limit, market, notional = case.limits.max_depth_fraction, case.facts.market, case.notional
    if limit is None:
        return unset("depth_share", "max_depth_fraction")
    depth = None if market is None else market.asks_quote if case.buys else market.bids_quote
    if depth is None or notional is None:
        return missing("depth_share", "the visible depth")
    if notional <= limit * depth:
        return None
    return _too_large("depth_share", notional, limit, depth, "resting")


def depth_allows(case: Case) -> Decimal | None:
    limit, market = case.limits.max_depth_fraction, case.facts.market
    if limit is None or market is None or market.asks_quote is None or case.price is None:
        return None
    return limit * market.asks_quote / case.price


def volume_share(case: Case) -> Breach | None:
    """The order is worth at most `max_volume_fraction` of what was traded in the last 24 hours."""
    limit, market, notional = case.limits.max_volume_fraction, case.facts.market, case.notional
    if limit is None:
        return unset("volume_share", "max_volume_fraction")
    volume = None if market is None else market.volume_quote
    if volume is None or notional is None:
        return missing("volume_share", "the traded volume")
    if notional <= limit * volume:
        return None
    return _too_large("volume_share", notional, limit, volume, "traded in 24 hours")


def volume_allows(case: Case) -> Decimal | None:
    limit, market = case.limits.max_volume_fraction, case.facts.market
    if limit is None or market is None or market.volume_quote is None or case.price is None:
        return None
    return limit * market.volume_quote / case.price


def _too_large(rule: str, notional: Decimal, limit: Decimal, there: Decimal, what: str) -> Breach:
    return Breach(
        rule,
        f"{percent(limit)}, {plain(limit * there)}",
        plain(notional),
        f"the order is worth {plain(notional)}; of {plain(there)} {what} it may take {percent(limit)}",
    )
