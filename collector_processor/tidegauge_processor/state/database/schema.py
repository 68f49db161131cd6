"""What the file holds, in each version of its format, and the steps from one to the next."""

from __future__ import annotations

import sqlite3
from functools import cache
from typing import Final

from tidegauge_processor.state.database.rows import TABLES, checksum

_FIRST: Final = """
CREATE TABLE position (value INTEGER NOT NULL);
INSERT INTO position VALUES (0);
CREATE TABLE inbox (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, data BLOB NOT NULL);
CREATE TABLE units (key TEXT PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE baselines (id TEXT PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, data BLOB NOT NULL);
"""
_JOINS: Final = """
CREATE TABLE joins (number INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, model TEXT NOT NULL,
                    touched INTEGER NOT NULL, waiting INTEGER NOT NULL, data BLOB NOT NULL);
CREATE INDEX joins_by_time ON joins (model, touched);
"""
_NEW_COLUMNS: Final = """
ALTER TABLE position ADD COLUMN checkpoints INTEGER NOT NULL DEFAULT 0;
ALTER TABLE position ADD COLUMN units INTEGER NOT NULL DEFAULT 0;
ALTER TABLE position ADD COLUMN joins INTEGER NOT NULL DEFAULT 0;
"""
_SUMS: Final = """
UPDATE position SET units = (SELECT coalesce(sum(checksum & 0xffffffff), 0) FROM units),
                    joins = (SELECT count(*) FROM joins);
"""


_STANDING: Final = """
ALTER TABLE outbox ADD COLUMN standing INTEGER NOT NULL DEFAULT 0;
UPDATE outbox SET checksum = row_checksum('outbox', kind, data, standing);
"""


def _checksums() -> str:
    # The position's comes last: it covers sums of the others.
    add = [f"ALTER TABLE {table.name} ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;" for table in TABLES]
    of = {table.name: ", ".join(column for column in table.columns if column != "standing") for table in TABLES}
    fill = [
        f"UPDATE {table.name} SET checksum = row_checksum('{table.name}', {of[table.name]});"
        for table in reversed(TABLES)
    ]
    return "\n".join([_NEW_COLUMNS, *add, *fill[:-1], _SUMS, fill[-1]])


_STEPS: Final = (_FIRST, _JOINS, _checksums(), _STANDING)  # from each version of the file to the next
VERSION: Final = len(_STEPS)
"""The format that this version writes."""


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring the file from ``version`` to the present one; 0 is an empty file. Within the caller's transaction."""
    connection.create_function("row_checksum", -1, checksum, deterministic=True)
    for statement in "".join(_STEPS[version:]).split(";"):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {VERSION}")


Layout = frozenset[tuple[str, str, str]]


def layout(connection: sqlite3.Connection) -> Layout:
    """Tables with their columns and types, and indexes: what a file looks like, however its SQL is spelled."""
    return frozenset(
        connection.execute(
            "SELECT m.name, coalesce(c.name, ''), coalesce(c.type, '') FROM sqlite_master AS m "
            "LEFT JOIN pragma_table_info(m.name) AS c WHERE m.name NOT LIKE 'sqlite_stat%'"
        )
    )


@cache
def layouts() -> tuple[Layout, ...]:
    """What a file looks like in each version; the first is an empty one."""
    found = []
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        connection.create_function("row_checksum", -1, checksum, deterministic=True)
        for step in ("", *_STEPS):
            for statement in step.split(";"):
                connection.execute(statement)
            found.append(layout(connection))
    finally:
        connection.close()
    return tuple(found)
