"""`desk work`: what an operator asks for is checked, written down, and worked by the running desk."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from app import control
from app.backtesting import in_memory
from app.home import Home
from app.session import SessionRun
from app.settings import Settings
from app.working import Desired, begin
from domain.errors import ConfigError, DeadlineExceeded, DeskError, NotFound
from domain.events import AlgorithmEnded, AlgorithmStarted, DeskEvent, OrderFilled
from domain.orders import Order, Origin
from execution.quality import QualityFold
from tests.unit.app.desk_line import DeskLine
from tests.unit.app.venue_stage import VenueStage
from tests.unit.graph.graph_rig import make_desk, run_desk, write_candles

BTC = "BTC/USDT"


class Stage:
    """A paper desk on the simulated market that decides nothing itself, and its folder of requests."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder)
        self.home.prepare("paper")
        told = {
            "market": {"seed": 11, "speed": "max"},
            "session": {"decide_every": 10_000},
            "risk": {"news_blackout_seconds": 0, "duplicate_window_seconds": 0},  # tested elsewhere
        }
        self.run = SessionRun(in_memory(Settings.model_validate(told)), requests=self.home.requests)
        self.seen: list[DeskEvent] = []
        self.run.desk.bus.subscribe(self.seen.append)

    async def begin(self) -> None:
        await self.run.start()
        await self.run.advance()  # the one bar on which it may decide
        for order in self.run.desk.orders.open_orders():
            await self.run.desk.orders.cancel(order.client_id, "the test wants an empty desk")
        await self.run.advance()

    @property
    def price(self) -> Decimal:
        quote = self.run.desk.feed.quote(self.run.desk.feed.symbols[0])
        assert quote is not None
        return quote.mid

    def at(self, factor: str) -> str:
        """A price on the tick, as a multiple of the last."""
        instrument = self.run.desk.feed.instruments[self.run.desk.feed.symbols[0]]
        return f"{instrument.price(self.price * Decimal(factor)):f}"

    async def ask(self, ends: str = "", **asked: str) -> dict[str, Any]:
        words = {"symbol": BTC, **{name.rstrip("_"): value for name, value in asked.items()}}
        asking = asyncio.create_task(
            asyncio.to_thread(
                control.ask_work, self.home.requests, asked=words, ends=ends, by="a test", timeout=10
            )
        )
        while not asking.done():
            await self.run.look_at_requests()
            await asyncio.sleep(0.005)
        return asking.result()

    def children(self, name: str) -> list[Order]:
        return [
            o for o in self.run.desk.orders.orders.values() if o.intent.parent == name and not o.intent.guards
        ]

    def ended(self) -> list[AlgorithmEnded]:
        return [event for event in self.seen if isinstance(event, AlgorithmEnded)]


@pytest.fixture
async def stage(tmp_path: Path) -> Stage:
    made = Stage(tmp_path)
    await made.begin()
    return made


def words(stage: Stage, kind: str) -> dict[str, str]:
    """A purchase of each kind that the market will take: limits lie above it."""
    size = {"notional": "2000"} if kind == "dca" else {"quantity": "0.02"}
    more = {
        "iceberg": {"limit": stage.at("1.01")},
        "scale": {"from_": stage.at("0.999"), "to": stage.at("1.01")},
    }
    return {"kind": kind, "side": "buy", "slices": "4", "stop": stage.at("0.9"), **size, **more.get(kind, {})}


@pytest.mark.parametrize("kind", ["twap", "vwap", "iceberg", "scale", "dca"])
async def test_each_kind_completes_and_its_children_never_exceed_it(stage: Stage, kind: str) -> None:
    told = await stage.ask(**words(stage, kind))
    name = told["algorithm_id"]
    (started,) = [event for event in stage.seen if isinstance(event, AlgorithmStarted)]
    plan = started.plan
    assert (plan.origin, plan.algorithm_id, plan.method) == (Origin.OPERATOR, name, kind)
    assert stage.children(name), "the first part goes out at once"
    for _ in range(30):
        await stage.run.advance()
        mine = stage.children(name)
        worth = sum((o.notional if plan.in_quote else o.filled for o in mine), Decimal(0))
        live = sum((o.remaining for o in mine if not o.is_terminal), Decimal(0))
        assert worth <= plan.amount
        assert plan.in_quote or worth + live <= plan.amount
    (end,) = stage.ended()
    mine = stage.children(name)
    assert len(mine) == (4 if kind != "vwap" else len(plan.slices))
    assert all(o.intent.origin is Origin.OPERATOR and o.intent.protective_stop for o in mine)
    if kind == "dca":
        assert plan.amount * Decimal("0.95") < end.done <= plan.amount
    else:
        assert (end.reason, end.rest) == ("complete", Decimal(0))
    fold = QualityFold()
    for event in stage.seen:
        fold.see(event)
    (measured,) = [each for each in fold.parents() if each.name == name]
    assert (measured.algorithm, measured.filled) == (kind, sum(o.filled for o in mine))


async def test_a_sale_in_parts_goes_on_while_the_desk_may_only_get_smaller(stage: Stage) -> None:
    bought = await stage.ask(kind="twap", side="buy", quantity="0.02", slices="1", stop=stage.at("0.9"))
    await stage.run.advance()
    await stage.run.advance()
    assert stage.children(bought["algorithm_id"])[0].filled == Decimal("0.02")
    with pytest.raises(ConfigError, match=r"0\.02000? BTC is held, not 0\.5"):
        await stage.ask(kind="twap", side="sell", quantity="0.5")
    await stage.run.halt("pause", reason="careful", by="test")
    with pytest.raises(DeskError, match="reducing"):
        await stage.ask(kind="twap", side="buy", quantity="0.02", stop=stage.at("0.9"))
    sold = await stage.ask(kind="twap", side="sell", quantity="0.02", slices="2")
    for _ in range(5):
        await stage.run.advance()
    assert sum(o.filled for o in stage.children(sold["algorithm_id"])) == Decimal("0.02")
    assert all(o.intent.reduce_only for o in stage.children(sold["algorithm_id"]))


async def test_an_operator_stops_one_and_what_rests_of_it_is_withdrawn(stage: Stage) -> None:
    low = words(stage, "scale") | {"from_": stage.at("0.95"), "to": stage.at("0.97")}
    told = await stage.ask(**low)
    assert len([o for o in stage.children(told["algorithm_id"]) if not o.is_terminal]) == 4
    assert (await stage.ask(ends=told["algorithm_id"]))["algorithm_id"] == told["algorithm_id"]
    await stage.run.advance()
    await stage.run.advance()
    assert all(o.is_terminal for o in stage.children(told["algorithm_id"]))
    assert stage.ended()[0].reason == "stopped by a test"
    with pytest.raises(NotFound, match="is being worked"):
        await stage.ask(ends=told["algorithm_id"])


async def test_a_newer_cycle_leaves_it_alone_and_a_panic_ends_it(stage: Stage) -> None:
    told = await stage.ask(**words(stage, "scale") | {"from_": stage.at("0.95"), "to": stage.at("0.97")})
    context = stage.run.desk.context
    assert await context.algorithms.stop_older(99, "a newer cycle decides") == 0
    assert len(context.standing_orders(99)) == 4, "the gate counts them against a newer cycle"
    await stage.run.halt("panic", reason="fire", by="test")
    await stage.run.halt("resume", reason="again", by="test", confirm=True)
    await stage.run.advance()
    assert [event.reason for event in stage.ended()] == ["fire"]
    assert all(o.is_terminal for o in stage.children(told["algorithm_id"]))


async def test_ids_go_on_where_the_journal_stopped(stage: Stage) -> None:
    first = await stage.ask(**words(stage, "twap"))
    second = await stage.ask(**words(stage, "twap"))
    assert first["algorithm_id"].endswith("-w00001-00")
    assert second["algorithm_id"].endswith("-w00002-00")


REFUSED: dict[str, tuple[dict[str, str], type[DeskError], str]] = {
    "unknown symbol": ({"symbol": "XXX/USDT"}, NotFound, "is not traded by this desk. Name one of BTC/USDT"),
    "below minimum": ({"quantity": "0.00001"}, ConfigError, "below the minimum.*Trade at least"),
    "too many decimals": ({"quantity": "0.0200000001"}, ConfigError, "off the step.*Write 0.02"),
    "limit off tick": ({"limit": "30000.00001"}, ConfigError, "--limit .* off the tick .*Write"),
    "no stop": ({"stop": ""}, ConfigError, "proves it wrong. Add --stop, for example --stop"),
    "stop above": ({"stop": "high"}, ConfigError, "is not below the lowest price"),
    "stop too far": ({"stop": "far"}, DeskError, "the gate refuses its first part: the protective stop is"),
    "too short": ({"minutes": "1"}, ConfigError, "too short.*--minutes"),
    "too long": ({"minutes": "99999999"}, ConfigError, "Write at most 43200"),
    "too dear": ({"quantity": "1000"}, ConfigError, "is there. Ask for less"),
    "not a number": ({"quantity": "nan"}, ConfigError, "--quantity nan is not a number above zero"),
    "endless": ({"quantity": "1e9999999"}, ConfigError, "not a number above zero"),
    "negative": ({"quantity": "-1"}, ConfigError, "not a number above zero"),
    "half a part": ({"slices": "1.5"}, ConfigError, "no number of parts"),
    "two sizes": ({"notional": "100"}, ConfigError, "its size once"),
    "unknown kind": ({"kind": "sniper"}, ConfigError, "Name one of twap"),
    "no side": ({"side": "short"}, ConfigError, "Write --side buy"),
    "no ladder": ({"kind": "scale"}, ConfigError, "Write --from and --to"),
    "no limit": ({"kind": "iceberg"}, ConfigError, "Add --limit"),
    "a ladder of nothing": ({"from_": "1", "to": "2"}, ConfigError, "or use scale"),
    "dca sells": ({"kind": "dca", "side": "sell"}, ConfigError, "dca buys for a sum"),
    "small parts": ({"kind": "dca", "quantity": "", "notional": "12"}, ConfigError, "Spend"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
async def test_what_cannot_work_is_refused_before_it_is_written_down(stage: Stage, case: str) -> None:
    change, kind, said = REFUSED[case]
    prices = {"high": stage.at("1.02"), "far": stage.at("0.5")}
    asked = words(stage, "twap") | {name: prices.get(value, value) for name, value in change.items()}
    with pytest.raises(kind, match=said) as caught:
        await stage.ask(**{name: value for name, value in asked.items() if value})
    assert caught.value.exit_code == kind.exit_code
    assert caught.value.fix
    assert not [event for event in stage.seen if isinstance(event, AlgorithmStarted)]
    assert not [event for event in stage.seen if isinstance(event, OrderFilled)]


async def test_an_order_that_was_left_for_an_earlier_run_is_not_carried_out(tmp_path: Path) -> None:
    made = Stage(tmp_path)
    control._leave(made.home.requests, {"work": {"kind": "twap"}, "ends": "", "by": "someone"})
    assert len(list(control.pending(made.home.requests))) == 1
    await made.begin()
    assert list(control.pending(made.home.requests)) == []


async def test_at_a_venue_the_parts_follow_its_clock_and_not_the_bars(tmp_path: Path) -> None:
    stage = VenueStage(pace=1)
    run = await stage.run()
    await run.start()
    await run.beat()
    want = Desired.read(
        {
            "kind": "twap",
            "symbol": BTC,
            "side": "buy",
            "quantity": "0.02",
            "minutes": "1",
            "slices": "4",
            "stop": "90",
        }
    )
    quote = run.desk.feed.quote(run.desk.feed.symbols[0])
    assert quote is not None
    want = replace(want, stop=run.desk.feed.instruments[quote.symbol].price_down(quote.bid * Decimal("0.9")))
    told = await begin(run.desk, want, by="a test", pace=run.pace)
    for _ in range(62):
        await run._rest()
        await run.beat()
    mine = [o for o in run.desk.orders.orders.values() if o.intent.parent == told["algorithm_id"]]
    mine = [o for o in mine if not o.intent.guards]
    times = [o.intent.created_at for o in mine]
    assert [later - sooner for sooner, later in pairwise(times)] == [timedelta(seconds=15)] * 3
    assert sum(o.filled for o in mine) == Decimal("0.02")
    with pytest.raises(ConfigError, match="too short: orders are looked after every 1 s here"):
        await begin(run.desk, replace(want, slices=200, minutes=Decimal(1)), by="a test", pace=run.pace)
    await run.close()


async def test_an_order_ends_before_its_tape_does(tmp_path: Path) -> None:
    desk = make_desk(write_candles(tmp_path, bars=20), session={"decide_every": 100})
    await run_desk(desk, bars=10)
    quote = desk.feed.quote(desk.feed.symbols[0])
    assert quote is not None
    asked = {"kind": "twap", "symbol": BTC, "side": "buy", "quantity": "0.02", "slices": "2"}
    stop = desk.feed.instruments[quote.symbol].price_down(quote.bid * Decimal("0.9"))
    hour = desk.feed.timeframe.delta
    late = Desired.read({**asked, "stop": str(stop), "minutes": "660"})
    with pytest.raises(ConfigError, match="the tape ends in 600 minutes, before 660 are over"):
        await begin(desk, late, by="a test", pace=hour)
    told = await begin(desk, replace(late, minutes=Decimal(600)), by="a test", pace=hour)
    assert told["parts"] == 2


async def test_a_sale_on_a_desk_that_stands_still_says_that_it_waits(stage: Stage) -> None:
    await stage.ask(kind="twap", side="buy", quantity="0.02", slices="1", stop=stage.at("0.9"))
    await stage.run.advance()
    await stage.run.halt("stop", reason="r", by="test")
    sold = await stage.ask(kind="twap", side="sell", quantity="0.02", slices="2", minutes="600")
    await stage.run.advance()
    assert "no part is sent before desk resume" in sold["message"]
    assert stage.children(sold["algorithm_id"]) == []
    await stage.run.halt("resume", reason="r", by="test", confirm=True)
    await stage.run.advance()
    assert len(stage.children(sold["algorithm_id"])) == 1


def test_an_order_that_nobody_answers_is_taken_back(tmp_path: Path) -> None:
    with pytest.raises(DeadlineExceeded, match="taken back"):
        control.ask_work(tmp_path, asked={"kind": "twap"}, by="test", timeout=0.05)
    assert list(control.pending(tmp_path)) == []


def test_it_reads_a_ladder_in_either_direction() -> None:
    asked = {"kind": "scale", "symbol": BTC, "side": "buy", "quantity": "1", "from": "200", "to": "100"}
    assert (Desired.read(asked).low, Desired.read(asked).high) == (Decimal(100), Decimal(200))


def test_the_command_line_says_that_no_desk_runs(desk: DeskLine) -> None:
    line = ("work", "twap", "--symbol", BTC, "--side", "buy", "--quantity", "0.1")
    assert (desk(*line).code, desk("work", "stop", "x").code) == (3, 3)
    assert desk(*line, "--minutes", "soon").code == 4
    assert desk("work", "sniper").code == 4
    assert desk("run", "--speed", "max", "--bars", "3", "--json").code == 0
    assert desk("work", "list", "--json").told["orders"] == []
    assert "Nothing is being worked" in desk("work", "list").out
