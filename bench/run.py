"""Runs the benchmarks and writes `bench/results/latest.json`: `make bench`, or `make bench ONLY=name`.

A benchmark is a file `bench/bench_<name>.py` with `run(context) -> list[Result]`; the names of its results
start with <name>. Exit code 1: something could not be measured. A missed goal is a result, not a failure.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import cast

from rich.console import Console
from rich.table import Table

from bench.peers.environments import PeerEnvironments
from bench.result import BenchModule, Context, Result

ROOT = Path(__file__).resolve().parents[1]
LATEST = ROOT / "bench" / "results" / "latest.json"


def names() -> tuple[str, ...]:
    """Every benchmark there is."""
    files = (ROOT / "bench").glob("bench_*.py")
    return tuple(sorted(path.stem.removeprefix("bench_") for path in files))


def module_of(result: str, known: Sequence[str]) -> str | None:
    """The benchmark that measures a result: the longest name the result's name starts with."""
    return max((name for name in known if result.startswith(name)), key=len, default=None)


def measure(name: str, context: Context) -> list[Result]:
    """Run one benchmark. Raises ValueError for a result that could not be found again by its name."""
    results = cast(BenchModule, importlib.import_module(f"bench.bench_{name}")).run(context)
    for result in results:
        if module_of(result.name, names()) != name:
            raise ValueError(f"bench_{name} named a result {result.name!r}; it must start with {name}")
    return results


def merge(before: Sequence[Result], measured: Sequence[Result]) -> list[Result]:
    """The earlier results with the measured ones in their place, in order of name."""
    found = {result.name: result for result in (*before, *measured)}
    return [found[name] for name in sorted(found)]


def read(path: Path) -> list[Result]:
    return (
        [Result(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))] if path.exists() else []
    )


def write(path: Path, results: Sequence[Result]) -> None:
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps([asdict(result) for result in results], indent=2) + "\n", encoding="utf-8")
    draft.replace(path)


def show(results: Sequence[Result], console: Console) -> None:
    table = Table("name", "value", "unit", "peer", "peer value", "ratio", "goal", "met")
    for result in results:
        met = {True: "yes", False: "NO", None: "-"}[result.met]
        table.add_row(
            result.name,
            _short(result.value),
            result.unit,
            result.peer or "-",
            _short(result.peer_value),
            _short(result.ratio),
            result.goal or "-",
            met,
        )
    console.print(table)


def _short(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description="Measure against peers.")
    parser.add_argument("--only", metavar="NAME", help="one benchmark, or one of its results")
    only: str | None = parser.parse_args().only
    known = names()
    chosen: Sequence[str] = known
    if only is not None:
        module = module_of(only, known)
        if module is None:
            print(f"bench: there is no benchmark {only}; there are: {', '.join(known)}", file=sys.stderr)
            return 1
        chosen = [module]
    context = Context(folder=ROOT / "build" / "bench", peers=PeerEnvironments(ROOT / ".venvs"))
    context.folder.mkdir(parents=True, exist_ok=True)
    measured: list[Result] = []
    failed = False
    for name in chosen:
        print(f"Measuring {name} ...", flush=True)
        try:
            measured += measure(name, context)
        except Exception as error:  # noqa: BLE001 - one benchmark that fails must not hide the others
            print(f"bench: {name} could not be measured: {type(error).__name__}: {error}", file=sys.stderr)
            failed = True
    if only is not None and only not in known:
        measured = [result for result in measured if result.name == only]
        if not measured and not failed:
            print(f"bench: {chosen[0]} has no result named {only}", file=sys.stderr)
            return 1
    write(LATEST, merge(read(LATEST) if only is not None else [], measured))
    show(measured, Console(width=None if sys.stdout.isatty() else 160))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
