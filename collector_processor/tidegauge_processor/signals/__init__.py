"""What the processor says: frozen records, the same for OTLP, for a report and for a page.

A signal is about one model version and one stretch of time. It carries plain values only, so that it can be kept
through a restart and said again.
"""

from __future__ import annotations

from typing import Literal

from tidegauge_processor.signals.events import BaselineSignal, IncidentSignal
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

Event = IncidentSignal | BaselineSignal
"""Signals that are said once."""

Signal = Standing | Event

Group = Literal["window", "comparison", "cohort"]


def group_of(signal: Standing) -> Group:
    """What a standing signal came from; newer ones of a group replace all older ones."""
    if isinstance(signal, FairnessSignal | ReliabilitySignal) or (
        isinstance(signal, EvaluationSignal) and signal.type == "realized"
    ):
        return "cohort"
    return "comparison" if isinstance(signal, DriftSignal) and signal.versus else "window"
