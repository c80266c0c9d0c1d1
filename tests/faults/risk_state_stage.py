"""A desk that has lost more than it may, on a tape and in a real file; and what can happen to it then.

Two coins stand at 100 and fall by a quarter on Tuesday at 15:00, over the stop of what is held: equity is
down by some six per cent, the day's limit is five.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Final

from app.bootstrap import build_desk
from app.emergency import Emergency
from app.history import fold
from app.session import SessionRun
from app.settings import Settings, load
from domain.events import IntentRefused
from domain.money import Price, Quantity, Symbol
from domain.orders import Order, OrderIntent, OrderStatus, OrderType, Origin, Side, client_order_id
from graph.inline import run_inline
from memory.database import open_database
from memory.records import RecordStore
from memory.steadfast import SteadfastJournal

BTC, ETH = Symbol("BTC/USDT"), Symbol("ETH/USDT")
MONDAY: Final = datetime(2026, 1, 5, tzinfo=UTC)
CRASH: Final = MONDAY + timedelta(days=1, hours=15)
"""The close of the bar in which everything falls."""
RISK: Final[Mapping[str, Any]] = {
    "max_daily_loss_fraction": "0.05",
    "max_weekly_loss_fraction": "0.055",
    "max_drawdown_fraction": "0.06",
}


def write_candles(folder: Path) -> Path:
    """Three weeks of hours around that Tuesday, for both coins."""
    folder.mkdir(exist_ok=True)
    for name in ("BTC-USDT", "ETH-USDT"):
        lines = ["timestamp,open,high,low,close,volume"]
        before = Decimal(100)
        for hour in range(21 * 24):
            opens = MONDAY - timedelta(days=7) + timedelta(hours=hour)
            wiggle = Decimal(hour % 5) / 100
            close = (Decimal(100) if opens + timedelta(hours=1) < CRASH else Decimal(75)) + wiggle
            before = (
                close if opens + timedelta(hours=1) == CRASH else before
            )  # a gap: no stop is met on the way
            high, low = max(before, close) + Decimal("0.1"), min(before, close) - Decimal("0.1")
            lines.append(f"{opens.isoformat()},{before},{high},{low},{close},1000000")
            before = close
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    return folder


def settings(candles: Path, **risk: Any) -> Settings:
    """Nothing is decided but on the first bar: what is held is what the test asked for."""
    return load(
        overrides={
            "session": {"symbols": (BTC, ETH), "timeframe": "1h", "decide_every": 10_000},
            "market": {"source": "replay", "candles": candles, "start": MONDAY, "speed": "max"},
            "costs": {"slippage": "none"},
            "decision": {"strategies": ("ma_crossover",)},
            "risk": {**RISK, **risk},
        }
    )


class Home:
    """One home on that tape, and the lives of desks in it."""

    def __init__(self, folder: Path, candles: Path) -> None:
        self.folder = folder
        self.database = folder / "desk.db"
        self.settings = settings(candles)
        self.journal: SteadfastJournal
        self.run: SessionRun
        self._asked = 0

    async def born(self) -> SessionRun:
        """The next desk, as `desk run` starts it: the journal is verified, then everything is rebuilt."""
        self.journal = SteadfastJournal(self.database)
        self.journal.verify()
        past = [event for _, event in self.journal.events()]
        history = fold(past)
        records = RecordStore(open_database(self.database), self.journal)
        desk = build_desk(
            self.settings,
            session="s0001",
            journal=self.journal,
            records=records,
            cycles=lambda context: partial(run_inline, context),
            halt=history.halt,
            recorded_limits=history.limits,
            past=past,
            folder=self.folder,
        )
        self.run = SessionRun(desk, emergency=Emergency(self.folder, self.journal.hurry))
        await self.run.start()
        return self.run

    def dies(self) -> None:
        """As by SIGKILL: nothing is committed and nothing tidied up."""
        self.journal._connection.close()

    async def to(self, moment: datetime) -> None:
        """Work through the bars up to the one that closes then."""
        while self.run.desk.clock.now() < moment:
            if not await self.run.advance():
                raise AssertionError("the tape has ended")

    async def lose(self) -> None:
        """Hold both coins, and live through that Tuesday up to an hour after."""
        await self.to(MONDAY + timedelta(days=1, hours=8))
        for symbol in (BTC, ETH):
            bought = await self.buy(symbol, Decimal(1250))
            assert bought.status is not OrderStatus.REFUSED, bought.note
        await self.to(CRASH + timedelta(hours=1))
        portfolio = self.run.desk.portfolio
        assert portfolio.equity < portfolio.day_start_equity * Decimal("0.94")
        assert not portfolio.positions, "the stops sold"

    async def buy(self, symbol: Symbol, quote: Decimal) -> Order:
        """An operator's entry at market, with its stop."""
        desk = self.run.desk
        seen = desk.feed.quote(symbol)
        assert seen is not None
        instrument = desk.feed.instruments[symbol]
        leg = sum(order.intent.cycle == 900_000 for order in desk.orders.orders.values())
        return await desk.orders.submit(
            OrderIntent(
                client_id=client_order_id(desk.session, 900_000, leg),
                session=desk.session,
                cycle=900_000,
                leg=leg,
                symbol=symbol,
                side=Side.BUY,
                quantity=Quantity(instrument.quantity(quote / seen.ask)),
                order_type=OrderType.MARKET,
                created_at=desk.clock.now(),
                origin=Origin.OPERATOR,
                protective_stop=Price(instrument.price(seen.bid * Decimal("0.96"))),
            )
        )

    async def refusal(self, symbol: Symbol = BTC) -> set[str]:
        """The rules that refuse an entry now; empty when it is taken in."""
        heard: list[IntentRefused] = []

        def hear(event: object) -> None:
            if isinstance(event, IntentRefused):
                heard.append(event)

        forget = self.run.desk.bus.subscribe(hear)
        order = await self.buy(symbol, Decimal(200))
        forget()
        if order.status is not OrderStatus.REFUSED:
            return set()
        return {breach.rule for breach in heard[-1].breaches}
