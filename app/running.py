"""From settings to a finished run: opens what a session needs, drives it, closes it, sums it up."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import gc
import importlib
import secrets
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from app.activity import Activity
from app.bootstrap import Desk, PaperWorld, build_desk, costs_of, model_settings
from app.console import Console
from app.emergency import Emergency
from app.history import History, SessionHistory, fold
from app.home import Home
from app.limits_views import effective_lines
from app.service import LiveDesk
from app.session import SessionRun
from app.settings import ModelKey, Settings, VenueKey
from app.venue_run import VenueRun
from app.venue_world import VenueWorld, open_world
from domain.errors import ConfigError
from domain.events import DeskEvent, EquityMarked, SessionStarted

if TYPE_CHECKING:
    from graph.context import CycleContext
    from graph.engine import CycleRunner
    from memory.journal import SqliteJournal


@dataclass(frozen=True, slots=True)
class Told:
    """What the command line asked of this run; `key` is the venue's, for one that wants it."""

    bars: int | None = None
    new: bool = False
    serve: bool = False
    linger: bool = False
    key: VenueKey | None = None


Say = Callable[[str], None]


async def run_session(
    settings: Settings, home: Home, key: ModelKey | None, told: Told, say: Say
) -> dict[str, Any]:
    """Run one session in a locked home until its end or a signal; what it came to.

    Ctrl-C (SIGINT) and SIGTERM end it cleanly, SIGUSR1 pauses and SIGUSR2 panics. Raises DeskError subclasses
    as documented on each part.
    """
    from memory.database import open_database
    from memory.records import RecordStore
    from memory.steadfast import SteadfastJournal

    spare_the_collector()
    journal = SteadfastJournal(home.database)
    emergency = Emergency(home.path, journal.hurry)
    engine = open_database(home.database)
    records = RecordStore(engine, journal)
    try:
        journal.verify()  # peaks, halts and limits are read from it: changed ones must not loosen anything
        session, past, history = _choose(journal, settings, told.new)
        journal.prepare()
        async with _world(settings, told.key, past) as world, _cycles(settings, home, key) as cycles:
            desk = build_desk(
                settings,
                session=session,
                journal=journal,
                records=records,
                cycles=cycles,
                key=key,
                halt=history.halt,
                recorded_limits=history.limits,
                past=past,
                folder=home.path,
                world=world,
            )
            run = _run_of(desk, world, home, told, emergency)
            journal.listener = run.record_trouble
            with _signals(run, emergency):
                return await _drive(run, records, home, told, past, say)
    finally:
        journal.close()
        engine.dispose()


@contextlib.asynccontextmanager
async def _world(
    settings: Settings, key: VenueKey | None, past: Sequence[DeskEvent]
) -> AsyncIterator[PaperWorld | VenueWorld]:
    """The market and the venue of this session, which began with the first of its events."""
    if key is None:
        yield PaperWorld(settings)
        return
    async with open_world(settings, key, _began(settings, past)) as world:
        yield world


def _began(settings: Settings, past: Sequence[DeskEvent]) -> datetime | None:
    """A moment in the session's first bar; the first mark knows it best."""
    first = next((event for event in past if isinstance(event, EquityMarked)), None)
    if first is not None:
        return first.at - settings.session.timeframe.delta * first.bar
    return past[0].at if past else None


def _run_of(
    desk: Desk, world: PaperWorld | VenueWorld, home: Home, told: Told, emergency: Emergency
) -> SessionRun:
    if isinstance(world, PaperWorld):
        return SessionRun(desk, requests=home.requests, bars=told.bars, emergency=emergency)
    return VenueRun(
        desk,
        world.feed,
        requests=home.requests,
        bars=told.bars,
        speed=desk.settings.speed,
        emergency=emergency,
    )


def spare_the_collector() -> None:
    """Let the garbage collector look less often: the desk's messages are trees, counting frees them.

    What was imported is set aside for good. Measured on the order path, where a collection in the middle of
    an order costs more than the order.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 1000, 100)
    atexit.register(gc.freeze)  # a last look at everything took up to three seconds of Ctrl-C


def _choose(
    journal: SqliteJournal, settings: Settings, new: bool
) -> tuple[str, Sequence[DeskEvent], History]:
    """The session to run: the last one when it is unfinished and was told the same, else a new one."""
    events = [event for _, event in journal.events()]
    history = fold(events)
    last = history.latest
    if last is not None and not new and _goes_on(last, settings):
        return last.started.session, _of(events, last.started.session), history
    if settings.mode != "paper" and last is not None:
        _leaves_nothing_behind(last)
    number = len(history.sessions) + 1
    return f"s{number:04d}{secrets.token_hex(2)}", (), history


def _leaves_nothing_behind(last: SessionHistory) -> None:
    """A new session knows nothing of what an older one holds at the venue: that must be gone first."""
    held = [f"{position.quantity:f} {symbol}" for symbol, position in last.portfolio.positions.items()]
    held += [f"order {client_id}" for client_id in last.book.open]
    if held:
        raise ConfigError(
            f"session {last.started.session} still has {', '.join(held)} at its venue",
            fix="Go on with the settings it had (and desk panic, to get flat), or use another --home",
        )


def _goes_on(last: SessionHistory, settings: Settings) -> bool:
    return not last.ended and last.started.config_hash == settings.fingerprint()


def _of(events: Sequence[DeskEvent], session: str) -> Sequence[DeskEvent]:
    """The events from the first start of the last session on; sessions do not overlap."""
    for index, event in enumerate(events):
        if isinstance(event, SessionStarted) and event.session == session:
            return events[index:]
    return ()


@contextlib.asynccontextmanager
async def _cycles(
    settings: Settings, home: Home, key: ModelKey | None
) -> AsyncIterator[Callable[[CycleContext], CycleRunner]]:
    """How cycles are run: as a LangGraph with checkpoints in the home, or inline.

    Both run the same node functions, and a test holds them equal decision for decision. Without a model a
    cycle takes less time than a checkpoint, and recovery rests on the journal alone: so at full speed there
    is nothing to gain from the graph. See docs/decisions/0031-cycles-at-full-speed-run-inline.md.
    """
    chosen = settings.decision.runner
    hurried = settings.market.speed == "max" and model_settings(settings, key) is None
    if chosen == "inline" or (chosen == "auto" and hurried):
        from graph.inline import run_inline

        yield lambda context: partial(run_inline, context)
        return
    from graph.build import runner
    from graph.checkpoints import CheckpointedRunner, open_checkpoints

    async with open_checkpoints(home.checkpoints) as saver:
        yield lambda context: CheckpointedRunner(runner(context, saver), saver)


async def _drive(
    run: SessionRun, records: Any, home: Home, told: Told, past: Sequence[DeskEvent], say: Say
) -> dict[str, Any]:
    desk = run.desk
    activity = Activity(desk.tools, desk.model_settings)
    service = LiveDesk(run, records, activity)
    for event in past:
        service.see(event)
    desk.bus.subscribe(activity.see)
    desk.bus.subscribe(service.see)
    pace = _pace(desk.settings)
    if pace is not None or desk.settings.mode != "paper":
        desk.bus.subscribe(Console(say).see)
    started = time.perf_counter()
    before = desk.tally.bars
    async with _served(service, home, desk.settings, told, say) as url:
        home.announce(desk.session, url)
        for line in effective_lines(desk.limiting):
            say(line)
        try:
            for found in await run.start():
                say(found)
            await run.run(pace)
            seconds = time.perf_counter() - started
            await run.close()
            if told.linger and run.state == "finished":
                say("The tape has ended; the dashboard stays up. Ctrl-C ends it.")
                await run.wait_for_stop()
        finally:
            await run.close()
            await _let_go(desk)
    return _summary(run, bars=desk.tally.bars - before, seconds=seconds)


def _pace(settings: Settings) -> float | None:
    return None if settings.speed == float("inf") else settings.session.timeframe.seconds / settings.speed


@contextlib.contextmanager
def _signals(run: SessionRun, emergency: Emergency) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    ours = (signal.SIGINT, signal.SIGTERM)
    for number in ours:
        loop.add_signal_handler(number, run.stop)
    try:
        with emergency.signals():
            yield
    finally:
        for number in ours:
            loop.remove_signal_handler(number)


@contextlib.asynccontextmanager
async def _served(
    service: LiveDesk, home: Home, settings: Settings, told: Told, say: Say
) -> AsyncIterator[str | None]:
    """The API and the dashboard, when they are asked for.

    The API stands above this room, so it is plugged in by name, as an ASGI server is told its application:
    see docs/decisions/0030-the-api-is-plugged-in.md.
    """
    if not told.serve:
        yield None
        return
    application = importlib.import_module("api.application")
    server = importlib.import_module("api.server")
    token = home.token()
    app = application.create_app(service, token)
    async with server.serve(app, settings.api.host, settings.api.port) as address:
        say(f"Dashboard: {address.dashboard(token)}")
        yield address.url


async def _let_go(desk: Desk) -> None:
    close = getattr(desk.model, "close", None)
    if close is not None:
        await close()


def _summary(run: SessionRun, *, bars: int, seconds: float) -> dict[str, Any]:
    from backtest.runner import summarize

    desk = run.desk
    open_orders = desk.orders.open_orders()
    told = summarize(
        desk.tally,
        equity=desk.portfolio.equity,
        costs=costs_of(desk.settings),
        wall_seconds=seconds,
        bars_run=bars,
    )
    return {
        "session": desk.session,
        "state": run.state,
        "resumed": desk.resumed,
        **told.as_mapping(),
        "positions": len(desk.portfolio.positions),
        "open_orders": len(open_orders),
        "resting_stops": sum(order.intent.trigger_price is not None for order in open_orders),
        "unknown_orders": sum(order.status == "unknown" for order in open_orders),
    }
