"""The one folder that holds all state of one desk, and the lock that keeps it to one process."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from domain.errors import AlreadyRunning, ConfigError, StorageError

_FREE_BYTES_NEEDED = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Running:
    """Who holds the home: the process, and the address of its dashboard when it serves one."""

    pid: int
    session: str
    url: str | None


class Home:
    """Paths below the folder, made on first use with access for the owner only.

    A home belongs to one mode for good: paper, testnet and live never share one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def database(self) -> Path:
        return self.path / "desk.db"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints.db"

    @property
    def requests(self) -> Path:
        """Where another process leaves a halt request for the running desk."""
        return self.path / "requests"

    @property
    def exists(self) -> bool:
        return self.database.exists()

    def prepare(self, mode: str) -> None:
        """Make the folder and claim it for `mode`. Raises ConfigError or StorageError, naming the folder."""
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.requests.mkdir(exist_ok=True, mode=0o700)
            marker = self.path / "mode"
            if not marker.exists():
                marker.write_text(mode + "\n", encoding="utf-8")
            held = marker.read_text(encoding="utf-8").strip()
            free = os.statvfs(self.path)
        except OSError as error:
            raise StorageError(
                f"the home folder {self.path} cannot be used: {error.strerror or error}",
                fix="Name a writable folder with --home or DESK_HOME",
            ) from error
        if held != mode:
            raise ConfigError(
                f"the home folder {self.path} belongs to {held} trading, not {mode}",
                fix="Name another folder with --home or DESK_HOME",
            )
        if free.f_bavail * free.f_frsize < _FREE_BYTES_NEEDED:
            raise StorageError(
                f"the disk of {self.path} has less than 64 MB free",
                fix="Free some space or name a folder on another disk with --home",
            )

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the home while the block runs; AlreadyRunning names the process that has it."""
        handle = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = self._read_running()
                who = f"process {holder.pid}" if holder else "another process"
                raise AlreadyRunning(
                    f"{who} already runs a desk in {self.path}",
                    fix="Stop that one, or name another folder with --home",
                ) from None
            yield
        finally:
            if self._mine():
                self._running_file.unlink(missing_ok=True)
            os.close(handle)

    @property
    def _running_file(self) -> Path:
        return self.path / "running.json"

    def _mine(self) -> bool:
        held = self._read_running()
        return held is not None and held.pid == os.getpid()

    def announce(self, session: str, url: str | None) -> None:
        """Tell other processes who runs here."""
        told = {"pid": os.getpid(), "session": session, "url": url}
        replace_file(self._running_file, orjson.dumps(told))

    def running(self) -> Running | None:
        """The desk that runs here now, or None. Only the lock counts: a dead process holds none."""
        try:
            handle = os.open(self.path / "lock", os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return self._read_running() or Running(pid=0, session="", url=None)
        finally:
            os.close(handle)
        return None

    def _read_running(self) -> Running | None:
        try:
            told: Any = orjson.loads(self._running_file.read_bytes())
            return Running(int(told["pid"]), str(told["session"]), told["url"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def kind(self) -> str | None:
        """What kind of trading this home belongs to; None before its first run."""
        try:
            return (self.path / "mode").read_text(encoding="utf-8").strip() or None
        except OSError:
            return None

    def token(self) -> str:
        """The token of the API, made once and readable by the owner only."""
        path = self.path / "token"
        try:
            if path.exists():
                return path.read_text(encoding="utf-8").strip()
            token = secrets.token_urlsafe(24)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(token + "\n")
        except OSError as error:
            raise StorageError(
                f"the API token {path} cannot be kept: {error}", fix="Check the folder"
            ) from error
        return token


def replace_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, as seen by a reader in another process."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_bytes(content)
        draft.replace(path)
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written: {error.strerror or error}", fix="Check the disk"
        ) from error
