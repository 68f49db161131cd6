"""The processor's account of itself: every item taken in, refused, dropped or sent is counted.

The names stand in ``tidegauge.semconv``: the collector's suffixes under ``tidegauge.``. The counts leave over OTLP
beside the signals.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from typing import Final

_PREFIX: Final = "tidegauge."

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

    def add(self, name: str, value: int = 1, **attributes: str) -> None:
        """Count ``value`` items under ``name``."""
        key = name, tuple((_PREFIX + key, attributes[key]) for key in sorted(attributes))
        with self._lock:
            self._counts[key] += value

    def counts(self) -> Mapping[tuple[str, Attributes], int]:
        """All counts since the start, in order of their names."""
        with self._lock:
            return dict(sorted(self._counts.items()))
