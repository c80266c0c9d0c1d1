"""The verbs that only read: they fold the journal, whether a desk runs or not, and say how old it is."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from app.explaining import decision_lines, explanation, explanation_lines, record_of
from app.history import History, SessionHistory, fold
from app.home import Home, Running
from app.render import amount, percent, print_json, print_pairs, print_table, text
from app.settings import home_folder
from app.viewing import account_view, halt_view, order_view, position_views
from app.views import AccountView
from domain.errors import NotFound
from domain.halt import HaltState
from memory.codec import encode
from memory.database import open_database
from memory.journal import SqliteJournal
from memory.records import RecordStore


@dataclass(frozen=True, slots=True)
class Reading:
    """What a home holds, and who runs in it."""

    home: Home
    history: History
    session: SessionHistory
    running: Running | None

    @property
    def live(self) -> bool:
        return self.running is not None

    def age(self) -> str:
        """The first line of every report: stale state is never shown as live."""
        moment = text(self.session.as_of)
        if self.running is not None:
            return f"live: process {self.running.pid}, the desk's time {moment}"
        return f"not running: this is how session {self.session.started.session} stood at {moment}"


def read(option: Path | None) -> Reading:
    """Fold the journal of the home. Raises NotFound when no session was ever run there."""
    home = Home(home_folder(option))
    if not home.exists:
        raise NotFound(f"no desk has run in {home.path}", fix="Start one with desk run, or name its --home")
    journal = open_journal(home)
    try:
        history = fold(event for _, event in journal.events())
    finally:
        journal.close()
    if history.latest is None:
        raise NotFound(f"the journal in {home.path} has no session yet", fix="Start one with desk run")
    return Reading(home, history, history.latest, home.running())


def open_journal(home: Home) -> SqliteJournal:
    return SqliteJournal(home.database, read_only=True)


def show_status(option: Path | None, as_json: bool) -> None:
    seen = read(option)
    session, halt = seen.session, seen.history.halt
    account = account_of(session)
    counts = {
        "bars": len(session.curve),
        "cycles": len(session.decisions),
        "orders": len(session.book.orders),
        "fills": sum(len(order.fills) for order in session.book.orders.values()),
        "refusals": session.refusals,
        "open_orders": len(session.book.open),
    }
    if as_json:
        print_json(
            {
                "running": seen.live,
                "url": seen.running.url if seen.running else None,
                "session": session.started.session,
                "mode": session.started.mode,
                "as_of": session.as_of,
                "halt": halt_view(halt) if halt else {"state": HaltState.ACTIVE},
                "account": account,
                "counts": counts,
                "frozen": dict(session.book.frozen),
                "stopped": session.stopped.reason if session.stopped else None,
            }
        )
        return
    print(seen.age())
    state = "active" if halt is None else f"{halt.state} ({halt.reason}, by {halt.by})"
    if halt is not None and halt.latched:
        state += ", latched: desk resume --confirm --reason ... lifts it"
    print_pairs(
        {
            "session": f"{session.started.session} ({session.started.mode})",
            "dashboard": seen.running.url if seen.running else None,
            "trading": state,
            "frozen": "; ".join(session.book.frozen.values()) or None,
            "equity": f"{amount(account.equity)} {account.currency}",
            "profit": f"{amount(account.profit)} {account.currency} ({percent(account.profit_fraction)})",
            "drawdown": percent(-account.drawdown),
            "fees": f"{amount(account.fees)} {account.currency}",
            "positions": len(session.portfolio.positions),
            **{name.replace("_", " "): value for name, value in counts.items()},
        }
    )
    for notice in session.notices[-3:]:
        print(f"{notice.level}: {notice.message}")


def show_positions(option: Path | None, as_json: bool) -> None:
    seen = read(option)
    book = seen.session.book
    views = position_views(seen.session.portfolio, book.open.values(), book.stops.get)
    if as_json:
        print_json({"running": seen.live, "as_of": seen.session.as_of, "positions": views})
        return
    print(seen.age())
    print_table(
        ("symbol", "quantity", "average", "mark", "value", "weight", "unrealised", "stop", "set by"),
        [
            (
                view.symbol,
                view.quantity,
                view.average_price,
                view.mark,
                view.value,
                percent(view.weight),
                view.unrealized,
                view.stop,
                view.stop_rule,
            )
            for view in views
        ],
        empty="Nothing is held.",
    )


def show_orders(option: Path | None, as_json: bool, *, all_orders: bool, limit: int) -> None:
    seen = read(option)
    book = seen.session.book
    chosen = [*book.orders.values(), *seen.session.vetoed.values()] if all_orders else [*book.open.values()]
    chosen.sort(key=lambda order: order.intent.created_at)
    views = [order_view(order) for order in reversed(chosen[-limit:])]
    if as_json:
        print_json({"running": seen.live, "as_of": seen.session.as_of, "orders": views})
        return
    print(seen.age())
    print_table(
        ("id", "created", "symbol", "side", "type", "quantity", "filled", "average", "status", "by"),
        [
            (
                view.client_id,
                view.created_at,
                view.symbol,
                view.side,
                view.order_type,
                view.quantity,
                view.filled,
                view.average_price,
                view.status,
                view.origin,
            )
            for view in views
        ],
        empty="No order is open." if not all_orders else "No order was ever made.",
    )


def show_explanation(option: Path | None, as_json: bool, name: str) -> None:
    seen = read(option)
    engine = open_database(seen.home.database)
    try:
        records = RecordStore(engine)
        found = seen.history.order(name)
        if found is None:
            _show_decision(records, name, as_json)
            return
        session, order = found
        told = explanation(order, record_of(order, records), session.refused.get(name))
    finally:
        engine.dispose()
    if as_json:
        print_json(told)
    else:
        print("\n".join(explanation_lines(told)))


def _show_decision(records: RecordStore, name: str, as_json: bool) -> None:
    try:
        record = records.get(name)
    except NotFound:
        raise NotFound(
            f"there is no order or decision {name!r}", fix="desk orders --all and desk journal tail list them"
        ) from None
    if as_json:
        print_json(record)
    else:
        print("\n".join(decision_lines(record)))


def verify_journal(option: Path | None, as_json: bool) -> None:
    home = Home(home_folder(option))
    if not home.exists:
        raise NotFound(f"no desk has run in {home.path}", fix="Name its folder with --home")
    journal = open_journal(home)
    try:
        seen = journal.verify()
    finally:
        journal.close()
    if as_json:
        print_json({"ok": True, "events": seen.events, "records": seen.records, "head": seen.head})
    else:
        print(
            f"The journal is whole: {seen.events:,} events, {seen.records:,} cycle records, "
            f"head {seen.head[:16]}."
        )


def tail_journal(option: Path | None, as_json: bool, *, limit: int, kind: str | None) -> None:
    home = Home(home_folder(option))
    if not home.exists:
        raise NotFound(f"no desk has run in {home.path}", fix="Name its folder with --home")
    journal = open_journal(home)
    rows: list[tuple[int, str, datetime, str]] = []
    try:
        for seq, event in journal.events():
            if kind is None or event.kind == kind:
                rows.append((seq, event.kind, event.at, encode(event).decode()))
                del rows[:-limit]
    finally:
        journal.close()
    if kind is not None and not rows:
        raise NotFound(f"the journal has no event of kind {kind!r}")
    for seq, name, at, payload in rows:
        if as_json:
            sys.stdout.write(f'{{"seq":{seq},"kind":"{name}","event":{payload}}}\n')
        else:
            print(f"{seq:>8}  {text(at)}  {name:<16} {payload}")


def account_of(session: SessionHistory) -> AccountView:
    """The account as the last closed bar left it."""
    portfolio, mark = session.portfolio, session.mark
    peak = mark.peak if mark else portfolio.peak_equity
    return account_view(
        portfolio, peak=peak, day_start=mark.day_start if mark else portfolio.day_start_equity
    )
