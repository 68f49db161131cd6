"""What one checkpoint does to the tables, within one transaction."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from tidegauge_processor.state.database import joins, outbox, position
from tidegauge_processor.state.database.losses import Losses
from tidegauge_processor.state.database.outbox import Requests, Size
from tidegauge_processor.state.database.position import Position, share
from tidegauge_processor.state.database.rows import UNITS, checksum
from tidegauge_processor.state.join import Changes


class Checkpoint(NamedTuple):
    """What is to be written.

    Attributes:
        position: id of the last request that the units contain; the inbox is emptied up to it.
        number: of the checkpoint.
        units: state by key; None removes the key.
        outbox: signals to send, in order.
        standing: signals that say what holds at present, in the place of earlier ones.
        join: what has changed in the join; None without one.
    """

    position: int
    number: int
    units: Mapping[str, bytes | None]
    outbox: Requests
    standing: Requests
    join: Changes | None


class Content(NamedTuple):
    """How much there is: checksums of the units by key, signals in the outbox, keys in the join."""

    units: dict[str, int]
    outbox: Size
    joins: int


class Written(NamedTuple):
    """How much there is after a checkpoint, signals that had to go for it by reason, and keys that had to go."""

    content: Content
    dropped: Counter[str]
    evicted: joins.Evicted


def write(
    connection: sqlite3.Connection, checkpoint: Checkpoint, content: Content, outbox_limit: Size, losses: Losses
) -> Written:
    """Write a checkpoint over ``content``, with at most ``outbox_limit`` in the outbox."""
    connection.execute("DELETE FROM inbox WHERE id <= ?", (checkpoint.position,))
    units = _write_units(connection, checkpoint.units, content.units)
    waiting, dropped = outbox.write(connection, checkpoint.outbox, checkpoint.standing, content.outbox, outbox_limit)
    size, evicted = content.joins, joins.Evicted()
    if checkpoint.join:
        size, evicted = joins.write(connection, checkpoint.join, size, losses)
    reached = Position(checkpoint.position, checkpoint.number, sum(map(share, units.values())), size)
    position.write(connection, reached)
    return Written(Content(units, waiting, size), dropped, evicted)


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
