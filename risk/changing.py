"""What a change of limits comes to: which are tighter, which looser, and whether that may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from domain.errors import ConfigError
from domain.limits import LimitChange
from risk.contradictions import contradictions
from risk.document import missing, refuse_beyond
from risk.limit_kinds import text_of
from risk.limit_table import LIMITS
from risk.limits import RiskLimits


@dataclass(frozen=True, slots=True)
class Change:
    """Limits after a change: what was changed, and the names of those that are looser or not comparable."""

    limits: RiskLimits
    changes: tuple[LimitChange, ...]
    loosened: tuple[str, ...]


def consider(limits: RiskLimits, ceilings: RiskLimits, told: Mapping[str, object]) -> Change:
    """What `told` (written as in a configuration file) makes of the limits in force. Decides nothing alone.

    Tightening is always possible. Raises ConfigError for an unknown name, a value out of range or looser than
    its ceiling, one that would unset a limit, and for loosening into a contradiction that is not there yet.
    """
    wanted = RiskLimits.from_mapping(told)
    values: dict[str, Any] = {}
    changes: list[LimitChange] = []
    loosened: list[str] = []
    for name in told:
        old, new = getattr(limits, name), getattr(wanted, name)
        if new is None:
            raise ConfigError(
                f"risk limit {name} cannot be unset", fix="Give a value; a stricter one always goes"
            )
        if new == old:
            continue
        values[name] = new
        changes.append(LimitChange(name, written(old), written(new)))
        if not is_tighter(limits, name, new):
            refuse_beyond(name, new, ceilings)
            loosened.append(name)
    after = replace(limits, **values)
    if loosened:
        known = contradictions(limits)
        fresh = [said for said in contradictions(after) if said not in known]
        if fresh:
            said, _, fix = fresh[0].rpartition("; ")
            raise ConfigError(f"that would contradict: {said}", fix=fix[:1].upper() + fix[1:])
    return Change(after, tuple(changes), tuple(loosened))


def is_tighter(limits: RiskLimits, name: str, new: Any) -> bool:
    """Whether `new` refuses all that the limit refuses now. An unset one refuses everything, but for the
    position limit that may stand unset beside the other: there any value only adds a refusal.
    """
    old = getattr(limits, name)
    if old is None:
        return name not in missing(limits)
    return LIMITS[name].kind.tighter(old, new)


def applied(limits: RiskLimits, changes: Sequence[LimitChange]) -> RiskLimits:
    """The limits after changes on record. Raises ConfigError when one is not a change of these limits."""
    values: dict[str, Any] = {}
    wanted = RiskLimits.from_mapping({change.name: change.new or None for change in changes})
    for change in changes:
        old = written(getattr(limits, change.name))
        if change.old != old:
            raise ConfigError(f"{change.name} was {old or 'unset'}, the record says {change.old or 'unset'}")
        values[change.name] = getattr(wanted, change.name)
    return replace(limits, **values)


def between(before: RiskLimits, after: RiskLimits) -> tuple[LimitChange, ...]:
    """The changes that lead from one set of limits to another."""
    return tuple(
        LimitChange(name, written(old), written(new))
        for name in LIMITS
        if (old := getattr(before, name)) != (new := getattr(after, name))
    )


def written(value: object) -> str:
    """A value as a record keeps it; empty for an unset one."""
    return "" if value is None else text_of(value)
