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
_GOOD: Final = (semconv.METRIC_PROCESSOR_ACCEPTED, semconv.METRIC_PROCESSOR_REVISED)


class Fates:
    """Counts items by fate; one without a counter of its own is a drop, and the fate its reason.

    Args:
        counter: what is counted with.
    """

    def __init__(self, counter: Counter) -> None:
        self._counter = counter

    def count(self, fate: str, number: int, model: str = "") -> None:
        """Count ``number`` items of a model that met ``fate``; what is lost is counted under the model's name."""
        if not number:
            return
        name = _COUNTERS.get(fate, semconv.METRIC_PROCESSOR_DROPPED)
        of = {"model": model} if model and name not in _GOOD else {}
        if name in (semconv.METRIC_PROCESSOR_DROPPED, semconv.METRIC_PROCESSOR_LATE):
            of["reason"] = fate
        self._counter.add(name, number, **of)
