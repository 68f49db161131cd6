"""SQLite's write-ahead log, written into its file page by page whatever its checksums say.

SQLite drops everything behind the first frame that does not hold. One flipped bit would so cost all later commits,
though every later page is whole. In a state whose rows carry checksums of their own nothing is gained by that: the
pages are all taken, and the rows say which of them to believe.

The format is https://www.sqlite.org/fileformat2.html#the_write_ahead_log: a header of 32 bytes, then frames of a header
of 24 bytes and a page. Frames left from an earlier round of the log have another salt.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

_HEADER: Final = 32
_FRAME: Final = struct.Struct(">II8s8x")


class _Frame(NamedTuple):
    offset: int
    page: int
    commits: bool
    salt: bytes


def has_frames(log: Path) -> bool:
    """Whether there is anything in a log."""
    return log.exists() and log.stat().st_size > _HEADER


def fold(log: Path, into: Path, page_size: int) -> None:
    """Write every committed page of ``log`` into the file, which may be missing; later frames win."""
    with log.open("rb") as source, into.open("r+b" if into.exists() else "w+b") as target:
        header = source.read(_HEADER)
        frames = list(_frames(source, page_size))
        salts = {frame.salt for frame in frames}
        salt = header[16:24] if header[16:24] in salts or not frames else frames[0].salt
        ends = [place for place, frame in enumerate(frames) if frame.commits and frame.salt == salt]
        most = into.stat().st_size // page_size + len(frames)  # a page beyond is a damaged number
        for frame in frames[: ends[-1] + 1] if ends else ():
            if 0 < frame.page <= most:
                source.seek(frame.offset)
                target.seek((frame.page - 1) * page_size)
                target.write(source.read(page_size))


def _frames(source: BinaryIO, page_size: int) -> Iterator[_Frame]:
    offset = _HEADER
    while True:
        source.seek(offset)
        head = source.read(_FRAME.size)
        if len(head) < _FRAME.size:
            return
        page, size, salt = _FRAME.unpack(head)
        offset += _FRAME.size
        if len(source.read(page_size)) < page_size:
            return
        yield _Frame(offset, page, size > 0, salt)
        offset += page_size
