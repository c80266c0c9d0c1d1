"""How a breach is worded. Only reached once something is wrong, so the fast path builds no text."""

from __future__ import annotations

from decimal import Decimal

from domain.verdicts import Breach


def missing(rule: str, fact: str) -> Breach:
    """A fact the rule needs is not known."""
    return Breach(rule, "must be known", "unknown", f"{fact} is unknown")


def unset(rule: str, *limits: str) -> Breach:
    """The limit the rule holds was never set."""
    names = " and ".join(limits)
    return Breach(rule, names, "unset", f"{names} is not set, so nothing is allowed")


def percent(fraction: Decimal) -> str:
    """A fraction as text: 0.05 is "5.00 %"."""
    return f"{fraction * 100:.2f} %"


def plain(value: Decimal) -> str:
    """A number without exponent or trailing zeros."""
    return f"{value.normalize():f}" if value.is_finite() else str(value)
