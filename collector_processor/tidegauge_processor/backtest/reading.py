"""Rows of a file in chunks: Parquet as it is typed, CSV as text.

A CSV file has no types, and what a reader guesses from its first megabyte need not hold in its last. So its cells stay
text here, and each is read as what the baseline takes it for (see `texts`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from tidegauge.columns import NumericColumn, numeric_column
from tidegauge.errors import DataError
from tidegauge_processor.backtest.texts import numbers_of_texts

FORMATS: Final = (".parquet", ".csv")
"""How the names of files end that can be read."""

_ROWS: Final = 1 << 16
_BYTES: Final = 1 << 22
_NULLS: Final = (
    *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA"),
    *("NULL", "NaN", "None", "n/a", "nan", "null"),
)
"""What stands for no value in CSV: as pandas has it, with which `tidegauge baseline build` reads."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of a file, one after the other.

    Attributes:
        batch: their columns.
        text: whether all values are text.
    """

    batch: pa.RecordBatch
    text: bool

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.batch.num_rows)

    def numbers(self, name: str) -> NumericColumn:
        """A column read as numbers, by the SDK's rules."""
        column = self.column(name)
        return numbers_of_texts(column) if self.text else numeric_column(column)

    def distinct(self, name: str) -> tuple[list[Any], NDArray[np.intp]]:
        """Different values of a column, and the place among them of each row's value.

        Values that cannot be told apart quickly, such as lists, may stand there more than once.
        """
        column = self.column(name)
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        try:
            coded = pc.dictionary_encode(column, null_encoding="encode").combine_chunks()
        except pa.ArrowNotImplementedError:
            return column.to_pylist(), np.arange(self.rows)
        coded = coded.chunk(0) if isinstance(coded, pa.ChunkedArray) else coded
        return coded.dictionary.to_pylist(), coded.indices.to_numpy().astype(np.intp)

    def column(self, name: str) -> pa.ChunkedArray:
        """A column as it is in the file."""
        return pa.chunked_array([self.batch.column(self.batch.schema.names.index(name))])

    def take(self, rows: NDArray[np.intp]) -> Chunk:
        """Some of the rows."""
        return Chunk(self.batch.take(pa.array(rows)), self.text)


class Source:
    """A file of rows.

    Args:
        path: of the file; its name ends in one of `FORMATS`.

    Attributes:
        names: of its columns, in order.

    Raises:
        DataError: it cannot be read, or is not what its name promises.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = path.suffix.lower() == ".csv"
        with self._reading():
            self.names: list[str] = self._open_csv(None).schema.names if self.text else self._open_parquet().names

    def chunks(self, names: Sequence[str]) -> Iterator[Chunk]:
        """Read the columns ``names``, once each, from the first row to the last.

        Raises:
            DataError: the file is damaged.
        """
        names = list(dict.fromkeys(names))
        with self._reading():
            batches = (
                self._open_csv(names)
                if self.text
                else pa.parquet.ParquetFile(self.path).iter_batches(batch_size=_ROWS, columns=names)
            )
            for batch in batches:
                if batch.num_rows:
                    yield Chunk(batch, self.text)

    def _open_parquet(self) -> Any:
        return pa.parquet.ParquetFile(self.path).schema_arrow

    def _open_csv(self, names: list[str] | None) -> Any:
        return pa.csv.open_csv(
            self.path,
            pa.csv.ReadOptions(block_size=_BYTES),
            pa.csv.ParseOptions(newlines_in_values=True),
            pa.csv.ConvertOptions(
                include_columns=names or [],
                column_types=dict.fromkeys(names or (), pa.string()),
                null_values=list(_NULLS),
                strings_can_be_null=True,
            ),
        )

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except pa.ArrowException as problem:
            kind = "CSV" if self.text else "Parquet"
            why = "; ".join(line.strip() for line in str(problem).splitlines() if line.strip())
            raise DataError(f"cannot read {str(self.path)!r} as {kind}: {why}") from problem
        except OSError as problem:
            raise DataError(f"cannot read {str(self.path)!r}: {problem.strerror or problem}") from problem
