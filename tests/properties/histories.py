"""Random histories of one desk: `python -m tests.properties.histories --examples 10000`.

Prices, orders, executions in parts, fees in money and in coins, deposits and withdrawals, a venue that
loses answers, crashes (everything is rebuilt from the journal), halts, breakers, news and other limits, in
any order. The desk, its facts, its books and the gate are the real ones, the venue is a scripted one. Every
review on the way is looked at: see `Life.review`.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from unittest.mock import patch

from hypothesis import HealthCheck, given, settings

from domain.breakers import ViewsTaken
from domain.clock import SimulatedClock
from domain.errors import ConfigError
from domain.events import EquityMarked, IntentRefused, OrderSubmitted
from domain.halt import HaltState
from domain.market import Headline
from domain.money import ZERO, Currency, Quantity, Symbol
from domain.orders import TERMINAL, OrderIntent, OrderStatus, OrderType, Side, client_order_id
from execution import sending
from execution.facts import ASKED, FactsSource
from execution.order_desk import OrderDesk
from execution.scripted import Answer
from memory.journal import MemoryJournal
from portfolio.portfolio import Portfolio
from risk import gate
from risk.approval import ApprovedOrder
from risk.facts import BreakerFacts, RiskFacts
from risk.gate import Refused, review
from risk.limits import RiskLimits
from risk.rules import RULES, rulebook
from tests.faults.world import CAPITAL, INSTRUMENTS
from tests.properties.history_promises import Known, Marks, broken_promises, held
from tests.properties.history_world import HISTORIES, LIMIT_SETS, SYMBOLS, Step, Till, WalkingFeed

D = Decimal
RULEBOOKS = tuple(rulebook(each for each in RULES if each is not without) for without in RULES)
SEVERE = "Exchange hacked, funds stolen, withdrawals suspended"


class Life:
    """One desk, from its beginning through every crash."""

    def __init__(self, told: Counter[str]) -> None:
        self.told = told
        self.feed, self.venue, self.journal = WalkingFeed(), Till(), MemoryJournal()
        self.halt, self.limits = HaltState.ACTIVE, LIMIT_SETS[0]
        self.breakers = BreakerFacts(D(1), ())
        self.answers: list[bool] = []
        self.orders = 0
        self.without = 0
        self.marks = Marks(dict(self.feed.last))
        self._wake()
        self._mark()

    def _wake(self) -> None:
        self.clock = SimulatedClock(self.feed.at)
        self.portfolio = Portfolio(CAPITAL, INSTRUMENTS)
        self.facts = FactsSource(
            self.portfolio, self.feed, lambda: self.halt, self.limits, breakers=lambda symbol: self.breakers
        )
        self.desk = OrderDesk(
            venue=self.venue,
            portfolio=self.portfolio,
            facts=self.facts,
            limits=self.limits,
            journal=self.journal,
            clock=self.clock,
            publish=lambda event: None,
        )

    # -- what may happen

    async def step(self, step: Step) -> None:
        kind, a, b = step
        symbol = SYMBOLS[a % 2]
        match kind:
            case "buy":
                await self._buy(symbol, a, b)
            case "sell":
                await self._sell(symbol, a, b)
            case "trade":
                worth = D(200 + b * 200)
                amount = INSTRUMENTS[symbol].quantity(worth / self.feed.last[symbol])
                stop = INSTRUMENTS[symbol].price(self.feed.last[symbol] * D("0.95"))
                await self._submit(symbol, Side.BUY, amount, protective_stop=stop)
                await self._fill(0, len(self.venue._orders) - 1)
            case "exit":
                await self.shrink()
                await self._fill(0, len(self.venue._orders) - 1)
            case "fill":
                await self._fill(a, b)
            case "move":
                self.feed.last[symbol] = round(self.feed.last[symbol] * D(940 + b * 12 // 10) / 1000, 2)
                await self._wait(timedelta(minutes=1 + a), quoted=a != 9)
            case "hours":
                self.feed.last[symbol] = round(self.feed.last[symbol] * D(975 + b // 2) / 1000, 2)
                await self._wait(timedelta(hours=(1, 3, 7, 12, 24, 70)[a % 6], minutes=b % 2), quoted=a != 9)
            case "crash":
                await self._crash()
            case "halt":
                self.halt = (HaltState.ACTIVE, HaltState.ACTIVE, HaltState.REDUCING, HaltState.HALTED)[
                    a // 2 % 4
                ]
            case "limits":
                self.limits = LIMIT_SETS[(a + b) % len(LIMIT_SETS)]
                self.facts.limit_to(self.limits)
                self.desk.limit_to(self.limits)
            case "outside":
                await self._outside(a, b)
            case "trouble":
                self.venue.answers.append(tuple(Answer)[b % len(Answer)])
                self.venue.in_coins = a < 5
            case "views":
                asked, failed = 1 + a, min(1 + a, b % 11)
                self.desk.record(ViewsTaken("c", {}, {}, asked, failed, self.clock.now()))
                self.facts.answered(asked, failed)
                self.answers = (self.answers + [False] * (asked - failed) + [True] * failed)[-ASKED:]
            case "news":
                await self._wait(timedelta(seconds=1), quoted=True)
                name, at = f"n{len(self.feed.news)}", self.feed.at
                self.feed.news.append(Headline(name, SEVERE, "wire", at, at, (symbol,)))
            case "breaker":
                size = (D(1), D(1), D("0.5"), D("0.1"), ZERO)[a % 5]
                self.breakers = BreakerFacts(size, ("drawdown",) if b < 20 else ())
            case "book":
                self.feed.deep = D(b + 1) / (10 if a < 3 else 2)
                await self._wait(timedelta(seconds=1), quoted=True)
            case "cancel":
                live = self.desk.open_orders()
                if live:
                    await self.desk.cancel(live[b % len(live)].client_id, "told to")
            case _:
                raise ValueError(kind)

    async def _wait(self, span: timedelta, *, quoted: bool) -> None:
        self.feed.wait(span)
        if quoted:
            self.feed.quoted = self.feed.at
        self.clock.set(self.feed.at)
        await self.desk.sync()
        self._mark()

    def _mark(self) -> None:
        """As the engine does once a bar: marked, and on record."""
        now, prices, account = self.clock.now(), dict(self.feed.last), self.portfolio
        account.mark(prices, now)
        self.marks.mark(account.fills(), prices, now)
        self.desk.record(
            EquityMarked(
                bar=0,
                equity=account.equity,
                cash=account.cash,
                peak=account.peak_equity,
                day_start=account.day_start_equity,
                week_start=account.week_start_equity,
                prices=prices,
                at=now,
            )
        )
        self.desk.commit()

    async def _crash(self) -> None:
        """The process dies; the next one knows what was durable, and asks the venue for the rest."""
        self.told["restarts"] += 1
        before = self.portfolio
        self.desk.commit()
        self._wake()
        self.desk.restore([event for _, event in self.journal.events()])
        assert self.portfolio.peak_equity >= before.peak_equity, "a peak was forgotten"
        assert self.portfolio.fills() == before.fills(), "executions were forgotten"
        await self.desk.reconcile()
        await self.desk.sync()
        self._mark()

    async def _outside(self, a: int, b: int) -> None:
        """Money or coins come or go that no order explains; now and then somebody answers for it."""
        currency = Currency(("USDT", "BTC")[a % 2])
        before = D(100_000) if currency == "USDT" else ZERO
        self.venue.held[currency] = before + (D(b) - 30 if a < 3 else ZERO)
        await self.desk.reconcile()
        if b % 3 and self.desk.differences:
            try:
                await self.desk.accept_outside(currency, "asked for")
            except ConfigError:
                self.told["losses that nobody could answer for"] += 1

    async def _fill(self, a: int, b: int) -> None:
        """The venue executes an order, whole or in part, at its price or a little worse."""
        live = [(name, kept) for name, kept in self.venue._orders.items() if kept.status not in TERMINAL]
        if not live:
            return
        name, kept = live[b % len(live)]
        intent, last = kept.intent, self.feed.last[kept.intent.symbol]
        left = intent.quantity - kept.filled
        if intent.side is Side.SELL:
            known = min(held(fills)[intent.symbol] for fills in (self.venue._fills(), self.portfolio.fills()))
            left = min(left, known)
        part = INSTRUMENTS[intent.symbol].quantity(left * (D(1) if a < 6 else D(a) / 20))
        if part > 0:
            price = intent.limit_price or intent.trigger_price or round(last * D(1000 + a % 3) / 1000, 2)
            self.venue.fill(name, part, price, self.feed.at, report=a != 5)
            await self.desk.sync()

    # -- orders

    async def _submit(self, symbol: Symbol, side: Side, quantity: Decimal, **more: object) -> OrderStatus:
        self.orders += 1
        intent = OrderIntent(
            client_id=client_order_id("s", self.orders, 0),
            session="s",
            cycle=self.orders,
            leg=0,
            symbol=symbol,
            side=side,
            quantity=Quantity(quantity),
            order_type=more.pop("order_type", OrderType.MARKET),  # type: ignore[arg-type]
            created_at=self.clock.now(),
            **more,  # type: ignore[arg-type]
        )
        self.told["orders"] += 1
        with patch.object(sending, "review", self.review):
            order = await self.desk.submit(intent)
        return order.status

    async def _buy(self, symbol: Symbol, a: int, b: int) -> None:
        last, instrument = self.feed.last[symbol], INSTRUMENTS[symbol]
        worth = D((5, 500, 4_000, 10_000, 10_000, 20_000, 29_000, 45_000, 90_000, 150_000)[b % 10])
        more: dict[str, object] = {}
        price = last
        if b % 4 == 1:
            price = instrument.price(last * D(1000 - b % 7 * 15) / 1000)
            more = {"order_type": OrderType.LIMIT, "limit_price": price}
        elif b % 9 == 2:
            price = instrument.price(last * D("1.01"))
            more = {"order_type": OrderType.STOP, "trigger_price": price}
        if a != 8:
            more["protective_stop"] = instrument.price(price * D((98, 95, 93, 90, 80)[a // 2]) / 100)
        if b % 5 == 3:
            more["take_profit"] = instrument.price(last * D(102 + b % 20) / 100)
        await self._submit(symbol, Side.BUY, instrument.quantity(worth / price), **more)

    async def _sell(self, symbol: Symbol, a: int, b: int) -> None:
        """A part of the holding: at market, at a limit, or asleep as its stop; or a sale of too much."""
        instrument, last = INSTRUMENTS[symbol], self.feed.last[symbol]
        amount = instrument.quantity(max(held(self.portfolio.fills())[symbol], ZERO) * D(b % 6) / 4)
        more: dict[str, object] = {"reduce_only": b % 5 != 0}
        if a in (2, 3):
            more |= {"order_type": OrderType.LIMIT, "limit_price": instrument.price(last * D("1.01"))}
        elif a in (4, 5, 6):
            more |= {"order_type": OrderType.STOP, "trigger_price": instrument.price(last * D("0.95"))}
        if amount:
            await self._submit(symbol, Side.SELL, amount, **more)

    async def shrink(self) -> None:
        """Whatever the state: what can be sold may be sold, as long as account and price are known."""
        for symbol, instrument in INSTRUMENTS.items():
            quote = self.feed.quote(symbol)
            fresh = self.clock.now() - self.feed.quoted <= timedelta(
                seconds=self.limits.max_quote_age_seconds or 0
            )
            selling = sum(
                each.remaining
                for each in self.desk.open_orders()
                if each.intent.symbol == symbol and each.intent.side is Side.SELL and not each.intent.guards
            )
            # A stop that somebody sent as no reduction claims nothing, since it is one: see `OpenOrderFacts`.
            free = instrument.quantity(max(ZERO, held(self.portfolio.fills())[symbol] - selling))
            if quote is None or not fresh or free * quote.bid < instrument.min_notional or not free:
                continue
            self.told["reductions"] += 1
            status = await self._submit(symbol, Side.SELL, free, reduce_only=True)
            assert status is not OrderStatus.REFUSED, self._why()

    def _why(self) -> str:
        refused = [event for _, event in self.journal.events() if isinstance(event, IntentRefused)]
        return str(refused[-1])

    # -- the gate, looked at

    def review(
        self, intent: OrderIntent, facts: RiskFacts, limits: RiskLimits, now: datetime
    ) -> ApprovedOrder | Refused:
        """The gate's answer, held to the laws.

        What it approves keeps every limit as worked out from prices and executions alone; the same arguments,
        made anew, get the same answer; and with one rule fewer no less is approved.
        """
        answer = review(intent, facts, limits, now)
        again = review(replace(intent), replace(facts), replace(limits), now)
        assert _plainly(again) == _plainly(answer), "the same question was answered in two ways"
        self.without = (self.without + 1) % len(RULEBOOKS)
        with patch.object(gate, "RULEBOOK", RULEBOOKS[self.without]):
            fewer = review(replace(intent), replace(facts), limits, now)
        assert _amount(fewer) >= _amount(answer), f"without {RULES[self.without].name} less was approved"
        if isinstance(answer, Refused):
            self.told["refusals"] += 1
            self.told.update(f"refused by {breach.rule}" for breach in answer.breaches)
        else:
            self.told["approvals"] += 1
            self.told["clips"] += bool(answer.clips)
            broken = broken_promises(answer.intent, self._known(intent))
            assert not broken, f"{intent} was approved beyond {broken}"
        return answer

    def _known(self, intent: OrderIntent) -> Known:
        symbol, feed = intent.symbol, self.feed
        quote, book = feed.quote(symbol), feed.book(symbol)
        assert quote is not None
        assert book is not None
        sent = [
            (event.at, self.desk.orders[event.client_id])
            for _, event in self.journal.events()
            if isinstance(event, OrderSubmitted)
        ]
        return Known(
            now=self.clock.now(),
            halt=self.halt,
            limits=self.limits,
            quote=quote,
            reference=D(str(round(feed.closes[symbol][-1], 2))),
            marks=self.marks,
            fills=self.portfolio.fills(),
            others=[
                each
                for each in self.desk.orders.values()
                if not each.is_terminal and each.client_id != intent.client_id
            ],
            asks={each: feed.last[each] + D("0.01") for each in SYMBOLS},
            sent=sent,
            depth=(
                sum((each.price * each.quantity for each in book.bids), ZERO),
                sum((each.price * each.quantity for each in book.asks), ZERO),
            ),
            bars=feed.history,
            news=[(each.available_at, each.symbols[0]) for each in feed.news],
            answers=self.answers,
            size=self.breakers.size_fraction,
            open_breakers=self.breakers.open,
        )


def _plainly(answer: ApprovedOrder | Refused) -> tuple[object, ...]:
    if isinstance(answer, Refused):
        return answer.intent, answer.breaches, answer.at
    return answer.intent, answer.clips, answer.at


def _amount(answer: ApprovedOrder | Refused) -> Decimal:
    return ZERO if isinstance(answer, Refused) else answer.intent.quantity


async def live(history: list[Step], told: Counter[str]) -> None:
    """Live through a history, and reduce what is held in the middle and at the end of it."""
    told["histories"] += 1
    life = Life(told)
    for number, step in enumerate(history):
        await life.step(step)
        if number == len(history) // 2:
            await life.shrink()
    await life.shrink()
    life.portfolio.check()


def run(examples: int) -> Counter[str]:
    """So many histories; what happened in them."""
    told: Counter[str] = Counter()

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(HISTORIES)
    def law(history: list[Step]) -> None:
        asyncio.run(live(history, told))

    law()
    return told


def main() -> None:
    words = argparse.ArgumentParser(prog="python -m tests.properties.histories", description=__doc__)
    words.add_argument("--examples", type=int, default=10_000)
    began = time.perf_counter()
    told = run(words.parse_args().examples)
    for name, count in told.most_common():
        print(f"{count:9,d}  {name}")
    print(f"{time.perf_counter() - began:9,.0f}  seconds")


if __name__ == "__main__":
    main()
