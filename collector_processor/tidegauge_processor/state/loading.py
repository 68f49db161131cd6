"""Model versions from the units of a stored state, each unit for itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

from tidegauge.errors import ConfigurationError, WireError
from tidegauge_processor.config.durations import Duration
from tidegauge_processor.performance.cohort import Cohort
from tidegauge_processor.records import ModelKey
from tidegauge_processor.state.aggregates import Aggregates
from tidegauge_processor.state.closed import ClosedWindow
from tidegauge_processor.state.memory import Memory
from tidegauge_processor.state.models import ModelState
from tidegauge_processor.state.windows import Window


class Loaded(NamedTuple):
    """What was read of a stored state.

    Attributes:
        models: by their keys.
        unreadable: what is wrong with the units that cannot be read, by their keys.
    """

    models: dict[ModelKey, ModelState]
    unreadable: dict[str, str]


def load_models(units: Mapping[str, bytes]) -> Loaded:
    """Read what `ModelState.dirty` gave. A unit that cannot be read is left out, and the others go on without it."""
    loaded = Loaded({}, {})
    parts: list[tuple[ModelKey, str, int, str]] = []
    for name in units:
        try:
            model, version, part, start = json.loads(name)
            parts.append((ModelKey(model, version), part, int(start), name))
        except (ValueError, TypeError) as error:
            loaded.unreadable[name] = f"it has no name of ours: {error}"
    for key, part, start, name in sorted(parts, key=lambda each: each[1] != "memory"):  # the memory first
        state = loaded.models.get(key, ModelState(key))
        try:
            _load(state, part, start, units[name])
        except Exception as error:  # whatever another version wrote, or a bug of ours: a crash loop is worse
            loaded.unreadable[name] = unreadable(error)
        else:
            loaded.models[key] = state
    for state in loaded.models.values():
        _agree(state)
    return loaded


def check_lengths(stored: bytes, wanted: bytes) -> None:
    """Windows of two lengths would overlap and count twice."""
    if stored == wanted:
        return
    window, cohort = map(Duration, json.loads(stored))
    raise ConfigurationError(
        f"the state was made with windows.duration {window} and labels.window {cohort}: "
        "set them back, or choose another storage.directory"
    )


def unreadable(error: Exception) -> str:
    """What is wrong with bytes that reading them ended in ``error``, in one line."""
    return " ".join(f"it cannot be read: {type(error).__name__}: {error}".split())


def _load(state: ModelState, part: str, start: int, data: bytes) -> None:
    if part == "memory":
        state.memory = Memory.load(data)
    elif part == "window":
        state.windows[start] = Window.load(data)
    elif part == "closed":
        state.closed.windows[start] = ClosedWindow.load(data)
    elif part == "learning":
        state.memory.learning.sums[start] = Aggregates.load(json.loads(data))
    elif part == "cohort":
        state.cohorts[start] = Cohort.load(json.loads(data))
    else:
        raise WireError(f"there is no part {part!r}")


def _agree(state: ModelState) -> None:
    """Forget what waits for cohorts that are not there, as when one of them could not be read."""
    memory, there = state.memory, state.cohorts.keys()
    memory.unjudged &= there
    memory.untested &= there
    memory.unreadable = {start: count for start, count in memory.unreadable.items() if start in there}
