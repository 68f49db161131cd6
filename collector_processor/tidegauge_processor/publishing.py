"""Takes up the baselines that applications publish, and counts what is not taken."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from tidegauge_processor.baselines import Baselines, RefusedError
from tidegauge_processor.fates import Fates
from tidegauge_processor.records import BaselinePart
from tidegauge_processor.state.roster import Roster

_log = logging.getLogger(__name__)


class Publishing:
    """The engine's published baselines.

    Args:
        baselines: known baselines; complete ones are added.
        roster: all model versions: what their windows are compared with is kept.
        fates: counts what is lost.
    """

    def __init__(self, baselines: Baselines, roster: Roster, fates: Fates) -> None:
        self._baselines = baselines
        self._roster = roster
        self._fates = fates

    def take(self, parts: Iterable[BaselinePart], now: int) -> dict[str, bytes | None]:
        """Take up parts; baselines that have become complete, by id, and None for those that had to go for them.

        Args:
            parts: of published baselines.
            now: the clock on the wall, ns since the epoch.
        """
        found: dict[str, bytes | None] = {}
        for part in parts:
            try:
                published = self._baselines.add_part(part, now, self._in_force)
            except RefusedError as error:
                _log.warning("a published baseline is refused: %s", error)
                self._fates.count(error.reason, 1)
                continue
            if published is not None:
                found[published.baseline.id] = published.data
                found.update(dict.fromkeys(published.leaving))
        return found

    def give_up(self, now: int) -> None:
        """Give up parts that have waited for too long, and count those that were given up."""
        parts = self._baselines.parts
        parts.expire(now)
        for reason, number in parts.dropped.items():
            self._fates.count(reason, number)
        parts.dropped.clear()

    def _in_force(self) -> set[str]:
        """Ids of the baselines that windows are compared with."""
        memories = [state.memory for state in self._roster.values()]
        return {memory.baseline for memory in memories} | {
            memory.challenge.baseline for memory in memories if memory.challenge
        }
