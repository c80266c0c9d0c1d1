"""Routed orders over several desks, each running in its own home with its own gate: one order, sent once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.application import create_app
from api.server import serve
from app import peers
from app.activity import Activity
from app.backtesting import in_memory
from app.home import Home
from app.service import LiveDesk
from app.session import SessionRun
from app.settings import Settings
from app.working import Desired, begin
from domain.algorithms import PartRouted
from domain.errors import ConfigError, VenueRejected
from domain.events import AlgorithmEnded
from domain.money import Symbol
from domain.orders import Order, OrderStatus
from memory.journal import MemoryJournal
from memory.records import MemoryRecords

BTC = "BTC/USDT"
SMALL = {"max_order_notional_quote": "1500"}
"""So that no desk can take all of the order."""


@dataclass
class Place:
    """A desk that runs in a home folder, on a market of its own seed, and decides nothing itself."""

    home: Home
    run: SessionRun
    service: LiveDesk

    @property
    def orders(self) -> dict[str, Order]:
        return dict(self.run.desk.orders.orders)

    def parts(self, name: str) -> list[Order]:
        """The parts of a routed order that are here, without the stops that protect what they bought."""
        return [
            o for o in self.orders.values() if o.intent.parent == name and o.client_id.startswith(f"{name}-")
        ]

    def events(self, kind: type[Any]) -> list[Any]:
        journal = self.run.desk.journal
        assert isinstance(journal, MemoryJournal)
        journal.commit()
        return [event for _, event in journal.events() if isinstance(event, kind)]


@asynccontextmanager
async def place(folder: Path, **more: Any) -> AsyncIterator[Place]:
    home = Home(folder)
    home.prepare("paper")
    told = {"market": {"seed": 11, "speed": "max"}, "session": {"decide_every": 10_000}, **more}
    run = SessionRun(in_memory(Settings.model_validate(told)))
    service = LiveDesk(run, MemoryRecords(), Activity(run.desk.tools, None))
    app = create_app(service, home.token())
    with home.lock():
        async with serve(app, "127.0.0.1", 0) as address:
            home.announce("session", address.url)
            await run.start()
            await run.advance()
            for order in run.desk.orders.open_orders():
                await run.desk.orders.cancel(order.client_id, "the test wants an empty desk")
            await run.advance()
            yield Place(home, run, service)


@asynccontextmanager
async def two(folder: Path, far: dict[str, Any] | None = None) -> AsyncIterator[tuple[Place, Place]]:
    async with (
        place(folder / "far", risk={**SMALL, **(far or {})}) as there,
        place(folder / "near", risk=SMALL, peers={"far": str(folder / "far")}) as here,
    ):
        yield here, there


async def route(here: Place, quantity: str, side: str = "buy", **more: str) -> str:
    feed = here.run.desk.feed
    quote = feed.quote(feed.symbols[0])
    assert quote is not None
    stop = feed.instruments[feed.symbols[0]].price_down(quote.bid * Decimal("0.95"))
    told = {"kind": "route", "symbol": BTC, "side": side, "quantity": quantity, "minutes": "150", **more}
    if side == "buy":
        told["stop"] = f"{stop:f}"
    answer = await begin(here.run.desk, Desired.read(told), by="a test", pace=timedelta(minutes=15))
    return str(answer["algorithm_id"])


async def test_a_routed_order_is_split_over_two_desks_and_adds_up(tmp_path: Path) -> None:
    async with two(tmp_path) as (here, there):
        name = await route(here, "0.05")
        assert here.parts(name)
        assert there.parts(name)
        for _ in range(6):
            await there.run.advance()
            await here.run.advance()
        done = [*here.parts(name), *there.parts(name)]
        assert len({order.client_id for order in done}) == len(done)
        assert sum(order.filled for order in done) == Decimal("0.05")
        (ended,) = here.events(AlgorithmEnded)
        assert (ended.done, ended.rest) == (Decimal("0.05"), 0)
        routed = [event.intent.client_id for event in here.events(PartRouted)]
        assert routed == [order.client_id for order in there.parts(name)]
        for desk in (here.run.desk, there.run.desk):  # each watches over its own part
            assert desk.orders.armed_stop(desk.feed.symbols[0]) is not None
            desk.portfolio.check()


async def test_each_desk_reviews_its_part_itself(tmp_path: Path) -> None:
    async with two(tmp_path, {"max_stop_distance_fraction": "0.01"}) as (here, there):
        name = await route(here, "0.05")
        assert {order.status for order in there.parts(name)} <= {OrderStatus.REFUSED}
        for _ in range(3):
            await here.run.advance()
        assert sum(order.filled for order in there.parts(name)) == 0
        assert sum(order.filled for order in here.parts(name)) > 0


async def test_a_lost_answer_is_asked_for_again_and_sent_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two(tmp_path) as (here, there):
        ask = httpx.AsyncClient.request
        lost: list[str] = []

        async def deaf(client: httpx.AsyncClient, method: str, url: str, **more: Any) -> httpx.Response:
            answer = await ask(client, method, url, **more)
            if method == "POST" and not lost:
                lost.append(url)
                raise httpx.ReadTimeout("no answer")
            return answer

        monkeypatch.setattr(httpx.AsyncClient, "request", deaf)
        name = await route(here, "0.05")
        assert lost
        known = here.run.desk.context.algorithms.others["far"].orders
        assert [order.status for order in known.values()] == [OrderStatus.UNKNOWN]
        assert len(there.parts(name)) == 1  # it did arrive
        for _ in range(6):
            await there.run.advance()
            await here.run.advance()
        done = [*here.parts(name), *there.parts(name)]
        assert sum(order.filled for order in done) == Decimal("0.05")
        assert len(there.parts(name)) == len(known)


async def test_a_restart_takes_up_what_was_sent_to_another_desk(tmp_path: Path) -> None:
    async with two(tmp_path) as (here, there):
        name = await route(here, "0.05")
        remote = here.run.desk.context.algorithms.others["far"]
        (event, *_) = here.events(PartRouted)
        again = peers.RemoteDesk("far", there.home.path, live=False)
        again.adopt(event.intent)
        (state,) = [s for s in here.run.desk.context.algorithms.running if s.plan.algorithm_id == name]
        await again.refresh(state.plan)
        before = remote.orders[event.intent.client_id]
        after = again.orders[event.intent.client_id]
        assert (after.status, after.filled, after.venue_id) == (before.status, before.filled, before.venue_id)
        never = replace(event.intent, client_id=f"{name}-77", leg=77)
        again.adopt(never)  # written down and not sent: it is asked for now, once
        await again.refresh(state.plan)
        await again.refresh(state.plan)
        assert [o.client_id for o in there.parts(name)].count(f"{name}-77") == 1


async def test_other_money_and_an_empty_home_are_not_routed_to(tmp_path: Path) -> None:
    async with two(tmp_path) as (here, there):
        name = await route(here, "0.01")
        (state,) = [s for s in here.run.desk.context.algorithms.running if s.plan.algorithm_id == name]
        with pytest.raises(peers.PeerDown, match="that is other money"):
            await peers.RemoteDesk("far", there.home.path, live=True).offer(state.plan)
        with pytest.raises(peers.PeerDown, match="no desk with an API runs"):
            await peers.RemoteDesk("gone", tmp_path / "nowhere", live=False).offer(state.plan)
        unknown = replace(state.plan, symbol=Symbol("DOGE/USDT"))
        with pytest.raises(VenueRejected, match="not traded by this desk"):
            await peers.RemoteDesk("far", there.home.path, live=False).offer(unknown)


async def test_what_is_offered_is_what_may_be_used(tmp_path: Path) -> None:
    async with two(tmp_path) as (here, there):
        name = await route(here, "0.01")
        (state,) = [s for s in here.run.desk.context.algorithms.running if s.plan.algorithm_id == name]
        remote = here.run.desk.context.algorithms.others["far"]
        offer = await remote.offer(state.plan)
        assert offer.venue == "far"
        assert offer.taker == Decimal("0.001")
        assert offer.levels == there.run.desk.feed.book(state.plan.symbol).asks  # type: ignore[union-attr]
        assert offer.free <= there.run.desk.portfolio.cash
        await there.service.change_limits({"max_order_notional_quote": "77"}, None, reason="", by="a test")
        assert (await remote.offer(state.plan)).free == 77


async def test_a_desk_that_does_not_answer_is_said_at_once(tmp_path: Path) -> None:
    async with place(tmp_path / "near", peers={"far": str(tmp_path / "nowhere")}) as here:
        with pytest.raises(peers.PeerDown, match="no desk with an API runs"):
            await route(here, "0.01")
        assert not here.run.desk.context.algorithms.running


async def test_without_other_desks_there_is_nothing_to_route(tmp_path: Path) -> None:
    async with place(tmp_path / "alone") as here:
        with pytest.raises(ConfigError, match="no other desk"):
            await route(here, "0.01")
        with pytest.raises(ConfigError, match="--slices"):
            await route(here, "0.01", slices="3")


async def test_a_strange_desk_may_not_withdraw_our_own_orders(tmp_path: Path) -> None:
    async with place(tmp_path / "home") as here:
        (some, *_) = here.orders
        running = here.home.running()
        assert running is not None
        url = f"{running.url}/api/v1/peer/children/{some}"
        async with httpx.AsyncClient(trust_env=False) as client:
            headers = {"Authorization": f"Bearer {here.home.token()}"}
            assert (await client.delete(url, headers=headers)).status_code == 404
            assert (await client.delete(url)).status_code == 403
            told = await client.get(f"{running.url}/api/v1/peer/holdings", headers=headers)
        assert {each["currency"] for each in told.json()["holdings"]} >= {"USDT"}
