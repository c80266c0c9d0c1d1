"""The one door: every order intent passes here, and only here can it be approved."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Context, DivisionByZero, InvalidOperation, Overflow, getcontext, setcontext
from typing import Final

from domain.money import ZERO, Quantity
from domain.orders import TRIGGERED, OrderIntent
from domain.verdicts import Breach, Clip
from risk.approval import _SEAL, ApprovedOrder
from risk.case import Case
from risk.facts import RiskFacts
from risk.limits import RiskLimits
from risk.rules import RULES, Asked, rulebook

_ARITHMETIC: Final = Context(prec=60, traps=[InvalidOperation, DivisionByZero, Overflow])
"""The gate's own arithmetic: a comparison with NaN raises whatever the caller's context says."""

RULEBOOK = rulebook(RULES)  # not Final: the compiled gate would keep the first one, and tests take rules out


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
    """Ask every rule and approve the intent, or refuse it with all breaches.

    When every rule that refuses can tell which quantity it would allow, the largest multiple of the venue's
    step within all of them is approved instead, if that keeps every rule: the approval's `clips` say so.
    Only a plain buy is clipped: an order that reduces, sleeps, replaces another or is one of a group goes
    through as it is or not at all.

    Pure: the same arguments give the same answer. It never raises for what it is given: an exception inside
    a rule, or facts that make no sense, refuse and say so.
    """
    ambient = getcontext()
    setcontext(_ARITHMETIC)
    try:
        case = Case(intent, facts, limits, now)
        breaches = _ask(case)
        if not breaches:
            return ApprovedOrder(intent, now, _SEAL)
        clipped = _clipped(case, breaches)
        if clipped is not None:
            smaller, clips = clipped
            if not _ask(Case(smaller, facts, limits, now)):
                return ApprovedOrder(smaller, now, _SEAL, clips)
    except Exception as error:  # noqa: BLE001  facts that cannot even be added up refuse
        breaches = [_broken("known_facts", error)]
    finally:
        setcontext(ambient)
    return Refused(intent, tuple(_telling(breaches) if intent.reduce_only else breaches), now)


def _ask(case: Case) -> list[Breach]:
    """What every rule that concerns the order has against it."""
    breaches: list[Breach] = []
    for check in RULEBOOK.reducing if case.reduces else RULEBOOK.buying if case.buys else RULEBOOK.selling:
        try:
            breach = check(case)
        except Exception as error:  # noqa: BLE001  whatever breaks in a rule must refuse, not escape
            breach = _broken(check.__name__, error)
        if breach is not None:
            breaches.append(breach)
    return breaches


def _telling(breaches: list[Breach]) -> list[Breach]:
    """What an order has against it that only claims to reduce: not what nobody found out for its sake."""
    rules = RULEBOOK.by_name
    told = [
        breach
        for breach in breaches
        if breach.value != "unknown" or breach.rule not in rules or rules[breach.rule].asked is Asked.ALWAYS
    ]
    return told or breaches


def _clipped(case: Case, breaches: list[Breach]) -> tuple[OrderIntent, tuple[Clip, ...]] | None:
    """The order as large as all the rules that refuse would have it; None when there is no such order."""
    intent, instrument = case.intent, case.facts.instrument
    if (
        instrument is None
        or not case.buys
        or intent.reduce_only
        or intent.order_type in TRIGGERED
        or intent.replaces
        or intent.group
    ):
        return None
    clips: list[Clip] = []
    least = intent.quantity
    for breach in breaches:
        rule = RULEBOOK.by_name.get(breach.rule)
        if rule is None or rule.allows is None:
            return None
        try:
            allowed = rule.allows(case)
            if allowed is None:
                return None
            quantity = allowed // instrument.step_size * instrument.step_size
        except Exception:  # noqa: BLE001  a rule that cannot say by how much refuses
            return None
        if not ZERO < quantity < intent.quantity:
            return None
        clips.append(Clip(breach.rule, intent.quantity, quantity))
        least = min(least, Quantity(quantity))
    return replace(intent, quantity=least), tuple(clips)


def _broken(rule: str, error: Exception) -> Breach:
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return Breach(rule, "must be decided", "error", f"the rule could not decide: {what}")
