"""What a closed window has counted, for as long as it can still be merged with others.

Points that come late count once, like all others, so what was seen is remembered: by writer, which intervals of which
streams. Most streams of a writer have the same intervals, so it is small; and hardly ever asked for, so it is packed.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Final

from tidegauge.errors import WireError
from tidegauge_processor.records import StreamKey
from tidegauge_processor.state.aggregates import load_stream
from tidegauge_processor.state.intervals import Fate, Intervals
from tidegauge_processor.verdicts.types import Window

FORMAT: Final = "tidegauge.closed/1"
"""Version of the bytes that `ClosedWindow.dump` writes."""

_HEAD: Final = FORMAT.encode() + b"\0"
_FAST: Final = 1

Seen = dict[str, dict[StreamKey, Intervals]]
"""Intervals counted, by writer and stream."""


class ClosedWindow:
    """Intervals that a closed window has counted.

    Args:
        seen: by writer and stream.

    Example:
        >>> rows = StreamKey("ml.predictions", "", ())
        >>> window = ClosedWindow({"a": {rows: Intervals([0, 10])}})
        >>> again = ClosedWindow.load(window.dump())
        >>> [again.add("a", rows, *times).value for times in ((0, 10), (10, 20), (10, 20), (15, 25))]
        ['duplicate', 'new', 'duplicate', 'malformed']
    """

    __slots__ = ("_packed", "_seen")

    def __init__(self, seen: Mapping[str, Mapping[StreamKey, Intervals]]) -> None:
        self._packed = _pack(seen)
        self._seen: Seen | None = None

    def has_room(self, writer: str, stream: StreamKey, most: int) -> bool:
        """Whether a stream of a writer is known, or the writer has fewer than ``most``."""
        known = self._unpacked().get(writer, {})
        return stream in known or len(known) < most

    def add(self, writer: str, stream: StreamKey, start: int, end: int) -> Fate:
        """Take up an interval, ns since the epoch, unless it is there already, in whole or in part."""
        return self._unpacked().setdefault(writer, {}).setdefault(stream, Intervals()).add(start, end)

    def dump(self) -> bytes:
        """Canonical bytes: what counted the same gives the same bytes."""
        if self._seen is not None:
            self._packed, self._seen = _pack(self._seen), None
        return self._packed

    @classmethod
    def load(cls, data: bytes) -> ClosedWindow:
        """Read what `dump` wrote.

        Raises:
            WireError: the bytes are of another version.
        """
        if not data.startswith(_HEAD):
            raise WireError(f"a closed window of another format cannot be read; this version reads {FORMAT!r}")
        window = cls({})
        window._packed = data
        return window

    def _unpacked(self) -> Seen:
        if self._seen is None:
            self._seen = _unpack(self._packed)
        return self._seen


class ClosedWindows:
    """Those of one model version, by their start.

    Attributes:
        windows: by start, ns since the epoch.
        touched: starts of those that have changed, or are gone, since somebody emptied this set.
    """

    __slots__ = ("touched", "windows")

    def __init__(self) -> None:
        self.windows: dict[int, ClosedWindow] = {}
        self.touched: set[int] = set()

    def keep(self, start: int, seen: Mapping[str, Mapping[StreamKey, Intervals]], history: Sequence[Window]) -> None:
        """Take up a window that has closed, if it is in the ``history``; forget those that are no longer there."""
        kept = {each.start for each in history}
        if start in kept:
            self.windows[start] = ClosedWindow(seen)
            self.touched.add(start)
        for gone in self.windows.keys() - kept:
            del self.windows[gone]
            self.touched.add(gone)

    def reopen(self, start: int, history: Sequence[Window]) -> ClosedWindow | None:
        """The window, to be added to; None where it is not in the ``history``, or nobody knows what it has counted."""
        past = next((each for each in history if each.start == start), None)
        if past is None or (start not in self.windows and any(cells.any() for cells in past.counts.values())):
            return None
        self.touched.add(start)
        return self.windows.setdefault(start, ClosedWindow({}))

    def dump(self, start: int) -> bytes | None:
        """Canonical bytes of a window; None when it is gone."""
        return self.windows[start].dump() if start in self.windows else None


def _pack(seen: Mapping[str, Mapping[StreamKey, Intervals]]) -> bytes:
    """Streams once; of each writer the streams, as a mask of bits, that have the same intervals."""
    streams = sorted({stream for of in seen.values() for stream in of})
    place = {stream: number for number, stream in enumerate(streams)}
    writers = []
    for writer, of in sorted(seen.items()):
        masks: dict[tuple[int, ...], int] = {}
        for stream, intervals in of.items():
            edges = tuple(intervals.edges)
            masks[edges] = masks.get(edges, 0) | 1 << place[stream]
        writers.append([writer, [[edges, f"{mask:x}"] for edges, mask in sorted(masks.items())]])
    return _HEAD + zlib.compress(json.dumps([streams, writers], separators=(",", ":")).encode(), _FAST)


def _unpack(data: bytes) -> Seen:
    rows_of_streams, writers = json.loads(zlib.decompress(data[len(_HEAD) :]))
    streams = [load_stream(*row) for row in rows_of_streams]
    seen: Seen = {}
    for writer, rows in writers:
        of = seen[writer] = {}
        for edges, mask in rows:
            bits = int(mask, 16)
            of.update({stream: Intervals(list(edges)) for number, stream in enumerate(streams) if bits >> number & 1})
    return seen
