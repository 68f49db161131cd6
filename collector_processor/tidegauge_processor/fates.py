"""What becomes of every item that comes in, as counters."""

from __future__ import annotations

from typing import Final

from tidegauge import semconv
from tidegauge_processor.counter import Counter

_COUNTERS: Final = {
    "new": semconv.METRIC_PROCESSOR_ACCEPTED,
    "revised": semconv.METRIC_PROCESSOR_REVISED,
    "stale": semconv.METRIC_PROCESSOR_DUPLICATE,
    "duplicate": semconv.METRIC_PROCESSOR_DUPLICATE,
    "missing": semconv.METRIC_PROCESSOR_MISSING,
    "late": semconv.METRIC_PROCESSOR_LATE,
    "merged": semconv.METRIC_PROCESSOR_LATE,
    "expired": semconv.METRIC_PROCESSOR_LATE,
}


class Fates:
    """Counts items by fate; one without a counter of its own is a drop, and the fate its reason.

    Args:
        counter: what is counted with.
    """

    def __init__(self, counter: Counter) -> None:
        self._counter = counter

    def count(self, fate: str, number: int) -> None:
        """Count ``number`` items that met ``fate``."""
        if not number:
            return
        name = _COUNTERS.get(fate)
        if name is None:
            self._counter.add(semconv.METRIC_PROCESSOR_DROPPED, number, reason=fate)
        elif name == semconv.METRIC_PROCESSOR_LATE:
            self._counter.add(name, number, reason=fate)
        else:
            self._counter.add(name, number)
