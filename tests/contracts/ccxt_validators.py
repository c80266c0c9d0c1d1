"""Runs the validators that the ccxt wheel ships, by name, on an asyncio or a blocking client."""

from __future__ import annotations

import asyncio
import importlib
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


def shipped() -> set[str]:
    """Every validator of the wheel, as fetch_ticker or load_markets; both lanes have the same."""
    import ccxt

    folder = Path(ccxt.__file__).parent / "test" / "exchange"
    lanes = [
        {path.stem.removeprefix("test_") for path in (folder / lane).glob("test_*.py")}
        for lane in ("async", "sync")
    ]
    if lanes[0] != lanes[1] or not lanes[0]:
        raise ValueError("the wheel ships other validators for blocking clients than for asyncio")
    return lanes[0]


def _call(lane: str, name: str, client: Any, symbol: str, skips: Mapping[str, str]) -> Any:
    """Start a validator; those that take a market get `symbol`. `skips` are properties the venue lacks."""
    validator = getattr(importlib.import_module(f"ccxt.test.exchange.{lane}.test_{name}"), f"test_{name}")
    takes = list(inspect.signature(validator).parameters)[2:]
    return validator(client, dict(skips), *([symbol] if takes == ["symbol"] else []))


async def validate(client: Any, name: str, symbol: str, skips: Mapping[str, str]) -> None:
    """Run a validator on an asyncio client and close it. AssertionError says what it found wrong."""
    try:
        if name != "after_construct":
            await client.load_markets()
        answer = _call("async", name, client, symbol, skips)
        if inspect.isawaitable(answer):
            await answer
    finally:
        await client.close()


async def validate_blocking(
    make: Callable[[], Any], name: str, symbol: str, skips: Mapping[str, str]
) -> None:
    """The same on a blocking client, in a thread of its own."""

    def run() -> None:
        client = make()
        try:
            if name != "after_construct":
                client.load_markets()
            if inspect.isawaitable(_call("sync", name, client, symbol, skips)):
                raise ValueError(f"the validator {name} of blocking clients does not block")
        finally:
            client.session.close()

    await asyncio.to_thread(run)
