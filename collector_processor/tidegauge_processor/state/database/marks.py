"""How far the state had come, in a small file beside it: so that what is missing can be missed.

A file that is gone, or a write-ahead log that was cut off or thrown away, leaves a state that is whole and older. Only
something outside of it can tell. The file is written after each commit and is not synced: after a power cut it may lag
behind the state, and says nothing then; it never runs ahead of what was durable.
"""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from typing import Final, NamedTuple

from tidegauge_processor.state.database.rows import checksum

FILE_NAME = "tidegauge.marks"
_BINARY: Final[int] = getattr(os, "O_BINARY", 0)  # Windows would write two characters for the end of the line
_log = logging.getLogger(__name__)


class Marks(NamedTuple):
    """How far a state has come.

    Attributes:
        requests: id of the latest request that was stored.
        checkpoints: number of the latest checkpoint.
        position: id of the latest request that it contained.
    """

    requests: int
    checkpoints: int
    position: int


class MarksFile:
    """The file, which is written in place.

    Args:
        directory: of the state.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE_NAME
        self._file: int | None = None
        self._works = True
        self._writing = threading.Lock()

    @property
    def exists(self) -> bool:
        """Whether there was a state before."""
        return self._path.exists()

    def read(self) -> Marks | None:
        """What was written last; None when that was nothing, or is damaged."""
        try:
            *numbers, stated = map(int, self._path.read_bytes().split())
            if stated == checksum("marks", *numbers):
                return Marks(*numbers)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError):
            pass
        _log.error(
            "%s is damaged: whether the state has lost its latest commits cannot be told; it is written anew",
            self._path,
        )
        return None

    def write(self, marks: Marks) -> None:
        """Write after a commit. What cannot be written is logged once: the commit is durable without it."""
        numbers = " ".join(f"{number:020d}" for number in marks)  # always as long, since it is written in place
        line = f"{numbers} {checksum('marks', *marks):+021d}\n".encode()
        try:
            with self._writing:  # to go to the start and to write are two steps, and Windows has none for both
                if self._file is None:
                    self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | _BINARY, 0o644)
                os.lseek(self._file, 0, os.SEEK_SET)
                os.write(self._file, line)
            self._works = True
        except OSError as error:
            if self._works:
                _log.warning("cannot write %s: %s", self._path, error.strerror)
            self._works = False

    def close(self) -> None:
        """Close the file; `write` opens it again."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
