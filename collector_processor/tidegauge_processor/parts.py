"""Parts of published baselines that are not complete yet.

Parts come in any order, each possibly more than once, from any number of processes that publish the same baseline. So
they are put together by writer: what one sends never mixes with what another one does. Within a writer's parts the
latest takes the place of an earlier one, and the digest of the whole decides: as long as it is not right, further parts
may make it so.

Room is bounded by bytes, in all and for one writer, and parts wait for an hour: after that they are published again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from tidegauge.errors import BaselineError
from tidegauge_processor.records import BaselinePart

LARGEST_PART: Final = 1 << 20
"""Bytes of a part; publishers cut there."""
PENDING: Final = "baseline_pending_mib"
INCOMPLETE: Final = "baseline_incomplete"

PREFIX: Final = "baseline part "
"""Keys in the store begin with it."""

_EXPIRATION: Final = 3600 * 10**9
_TIME: Final = 8  # bytes
_OVERHEAD: Final = 1024
"""Bytes that a part costs beside its body."""


class Set(NamedTuple):
    """Parts that belong together."""

    writer: str
    baseline: str
    parts: int


@dataclass(slots=True)
class _Waiting:
    since: int
    bodies: dict[int, bytes] = field(default_factory=dict)


class Parts:
    """What waits to be completed, and which of it the store does not have.

    Args:
        most: bytes of all parts together; one writer may have half of them.

    Attributes:
        dropped: parts given up since somebody emptied this, by reason.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: dict[Set, _Waiting] = {}  # the set of the latest part comes last
        self._size: Counter[str] = Counter()  # by writer
        self._changed: set[tuple[Set, int]] = set()
        self.dropped: Counter[str] = Counter()

    def add(self, part: BaselinePart, now: int) -> bytes | None:
        """Take up a part; all bodies together when none of its set is missing.

        Args:
            part: the part.
            now: the clock on the wall, ns since the epoch.

        Raises:
            BaselineError: it is larger than any part is.
        """
        if len(part.body) > LARGEST_PART:
            raise BaselineError(f"part {part.part} has {len(part.body):,} bytes, more than {LARGEST_PART:,}")
        key = Set(part.writer, part.baseline, part.parts)
        waiting = self._waiting[key] = self._waiting.pop(key, _Waiting(now))
        waiting.since = now
        self._put(key, part.part, part.body)
        while self._size[key.writer] > self._most // 2:
            self._give_up(next(each for each in self._waiting if each.writer == key.writer), PENDING)
        while self._size.total() > self._most:
            self._give_up(next(iter(self._waiting)), PENDING)
        if key not in self._waiting or len(waiting.bodies) < part.parts:
            return None
        return b"".join(waiting.bodies[number] for number in sorted(waiting.bodies))

    def forget(self, baseline: str) -> None:
        """Forget the parts of a baseline that is known."""
        for key in [key for key in self._waiting if key.baseline == baseline]:
            self._remove(key)

    def refuse(self, part: BaselinePart) -> None:
        """Say that the set of ``part``, which is complete, is no baseline; another part may yet mend it."""
        if part.parts == 1:
            self._remove(Set(part.writer, part.baseline, part.parts))

    def expire(self, now: int) -> None:
        """Give up what has waited for too long at ``now``, ns since the epoch."""
        while self._waiting:
            key, waiting = next(iter(self._waiting.items()))
            if now - waiting.since < _EXPIRATION:
                return
            self._give_up(key, INCOMPLETE)

    def dirty(self) -> dict[str, bytes | None]:
        """Each part that has changed since the last `saved`, by its key in the store; None for one that is gone."""
        found: dict[str, bytes | None] = {}
        for key, number in self._changed:
            waiting = self._waiting.get(key)
            body = waiting.bodies.get(number) if waiting else None
            head = waiting.since.to_bytes(8, "big") if waiting else b""
            found[PREFIX + json.dumps([*key, number])] = None if body is None else head + body
        return found

    def touch_all(self) -> None:
        """Say that the store may have lost any part."""
        self._changed |= {(key, number) for key, waiting in self._waiting.items() for number in waiting.bodies}

    def saved(self) -> None:
        """Say that all that was `dirty` is durable."""
        self._changed.clear()

    def load(self, units: Mapping[str, bytes]) -> dict[str, str]:
        """Read what `dirty` gave; what is wrong with units that cannot be read, by their keys."""
        unreadable: dict[str, str] = {}
        for name, data in units.items():
            try:
                writer, baseline, parts, number = json.loads(name.removeprefix(PREFIX))
                key, number = Set(str(writer), str(baseline), int(parts)), int(number)
            except (TypeError, ValueError) as error:
                unreadable[name] = f"it is no part of a baseline: {error}"
                continue
            waiting = self._waiting.setdefault(key, _Waiting(0))
            waiting.since = max(waiting.since, int.from_bytes(data[:_TIME], "big"))
            self._put(key, number, data[_TIME:])
        self._waiting = dict(sorted(self._waiting.items(), key=lambda item: (item[1].since, item[0])))
        self._changed.clear()
        return unreadable

    def _put(self, key: Set, number: int, body: bytes) -> None:
        bodies = self._waiting[key].bodies
        self._size[key.writer] += _cost(body) - (_cost(bodies[number]) if number in bodies else 0)
        bodies[number] = body
        self._changed.add((key, number))

    def _give_up(self, key: Set, reason: str) -> None:
        self.dropped[reason] += self._remove(key)

    def _remove(self, key: Set) -> int:
        """Take out a set; its number of parts."""
        waiting = self._waiting.pop(key)
        self._changed |= {(key, number) for number in waiting.bodies}
        self._size[key.writer] -= sum(map(_cost, waiting.bodies.values()))
        if not self._size[key.writer]:
            del self._size[key.writer]
        return len(waiting.bodies)


def _cost(body: bytes) -> int:
    return len(body) + _OVERHEAD
