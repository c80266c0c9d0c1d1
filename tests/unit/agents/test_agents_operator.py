"""The operator's chat: questions answered from records, commands from the person's own words only."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from agents.desk_view import DeskAction, Reply
from agents.operator import MAX_STEPS, Operator
from agents.recognising import Command, Confirmation, Question, Tightening, Topic, recognise
from domain.errors import DeskError
from domain.halt import Halt, HaltState
from domain.orders import Origin
from llm.scripted import Fails, ScriptedModel
from tests.faults.world import BTC, ETH
from tests.unit.agents.agent_cases import scene
from tests.unit.agents.fake_desk import NOW, FakeDesk
from tools.catalog import standard_tools

TOOLS = standard_tools()
SYMBOLS = (BTC, ETH)
ORDER = {"symbol": BTC, "side": "buy", "quantity": "0.25", "protective_stop": "38000"}


async def say(text: str, desk: FakeDesk | None = None, *, confirm: str | None = None) -> Reply:
    return await Operator(tools=TOOLS).answer(
        scene().context, text, desk or FakeDesk(), confirm=confirm, by="anna"
    )


def step(
    *, tool: tuple[str, dict[str, Any]] | None = None, answer: str | None = None, action: Any = None
) -> str:
    named = None if tool is None else {"name": tool[0], "arguments": json.dumps(tool[1])}
    return json.dumps({"tool": named, "answer": answer, "action": action})


# --- what is recognised ---


@pytest.mark.parametrize(
    ("text", "action", "confirmed"),
    [
        ("pause", DeskAction.PAUSE, False),
        ("Please pause trading now.", DeskAction.PAUSE, False),
        ("/pause", DeskAction.PAUSE, False),
        ("stop", DeskAction.STOP, False),
        ("halt the desk!", DeskAction.STOP, False),
        ("resume", DeskAction.RESUME, False),
        ("confirm resume", DeskAction.RESUME, True),
        ("panic", DeskAction.PANIC, False),
        ("sell everything", DeskAction.PANIC, False),
        ("close all positions now", DeskAction.PANIC, False),
        ("confirm panic", DeskAction.PANIC, True),
        ("no new trades please", DeskAction.PAUSE, False),
        ("FREEZE everything!!!", DeskAction.PAUSE, False),
        ("emergency stop!", DeskAction.STOP, False),
        ("abort now", DeskAction.STOP, False),
        ("get me out of everything now", DeskAction.PANIC, False),
        ("go flat", DeskAction.PANIC, False),
        ("close all my positions", DeskAction.PANIC, False),
        ("sell it all", DeskAction.PANIC, False),
        ("kill switch", DeskAction.PANIC, False),
    ],
)
def test_a_text_that_is_a_command_is_one(text: str, action: DeskAction, confirmed: bool) -> None:
    assert recognise(text, SYMBOLS) == Command(action, confirmed)


@pytest.mark.parametrize(
    "text",
    [
        "don't stop",
        "do not panic",
        "should I pause?",
        "what happens if I panic",
        "why did you stop out of ETH",
        "is trading paused?",
        "never sell everything",
        "stop loss of BTC?",
        "he said: confirm panic",
        "panic panic",
        "get out of BTC",
        "is this an emergency?",
        "sell all my ETH if it falls",
        "",
    ],
)
def test_a_text_that_only_mentions_a_command_is_none(text: str) -> None:
    assert not isinstance(recognise(text, SYMBOLS), Command | Confirmation)


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("how is it going? status please", Question(Topic.STATUS)),
        ("what do you hold?", Question(Topic.POSITIONS)),
        ("ETH?", Question(Topic.POSITIONS, "", ETH)),
        ("show my BTC position", Question(Topic.POSITIONS, "", BTC)),
        ("list open orders", Question(Topic.ORDERS)),
        ("how much money have you made?", Question(Topic.PROFIT)),
        ("PnL", Question(Topic.PROFIT)),
        ("why did you buy btc?", Question(Topic.EXPLAIN, "", BTC, trade=True)),
        ("why the last trade?", Question(Topic.EXPLAIN, trade=True)),
        ("explain p1-000007-00", Question(Topic.EXPLAIN, "p1-000007-00")),
        ("p1-000007", Question(Topic.EXPLAIN, "p1-000007")),
        ("why", Question(Topic.EXPLAIN)),
        ("what are my risk limits", Question(Topic.LIMITS)),
        ("are you paused?", Question(Topic.HALT)),
        ("what was the last decision", Question(Topic.DECISIONS)),
        ("help", Question(Topic.HELP)),
        ("xyzzy", None),
    ],
)
def test_questions_are_recognised(text: str, question: Question | None) -> None:
    assert recognise(text, SYMBOLS) == question


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("tighten max_daily_loss_fraction to 0.02", "max_daily_loss_fraction", "0.02"),
        ("please set max_drawdown_fraction = 0.1.", "max_drawdown_fraction", "0.1"),
        ("limit allowed_symbols BTC/USDT, ETH/USDT", "allowed_symbols", "BTC/USDT, ETH/USDT"),
        ("/tighten Max_Open_Orders_Count 3", "max_open_orders_count", "3"),
        ("raise max_drawdown_fraction to 0.9", "max_drawdown_fraction", "0.9"),
    ],
)
def test_a_text_that_names_a_limit_and_a_value_is_a_tightening(text: str, name: str, value: str) -> None:
    assert recognise(text, SYMBOLS) == Tightening(name, value)


@pytest.mark.parametrize(
    "text",
    ["don't tighten max_drawdown_fraction to 0.1", "tighten max_drawdown_fraction", "tighten the limits",
     "should I set max_drawdown_fraction to 0.1?"],
)  # fmt: skip
def test_a_text_about_limits_is_not_a_tightening(text: str) -> None:
    assert not isinstance(recognise(text, SYMBOLS), Tightening)


async def test_a_limit_is_tightened_at_once_and_never_loosened() -> None:
    desk = FakeDesk()
    reply = await say("tighten max_drawdown_fraction to 0.1", desk)
    assert (reply.text, reply.done) == ("tightened: max_drawdown_fraction 0.1", "tighten")
    assert desk.tightened == [
        ("max_drawdown_fraction", "0.1", "chat: tighten max_drawdown_fraction to 0.1", "anna")
    ]
    reply = await say("set max_drawdown_fraction 0.3", desk)
    assert (reply.text, reply.done) == ("max_drawdown_fraction = 0.3 would loosen", "")


# --- answers without a model ---


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("status", ["p1 (paper) is running", "101,250.40 USDT", "+1.25 %", "1 positions", "Trading is on"]),
        ("positions", ["BTC/USDT: 0.5 at 40000", "% of equity", "stop 38000"]),
        ("orders", ["p1-000007-00: buy 0.5 BTC/USDT limit, filled"]),
        ("profit", ["1,250.40 USDT (+1.25 %)", "fees 50.00", "today -0.31 %", "drawdown -2.00 %"]),
        ("limits", ["max_drawdown_fraction = 0.20", "max_position_notional_quote = UNSET (refuses)"]),
        ("decisions", ["p1-000007: 1 order, 0 refusals"]),
        ("halt state?", ["Trading is on"]),
        ("why BTC", ["the story of p1-000007-00"]),
        ("why", ["the story of p1-000007"]),
        ("explain p9-000001-00", ["there is no order or decision p9-000001-00"]),
        ("why ETH?", ["no order in ETH/USDT"]),
        ("help", ["status", "confirm panic", "cannot resume"]),
        ("xyzzy", ["did not understand", "status"]),
    ],
)
async def test_questions_are_answered_from_the_records(text: str, said: list[str]) -> None:
    desk = FakeDesk()
    reply = await say(text, desk)
    assert all(part in reply.text for part in said), reply.text
    assert reply.source == "baseline"
    assert desk.acted == []


@pytest.mark.parametrize("text", ["positions", "orders", "decisions", "why", "status"])
async def test_a_desk_that_has_done_nothing_says_so(text: str) -> None:
    reply = await say(text, FakeDesk(held=(), ordered=(), decided=()))
    assert "No " in reply.text or "0 positions" in reply.text


async def test_a_position_without_a_stop_is_shouted() -> None:
    desk = FakeDesk()
    desk.held = (replace(desk.held[0], stop=None),)
    assert "stop NONE" in (await say("positions", desk)).text


async def test_a_latched_halt_says_who_why_and_how_to_lift_it() -> None:
    desk = FakeDesk(halt=Halt(HaltState.HALTED, "drawdown", "breaker", NOW, latched=True))
    reply = await say("are you halted?", desk)
    assert all(part in reply.text for part in ("halted", "breaker", "drawdown", "latched"))


# --- commands ---


@pytest.mark.parametrize("action", [DeskAction.PAUSE, DeskAction.STOP])
async def test_what_only_makes_the_desk_safer_is_done_at_once(action: DeskAction) -> None:
    desk, word = FakeDesk(), action.value
    reply = await say(word, desk)
    assert desk.acted == [(action, f"chat: {word}", "anna", False)]
    assert (reply.text, reply.done, reply.pending) == (f"done: {word}", word, None)


async def test_a_panic_asks_first_and_is_done_when_confirmed() -> None:
    desk = FakeDesk()
    reply = await say("panic", desk)
    assert desk.acted == []
    assert reply.pending is not None
    assert "confirm panic" in reply.text
    by_words = await say("confirm panic", desk)
    by_id = await say("panic", desk, confirm=reply.pending.confirm_id)
    assert by_words.done == by_id.done == "panic"
    assert [(one[0].value, one[3]) for one in desk.acted] == [("panic", True), ("panic", True)]


@pytest.mark.parametrize("words", ["resume", "confirm resume", "please resume trading now", "unpause"])
async def test_the_chat_never_resumes(words: str) -> None:
    desk = FakeDesk(halt=Halt(HaltState.HALTED, "drawdown", "breaker", NOW, latched=True))
    for reply in (await say(words, desk), await say("go", desk, confirm="resume")):
        assert "desk resume --confirm --reason" in reply.text
        assert (reply.done, reply.pending) == ("", None)
    assert desk.acted == []


async def test_what_the_desk_refuses_is_said() -> None:
    class Refusing(FakeDesk):
        async def act(self, action: DeskAction, *, reason: str, by: str, confirm: bool) -> str:
            raise DeskError("the market is closed", fix="Wait")

    reply = await say("confirm panic", Refusing())
    assert reply.text == "the market is closed. Wait"
    assert reply.done == ""


async def test_a_confirmation_of_nothing_does_nothing() -> None:
    desk = FakeDesk()
    reply = await say("confirm order-0123abcd", desk)
    assert "Nothing waits" in reply.text
    assert desk.acted == []


# --- with a model ---


async def test_a_model_looks_things_up_and_answers() -> None:
    model = ScriptedModel(
        {"operator": [step(tool=("indicators", {"symbol": BTC})), step(answer="BTC closed at 40,000.")]}
    )
    reply = await Operator(tools=TOOLS, model=model).answer(scene().context, "where is BTC?", FakeDesk())
    assert (reply.text, reply.source) == ("BTC closed at 40,000.", "model")
    assert [item.tool for item in reply.evidence] == ["indicators"]
    assert len(reply.calls) == 2
    assert reply.evidence[0].evidence_id in model.asked[1].user


async def test_a_commands_words_never_reach_the_model() -> None:
    model = ScriptedModel({"operator": [step(answer="no")]})
    desk = FakeDesk()
    await Operator(tools=TOOLS, model=model).answer(scene().context, "pause", desk)
    assert model.asked == []
    assert desk.acted


async def test_a_model_that_keeps_looking_is_stopped() -> None:
    model = ScriptedModel({"operator": [step(tool=("indicators", {"symbol": BTC}))]})
    reply = await Operator(tools=TOOLS, model=model).answer(scene().context, "status", FakeDesk())
    assert len(reply.calls) == MAX_STEPS + 1
    assert reply.source == "baseline"
    assert "101,250.40" in reply.text


async def test_a_failed_model_leaves_the_records_answer_and_says_why() -> None:
    model = ScriptedModel({"operator": [Fails("401: the endpoint refused the key")]})
    reply = await Operator(tools=TOOLS, model=model).answer(scene().context, "profit", FakeDesk())
    assert "1,250.40" in reply.text
    assert "401" in reply.text
    assert reply.source == "baseline"


@pytest.mark.parametrize("action", ["pause", "stop", "panic"])
async def test_an_action_of_a_model_always_waits_for_the_person(action: str) -> None:
    model = ScriptedModel(
        {"operator": [step(answer="I can do that.", action={"name": action, "arguments": None})]}
    )
    desk = FakeDesk()
    operator = Operator(tools=TOOLS, model=model)
    reply = await operator.answer(scene().context, "things look dangerous, no?", desk)
    assert desk.acted == []
    assert reply.pending is not None
    await operator.answer(scene().context, f"confirm {reply.pending.confirm_id}", desk, by="anna")
    assert [one[0].value for one in desk.acted] == [action]


async def test_an_order_of_a_model_waits_then_goes_through_the_gate_once() -> None:
    model = ScriptedModel(
        {
            "operator": [
                step(answer="Shall I?", action={"name": "submit_intent", "arguments": json.dumps(ORDER)})
            ]
        }
    )
    place, desk = scene(), FakeDesk()
    operator = Operator(tools=TOOLS, model=model)
    reply = await operator.answer(place.context, "get me a quarter bitcoin", desk)
    assert reply.pending is not None
    assert "quantity 0.25" in reply.pending.summary
    assert not place.world.desk.orders
    again = await operator.answer(place.context, f"confirm {reply.pending.confirm_id}", desk)
    (order,) = place.world.desk.orders.values()
    assert order.intent.origin is Origin.OPERATOR
    assert order.client_id in again.text
    twice = await operator.answer(place.context, f"confirm {reply.pending.confirm_id}", desk)
    assert "Nothing waits" in twice.text
    assert len(place.world.desk.orders) == 1


async def test_a_confirmed_order_on_a_halted_desk_is_refused_by_the_gate() -> None:
    model = ScriptedModel(
        {"operator": [step(answer="?", action={"name": "submit_intent", "arguments": json.dumps(ORDER)})]}
    )
    place = scene()
    place.world.halt[0] = HaltState.HALTED
    operator = Operator(tools=TOOLS, model=model)
    reply = await operator.answer(place.context, "buy some", FakeDesk())
    assert reply.pending is not None
    told = await operator.answer(place.context, "ok", FakeDesk(), confirm=reply.pending.confirm_id)
    assert "refused" in told.text


@pytest.mark.parametrize(
    "arguments", [None, "not json", "[]", '{"symbol": "BTC/USDT"}', '{"quantity": "1e999"}']
)
async def test_an_impossible_order_is_not_even_proposed(arguments: str | None) -> None:
    model = ScriptedModel(
        {"operator": [step(answer="hm", action={"name": "submit_intent", "arguments": arguments})]}
    )
    reply = await Operator(tools=TOOLS, model=model).answer(scene().context, "buy some", FakeDesk())
    assert reply.pending is None
    assert reply.text == "hm"


async def test_before_the_first_bar_the_records_still_answer() -> None:
    reply = await Operator(tools=TOOLS).answer(None, "status", FakeDesk())
    assert "p1 (paper)" in reply.text
