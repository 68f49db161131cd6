"""The rows of the join: what a checkpoint writes, and what has to go."""

from __future__ import annotations

import sqlite3

from tidegauge_processor.state.database.losses import Losses
from tidegauge_processor.state.database.rows import JOINS, Row, checksum, holds
from tidegauge_processor.state.join import Changes

Evicted = dict[str, tuple[int, int]]
"""Keys and outcomes among them that were still waiting, by reason."""


def write(connection: sqlite3.Connection, changes: Changes, size: int, losses: Losses) -> tuple[int, Evicted]:
    """Write what has changed in a join of ``size`` keys; its size afterwards, and what had to go."""
    for key, is_new, *values in changes.entries:
        size += is_new
        connection.execute(
            "INSERT INTO joins (key, model, touched, waiting, data, checksum) VALUES (?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (key) DO UPDATE SET touched = excluded.touched, waiting = excluded.waiting, "
            "data = excluded.data, checksum = excluded.checksum",
            (key, *values, checksum(JOINS.name, key, *values)),
        )
    expired = [
        _forget(connection, losses, "WHERE model = ? AND touched <= ?", model, time)
        for model, time in changes.expired.items()
    ]
    keys, waiting = sum(keys for keys, _ in expired), sum(waiting for _, waiting in expired)
    excess = max(0, size - keys - changes.most)
    full = _forget(connection, losses, "ORDER BY number LIMIT ?", excess) if excess else (0, 0)
    return size - keys - full[0], {"expired": (keys, waiting), "full": full}


def _forget(connection: sqlite3.Connection, losses: Losses, which: str, *values: object) -> tuple[int, int]:
    numbers, waiting = [], 0
    for plain in connection.execute(f"{JOINS.select} {which}", values):
        row = Row.of(plain)
        numbers.append((row.number,))
        if holds(JOINS, row):
            waiting += row.values[3]
        else:
            losses.row(JOINS, row, "it does not hold its checksum", "checksum")
    connection.executemany("DELETE FROM joins WHERE number = ?", numbers)
    return len(numbers), waiting
