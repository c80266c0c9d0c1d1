"""One virtual environment per peer, made when it is first needed and kept in `.venvs/`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).parent

# The frames and arrays a peer was released with come along: it must be measured as its users have it.
REQUIREMENTS: Mapping[str, tuple[str, ...]] = {
    "backtesting": ("backtesting==0.6.6", "pandas==3.1.1", "numpy==2.4.6"),
    "nautilus": ("nautilus_trader==1.221.0", "pandas==2.3.3", "numpy==2.4.6", "pyarrow==26.0.1"),
    "hftbacktest": ("hftbacktest==2.4.4", "numpy==2.2.6", "numba==0.68.1"),
}


class PeerFailed(Exception):
    """A peer could not be installed or did not finish its run."""


@dataclass(frozen=True, slots=True)
class PeerEnvironments:
    """`folder` holds one virtual environment per peer."""

    folder: Path

    def python(self, peer: str) -> Path:
        """The interpreter of a peer's environment, which is installed first when it is not there yet.

        Raises PeerFailed when it cannot be installed.
        """
        home = self.folder / peer
        python = home / "bin" / "python"
        wanted = "\n".join(REQUIREMENTS[peer]) + "\n"
        stamp = home / "installed"
        if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
            return python
        print(f"Installing {REQUIREMENTS[peer][0]} into {home} ...", flush=True)
        _run([sys.executable, "-m", "venv", "--clear", str(home)], f"make {home}")
        quiet = ["-qq", "--disable-pip-version-check", "--prefer-binary"]
        _run([str(python), "-m", "pip", "install", *quiet, *REQUIREMENTS[peer]], f"install {peer}")
        stamp.write_text(wanted, encoding="utf-8")
        return python

    def run(self, peer: str, script: str, *arguments: str) -> Mapping[str, Any]:
        """The JSON object that `bench/peers/<script>.py` prints as its last line."""
        command = [str(self.python(peer)), str(SCRIPTS / f"{script}.py"), *arguments]
        said = _run(command, f"run {script}").strip().splitlines()
        if not said:
            raise PeerFailed(f"{script} printed nothing")
        found: Mapping[str, Any] = json.loads(said[-1])
        return found


def _run(command: list[str], what: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        told = (done.stderr or done.stdout).strip().splitlines()
        raise PeerFailed(f"could not {what}: {told[-1] if told else f'exit code {done.returncode}'}")
    return done.stdout
