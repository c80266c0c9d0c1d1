"""What a model says it rests on, held against the evidence it was shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from pydantic import BaseModel, ConfigDict

from domain.money import Symbol
from domain.opinions import Evidence

RELATIVE_TOLERANCE: Final = 0.005


class AnswerModel(BaseModel):
    """The base of every answer a model may give: nothing unknown, nothing infinite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Claim(AnswerModel):
    """One fact a view rests on: a value by name in a piece of evidence, as it was shown."""

    evidence_id: str
    name: str
    value: float | str


@dataclass(frozen=True, slots=True)
class Checked:
    """`ids` of the evidence that supports, what was `struck` out, and the share that held, in [0, 1]."""

    ids: tuple[str, ...]
    struck: tuple[str, ...]
    share: float


def check(claims: Sequence[Claim], evidence: Mapping[str, Evidence], symbol: Symbol | None) -> Checked:
    """Strike out claims whose id is unknown or about another symbol, or whose value is not as shown."""
    ids: dict[str, None] = {}
    struck: list[str] = []
    for claim in claims:
        problem = _problem(claim, evidence.get(claim.evidence_id), symbol)
        if problem:
            struck.append(problem)
        else:
            ids[claim.evidence_id] = None
    share = (len(claims) - len(struck)) / len(claims) if claims else 0.0
    return Checked(tuple(ids), tuple(struck), share)


def _problem(claim: Claim, found: Evidence | None, symbol: Symbol | None) -> str:
    """Why a claim does not hold, or nothing."""
    cited = f"{claim.evidence_id[:24]} {claim.name[:32]}"
    if found is None:
        return f"{cited}: no such evidence"
    if found.symbol is not None and symbol is not None and found.symbol != symbol:
        return f"{cited}: evidence about {found.symbol}"
    shown = found.values.get(claim.name)
    if shown is None:
        return f"{cited}: no such value"
    if not same(claim.value, shown):
        return f"{cited}: {str(claim.value)[:24]} claimed, {shown} shown"
    return ""


def same(claimed: float | str, shown: float | str) -> bool:
    """Whether a claimed value is the shown one, give or take 0.5 % or its last digit (of two or more)."""
    try:
        said, truth = float(claimed), float(shown)
    except ValueError:
        return str(claimed).strip().casefold() == str(shown).strip().casefold()
    gap = abs(said - truth)
    return gap <= max(RELATIVE_TOLERANCE * abs(truth), _half_of_last_digit(said), 1e-12)


def _half_of_last_digit(said: float) -> float:
    _, digits, exponent = Decimal(repr(said)).normalize().as_tuple()
    if not isinstance(exponent, int) or len(digits) < 2:
        return 0.0
    return 0.5 * 10.0 ** min(exponent, 0)
