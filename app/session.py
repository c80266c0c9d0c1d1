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

from app import control
from app.bootstrap import Desk, remarks_on
from app.emergency import Emergency
from app.emergency_run import HaltingRun
from app.history import COMPLETED
from domain.errors import DeskError
from domain.events import SessionStarted, SessionStopped

State = Literal["starting", "running", "stopping", "finished", "failed"]
INTERRUPTED = "interrupted"

_LOOK_SECONDS = 0.2
_LAST_STEP_SECONDS = 2.0


class SessionRun(HaltingRun):
    """Drives a desk bar by bar until the tape ends, `bars` is reached, or `stop` is called."""

    def __init__(
        self,
        desk: Desk,
        *,
        requests: Path | None = None,
        bars: int | None = None,
        emergency: Emergency | None = None,
    ) -> None:
        """`requests` is the folder where other processes leave theirs; `emergency` the doors beside it."""
        super().__init__(desk, requests, emergency)
        self.state: State = "starting"
        self.problem = ""
        self._bars = bars
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
        desk.limiting.declare()
        if desk.limiting.doubt:
            said = f"the limits on record are in doubt: {desk.limiting.doubt}"
            self._notice("error", said)
            desk.halts.apply("stop", reason=said, by="the desk, at its start")
        for remark in remarks_on(desk.feed, desk.settings):
            self._notice("warning", remark)
        desk.journal.commit()
        self._drop_old_orders()
        self._take_alarm()
        found = await self._settle()
        self.state = "running"
        await self.look_at_requests()
        return found

    def _drop_old_orders(self) -> None:
        """What was left for an earlier run is not carried out by this one, unless it is a halt."""
        if self._requests is None:
            return
        for request in control.pending(self._requests):
            if not isinstance(request, control.Request) or request.action == "resume":
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
            async with self._attended():
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
        await self._see_to_record()
        return True if report is not None else self._finish()

    def _finish(self) -> bool:
        self.state = "finished"
        return False

    async def _let_venue_work(self) -> bool:
        return await self._advance()

    @property
    def pace(self) -> timedelta:
        """On a tape nothing happens between bars."""
        return self.desk.feed.timeframe.delta

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


def _cancelling() -> bool:
    """Whether the task that runs this is itself being cancelled."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
