"""What every test gets: no network beyond loopback, no telemetry, no keys, the same examples each time.

The guard is set when this file is loaded, before any test module imports a library.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from app import native
from app.settings import silence_telemetry

# `--hypothesis-profile=explore` looks for new examples; the default finds the same ones everywhere.
settings.register_profile(
    "steady",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("explore", derandomize=False, deadline=None, max_examples=500)
settings.load_profile("steady")


class NetworkBlocked(RuntimeError):
    """A test tried to leave this machine."""


def is_local(host: object) -> bool:
    """Whether an address or host name stays on this machine. None and "" mean any local interface."""
    if isinstance(host, bytes | bytearray):
        host = host.decode("ascii", "replace")
    if host is None or host in ("", "localhost"):
        return True
    try:
        address = ipaddress.ip_address(str(host).partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _refuse_unless_local(host: object) -> None:
    if not is_local(host):
        raise NetworkBlocked(f"tests may not reach {host!r}; use a loopback server or a fake")


def _guarded(method: str) -> Callable[..., Any]:
    original = getattr(socket.socket, method)

    def guard(self: socket.socket, *args: Any) -> Any:
        # The address is the last argument of connect and connect_ex, and of sendto with or without flags.
        if self.family in (socket.AF_INET, socket.AF_INET6):
            _refuse_unless_local(args[-1][0])
        return original(self, *args)

    return guard


_resolve = socket.getaddrinfo


def _guarded_getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
    _refuse_unless_local(host)
    return _resolve(host, *args, **kwargs)


def _forget_the_developers_environment() -> None:
    """A test result must not depend on keys and settings of whoever runs it."""
    for name in list(os.environ):
        if name.startswith(("DESK_", "LANGCHAIN_", "LANGSMITH_")) or name.endswith(
            ("_API_KEY", "_API_SECRET")
        ):
            del os.environ[name]
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        os.environ.pop(name, None)
        os.environ.pop(name.lower(), None)
    silence_telemetry()


_forget_the_developers_environment()
for _method in ("connect", "connect_ex", "sendto"):
    setattr(socket.socket, _method, _guarded(_method))
setattr(socket, "getaddrinfo", _guarded_getaddrinfo)  # noqa: B010 - mypy forbids the assignment


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--native", action="store_true", help="test the order path as `make native` compiled it")
    parser.addoption("--native-in", metavar="STORE", help="the same, as it is compiled in STORE")


def pytest_configure(config: pytest.Config) -> None:
    store = config.getoption("--native-in")
    if store or config.getoption("--native"):
        native.activate(Path(store) if store else native.STORE, needed=True)
