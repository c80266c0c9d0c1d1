from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import inspect

from domain.errors import StorageError
from memory import database
from memory.journal import SqliteJournal
from memory.tables import metadata


def test_the_constant_names_the_newest_migration() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(database.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_heads() == [database.SCHEMA]


def test_the_migrated_tables_are_the_declared_ones(tmp_path: Path) -> None:
    engine = database.open_database(tmp_path / "desk.db")
    seen = inspect(engine)
    for table in metadata.tables.values():
        columns = {column["name"] for column in seen.get_columns(table.name)}
        assert columns == {column.name for column in table.columns}


def test_a_database_from_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    database.migrate(path)
    connection = database.connect(path)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StorageError, match="newer version"):
        database.migrate(path)


def test_opening_a_current_file_does_not_load_alembic(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    database.migrate(path)
    code = (
        "import sys; from pathlib import Path; from memory.journal import SqliteJournal;"
        "SqliteJournal(Path(sys.argv[1])).close();"
        "print([name for name in ('alembic', 'sqlalchemy', 'pydantic') if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_a_migration_that_is_cut_off_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "desk.db"

    def cut_off(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("alembic.op.bulk_insert", cut_off)  # after the tables of journal and head were made
        with pytest.raises(KeyboardInterrupt):
            database.migrate(path)
    with contextlib.closing(sqlite3.connect(path)) as reader:
        tables = reader.execute("SELECT name FROM sqlite_master WHERE name LIKE 'journal%'").fetchall()
    assert tables == []
    journal = SqliteJournal(path)
    assert journal.verify().events == 0
    journal.close()
