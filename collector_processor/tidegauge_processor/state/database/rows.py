"""The tables of the state, and the checksum that each of their rows carries.

SQLite finds damage of its own structures, but a bit that flips inside a number is a number like any other. So a row
says by a digest of eight bytes what it held when it was written. CRC-32 is five times as fast, and lets one random
damage in 4 * 10^9 pass; BLAKE2b of this length lets one in 10^19. It costs 0.7 ms a megabyte and some 3 µs a row. The
same state takes 20 ms a megabyte to become bytes, and a commit 3 ms to reach the disk.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, Final, NamedTuple

_LONGEST_NAME: Final = 500


class Table(NamedTuple):
    """A table whose rows carry a checksum.

    Attributes:
        name: of the table.
        columns: what the checksum is about, in order.
        key: the column that names a row to people.
        noun: what a row is to people.
    """

    name: str
    columns: tuple[str, ...]
    key: str
    noun: str

    @property
    def select(self) -> str:
        """The start of a query that gives a `Row`."""
        return f"SELECT rowid, {', '.join(self.columns)}, checksum FROM {self.name}"


class Row(NamedTuple):
    """A row as it was read.

    Attributes:
        number: its rowid.
        values: its columns, but for the checksum.
        checksum: what it says of itself.
    """

    number: int
    values: tuple[Any, ...]
    checksum: Any

    @classmethod
    def of(cls, plain: tuple[Any, ...]) -> Row:
        """Take what a query that begins with `Table.select` gave."""
        return cls(plain[0], plain[1:-1], plain[-1])


POSITION: Final = Table("position", ("value", "checkpoints", "units", "joins"), "value", "position")
INBOX: Final = Table("inbox", ("rowid", "kind", "data"), "rowid", "request")
UNITS: Final = Table("units", ("key", "data"), "key", "unit")
BASELINES: Final = Table("baselines", ("id", "data"), "id", "baseline")
OUTBOX: Final = Table("outbox", ("kind", "data", "standing"), "rowid", "signal")
JOINS: Final = Table("joins", ("key", "model", "touched", "waiting", "data"), "key", "joined prediction")
TABLES: Final = (POSITION, INBOX, UNITS, BASELINES, OUTBOX, JOINS)


def checksum(table: str, *values: object) -> int:
    """Digest of a row's values, as a signed integer of 64 bits. Another table, order or type gives another one.

    >>> checksum("units", "churn 3", b"state") == checksum("units", "churn 3", b"statf")
    False
    """
    digest = blake2b(digest_size=8, person=table.encode())
    for value in values:
        data = value if isinstance(value, bytes) else repr(value).encode()
        digest.update(f"{type(value).__name__} {len(data)} ".encode())
        digest.update(data)
    return int.from_bytes(digest.digest(), "big", signed=True)


def holds(table: Table, row: Row) -> bool:
    """Whether a row is what was written."""
    own: bool = row.checksum == checksum(table.name, *row.values)
    return own


def name_of(table: Table, row: Row) -> str:
    """What a row is called where people read it."""
    key = row.number if table.key == "rowid" else row.values[table.columns.index(table.key)]
    return f"{table.noun} {readable(key)}"


def readable(key: object) -> str:
    """A key in a line of text, whatever it holds: names of models are written by others, and damaged ones by nobody."""
    text = key.hex() if isinstance(key, bytes) else str(key)
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)[:_LONGEST_NAME]
