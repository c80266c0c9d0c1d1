"""The command line: flat verbs, `--json`, and exit codes that scripts can rely on.

Start-up imports nothing heavy; each verb loads what it needs when it runs.

Exit codes: 0 ok, 1 error, 2 not found, 3 not running, 4 configuration or usage, 5 timeout.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.exceptions import Exit, TyperException

from app import native
from app.breakers_line import breakers_app
from app.limits_line import limits_app
from app.portfolio_line import add_to as add_portfolio_verbs
from app.risk_line import risk_app
from app.work_line import work_app
from domain.errors import ConfigError, DeskError

app = typer.Typer(
    name="desk",
    help="Trading Desk: language-model agents that trade crypto behind a hard risk gate. Paper by default.",
    epilog="Exit codes: 0 ok, 1 error, 2 not found, 3 not running, 4 configuration or usage, 5 timeout.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

_Home = Annotated[
    Path | None, typer.Option("--home", help="Folder with all state (or DESK_HOME).", show_default=".desk")
]
_Config = Annotated[
    Path | None, typer.Option("--config", help="Settings file (or DESK_CONFIG).", show_default="desk.toml")
]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON document to standard output.")]
_Candles = Annotated[
    Path | None, typer.Option(help="Candle file, or folder of BASE-QUOTE.parquet or .csv: replay it.")
]
_Symbols = Annotated[str | None, typer.Option(help="Comma-separated, for example BTC/USDT,ETH/USDT.")]
_Timeframe = Annotated[str | None, typer.Option(help="Bar length: 1m 5m 15m 1h 4h 1d.")]
_Start = Annotated[str | None, typer.Option(help="First day or moment, UTC.")]
_End = Annotated[str | None, typer.Option(help="Last day (whole) or moment, UTC.")]
_Capital = Annotated[str | None, typer.Option(help="Starting capital in the quote currency.")]
_Seed = Annotated[int | None, typer.Option(help="Seed of the simulated market.")]
_Stamps = Annotated[str | None, typer.Option(help="Whether candle times mark the bar's open or close.")]
_Venue = Annotated[
    str | None, typer.Option(help="Where orders go; see [venue] in the settings.", show_default="paper")
]
_VenueUrl = Annotated[
    str | None, typer.Option(help="Another address of the venue, on this machine: see desk exchange.")
]
_ConfirmLive = Annotated[
    str | None, typer.Option(help="Trade real money: the venue's name again, beside venue.live = true.")
]
_Speed = Annotated[
    str | None,
    typer.Option(help="A multiple of real time, or max.", show_default="450 on paper, 1 at a venue"),
]
_Bars = Annotated[int | None, typer.Option(help="Stop after this many bars.", min=1)]


def _overrides(
    candles: Path | None,
    symbols: str | None,
    timeframe: str | None,
    start: str | None,
    end: str | None,
    capital: str | None,
    seed: int | None,
    stamps: str | None,
    speed: str | None = None,
    host: str | None = None,
    port: int | None = None,
    venue: str | None = None,
    venue_url: str | None = None,
) -> dict[str, dict[str, Any]]:
    market = {"candles": candles, "start": start, "end": end, "seed": seed, "stamps": stamps, "speed": speed}
    if candles is not None:
        market["source"] = "replay"
    return {
        "session": {"symbols": symbols, "timeframe": timeframe, "capital": capital},
        "market": market,
        "api": {"host": host, "port": port},
        "venue": {"name": venue, "url": venue_url},
    }


@app.command()
def run(
    candles: _Candles = None,
    symbols: _Symbols = None,
    timeframe: _Timeframe = None,
    start: _Start = None,
    end: _End = None,
    capital: _Capital = None,
    seed: _Seed = None,
    stamps: _Stamps = None,
    speed: _Speed = None,
    bars: _Bars = None,
    new: Annotated[bool, typer.Option("--new", help="Start a new session instead of resuming.")] = False,
    serve: Annotated[bool, typer.Option("--serve", help="Also serve the dashboard and the API.")] = False,
    host: Annotated[str | None, typer.Option(help="Address to serve on.", show_default="127.0.0.1")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to serve on; 0 picks one.", show_default="8420")
    ] = None,
    venue: _Venue = None,
    venue_url: _VenueUrl = None,
    confirm_live: _ConfirmLive = None,
    home: _Home = None,
    config: _Config = None,
    json: _Json = False,
) -> None:
    """Run the desk: observe, decide, gate, trade on paper or a venue. Ctrl-C stops it cleanly."""
    from app.commands.running import Asked, run_desk

    told = _overrides(
        candles, symbols, timeframe, start, end, capital, seed, stamps, speed, host, port, venue, venue_url
    )
    asked = Asked(bars=bars, new=new, serve=serve, confirm_live=confirm_live)
    run_desk(home=home, config=config, overrides=told, asked=asked, as_json=json)


@app.command()
def serve(
    candles: _Candles = None,
    symbols: _Symbols = None,
    timeframe: _Timeframe = None,
    start: _Start = None,
    end: _End = None,
    capital: _Capital = None,
    seed: _Seed = None,
    stamps: _Stamps = None,
    speed: _Speed = None,
    host: Annotated[str | None, typer.Option(help="Address to serve on.", show_default="127.0.0.1")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to serve on; 0 picks one.", show_default="8420")
    ] = None,
    venue: _Venue = None,
    venue_url: _VenueUrl = None,
    confirm_live: _ConfirmLive = None,
    home: _Home = None,
    config: _Config = None,
) -> None:
    """Run the desk with the dashboard and the API, and keep serving after the tape has ended."""
    from app.commands.running import Asked, run_desk

    told = _overrides(
        candles, symbols, timeframe, start, end, capital, seed, stamps, speed, host, port, venue, venue_url
    )
    asked = Asked(serve=True, linger=True, confirm_live=confirm_live)
    run_desk(home=home, config=config, overrides=told, asked=asked)


@app.command()
def backtest(
    candles: _Candles = None,
    symbols: _Symbols = None,
    timeframe: _Timeframe = None,
    start: _Start = None,
    end: _End = None,
    capital: _Capital = None,
    seed: _Seed = None,
    stamps: _Stamps = None,
    bars: _Bars = None,
    config: _Config = None,
    json: _Json = False,
) -> None:
    """Run the same decisions over past candles, without a model, and report what came out."""
    from app.commands.running import run_backtest

    told = _overrides(candles, symbols, timeframe, start, end, capital, seed, stamps)
    run_backtest(config=config, overrides=told, bars=bars, as_json=json)


@app.command()
def chat(
    question: Annotated[
        list[str] | None, typer.Argument(help="One question; without it, a conversation.")
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Confirm the action that the question asks for.")
    ] = False,
    home: _Home = None,
    config: _Config = None,
    json: _Json = False,
) -> None:
    """Ask the desk what it did and why, or tell it to pause, stop or resume."""
    from app.commands.talking import chat_with_desk

    chat_with_desk(home=home, config=config, question=" ".join(question or ()), yes=yes, as_json=json)


@app.command()
def status(home: _Home = None, json: _Json = False) -> None:
    """Show the session, the account, the halt state, and how old that knowledge is."""
    from app.commands.reading import show_status

    show_status(home, json)


@app.command()
def positions(home: _Home = None, json: _Json = False) -> None:
    """List what the desk holds, and the stop of each position."""
    from app.commands.reading import show_positions

    show_positions(home, json)


@app.command()
def orders(
    all_orders: Annotated[bool, typer.Option("--all", help="Also those that ended.")] = False,
    limit: Annotated[int, typer.Option(help="At most this many, newest first.", min=1)] = 50,
    home: _Home = None,
    json: _Json = False,
) -> None:
    """List the open orders, or all of them."""
    from app.commands.reading import show_orders

    show_orders(home, json, all_orders=all_orders, limit=limit)


@app.command()
def execution(
    symbol: Annotated[str | None, typer.Option(help="Only this symbol, for example BTC/USDT.")] = None,
    by: Annotated[str, typer.Option(help="One row per venue, symbol or algorithm.")] = "venue",
    home: _Home = None,
    json: _Json = False,
) -> None:
    """Show how well orders were executed: shortfall, slippage, fill rate, latencies, refusals."""
    from app.commands.execution import known_key, show_execution

    show_execution(home, json, symbol=symbol, by=known_key(by))


@app.command()
def explain(
    order: Annotated[str, typer.Argument(help="A client order id; see desk orders --all.")],
    home: _Home = None,
    json: _Json = False,
) -> None:
    """Tell why an order exists: observation, evidence, opinions, proposal, intent, verdicts, order, fills."""
    from app.commands.reading import show_explanation

    show_explanation(home, json, order)


_Reason = Annotated[str, typer.Option(help="Why; it is kept in the journal.")]


@app.command()
def halt(
    how: Annotated[str, typer.Argument(help="pause: only get smaller. stop: make no decisions.")] = "pause",
    reason: _Reason = "operator",
    home: _Home = None,
    json: _Json = False,
) -> None:
    """Pause or stop trading. Stops stay in place, and reducing stays possible."""
    from app.commands.halting import request_halt

    if how not in ("pause", "stop"):
        raise ConfigError(f"{how!r} is not a way to halt", fix="Write pause or stop; to flatten, desk panic")
    request_halt(home, json, "pause" if how == "pause" else "stop", reason=reason)


@app.command()
def resume(
    reason: Annotated[str, typer.Option(help="What you looked at; it is kept in the journal.")],
    confirm: Annotated[bool, typer.Option("--confirm", help="Lift the latch that every halt sets.")] = False,
    home: _Home = None,
    json: _Json = False,
) -> None:
    """Trade again after a pause, a stop or a panic: a person says why, and confirms it."""
    from app.commands.halting import request_halt

    request_halt(home, json, "resume", reason=reason, confirm=confirm)


@app.command()
def panic(reason: _Reason = "operator", home: _Home = None, json: _Json = False) -> None:
    """Cancel every entry, flatten every position, verify, and latch the halt."""
    from app.commands.halting import request_halt

    request_halt(home, json, "panic", reason=reason)


@app.command()
def doctor(home: _Home = None, config: _Config = None, json: _Json = False) -> None:
    """Check settings, folder, disk, journal, port and model endpoint, and say how to mend what is wrong."""
    from app.commands.doctoring import examine

    examine(home=home, config=config, as_json=json)


@app.command()
def exchange(
    venue: Annotated[str, typer.Option(help="Which one it plays: binance, gate, mexc or coinbase.")],
    port: Annotated[int, typer.Option(help="Port to listen on; 0 picks one.", min=0, max=65_535)] = 8500,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    seed: Annotated[int, typer.Option(help="Seed of its market.", min=0)] = 7,
    weather: Annotated[str, typer.Option(help="How rough its market is: fair or storm.")] = "fair",
    speed: Annotated[float, typer.Option(help="A multiple of real time; 0 stands still.")] = 1.0,
    symbols: _Symbols = None,
    cash: Annotated[str, typer.Option(help="USDT on its one account.")] = "100000",
    faults: Annotated[
        Path | None, typer.Option(help="TOML file of [[fault]] tables; see docs/exchange.md.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="API key of the account; made up without.")] = None,
    secret: Annotated[str | None, typer.Option(help="Secret of that key.")] = None,
    json: _Json = False,
) -> None:
    """Run a simulated exchange to rehearse at: REST and streams of a real venue, trouble on order."""
    from app.commands.exchanging import run_exchange

    run_exchange(
        venue=venue,
        host=host,
        port=port,
        seed=seed,
        weather=weather,
        speed=speed,
        symbols=symbols,
        cash=cash,
        faults=faults,
        key=key,
        secret=secret,
        as_json=json,
    )


add_portfolio_verbs(app)
app.add_typer(work_app, name="work")
app.add_typer(limits_app, name="limits")
app.add_typer(breakers_app, name="breakers")
app.add_typer(risk_app, name="risk")

journal_app = typer.Typer(help="Verify or read the hash-chained journal.", no_args_is_help=True)
app.add_typer(journal_app, name="journal")


@journal_app.command("verify")
def journal_verify(home: _Home = None, json: _Json = False) -> None:
    """Walk the whole hash chain; a single changed byte is found and named."""
    from app.commands.reading import verify_journal

    verify_journal(home, json)


@journal_app.command("tail")
def journal_tail(
    limit: Annotated[int, typer.Option("-n", "--limit", help="How many events.", min=1)] = 20,
    kind: Annotated[str | None, typer.Option(help="Only this kind, for example order_filled.")] = None,
    home: _Home = None,
    json: _Json = False,
) -> None:
    """Print the newest events."""
    from app.commands.reading import tail_journal

    tail_journal(home, json, limit=limit, kind=kind)


def main() -> None:
    """Run a command line; every error the desk can explain is one line and a documented exit code."""
    as_json = "--json" in sys.argv
    if len(sys.argv) == 1:
        sys.argv.append("--help")
    try:
        native.activate()
        code = app(standalone_mode=False)
    except DeskError as error:
        _fail(str(error), error.exit_code, as_json)
    except Exit as leave:
        sys.exit(leave.exit_code)
    except TyperException as error:  # the parser's own usage errors carry 2, which means "not found" here
        usage = error.exit_code == 2
        _fail(error.format_message(), ConfigError.exit_code if usage else error.exit_code, as_json)
    except KeyboardInterrupt:
        _fail("interrupted", 130, as_json)
    except BrokenPipeError:
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str, code: int, as_json: bool) -> None:
    line = " ".join(message.split())
    if as_json:
        import json

        print(json.dumps({"error": line, "exit_code": code}))
    print(f"desk: {line}", file=sys.stderr)
    sys.exit(code)
