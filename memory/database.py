"""The desk's database file: opened, migrated to the newest schema, and its errors put into words.

Two doors to one file. SQLAlchemy (`open_database`) for everything that is asked now and then; plain
`sqlite3` (`connect`) for the journal, whose commit stands before every order.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Final

from domain.errors import StorageError
from memory.seal import break_seal

if TYPE_CHECKING:
    from sqlalchemy import Engine

SCHEMA: Final = "0001"
"""The newest migration; a file that stands here is opened without loading Alembic."""

BUSY_SECONDS: Final = 5.0
_MIGRATIONS = Path(__file__).parent / "migrations"


def open_database(path: Path) -> Engine:
    """An engine on the migrated database at `path`, made when it does not exist. Raises StorageError."""
    from sqlalchemy import create_engine, event

    migrate(path)
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_SECONDS})

    def breaks_seal(connection: object, cursor: object, statement: str, *rest: object) -> None:
        if not statement.lstrip().upper().startswith(("SELECT", "PRAGMA")):
            break_seal(path)

    event.listen(engine, "before_cursor_execute", breaks_seal)
    return engine


def migrate(path: Path) -> None:
    """Bring the file at `path` to the newest schema; makes it when missing. Raises StorageError."""
    if not path.parent.is_dir():
        raise StorageError(
            f"the folder {path.parent} does not exist", fix="Create it, or choose another home"
        )
    connection = connect(path)
    try:
        if _version(connection) == SCHEMA:
            return
    except sqlite3.Error as error:
        raise storage_error(path, error) from error
    finally:
        connection.close()
    _upgrade(path)


def connect(path: Path, *, read_only: bool = False, busy_seconds: float = BUSY_SECONDS) -> sqlite3.Connection:
    """A plain connection in autocommit, WAL, synchronous=FULL. Raises StorageError."""
    if read_only and not path.is_file():
        raise StorageError(f"{path} does not exist", fix="Run the desk once, or name its home folder")
    try:
        mode = "ro" if read_only else "rwc"
        connection = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode={mode}",
            uri=True,
            isolation_level=None,
            timeout=busy_seconds,
            check_same_thread=False,
        )
        if not read_only:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
    except sqlite3.Error as error:
        raise storage_error(path, error) from error
    return connection


def storage_error(path: Path, error: Exception) -> StorageError:
    """What SQLite said, as one line that names the file and the fix."""
    said = str(error)
    if "not a database" in said:
        return StorageError(f"{path} is not a database", fix="Move it away, or name another home folder")
    if "locked" in said or "busy" in said:
        return StorageError(f"{path} is locked", fix="Stop the other program that holds this database open")
    if "disk is full" in said:
        return StorageError(f"the disk of {path} is full", fix="Free some space; nothing was lost")
    if "readonly" in said or "unable to open" in said:
        return StorageError(
            f"{path} cannot be opened: {said}", fix="Check the permissions of file and folder"
        )
    if "malformed" in said:
        return StorageError(f"{path} is damaged: {said}", fix="Restore it from a backup")
    return StorageError(f"{path}: {said}", fix="Check the disk and the permissions")


def _version(connection: sqlite3.Connection) -> str | None:
    known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
    if known is None:
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def _upgrade(path: Path) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError
    from sqlalchemy import create_engine
    from sqlalchemy.exc import SQLAlchemyError

    break_seal(path)
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    # Python's sqlite3 opens no transaction for CREATE TABLE, and commits the one that is open: a kill
    # between two steps would leave half a schema. In autocommit, one BEGIN spans them all.
    connect_args = {"timeout": BUSY_SECONDS, "isolation_level": None}
    engine = create_engine(f"sqlite:///{path}", connect_args=connect_args)
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except SQLAlchemyError as error:
        raise storage_error(path, getattr(error, "orig", None) or error) from error
    except CommandError as error:
        raise StorageError(
            f"{path} has a schema this version does not know: {error}",
            fix="Use the newer version of the desk",
        ) from error
    finally:
        engine.dispose()
