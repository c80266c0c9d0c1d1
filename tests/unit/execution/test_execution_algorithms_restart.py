"""What an operator had worked when the process died goes on from the journal alone, at its own pace."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from domain.algorithms import AlgorithmPlan
from domain.events import AlgorithmStarted
from domain.orders import OrderIntent, Origin
from execution.algorithms.plans import dca, scale, vwap
from execution.patience import Patience, due
from memory.codec import decode, encode
from tests.faults.world import BTC, INSTRUMENTS, START
from tests.unit.execution.algorithm_stage import MINUTE, Stage, parent

COIN = INSTRUMENTS[BTC]
PRICE = Decimal(40_000)
CURVE = tuple((hour + 1) / 300 for hour in range(24))


def asked(limit: str | None = None) -> OrderIntent:
    return replace(parent("1", limit=limit, name="s-w00001-00", cycle=0), origin=Origin.OPERATOR)


PLANS: dict[str, AlgorithmPlan] = {
    "vwap": vwap(asked(), COIN, PRICE, start=START, interval=10 * MINUTE, parts=4, curve=CURVE),
    "dca": dca(asked(), COIN, budget=PRICE, start=START, interval=10 * MINUTE, parts=4),
    "scale": scale(asked(), COIN, [PRICE - 100 * n for n in range(4)], start=START, end=START + 60 * MINUTE),
}


@pytest.mark.parametrize("kind", PLANS)
async def test_the_children_survive_a_restart_and_the_rest_follows(kind: str) -> None:
    plan = PLANS[kind]
    stage = Stage()
    stage.worker.start(plan)
    stage.journal.commit()
    await stage.pass_time(1)
    stage.fill_all(Decimal("0.5"))
    await stage.crash()
    before = [order.client_id for order in stage.children(plan)]
    assert [state.plan for state in stage.worker.running] == [plan]
    assert not stage.worker.start(plan), "started before: it is not started again"
    for minutes in (1, 8, 10, 10, 10, 25):
        await stage.pass_time(minutes)
        stage.fill_all()
    after = stage.children(plan)
    assert [order.client_id for order in after][: len(before)] == before
    assert len(after) == len({order.client_id for order in after}) == 4
    assert all(order.intent.origin is Origin.OPERATOR for order in after)
    base, quote = stage.executed(plan)
    done = quote if plan.in_quote else base
    assert plan.amount * Decimal("0.85") <= done <= plan.amount
    assert len(stage.ended()) == 1


@pytest.mark.parametrize("kind", PLANS)
def test_the_journal_keeps_who_asked_for_it(kind: str) -> None:
    told = AlgorithmStarted(PLANS[kind], START)
    again = decode(told.kind, encode(told))
    assert again == told
    assert isinstance(again, AlgorithmStarted)
    assert again.plan.origin is Origin.OPERATOR


def test_a_part_rests_as_long_as_its_algorithm_wants() -> None:
    alone = replace(parent("1", limit="39000"), parent="")
    patience = Patience(10 * MINUTE)
    assert due(alone, patience) == START + 10 * MINUTE
    assert due(replace(alone, parent="s-w00001-00"), patience) is None
