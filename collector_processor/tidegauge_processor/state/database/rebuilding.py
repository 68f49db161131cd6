"""A damaged file is set aside, and a new one is made of what still reads in it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import struct
from contextlib import closing
from pathlib import Path
from typing import Final

from tidegauge.errors import StorageError
from tidegauge_processor.state.database import write_ahead_log
from tidegauge_processor.state.database.losses import Losses
from tidegauge_processor.state.database.marks import Marks
from tidegauge_processor.state.database.opening import FAULTS, PAGE_SIZE, plain
from tidegauge_processor.state.database.salvage import salvage
from tidegauge_processor.state.database.schema import VERSION, layout, layouts, migrate

MOST_ASIDE: Final = 5
"""Damaged files that are kept; each is as large as the state."""

_ROOTS: Final = 32
"""Pages within which all tables begin. SQLite reads none of a file that is cut off before one of them."""


def log_of(path: Path) -> Path:
    """The write-ahead log of a file."""
    return path.with_name(f"{path.name}-wal")


def rebuild(path: Path, losses: Losses, known: Marks | None) -> tuple[str, int]:
    """Put a new file in the place of a damaged or missing one.

    Args:
        path: of the file; its log is read too, and set aside with it.
        losses: takes the rows that do not hold.
        known: how far the state had come.

    Returns:
        Name of the file that the damaged one has become, empty when there was none; and the rows that were kept.

    Raises:
        StorageError: the disk is full, or a file cannot be renamed. The damaged file is as it was.
    """
    new, copy = path.with_name(f"{path.name}.part"), path.with_name(f"{path.name}.copy")
    try:
        _remove(new, copy)
        with closing(plain(new)) as target:
            target.execute(f"PRAGMA page_size = {PAGE_SIZE}")
            target.execute("PRAGMA synchronous = OFF")  # it is synced as a whole before it takes its place
            migrate(target, 0)
            _copy(path, copy)
            target.execute("BEGIN")
            kept = _salvaged(copy, new, target, losses, known)
            target.execute("COMMIT")
        with new.open("rb") as written:
            os.fsync(written.fileno())
        new.rename(_ready(path))
        aside = finish(path)
    except (OSError, *FAULTS) as error:
        raise StorageError(f"cannot rebuild the damaged {path}: {error}") from error
    finally:
        _remove(new, copy)
    return aside, kept


def finish(path: Path) -> str:
    """Set a damaged file aside and let the one that was made of it take its place, where there is one.

    A processor that was killed in between does it at its next start. Gives the damaged file's new name.

    Raises:
        StorageError: a file cannot be renamed.
    """
    if not _ready(path).exists():
        return ""
    try:
        aside = _set_aside(path)
        _ready(path).rename(path)
    except OSError as error:
        raise StorageError(f"cannot set the damaged {path} aside: {error}") from error
    return aside


def _ready(path: Path) -> Path:
    """A new file that is complete."""
    return path.with_name(f"{path.name}.new")


def _copy(path: Path, copy: Path) -> None:
    """Bring file and log together in one file, without SQLite, which would stop at the first frame of the log."""
    if path.exists():
        shutil.copyfile(path, copy)
    if write_ahead_log.has_frames(log_of(path)):
        write_ahead_log.fold(log_of(path), copy, PAGE_SIZE)


def _salvaged(copy: Path, new: Path, target: sqlite3.Connection, losses: Losses, known: Marks | None) -> int:
    if not copy.exists() or not copy.stat().st_size:
        return 0
    with new.open("rb") as fresh:
        first_page = fresh.read(PAGE_SIZE)
    for page in (None, first_page):  # by its own first page, which holds the layout; else by that of a new file
        _mend_header(copy, page)
        with closing(plain(copy)) as source:
            try:
                found = layout(source)
            except FAULTS:
                continue
            if found == layouts()[VERSION]:
                return salvage(source, target, losses, known)
            if found in layouts()[1:]:
                return 0  # of an older version: its rows have no checksum
    return 0


def _mend_header(copy: Path, first_page: bytes | None) -> None:
    """Say what the file is as a whole: no log, as many pages as there are, and no free ones among them.

    The fields are those of https://www.sqlite.org/fileformat2.html#the_database_header.
    """
    pages = max(-(-copy.stat().st_size // PAGE_SIZE), _ROOTS)
    with copy.open("r+b") as file:
        if first_page is not None:
            file.write(first_page)
        file.truncate(pages * PAGE_SIZE)
        for place, value in ((18, b"\x01\x01"), (24, struct.pack(">IIII", 1, pages, 0, 0)), (92, struct.pack(">I", 1))):
            file.seek(place)
            file.write(value)


def _set_aside(path: Path) -> str:
    """Rename a damaged file, and the log that belongs to it, to the next ``.damaged-N``; gives the new name."""
    stem = f"{path.name}.damaged-"
    numbers = [found.name.removeprefix(stem).removesuffix("-wal") for found in path.parent.glob(f"{stem}*")]
    number = max((int(number) for number in numbers if number.isdecimal()), default=0) + 1
    aside = path.with_name(f"{stem}{number}")
    # The log first: it must never meet a file that it does not belong to.
    found = [(old, new) for old, new in ((log_of(path), log_of(aside)), (path, aside)) if old.exists()]
    for old, new in found:
        old.rename(new)
    _remove(path.with_name(f"{stem}{number - MOST_ASIDE}"))
    return aside.name if found else ""


def _remove(*paths: Path) -> None:
    for path in paths:
        for suffix in ("", "-wal", "-shm", "-journal"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
