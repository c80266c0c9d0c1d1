"""What a question to a model costs and brings: the call on record, and the typed answer."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from pydantic import BaseModel

T = TypeVar("T", bound="BaseModel")


def prompt_hash(system: str, user: str) -> str:
    """SHA-256 of exactly what the model was told, the key a recorded answer is found by."""
    return hashlib.sha256(f"{system}\x00{user}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One question to a model, on record: what was asked, what came back, what it took.

    `answer` is the last raw text the model gave (empty when none came). `error` is empty when the answer
    was used, otherwise the one-line reason why the role abstains. `attempts` counts the requests sent,
    retries and the repair included. `cost` is in US dollars, `seconds` is wall time. No key is ever in here.
    """

    role: str
    model: str
    prompt_hash: str
    system: str
    user: str
    answer: str
    error: str
    attempts: int
    prompt_tokens: int
    completion_tokens: int
    cost: Decimal
    seconds: float


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """A typed answer, or None: then the role abstains and `call.error` says why."""

    value: T | None
    call: ModelCall


class Model(Protocol):
    """Whoever answers for a role: an endpoint, a recording or a script."""

    async def ask(self, *, role: str, system: str, user: str, schema: type[T], deadline: float) -> Answer[T]:
        """One typed answer within `deadline` seconds. Never raises for a model's failure."""
        ...
