"""What still reads in a damaged file, row by row.

SQLite reads a table up to the first page that is damaged, and from its other end down to the last. What lies between
is asked for one by one. A row is taken when it holds its checksum.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from typing import Final

from tidegauge_processor.state.database.losses import Losses
from tidegauge_processor.state.database.marks import Marks
from tidegauge_processor.state.database.opening import FAULTS
from tidegauge_processor.state.database.rows import INBOX, POSITION, TABLES, Row, Table, holds, readable

_MOST_PROBES: Final = 5_000_000
_TAIL: Final = 1_000
"""Rows that are asked for one by one where nobody knows which is the last."""


class _Reader:
    """Reads one table of a damaged file.

    Attributes:
        seen: numbers of the rows that were read.
        gap: numbers between which rows may be missing, both ends excluded; the upper is None when it is not known.
    """

    def __init__(self, source: sqlite3.Connection, table: Table) -> None:
        self._source = source
        self._table = table
        self.seen: set[int] = set()
        self.gap: tuple[int, int | None] | None = None

    def rows(self) -> Iterator[Row]:
        """All that still reads."""
        low, high = -1, None
        with suppress(*FAULTS):
            for row in self._read("WHERE rowid > ? ORDER BY rowid", low):
                low = row.number
                yield row
            return
        with suppress(*FAULTS):
            for row in self._read("WHERE rowid > ? ORDER BY rowid DESC", low):
                high = row.number
                yield row
            return
        self.gap = low, high
        for number in self._indexed or range(low + 1, min(low + _MOST_PROBES, high or low + _TAIL)):
            with suppress(*FAULTS):
                yield from self._read("WHERE rowid = ?", number)

    def lost(self) -> list[str] | None:
        """Names of the rows that are missing; None when that cannot be told."""
        if self._indexed is not None:
            return [name for number, name in self._indexed.items() if number not in self.seen]
        if self.gap is None:
            return []
        low, high = self.gap
        if self._table.key != "rowid" or high is None or high - low > _MOST_PROBES:
            return None
        return [f"{self._table.noun} {number}" for number in range(low + 1, high) if number not in self.seen]

    @cached_property
    def _indexed(self) -> dict[int, str] | None:
        """Numbers and names by the table's index, which may be whole where the table is not."""
        if self._table.key == "rowid" or self._table is POSITION:
            return None
        name, key = self._table.name, self._table.key
        try:
            known = self._source.execute(f"SELECT rowid, {key} FROM {name} INDEXED BY sqlite_autoindex_{name}_1")
            return {number: f"{self._table.noun} {readable(key)}" for number, key in known}
        except FAULTS:
            return None

    def _read(self, which: str, value: int) -> Iterator[Row]:
        for plain in self._source.execute(f"{self._table.select} {which}", (value,)):
            row = Row.of(plain)
            if row.number not in self.seen:
                self.seen.add(row.number)
                yield row


def salvage(source: sqlite3.Connection, target: sqlite3.Connection, losses: Losses, known: Marks | None) -> int:
    """Copy what still reads and holds its checksum into an empty file; how many rows that are.

    Args:
        source: the damaged file.
        target: an empty file of the present format.
        losses: takes the others.
        known: how far the state had come.
    """
    target.execute("DELETE FROM position")
    kept, positioned = 0, False
    for table in TABLES:
        reader = _Reader(source, table)
        columns = dict.fromkeys(("rowid", *table.columns, "checksum"))
        insert = f"INSERT OR IGNORE INTO {table.name} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
        for row in reader.rows():
            if not holds(table, row):
                losses.row(table, row, "it does not hold its checksum", "checksum")
                continue
            positioned = positioned or table is POSITION
            number = () if table.columns[0] == "rowid" else (row.number,)
            kept += target.execute(insert, (*number, *row.values, row.checksum)).rowcount
        if table is INBOX and known and positioned:
            continue  # the numbers of requests have no gaps: who reads them knows which are missing
        lost = reader.lost()
        if lost is None or lost:
            losses.missing(table, lost or [])
    return kept
