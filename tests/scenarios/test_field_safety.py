"""Failings of safety that trading bots are known for: a test each, named after what must not happen."""

from __future__ import annotations

import ast
import inspect
from dataclasses import fields, replace
from decimal import Decimal
from pathlib import Path

import pytest

from agents.market_analyst import MarketAnalyst
from app.halts import Halts
from app.limits_section import document_of
from app.settings import load
from domain.clock import SimulatedClock
from domain.errors import ConfigError, GateError, JournalCorrupt
from domain.events import HaltChanged
from domain.halt import HaltState
from domain.money import Price
from domain.opinions import Abstention, Opinion
from domain.orders import TERMINAL, OrderStatus, OrderType, Origin, Side
from execution.scripted import Answer, ScriptedVenue
from llm.scripted import Fails, Hangs, ScriptedModel
from memory.journal import MemoryJournal
from risk.approval import ApprovedOrder
from risk.gate import review
from risk.limit_table import LIMITS as TABLE
from tests.faults.world import BTC, CAPITAL, LIMITS, START, intent, sell, world
from tests.scenarios.field_stage import STRICT, falls_to, holding, mark, reborn, rules, tries, venue
from tests.unit.agents.agent_cases import scene
from tests.unit.graph.test_graph_proposal import blended, opinion
from tools.catalog import standard_tools

D = Decimal
ROOT = Path(__file__).parents[2]


# --- checks that cannot fire


@pytest.mark.parametrize(("profit", "refused"), [("40500", ["reward_to_risk"]), ("42100", [])])
async def test_reward_to_risk_is_measured_from_the_live_price_not_from_an_invented_entry(
    profit: str, refused: list[str]
) -> None:
    """From the 38,500 it names both look splendid; what is asked is 40,000, and the stop lies at 38,000."""
    w = world(limits=replace(STRICT, min_reward_to_risk_ratio=D(1)))
    order = intent(0, quantity="0.1", limit="38500", stop="38000")
    assert rules(w, await w.desk.submit(replace(order, take_profit=Price(D(profit))))) == refused


async def test_the_daily_loss_counts_by_itself_and_begins_anew_with_the_day() -> None:
    """Nobody updates a counter: what was bought fell, and that is the loss."""
    w = await holding(limits=replace(STRICT, max_daily_loss_fraction=D("0.005")))
    assert await tries(w, 1) == []
    await falls_to(w, "38500")
    assert await tries(w, 2) == ["daily_loss"]
    await w.tick(24)
    assert await tries(w, 3) == []


@pytest.mark.parametrize(("price", "refused"), [("36200", []), ("36000", ["peak_drawdown"])])
async def test_a_drawdown_counts_open_losses_and_fires_at_its_limit_not_before(
    price: str, refused: list[str]
) -> None:
    """Half a bitcoin that fell by 3,800 has lost 1.9 %, by 4,000 2 %, the limit. Nothing is sold."""
    limits = replace(STRICT, max_drawdown_fraction=D("0.02"), max_daily_loss_fraction=D("0.5"))
    w = world(limits=limits)
    await w.desk.submit(intent(0, stop="35000"))
    venue(w).fill("s-000001-00", "0.5", "40000", START)
    venue(w)._orders["s-000001-00"].fills[0] = replace(
        venue(w)._orders["s-000001-00"].fills[0], fee=replace(CAPITAL, amount=D(0))
    )
    venue(w)._reports.clear()
    await w.desk.reconcile()
    await w.tick()
    await falls_to(w, price)
    assert await tries(w, 1) == refused


async def test_a_drawdown_is_not_forgotten_when_nothing_is_held() -> None:
    w = await holding(
        limits=replace(STRICT, max_drawdown_fraction=D("0.01"), max_daily_loss_fraction=D("0.9"))
    )
    w.feed.last[BTC] = D("37000")
    await w.desk.submit(sell(5))
    venue(w).fill("s-000001-05", "0.5", "37000", w.clock.now())
    await w.tick()
    assert w.portfolio.positions == {}
    assert await tries(w, 1) == ["peak_drawdown"]
    await w.tick(48)
    assert await tries(w, 2) == ["peak_drawdown"]


# --- doors around the gate


@pytest.mark.parametrize("origin", Origin)
async def test_forced_orders_are_reviewed_like_all_others(origin: Origin) -> None:
    w = world(limits=STRICT)
    huge = await w.desk.submit(replace(intent(0, quantity="100", stop="38000"), origin=origin, group="g"))
    assert "order_notional" in rules(w, huge)
    too_much = await w.desk.submit(replace(sell(1), origin=origin))
    assert "reduce_only" in rules(w, too_much)
    w.halt[0] = HaltState.HALTED
    halted = await w.desk.submit(replace(intent(2, quantity="0.01"), origin=origin))
    assert "halt_state" in rules(w, halted)
    assert venue(w).placed == []


def test_operator_commands_have_no_other_way_to_a_venue() -> None:
    """One call in the whole product places an order, and what it places is an approval."""
    callers = []
    for path in ROOT.glob("*/**/*.py"):
        room = path.relative_to(ROOT).parts[0]
        if room in ("tests", "bench", "scripts") or room.startswith("."):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("venue.place"):
                callers.append(path.relative_to(ROOT).as_posix())
    assert set(callers) == {"execution/sending.py"}


async def test_the_gate_has_no_bypass() -> None:
    assert list(inspect.signature(review).parameters) == ["intent", "facts", "limits", "now"]
    with pytest.raises(GateError):
        ApprovedOrder(intent(), START, object())  # type: ignore[arg-type]  # forged on purpose
    with pytest.raises(GateError):
        await ScriptedVenue().place(intent())  # type: ignore[arg-type]  # never approved
    switches = [name for name in TABLE if "enable" in name or "bypass" in name or "skip" in name]
    assert switches == []


async def test_limits_hold_without_any_prompt_being_read() -> None:
    """An intent that comes from no model is held to them; what models are told is not where they live."""
    w = world(limits=replace(STRICT, max_order_notional_quote=D(1_000)))
    order = await w.desk.submit(replace(intent(0), group="whole"))
    assert "order_notional" in rules(w, order)
    prompts = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "prompts").glob("*.md"))
    assert [name for name in TABLE if name in prompts] == []


async def test_an_unknown_account_refuses() -> None:
    w = world()
    facts = replace(w.desk._facts.gather(BTC, START, ()), account=None)
    assert not isinstance(review(intent(), facts, LIMITS, START), ApprovedOrder)
    assert isinstance(review(intent(), w.desk._facts.gather(BTC, START, ()), LIMITS, START), ApprovedOrder)


# --- configuration that is dropped in silence


@pytest.mark.parametrize(
    ("section", "told", "named"),
    [
        ("risk", {"max_dayly_loss_fraction": "0.05"}, "max_daily_loss_fraction"),
        ("risk", {"ceilings": {"max_position": "0.05"}}, "max_position"),
        ("stops", {"trailing_stop": True}, "trailing_stop"),
        ("breakers", {"drawdown": "0.1"}, "drawdown"),
    ],
)
def test_an_unknown_risk_key_is_refused(section: str, told: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigError) as error:
        document_of(load(overrides={section: told}))
    assert named in f"{error.value.message} {error.value.fix}"


def test_an_unknown_kind_of_guard_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"stops\.rules\.1"):
        load(overrides={"stops": {"rules": ["fixed", "parabolic"]}})


# --- models


def test_a_model_has_no_quantity_to_say_and_no_way_above_the_clamp() -> None:
    """There is a stance and a confidence; the largest of both is the largest weight, never more."""
    said = {each.name for each in fields(Opinion)}
    assert said & {"quantity", "size", "amount", "weight", "shares", "leverage"} == set()
    loud = blended([opinion(f"source{number}", 1.0, 1.0) for number in range(9)])
    assert [each.weight for each in loud.symbols] == [D("0.25")]


@pytest.mark.parametrize("line", ["BUY! BUY!", Fails("500: out of order"), Hangs(), '{"views": "buy"}'])
async def test_a_failed_answer_is_never_a_buy(line: str | Fails | Hangs) -> None:
    """The model abstains, on record, and what remains is what would be there without it."""
    model = ScriptedModel({"market_analyst": [line]})
    tools = standard_tools()
    report = await MarketAnalyst(tools=tools, model=model, deadline=0.05).consider(scene().context)
    without = await MarketAnalyst(tools=tools).consider(scene().context)
    assert isinstance(report.views[0], Abstention)
    assert report.views[1:] == without.views
    nobody = blended([], held="0.1")
    assert [(each.weight, each.outcome.value) for each in nobody.symbols] == [(D("0.1"), "no_view")]


# --- exits and halts


@pytest.mark.parametrize("answer", [Answer.REJECT, Answer.LOSE_REQUEST])
async def test_a_stop_that_cannot_be_placed_is_not_just_logged(answer: Answer) -> None:
    """The position is sold instead."""
    w = world()
    await w.buy()
    venue(w).fill("s-000001-00", "0.5", "40000", START)
    venue(w).answers.extend([answer] * 40)
    await w.tick()
    venue(w).answers.clear()
    for _ in range(3):
        await w.tick()
    sold = [each for each in venue(w)._orders.values() if each.intent.side is Side.SELL]
    assert [
        (each.intent.order_type, each.intent.quantity) for each in sold if each.status not in TERMINAL
    ] in (
        [(OrderType.MARKET, D("0.5"))],
        [(OrderType.STOP, D("0.5"))],
    )


@pytest.mark.parametrize("state", [HaltState.REDUCING, HaltState.HALTED])
async def test_a_halt_does_not_block_reducing_risk(state: HaltState) -> None:
    w = await holding()
    w.halt[0] = state
    assert "halt_state" in await tries(w, 1)
    assert (await w.desk.submit(sell(2, at=w.clock.now()))).status is OrderStatus.ACCEPTED


async def test_peaks_and_losses_are_not_forgotten_by_a_restart() -> None:
    limits = replace(STRICT, max_drawdown_fraction=D("0.02"), max_daily_loss_fraction=D("0.9"))
    w = await holding(limits=limits)
    w.feed.last[BTC] = D("45000")
    await w.tick()
    mark(w)
    peak = w.portfolio.peak_equity
    assert peak > CAPITAL.amount
    w.feed.last[BTC] = D("40000")
    after = await reborn(w, limits)
    after.portfolio.mark(after.feed.last, after.clock.now())
    assert after.portfolio.peak_equity == peak
    assert await tries(after, 7) == ["peak_drawdown"]


def test_a_halt_is_not_forgotten_by_a_restart() -> None:
    journal, clock = MemoryJournal(), SimulatedClock(START)
    Halts(None, journal, clock, lambda event: None).apply("stop", reason="looked wrong", by="anna")
    (record,) = [event for _, event in journal.events() if isinstance(event, HaltChanged)]
    again = Halts(record.halt, journal, clock, lambda event: None)
    assert (again.state(), again.current.latched) == (HaltState.HALTED, True)


async def test_exits_are_taken_up_again_after_a_restart() -> None:
    w = await holding()
    (stop,) = [each for each in w.desk.open_orders() if each.intent.guards]
    venue(w).end(stop.client_id, OrderStatus.CANCELLED, w.clock.now())
    after = await reborn(w)
    await after.guardian.resume()
    resting = [
        (kept.intent.quantity, kept.intent.trigger_price)
        for kept in venue(after)._orders.values()
        if kept.intent.guards and kept.status not in TERMINAL
    ]
    assert resting == [(D("0.5"), D("38000"))]


def test_the_kill_switch_does_not_fail_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds although nothing can be written down; a resume that cannot be written down is none."""
    journal = MemoryJournal()
    halts = Halts(None, journal, SimulatedClock(START), lambda event: None)

    def broken() -> None:
        raise JournalCorrupt("the disk is gone")

    monkeypatch.setattr(journal, "commit", broken)
    halts.apply("stop", reason="drill", by="anna")
    assert halts.state() is HaltState.HALTED
    with pytest.raises(JournalCorrupt):
        halts.apply("resume", reason="checked", by="anna", confirm=True)
    assert halts.state() is HaltState.HALTED


def test_a_halt_that_nobody_can_read_refuses() -> None:
    facts = replace(world().desk._facts.gather(BTC, START, ()), halt=None)
    assert not isinstance(review(intent(), facts, LIMITS, START), ApprovedOrder)
