"""Questions to a venue, and its answers as the desk's own messages: what every stream is held to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, TypeVar

from domain.clock import EPOCH
from domain.errors import DataError
from domain.money import ZERO, Currency, Symbol, decimal_from
from domain.orders import Fill
from execution.exchanges.errors import Outcome
from execution.exchanges.line import Line, LineFailed
from execution.exchanges.parse import Seen, fill_from, seen_from, trade_number, trade_order, trigger_from
from execution.exchanges.profiles import Paging
from execution.venue import Balance

T = TypeVar("T")

_MILLISECOND: Final = timedelta(milliseconds=1)
_TRIGGER: Final[Mapping[str, Any]] = {"trigger": True}
_RECENT: Final = 100
_MOST_PAGES: Final = 1000
"""More pages than an account fills between two questions: a venue that never ends is not believed."""


class Reading:
    """What one venue says about the account. Every method raises LineFailed, also for nonsense."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._profile = line.profile

    async def order(self, symbol: Symbol, venue_id: str) -> Seen | None:
        """An order by the venue's own id; None when it has none of that id."""
        return await self._one(lambda: self._line.call("fetch_order", venue_id, symbol), seen_from)

    async def order_of(self, symbol: Symbol, venue_client_id: str) -> Seen | None:
        """An order by the client id it was sent with; None when there is none, or the venue cannot tell."""
        if not self._profile.finds_client_ids:
            return None
        params = {self._profile.client_id_key: venue_client_id}
        return await self._one(
            lambda: self._line.call("fetch_order", venue_client_id, symbol, params), seen_from
        )

    async def trigger(self, symbol: Symbol, venue_id: str) -> Seen | None:
        """A trigger, on venues that keep them apart."""
        return await self._one(
            lambda: self._line.call("fetch_order", venue_id, symbol, dict(_TRIGGER)), trigger_from
        )

    async def open_orders(self, symbol: Symbol) -> list[Seen]:
        """Everything that rests in one market, triggers included where they are kept apart."""
        resting = self._many(await self._line.call("fetch_open_orders", symbol), seen_from)
        if self._profile.trigger_book:
            waiting = await self._line.call("fetch_open_orders", symbol, None, None, dict(_TRIGGER))
            resting += self._many(waiting, trigger_from)
        return resting

    async def recent_orders(self, symbol: Symbol, since: datetime) -> list[Seen]:
        """Orders of one market placed at or after `since`, as far back as the venue lists them."""
        has = self._line.client.has
        method = "fetch_orders" if has.get("fetchOrders") is True else "fetch_closed_orders"
        return self._many(await self._line.call(method, symbol, _milliseconds(since), _RECENT), seen_from)

    async def triggers(self, symbol: Symbol) -> list[Seen]:
        """Every trigger of one market that the venue still lists, the waiting ones and the ended ones."""
        waiting = await self._line.call("fetch_open_orders", symbol, None, None, dict(_TRIGGER))
        ended = await self._line.call("fetch_closed_orders", symbol, None, _RECENT, dict(_TRIGGER))
        return self._many([*waiting, *ended], trigger_from)

    async def fills_of(self, symbol: Symbol, venue_id: str, client_id: str) -> list[Fill]:
        """Every execution of one order, oldest first, page by page."""
        key = "order_id" if self._profile.ccxt_id == "gate" else "orderId"
        asked: dict[str, Any] = {key: venue_id}
        if self._profile.paging is Paging.BY_ID:
            asked["fromId"] = 0  # without it the newest page comes, and no other
        trades = await self._every(symbol, None, asked)
        return self._fills((each for each in trades if trade_order(each) == venue_id), lambda _: client_id)

    async def fills(
        self, symbol: Symbol, since: datetime, whose: Callable[[Mapping[str, Any]], str]
    ) -> list[Fill]:
        """Every execution of the account in one market at or after `since`, oldest first, page by page."""
        trades = await self._every(symbol, _milliseconds(since), {})
        return [fill for fill in self._fills(trades, whose) if fill.filled_at >= since]

    async def balances(self) -> dict[Currency, Balance]:
        """What the account holds, without the currencies it holds nothing of."""
        said = await self._line.call("fetch_balance")
        held: dict[Currency, Balance] = {}
        try:
            for name in said["free"]:
                free, locked = said["free"].get(name), said["used"].get(name)
                balance = Balance(decimal_from(free or "0"), decimal_from(locked or "0"))
                if balance.free < ZERO or balance.locked < ZERO:
                    raise DataError(f"{name} is held below zero")
                if balance.total:
                    held[Currency(str(name))] = balance
        except Exception as error:
            raise LineFailed(
                Outcome.UNKNOWN, f"{self._profile.name} tells balances that make no sense: {error}"
            ) from error
        return held

    async def best_ask(self, symbol: Symbol) -> str:
        """The lowest price anyone sells at now."""
        ticker = await self._line.call("fetch_ticker", symbol)
        ask = ticker.get("ask") if isinstance(ticker, Mapping) else None
        if not isinstance(ask, str):
            raise LineFailed(Outcome.DOWN, f"{self._profile.name} names no ask for {symbol}")
        return ask

    async def _every(
        self, symbol: Symbol, start: int | None, asked: Mapping[str, Any]
    ) -> list[Mapping[str, Any]]:
        """Every page of executions that answers the question, each execution once."""
        found: dict[tuple[str, str], Mapping[str, Any]] = {}
        size, at, params = self._profile.page_size, start, dict(asked)
        for page in range(1, _MOST_PAGES + 1):
            trades = await self._trades(symbol, at, size, params)
            new = self._sensible(partial(_by_name, trades))
            fresh = new.keys() - found.keys()
            found |= new
            if len(trades) < size:
                return list(found.values())
            if not fresh:
                raise LineFailed(Outcome.UNKNOWN, f"{self._profile.name} repeats the same page of executions")
            at, further = self._sensible(partial(self._next_page, page, start, trades))
            params = {**asked, **further}
        raise LineFailed(Outcome.UNKNOWN, f"{self._profile.name} lists executions without end")

    def _next_page(
        self, page: int, start: int | None, trades: Sequence[Mapping[str, Any]]
    ) -> tuple[int | None, dict[str, Any]]:
        match self._profile.paging:
            case Paging.BY_ID:
                return None, {"fromId": max(trade_number(each)[0] for each in trades) + 1}
            case Paging.BY_PAGE:
                return start, {"page": page + 1}
            case Paging.BY_TIME:
                # A venue may count the moment itself in or out: what comes twice is known by its name.
                return start, {"until": min(each.get("timestamp") or 0 for each in trades) + 1}

    async def _trades(
        self, symbol: Symbol, since: int | None, size: int, params: Mapping[str, Any]
    ) -> list[Mapping[str, Any]]:
        said = await self._line.call("fetch_my_trades", symbol, since, size, dict(params))
        if not isinstance(said, list):
            raise LineFailed(Outcome.UNKNOWN, f"{self._profile.name} answered no list of executions")
        return said

    def _fills(self, trades: Any, whose: Callable[[Mapping[str, Any]], str]) -> list[Fill]:
        def read() -> list[Fill]:
            ordered = sorted(trades, key=lambda each: (each.get("timestamp") or 0, trade_number(each)))
            return [fill_from(each, whose(each), self._profile.ccxt_id) for each in ordered]

        return self._sensible(read)

    async def _one(self, ask: Callable[[], Awaitable[Any]], read: Callable[[Any], Seen]) -> Seen | None:
        try:
            said = await ask()
        except LineFailed as failed:
            if failed.outcome is Outcome.GONE:
                return None
            raise
        return self._sensible(lambda: read(said))

    def _many(self, said: Any, read: Callable[[Any], Seen]) -> list[Seen]:
        return self._sensible(lambda: [read(each) for each in said])

    def _sensible(self, read: Callable[[], T]) -> T:
        """What `read` makes of an answer; an answer that makes no sense is as good as none."""
        try:
            return read()
        except DataError as error:
            message = f"{self._profile.name}: {error}"
        except Exception as error:  # noqa: BLE001  a venue may answer anything
            message = f"{self._profile.name} answered nonsense ({type(error).__name__})"
        raise LineFailed(Outcome.UNKNOWN, message)


def _by_name(trades: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], Mapping[str, Any]]:
    return {(str(each.get("id")), trade_order(each)): each for each in trades}


def _milliseconds(moment: datetime) -> int:
    return max(0, (moment - EPOCH) // _MILLISECOND)
