"""Who writes about a model version, and how far each has come.

A window waits for every writer that is alive. A writer is alive from its first point until it says goodbye, or until
nobody has heard of it for ``idle`` ns by the clock on the wall. Its own time is that of its latest point, and never
beyond that clock. A writer that was waited for in vain is waited for again when it has caught up.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final

MOST_WRITERS: Final = 4_096
"""Writers of a model version that are remembered; what others send counts, but nobody waits for them."""

_SWEEP: Final = 10 * 10**9
"""When there is no room, those that have fallen silent are looked for so often, ns."""


@dataclass(slots=True)
class _Writer:
    """One process.

    Attributes:
        end: end of its latest interval, ns since the epoch; not beyond the clock on the wall.
        heard: when it was last heard of, by the clock on the wall, ns since the epoch.
        gone: end of its last interval, as it said; 0 while it has not.
        in_vain: whether it was waited for in vain.
    """

    end: int = 0
    heard: int = 0
    gone: int = 0
    in_vain: bool = False

    def is_alive(self, now: int, idle: int) -> bool:
        return self.end > self.gone and now - self.heard < idle


class Writers:
    """The writers of one model version.

    Example:
        >>> writers = Writers()
        >>> writers.heard("a", 60, now=61, idle=300), writers.heard("b", 50, now=61, idle=300)
        (True, True)
        >>> sorted(writers.behind(60, now=62, idle=300)), sorted(writers.behind(60, now=361, idle=300))
        (['b'], [])
        >>> writers.left("b", 55, now=63, idle=300)
        >>> sorted(writers.behind(60, now=64, idle=300)), writers.told(now=64, idle=300)
        ([], None)
        >>> writers.left("a", 62, now=64, idle=300)
        >>> writers.told(now=70, idle=300)
        68
    """

    __slots__ = ("_known", "_swept")

    def __init__(self) -> None:
        self._known: dict[str, _Writer] = {}
        self._swept = 0

    def __len__(self) -> int:
        return len(self._known)

    def heard(self, writer: str, end: int, now: int, idle: int) -> bool:
        """Take notice of points up to ``end``; False when there is no room for one more writer."""
        known = self._known.get(writer) or self._admit(writer, now, idle)
        if known is None:
            return False
        known.heard = max(known.heard, now)
        known.end = max(known.end, min(end, now))
        return True

    def left(self, writer: str, end: int, now: int, idle: int) -> None:
        """Take notice that a writer has said goodbye: nothing of it comes after ``end``."""
        if self.heard(writer, end, now, idle):
            self._known[writer].gone = max(self._known[writer].gone, min(end, now))

    def behind(self, until: int, now: int, idle: int) -> Iterator[str]:
        """Those that are alive and have not come to ``until`` yet, but for those that were waited for in vain."""
        for name, known in self._known.items():
            if known.end < until and not known.in_vain and known.is_alive(now, idle):
                yield name

    def told(self, now: int, idle: int) -> int | None:
        """Up to when all is told, where every writer has said goodbye; else None.

        From the last goodbye on, time passes with the clock on the wall: others may follow.
        """
        if any(known.is_alive(now, idle) for known in self._known.values()):
            return None
        gone = [known for known in self._known.values() if known.gone]
        if not gone:
            return None
        return max(known.end for known in gone) + now - max(known.heard for known in gone)

    def give_up(self, writers: Collection[str]) -> None:
        """Wait no longer for writers until they have caught up."""
        for writer in writers:
            if writer in self._known:
                self._known[writer].in_vain = True

    def in_vain(self, writer: str) -> bool:
        """Whether a writer was waited for in vain, and has not caught up since."""
        known = self._known.get(writer)
        return known is not None and known.in_vain

    def caught_up(self, until: int, short: Collection[str]) -> None:
        """Wait again for writers that have come to ``until``, but for those that are ``short`` of rows."""
        for name, known in self._known.items():
            known.in_vain = known.in_vain and (known.end < until or name in short)

    def forget(self, now: int, idle: int) -> None:
        """Forget those that nobody has heard of for ``idle`` ns."""
        self._known = {name: known for name, known in self._known.items() if now - known.heard < idle}

    def wake(self, then: int, now: int, idle: int) -> None:
        """Begin to measure silence at ``now`` for those that were not silent ``then``: a restart is no silence."""
        self.forget(then, idle)
        for known in self._known.values():
            known.heard = now

    def dump(self) -> list[list[Any]]:
        """Plain values, for JSON."""
        return [[name, known.end, known.heard, known.gone] for name, known in sorted(self._known.items())]

    @classmethod
    def load(cls, rows: list[list[Any]]) -> Writers:
        """Read what `dump` wrote."""
        writers = cls()
        writers._known = {name: _Writer(end, heard, gone) for name, end, heard, gone in rows}
        return writers

    def _admit(self, writer: str, now: int, idle: int) -> _Writer | None:
        if len(self._known) >= MOST_WRITERS:
            if now - self._swept >= _SWEEP:
                self._swept = now
                self.forget(now, idle)
            if len(self._known) >= MOST_WRITERS:
                return None
        return self._known.setdefault(writer, _Writer())
