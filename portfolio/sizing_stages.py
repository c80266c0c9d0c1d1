"""The stages of the sizing pipeline, one pure function each: (weight, facts, policy) -> Answer.

A weight comes in as a positive fraction of equity. A stage that lacks a fact says so and does not let the
weight rise above what is held: unknown means no entry, and never that something must be bought or sold.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from portfolio.sizing import Answer, SizingFacts, SizingPolicy, Stage


def _unknown(weight: float, facts: SizingFacts, what: str) -> Answer:
    return Answer(min(weight, max(facts.held, 0.0)), f"{what} is unknown: nothing is added", {})


def volatility_target(weight: float, facts: SizingFacts, policy: SizingPolicy) -> Answer:
    """weight * min(target / volatility, max scale): the same risk in calm and in storm.

    The volatility is the EWMA of squared log returns (RiskMetrics Technical Document, J.P. Morgan 1996); the
    rule is that of Moskowitz, Ooi & Pedersen 2012, "Time series momentum", and Moreira & Muir 2017.
    """
    volatility = facts.annual_volatility_fraction
    if volatility is None or not volatility >= 0.0:
        return _unknown(weight, facts, "volatility")
    target = policy.volatility_target_annual_fraction
    scale = policy.volatility_max_scale_ratio
    if volatility * scale > target:
        scale = target / volatility
    return Answer(
        weight * scale,
        f"volatility {volatility:.0%} a year against {target:.0%}: x {scale:.3f}",
        {"annual_volatility_fraction": volatility, "scale_ratio": scale},
    )


def correlation(weight: float, facts: SizingFacts, policy: SizingPolicy) -> Answer:
    """weight * diversification ratio, between the floor and 1: what moves together is one bet.

    The ratio is the volatility that the book would have if its assets were independent over the one it has:
    Carver's diversification multiplier ("Systematic Trading", 2015, chapter 8), taken relative to
    independence, so that one asset alone is left as it is.
    """
    ratio = facts.diversification_ratio
    if ratio is None or not ratio > 0.0:
        return _unknown(weight, facts, "correlation")
    scale = min(1.0, max(policy.correlation_floor_ratio, ratio))
    return Answer(
        weight * scale,
        f"diversification {ratio:.2f} of that of independent assets: x {scale:.3f}",
        {"diversification_ratio": ratio, "scale_ratio": scale},
    )


def sentiment(weight: float, facts: SizingFacts, policy: SizingPolicy) -> Answer:
    """weight * (1 + change * sentiment), so within [1 - change, 1 + change]; the caps come after it."""
    mood = facts.sentiment
    if mood is None or not -1.0 <= mood <= 1.0:
        return _unknown(weight, facts, "sentiment")
    scale = 1.0 + policy.sentiment_max_change_fraction * mood
    return Answer(
        weight * scale, f"sentiment {mood:+.2f}: x {scale:.3f}", {"sentiment": mood, "scale_ratio": scale}
    )


def kelly(weight: float, facts: SizingFacts, policy: SizingPolicy) -> Answer:
    """At most a fraction of the Kelly bet on the calibrated probability p of being right.

    f = p / a - (1 - p) / b, with a the loss at the stop and b the gain, both fractions of the price (Kelly
    1956; Thorp 2006, "The Kelly criterion in blackjack, sports betting, and the stock market", section 7). p
    is the mean of a beta distribution whose prior is the claim, shrunk towards a coin toss by
    `kelly_unproven_trust_fraction` and worth `kelly_prior_count` opinions. With fewer than
    `kelly_min_record_count` judged opinions the prior stands alone.
    """
    loss = facts.stop_distance_fraction
    if loss is None or not loss > 0.0:
        return _unknown(weight, facts, "the distance to the stop")
    claim = 0.5 + 0.5 * max(facts.stance, 0.0) * facts.conviction
    chance = 0.5 + (claim - 0.5) * policy.kelly_unproven_trust_fraction
    record = facts.record
    judged = 0 if record is None else record.count
    if record is None or judged < policy.kelly_min_record_count:
        basis = f"{judged} judged opinions are no record, so the claim of {claim:.0%} counts as {chance:.1%}"
    else:
        prior = policy.kelly_prior_count
        chance = (chance * prior + record.wins) / (prior + judged)
        basis = f"right {record.wins} of {judged} times, so {chance:.1%}"
    full = chance / loss - (1.0 - chance) / (loss * policy.kelly_payoff_ratio)
    # Never below zero: no edge is no position, not a short.
    cap = max(0.0, policy.kelly_fraction * full)
    return Answer(
        min(weight, cap),
        f"{basis}; {policy.kelly_fraction:g} Kelly is at most {cap:.1%}",
        {"probability": chance, "claimed_probability": claim, "judged_count": judged, "cap_fraction": cap},
    )


def drawdown(weight: float, facts: SizingFacts, policy: SizingPolicy) -> Answer:
    """Smaller, step by step, between two drawdowns: straight, or fast at first (convex).

    Exposure in proportion to what is left above a floor: Grossman & Zhou 1993, "Optimal investment strategies
    for controlling drawdowns".
    """
    lost = facts.drawdown_fraction
    if lost is None or not 0.0 <= lost <= 1.0:
        return _unknown(weight, facts, "drawdown")
    start, end = policy.drawdown_start_fraction, policy.drawdown_end_fraction
    if lost <= start:
        return Answer(
            weight, f"drawdown {lost:.1%}: as it is", {"drawdown_fraction": lost, "scale_ratio": 1.0}
        )
    left = max(0.0, (end - lost) / (end - start))
    if policy.drawdown_shape == "convex":
        left *= left
    floor = policy.drawdown_floor_ratio
    scale = floor + (1.0 - floor) * left
    return Answer(
        weight * scale,
        f"drawdown {lost:.1%}: x {scale:.3f}",
        {"drawdown_fraction": lost, "scale_ratio": scale},
    )


def liquidity(weight: float, facts: SizingFacts, policy: SizingPolicy) -> Answer:
    """At most a share of what trades in the symbol in 24 hours, so that it can be left within a day."""
    volume = facts.day_volume_quote
    if volume is None or not volume >= 0.0 or not facts.equity_quote > 0.0:
        return _unknown(weight, facts, "the traded volume")
    cap = policy.liquidity_day_volume_fraction * volume / facts.equity_quote
    return Answer(
        min(weight, cap),
        f"{policy.liquidity_day_volume_fraction:.2%} of a day's volume is {cap:.1%} of equity",
        {"day_volume_quote": volume, "cap_fraction": cap},
    )


def risk_per_trade(weight: float, facts: SizingFacts, policy: SizingPolicy) -> Answer:
    """At most what loses the fixed risk when the price falls to the stop.

    Fixed fractional risk: Tharp, "Trade your way to financial freedom", 2007, chapter 14.
    """
    loss = facts.stop_distance_fraction
    if loss is None or not loss > 0.0:
        return _unknown(weight, facts, "the distance to the stop")
    risk = policy.risk_per_trade_equity_fraction
    cap = risk / loss
    return Answer(
        min(weight, cap),
        f"the stop is {loss:.1%} away, {risk:.2%} of equity at risk: at most {cap:.1%}",
        {"stop_distance_fraction": loss, "cap_fraction": cap},
    )


BY_NAME: Final[Mapping[str, Stage]] = MappingProxyType(
    {
        "volatility_target": volatility_target,
        "correlation": correlation,
        "sentiment": sentiment,
        "kelly": kelly,
        "drawdown": drawdown,
        "liquidity": liquidity,
        "risk_per_trade": risk_per_trade,
    }
)
"""The desk's own stages by name."""
