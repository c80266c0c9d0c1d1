"""One recorded file as a table of checked columns: every cell that is wrong is named with its line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from domain.errors import DataError

_NS: Final = 1_000_000_000
# Whole numbers since 1970 in seconds, ms, us or ns: the unit follows from their size (years 1973 to 5138).
_UNITS: Final = ((10**11, _NS), (10**14, 1_000_000), (10**17, 1_000), (2**63, 1))
_REPAIR: Final = "Remove or repair the line"


@dataclass(frozen=True, slots=True)
class Table:
    """The columns of one file. All reading methods raise DataError, naming file, line and column."""

    path: Path
    arrow: Any
    header: bool  # a CSV's first line is its header

    @property
    def names(self) -> list[str]:
        return list(self.arrow.column_names)

    def __len__(self) -> int:
        return int(self.arrow.num_rows)

    def where(self, row: int) -> str:
        """File and line of a row, in the words of an editor for CSV."""
        return f"{self.path}, line {row + 2}" if self.header else f"{self.path}, row {row + 1}"

    def real(self, name: str) -> NDArray[np.float64]:
        """A column of finite numbers."""
        found: NDArray[np.float64] = self._numbers(name, "double")
        self._refuse(name, ~np.isfinite(found), "which is not a finite number")
        return found

    def optional(self, name: str) -> NDArray[np.float64]:
        """A column of numbers that may be empty: NaN there."""
        found: NDArray[np.float64] = self._numbers(name, "double", empty=True)
        self._refuse(name, np.isinf(found), "which is not a finite number")
        return found

    def positive(self, name: str, *, zero: bool = False) -> NDArray[np.float64]:
        """A column of numbers above zero, or of zero and above."""
        found = self.real(name)
        self._refuse(
            name,
            found < 0 if zero else found <= 0,
            "which is negative" if zero else "which is not above zero",
        )
        return found

    def whole(self, name: str) -> NDArray[np.int64]:
        """A column of whole numbers."""
        found: NDArray[np.int64] = self._numbers(name, "int64")
        return found

    def times(self, name: str) -> NDArray[np.int64]:
        """Nanoseconds since 1970 that never go back, from timestamps or from whole s, ms, us or ns."""
        import pyarrow as pa

        column = self.arrow.column(name)
        found: NDArray[np.int64]
        if pa.types.is_timestamp(column.type):
            self._refuse(name, column.is_null().to_numpy(), "which is empty")
            zone = column.type.tz
            found = column.cast(pa.timestamp("ns", tz=zone)).cast(pa.int64()).to_numpy().astype(np.int64)
        else:
            found = self.whole(name)
            self._refuse(name, found < 10**8, "which is no time since 1970 in s, ms, us or ns")
            found = found * next(unit for limit, unit in _UNITS if int(found[-1]) < limit)
        back = np.flatnonzero(np.diff(found) < 0)
        if len(back):
            raise DataError(
                f"{self.where(int(back[0]) + 1)}: its {name} is older than that of the line before it",
                fix="Sort the file by time",
            )
        return found

    def one_of(self, name: str, words: Mapping[str, int]) -> NDArray[np.int64]:
        """A column of known words, as numbers."""
        import pyarrow as pa

        column = self.arrow.column(name).cast(pa.string()).combine_chunks().dictionary_encode()
        known = [words.get(str(word).strip().lower(), -1) for word in column.dictionary.to_pylist()]
        place = column.indices.fill_null(len(known)).to_numpy(zero_copy_only=False).astype(np.int64)
        found: NDArray[np.int64] = np.array([*known, -1], np.int64)[place]
        self._refuse(name, found < 0, f"which is none of {', '.join(words)}")
        return found

    def flags(self, name: str) -> NDArray[np.bool_]:
        """A column of true and false."""
        return self.one_of(name, {"true": 1, "false": 0, "1": 1, "0": 0}).astype(np.bool_)

    def symbols(self) -> list[str]:
        """The symbols named in the file; none when it has no such column."""
        if "symbol" not in self.names:
            return []
        return [str(name) for name in self.arrow.column("symbol").unique().to_pylist()]

    def _numbers(self, name: str, kind: str, *, empty: bool = False) -> Any:
        import pyarrow as pa
        import pyarrow.compute as pc

        column = self.arrow.column(name)
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            column = pc.utf8_trim_whitespace(column)
            column = pc.if_else(pc.equal(column, ""), None, column)
        if not empty:
            self._refuse(name, column.is_null().to_numpy(), "which is empty")
        try:
            found = column.cast(kind)
        except pa.ArrowException:
            wrong = np.array([not _reads_as(cell, kind) for cell in column.to_pylist()])
            self._refuse(name, wrong, f"which is no {'whole ' if kind == 'int64' else ''}number")
            raise DataError(f"{self.path}: column {name} ({column.type}) does not hold numbers") from None
        return found.to_numpy().astype(np.int64 if kind == "int64" else np.float64)

    def _refuse(self, name: str, wrong: Any, why: str) -> None:
        if wrong.any():
            row = int(np.argmax(wrong))
            cell = self.arrow.column(name)[row].as_py()
            raise DataError(f"{self.where(row)}: {name} is {cell!r}, {why}", fix=_REPAIR)


def _reads_as(cell: object, kind: str) -> bool:
    try:
        number = float(str(cell)) if kind == "double" else int(str(cell))
    except ValueError:
        return cell is None
    return kind == "double" or abs(number) < 2**63


def read_table(path: Path) -> Table:
    """A .csv (or .csv.gz) or .parquet file. DataError when it is missing or cannot be read."""
    import pyarrow as pa

    if not path.is_file():
        raise DataError(f"{path} does not exist", fix="Name a recorded .csv or .parquet file")
    kind = path.name.removesuffix(".gz").rpartition(".")[2]
    if kind not in ("csv", "parquet"):
        raise DataError(f"{path} is neither .csv nor .parquet", fix="Convert it to one of the two")
    try:
        if kind == "parquet":
            import pyarrow.parquet as pq

            return Table(path, pq.read_table(path), header=False)
        return Table(path, _csv(path), header=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"{path} cannot be read as {kind}: {first}", fix="Record or download it again"
        ) from error


def _csv(path: Path) -> Any:
    """A CSV with every cell as text, so that a bad one can be named."""
    import gzip

    import pyarrow as pa
    from pyarrow import csv

    with (
        gzip.open(path, "rt", encoding="utf-8")
        if path.suffix == ".gz"
        else path.open(encoding="utf-8") as file
    ):
        names = file.readline().strip().split(",")
    as_text = csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
    # One thread, so that a line that cannot be parsed is reported with its number.
    return csv.read_csv(path, read_options=csv.ReadOptions(use_threads=False), convert_options=as_text)
