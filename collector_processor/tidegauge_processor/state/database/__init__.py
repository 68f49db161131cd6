"""The SQLite file under the store: its tables, their checksums, and what happens when it is damaged.

* ``rows``: the tables, and the checksum that each row carries; ``schema``: versions of the format.
* ``opening``: opened, locked and checked; ``database``: the file in use.
* ``rebuilding``: a new file in the place of a damaged one, by ``salvage`` and ``write_ahead_log``.
* ``position``, ``marks``: what tells that something is missing.
* ``losses``: what could not be kept.
* ``joins``: the rows of the join.
* ``outbox``: what waits for the back end.
"""

from tidegauge_processor.state.database.database import FILE_NAME, Database

__all__ = ["FILE_NAME", "Database"]
