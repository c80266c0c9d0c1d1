from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from domain.errors import JournalCorrupt, NotFound
from domain.events import CycleRecorded
from domain.market import Candle, MarketSnapshot, Quote, SymbolView, Timeframe
from domain.money import Price, Quantity, Symbol
from domain.opinions import Abstention, Evidence, Opinion, Proposal, Target
from domain.orders import OrderStatus
from domain.verdicts import Breach, VerdictRecord
from llm.calls import ModelCall
from memory.database import open_database
from memory.journal import SqliteJournal
from memory.records import CycleRecord, MemoryRecords, OrderRecord, Records, RecordStore, Said

AT = datetime(2024, 1, 1, tzinfo=UTC)
BTC = Symbol("BTC/USDT")


def price(text: str) -> Price:
    return Price(Decimal(text))


def record(cycle: int, summary: str = "bought a little") -> CycleRecord:
    candle = Candle(
        BTC, Timeframe.H1, AT, AT + timedelta(hours=1), price("1"), price("3"), price("1"), price("2.50"),
        Quantity(Decimal("12.5")),
    )  # fmt: skip
    quote = Quote(BTC, price("2.49"), price("2.51"), price("2.50"), AT, estimated=True)
    view = SymbolView(BTC, candle, quote, {"ema(12)": 2.25, "rsi(14)": 55.125}, timedelta(seconds=3), False)
    return CycleRecord(
        cycle_id=f"s-{cycle:06d}",
        cycle=cycle,
        session="s",
        at=AT,
        snapshot=MarketSnapshot(AT, {BTC: view}, (), "ab" * 32),
        views=(
            Opinion("trend", BTC, 0.5, 0.75, timedelta(hours=4), "up", ("e1",), price("2.00")),
            Abstention("model", None, "no key"),
        ),
        evidence=(Evidence("e1", "candles", BTC, AT, {"close": 2.5, "note": "1.0"}),),
        said=(Said(role="market_analyst", text="It goes up.", source="baseline"),),
        proposal=Proposal("c", AT, (Target(BTC, Decimal("0.10"), price("2.00"), "trend"),)),
        verdicts=(VerdictRecord("s-1", 1, False, (Breach("balance", "1", "2", "too much"),), AT),),
        orders=(OrderRecord(client_id="s-1", status=OrderStatus.REFUSED),),
        calls=(ModelCall("operator", "m", "h", "s", "u", "", "timed out", 2, 10, 0, Decimal("0.1"), 1.5),),
        timings={"observe": 0.001},
        cost=Decimal("0.0012"),
        summary=summary,
    )


@pytest.fixture(params=["database", "with_journal", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Records:
    if request.param == "memory":
        return MemoryRecords()
    path = tmp_path / "desk.db"
    engine = open_database(path)
    return RecordStore(engine, SqliteJournal(path) if request.param == "with_journal" else None)


def commit(store: Records) -> None:
    if isinstance(store, RecordStore) and store._journal is not None:
        store._journal.commit()


def test_a_record_comes_back_equal(store: Records) -> None:
    written = record(1)
    store.save(written)
    assert store.get("s-000001") == written
    commit(store)
    assert store.get("s-000001") == written


def test_the_newest_records_come_first(store: Records) -> None:
    for cycle in range(1, 6):
        store.save(record(cycle))
    commit(store)
    assert [each.cycle for each in store.recent(3)] == [5, 4, 3]


def test_a_cycle_that_is_run_again_after_a_crash_replaces_its_record(store: Records) -> None:
    first = store.save(record(1, "before the crash"))
    commit(store)
    second = store.save(record(1, "after the crash"))
    commit(store)
    assert first != second
    assert [each.summary for each in store.recent(9)] == ["after the crash"]


def test_an_unknown_cycle_is_not_found(store: Records) -> None:
    with pytest.raises(NotFound, match="s-000009"):
        store.get("s-000009")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("UPDATE cycle_records SET body = CAST(replace(body, 'little', 'lottle') AS BLOB)", "not match"),
        ("UPDATE cycle_records SET hash = replace(hash, substr(hash, 1, 1), 'z')", "not match"),
        ("UPDATE cycle_records SET body = 7", "not match"),
        ("DELETE FROM cycle_records", "missing"),
    ],
)
def test_a_record_that_was_touched_is_found_by_the_journal(
    tmp_path: Path, change: str, complaint: str
) -> None:
    path = tmp_path / "desk.db"
    journal = SqliteJournal(path)
    store = RecordStore(open_database(path), journal)
    digest = store.save(record(1))
    journal.append(CycleRecorded("s-000001", 1, digest, "bought a little", AT))
    journal.commit()
    assert journal.verify().records == 1
    raw = sqlite3.connect(path, isolation_level=None)
    raw.execute(change)
    raw.close()
    with pytest.raises(JournalCorrupt, match=rf"cycle s-000001 .*{complaint}|cycle s-000001 is {complaint}"):
        journal.verify()
    journal.close()
