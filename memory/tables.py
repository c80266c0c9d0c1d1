"""The tables that SQLAlchemy reads and writes; the migrations make them."""

from __future__ import annotations

from sqlalchemy import Column, Integer, LargeBinary, MetaData, Table, Text

metadata = MetaData()

cycle_records = Table(
    "cycle_records",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("cycle_id", Text, nullable=False, unique=True),
    Column("hash", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
