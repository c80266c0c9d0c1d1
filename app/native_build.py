"""Building the compiled lane: `python -m app.native_build`, which is what `make native` runs.

It takes about a minute, a C compiler and the headers of this Python. A build is put in its place in one
step, whole; builds of other versions of the files are removed.
"""

from __future__ import annotations

import ast
import contextlib
import fcntl
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from app.native import MODULES, ROOMS, ROOT, STORE, build_name
from domain.errors import ConfigError, DeskError

_FIX: Final = "apt-get install -y gcc libc6-dev python3-dev"

_STEPS: Final = """
import sys
from setuptools import setup
from mypyc.build import mypycify

out, *files = sys.argv[1:]
files = ["--config-file", "native.ini", *files]
modules = mypycify(files, opt_level="2", debug_level="0", target_dir=f"{out}/c")
command = ["-q", "build_ext", "--build-lib", f"{out}/lib", "--build-temp", f"{out}/o"]
setup(name="native", packages=[], py_modules=[], ext_modules=modules, script_args=command)
"""
_SETTINGS: Final = """[mypy]
explicit_package_bases = true
ignore_missing_imports = true
follow_imports = silent
disable_error_code = misc
"""


def build(store: Path = STORE) -> Path:
    """Compile the order path as it stands here; the folder of the build in `store`, made before or now.

    Raises ConfigError when the compiler or the headers are missing, and when the files do not compile.
    """
    folder = store / build_name()
    with _alone(store), tempfile.TemporaryDirectory() as scratch:
        if folder.is_dir():
            return folder
        _demand_a_compiler()
        source, out = Path(scratch) / "source", Path(scratch) / "out"
        for room in ROOMS:  # a copy without the project's own settings, which a build would try to read
            shutil.copytree(ROOT / room, source / room, ignore=shutil.ignore_patterns("__pycache__"))
        (source / "native.ini").write_text(_SETTINGS)
        files = [f"{name.replace('.', '/')}.py" for name in MODULES]
        for file in files:
            text = (source / file).read_text()
            if "@quick" in text:
                (source / file).write_text(spelled_out(text))
        ran = subprocess.run(  # noqa: S603  our own steps on our own files
            [sys.executable, "-c", _STEPS, str(out), *files],
            cwd=source,
            capture_output=True,
            text=True,
            check=False,
        )
        if ran.returncode:
            last = (ran.stderr.strip() or ran.stdout.strip() or "no reason was told").splitlines()[-1]
            raise ConfigError(f"the order path could not be compiled: {last}", fix=_FIX)
        _put(out / "lib", folder)
    return folder


def spelled_out(text: str) -> str:
    """The text of a module with the constructors of its `quick` messages written out.

    mypyc gives a class its own layout unless a decorator that it does not know stands above it; the fields
    then need no `__slots__`, and what `domain.frozen` does when the class is made is done in the text.
    """
    tree = ast.parse(text)
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and any(_is_quick(each) for each in node.decorator_list):
            _spell_out(node)
    return ast.unparse(tree)


def _is_quick(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Name) and decorator.id == "quick"


def _spell_out(message: ast.ClassDef) -> None:
    message.decorator_list = [each for each in message.decorator_list if not _is_quick(each)]
    for each in message.decorator_list:
        if isinstance(each, ast.Call):
            each.keywords = [keyword for keyword in each.keywords if keyword.arg != "slots"]
    fields = [each for each in message.body if isinstance(each, ast.AnnAssign)]
    given = ", ".join(ast.unparse(each) for each in fields)
    steps = "".join(f"\n    self.{ast.unparse(each.target)} = {ast.unparse(each.target)}" for each in fields)
    message.body += ast.parse(f"def __init__(self, {given}) -> None:{steps}").body


@contextlib.contextmanager
def _alone(store: Path) -> Iterator[None]:
    """One build at a time: the second waits, and finds what the first one made."""
    store.mkdir(parents=True, exist_ok=True)
    with (store / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _put(made: Path, folder: Path) -> None:
    for old in folder.parent.iterdir():
        if old.is_dir():
            shutil.rmtree(old)
    new = folder.with_name("new")
    shutil.copytree(made, new)
    new.rename(folder)


def _demand_a_compiler() -> None:
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(compiler) is None:
        raise ConfigError(f"the C compiler {compiler} is missing", fix=_FIX)
    headers = Path(sysconfig.get_paths()["include"]) / "Python.h"
    if not headers.is_file():
        raise ConfigError(f"the headers of this Python are missing: {headers}", fix=_FIX)


def main() -> None:
    """Build, and say where the build is."""
    try:
        folder = build()
    except DeskError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
    print(f"The order path is compiled: {folder}")


if __name__ == "__main__":
    main()
