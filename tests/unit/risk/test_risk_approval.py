"""An approval comes from the gate, once, for the intent that was reviewed. Everything else is worthless."""

from __future__ import annotations

import copy
import gc
import pickle
import subprocess
import sys
import types
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any, cast

import pytest

import risk.approval
from domain.errors import GateError
from domain.money import Quantity
from risk.approval import ApprovedOrder, redeem
from risk.gate import review
from tests.unit.risk.gate_cases import BUY, FACTS, LIMITS, NOW

ROOT = Path(__file__).resolve().parents[3]
BIGGER = replace(BUY, quantity=Quantity(BUY.quantity * 100))


def approve() -> ApprovedOrder:
    answer = review(BUY, FACTS, LIMITS, NOW)
    assert isinstance(answer, ApprovedOrder)
    return answer


def shell() -> Any:
    """An ApprovedOrder made around its constructor."""
    return object.__new__(ApprovedOrder)


def filled_shell() -> Any:
    fake = shell()
    object.__setattr__(fake, "intent", BIGGER)
    object.__setattr__(fake, "at", NOW)
    return fake


def shell_that_shares_an_approved_intent() -> Any:
    fake = shell()
    object.__setattr__(fake, "intent", KEPT.intent)
    object.__setattr__(fake, "at", KEPT.at)
    return fake


def swapped_intent() -> Any:
    genuine = approve()
    object.__setattr__(genuine, "intent", BIGGER)
    return genuine


def another_seal() -> Any:
    return ApprovedOrder(BUY, NOW, cast(Any, object()))


def another_of_the_seals_type() -> Any:
    return ApprovedOrder(BUY, NOW, type(risk.approval._SEAL)())


def no_seal() -> Any:
    return cast(Any, ApprovedOrder)(BUY, NOW)


def look_alike() -> Any:
    return types.SimpleNamespace(intent=BUY, at=NOW)


def subclass() -> Any:
    base = cast(Any, ApprovedOrder)
    return type("Mine", (base,), {})


KEPT = approve()
FORGERIES: dict[str, Callable[[], Any]] = {
    "no seal": no_seal,
    "None for a seal": lambda: ApprovedOrder(BUY, NOW, cast(Any, None)),
    "another seal": another_seal,
    "another of the seal's type": another_of_the_seals_type,
    "an empty shell": shell,
    "a filled shell": filled_shell,
    "a shell around an approved intent": shell_that_shares_an_approved_intent,
    "an approval with another intent": swapped_intent,
    "a look-alike": look_alike,
    "a subclass": subclass,
    "the intent itself": lambda: BUY,
    "nothing": lambda: None,
    "a copy": lambda: copy.copy(KEPT),
    "a deep copy": lambda: copy.deepcopy(KEPT),
    "a copy inside a list": lambda: copy.deepcopy([KEPT]),
    "a replacement": lambda: replace(KEPT, intent=BIGGER, seal=cast(Any, None)),
    "a replacement without a seal": lambda: cast(Any, replace)(KEPT, intent=BIGGER),
    "a reduction": KEPT.__reduce__,
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forgery_buys_nothing(forgery: str) -> None:
    with pytest.raises((GateError, TypeError, ValueError)):
        redeem(FORGERIES[forgery]())


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_an_approval_cannot_be_pickled(protocol: int) -> None:
    with pytest.raises(GateError, match="pickled"):
        pickle.dumps(KEPT, protocol)


@pytest.mark.parametrize("name", ["intent", "at", "seal", "anything"])
def test_an_approval_does_not_change(name: str) -> None:
    genuine = approve()
    with pytest.raises((FrozenInstanceError, AttributeError, TypeError)):
        setattr(genuine, name, BIGGER)
    with pytest.raises((FrozenInstanceError, AttributeError, TypeError)):
        delattr(genuine, name)
    assert redeem(genuine) is BUY


def test_an_approval_is_good_for_one_order() -> None:
    genuine = approve()
    assert redeem(genuine) is BUY
    with pytest.raises(GateError, match="already used"):
        redeem(genuine)


def test_the_attempt_to_alter_an_approval_spends_it() -> None:
    altered = swapped_intent()
    with pytest.raises(GateError, match="altered"):
        redeem(altered)
    object.__setattr__(altered, "intent", BUY)
    with pytest.raises(GateError, match="already used"):
        redeem(altered)


def test_approvals_do_not_mix() -> None:
    first, second = approve(), approve()
    assert first != second
    assert redeem(second) is BUY
    assert redeem(first) is BUY


def test_approvals_nobody_redeems_leave_nothing_behind() -> None:
    gc.collect()
    before = len(risk.approval._outstanding)
    for _ in range(1_000):
        approve()
    gc.collect()
    assert len(risk.approval._outstanding) == before


def test_an_old_address_approves_nothing() -> None:
    """A forged object may get the memory of a dropped approval: that must not make it one."""
    for _ in range(200):
        approve()
        with pytest.raises(GateError):
            redeem(filled_shell())


def test_only_the_gate_uses_the_seal() -> None:
    """Nothing in the product but the risk room's two files names the seal."""
    users = sorted(
        str(path.relative_to(ROOT))
        for path in ROOT.glob("*/**/*.py")
        if path.relative_to(ROOT).parts[0] not in ("tests", "build", "dist")
        and not path.relative_to(ROOT).parts[0].startswith(".")
        and "_SEAL" in path.read_text(encoding="utf-8")
    )
    assert users == ["risk/approval.py", "risk/gate.py"]


TYPED = """\
from datetime import UTC, datetime
from domain.orders import OrderIntent
from risk.approval import ApprovedOrder, redeem
from risk.gate import Refused, review


def forge(intent: OrderIntent, at: datetime, real: ApprovedOrder, answer: ApprovedOrder | Refused) -> None:
    ApprovedOrder(intent, at)  # forged
    ApprovedOrder(intent, at, None)  # forged
    ApprovedOrder(intent, at, object())  # forged
    ApprovedOrder(intent=intent, at=at, seal="seal")  # forged
    real.intent = intent  # forged
    real.at = at  # forged
    real.approved = True  # forged
    real.seal  # forged
    redeem(intent)  # forged
    redeem(None)  # forged
    redeem(answer)  # forged
    redeem(Refused(intent, (), at))  # forged
    if isinstance(answer, ApprovedOrder):
        redeem(answer)


class Mine(ApprovedOrder):  # forged
    pass
"""


def test_mypy_sees_every_forgery(tmp_path: Path) -> None:
    script = tmp_path / "forgeries.py"
    script.write_text(TYPED, encoding="utf-8")
    told = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--config-file",
            str(ROOT / "pyproject.toml"),
            "--cache-dir",
            str(tmp_path / "cache"),
            "--no-error-summary",
            str(script),
        ],
        cwd=ROOT,
        env={"PATH": "", "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    seen = {int(line.split(":")[1]) for line in told.stdout.splitlines() if ": error:" in line}
    forged = {number for number, line in enumerate(TYPED.splitlines(), 1) if line.endswith("# forged")}
    assert seen == forged, told.stdout + told.stderr
