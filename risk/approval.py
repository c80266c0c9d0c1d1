"""The proof that the gate said yes. Only `risk.gate.review` can make one, and it is good for one order.

Every approval that was issued and not yet used is on a list in this module, with the intent it is for.
`redeem` takes it off that list and hands out the intent that was reviewed, so an object that was built
around the constructor, or whose intent was swapped, is worth nothing. An approval that nobody redeems
leaves the list when it is dropped.
"""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from datetime import datetime
from typing import Final, NoReturn, SupportsIndex, final

from domain.errors import GateError
from domain.orders import OrderIntent
from domain.verdicts import Clip

_FIX: Final = "Send the intent through risk.gate.review"


@final
class _Seal:
    """What the gate signs with. There is one, and it stays in the risk room."""

    __slots__ = ()


_SEAL: Final = _Seal()
_outstanding: Final[dict[int, OrderIntent]] = {}
_withdraw: Final = _outstanding.pop


@final
@dataclass(frozen=True, slots=True, eq=False, init=False)
class ApprovedOrder:
    """An intent that passed every rule at `at`. It cannot be built, copied, pickled, changed or reused.

    `clips` are the rules that made it smaller than it was asked for; `intent` is what is left.
    """

    intent: OrderIntent
    at: datetime
    seal: InitVar[_Seal]
    clips: tuple[Clip, ...] = ()

    def __init__(self, intent: OrderIntent, at: datetime, seal: _Seal, clips: tuple[Clip, ...] = ()) -> None:
        if seal is not _SEAL:
            raise GateError("only the gate can approve an order", fix=_FIX)
        _write_intent(self, intent)
        _write_at(self, at)
        _write_clips(self, clips)
        _outstanding[id(self)] = intent

    def __del__(self) -> None:
        _withdraw(id(self), None)

    def __init_subclass__(cls) -> None:
        raise GateError("an approval cannot be subclassed", fix=_FIX)

    def __copy__(self) -> NoReturn:
        raise GateError("an approval cannot be copied", fix=_FIX)

    def __deepcopy__(self, memo: object) -> NoReturn:
        raise GateError("an approval cannot be copied", fix=_FIX)

    def __replace__(self, **changes: object) -> NoReturn:
        raise GateError("an approval cannot be changed", fix=_FIX)

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise GateError("an approval cannot be pickled", fix=_FIX)

    def __getstate__(self) -> NoReturn:
        raise GateError("an approval cannot be pickled", fix=_FIX)

    def __setstate__(self, state: object) -> NoReturn:
        raise GateError("an approval cannot be unpickled", fix=_FIX)


# Straight to the slots, as `domain.frozen` does it: two approvals are made for every order.
_write_intent: Final = ApprovedOrder.__dict__["intent"].__set__
_write_at: Final = ApprovedOrder.__dict__["at"].__set__
_write_clips: Final = ApprovedOrder.__dict__["clips"].__set__


def redeem(approved: ApprovedOrder) -> OrderIntent:
    """Use up an approval and return the intent that was reviewed.

    Raises GateError for anything the gate did not make, for an approval that was already used, and for one
    whose intent is no longer the one that was reviewed. Every venue calls this first.
    """
    if type(approved) is not ApprovedOrder:
        raise GateError(f"a {type(approved).__name__} is not an approval", fix=_FIX)
    intent = _withdraw(id(approved), None)
    if intent is None:
        raise GateError("this approval was forged or already used", fix=_FIX)
    if approved.intent is not intent:
        raise GateError(f"the approval of {intent.client_id} was altered", fix=_FIX)
    return intent
