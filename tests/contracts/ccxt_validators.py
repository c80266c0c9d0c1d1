"""Runs the validators that the ccxt wheel ships, by name, on an asyncio or a blocking client."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

NEVER_RUN: Final = {
    "create_order": "cannot run in Python: it adds texts to numbers; its order structure is tested here",
    "fetch_markets": "cannot run in Python: it wants a dictionary where the method returns a list",
    "proxies": "about proxies, not about a venue",
    "sign_in": "the venue has no sign-in",
    **dict.fromkeys(
        (
            "fetch_deposit_withdrawals",
            "fetch_deposits",
            "fetch_ledger",
            "fetch_ledger_entry",
            "fetch_transaction_fees",
            "fetch_transfers",
            "fetch_withdrawals",
        ),
        "no money comes to a simulated account or leaves it",
    ),
    **dict.fromkeys(
        (
            "fetch_borrow_interest",
            "fetch_funding_rate_history",
            "fetch_leverage_tiers",
            "fetch_liquidations",
            "fetch_margin_mode",
            "fetch_margin_modes",
            "fetch_market_leverage_tiers",
            "fetch_my_liquidations",
            "fetch_open_interest_history",
            "fetch_positions",
        ),
        "spot only: no margin, no contracts",
    ),
}
"""Validators that no simulated venue is run with, and why."""


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


async def validate_orders(
    client: Any,
    symbol: str,
    kind: str,
    side: str,
    price: float | None,
    params: Mapping[str, Any],
    *,
    touch: str = "ask",
    skips: Mapping[str, str] | None = None,
) -> None:
    """Run the wheel's order validator on what placing, reading and cancelling answer; closes the client.

    Prices, those in `params` too, are multiples of the ticker's `touch`.
    """
    from ccxt.test.exchange.base.test_order import test_order as structure

    try:
        await client.load_markets()
        unit = (await client.fetch_ticker(symbol))[touch]
        asked = {name: value * unit if name.endswith("Price") else value for name, value in params.items()}
        limit = None if price is None else price * unit
        placed = await client.create_order(symbol, kind, side, 0.01, limit, asked)
        seen = [placed, await client.fetch_order(placed["id"], symbol)]
        if seen[1]["status"] == "open":
            seen.append(await client.cancel_order(placed["id"], symbol))
        for each in seen:
            structure(client, dict(skips or {}), "createOrder", each, symbol, client.milliseconds())
            if each["id"] != placed["id"]:
                raise AssertionError(f"order {placed['id']} came back as {each['id']}")
    finally:
        await client.close()


def documented(venue: str) -> dict[str, str]:
    """What docs/exchange-<venue>.md says of every validator: pass, or not run."""
    document = Path(__file__).parents[2] / "docs" / f"exchange-{venue}.md"
    return dict(
        re.findall(r"^\| `(\w+)` \| (pass|not run)", document.read_text(encoding="utf-8"), re.MULTILINE)
    )
