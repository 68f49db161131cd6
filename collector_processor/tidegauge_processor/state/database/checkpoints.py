"""What one checkpoint does to the tables, within one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.state.database import joins, position
from tidegauge_processor.state.database.losses import Losses
from tidegauge_processor.state.database.position import Position, share
from tidegauge_processor.state.database.rows import OUTBOX, UNITS, checksum
from tidegauge_processor.state.join import Changes


class Checkpoint(NamedTuple):
    """What is to be written.

    Attributes:
        position: id of the last request that the units contain; the inbox is emptied up to it.
        number: of the checkpoint.
        units: state by key; None removes the key.
        outbox: signals to send, in order.
        join: what has changed in the join; None without one.
    """

    position: int
    number: int
    units: Mapping[str, bytes | None]
    outbox: Sequence[tuple[SignalKind, bytes]]
    join: Changes | None


class Content(NamedTuple):
    """How much there is: checksums of the units by key, signals in the outbox, keys in the join."""

    units: dict[str, int]
    outbox: int
    joins: int


class Written(NamedTuple):
    """How much there is after a checkpoint, signals that had to be dropped for it, and keys that had to go."""

    content: Content
    dropped: int
    evicted: joins.Evicted


def write(
    connection: sqlite3.Connection, checkpoint: Checkpoint, content: Content, outbox_limit: int, losses: Losses
) -> Written:
    """Write a checkpoint over ``content``, with at most ``outbox_limit`` signals in the outbox."""
    connection.execute("DELETE FROM inbox WHERE id <= ?", (checkpoint.position,))
    units = _write_units(connection, checkpoint.units, content.units)
    outbox, dropped = _write_outbox(connection, checkpoint.outbox, content.outbox, outbox_limit)
    size, evicted = content.joins, joins.Evicted()
    if checkpoint.join:
        size, evicted = joins.write(connection, checkpoint.join, size, losses)
    reached = Position(checkpoint.position, checkpoint.number, sum(map(share, units.values())), size)
    position.write(connection, reached)
    return Written(Content(units, outbox, size), dropped, evicted)


def _write_units(
    connection: sqlite3.Connection, units: Mapping[str, bytes | None], known: Mapping[str, int]
) -> dict[str, int]:
    new = {key: checksum(UNITS.name, key, data) for key, data in units.items() if data is not None}
    connection.executemany(
        "INSERT INTO units (key, data, checksum) VALUES (?, ?, ?) ON CONFLICT (key) "
        "DO UPDATE SET data = excluded.data, checksum = excluded.checksum",
        ((key, units[key], own) for key, own in new.items()),
    )
    connection.executemany("DELETE FROM units WHERE key = ?", ((key,) for key in units if key not in new))
    return {key: own for key, own in known.items() if key not in units} | new


def _write_outbox(
    connection: sqlite3.Connection, outbox: Sequence[tuple[SignalKind, bytes]], size: int, limit: int
) -> tuple[int, int]:
    """Add to the outbox; its size afterwards, and how many of its oldest had to be dropped."""
    connection.executemany(
        "INSERT INTO outbox (kind, data, checksum) VALUES (?, ?, ?)",
        ((kind.value, data, checksum(OUTBOX.name, kind.value, data)) for kind, data in outbox),
    )
    size += len(outbox)
    dropped = max(0, size - limit)
    connection.execute("DELETE FROM outbox WHERE id IN (SELECT id FROM outbox ORDER BY id LIMIT ?)", (dropped,))
    return size - dropped, dropped
