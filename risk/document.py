"""The limits document: what `[risk]` says, checked as a whole, with the ceilings nobody may exceed.

A ceiling is the loosest value a limit may ever have: for most the largest, for some the smallest (a wait),
for symbols and windows the widest. The file may lower a built-in ceiling, never raise it. Where no number
suits every account there is no built-in one; then the configured value is the ceiling, unless the file
names another.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final, Self

from domain.errors import ConfigError
from risk.contradictions import NOT_ABOVE, contradictions
from risk.limit_kinds import text_of
from risk.limit_table import LIMITS
from risk.limits import VERSION, RiskLimits, refuse_unknown

_VERSION: Final = "version"
_CEILINGS: Final = "ceilings"

BUILT_IN: Final[Mapping[str, object]] = MappingProxyType(
    {name: limit.ceiling for name, limit in LIMITS.items() if limit.ceiling is not None}
)
"""The ceilings that stand in the code."""


@dataclass(frozen=True, slots=True)
class LimitsDocument:
    """The configured limits and their ceilings. A ceiling of None binds nothing: its limit is unset.

    Raises ConfigError when a limit is missing, above its ceiling, or in contradiction with another.
    """

    limits: RiskLimits
    ceilings: RiskLimits

    def __post_init__(self) -> None:
        absent = missing(self.limits)
        if absent:
            raise ConfigError(
                f"risk limits are missing: {', '.join(absent)}",
                fix="Set them in [risk]; unset refuses everything",
            )
        for name in LIMITS:
            refuse_beyond(name, getattr(self.limits, name), self.ceilings)
        found = contradictions(self.limits)
        if found:
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            said, _, fix = found[0].rpartition("; ")
            raise ConfigError(
                f"risk limits contradict each other: {said}{more}", fix=fix[:1].upper() + fix[1:]
            )

    @classmethod
    def read(
        cls,
        section: Mapping[str, object],
        *,
        defaults: Mapping[str, object],
        absolute: Mapping[str, object] = BUILT_IN,
    ) -> Self:
        """The document from a `[risk]` section with its optional `version` and `[risk.ceilings]`.

        `absolute` are the ceilings that the section may lower and not raise. Raises ConfigError, naming the
        key and what to write.
        """
        told = dict(section)
        version, ceilings = told.pop(_VERSION, VERSION), told.pop(_CEILINGS, {})
        if type(version) is not int or version != VERSION:
            raise ConfigError(
                f"risk.version = {version!r} is not {VERSION}, the version this desk knows",
                fix=f"Write version = {VERSION}, or run the desk this file was written for",
            )
        if not isinstance(ceilings, Mapping):
            raise ConfigError(
                "risk.ceilings is not a table", fix="Write [risk.ceilings] and its limits below it"
            )
        _refuse_near_miss(told)
        bounds = _bounds(ceilings, absolute)
        limits = _fitted(RiskLimits.from_mapping({**defaults, **told}), bounds, frozenset(told))
        unbound = {name: getattr(limits, name) for name in LIMITS if getattr(bounds, name) is None}
        return cls(limits, replace(bounds, **unbound))


def missing(limits: RiskLimits) -> tuple[str, ...]:
    """The limits that are unset and may not be: one of the two position limits may."""
    pair = ("max_position_notional_quote", "max_position_equity_fraction")
    absent = [name for name in LIMITS if getattr(limits, name) is None]
    if not all(name in absent for name in pair):
        absent = [name for name in absent if name not in pair]
    return tuple(absent)


def refuse_beyond(name: str, value: Any, ceilings: RiskLimits) -> None:
    """Raise ConfigError when a value is looser than its ceiling; None is no value and has none."""
    ceiling = getattr(ceilings, name)
    if ceiling is None or value is None or LIMITS[name].kind.tighter(ceiling, value):
        return
    raise ConfigError(
        f"risk limit {name} = {text_of(value)} is looser than its ceiling {text_of(ceiling)}",
        fix=f"Set it to {text_of(ceiling)} or tighter",
    )


def _refuse_near_miss(told: Mapping[str, object]) -> None:
    for key in told:
        if key not in LIMITS and difflib.get_close_matches(str(key), (_VERSION, _CEILINGS), n=1, cutoff=0.75):
            raise ConfigError(
                f"unknown risk key {key!r}", fix=f"Did you mean {_VERSION} or [risk.{_CEILINGS}]?"
            )


def _bounds(told: Mapping[str, object], absolute: Mapping[str, object]) -> RiskLimits:
    """The ceilings from the file and the code; None where neither has one."""
    refuse_unknown(told)
    hard, asked = RiskLimits.from_mapping(absolute), RiskLimits.from_mapping(told)
    for name, limit in LIMITS.items():
        built_in, own = getattr(hard, name), getattr(asked, name)
        if own is not None and built_in is not None and not limit.kind.tighter(built_in, own):
            raise ConfigError(
                f"risk.ceilings.{name} = {text_of(own)} is looser than "
                f"the built-in ceiling {text_of(built_in)}",
                fix=f"Set it to {text_of(built_in)} or tighter, or leave it out",
            )
    own_ones = {name: value for name in LIMITS if (value := getattr(asked, name)) is not None}
    return replace(hard, **own_ones)


def _fitted(limits: RiskLimits, bounds: RiskLimits, told: frozenset[str]) -> RiskLimits:
    """The limits, each default looser than a ceiling or contradicting another limit as tight as that.

    So one line in the file is enough to be careful. What the file itself names is never moved.
    """
    values: dict[str, Any] = {}
    for name, limit in LIMITS.items():
        value, bound = getattr(limits, name), getattr(bounds, name)
        if (
            name not in told
            and value is not None
            and bound is not None
            and not limit.kind.tighter(bound, value)
        ):
            values[name] = bound
    fitted = replace(limits, **values)
    for small, large, _ in reversed(NOT_ABOVE):
        low, high = getattr(fitted, small), getattr(fitted, large)
        if small not in told and low is not None and high is not None and low > high:
            fitted = replace(fitted, **{small: high})
    return fitted
