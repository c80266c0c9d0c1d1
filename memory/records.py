"""Cycle records: everything one decision saw, said, refused and sent, kept whole.

The body is JSON; its SHA-256 is the content hash that the `CycleRecorded` event carries into the journal's
chain, so a changed record is found by the same verification as a changed event.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, Protocol

from pydantic import BaseModel, ConfigDict

from domain.errors import NotFound, StorageError
from domain.market import MarketSnapshot
from domain.opinions import Abstention, Evidence, Opinion, Proposal
from domain.orders import OrderIntent, OrderStatus
from domain.verdicts import VerdictRecord
from llm.calls import ModelCall
from memory.journal import SqliteJournal
from portfolio.sizing import Sized

if TYPE_CHECKING:
    from sqlalchemy import Engine


class Said(BaseModel):
    """One role's words in a cycle, and whether a model or the baseline spoke."""

    model_config = ConfigDict(frozen=True)

    role: str
    text: str
    source: Literal["model", "baseline"]


class OrderRecord(BaseModel):
    """How an order stood when its cycle ended; its fills are in the journal."""

    model_config = ConfigDict(frozen=True)

    client_id: str
    status: OrderStatus
    note: str = ""


class CycleRecord(BaseModel):
    """One decision cycle from observation to orders."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="strings")

    cycle_id: str
    cycle: int
    session: str
    at: datetime
    snapshot: MarketSnapshot | None = None
    views: tuple[Opinion | Abstention, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    said: tuple[Said, ...] = ()
    sizing: tuple[Sized, ...] = ()
    """How each blended weight was sized, stage by stage."""
    proposed: Proposal | None = None
    """What arithmetic blended and sized, before the risk analyst."""
    proposal: Proposal | None = None
    """What remained of it after the risk analyst."""
    tactics: Mapping[str, str] = {}
    intents: tuple[OrderIntent, ...] = ()
    verdicts: tuple[VerdictRecord, ...] = ()
    orders: tuple[OrderRecord, ...] = ()
    calls: tuple[ModelCall, ...] = ()
    timings: Mapping[str, float] = {}
    """Seconds by node: wall time, for people; no decision reads it."""
    tokens: int = 0
    cost: Decimal = Decimal(0)
    summary: str = ""

    def body(self) -> bytes:
        """The record as JSON text in UTF-8; raises StorageError when a value has no form."""
        try:
            return self.model_dump_json().encode()
        except (ValueError, UnicodeError) as error:  # pydantic's serialisation error is a ValueError
            raise StorageError(
                f"the record of cycle {self.cycle_id} cannot be written: {error}", fix="Report this"
            ) from error


def body_hash(body: bytes) -> str:
    """The content hash of a record: SHA-256 of its stored text, in hex."""
    return hashlib.sha256(body).hexdigest()


class Records(Protocol):
    """Where cycle records are kept."""

    def save(self, record: CycleRecord) -> str:
        """Keep a record and return its content hash. The same cycle again replaces the first."""
        ...

    def get(self, cycle_id: str) -> CycleRecord:
        """The record of a cycle; raises NotFound."""
        ...

    def recent(self, limit: int) -> tuple[CycleRecord, ...]:
        """The last `limit` records, newest first."""
        ...


class RecordStore:
    """Records in the database.

    With a journal, `save` joins the journal's open batch: the record and the event that names it become
    durable in one transaction, and until then only `get` on this store sees it. Without one, `save`
    commits by itself.
    """

    def __init__(self, engine: Engine, journal: SqliteJournal | None = None) -> None:
        self._engine = engine
        self._journal = journal

    def save(self, record: CycleRecord) -> str:
        body = record.body()
        digest = body_hash(body)
        if self._journal is not None:
            self._journal.keep_record(record.cycle_id, digest, body)
        else:
            self._insert(record.cycle_id, digest, body)
        return digest

    def get(self, cycle_id: str) -> CycleRecord:
        waiting = self._journal.waiting_record(cycle_id) if self._journal is not None else None
        bodies = [waiting] if waiting is not None else self._bodies(cycle_id=cycle_id)
        if not bodies:
            raise _unknown(cycle_id)
        return CycleRecord.model_validate_json(bodies[0])

    def recent(self, limit: int) -> tuple[CycleRecord, ...]:
        return tuple(CycleRecord.model_validate_json(body) for body in self._bodies(limit=limit))

    def _insert(self, cycle_id: str, digest: str, body: bytes) -> None:
        from sqlalchemy.dialects.sqlite import insert
        from sqlalchemy.exc import SQLAlchemyError

        from memory.tables import cycle_records

        row = insert(cycle_records).values(cycle_id=cycle_id, hash=digest, body=body)
        upsert = row.on_conflict_do_update(index_elements=["cycle_id"], set_={"hash": digest, "body": body})
        try:
            with self._engine.begin() as connection:
                connection.execute(upsert)
        except SQLAlchemyError as error:
            raise self._explained(error) from error

    def _bodies(self, *, cycle_id: str | None = None, limit: int | None = None) -> list[bytes]:
        from sqlalchemy import select
        from sqlalchemy.exc import SQLAlchemyError

        from memory.tables import cycle_records

        wanted = select(cycle_records.c.body).order_by(cycle_records.c.number.desc()).limit(limit)
        if cycle_id is not None:
            wanted = wanted.where(cycle_records.c.cycle_id == cycle_id)
        try:
            with self._engine.connect() as connection:
                return [bytes(row.body) for row in connection.execute(wanted)]
        except SQLAlchemyError as error:
            raise self._explained(error) from error

    def _explained(self, error: Exception) -> StorageError:
        from pathlib import Path

        from memory.database import storage_error

        return storage_error(Path(self._engine.url.database or ""), getattr(error, "orig", None) or error)


class MemoryRecords:
    """Records without a database, for backtests and tests: the same hashes, gone with the process."""

    def __init__(self) -> None:
        self._bodies: dict[str, bytes] = {}

    def save(self, record: CycleRecord) -> str:
        body = record.body()
        self._bodies[record.cycle_id] = body
        return body_hash(body)

    def get(self, cycle_id: str) -> CycleRecord:
        body = self._bodies.get(cycle_id)
        if body is None:
            raise _unknown(cycle_id)
        return CycleRecord.model_validate_json(body)

    def recent(self, limit: int) -> tuple[CycleRecord, ...]:
        newest = list(reversed(self._bodies.values()))[:limit]
        return tuple(CycleRecord.model_validate_json(body) for body in newest)


def _unknown(cycle_id: str) -> NotFound:
    return NotFound(f"no cycle {cycle_id!r} is on record", fix="desk status names the latest cycle")
