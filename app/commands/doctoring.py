"""`desk doctor`: look at everything a run needs, and say how to mend what is wrong."""

from __future__ import annotations

import asyncio
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from app import native
from app.home import Home
from app.render import print_json, print_table
from app.settings import Settings, VenueKey, home_folder, load, model_key, venue_key
from domain.errors import DeskError

_CONNECT_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look found. `fix` is empty when all is well."""

    check: str
    ok: bool
    found: str
    fix: str = ""
    exit_code: int = 0


def examine(*, home: Path | None, config: Path | None, as_json: bool) -> None:
    """Run every check, print what was found, and exit with the code of the first that failed."""
    folder = Home(home_folder(home))
    findings = list(_look(folder, config))
    if as_json:
        print_json(
            {"ok": all(found.ok for found in findings), "checks": [asdict(found) for found in findings]}
        )
    else:
        rows = [("ok" if found.ok else "FAILS", found.check, found.found, found.fix) for found in findings]
        print_table(("", "check", "found", "what to do"), rows, empty="nothing was checked")
    failed = next((found for found in findings if not found.ok), None)
    if failed is not None:
        sys.exit(failed.exit_code)


def _look(home: Home, config: Path | None) -> Iterator[Finding]:
    yield Finding("python", True, sys.version.split()[0])
    lane = "compiled" if native.active() else "plain Python; make native compiles it"
    yield Finding("order path", True, lane)
    settings: list[Settings] = []

    def read() -> str:
        settings.append(load(config))
        return f"{settings[0].mode} trading of {', '.join(settings[0].session.symbols)}"

    yield _try("settings", read)
    if not settings:
        return
    told = settings[0]
    yield _try("risk limits", lambda: _limits(told))
    if told.mode == "paper":
        yield _try("market", lambda: _market(told))
    else:
        yield from _at_venue(told)
    yield _try("home folder", lambda: _home(home, told))
    yield _try("journal", lambda: _journal(home))
    yield _try("dashboard port", lambda: _port(home, told))
    yield _try("model endpoint", lambda: _models(told))


def _try(check: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(check, True, look())
    except DeskError as error:
        return Finding(check, False, error.message, error.fix, error.exit_code)


def _limits(settings: Settings) -> str:
    from app.limits_section import document_of

    limits = document_of(settings).limits
    return f"all set, no contradictions, hash {limits.hash[:12]}; desk limits shows those in force"


def _market(settings: Settings) -> str:
    from app.bootstrap import build_feed, remarks_on

    feed = build_feed(settings)
    moment = feed.advance()
    if moment is None:
        raise DeskError("the market has no bar in the chosen period", fix="Choose another start or end")
    return "; ".join((f"{feed.name}: first bar closes {moment:%Y-%m-%d %H:%M}Z", *remarks_on(feed, settings)))


def _at_venue(settings: Settings) -> Iterator[Finding]:
    """The way to the venue, step by step; a step that fails ends it, for the next would say the same."""
    from app import venue_checks
    from app.venue_world import guard_addresses

    key: list[VenueKey] = []

    def address() -> str:
        guard_addresses(settings.venue)
        where = settings.venue.url or "its own address"
        return f"{settings.venue.name} at {where}, {'REAL MONEY' if settings.venue.live else 'no real money'}"

    def keys() -> str:
        key.append(venue_key(settings.venue.name))
        return "a pair stands in the environment"

    steps: tuple[tuple[str, Callable[[], str]], ...] = (
        ("venue address", address),
        ("venue keys", keys),
        ("venue", lambda: asyncio.run(venue_checks.reach(settings, key[0]))),
        ("venue account", lambda: asyncio.run(venue_checks.account(settings, key[0]))),
        ("key permissions", lambda: asyncio.run(venue_checks.permissions(settings, key[0]))),
    )
    for check, look in steps:
        finding = _try(check, look)
        yield finding
        if not finding.ok:
            return


def _home(home: Home, settings: Settings) -> str:
    home.prepare(settings.venue.home_kind)
    free = shutil.disk_usage(home.path).free
    running = home.running()
    state = f"held by process {running.pid}" if running else "free"
    return f"{home.path}, {state}, {free // 2**20:,} MB of disk free"


def _journal(home: Home) -> str:
    from memory.journal import SqliteJournal

    if not home.exists:
        return "none yet"
    journal = SqliteJournal(home.database, read_only=True)
    try:
        seen = journal.verify()
    finally:
        journal.close()
    return f"{seen.events:,} events, chain whole"


def _port(home: Home, settings: Settings) -> str:
    host, port = settings.api.host, settings.api.port
    running = home.running()
    if running is not None and running.url is not None:
        return f"served by the running desk at {running.url}"
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise DeskError(
                f"{host}:{port} cannot be used: {error.strerror}",
                fix="Choose another with --port or [api] port",
            ) from error
    return f"{host}:{port} is free"


def _models(settings: Settings) -> str:
    from app.bootstrap import model_settings

    key = model_key()
    chosen = model_settings(settings, key)
    if chosen is None:
        return "no key in the environment: every role uses its deterministic baseline"
    parts = urlsplit(chosen.base_url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=_CONNECT_SECONDS).close()
    except OSError as error:
        raise DeskError(
            f"{parts.hostname}:{port} cannot be reached: {error}",
            fix="Check base_url and the network; until then every role uses its baseline",
        ) from error
    return f"{parts.hostname} answers"
