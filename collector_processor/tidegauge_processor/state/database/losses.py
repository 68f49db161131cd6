"""What of the state could not be kept: said in the log, counted, and laid aside for people to look at.

Nothing is lost without a word, and no loss ends the processor. Damage may concern many rows at once, so the log and the
folder are bounded; the counter is not.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

from tidegauge import semconv
from tidegauge_processor.counter import Counter
from tidegauge_processor.state.database.rows import INBOX, Row, Table, name_of

FOLDER: Final = "damaged"
"""Name of the folder inside the state directory that takes rows."""
MOST_FILES: Final = 100
MOST_BYTES: Final = 64 << 20
"""What the folder may hold. What comes later is only logged and counted."""

_MOST_LINES: Final = 50
_MOST_NAMES: Final = 20
_log = logging.getLogger(__name__)

Reason = Literal["checksum", "unreadable", "missing", "damaged_file", "missing_file", "older_file"]


class Losses:
    """Takes the losses of one state.

    Args:
        directory: of the state.
        counter: counts them by reason and table.

    Attributes:
        tables: names of the tables that have lost something.
    """

    def __init__(self, directory: Path, counter: Counter) -> None:
        self._folder = directory / FOLDER
        self._counter = counter
        self._lines = 0
        self._requests: list[range] = []
        self.tables: set[str] = set()

    def row(self, table: Table, row: Row, why: str, reason: Reason) -> None:
        """Take a row that is there and cannot be used: ``why`` says what is wrong with it."""
        if table is INBOX:
            self._requests.append(range(row.number, row.number + 1))
        kept = self._keep(table, row, why)
        self._say(f"the {name_of(table, row)} is set aside, the rest goes on: {why}; {kept}")
        self._count(table, 1, reason)

    def missing(self, table: Table, names: Sequence[str], number: int = 0) -> None:
        """Take rows that are not there any more.

        Args:
            table: that they were in.
            names: what they were called, as far as that is known.
            number: how many there were, where that is more than the names.
        """
        number = max(number, len(names))
        shown = ", ".join(names[:_MOST_NAMES]) + (" and others" if len(names) > _MOST_NAMES else "")
        count = f"{number:,}" if number else "1 or more"
        self._say(f"rows of {table.name} are missing, {count}: {shown or 'nobody knows which'}")
        self._count(table, max(number, 1), "missing")

    def requests(self, numbers: range) -> None:
        """Take requests of the inbox that are not there, unless they have been taken before. There may be millions."""
        first = numbers.start
        for known in sorted((*self._requests, range(numbers.stop, numbers.stop)), key=lambda known: known.start):
            if gap := range(first, min(known.start, numbers.stop)):
                self.missing(INBOX, [f"{INBOX.noun} {number}" for number in gap[: _MOST_NAMES + 1]], len(gap))
            first = max(first, known.stop)
        self._requests.append(numbers)

    def file(self, message: str, reason: Reason) -> None:
        """Take a whole file."""
        _log.error(message)
        self._counter.add(semconv.METRIC_STORE_REBUILT, reason=reason)

    def _count(self, table: Table, number: int, reason: Reason) -> None:
        self.tables.add(table.name)
        self._counter.add(semconv.METRIC_STORE_REBUILT, number, reason=reason, table=table.name)

    def _say(self, line: str) -> None:
        self._lines += 1
        if self._lines <= _MOST_LINES:
            _log.error(line)
        if self._lines == _MOST_LINES:
            _log.error("further losses are only counted, in %s", semconv.METRIC_STORE_REBUILT)

    def _keep(self, table: Table, row: Row, why: str) -> str:
        """Lay a row aside; says where it is."""
        head = json.dumps({"row": name_of(table, row), "why": why, "number": row.number, "checksum": row.checksum})
        data = row.values[-1] if isinstance(row.values[-1], bytes) else repr(row.values).encode()
        try:
            self._folder.mkdir(exist_ok=True)
            known = [path.stat().st_size for path in self._folder.iterdir()]
            if len(known) >= MOST_FILES or sum(known) + len(data) > MOST_BYTES:
                return f"it is not kept, for {self._folder} is full"
            path = next(
                path
                for number in range(1, MOST_FILES + 2)
                if not (path := self._folder / f"{table.name}-{number}").exists()
            )
            path.write_bytes(head.encode() + b"\n" + data)
        except OSError as error:
            return f"it could not be kept: {error.strerror}"
        return f"it is kept as {path}"
