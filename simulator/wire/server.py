"""The server every wire runs in: routes with planned trouble around them, the market's pulse, its control.

A venue is a module with `POLICY` (how its exchange behaves) and `routes(exchange, faults, clock)`, where the
clock is the venue's own: it is off by what the faults say. Beside the venue's paths a server answers
`/faults` (POST plans one, GET lists, DELETE clears), `/clock` (GET reads; POST `{"advance": seconds}` moves a
simulated clock and the market) and `/markets` (POST `{"symbol": ..., "trading": false}` suspends one).
"""

from __future__ import annotations

import asyncio
import importlib
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final, Protocol, cast

from aiohttp import web
from aiohttp.typedefs import Middleware

from domain.clock import Clock, SimulatedClock
from domain.errors import ConfigError, DeskError
from domain.money import Symbol
from simulator.exchange.exchange import SimulatedExchange
from simulator.exchange.policy import Policy
from simulator.exchange.rejection import Rejection
from simulator.wire.faults import Fault, FaultKind, FaultPlan, Operation, Rest, When, fault_from

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

VENUES: Final = ("binance", "gate", "mexc", "coinbase")
_CONTROL_LIMIT: Final = 366 * 86_400


class Wording(Protocol):
    """How a venue says what is not an answer."""

    def rejection(self, error: Rejection) -> web.Response:
        """The exchange refused."""
        ...

    def fault(self, fault: Fault) -> web.Response:
        """Planned trouble that has an answer: ERROR, RATE_LIMIT, BAN or MAINTENANCE."""
        ...


class VenueModule(Protocol):
    """What a file `simulator/wire/<venue>.py` offers."""

    POLICY: Policy

    def routes(
        self, exchange: SimulatedExchange, faults: FaultPlan, clock: Clock
    ) -> Iterable[web.RouteDef]: ...


def guard(operation: Operation, handler: Handler, faults: FaultPlan, wording: Wording) -> Handler:
    """The handler with the fault plan around it; a Rejection it raises is worded as the venue does."""
    kept: dict[str, bytes] = {}

    async def calm(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except Rejection as error:
            return wording.rejection(error)

    async def guarded(request: web.Request) -> web.StreamResponse:
        if faults.idle:
            kept.clear()
            return await calm(request)
        met = faults.request(operation, request.method, request.path)
        await request.read()  # it has arrived whole: who hangs up during a delay does not take it back
        early = await _suffer(When.BEFORE, met, request, wording, faults.rest)
        if early is not None:
            return early
        answer = await _perhaps_stale(operation, request, calm, faults, kept)
        late = await _suffer(When.AFTER, met, request, wording, faults.rest)
        return late if late is not None else answer

    return guarded


async def _suffer(
    when: When, met: Iterable[Fault], request: web.Request, wording: Wording, rest: Rest
) -> web.Response | None:
    """Let a request meet its faults of one side; the answer is what to say instead, if anything."""
    mine = [fault for fault in met if fault.when is when]
    for fault in mine:
        if fault.kind is FaultKind.DELAY:
            await rest(fault.seconds)
    for fault in mine:
        if fault.kind in (FaultKind.DROP, FaultKind.RESET):
            hang_up(request, reset=fault.kind is FaultKind.RESET)
            return web.Response()
        if fault.kind is not FaultKind.DELAY:
            return wording.fault(fault)
    return None


async def _perhaps_stale(
    operation: Operation, request: web.Request, handler: Handler, faults: FaultPlan, kept: dict[str, bytes]
) -> web.StreamResponse:
    """Market data that stands still answers as it did when it was first asked."""
    if not faults.stale(operation, request.method, request.path):
        kept.clear()  # when it stands still again, it does so where it will stand then
        return await handler(request)
    found = kept.get(request.path_qs)
    if found is not None:
        return web.Response(body=found, content_type="application/json")
    answer = await handler(request)
    if isinstance(answer, web.Response) and answer.status == 200 and isinstance(answer.body, bytes):
        kept[request.path_qs] = answer.body
    return answer


def hang_up(request: web.Request, *, reset: bool) -> None:
    """Close a request's connection without an answer: politely, or with a reset."""
    transport = request.transport
    if transport is None:
        return
    if reset:
        raw = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    else:
        transport.close()


@dataclass(frozen=True, slots=True)
class Running:
    """A server that is up. `url` has no path and no slash at its end."""

    url: str
    port: int
    exchange: SimulatedExchange
    faults: FaultPlan


def venue_module(venue: str) -> VenueModule:
    """The module that speaks as a venue. ConfigError for one there is not."""
    if venue not in VENUES:
        raise ConfigError(f"there is no venue {venue!r} to simulate", fix=f"Take one of {', '.join(VENUES)}")
    return cast(VenueModule, importlib.import_module(f"simulator.wire.{venue}"))


@asynccontextmanager
async def serve(
    *,
    venue: str,
    exchange: SimulatedExchange,
    clock: Clock,
    host: str = "127.0.0.1",
    port: int = 0,
    faults: FaultPlan | None = None,
    pulse: float = 0.1,
) -> AsyncIterator[Running]:
    """Serve an exchange as one venue until the context ends. Port 0 takes a free one.

    Every request finds the market at the clock's time; every `pulse` seconds it is moved there and streams
    are fed. ConfigError for a venue
    there is not or an address that cannot be had. What breaks the market closes the venue, and is raised at
    the end.
    """
    plan = faults if faults is not None else FaultPlan(clock)
    broken: list[Exception] = []
    application = web.Application(middlewares=[_up_to_date(exchange, clock, broken)])
    application.add_routes(venue_module(venue).routes(exchange, plan, plan))
    application.add_routes(_control(exchange, plan, clock))
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, host, port, backlog=1024)
    try:
        await site.start()
    except OSError as error:
        await runner.cleanup()
        raise ConfigError(
            f"cannot listen on {host}:{port}: {error.strerror}", fix="Take another port"
        ) from error
    taken = int(runner.addresses[0][1])
    beat = asyncio.create_task(_beat(exchange, clock, pulse, broken))
    beat.add_done_callback(lambda task: _close_the_venue(task, plan))
    try:
        yield Running(f"http://{host}:{taken}", taken, exchange, plan)
    finally:
        beat.cancel()
        with suppress(asyncio.CancelledError):
            await beat  # raises what stopped the market, if anything did
        await runner.cleanup()


def _up_to_date(exchange: SimulatedExchange, clock: Clock, broken: list[Exception]) -> Middleware:
    @web.middleware
    async def up_to_date(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not broken:
            try:
                exchange.catch_up(clock.now())
            except Exception as error:  # noqa: BLE001 - the beat raises it, and the venue closes
                broken.append(error)
        return await handler(request)

    return up_to_date


def _close_the_venue(task: asyncio.Task[None], faults: FaultPlan) -> None:
    """A market that broke does not go on as one that stands still: the venue closes, and it is said."""
    broke = None if task.cancelled() else task.exception()
    if broke is not None:
        faults.add(Fault(FaultKind.MAINTENANCE))
        said = "the simulated market broke; the venue answers as in maintenance"
        asyncio.get_running_loop().call_exception_handler({"message": said, "exception": broke})


async def _beat(exchange: SimulatedExchange, clock: Clock, seconds: float, broken: list[Exception]) -> None:
    while True:
        if broken:
            raise broken[0]
        exchange.advance(clock.now())
        await asyncio.sleep(seconds)


def _control(exchange: SimulatedExchange, faults: FaultPlan, clock: Clock) -> list[web.RouteDef]:
    async def plan(request: web.Request) -> web.Response:
        try:
            return web.json_response({"number": faults.add(fault_from(await _body(request)))})
        except DeskError as error:
            return web.json_response({"error": str(error)}, status=400)

    async def planned(_: web.Request) -> web.Response:
        told = [
            {"number": number, "happened": happened, **_told(fault)}
            for number, fault, happened in faults.planned()
        ]
        return web.json_response(told)

    async def clear(request: web.Request) -> web.Response:
        number = request.match_info.get("number")
        faults.clear(int(number) if number is not None else None)
        return web.json_response({})

    async def read(_: web.Request) -> web.Response:
        return web.json_response({"now": clock.now().isoformat(), "venue": faults.now().isoformat()})

    async def move(request: web.Request) -> web.Response:
        try:
            seconds = float((await _body(request)).get("advance", ""))
        except (DeskError, ValueError, TypeError):
            return web.json_response({"error": 'write {"advance": seconds}'}, status=400)
        if not isinstance(clock, SimulatedClock) or not 0 <= seconds <= _CONTROL_LIMIT:
            return web.json_response({"error": "only a simulated clock moves, and only forward"}, status=400)
        clock.set(clock.now() + timedelta(seconds=seconds))
        exchange.advance(clock.now())
        return await read(request)

    async def trading(request: web.Request) -> web.Response:
        try:
            asked = await _body(request)
            symbol, trades = Symbol(str(asked.get("symbol"))), asked.get("trading")
            if not isinstance(trades, bool):
                raise ConfigError('write {"symbol": "BTC/USDT", "trading": false}')
            (exchange.resume if trades else exchange.suspend)(symbol)
        except DeskError as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({symbol: trades})

    return [
        web.post("/markets", trading),
        web.post("/faults", plan),
        web.get("/faults", planned, allow_head=False),
        web.delete("/faults", clear),
        web.delete(r"/faults/{number:\d+}", clear),
        web.get("/clock", read, allow_head=False),
        web.post("/clock", move),
    ]


async def _body(request: web.Request) -> dict[str, Any]:
    try:
        found = json.loads(await request.text())
    except ValueError as error:
        raise ConfigError("the body is not JSON") from error
    if not isinstance(found, dict):
        raise ConfigError("the body is not a JSON object")
    return found


def _told(fault: Fault) -> dict[str, Any]:
    return {**asdict(fault), "operations": sorted(fault.operations)}
