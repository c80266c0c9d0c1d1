"""A process that has everything loaded and forks a fresh one for every life that is to end.

Whoever forks has one thread, no event loop, no open journal and no connection; all of these are made by the
forked process itself.
"""

from __future__ import annotations

import gc
import importlib
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NoReturn

_FAILED = 3


def warm_up(names: Iterable[str]) -> None:
    """Load in advance what every life needs. Raises AssertionError when that starts a thread."""
    for name in names:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    tasks = Path("/proc/self/task")
    if tasks.exists() and len(list(tasks.iterdir())) > 1:
        raise AssertionError("whoever forks must have one thread: set OPENBLAS_NUM_THREADS=1")


def apart(module: str, arguments: Iterable[str], *, keep: bool = False) -> subprocess.CompletedProcess[str]:
    """A module run by a Python of its own that has one thread; `keep` what it says."""
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # it would start one for each core
        capture_output=keep,
        text=True,
        check=False,
    )


def fork(work: Callable[[], None]) -> int:
    """A new process that does this work and nothing after it; its number."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if not child:
        _end_with(work)
    return child


def _end_with(work: Callable[[], None]) -> NoReturn:
    code = _FAILED
    try:
        work()
        code = 0
    except SystemExit as asked:
        code = asked.code if isinstance(asked.code, int) else 0 if asked.code is None else _FAILED
    except BaseException:  # noqa: BLE001  the process ends here, whatever it was
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def wait_for(child: int) -> int:
    """The process's code, or minus the signal that killed it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
