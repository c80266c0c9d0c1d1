"""The one door: every order intent passes here, and only here can it be approved."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Context, DivisionByZero, InvalidOperation, Overflow, getcontext, setcontext
from typing import Final

from domain.orders import OrderIntent
from domain.verdicts import Breach
from risk.approval import _SEAL, ApprovedOrder
from risk.case import Case
from risk.facts import RiskFacts
from risk.limits import RiskLimits
from risk.rules import RULES

_ARITHMETIC: Final = Context(prec=60, traps=[InvalidOperation, DivisionByZero, Overflow])
"""The gate's own arithmetic: a comparison with NaN raises whatever the caller's context says."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The gate said no, with every reason. ValueError when there is none."""

    intent: OrderIntent
    breaches: tuple[Breach, ...]
    at: datetime

    def __post_init__(self) -> None:
        if not self.breaches:
            raise ValueError("a refusal needs a reason")


def review(
    intent: OrderIntent, facts: RiskFacts, limits: RiskLimits, now: datetime
) -> ApprovedOrder | Refused:
    """Run every rule and approve the intent, or refuse it with all breaches.

    Pure: the same arguments give the same answer. It never raises for what it is given: an exception inside
    a rule, or facts that make no sense, refuse and say so.
    """
    breaches: list[Breach] = []
    ambient = getcontext()
    setcontext(_ARITHMETIC)
    try:
        case = Case(intent, facts, limits, now)
        for rule in RULES:
            try:
                breach = rule(case)
            except Exception as error:  # noqa: BLE001  whatever breaks in a rule must refuse, not escape
                breach = _broken(rule.__name__, error)
            if breach is not None:
                breaches.append(breach)
    except Exception as error:  # noqa: BLE001  facts that cannot even be added up refuse
        breaches.append(_broken("known_facts", error))
    finally:
        setcontext(ambient)
    if breaches:
        return Refused(intent, tuple(breaches), now)
    return ApprovedOrder(intent, now, _SEAL)


def _broken(rule: str, error: Exception) -> Breach:
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return Breach(rule, "must be decided", "error", f"the rule could not decide: {what}")
