"""Another baseline comes into force: the one place where that happens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tidegauge.baseline import Baseline
from tidegauge_processor.ending import end_drift, end_labels
from tidegauge_processor.signals import BaselineSignal, Signal, Subject
from tidegauge_processor.state.memory import Memory
from tidegauge_processor.verdicts.state import CloseReason


def switch_baseline(subject: Subject, memory: Memory, learned: Baseline | None = None) -> Iterator[Signal]:
    """Put the baseline of ``subject`` into force.

    Whatever was counted in the cells of the one before, or held against it, is over: windows, cohorts and incidents.

    Args:
        subject: the first window that is compared with it, or the last one that it was learned from.
        memory: of the model version.
        learned: the baseline itself, when it has just been learned.
    """
    yield BaselineSignal(subject, memory.baseline, learned)
    before = replace(subject, baseline=memory.baseline, origin="")
    yield from end_drift(before, memory, CloseReason.BASELINE_CHANGED)
    yield from end_labels(before, memory, CloseReason.BASELINE_CHANGED)
    memory.baseline = subject.baseline
    memory.history.clear()
    memory.expected.clear()
    memory.labelled.clear()
    memory.selected.clear()
    if learned is not None:
        memory.learned = subject.baseline
        memory.learning.clear()
