"""What every run owes its operator: halts obeyed at once, and a panic carried to its end.

Whoever asks - a file, a signal, a request of another process, the API, the chat - ends up in `halt`. The
halt is in force before anything else is tried; a cycle that waits for a model is dropped for a panic.
"""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Final, Literal

import structlog

from app import control
from app.accepting import accept
from app.bootstrap import Desk
from app.breaker_views import reset_view
from app.emergency import LOOK_SECONDS, Emergency
from app.limits_views import set_view
from app.rebalancing import KIND, rebalance
from app.working import Desired, begin, end
from domain.clock import EPOCH
from domain.errors import DeskError, StorageError
from domain.events import DeskEvent, Notice
from domain.halt import Halt, HaltState
from domain.orders import Origin
from execution.flatten import Flattened, flatten
from graph.engine import StepReport

AGAIN: Final = 5
"""After so many looks, or bars of a tape, a panic that could not sell everything tries again."""

PATIENCE: Final = 150
"""For so many looks a tape stands still while its journal cannot be written: half a minute."""

_log = structlog.get_logger("desk.session")


class HaltingRun(ABC):
    """The part of a run that stops it. Whatever moves the desk holds `_lock`; `_step` is the bar at work."""

    def __init__(self, desk: Desk, requests: Path | None, emergency: Emergency | None) -> None:
        self.desk = desk
        self._requests = requests
        self._emergency = emergency
        self._lock = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._step: asyncio.Task[StepReport | None] | None = None
        self._looking = False
        self._panicking = False
        self._left: tuple[str, ...] = ()
        self._again = EPOCH
        self._trouble: StorageError | None = None
        if emergency is not None:
            desk.halts.hold(emergency.held)
        desk.halts.hold(self._unrecorded)

    @property
    @abstractmethod
    def pace(self) -> timedelta:
        """How often orders are looked after, in the desk's time."""

    @abstractmethod
    async def _let_venue_work(self) -> bool:
        """What flattening does between two rounds; False when there will be no further one."""

    # -- halts

    async def halt(self, action: control.Action, *, reason: str, by: str, confirm: bool = False) -> Halt:
        """Pause, stop, panic or resume, in force when it returns; a panic has then tried to flatten.

        A halt that cannot be written down is in force and said; see `Halts.apply` for what a resume raises.
        """
        halt = self._apply(action, reason=reason, by=by, confirm=confirm)
        if action == "panic":
            await self.flatten(reason)
        return halt

    def _apply(self, action: control.Action, *, reason: str, by: str, confirm: bool = False) -> Halt:
        halts = self.desk.halts
        if action == "panic" and self._emergency is not None:
            self._emergency.hurry()
        halt = halts.apply(action, reason=reason, by=by, confirm=confirm)
        if halts.unwritten is not None:
            self._notice("error", f"the halt is in force and not written down: {halts.unwritten.message}")
        return halt

    def describe(self, halt: Halt) -> dict[str, object]:
        """The halt in force and whether the desk is flat, as an answer to an operator."""
        held = len(self.desk.portfolio.positions)
        latched = ", latched" if halt.latched else ""
        message = f"The desk is {halt.state}{latched} ({halt.reason}); {held} position(s) held."
        if halt.flatten:
            left = "; ".join(self._left)
            message += " Flat." if self.is_flat else f" NOT FLAT, and it goes on: {left or 'not sold yet'}."
        return {
            "state": halt.state,
            "latched": halt.latched,
            "flat": self.is_flat,
            "running": True,
            "message": message,
        }

    @property
    def is_flat(self) -> bool:
        """Nothing that could be sold and no entry, and nothing that the newest flattening left unsettled."""
        return not self._left and not self._is_something_left()

    def _take_alarm(self) -> bool:
        """Put a halt in force that a file or a signal asks for; whether there was one."""
        alarm = self._emergency.look(self.desk.halts.current) if self._emergency is not None else None
        if alarm is None:
            return False
        self._apply(alarm.action, reason=alarm.reason, by=alarm.by)
        return True

    async def look_at_requests(self) -> bool:
        """Obey files, signals and what other processes asked for in the home folder; finish a panic."""
        if self._looking:
            return True
        self._looking = True
        try:
            if self._take_alarm() and self.desk.halts.current.flatten:
                await self.flatten(self.desk.halts.current.reason)
            if self._requests is not None:
                await self._obey_all(self._requests)
            await self._finish_panic()
        finally:
            self._looking = False
        return True

    async def _obey_all(self, folder: Path) -> None:
        for request in control.pending(folder):
            control.take(folder, request.request_id)
            try:
                told = await self._obey(request)
            except DeskError as error:
                told = control.refusal(error)
            try:
                control.answer(folder, request.request_id, told)
            except StorageError as error:
                _log.error(f"{told} was done and could not be told: {error}")

    async def _obey(self, request: control.Asked) -> dict[str, object]:
        if isinstance(request, control.Request):
            halt = await self.halt(
                request.action, reason=request.reason, by=request.by, confirm=request.confirm
            )
            return self.describe(halt)
        if isinstance(request, control.BreakerRequest):
            closed = self.desk.watch.reset(request.name, reason=request.reason, by=request.by)
            return reset_view(closed)
        if isinstance(request, control.AcceptRequest):
            return dict(await accept(self.desk, request))
        if isinstance(request, control.LimitsRequest):
            limiting = self.desk.limiting
            changed = limiting.change(
                request.told,
                request.back,
                by=request.by,
                reason=request.reason,
                may_loosen=request.may_loosen,
            )
            return {"running": True, **set_view(limiting, changed).model_dump(mode="json")}
        if request.asked.get("kind") == KIND:
            return await rebalance(self.desk, request.asked, by=request.by)
        if request.ends:
            return await end(self.desk, request.ends, f"stopped by {request.by}")
        return await begin(self.desk, Desired.read(request.asked), by=request.by, pace=self.pace)

    @contextlib.asynccontextmanager
    async def _attended(self) -> AsyncIterator[None]:
        """Look beside whatever goes on: a bar may wait for a model for long, a look for its venue."""
        if self._emergency is None:
            yield
            return
        attending = asyncio.create_task(self._emergency.attend(self.look_at_requests))
        try:
            yield
        finally:
            attending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await attending

    # -- panic

    async def flatten(self, reason: str) -> Flattened:
        """Get flat now: a cycle that is under way, perhaps waiting for a model, is dropped for it."""
        if self._step is not None:
            self._step.cancel()
        async with self._lock:
            return await self._flatten_now(reason)

    async def _finish_panic(self) -> None:
        """A panic that could not sell everything goes on selling, also after a restart."""
        desk = self.desk
        halt = desk.halts.current
        if self._panicking or not halt.flatten:
            return
        if desk.clock.now() >= self._again and self._is_something_left():
            await self.flatten(halt.reason)

    def _is_something_left(self) -> bool:
        portfolio, orders = self.desk.portfolio, self.desk.orders.open_orders()
        sellable = any(portfolio.sellable(symbol, mark) for symbol, _, mark in portfolio.held())
        return sellable or any(not order.intent.guards for order in orders)

    async def _flatten_now(self, reason: str) -> Flattened:
        desk = self.desk
        self._panicking = True
        desk.context.algorithms.stop_all(reason)
        try:
            done = await flatten(
                desk.orders,
                desk.portfolio,
                desk.feed.instruments,
                desk.clock,
                session=desk.session,
                step=self._let_venue_work,
                hands=desk.context.hands,
                origin=Origin.PANIC,
                reason=reason,
            )
        except StorageError as error:
            self._left = (error.message,)
            self._notice("error", f"not flat: no order is sent that cannot be written down: {error.message}")
            raise
        finally:
            self._panicking = False
            self._again = desk.clock.now() + AGAIN * self.pace
        self._left = () if done.flat else done.problems or ("the tape ended",)
        if done.flat:
            self._notice("warning", f"flat: {len(done.orders)} sold, {len(done.cancelled)} withdrawn")
        else:
            self._notice("error", f"not flat: {'; '.join(self._left)}")
        desk.journal.commit()
        return done

    # -- the record

    def record_trouble(self, error: StorageError | None) -> None:
        """The journal goes on beside its database, or (None) in it again."""
        self._trouble = error
        if error is None:
            self._notice("warning", "the journal is in its database again")
        else:
            self._notice("error", f"the journal goes on beside its database: {error.message}")

    async def _see_to_record(self) -> None:
        """A tape can wait for its record, unless the desk is halted: then it only gets smaller.

        Raises the StorageError that the journal met when it does not pass.
        """
        for _ in range(PATIENCE):
            halted = self.desk.halts.state() is not HaltState.ACTIVE
            if self._trouble is None or halted or self._stopping.is_set():
                return
            await asyncio.sleep(LOOK_SECONDS)
            self.desk.journal.commit()
        if self._trouble is not None:
            raise self._trouble

    def _unrecorded(self) -> str:
        return "" if self._trouble is None else f"its journal cannot be written: {self._trouble}"

    def _emit(self, event: DeskEvent) -> None:
        self.desk.journal.append(event)
        self.desk.bus.publish(event)

    def _notice(self, level: Literal["warning", "error"], message: str) -> None:
        self._emit(Notice(level, "session", message, self.desk.clock.now()))
        _log.log(30 if level == "warning" else 40, message)
