"""The limits in force, as the API says them and as a person reads them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from app.limiting import Limiting
from app.views import Fraction, Model, Time
from domain.limits import LimitChange, LimitsChanged, LimitsDeclared
from domain.money import ZERO
from risk.document import LimitsDocument
from risk.limit_kinds import plain_of, text_of
from risk.limit_table import LIMITS
from risk.limits import VERSION, RiskLimits

if TYPE_CHECKING:
    from portfolio.portfolio import Portfolio

_SHORT = (
    ("order", "max_order_notional_quote"),
    ("position", "max_position_equity_fraction"),
    ("all holdings", "max_gross_exposure_equity_fraction"),
    ("a trade's loss", "max_trade_loss_equity_fraction"),
    ("a day's", "max_daily_loss_fraction"),
    ("a week's", "max_weekly_loss_fraction"),
    ("drawdown", "max_drawdown_fraction"),
)
_HASH_SHOWN = 12

Value = str | int | bool | tuple[str, ...]
"""A limit as the settings file writes it; an amount or a fraction is text, so that no digit is lost."""


class LimitView(Model):
    """One limit in force. `ceiling` is the loosest it may be set to; None: it has none, or is unset."""

    name: str
    value: Value | None
    unit: str
    source: Literal["default", "file", "session"]
    configured: Value | None
    ceiling: Value | None
    says: str


class LimitUse(Model):
    """How much of a limit is used: both are fractions of what the limit is a fraction of."""

    name: str
    used: Fraction
    allowed: Fraction


class LimitsView(Model):
    """The limits in force. `hash` is the SHA-256 in every verdict; `doubt` says why they are not trusted."""

    version: int
    hash: str
    configured_hash: str
    doubt: str
    limits: tuple[LimitView, ...]
    uses: tuple[LimitUse, ...] = ()


class LimitChangeView(Model):
    """One limit, before and after; an empty text is unset."""

    name: str
    old: str
    new: str


class LimitsEntryView(Model):
    """One entry of the limits' history, oldest first: a start of the desk, or a change."""

    at: Time
    what: Literal["declared", "changed"]
    hash: str
    by: str
    reason: str
    changes: tuple[LimitChangeView, ...]
    doubt: str = ""


class LimitsSet(Model):
    """What a change came to. `written` is False when it is in force and not on record yet."""

    hash: str
    changes: tuple[LimitChangeView, ...]
    written: bool
    message: str


Told = Annotated[dict[str, Value], Field(max_length=len(LIMITS))]


def limits_view(
    limits: RiskLimits,
    document: LimitsDocument,
    told: Mapping[str, object],
    doubt: str = "",
    portfolio: Portfolio | None = None,
) -> LimitsView:
    """Every limit in force with where it comes from; `told` is the `[risk]` section of the file.

    With a `portfolio`, how much of the limits on losses and holdings is used, too.
    """
    configured = document.limits
    return LimitsView(
        version=VERSION,
        hash=limits.hash,
        configured_hash=configured.hash,
        doubt=doubt,
        limits=tuple(
            LimitView(
                name=name,
                value=_value(limits, name),
                unit=limit.kind.unit,
                source=_source(name, limits, configured, told),
                configured=_value(configured, name),
                ceiling=_value(document.ceilings, name),
                says=limit.says,
            )
            for name, limit in LIMITS.items()
        ),
        uses=() if portfolio is None else _uses(portfolio, limits),
    )


def _uses(portfolio: Portfolio, limits: RiskLimits) -> tuple[LimitUse, ...]:
    """Losses count unrealised ones, holdings are at market prices; a gain uses nothing."""
    equity = portfolio.equity
    held = [quantity * mark for _, quantity, mark in portfolio.held()]
    used = {
        "max_daily_loss_fraction": _lost(portfolio.day_start_equity, equity),
        "max_weekly_loss_fraction": _lost(portfolio.week_start_equity, equity),
        "max_drawdown_fraction": _lost(portfolio.peak_equity, equity),
    }
    if equity > ZERO:
        used["max_position_equity_fraction"] = max(held, default=ZERO) / equity
        used["max_gross_exposure_equity_fraction"] = sum(held, ZERO) / equity
    return tuple(
        LimitUse(name=name, used=round(share, 6), allowed=allowed)
        for name, share in used.items()
        if (allowed := getattr(limits, name)) is not None
    )


def _lost(start: Decimal, equity: Decimal) -> Decimal:
    return max(start - equity, ZERO) / start if start > ZERO else ZERO


def _source(
    name: str, limits: RiskLimits, configured: RiskLimits, told: Mapping[str, object]
) -> Literal["default", "file", "session"]:
    if getattr(limits, name) != getattr(configured, name):
        return "session"
    return "file" if name in told else "default"


def _value(limits: RiskLimits, name: str) -> Value | None:
    found = plain_of(getattr(limits, name))
    if found is None or isinstance(found, str | int):
        return found
    if isinstance(found, list):
        return tuple(str(each) for each in found)
    raise TypeError(f"{name} has no plain form")


def entry_view(event: LimitsDeclared | LimitsChanged) -> LimitsEntryView:
    """An event of the limits' history."""
    match event:
        case LimitsDeclared():
            return LimitsEntryView(
                at=event.at,
                what="declared",
                hash=event.limits_hash,
                by=event.by,
                reason=event.reason,
                changes=_changes(event.kept),
                doubt=event.doubt,
            )
        case LimitsChanged():
            return LimitsEntryView(
                at=event.at,
                what="changed",
                hash=event.new_hash,
                by=event.by,
                reason=event.reason,
                changes=_changes(event.changes),
            )


def set_view(limiting: Limiting, event: LimitsChanged | None) -> LimitsSet:
    """What a change came to, in a sentence, too."""
    said = changed_sentence(event)
    problem = limiting.unwritten
    if problem is not None:
        said += f" It is in force, but not on record yet: {problem.message}."
    return LimitsSet(
        hash=limiting.current.hash,
        changes=_changes(event.changes) if event is not None else (),
        written=problem is None,
        message=said,
    )


def changed_sentence(event: LimitsChanged | None) -> str:
    """The change in words."""
    if event is None:
        return "No limit was changed."
    told = ", ".join(f"{each.name} {each.old or 'unset'} -> {each.new or 'unset'}" for each in event.changes)
    return f"In force from the next review on: {told}."


def _changes(changes: tuple[LimitChange, ...]) -> tuple[LimitChangeView, ...]:
    return tuple(LimitChangeView(name=each.name, old=each.old, new=each.new) for each in changes)


def effective_lines(limiting: Limiting) -> list[str]:
    """What a start of the desk says of its limits: the main ones, what differs from the file, the hash."""
    limits = limiting.current
    main = ", ".join(f"{word} {text_of(getattr(limits, name))}" for word, name in _SHORT)
    lines = [f"Limits {limits.hash[:_HASH_SHOWN]}: {main}; desk limits shows all {len(LIMITS)}."]
    lines += [f"Limit changed: {each.name} {each.old} -> {each.new or 'unset'}." for each in limiting.changed]
    return lines
