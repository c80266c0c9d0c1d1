"""Candle files, Parquet or CSV: read whole, checked row by row, refused with the row that is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from domain.clock import from_ns, to_ns
from domain.errors import DataError, UnknownSymbol
from domain.money import Symbol
from market.bars import Column, Times

Stamps = Literal["open", "close"]
SUFFIXES = (".parquet", ".csv")
PRICES = ("open", "high", "low", "close")
COLUMNS = ("timestamp", *PRICES, "volume")
_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class CandleFile:
    """The checked rows of one file, oldest first. `spacing` is the length of a bar in seconds."""

    path: Path
    spacing: int
    open_ns: Times
    values: Mapping[str, Column]


def find_file(path: Path, symbol: Symbol) -> Path:
    """The file with the candles of `symbol`: `path` itself, or BASE-QUOTE.parquet or .csv inside it.

    DataError when `path` does not exist or is ambiguous, UnknownSymbol (naming what is there) when it has
    no such symbol.
    """
    stem = symbol.replace("/", "-")
    if path.is_dir():
        found = [file for suffix in SUFFIXES if (file := path / f"{stem}{suffix}").is_file()]
        if len(found) > 1:
            raise DataError(f"{path} has both {stem}.parquet and {stem}.csv", fix="Remove one of them")
        if found:
            return found[0]
        here = sorted(file.stem.replace("-", "/") for file in path.iterdir() if file.suffix in SUFFIXES)
        listing = ", ".join(here) if here else "no candle file at all"
        raise UnknownSymbol(
            f"{path} has no candles of {symbol}; it has {listing}",
            fix=f"Name one of these, or add {stem}.parquet",
        )
    if not path.is_file():
        raise DataError(f"{path} does not exist", fix="Name a candle file, or a folder of BASE-QUOTE.parquet")
    if path.suffix not in SUFFIXES:
        raise DataError(f"{path} is neither .parquet nor .csv", fix="Convert it to one of the two")
    if "-" in path.stem and path.stem != stem:
        raise UnknownSymbol(
            f"{path} holds {path.stem.replace('-', '/')}, not {symbol}", fix="Name the symbol it holds"
        )
    return path


def read_candles(path: Path, stamps: Stamps, fallback_spacing: int) -> CandleFile:
    """Read and check one file.

    `stamps` says whether its timestamps are the opening or the closing times of the bars. The length of a
    bar is the most common distance between rows; `fallback_spacing` (seconds) serves a file of one row.
    DataError, in one line with file, row and time, for anything that cannot be trusted. Row numbers count
    data rows from 1.
    """
    table = _table(path)
    missing = [name for name in COLUMNS if name not in table.column_names]
    if missing:
        raise DataError(
            f"{path} has no column {', '.join(missing)}; it has {', '.join(table.column_names) or 'none'}",
            fix=f"The columns must be {', '.join(COLUMNS)}",
        )
    if table.num_rows == 0:
        raise DataError(f"{path} has no rows", fix="Download the candles again")
    stamps_ns = _times(path, table.column("timestamp"))
    values = {name: _numbers(path, name, table.column(name), stamps_ns) for name in COLUMNS[1:]}
    spacing = _spacing(path, stamps_ns, fallback_spacing)
    open_ns = stamps_ns - spacing * _NS if stamps == "close" else stamps_ns
    _check_values(path, stamps_ns, values)
    return CandleFile(path, spacing, open_ns, values)


def _table(path: Path) -> Any:
    import pyarrow as pa

    try:
        if path.suffix == ".parquet":
            import pyarrow.parquet as pq

            return pq.read_table(path)
        from pyarrow import csv

        # Everything as text first, so that a bad cell can be named.
        as_text = csv.ConvertOptions(column_types=dict.fromkeys(COLUMNS, pa.string()))
        return csv.read_csv(path, convert_options=as_text)
    except (pa.ArrowException, OSError, ValueError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        kind = "Parquet" if path.suffix == ".parquet" else "CSV"
        raise DataError(f"{path} cannot be read as {kind}: {first}", fix="Download it again") from error


def _at(stamps_ns: Times, index: int) -> str:
    return f"row {index + 1} ({from_ns(int(stamps_ns[index])):%Y-%m-%dT%H:%M:%SZ})"


def _times(path: Path, column: Any) -> Times:
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.null_count:
        row = int(np.flatnonzero(column.is_null().to_numpy())[0]) + 1
        raise DataError(f"{path}: row {row} has no timestamp", fix="Remove or repair the row")
    kind = column.type
    try:
        if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
            zone = getattr(kind, "tz", None)
            exact = column.cast(pa.timestamp("ns", tz=zone))
            return _int64(exact.cast(pa.int64()))
        if pa.types.is_integer(kind):
            return _epoch(path, _int64(column.cast(pa.int64())))
        if pa.types.is_floating(kind):
            return _epoch(path, _int64(column.cast(pa.int64())))
        text = pc.utf8_trim_whitespace(column.cast(pa.string()))
    except pa.ArrowException as error:
        raise DataError(f"{path}: the timestamps ({kind}) are not times: {error}") from error
    return _times_from_text(path, text)


def _times_from_text(path: Path, text: Any) -> Times:
    import pyarrow as pa

    try:
        return _epoch(path, _int64(text.cast(pa.int64())))
    except pa.ArrowException:
        pass  # not whole numbers: then they must be ISO 8601, read one by one so that a bad one has its row
    found = np.empty(len(text), np.int64)
    for index, cell in enumerate(text.to_pylist()):
        try:
            moment = datetime.fromisoformat(cell)
        except ValueError:
            raise DataError(
                f"{path}: row {index + 1} has the timestamp {cell!r}",
                fix="Write ISO 8601 (2021-01-31T08:00:00Z) or seconds or milliseconds since 1970",
            ) from None
        aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        found[index] = to_ns(aware)
    return found


def _epoch(path: Path, numbers: Times) -> Times:
    """Nanoseconds from whole numbers since 1970, whose unit follows from their size (years 1973 to 5138)."""
    largest = int(numbers.max())
    if largest < 100_000_000:
        raise DataError(
            f"{path}: {largest} is not a time since 1970 in seconds, ms, us or ns",
            fix="Write ISO 8601 or seconds or milliseconds since 1970",
        )
    scale = next(unit for limit, unit in _UNITS if largest < limit)
    return numbers * scale


_UNITS = ((10**11, _NS), (10**14, 1_000_000), (10**17, 1_000), (2**63, 1))


def _int64(column: Any) -> Times:
    result: NDArray[np.int64] = column.to_numpy().astype(np.int64)
    return result


def _numbers(path: Path, name: str, column: Any, stamps_ns: Times) -> Column:
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        if pa.types.is_string(column.type):
            column = pc.utf8_trim_whitespace(column)
            column = pc.if_else(pc.equal(column, ""), None, column)
        result: Column = column.cast(pa.float64()).to_numpy().astype(np.float64)
        return result
    except pa.ArrowException as error:
        for index, cell in enumerate(column.to_pylist()):
            if cell is not None and not _is_number(cell):
                raise DataError(
                    f"{path}: {_at(stamps_ns, index)} has {name} {cell!r}, which is not a number",
                    fix="Remove or repair the row",
                ) from None
        raise DataError(f"{path}: column {name} ({column.type}) does not hold numbers") from error


def _is_number(cell: object) -> bool:
    try:
        float(str(cell))
    except ValueError:
        return False
    return True


def _spacing(path: Path, stamps_ns: Times, fallback: int) -> int:
    steps = np.diff(stamps_ns)
    if not len(steps):
        spacing = fallback
    else:
        bad = np.flatnonzero(steps <= 0)
        if len(bad):
            index = int(bad[0]) + 1
            what = "repeats the time of" if steps[index - 1] == 0 else "is older than"
            raise DataError(
                f"{path}: {_at(stamps_ns, index)} {what} the row before it",
                fix="Sort the file by time and remove duplicates",
            )
        sizes, counts = np.unique(steps, return_counts=True)
        length = int(sizes[int(np.argmax(counts))])
        if length % _NS:
            raise DataError(f"{path}: its rows lie {length / 1e9} s apart, which is no bar length")
        off = np.flatnonzero(steps % length)
        if len(off):
            index = int(off[0]) + 1
            raise DataError(
                f"{path}: {_at(stamps_ns, index)} lies {steps[index - 1] / 1e9:g} s after the row before it, "
                f"in a file of {length // _NS} s bars",
                fix="Keep one bar length per file",
            )
        spacing = length // _NS
    if stamps_ns[0] % (spacing * _NS):
        raise DataError(
            f"{path}: {_at(stamps_ns, 0)} is not on the UTC grid of {spacing} s bars",
            fix="Use bars that start on whole multiples of their length, in UTC",
        )
    return spacing


def _check_values(path: Path, stamps_ns: Times, values: Mapping[str, Column]) -> None:
    open_, high, low, close = (values[name] for name in PRICES)
    checks: list[tuple[str, NDArray[np.bool_]]] = [
        (f"a {name} that is missing or not finite", ~np.isfinite(values[name])) for name in COLUMNS[1:]
    ]
    checks += [(f"a {name} price that is not above zero", values[name] <= 0) for name in PRICES]
    checks += [
        ("a high below its low", high < low),
        ("an open outside its low and high", (open_ < low) | (open_ > high)),
        ("a close outside its low and high", (close < low) | (close > high)),
        ("a negative volume", values["volume"] < 0),
    ]
    for what, wrong in checks:
        if wrong.any():
            index = int(np.argmax(wrong))
            row = " ".join(f"{name}={values[name][index]:g}" for name in COLUMNS[1:])
            raise DataError(
                f"{path}: {_at(stamps_ns, index)} has {what}: {row}", fix="Remove or repair the row"
            )
