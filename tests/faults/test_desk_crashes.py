"""The process dies between any two calls to journal and venue; the next one carries on.

One story is told again and again; each time it dies at another moment: before or after one call to the
journal or the venue. The venue lives on, the file keeps what was committed, and a new process restores,
reconciles and resumes. Then: no order lost, none doubled, the ledger balanced, every position with its stop.
"""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pytest

from domain.money import ZERO
from domain.orders import TERMINAL, OrderStatus, OrderType, Side
from execution.scripted import Answer, ScriptedVenue
from memory.journal import SqliteJournal
from tests.faults.boundaries import Died, Fate, MortalJournal, MortalVenue
from tests.faults.world import BTC, ETH, START, StillFeed, World, intent, sell, world


@dataclass
class Lives:
    """One home folder and one venue, and the processes that live on them one after the other."""

    path: Path
    fate: Fate
    feed: StillFeed = field(default_factory=StillFeed)
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.venue = ScriptedVenue()
        self._journal: SqliteJournal | None = None

    async def born(self) -> World:
        if self._journal is not None:
            self._journal._connection.close()  # dead: nothing of the open batch is written
        self._journal = SqliteJournal(self.path)
        w = world(MortalJournal(self._journal, self.fate), MortalVenue(self.venue, self.fate), feed=self.feed)
        w.desk.restore(event for _, event in self._journal.events())
        self.said += await w.desk.reconcile()
        await w.guardian.resume()
        w.journal.commit()
        return w

    def execute(self, client_id: str, quantity: str) -> None:
        """The market's own doing: an order that rests there fills, whether the desk lives or not."""
        kept = self.venue._orders.get(client_id)
        if kept is not None and kept.status not in TERMINAL:
            self.venue.fill(client_id, quantity, self.feed.last[kept.intent.symbol], self.feed.now or START)

    def close(self) -> None:
        if self._journal is not None:
            self._journal.close()


Act = Callable[[World], Awaitable[object]]


def story(lives: Lives) -> list[tuple[Callable[[], None] | None, Act]]:
    """What the market does first (once), then what the desk does (again after a death)."""
    return [
        (None, lambda w: w.desk.submit(intent(0, quantity="0.5"))),
        (lambda: lives.execute("s-000001-00", "0.2"), lambda w: w.tick()),
        (lambda: lives.execute("s-000001-00", "0.3"), lambda w: w.tick()),
        (None, lambda w: w.desk.submit(intent(1, symbol=ETH, quantity="2", limit="1990", stop="1900"))),
        (None, lambda w: w.desk.cancel("s-000001-01", "a newer cycle decides")),
        (None, lambda w: w.desk.submit(sell(2, "0.1"))),
        (lambda: lives.execute("s-000001-02", "0.1"), lambda w: w.tick()),
        (None, lambda w: w.tick()),
    ]


async def live(lives: Lives) -> tuple[World, int]:
    """Tell the story to its end, being born again after each death; how often it died."""
    deaths = 0
    w: World | None = None
    for market, act in story(lives):
        if market is not None:
            market()
        while True:
            try:
                w = w or await lives.born()
                await act(w)
                break
            except Died:
                deaths += 1
                w = None
    if w is None:
        w = await lives.born()
    return w, deaths


def check(w: World, lives: Lives) -> None:
    """Nothing lost, nothing doubled, everything balanced."""
    assert len(set(lives.venue.placed)) == len(lives.venue.placed), "an order was sent twice"
    held = {BTC: ZERO, ETH: ZERO}
    for client_id, kept in lives.venue._orders.items():
        order = w.desk.orders[client_id]
        assert order.filled == kept.filled, f"{client_id} was filled and the desk does not know"
        assert order.is_terminal == (kept.status in TERMINAL)
        for fill in kept.fills:
            held[fill.symbol] += fill.quantity if fill.side is Side.BUY else -fill.quantity
    for order in w.desk.orders.values():
        assert order.client_id in lives.venue._orders or order.is_terminal, "an order hangs in the air"
        assert order.status is not OrderStatus.UNKNOWN
    positions = {symbol: position.quantity for symbol, position in w.portfolio.positions.items()}
    assert positions == {symbol: quantity for symbol, quantity in held.items() if quantity}
    stops = {
        order.intent.symbol: order.remaining
        for order in w.desk.open_orders()
        if order.intent.order_type is OrderType.STOP
    }
    assert stops == positions, "a position without its stop, or a stop without its position"
    w.portfolio.check()


def check_replay(lives: Lives, w: World) -> None:
    """A further process would see exactly what this one sees."""
    w.journal.commit()
    journal = SqliteJournal(lives.path, read_only=True)
    journal.verify()
    again = world(venue=lives.venue, feed=lives.feed)
    again.desk.restore(event for _, event in journal.events())
    assert again.desk.orders == w.desk.orders
    assert again.portfolio.balances() == w.portfolio.balances()


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("journal") / "desk.db"
    SqliteJournal(path).close()
    return path


@pytest.fixture
def home(empty: Path, tmp_path: Path) -> Iterator[Callable[[Fate], Lives]]:
    made: list[Lives] = []

    def make(fate: Fate) -> Lives:
        path = tmp_path / f"desk-{len(made)}.db"
        shutil.copy(empty, path)
        made.append(Lives(path, fate))
        return made[-1]

    yield make
    for lives in made:
        lives.close()


async def test_a_life_without_death_ends_well(home: Callable[[Fate], Lives]) -> None:
    lives = home(Fate())
    w, deaths = await live(lives)
    assert deaths == 0
    check(w, lives)
    assert w.portfolio.positions[BTC].quantity == Decimal("0.4")
    check_replay(lives, w)


async def test_death_at_any_moment_loses_nothing_and_doubles_nothing(home: Callable[[Fate], Lives]) -> None:
    whole = home(Fate())
    await live(whole)
    moments = len(whole.fate.names)
    assert moments > 100
    for deadly in range(moments):
        lives = home(Fate(deadly))
        w, deaths = await live(lives)
        assert deaths == 1, f"no death at moment {deadly}"
        try:
            check(w, lives)
            check_replay(lives, w)
        except AssertionError as error:
            raise AssertionError(f"after a death at moment {deadly}, {whole.fate.names[deadly]}") from error
        lives.close()


GAPS = [
    # the deadly moment (name, which one), how the order stands after the restart, and how often it was sent
    (("before intent_recorded", 1), None, 0),
    (("after intent_recorded", 1), None, 0),
    (("before commit", 2), None, 0),
    (("after commit", 2), OrderStatus.EXPIRED, 0),
    (("before order_submitted", 1), OrderStatus.EXPIRED, 0),
    (("before place", 1), OrderStatus.EXPIRED, 0),
    (("after place", 1), OrderStatus.ACCEPTED, 1),
    (("before order_accepted", 1), OrderStatus.ACCEPTED, 1),
    (("after order_accepted", 1), OrderStatus.ACCEPTED, 1),
]


@pytest.mark.parametrize(("moment", "status", "sent"), GAPS, ids=str)
async def test_death_between_writing_and_sending(
    home: Callable[[Fate], Lives], moment: tuple[str, int], status: OrderStatus | None, sent: int
) -> None:
    fate = Fate()
    lives = home(fate)
    w = await lives.born()
    w.journal.commit()
    fate.names.clear()
    fate.names.append("before commit")  # the first commit of a life is that of its birth
    fate.names.append("after commit")
    fate.deadly_name = moment
    with pytest.raises(Died):
        await w.buy()
    after = await lives.born()
    order = after.desk.orders.get("s-000001-00")
    assert (None if order is None else order.status) == status
    assert len(lives.venue.placed) == sent
    await after.buy()
    assert len(lives.venue.placed) == (1 if status is None else sent), "never blindly a second time"


FILL_GAPS = [
    "before poll",
    "after poll",
    "before order_filled",
    "after order_filled",
    "before commit",
    "after commit",
]


@pytest.mark.parametrize("moment", FILL_GAPS)
async def test_death_while_a_fill_is_booked(home: Callable[[Fate], Lives], moment: str) -> None:
    fate = Fate()
    lives = home(fate)
    w = await lives.born()
    await w.buy()
    w.journal.commit()
    lives.execute("s-000001-00", "0.5")
    fate.names.clear()
    fate.deadly_name = (moment, 1)
    with pytest.raises(Died):
        await w.tick()
    after = await lives.born()
    assert after.desk.orders["s-000001-00"].status is OrderStatus.FILLED
    assert after.portfolio.positions[BTC].quantity == Decimal("0.5")
    await after.tick()
    check(after, lives)


async def test_an_order_still_unknown_after_the_restart_is_said_and_halts_entries(
    home: Callable[[Fate], Lives],
) -> None:
    lives = home(Fate())
    w = await lives.born()
    lives.venue.answers.append(Answer.LOSE_ANSWER)
    await w.buy()
    w.journal.commit()
    lives.venue.silent = True
    after = await lives.born()
    assert "s-000001-00 was unknown and is unknown" in lives.said[0]
    entry = await after.desk.submit(intent(5, symbol=ETH, quantity="1", stop="1900"))
    assert entry.status is OrderStatus.REFUSED


async def test_an_order_the_venue_holds_and_the_journal_does_not_is_said(
    home: Callable[[Fate], Lives],
) -> None:
    lives = home(Fate())
    w = await lives.born()
    await w.desk.submit(intent(0, limit="39000"))
    stranger = world(venue=lives.venue, feed=lives.feed)
    assert await stranger.desk.reconcile() == (
        "scripted holds s-000001-00, which this journal does not know",
    )
