"""One run of a session: paced or at full speed, one step at a time, stoppable at any moment.

Everything that moves the desk goes through one lock, so a scheduled bar, a panic and a stop never overlap.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import structlog

from app import control
from app.bootstrap import Desk, remarks_on
from app.history import COMPLETED
from app.working import Desired, begin, end
from domain.errors import DeskError
from domain.events import DeskEvent, Notice, SessionStarted, SessionStopped
from domain.halt import Halt
from domain.orders import Origin
from execution.flatten import Flattened, flatten
from graph.engine import StepReport

State = Literal["starting", "running", "stopping", "finished", "failed"]
INTERRUPTED = "interrupted"

_LOOK_SECONDS = 0.2
_LAST_STEP_SECONDS = 2.0
_log = structlog.get_logger("desk.session")


class SessionRun:
    """Drives a desk bar by bar until the tape ends, `bars` is reached, or `stop` is called."""

    def __init__(self, desk: Desk, *, requests: Path | None = None, bars: int | None = None) -> None:
        """`requests` is the folder where other processes leave their requests."""
        self.desk = desk
        self.state: State = "starting"
        self.problem = ""
        self._requests = requests
        self._bars = bars
        self._lock = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._step: asyncio.Task[StepReport | None] | None = None
        self._closed = False

    async def start(self) -> tuple[str, ...]:
        """Say that the session begins; after a stop or crash, settle the fate of every order first.

        Returns what the reconciliation found. A panic is carried out before any decision.
        """
        desk = self.desk
        at = desk.clock.now()
        self._emit(
            SessionStarted(
                session=desk.session,
                mode=desk.settings.mode,
                config_hash=desk.settings.fingerprint(),
                capital=desk.portfolio.capital.amount,
                currency=desk.portfolio.capital.currency,
                resumed=desk.resumed,
                at=at,
            )
        )
        for remark in remarks_on(desk.feed, desk.settings):
            self._notice("warning", remark)
        desk.journal.commit()
        self._drop_old_orders()
        found = await self._settle()
        self.state = "running"
        if desk.halts.current.flatten and desk.portfolio.positions:
            await self._flatten_now(desk.halts.current.reason)
        return found

    def _drop_old_orders(self) -> None:
        """An order that was left for an earlier run is not carried out by this one; a halt is."""
        if self._requests is None:
            return
        for request in control.pending(self._requests):
            if isinstance(request, control.WorkRequest):
        desk.limiting.declare()
        if desk.limiting.doubt:
            said = f"the limits on record are in doubt: {desk.limiting.doubt}"
            self._notice("error", said)
            desk.halts.apply("stop", reason=said, by="the desk, at its start")
                late = DeskError("the desk has restarted since", fix="Ask again")
                control.answer(self._requests, request.request_id, control.refusal(late))

    async def _settle(self) -> tuple[str, ...]:
        """What becomes of the orders of an earlier run."""
        return await self.desk.orders.reconcile() if self.desk.resumed else ()

    def stop(self) -> None:
        """Ask the run to end after the step in hand. May be called from a signal handler."""
        self._stopping.set()

    async def wait_for_stop(self) -> None:
        """Return once `stop` was called; until then requests of other processes are still obeyed."""
        while not self._stopping.is_set():
            await self.look_at_requests()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._stopping.wait()

    async def run(self, seconds_per_bar: float | None) -> None:
        """Step until the end: every `seconds_per_bar` seconds, or as fast as it goes when None.

        Raises what a step raised: StorageError, LedgerError and the like. Then the state is "failed".
        """
        try:
            if seconds_per_bar is None:
                await self._run_flat_out()
            else:
                await self._run_paced(seconds_per_bar)
        except DeskError as error:
            self.state, self.problem = "failed", str(error)
            raise

    async def _run_flat_out(self) -> None:
        while not self._stopping.is_set() and await self.advance():
            await self.look_at_requests()
            await asyncio.sleep(0)  # let signals, the API and listeners have their turn

    async def _run_paced(self, seconds: float) -> None:
        from apscheduler.schedulers.asyncio import AsyncIOScheduler

        failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def guarded(work: Callable[[], Awaitable[bool]]) -> None:
            try:
                if not await work():
                    self._stopping.set()
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - handed on: the scheduler would only log it
                if not failure.done():
                    failure.set_exception(error)

        # One instance and coalescing: a slow cycle delays the next bar, it never overlaps with it.
        scheduler = AsyncIOScheduler(timezone="UTC")
        shared = {"trigger": "interval", "max_instances": 1, "coalesce": True, "misfire_grace_time": None}
        scheduler.add_job(guarded, args=(self._tick,), seconds=seconds, **shared)
        scheduler.add_job(guarded, args=(self.look_at_requests,), seconds=_LOOK_SECONDS, **shared)
        scheduler.start()
        stopped = asyncio.create_task(self._stopping.wait())
        try:
            waiters: tuple[asyncio.Future[Any], ...] = (stopped, failure)
            await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
        finally:
            scheduler.shutdown(wait=False)
            stopped.cancel()
        if failure.done():
            failure.result()
        failure.cancel()

    async def _tick(self) -> bool:
        return True if self._lock.locked() else await self.advance()

    async def advance(self) -> bool:
        """Work through one bar; False when there will be no further one."""
        async with self._lock:
            return await self._advance()

    async def _advance(self) -> bool:
        desk = self.desk
        if self._bars is not None and desk.tally.bars >= self._bars:
            return self._finish()
        self._step = asyncio.create_task(desk.engine.step())
        try:
            report = await self._step
        except asyncio.CancelledError:
            if self._step.cancelled() and not _cancelling():
                return True  # a panic took the step away; the desk itself goes on
            raise
        finally:
            self._step = None
        return True if report is not None else self._finish()

    def _finish(self) -> bool:
        self.state = "finished"
        return False

    async def halt(self, action: control.Action, *, reason: str, by: str, confirm: bool = False) -> Halt:
        """Pause, stop, panic or resume. Durable when it returns; a panic has then tried to flatten."""
        halt = self.desk.halts.apply(action, reason=reason, by=by, confirm=confirm)
        if action == "panic":
            await self.flatten(reason)
        return halt

    async def flatten(self, reason: str) -> Flattened:
        """Get flat now: a cycle that is under way, perhaps waiting for a model, is dropped for it."""
        if self._step is not None:
            self._step.cancel()
        async with self._lock:
            return await self._flatten_now(reason)

    async def _flatten_now(self, reason: str) -> Flattened:
        desk = self.desk
        desk.context.algorithms.stop_all(reason)
        done = await flatten(
            desk.orders,
            desk.portfolio,
            desk.feed.instruments,
            desk.clock,
            session=desk.session,
            step=self._let_venue_work,
            origin=Origin.PANIC,
            reason=reason,
        )
        if done.flat:
            self._notice("warning", f"flat: {len(done.orders)} sold, {len(done.cancelled)} withdrawn")
        else:
            self._notice("error", f"not flat: {'; '.join(done.problems) or 'the tape ended'}")
        desk.journal.commit()
        return done

    async def _let_venue_work(self) -> bool:
        """What flattening does between two rounds; False when there will be no further one."""
        return await self._advance()

    async def look_at_requests(self) -> bool:
        """Obey what other processes asked for in the home folder."""
        if self._requests is None:
            return True
        for request in control.pending(self._requests):
            try:
                told = await self._obey(request)
            except DeskError as error:
                told = control.refusal(error)
            control.answer(self._requests, request.request_id, told)
        return True

    async def _obey(self, request: control.Request | control.WorkRequest) -> dict[str, object]:
        if isinstance(request, control.Request):
            halt = await self.halt(
                request.action, reason=request.reason, by=request.by, confirm=request.confirm
            )
            return self.describe(halt)
        if request.ends:
            return await end(self.desk, request.ends, f"stopped by {request.by}")
        return await begin(self.desk, Desired.read(request.asked), by=request.by, pace=self.pace)

    @property
    def pace(self) -> timedelta:
        """How often orders are looked after, in the desk's time: on a tape nothing happens between bars."""
        return self.desk.feed.timeframe.delta

    def describe(self, halt: Halt) -> dict[str, object]:
        """The halt in force and whether the desk is flat, as an answer to an operator."""
        held = len(self.desk.portfolio.positions)
        latched = ", latched" if halt.latched else ""
        return {
            "state": halt.state,
            "latched": halt.latched,
            "flat": held == 0,
            "running": True,
            "message": f"The desk is {halt.state}{latched} ({halt.reason}); {held} position(s) held.",
        }

    async def close(self) -> None:
        """End this run: withdraw entries that wait, keep the stops, write it down. Safe to call twice.

        A session whose tape ended is over; any other goes on with the next run.
        """
        if self._closed:
            return
        self._closed = True
        ended = self.state == "finished"
        if not ended and self.state != "failed":
            self.state = "stopping"
        if self._step is not None:
            with contextlib.suppress(asyncio.CancelledError):
                _, late = await asyncio.wait({self._step}, timeout=_LAST_STEP_SECONDS)
                for task in late:
                    task.cancel()
        async with self._lock:
            if self.state != "failed":
                await self._withdraw_entries()
            self._emit(
                SessionStopped(
                    session=self.desk.session,
                    reason=COMPLETED if ended else (self.problem or INTERRUPTED),
                    equity=self.desk.portfolio.equity,
                    at=self.desk.clock.now(),
                )
            )
            self.desk.journal.commit()

    async def _withdraw_entries(self) -> None:
        for order in self.desk.orders.open_orders():
            if not order.intent.reduce_only:
                await self.desk.orders.cancel(order.client_id, "the desk stops")
        await self.desk.orders.sync()

    def _emit(self, event: DeskEvent) -> None:
        self.desk.journal.append(event)
        self.desk.bus.publish(event)

    def _notice(self, level: Literal["warning", "error"], message: str) -> None:
        self._emit(Notice(level, "session", message, self.desk.clock.now()))
        _log.log(30 if level == "warning" else 40, message)


def _cancelling() -> bool:
    """Whether the task that runs this is itself being cancelled."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
