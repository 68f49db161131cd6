"""What waits for the back end: bounded in number and in bytes, and what holds at present is kept in its latest form.

Gauges say what holds; whoever has the latest ones needs no earlier ones. They are written as a set at every flush. Of
the sets that wait, the oldest is kept, since some of it may be on its way, and the newest: what lies between is
superseded. So a back end that is slow still gets whole sets, one after the other. Everything else, events and counters,
waits as long as there is room for it. Where there is none, gauges go first, and of each the oldest.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.state.database.rows import OUTBOX, checksum

SUPERSEDED: Final = "superseded"
FULL: Final = "outbox_full"

Requests = Sequence[tuple[SignalKind, bytes]]


class Size(NamedTuple):
    """How much waits: requests, and their bytes together."""

    requests: int
    bytes: int

    def without(self, sizes: Sequence[int]) -> Size:
        """What is left when requests of these sizes have gone."""
        return Size(self.requests - len(sizes), self.bytes - sum(sizes))


def size(connection: sqlite3.Connection) -> Size:
    """How much waits in the file."""
    return Size(*connection.execute("SELECT count(*), coalesce(sum(length(data)), 0) FROM outbox").fetchone())


def write(
    connection: sqlite3.Connection, said: Requests, standing: Requests, before: Size, limit: Size
) -> tuple[Size, Counter[str]]:
    """Add requests.

    Args:
        connection: within a transaction.
        said: events and counters, in order.
        standing: what holds at present: a set that takes the place of earlier ones.
        before: how much waited.
        limit: how much may wait.

    Returns:
        How much waits afterwards, and requests that had to go for it, by reason.
    """
    dropped: Counter[str] = Counter()
    now, newest = before, 0
    if standing:
        which = "SELECT coalesce(min(standing), 0), coalesce(max(standing), 0) FROM outbox WHERE standing > 0"
        oldest, newest = connection.execute(which).fetchone()
        gone = _sizes(connection, "WHERE standing > ?", oldest) if newest > oldest else {}
        dropped[SUPERSEDED] = len(gone)
        now = _delete(connection, gone, now)
    for requests, of in ((said, 0), (standing, newest + 1)):
        connection.executemany(
            "INSERT INTO outbox (kind, data, standing, checksum) VALUES (?, ?, ?, ?)",
            ((kind.value, data, of, checksum(OUTBOX.name, kind.value, data, of)) for kind, data in requests),
        )
        now = Size(now.requests + len(requests), now.bytes + sum(len(data) for _, data in requests))
    if now.requests > limit.requests or now.bytes > limit.bytes:
        excess = _excess(_sizes(connection, "ORDER BY standing = 0, id"), now, limit)
        dropped[FULL] = len(excess)
        now = _delete(connection, excess, now)
    return now, dropped


def remove(connection: sqlite3.Connection, numbers: Iterable[int], before: Size) -> Size:
    """Take out requests by their numbers, as far as they are there; how much waits afterwards."""
    for number in numbers:
        before = _delete(connection, _sizes(connection, "WHERE id = ?", number), before)
    return before


def _excess(sizes: dict[int, int], now: Size, limit: Size) -> dict[int, int]:
    """The first of them that have to go, until the rest is within the limit."""
    found: dict[int, int] = {}
    for number, bytes_of in sizes.items():
        if now.requests <= limit.requests and now.bytes <= limit.bytes:
            break
        found[number] = bytes_of
        now = now.without([bytes_of])
    return found


def _sizes(connection: sqlite3.Connection, which: str, *values: int) -> dict[int, int]:
    """Bytes of each request, by its number."""
    return dict(connection.execute(f"SELECT id, length(data) FROM outbox {which}", values).fetchall())


def _delete(connection: sqlite3.Connection, sizes: dict[int, int], before: Size) -> Size:
    connection.executemany("DELETE FROM outbox WHERE id = ?", ((number,) for number in sizes))
    return before.without([*sizes.values()])
