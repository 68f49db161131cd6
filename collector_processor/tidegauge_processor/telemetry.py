"""The processor's account of itself: every item taken in, refused, dropped or sent is counted.

The names stand in ``tidegauge.semconv``: the collector's suffixes under ``tidegauge.``. The counts leave over OTLP
beside the signals.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from typing import Final

from tidegauge import semconv
from tidegauge.summaries import OTHER

_PREFIX: Final = "tidegauge."
_MODEL: Final = "model"
_MOST_MODELS: Final = 100
"""Models that counts name; all others are `OTHER` together, so that nobody makes series without end."""

Attributes = tuple[tuple[str, str], ...]


class Telemetry:
    """Counts by name and attributes, safe in threads.

    Example:
        >>> telemetry = Telemetry()
        >>> telemetry.add("tidegauge.processor.late", 3, reason="closed")
        >>> telemetry.counts()
        {('tidegauge.processor.late', (('tidegauge.reason', 'closed'),)): 3}
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, Attributes]] = Counter()
        self._models: set[str] = set()

    def add(self, name: str, value: int = 1, **attributes: str) -> None:
        """Count ``value`` items under ``name``; ``model`` among the attributes is the name of a model."""
        with self._lock:
            if _MODEL in attributes:
                attributes[_MODEL] = self._named(attributes[_MODEL])
            of = ((semconv.MODEL_NAME if key == _MODEL else _PREFIX + key, attributes[key]) for key in attributes)
            self._counts[name, tuple(sorted(of))] += value

    def _named(self, model: str) -> str:
        if len(self._models) < _MOST_MODELS:
            self._models.add(model)
        return model if model in self._models else OTHER

    def counts(self) -> Mapping[tuple[str, Attributes], int]:
        """All counts since the start, in order of their names."""
        with self._lock:
            return dict(sorted(self._counts.items()))
