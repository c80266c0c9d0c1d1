"""`desk audit`: the journal's fills, added up a second time and compared with every claim the books made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.commands.reading import open_journal
from app.history import SessionHistory, fold
from app.home import Home
from app.render import print_json, print_table
from app.settings import home_folder
from domain.errors import NotFound
from domain.events import DeskEvent, EquityMarked, OrderFilled, SessionStarted
from domain.money import Currency, Money
from domain.reconciliation import FillAdopted
from portfolio.audit import Audit, Audited, Claimed, audit_postings


@dataclass(frozen=True, slots=True)
class SessionAudit:
    """One session whose books agree with its fills."""

    session: str
    audited: Audited


def audit_books(option: Path | None, as_json: bool) -> None:
    """Verify the chain, then audit every session. Raises LedgerError or JournalCorrupt at the first fault."""
    home = Home(home_folder(option))
    if not home.exists:
        raise NotFound(f"no desk has run in {home.path}", fix="Name its folder with --home")
    journal = open_journal(home)
    try:
        journal.verify()
        events = [event for _, event in journal.events()]
    finally:
        journal.close()
    found = audit_events(events)
    if as_json:
        print_json({"ok": True, "sessions": [_told(each) for each in found]})
        return
    print_table(
        ("session", "fills", "postings", "marks", "owned"),
        [
            (
                each.session,
                each.audited.transactions - 1,
                each.audited.postings,
                each.audited.claims,
                ", ".join(f"{amount:f} {name}" for name, amount in each.audited.balances.items() if amount),
            )
            for each in found
        ],
        empty="The journal has no session yet.",
    )
    print("Every transaction adds up to zero, and the books are what the fills add up to, to the last digit.")


def _told(each: SessionAudit) -> dict[str, Any]:
    return {
        "session": each.session,
        "fills": each.audited.transactions - 1,
        "postings": each.audited.postings,
        "marks": each.audited.claims,
        "balances": {name: f"{amount:f}" for name, amount in each.audited.balances.items()},
    }


def audit_events(events: Iterable[DeskEvent]) -> tuple[SessionAudit, ...]:
    """Audit each session of a journal: every mark it made, and the portfolio its events fold into."""
    events = list(events)
    audits: dict[str, Audit] = {}
    current: Audit | None = None
    for event in events:
        if isinstance(event, SessionStarted):
            capital = Money(event.capital, Currency(event.currency))
            current = audits.setdefault(event.session, Audit(capital))
        elif current is not None:
            _take(current, event)
    sessions: dict[str, SessionHistory] = {each.started.session: each for each in fold(events).sessions}
    found = []
    for name, audit in audits.items():
        portfolio = sessions[name].portfolio
        audit.compare(portfolio)
        audit_postings(portfolio.postings())
        found.append(SessionAudit(name, audit.result()))
    return tuple(found)


def _take(audit: Audit, event: DeskEvent) -> None:
    match event:
        case OrderFilled() | FillAdopted():
            audit.take(event.fill)
        case EquityMarked():
            audit.claim(Claimed(event.at, event.cash, event.equity, event.prices))
        case _:  # the others move no money
            return
