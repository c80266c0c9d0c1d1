"""Reading a request as Binance does: parameters, key, time window, signature; answering with its headers."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from decimal import Decimal
from enum import IntEnum
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson
from aiohttp import web

from domain.clock import Clock
from domain.money import Symbol
from simulator.exchange.exchange import SimulatedExchange
from simulator.exchange.rejection import Rejection
from simulator.wire.binance_errors import BinanceError, answer, as_error, missing
from simulator.wire.binance_limits import BinanceLimits
from simulator.wire.figures import millis
from simulator.wire.server import Handler

_NUMBER: Final = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")
_MAX_WINDOW: Final = 60_000
_DEFAULT_WINDOW: Final = 5_000
_AHEAD: Final = 1_000


class Security(IntEnum):
    """Who may ask: anybody, somebody with a key, the key's owner, the owner with a key that may trade."""

    NONE = 0
    KEY = 1
    SIGNED = 2
    TRADE = 3


class Ask:
    """One request: its parameters and, when signed, whose it is."""

    __slots__ = ("account", "key", "now", "params", "venue")

    def __init__(self, params: dict[str, str], venue: BinanceVenue, now: int) -> None:
        self.params = params
        self.venue = venue
        self.now = now
        self.account = ""
        self.key = ""

    def text(self, name: str) -> str:
        """A parameter that must be there."""
        found = self.params.get(name)
        if not found:
            raise missing(name)
        return found

    def maybe(self, name: str) -> str | None:
        """A parameter that may be left out; one that is sent empty is an error."""
        found = self.params.get(name)
        if found == "":
            raise BinanceError(-1105, f"Parameter '{name}' was empty.")
        return found

    def decimal(self, name: str) -> Decimal | None:
        found = self.maybe(name)
        if found is None:
            return None
        if _NUMBER.fullmatch(found) is None:
            raise BinanceError(
                -1100,
                f"Illegal characters found in parameter '{name}'; legal range is "
                r"'^([0-9]{1,20})(\.[0-9]{1,20})?$'.",
            )
        return Decimal(found)

    def integer(self, name: str) -> int | None:
        found = self.maybe(name)
        if found is None:
            return None
        if not found.isdecimal() or len(found) > 19:
            raise BinanceError(
                -1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'."
            )
        return int(found)

    def limit(self, default: int, most: int) -> int:
        """How many rows are asked for, at least one and at most `most`."""
        found = self.integer("limit")
        return max(1, min(found, most)) if found is not None else default

    def symbol(self) -> Symbol:
        return self.venue.symbol(self.text("symbol"))


Answer = Callable[[Ask], Any]
"""Turns a request into what is sent as JSON; raises BinanceError or Rejection."""


class BinanceVenue:
    """What all endpoints share: the exchange, the venue's clock, the names of markets, the limits."""

    def __init__(self, exchange: SimulatedExchange, clock: Clock) -> None:
        self.exchange = exchange
        self.clock = clock
        self.limits = BinanceLimits(exchange.policy.generosity)
        self.ids = {symbol: symbol.replace("/", "") for symbol in exchange.markets}
        self._symbols = {name: symbol for symbol, name in self.ids.items()}

    def symbol(self, name: str) -> Symbol:
        """The market Binance calls so."""
        found = self._symbols.get(name)
        if found is None:
            raise BinanceError(-1121, "Invalid symbol.")
        return found

    def endpoint(
        self,
        respond: Answer,
        *,
        weight: int | Callable[[dict[str, str]], int] = 1,
        security: Security = Security.NONE,
        order: bool = False,
    ) -> Handler:
        """A handler around `respond`. `order` counts towards the order limits."""

        async def handle(request: web.Request) -> web.Response:
            query = request.raw_path.partition("?")[2]
            body = (await request.read()).decode("utf-8", "replace") if request.body_exists else ""
            headers: dict[str, str] = {}
            try:
                return self._respond(request, query, body, headers, respond, weight, security, order)
            except BinanceError as error:
                return answer(error, headers)
            except Rejection as error:
                return answer(as_error(error), headers)

        return handle

    def _respond(
        self,
        request: web.Request,
        query: str,
        body: str,
        headers: dict[str, str],
        respond: Answer,
        weight: int | Callable[[dict[str, str]], int],
        security: Security,
        order: bool,
    ) -> web.Response:
        now = self.clock.now()
        params = read_params(f"{query}&{body}" if query and body else query or body)
        used = self.limits.request(
            request.remote or "", weight if isinstance(weight, int) else weight(params), now
        )
        headers["X-MBX-USED-WEIGHT"] = headers["X-MBX-USED-WEIGHT-1M"] = str(used)
        ask = Ask(params, self, millis(now))
        if security:
            self.authorise(
                ask, request.headers.get("X-MBX-APIKEY", ""), security, payload_of(query) + payload_of(body)
            )
        if order:
            short, day = self.limits.order(ask.account, now)
            headers["X-MBX-ORDER-COUNT-10S"], headers["X-MBX-ORDER-COUNT-1D"] = str(short), str(day)
        return web.Response(body=orjson.dumps(respond(ask)), content_type="application/json", headers=headers)

    def authorise(self, ask: Ask, key: str, security: Security, *payloads: str) -> None:
        """Find out whose request it is, or raise BinanceError: key, time window, signature, permission.

        The signature is HMAC-SHA256 of one of the payloads: the parameters as they were sent.
        """
        if not key:
            raise BinanceError(-2014, "API-key format invalid.", 401)
        known = self.exchange.key(key)
        if known is None:
            raise BinanceError(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        ask.account, ask.key = known[0], key
        if security is Security.KEY:
            return
        sent = ask.integer("timestamp")
        if sent is None:
            raise missing("timestamp")
        self.check_time(sent, ask.integer("recvWindow"), ask.now)
        secret, signature = known[1].secret.encode(), ask.text("signature").lower()
        if not any(
            hmac.compare_digest(hmac.digest(secret, payload.encode(), "sha256").hex(), signature)
            for payload in payloads
        ):
            raise BinanceError(-1022, "Signature for this request is not valid.")
        if security is Security.TRADE and not known[1].trade:
            raise BinanceError(-2015, "Invalid API-key, IP, or permissions for action.", 401)

    def check_time(self, sent: int, window: int | None, now: int) -> None:
        """Raise BinanceError for a request from the future or too far back."""
        if window is not None and not 0 < window <= _MAX_WINDOW:
            raise BinanceError(-1131, "recvWindow must be less than 60000.")
        if sent >= now + _AHEAD:
            raise BinanceError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
        if now - sent > (window or _DEFAULT_WINDOW):
            raise BinanceError(-1021, "Timestamp for this request is outside of the recvWindow.")


def read_params(payload: str) -> dict[str, str]:
    """Parameters as sent, each at most once: BinanceError for a repetition."""
    if "%" in payload or "+" in payload:
        pairs = parse_qsl(payload, keep_blank_values=True)
    else:  # nothing is escaped: most requests, in a fifth of the time
        pairs = [
            (name, value) for name, _, value in (each.partition("=") for each in payload.split("&")) if name
        ]
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BinanceError(-1101, "Duplicate values for a parameter detected.")
    return found


def payload_of(text: str) -> str:
    """What was signed: everything but the signature itself."""
    before, sign, after = text.partition("signature=")
    if not sign:
        return text
    rest = after.partition("&")[2]
    return before.rstrip("&") + (f"&{rest}" if rest and before else rest)
