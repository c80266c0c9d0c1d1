"""Who may talk to the API: one token, loopback names only, same-origin pages only, strict headers.

A plain ASGI layer around the whole application, so no route can be added without it.

- Host: a page of another site whose name was rebound to 127.0.0.1 still sends its own name here.
- Token: `Authorization: Bearer`, or the cookie that `/?token=` sets; compared in constant time.
- Origin: a WebSocket or a change must come from the dashboard itself, or from a program without cookies.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from typing import Literal
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import problem_response

_log = logging.getLogger("desk.api")

MAX_BODY = 64 * 1024
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
OPEN_PATHS = frozenset({"/api/v1/health", "/"})
OPEN_PREFIX = "/assets/"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
}

Caller = Literal["api", "dashboard"]


class TokenAuth:
    """The one token of a desk, and the cookie derived from it. ValueError when the token is too short."""

    def __init__(self, token: str) -> None:
        if len(token) < 16:
            raise ValueError("the API token needs at least 16 characters")
        self._token = token.encode()
        self.cookie_value = hmac.new(self._token, b"desk dashboard cookie", hashlib.sha256).hexdigest()
        # Cookies ignore ports: the name keeps two desks on one machine apart.
        self.cookie_name = "desk-" + hashlib.sha256(self._token).hexdigest()[:8]

    def is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode("utf-8", "replace"), self._token)

    def caller(self, headers: Headers) -> Caller | None:
        """Who sent these headers: a program with the token, the dashboard with its cookie, or nobody."""
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.is_token(given.strip()):
            return "api"
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(self.cookie_name)
        except CookieError:
            return None
        if cookie and hmac.compare_digest(
            cookie.value.encode("utf-8", "replace"), self.cookie_value.encode()
        ):
            return "dashboard"
        return None


def host_name(host: str) -> str:
    """The name in a Host header, without its port or brackets, lower case; empty when it is malformed."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port
        return (parts.hostname or "") if not (parts.path or parts.username) else ""
    except ValueError:
        return ""


class Guard:
    """The ASGI layer. `hosts` are names allowed besides the loopback ones."""

    def __init__(self, app: ASGIApp, *, auth: TokenAuth, hosts: Iterable[str] = ()) -> None:
        self._app = app
        self._auth = auth
        self._hosts = LOOPBACK | {name.lower() for name in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is None:
            if scope["type"] == "http":
                await self._serve(scope, _limited(receive), _with_headers(send, scope["path"]))
            else:
                await self._app(scope, receive, send)
            return
        status, error, fix = refusal
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": error})
            return
        response = problem_response(status, error, fix)
        await response(scope, receive, _with_headers(send, scope["path"]))

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request; what nobody foresaw is logged and answered in one line like everything else."""
        started = False

        async def watching(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watching)
        except Exception:  # not swallowed: logged whole, then answered, or raised when an answer has begun
            _log.exception("request %s %s failed", scope["method"], scope["path"])
            if started:
                raise
            fix = "See the log of the desk, and report it"
            await problem_response(500, "the desk failed on this request", fix)(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[int, str, str] | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or host_name(hosts[0]) not in self._hosts:
            named = hosts[0][:100] if hosts else "none"
            return (
                403,
                f"the Host {named!r} is not served here",
                "Use http://127.0.0.1 and the port of the desk",
            )
        path: str = scope["path"]
        caller = self._auth.caller(headers)
        scope.setdefault("state", {})["caller"] = caller
        changes = scope["type"] == "websocket" or scope["method"] not in _SAFE
        if changes and not _same_origin(headers, hosts[0], needed=caller != "api"):
            return (
                403,
                "the request comes from another site",
                "Use the dashboard, or send the token as Bearer",
            )
        if caller is None and path not in OPEN_PATHS and not path.startswith(OPEN_PREFIX):
            return (
                401,
                "the token is missing or wrong",
                "Send Authorization: Bearer with the token of this desk",
            )
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit() or int(length[:12]) > MAX_BODY:
            return 413, f"the request is larger than {MAX_BODY // 1024} kB", "Send less"
        return None


def _same_origin(headers: Headers, host: str, *, needed: bool) -> bool:
    origin = headers.get("origin")
    if origin is None:
        return not needed
    parts = urlsplit(origin)
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()


def _limited(receive: Receive) -> Receive:
    """Cut a body that is longer than it said, or said nothing: the rest reads as a broken connection."""
    seen = 0

    async def limited() -> Message:
        nonlocal seen
        message = await receive()
        if message["type"] == "http.request":
            seen += len(message.get("body", b""))
            if seen > MAX_BODY:
                return {"type": "http.disconnect"}
        return message

    return limited


def _with_headers(send: Send, path: str) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            headers["cache-control"] = "no-cache" if path.startswith(OPEN_PREFIX) else "no-store"
        await send(message)

    return sending
