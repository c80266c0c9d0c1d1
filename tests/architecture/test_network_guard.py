"""The tests' own guard: it must bite, or nothing else here proves that no test leaves the machine."""

from __future__ import annotations

import asyncio
import os
import socket

import pytest

AWAY = ("192.0.2.1", 9)  # TEST-NET-1: documentation only, never routed


@pytest.mark.parametrize("method", ["connect", "connect_ex"])
def test_a_connection_to_another_machine_is_refused(method: str) -> None:
    with socket.socket() as out, pytest.raises(RuntimeError, match="may not reach"):
        getattr(out, method)(AWAY)


def test_a_datagram_to_another_machine_is_refused() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as out, pytest.raises(RuntimeError, match="may not reach"):
        out.sendto(b"x", AWAY)


def test_a_name_of_another_machine_is_not_even_looked_up() -> None:
    with pytest.raises(RuntimeError, match="may not reach"):
        socket.getaddrinfo("example.org", 80)


async def test_asyncio_is_held_by_the_same_guard() -> None:
    with pytest.raises(RuntimeError, match="may not reach"):
        await asyncio.open_connection(*AWAY)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_stays_open(host: str) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection((host, server.getsockname()[1]), timeout=5) as out,
    ):
        assert out.getpeername()[1] == server.getsockname()[1]


def test_no_key_and_no_setting_of_the_developer_reaches_a_test() -> None:
    assert not [name for name in os.environ if name.startswith("DESK_")]
    assert "OPENAI_API_KEY" not in os.environ
    assert "NEBIUS_API_KEY" not in os.environ
    assert os.environ["LANGSMITH_TRACING"] == "false"
