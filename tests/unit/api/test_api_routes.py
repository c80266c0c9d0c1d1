"""What each address answers, and how it says no."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from domain.errors import DeadlineExceeded, DeskError, NotRunning, StorageError
from tests.e2e.demo_desk import DemoDesk

READS = ("health", "version", "status", "positions", "orders", "decisions", "agents", "graph", "equity")
NUMBER = re.compile(r"-?\d+(\.\d+)?")
MONEY = {
    "equity", "cash", "capital", "realized", "unrealized", "fees", "peak", "profit", "price", "quantity",
    "average_price", "mark", "value", "weight", "filled", "fee", "cost", "last", "open", "close",
}  # fmt: skip


def money_in(told: object) -> list[object]:
    """Every value below a key that means money, however deep."""
    if isinstance(told, list):
        return [found for item in told for found in money_in(item)]
    if not isinstance(told, dict):
        return []
    named = [value for key, value in told.items() if key in MONEY and value is not None]
    by_currency = [amount for each in named if isinstance(each, dict) for amount in each.values()]
    own = [value for value in named if not isinstance(value, dict)] + by_currency
    return own + [found for value in told.values() for found in money_in(value)]


@pytest.mark.parametrize("path", READS)
async def test_every_read_answers_on_a_new_desk(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(f"/api/v1/{path}")
    assert answer.status_code == 200, answer.text


async def test_money_is_plain_decimal_text_everywhere(client: httpx.AsyncClient, desk: DemoDesk) -> None:
    await desk.warm(12)
    last = desk.decisions_[-1].cycle_id
    paths = [*READS, "candles?symbol=BTC/USDT", f"decision/{last}"]
    found = [value for path in paths for value in money_in((await client.get(f"/api/v1/{path}")).json())]
    assert len(found) > 100
    assert [value for value in found if not isinstance(value, str) or not NUMBER.fullmatch(value)] == []


async def test_status_names_the_session_the_clock_and_the_halt_state(
    client: httpx.AsyncClient, desk: DemoDesk
) -> None:
    await desk.warm(3)
    told = (await client.get("/api/v1/status")).json()
    assert told["session"] == "demo"
    assert (told["mode"], told["market"], told["simulated"]) == ("paper", "synthetic", True)
    assert told["now"] == "2024-03-04T00:45:00Z"
    assert told["halt"]["state"] == "active"
    assert told["counts"]["cycles"] == 3


async def test_orders_come_newest_first_and_no_more_than_asked(
    client: httpx.AsyncClient, desk: DemoDesk
) -> None:
    await desk.warm(30)
    told = (await client.get("/api/v1/orders", params={"limit": 4})).json()
    assert [order["client_id"] for order in told] == [o.client_id for o in desk.orders_[-1:-5:-1]]
    resting = (await client.get("/api/v1/orders", params={"open_only": True})).json()
    assert {order["status"] for order in resting} == {"accepted"}


async def test_a_decision_tells_its_whole_path(client: httpx.AsyncClient, desk: DemoDesk) -> None:
    await desk.warm(8)
    filled = next(decision for decision in desk.decisions_ if any(order.fills for order in decision.orders))
    told = (await client.get(f"/api/v1/decision/{filled.cycle_id}")).json()
    order = told["orders"][0]
    assert told["observation"]["content_hash"]
    cited = {name for view in told["opinions"] for name in view["evidence_ids"]}
    assert cited <= {item["evidence_id"] for item in told["evidence"]}
    assert told["intents"][0]["client_id"] == order["client_id"] == order["fills"][0]["client_id"]
    assert [verdict["stage"] for verdict in told["verdicts"]] == [1, 2]


async def test_the_graph_is_one_path_from_observe_to_record(client: httpx.AsyncClient) -> None:
    told = (await client.get("/api/v1/graph")).json()
    ids = [node["id"] for node in told["nodes"]]
    sources = {edge["source"] for edge in told["edges"]}
    targets = {edge["target"] for edge in told["edges"]}
    assert [node for node in ids if node not in targets] == ["observe"]
    assert [node for node in ids if node not in sources] == ["record"]


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("orders?limit=0", "limit"),
        ("orders?limit=many", "limit"),
        ("orders?limit=1001", "limit"),
        ("decisions?limit=-3", "limit"),
        ("equity?limit=1", "limit"),
        ("candles", "symbol"),
        ("candles?symbol=x", "symbol"),
        ("orders?open_only=perhaps", "open_only"),
    ],
)
async def test_bad_input_is_named_in_one_line(client: httpx.AsyncClient, path: str, named: str) -> None:
    answer = await client.get(f"/api/v1/{path}")
    assert answer.status_code == 422
    assert answer.json()["error"].startswith(f"{named}: ")
    assert answer.text.count("\n") == 0


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        ("halt", {"action": "explode"}, "action"),
        ("halt", {}, "action"),
        ("halt", {"action": "stop", "force": True}, "force"),
        ("halt", {"action": "stop", "reason": " "}, "reason"),
        ("resume", {"confirm": "maybe", "reason": "checked"}, "confirm"),
        ("resume", {"confirm": True}, "reason"),
        ("limits", {}, "body"),
        ("limits", {"limits": {"max_daily_loss_fraction": "0.01"}, "back": []}, "body"),
        ("limits", {"limits": {"max_daily_loss_fraction": 0.01}}, "limits.max_daily_loss_fraction.str"),
        ("limits", {"limits": {"max_daily_loss_fraction": None}}, "limits.max_daily_loss_fraction.str"),
        ("limits", {"back": [""]}, "back.0"),
        ("chat", {"text": ""}, "text"),
        ("chat", {"text": "x" * 4001}, "text"),
        ("chat", {"text": 5}, "text"),
        ("chat", [], "body"),
    ],
)
async def test_a_bad_request_body_changes_nothing(
    client: httpx.AsyncClient, desk: DemoDesk, path: str, body: Any, named: str
) -> None:
    answer = await client.post(f"/api/v1/{path}", json=body)
    assert answer.status_code == 422
    assert answer.json()["error"].startswith(f"{named}: "), answer.text
    assert (desk.halts, desk.said) == ([], [])


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b'{"text": "\\ud800"}', b'{"\\ud800": 1}', b"NaN"])
async def test_a_garbled_body_is_one_line_of_json(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/api/v1/chat", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)
    assert set(answer.json()) == {"error", "fix"}


async def test_an_unknown_decision_is_404_with_the_fix(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/decision/nothing-000001")
    assert answer.status_code == 404
    assert answer.json()["fix"] == "desk status names the latest cycle"


async def test_an_unknown_symbol_is_404(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/candles", params={"symbol": "DOGE/USDT"})
    assert answer.status_code == 404
    assert "DOGE/USDT is not traded here" in answer.json()["error"]


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v2/status", "/nothing", "/assets/../models.py"])
async def test_an_unknown_address_is_404_in_one_line(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 404
    assert set(answer.json()) == {"error", "fix"}


async def test_the_wrong_method_is_refused(client: httpx.AsyncClient, desk: DemoDesk) -> None:
    answer = await client.get("/api/v1/halt")
    assert answer.status_code in (404, 405)
    assert (await client.delete("/api/v1/orders")).status_code in (404, 405)
    assert desk.halts == []


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (DeskError("the halt is latched", fix="Confirm"), 409),
        (NotRunning("no session runs"), 503),
        (StorageError("the disk is full"), 503),
        (DeadlineExceeded("no answer in time"), 504),
    ],
)
async def test_errors_of_the_desk_keep_their_meaning(
    client: httpx.AsyncClient, desk: DemoDesk, error: DeskError, status: int
) -> None:
    desk.failing = error
    answer = await client.get("/api/v1/status")
    assert answer.status_code == status
    assert answer.json() == {"error": error.message, "fix": error.fix}


async def test_an_unforeseen_error_says_nothing_of_the_inside(
    client: httpx.AsyncClient, desk: DemoDesk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.failing = RuntimeError("secret path /home/me")
    answer = await client.get("/api/v1/status")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "secret path" in caplog.text
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_halting_reaches_the_desk_with_who_and_why(client: httpx.AsyncClient, desk: DemoDesk) -> None:
    answer = await client.post("/api/v1/halt", json={"action": "pause", "reason": " lunch "})
    assert answer.json()["halt"]["state"] == "reducing"
    assert desk.halts == [("pause", "lunch", "api")]


async def test_panic_reports_flat_and_its_latch_wants_confirmation(
    client: httpx.AsyncClient, desk: DemoDesk
) -> None:
    await desk.warm(5)
    told = (await client.post("/api/v1/halt", json={"action": "panic"})).json()
    assert (told["flat"], told["halt"]["latched"]) == (True, True)
    assert (await client.get("/api/v1/positions")).json() == []
    for reasonless in ({"confirm": True}, {"confirm": True, "reason": " "}):
        assert (await client.post("/api/v1/resume", json=reasonless)).status_code == 422
    refused = await client.post("/api/v1/resume", json={"reason": "checked"})
    assert refused.status_code == 409
    assert refused.json() == {"error": "the halt is latched", "fix": "Say why it is safe, and confirm"}
    lifted = await client.post("/api/v1/resume", json={"confirm": True, "reason": "checked"})
    assert lifted.json()["halt"]["state"] == "active"


async def test_limits_are_read_and_changed(client: httpx.AsyncClient, desk: DemoDesk) -> None:
    name = "max_daily_loss_fraction"
    before = (await client.get("/api/v1/limits")).json()
    shown = {each["name"]: each for each in before["limits"]}
    assert (shown[name]["value"], shown[name]["source"], shown[name]["ceiling"]) == ("0.04", "file", "0.2")
    assert shown["max_open_orders_count"]["value"] == 20
    tight = await client.post("/api/v1/limits", json={"limits": {name: "0.02", "max_open_orders_count": 5}})
    assert tight.json()["message"].startswith(f"In force from the next review on: {name} 0.04 -> 0.02")
    after = (await client.get("/api/v1/limits")).json()
    assert after["hash"] == tight.json()["hash"] != before["hash"]
    loose = {"limits": {name: "0.03"}}
    refused = await client.post("/api/v1/limits", json=loose)
    assert refused.status_code == 409
    assert refused.json()["error"] == f"loosening {name} needs a reason"
    assert (await client.post("/api/v1/limits", json={**loose, "reason": "calm"})).status_code == 200
    beyond = await client.post("/api/v1/limits", json={"limits": {name: "0.21"}, "reason": "calm"})
    assert (beyond.status_code, "ceiling 0.2" in beyond.json()["error"]) == (409, True)
    assert (await client.post("/api/v1/limits", json={"back": [], "reason": "done"})).status_code == 200
    assert (await client.get("/api/v1/limits")).json() == before
    history = (await client.get("/api/v1/limits/history")).json()
    assert [(entry["by"], entry["reason"]) for entry in history] == [
        ("", ""), ("api", ""), ("api", "calm"), ("api", "done"),
    ]  # fmt: skip


async def test_chat_asks_before_it_acts(client: httpx.AsyncClient, desk: DemoDesk) -> None:
    asked = (await client.post("/api/v1/chat", json={"text": "please pause"})).json()
    assert desk.halts == []
    confirm = asked["proposed"]["confirm_id"]
    done = await client.post("/api/v1/chat", json={"text": "yes", "confirm": confirm})
    assert "Paused" in done.json()["text"]
    assert [action for action, _, _ in desk.halts] == ["pause"]


async def test_every_route_is_in_the_documents(client: httpx.AsyncClient) -> None:
    schema = (await client.get("/api/v1/openapi.json")).json()
    page = (await client.get("/api/v1/docs")).text
    assert len(schema["paths"]) >= 14
    for path in schema["paths"]:
        assert path in page
    assert "/api/v1/events" in page
