"""What the processor says: frozen records, the same for OTLP, for a report and for a page.

A signal is about one model version and one stretch of time. It carries plain values only, so that it can be kept
through a restart and said again.
"""

from __future__ import annotations

from typing import Literal

from tidegauge_processor.performance.fairness import SELECTION
from tidegauge_processor.signals.events import BaselineSignal, ConflictSignal, IncidentSignal
from tidegauge_processor.signals.standing import (
    DriftSignal,
    Durations,
    EvaluationSignal,
    FairnessSignal,
    RateSignal,
    ReliabilitySignal,
    TotalsSignal,
    WindowSignal,
)
from tidegauge_processor.signals.subject import Subject

__all__ = [
    "BaselineSignal",
    "ConflictSignal",
    "DriftSignal",
    "Durations",
    "EvaluationSignal",
    "Event",
    "FairnessSignal",
    "Group",
    "IncidentSignal",
    "RateSignal",
    "ReliabilitySignal",
    "Signal",
    "Standing",
    "Subject",
    "TotalsSignal",
    "WindowSignal",
    "group_of",
]

Standing = (
    DriftSignal | RateSignal | EvaluationSignal | FairnessSignal | ReliabilitySignal | WindowSignal | TotalsSignal
)
"""Signals that hold until a newer one replaces them."""

Event = IncidentSignal | BaselineSignal | ConflictSignal
"""Signals that are said once."""

Signal = Standing | Event

Group = Literal["window", "comparison", "cohort", "selection"]


def group_of(signal: Standing) -> Group:
    """What a standing signal came from; newer ones of a group replace all older ones.

    Selection rates are known as soon as the predictions are, and what labels say may be of a much older cohort.
    """
    if isinstance(signal, FairnessSignal):
        return "selection" if signal.rate == SELECTION else "cohort"
    if isinstance(signal, EvaluationSignal) and signal.type == "realized":
        return "selection" if signal.name.startswith(SELECTION) else "cohort"
    if isinstance(signal, ReliabilitySignal):
        return "cohort"
    return "comparison" if isinstance(signal, DriftSignal) and signal.versus else "window"
