"""`desk chat`: with the running desk through its API, else with what the journal holds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from agents.desk_view import DeskAction
from agents.operator import NO_RESUME, Operator
from app.commands.halting import ask_for
from app.commands.reading import Reading, account_of, read
from app.decision_views import DecisionSummary
from app.explaining import decision_lines, explanation, explanation_lines, record_of
from app.home import Home
from app.render import print_json
from app.settings import home_folder, load
from app.viewing import halt_view, order_view, position_views
from app.views import AccountView, HaltView, OrderView, PositionView
from domain.clock import EPOCH
from domain.errors import ConfigError, DeskError, NotRunning
from domain.halt import Halt, HaltState
from memory.database import open_database
from memory.records import RecordStore

_BY = "the operator, at the command line"
_ANSWER_SECONDS = 90.0

Ask = Callable[[str, str | None], dict[str, Any]]
"""A question and perhaps the id of an action to confirm, to a reply."""


def chat_with_desk(
    *, home: Path | None, config: Path | None, question: str, yes: bool, as_json: bool
) -> None:
    """Answer one question, or hold a conversation until an empty line or Ctrl-D.

    With `yes`, an action that the question asks for is confirmed at once.
    """
    load(config)  # settings that cannot be read are told before anyone types
    folder = Home(home_folder(home))
    ask = _asker(folder, home)
    if question:
        reply = ask(question, None)
        if yes and reply.get("proposed"):
            reply = ask(question, reply["proposed"]["confirm_id"])
        _show(reply, as_json)
        return
    print("Ask about status, positions, orders, profit, decisions, limits, or why. An empty line ends it.")
    while line := _line():
        try:
            _show(ask(line, None), as_json)
        except DeskError as error:
            print(error)


def _line() -> str:
    try:
        return input("> ").strip()
    except EOFError:
        return ""


def _show(reply: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(reply)
    else:
        print(reply["text"])


def _asker(folder: Home, home: Path | None) -> Ask:
    running = folder.running()
    if running is not None and running.url is not None:
        return _over_api(running.url, folder.token())
    seen = read(home)
    operator = Operator(tools=_no_tools())

    def ask(text: str, confirm: str | None) -> dict[str, Any]:
        view = JournalView(read(home))
        reply = asyncio.run(operator.answer(None, text, view, confirm=confirm, by=_BY))
        pending = reply.pending
        return {
            "text": f"{reply.text}\n({seen.age()})" if not seen.live else reply.text,
            "source": reply.source,
            "proposed": {"confirm_id": pending.confirm_id, "action": pending.action} if pending else None,
        }

    return ask


def _no_tools() -> Any:
    from tools.catalog import standard_tools

    return standard_tools()


def _over_api(url: str, token: str) -> Ask:
    import httpx

    def ask(text: str, confirm: str | None) -> dict[str, Any]:
        body = {"text": text} if confirm is None else {"text": text, "confirm": confirm}
        try:
            answer = httpx.post(
                f"{url}/api/v1/chat",
                json=body,
                headers={"Authorization": f"Bearer {token}"},
                timeout=_ANSWER_SECONDS,
                trust_env=False,
            )
            told: dict[str, Any] = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise NotRunning(
                f"the desk at {url} did not answer: {error or type(error).__name__}", fix="See desk status"
            ) from error
        if answer.is_error:
            raise DeskError(str(told.get("error", answer.status_code)), fix=str(told.get("fix", "")))
        return told

    return ask


class JournalStatus:
    """A session as the journal left it, in the form the operator agent reads."""

    def __init__(self, seen: Reading) -> None:
        session = seen.session
        self.session = session.started.session
        self.mode = session.started.mode
        self.state = "running" if seen.live else "not running"
        self.now = session.as_of
        self.account: AccountView = account_of(session)
        never = Halt(HaltState.ACTIVE, "never halted", "the desk", EPOCH)
        self.halt: HaltView = halt_view(seen.history.halt or never)


class JournalView:
    """A desk that cannot be spoken to, as the operator agent sees it: through its journal."""

    def __init__(self, seen: Reading) -> None:
        self._seen = seen

    async def status(self) -> JournalStatus:
        return JournalStatus(self._seen)

    async def positions(self) -> Sequence[PositionView]:
        session = self._seen.session
        return position_views(session.portfolio, session.book.open.values(), session.book.stops.get)

    async def orders(self, *, limit: int, open_only: bool) -> Sequence[OrderView]:
        book = self._seen.session.book
        known = list(book.open.values()) if open_only else list(book.orders.values())
        return [order_view(order) for order in reversed(known[-limit:])]

    async def decisions(self, *, limit: int) -> Sequence[DecisionSummary]:
        from app.viewing import decision_summary

        engine = open_database(self._seen.home.database)
        try:
            return [decision_summary(record) for record in RecordStore(engine).recent(limit)]
        finally:
            engine.dispose()

    async def limits(self) -> Mapping[str, object]:
        from app.commands.limiting import view_of

        view = view_of(load(), self._seen.history, self._seen.live)
        return {each.name: each.value for each in view.limits}

    async def explain(self, name: str) -> str:
        engine = open_database(self._seen.home.database)
        try:
            records = RecordStore(engine)
            found = self._seen.history.order(name)
            if found is None:
                return "\n".join(decision_lines(records.get(name)))
            session, order = found
            told = explanation(order, record_of(order, records), session.refused.get(name))
            return "\n".join(explanation_lines(told))
        finally:
            engine.dispose()

    async def act(self, action: DeskAction, *, reason: str, by: str, confirm: bool) -> str:
        if action.value == "resume":
            raise ConfigError(NO_RESUME)
        told = await asyncio.to_thread(
            ask_for, self._seen.home, action.value, reason=reason, by=by, confirm=confirm
        )
        return str(told["message"])

    async def tighten(self, name: str, value: str, *, reason: str, by: str) -> str:
        from app.commands.limiting import ask_for_limits

        told = await asyncio.to_thread(
            ask_for_limits,
            self._seen.home,
            load(),
            {name: value},
            None,
            reason=reason,
            by=by,
            may_loosen=False,
        )
        return str(told["message"])
