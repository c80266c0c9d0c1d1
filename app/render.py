"""What a person or a script sees on standard output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from enum import Enum
from typing import Any

import orjson

_PIPE_WIDTH = 160
"""Nobody folds what goes into a file or a pipe."""


def print_json(document: object) -> None:
    """One indented JSON document. Decimals are plain text, so no digit is lost."""
    print(orjson.dumps(document, default=_plain, option=orjson.OPT_INDENT_2).decode())


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str) -> None:
    """A table sized to the terminal, or the sentence `empty` when there are no rows."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if not rows:
        print(empty)
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        numeric = all(isinstance(row[index], (Decimal, int, float)) for row in rows)
        table.add_column(column, justify="right" if numeric else "left", no_wrap=index == 0, overflow="fold")
    for row in rows:
        table.add_row(*(Text(text(cell)) for cell in row))
    console = Console()
    Console(width=console.width if console.is_terminal else max(console.width, _PIPE_WIDTH)).print(table)


def print_pairs(pairs: Mapping[str, object]) -> None:
    """Names and values, one pair a line, the values in one column."""
    width = max(map(len, pairs), default=0)
    for name, value in pairs.items():
        print(f"{name:<{width}}  {text(value)}")


def text(value: object) -> str:
    """A value as a person reads it: no exponents, no microseconds, a dash for nothing."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case Decimal():
            return amount(value)
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%S}Z"
        case Enum():
            return str(value.value)
        case float():
            return f"{value:,.4g}"
        case _:
            return str(value)


def amount(value: Decimal) -> str:
    """A number with thousands separators: two decimals from 100 on, up to eight digits below."""
    if abs(value) >= 100:
        return f"{value.quantize(Decimal('0.01'), ROUND_HALF_EVEN):,f}"
    return f"{value.quantize(Decimal('1e-8'), ROUND_HALF_EVEN).normalize():f}"


def percent(fraction: Decimal | float | None) -> str:
    """A fraction as a signed percentage, or a dash."""
    return "-" if fraction is None else f"{float(fraction) * 100:+.2f} %"


def _plain(value: Any) -> Any:
    match value:
        case Decimal():
            return f"{value:f}"
        case Enum():
            return value.value
        case frozenset() | set():
            return sorted(value)
        case tuple():
            return list(value)
        case Mapping():
            return dict(value)
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} has no JSON form")
