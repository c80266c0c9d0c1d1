"""`desk run`, `desk serve` and `desk backtest`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from app.home import Home
from app.render import amount, percent, print_json, print_pairs
from app.settings import Settings, home_folder, load, model_key, venue_key
from app.venue_world import guard_addresses
from domain.errors import ConfigError

Overrides = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asked of a run. `confirm_live` names the venue where real money may move."""

    bars: int | None = None
    new: bool = False
    serve: bool = False
    linger: bool = False
    confirm_live: str | None = None


def run_desk(
    *, home: Path | None, config: Path | None, overrides: Overrides, asked: Asked, as_json: bool = False
) -> None:
    """Run the desk in its home until the tape ends or a signal comes, then print what it came to."""
    settings = load(config, overrides)
    _live_on_purpose(settings, asked.confirm_live)
    guard_addresses(settings.venue)
    key = venue_key(settings.venue.name) if settings.mode != "paper" else None
    from app.logs import log_to_stderr
    from app.running import Told, run_session

    log_to_stderr()
    folder = Home(home_folder(home))
    folder.prepare(settings.venue.home_kind)
    told = Told(asked.bars, asked.new, asked.serve, asked.linger, key)
    with folder.lock():
        _introduce(settings, folder)
        summary = asyncio.run(run_session(settings, folder, model_key(), told, _say))
    if as_json:
        print_json(summary)
    else:
        _sum_up(summary)


def run_backtest(*, config: Path | None, overrides: Overrides, bars: int | None, as_json: bool) -> None:
    """Run the same decisions without a home: nothing is kept but what is printed."""
    settings = load(config, overrides, on_paper=True)
    if settings.market.source == "synthetic" and bars is None:
        raise ConfigError("the simulated market never ends", fix="Say how far with --bars, or name --candles")
    from app.backtesting import backtest
    from app.logs import log_to_stderr

    log_to_stderr()
    summary = asyncio.run(backtest(settings, bars=bars))
    if as_json:
        print_json(summary)
    else:
        _sum_up(summary)


def _live_on_purpose(settings: Settings, confirmed: str | None) -> None:
    """Real money needs the switch in the settings and the operator's word on every start."""
    venue = settings.venue
    if settings.mode == "live" and confirmed != venue.name:
        raise ConfigError(
            f"venue.live is true: orders would move real money at {venue.name}",
            fix=f"Start it with --confirm-live {venue.name}, or set live = false",
        )
    if settings.mode != "live" and confirmed is not None:
        raise ConfigError(
            f"--confirm-live {confirmed} is for real money, and {venue.name} is {settings.mode} here",
            fix="Leave it out, or set [venue] name and live = true",
        )


def _introduce(settings: Settings, home: Home) -> None:
    from app.bootstrap import model_settings
    from app.limits_section import document_of

    document_of(settings)  # refused before anything is opened
    source = _source(settings)
    models = model_settings(settings, model_key())
    _say(
        f"Trading Desk, {settings.mode}: {', '.join(settings.session.symbols)} "
        f"on {settings.session.timeframe} bars"
    )
    _say(f"Market: {source}. State: {home.path}.")
    _say(f"Models: {models.model if models else 'none; every role uses its deterministic baseline'}.")


def _source(settings: Settings) -> str:
    market, venue = settings.market, settings.venue
    if venue.name != "paper":
        where = f" at {venue.url}" if venue.url is not None else ""
        money = "REAL MONEY" if venue.live else "no real money"
        return f"{venue.name}{where}, {money}"
    return f"candles in {market.candles}" if market.source == "replay" else f"simulated, seed {market.seed}"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _sum_up(told: Mapping[str, Any]) -> None:
    """The figures of a run as a person reads them."""
    sharpe, fallen, rate = told["sharpe"], told["max_drawdown"], told["bars_per_second"]
    pairs: dict[str, object] = {
        "period": f"{told['first_bar']} to {told['last_bar']}" if told["bars"] else "no bar was closed",
        "bars": f"{told['bars']:,}" + (f" ({rate:,.0f} a second)" if rate >= 10 else ""),
        "decisions": f"{told['cycles']:,}",
        "orders": f"{told['orders']:,} sent, {told['fills']:,} fills, {told['refusals']:,} refused",
        "costs": ", ".join(f"{name} {value}" for name, value in told["costs"].items()),
        "fees paid": amount(Decimal(told["fees"])),
        "equity": amount(Decimal(told["equity_final"])),
        "return": f"{percent(told['total_return'])} (buy and hold {percent(told['buy_and_hold'])})",
        "Sharpe": "-" if sharpe is None else f"{sharpe:.2f} (daily returns, 365 days)",
        "max drawdown": "-" if fallen is None else percent(-fallen),
        "fingerprint": told["fingerprint"],
    }
    if "open_orders" in told:
        state = "stopped; the next run goes on here" if told["state"] == "stopping" else told["state"]
        pairs = {"session": f"{told['session']}, {state}", **pairs}
        pairs["positions"] = told["positions"]
        pairs["open orders"] = (
            f"{told['open_orders']}, of which {told['resting_stops']} are stops "
            f"and {told['unknown_orders']} are unknown"
        )
    print_pairs(pairs)
