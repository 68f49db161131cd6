"""Room for new models and versions: there is a limit of each, and who is silent makes room.

A job that names its version anew at every run, or a stranger, must not shut out the models of others. So versions are
limited by model, and models in all. Beyond the limit the version, or the model, that was heard of least recently is
forgotten, but only when it has been silent; as long as all are alive, the new one is not taken.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from typing import Final, NamedTuple

from tidegauge_processor.config.sections import Limits
from tidegauge_processor.records import ModelKey
from tidegauge_processor.state.roster import Roster

VERSIONS_PER_MODEL: Final = "versions_per_model"
MODELS: Final = "models"

_MOST_SAID: Final = 100
"""Models that are named in the log within an hour."""
_SAY_AGAIN: Final = 3600 * 10**9

_log = logging.getLogger(__name__)


class Room(NamedTuple):
    """Whether there is room.

    Attributes:
        refused: the limit that a new model version is beyond of; empty when there is room.
        leaving: the versions that have to be forgotten for it.
    """

    refused: str = ""
    leaving: tuple[ModelKey, ...] = ()


_ENOUGH: Final = Room()


class Doorkeeper:
    """Decides who is taken in.

    Args:
        roster: all model versions.
        limits: how many there may be.
        heard: when a model version was last heard of, ns since the epoch.
        idle: silence, ns, after which a version has to make room.
    """

    def __init__(self, roster: Roster, limits: Limits, heard: Callable[[ModelKey], int], idle: int) -> None:
        self._roster = roster
        self._limits = limits
        self._heard = heard
        self._idle = idle
        self._all_alive_until = 0
        self._said: dict[str, int] = {}

    def room_for(self, key: ModelKey, now: int) -> Room:
        """Whether a model version can be taken in at ``now``, ns since the epoch."""
        if key in self._roster:
            return _ENOUGH
        beside = self._roster.versions(key.model)
        if beside:
            if len(beside) < self._limits.versions_per_model:
                return _ENOUGH
            oldest, heard = self._oldest([(ModelKey(key.model, version),) for version in beside])
            return self._instead_of(oldest, heard, key, VERSIONS_PER_MODEL, now)
        if len(self._roster.models) < self._limits.models:
            return _ENOUGH
        if now < self._all_alive_until:  # somebody who floods asks very often
            return Room(MODELS)
        models = self._roster.models.items()
        oldest, heard = self._oldest([tuple(ModelKey(name, version) for version in of) for name, of in models])
        self._all_alive_until = heard + self._idle
        return self._instead_of(oldest, heard, key, MODELS, now)

    def _oldest(self, groups: Collection[tuple[ModelKey, ...]]) -> tuple[tuple[ModelKey, ...], int]:
        """The group that was heard of least recently, and when that was."""
        last = {group: max(map(self._heard, group)) for group in groups}
        oldest = min(last, key=lambda group: (last[group], group))
        return oldest, last[oldest]

    def _instead_of(self, oldest: tuple[ModelKey, ...], heard: int, key: ModelKey, limit: str, now: int) -> Room:
        """Take in ``key`` instead of the versions that were heard of least recently, if they are silent."""
        if now - heard < self._idle:
            self._say(key, now, "%s %s is not taken in: all that limits.%s allows are alive", *key, limit)
            return Room(limit)
        self._say(key, now, "%s %s is taken in instead of %s %s, long silent: limits.%s", *key, *oldest[0], limit)
        return Room(leaving=oldest)

    def _say(self, key: ModelKey, now: int, text: str, *values: str) -> None:
        """Log at most once an hour and model."""
        self._said = {name: when for name, when in self._said.items() if now - when < _SAY_AGAIN}
        if key.model not in self._said and len(self._said) < _MOST_SAID:
            self._said[key.model] = now
            _log.warning(text, *values)
