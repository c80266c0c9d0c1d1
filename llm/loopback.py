"""An OpenAI-compatible endpoint on this machine's loopback, with faults on request.

For tests and rehearsals: the real SDK talks to it over a real socket. Standard library only.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any


class Fault(StrEnum):
    """What the endpoint does to a request instead of answering well."""

    NONE = "none"
    MALFORMED = "malformed"
    PROSE = "prose"
    REFUSAL = "refusal"
    FILTERED = "filtered"
    TRUNCATED = "truncated"
    EMPTY = "empty"
    UNAUTHORIZED = "unauthorized"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    NOT_FOUND = "not_found"
    NO_SCHEMA = "no_schema"
    NO_FORMAT = "no_format"
    NOT_A_COMPLETION = "not_a_completion"
    HANG = "hang"
    BROKEN = "broken"


Request = dict[str, Any]


class LoopbackServer:
    """`with LoopbackServer(answer) as server:` serves `server.base_url` until the block ends.

    `answer` is the text of a good completion, or a function of the request's JSON. `plan` gives the fault
    of each request in turn, and `then` that of all later ones; both may be set at any time. `requests`
    keeps every request, `headers` the headers of each, in lower case.
    """

    def __init__(
        self,
        answer: str | Callable[[Request], str] = "{}",
        *,
        plan: tuple[Fault, ...] = (),
        then: Fault = Fault.NONE,
        retry_after: str = "0.05",
    ) -> None:
        self.answer = answer
        self.plan = list(plan)
        self.then = then
        self.retry_after = retry_after
        self.requests: list[Request] = []
        self.headers: list[dict[str, str]] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def base_url(self) -> str:
        """The address to configure as base URL."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1/"

    def __enter__(self) -> LoopbackServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def keys(self) -> list[str]:
        """The Authorization header of every request."""
        return [headers.get("authorization", "") for headers in self.headers]

    def _take(self, request: Request, headers: dict[str, str]) -> Fault:
        with self._lock:
            self.requests.append(request)
            self.headers.append(headers)
            return self.plan.pop(0) if self.plan else self.then

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["content-length"])))
                fault = server._take(request, {name.lower(): value for name, value in self.headers.items()})
                if fault is Fault.HANG:
                    server._closing.wait()
                    self.close_connection = True
                elif fault is Fault.BROKEN:
                    self.close_connection = True
                    self.connection.close()
                else:
                    status, headers, body = server._respond(fault, request)
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.send_header("content-length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing: whoever runs this reads `requests`."""

        return Handler

    def _respond(self, fault: Fault, request: Request) -> tuple[int, dict[str, str], bytes]:
        json_type = {"content-type": "application/json"}
        form = request.get("response_format", {}).get("type")
        refuses_form = (fault is Fault.NO_SCHEMA and form == "json_schema") or (
            fault is Fault.NO_FORMAT and form is not None
        )
        if refuses_form:
            return 400, json_type, _error(f"response_format {form} is not supported")
        match fault:
            case Fault.UNAUTHORIZED:
                return 401, json_type, _error(f"Incorrect API key provided: {self.keys[-1]}")
            case Fault.NOT_FOUND:
                return 404, json_type, _error(f"this model does not exist for {self.keys[-1]}")
            case Fault.RATE_LIMITED:
                return 429, {**json_type, "retry-after": self.retry_after}, _error("slow down")
            case Fault.SERVER_ERROR:
                return 500, json_type, _error("out of order")
            case Fault.NOT_A_COMPLETION:
                return 200, {"content-type": "text/html"}, b"<html>welcome to the proxy</html>"
            case _:
                return 200, json_type, json.dumps(self._completion(fault, request)).encode()

    def _completion(self, fault: Fault, request: Request) -> dict[str, Any]:
        good = self.answer if isinstance(self.answer, str) else self.answer(request)
        text, finish, refusal = good, "stop", None
        match fault:
            case Fault.MALFORMED:
                text = good[: max(1, len(good) // 2)]
            case Fault.PROSE:
                text = f"<think>{{not json}}</think>Here is my view.\n```json\n{good}\n```\nTrade well!"
            case Fault.REFUSAL:
                text, refusal = "", "I cannot help with that"
            case Fault.FILTERED:
                text, finish = "", "content_filter"
            case Fault.TRUNCATED:
                text, finish = good[:-1], "length"
            case Fault.EMPTY:
                text = ""
            case _:
                text = good
        message = {"role": "assistant", "content": text, "refusal": refusal}
        return {
            "id": "loopback",
            "object": "chat.completion",
            "created": 0,
            "model": request.get("model", ""),
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
        }


def _error(message: str) -> bytes:
    return json.dumps({"error": {"message": message, "type": "loopback", "code": None}}).encode()
