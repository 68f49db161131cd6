"""Ends incidents although nobody says that all is well again: there is nothing left to judge, or to hold it against.

| reason | when |
|---|---|
| ``baseline_changed`` | another baseline is in force; of a comparison, of the version compared with |
| ``no_data`` | the model version has been silent for `SILENT` windows; of labels and groups, for as many cohorts |
| ``version_gone`` | the version compared with is silent, or is no longer the one to compare with |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from tidegauge_processor.label_incidents import Shown
from tidegauge_processor.signals import IncidentSignal, Signal, Subject, TotalsSignal, WindowSignal
from tidegauge_processor.state.challenge import Challenge
from tidegauge_processor.state.memory import Memory
from tidegauge_processor.verdicts.state import CloseReason
from tidegauge_processor.verdicts.types import Window

SILENT: Final = 3
"""Windows without data after which nothing more is said of how a model is."""

_ONE_SLOT: Final = np.ones(1, dtype=np.bool_)


def end_drift(subject: Subject, memory: Memory, reason: CloseReason) -> Iterator[IncidentSignal]:
    """End what was held against the baseline at the end of ``subject``."""
    for change in memory.incidents.end(_window(subject), reason):
        yield IncidentSignal.of(change, subject, memory.traces)


def end_labels(subject: Subject, memory: Memory, reason: CloseReason) -> Iterator[IncidentSignal]:
    """End what labels and groups have shown at the end of ``subject``."""
    window = _window(subject)
    found = [Shown("labels", change) for change in memory.label_incidents.end(window, reason)]
    found += [Shown("fairness", change) for change in memory.fairness_incidents.end(window, reason)]
    for cause, change in found:
        yield Shown(cause, replace(change, id=f"{change.id}-{cause}")).signal(subject)


def end_comparison(subject: Subject, challenge: Challenge, reason: CloseReason) -> Iterator[IncidentSignal]:
    """End what was held against another version at the end of ``subject``."""
    for change in challenge.incidents.end(_window(subject), reason):
        said = IncidentSignal.of(change, subject, challenge.traces)
        yield replace(said, id=f"{said.id}-{challenge.champion}", versus=challenge.champion)


def end_alarm(subject: Subject, memory: Memory, beside: Mapping[str, Memory]) -> Iterator[Signal]:
    """What is said when a model version has been silent: its incidents end, and nothing repeats how it was.

    Args:
        subject: the windows without data.
        memory: of the model version; what stands of its windows are the counts and how far it has come.
        beside: memory of each other version of the model.
    """
    yield from end_drift(subject, memory, CloseReason.NO_DATA)
    memory.stand("window", [each for each in memory.standing if isinstance(each, WindowSignal | TotalsSignal)])
    if memory.challenge:
        yield from end_comparison(replace(subject, baseline=""), memory.challenge, CloseReason.NO_DATA)
        memory.stand("comparison", ())
    for version, other in sorted(beside.items()):
        if other.challenge and other.challenge.champion == subject.version:
            of = replace(subject, version=version, baseline="")
            yield from end_comparison(of, other.challenge, CloseReason.VERSION_GONE)
            other.stand("comparison", ())


def _window(subject: Subject) -> Window:
    return Window(subject.start, subject.end, {}, _ONE_SLOT)
