"""The one row that says how far the state has come, and what the other tables must add up to."""

from __future__ import annotations

import sqlite3
from typing import Final, NamedTuple

from tidegauge_processor.state.database.losses import Losses
from tidegauge_processor.state.database.marks import Marks
from tidegauge_processor.state.database.rows import POSITION, Row, checksum, holds

_MASK: Final = 0xFFFFFFFF


class Position(NamedTuple):
    """Where a state stands.

    Attributes:
        value: id of the latest request that the units contain.
        checkpoints: number of the latest checkpoint.
        units: sum over all units of what `share` gives. A unit that is missing, or an older one, does not fit.
        joins: number of rows of the join.
    """

    value: int
    checkpoints: int
    units: int
    joins: int


def share(checksum: int) -> int:
    """What a row with this checksum adds to a sum: 32 bits, so that sums of many rows stay integers of SQLite."""
    return checksum & _MASK


def write(connection: sqlite3.Connection, position: Position) -> None:
    """Put a position in the place of the one there was."""
    connection.execute("DELETE FROM position")
    connection.execute(
        "INSERT INTO position (value, checkpoints, units, joins, checksum) VALUES (?, ?, ?, ?, ?)",
        (*position, checksum(POSITION.name, *position)),
    )


def read(connection: sqlite3.Connection) -> Position | None:
    """The position; None when it does not hold."""
    rows = _rows(connection)
    return Position(*rows[0].values) if len(rows) == 1 and holds(POSITION, rows[0]) else None


def read_or_mend(connection: sqlite3.Connection, losses: Losses, known: Marks | None) -> Position:
    """The position; one that does not hold is made anew.

    The inbox is emptied up to the position, so the requests that it has left say where that was; else the marks do.
    """
    position = read(connection)
    if position is not None:
        return position
    rows = _rows(connection)
    if not rows and POSITION.name not in losses.tables:
        losses.missing(POSITION, ["the position"])
    for row in rows:
        losses.row(POSITION, row, "it does not hold its checksum, and is found again by the inbox", "checksum")
    (first,) = connection.execute("SELECT min(rowid) FROM inbox").fetchone()
    (units,) = connection.execute(f"SELECT coalesce(sum(checksum & {_MASK}), 0) FROM units").fetchone()
    (joins,) = connection.execute("SELECT count(*) FROM joins").fetchone()
    marks = known or Marks(0, 0, 0)
    position = Position(marks.position if first is None else first - 1, marks.checkpoints, units, joins)
    connection.execute("BEGIN IMMEDIATE")
    write(connection, position)
    connection.execute("COMMIT")
    return position


def reached(connection: sqlite3.Connection, position: Position) -> Marks:
    """How far the state has come by its own account."""
    (last,) = connection.execute("SELECT max(rowid) FROM inbox").fetchone()
    return Marks(max(position.value, last or 0), position.checkpoints, position.value)


def _rows(connection: sqlite3.Connection) -> list[Row]:
    return [Row.of(plain) for plain in connection.execute(POSITION.select)]
