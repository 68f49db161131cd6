"""Model versions from the state of an earlier run; what cannot be read of one takes nothing else with it."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping

from tidegauge import semconv
from tidegauge.errors import WireError
from tidegauge_processor.counter import Counter
from tidegauge_processor.performance.cohort import Cohort
from tidegauge_processor.records import ModelKey
from tidegauge_processor.state.aggregates import Aggregates
from tidegauge_processor.state.memory import Memory
from tidegauge_processor.state.models import ModelState, Part
from tidegauge_processor.state.windows import Window

_log = logging.getLogger(__name__)


def load_models(units: Mapping[str, bytes], counter: Counter) -> tuple[dict[ModelKey, ModelState], set[str]]:
    """Read what `ModelState.dirty` gave.

    Returns:
        The model versions; and keys of the parts that cannot be read, which are logged, counted and left out.

    Raises:
        WireError: the parts are of another version of this program.
    """
    models: dict[ModelKey, ModelState] = {}
    unreadable: set[str] = set()
    parts = [(*json.loads(name), name) for name in units]
    for model, version, part, start, name in sorted(parts, key=lambda row: row[2] != "memory"):  # the memory first
        key = ModelKey(model, version)
        try:
            _load_part(models.setdefault(key, ModelState(key)), part, start, units[name])
        except WireError:
            raise
        except Exception:
            _log.exception("the %s of %s %s in the state cannot be read: it begins anew", part, *key)
            counter.add(semconv.METRIC_PROCESSOR_FAILED, reason="state")
            unreadable.add(name)
    return models, unreadable


def _load_part(state: ModelState, part: Part, start: int, data: bytes) -> None:
    if part == "memory":
        state.memory = Memory.load(data)
    elif part == "window":
        state.windows[start] = Window.load(data)
    elif part == "learning":
        state.memory.learning.sums[start] = Aggregates.load(json.loads(data))
    else:
        state.cohorts[start] = Cohort.load(json.loads(data))
