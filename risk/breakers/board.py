"""All breakers of a session: a pure fold of observations, rebuilt from the record after a restart."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final

from domain.breakers import BreakerChanged, BreakerState, Level
from domain.errors import ConfigError, DataError, NotFound
from domain.money import ONE, ZERO, Symbol
from risk.breakers.breaker import Breaker
from risk.breakers.kinds import KINDS
from risk.breakers.observation import BreakerRule, Observation
from risk.breakers.recovery import RecoveryBreaker
from risk.facts import BreakerFacts

EVERYWHERE: Final = ("", "*")
"""The scopes that concern every symbol."""
_NEVER_QUIET: Final = float("-inf")


class BreakerBoard:
    """The breakers in force. One that was never shown anything is closed.

    While `replaying`, observations only count as evidence and what changed is read from the record with
    `apply`; afterwards the board stands where it stood, waits, sizes, highs and evidence included.
    """

    def __init__(self, rules: Mapping[str, BreakerRule], *, relapse: Mapping[str, float]) -> None:
        """`rules` has one for every kind, `relapse` a fraction for every kind that recovers.

        Raises ConfigError when one is missing, or one is not known.
        """
        recovering = {name for name, kind in KINDS.items() if kind.recovers}
        for told, wanted, what in ((rules, set(KINDS), "rule"), (relapse, recovering, "relapse")):
            if missing := sorted(wanted - told.keys()):
                raise ConfigError(
                    f"no {what} is set for {', '.join(missing)}", fix="Set one for every breaker"
                )
            if unknown := sorted(told.keys() - wanted):
                raise ConfigError(
                    f"there is no breaker {', '.join(unknown)}", fix=f"Known: {', '.join(KINDS)}"
                )
        self._rules = dict(rules)
        self._relapse = dict(relapse)
        self._breakers: dict[tuple[str, str], Breaker] = {}
        self._quiet: dict[tuple[str, str], float] = {}
        self._facts: dict[Symbol, BreakerFacts] = {}
        self.replaying = False

    def observe(self, observation: Observation, now: datetime) -> tuple[BreakerChanged, ...]:
        """What the observation changes; nothing, mostly. Raises DataError for a kind nobody knows."""
        told = self._of(observation.kind, observation.scope).observe(
            observation if observation.at == now else _at(observation, now), deciding=not self.replaying
        )
        if told is None:
            return ()
        self._moved(observation.kind, observation.scope)
        return (told,)

    def idle(self, kind: str, scope: str, value: float) -> bool:
        """Whether an observation would change nothing, so that it need not be made."""
        return value < self._quiet.get((kind, scope), _NEVER_QUIET)

    def trips(self, kind: str, value: float) -> bool:
        """Whether this value is bad enough to open the breaker, or no number at all."""
        rule = self._rules.get(kind)
        return rule is None or not value < rule.trip

    def state(self, kind: str, scope: str) -> BreakerState:
        """How a breaker stands."""
        known = self._breakers.get((kind, scope))
        return BreakerState.CLOSED if known is None else known.state

    def apply(self, event: BreakerChanged) -> None:
        """Stand as the record says. Raises DataError for a kind nobody knows."""
        self._of(event.breaker, event.scope).apply(event)
        self._moved(event.breaker, event.scope)

    def reset(self, name: str, *, reason: str, by: str, at: datetime) -> BreakerChanged:
        """Close a breaker on a person's word. Raises NotFound for one that is not open or on probation."""
        for breaker in self.troubled():
            if breaker.name == name:
                told = breaker.reset(reason=reason, by=by, at=at)
                self._moved(breaker.kind, breaker.scope)
                return told
        troubled = ", ".join(breaker.name for breaker in self.troubled()) or "none"
        raise NotFound(f"no breaker {name!r} is open or on probation", fix=f"Those that are: {troubled}")

    def facts(self, symbol: Symbol) -> BreakerFacts:
        """What the gate may know for an order in `symbol`: strategies' breakers are not its business."""
        known = self._facts.get(symbol)
        if known is None:
            known = self._facts[symbol] = self._make_facts(symbol)
        return known

    def _make_facts(self, symbol: Symbol) -> BreakerFacts:
        concerned = [
            breaker
            for breaker in self.troubled()
            if KINDS[breaker.kind].level is not Level.STRATEGY
            and (breaker.scope in EVERYWHERE or breaker.scope == symbol)
        ]
        return BreakerFacts(
            min((breaker.size for breaker in concerned), default=ONE),
            tuple(breaker.name for breaker in concerned if breaker.size == ZERO),
        )

    def strategy_open(self, name: str) -> bool:
        """Whether this strategy has to abstain."""
        return self.strategy_size(name) == ZERO

    def strategy_size(self, name: str) -> Decimal:
        """The part of its usual confidence that a strategy is heard with: 0 abstains, 1 is all of it."""
        return min((breaker.size for breaker in self.of_strategy(name)), default=ONE)

    def of_strategy(self, name: str) -> tuple[Breaker, ...]:
        """The breakers of a strategy that are open or on probation."""
        return tuple(
            breaker
            for breaker in self.troubled()
            if breaker.scope == name and KINDS[breaker.kind].level is Level.STRATEGY
        )

    def troubled(self) -> tuple[Breaker, ...]:
        """Those that are open or on probation, in the order of the kinds."""
        return tuple(one for one in self.all() if one.state is not BreakerState.CLOSED)

    def all(self) -> tuple[Breaker, ...]:
        """Every breaker that was ever shown something, in the order of the kinds."""
        order = {name: place for place, name in enumerate(KINDS)}
        return tuple(sorted(self._breakers.values(), key=lambda one: (order[one.kind], one.scope)))

    def _of(self, kind: str, scope: str) -> Breaker:
        breaker = self._breakers.get((kind, scope))
        if breaker is None:
            breaker = self._breakers[kind, scope] = self._make(kind, scope)
            self._moved(kind, scope)
        return breaker

    def _moved(self, kind: str, scope: str) -> None:
        """A breaker stands differently: facts are made anew, and below which value it has nothing to do."""
        self._facts.clear()
        quiet = self._breakers[kind, scope].quiet_below
        if quiet is None:
            self._quiet.pop((kind, scope), None)
        else:
            self._quiet[kind, scope] = quiet

    def _make(self, kind: str, scope: str) -> Breaker:
        rule = self._rules.get(kind)
        if rule is None:
            raise DataError(f"no breaker takes observations of {kind!r}", fix=f"Known: {', '.join(KINDS)}")
        if KINDS[kind].recovers:
            return RecoveryBreaker(kind, scope, rule, relapse=self._relapse[kind])
        return Breaker(kind, scope, rule)


def _at(seen: Observation, now: datetime) -> Observation:
    return Observation(seen.kind, seen.scope, seen.value, now, seen.trial, seen.note)
