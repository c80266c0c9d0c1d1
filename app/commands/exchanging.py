"""`desk exchange`: a simulated exchange to rehearse at."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from app.exchange import Rehearsal, hints, key_pair, read_faults, run_until_stopped
from app.logs import log_to_stderr
from domain.errors import ConfigError
from simulator.wire.server import VENUES, Running


def run_exchange(
    *,
    venue: str,
    host: str,
    port: int,
    seed: int,
    weather: str,
    speed: float,
    symbols: str | None,
    cash: str,
    faults: Path | None,
    key: str | None,
    secret: str | None,
    as_json: bool,
) -> None:
    """Serve a simulated exchange until Ctrl-C. Raises ConfigError for what makes no sense."""
    if venue not in VENUES:
        raise ConfigError(f"there is no venue {venue!r} to simulate", fix=f"Take one of {', '.join(VENUES)}")
    if not 0 <= speed <= 3600:
        raise ConfigError(f"a speed of {speed:g} is outside 0 to 3600", fix="1 is real time, 0 stands still")
    if (key is None) is not (secret is None):
        raise ConfigError("a key and its secret go together", fix="Name both, or neither: a pair is made up")
    log_to_stderr()
    pair = key_pair(venue) if key is None or secret is None else (key, secret)
    named = tuple(part.strip() for part in symbols.split(",")) if symbols else Rehearsal("", "", "").symbols
    told = Rehearsal(
        venue=venue,
        key=pair[0],
        secret=pair[1],
        host=host,
        port=port,
        seed=seed,
        weather=weather,
        speed=speed,
        symbols=named,
        cash=_amount(cash),
        faults=read_faults(faults) if faults is not None else (),
    )

    def ready(running: Running) -> None:
        found = hints(told, running)
        if as_json:
            print(json.dumps(found), flush=True)
        else:
            _introduce(told, found)

    summary = asyncio.run(run_until_stopped(told, ready)).as_mapping()
    if as_json:
        print(json.dumps(summary), flush=True)
    else:
        print(", ".join(f"{name} {count}" for name, count in summary.items()))


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or amount < 0:
        raise ConfigError(f"{text!r} is not an amount of money", fix="Write a number such as 100000")
    return amount


def _introduce(told: Rehearsal, found: Mapping[str, Any]) -> None:
    pace = "stands still; POST /clock moves it" if told.speed == 0 else f"time x{told.speed:g}"
    lines = (
        f"A simulated {told.venue} listens at {found['url']} (streams: {found['stream_url']}). "
        f"{', '.join(told.symbols)}, seed {told.seed}, {pace}.",
        f"Its one account has {told.cash:f} {told.currency}; no money is real here.",
        "",
        *(f"export {name}={shlex.quote(value)}" for name, value in found["environment"].items()),
        found["desk"],
        "",
        f"Trouble: curl -X POST {found['faults']} -d "
        '\'{"kind": "drop", "when": "after", "operations": ["place"], "count": 1}\'',
        "How to point ccxt here, and every kind of trouble: docs/exchange.md. Ctrl-C ends it.",
    )
    print("\n".join(lines), flush=True)
    sys.stdout.flush()
