"""Incidents that labels show: the model makes more mistakes than on the reference, or scores promise something else.

The state machine is that of drift, with cohorts in the place of windows: an incident opens at the first alarm, and
closes after as many quiet cohorts as there are quiet windows in the policy. It has a log of its own, because labels
come later than inputs, and because that a model is wrong is another cause than that its inputs have moved.

Labels go on arriving, and a cohort is judged again when they do. It may then open an incident or keep one open, but it
is a quiet cohort only the first time. Groups that are treated differently open no incident: the reference says nothing
of groups, so there is no before; `ml.evaluation.state_changed` says it once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from tidegauge_processor.performance.judging import Scaled
from tidegauge_processor.performance.worse import Comparison
from tidegauge_processor.signals import Subject
from tidegauge_processor.state.memory import Memory
from tidegauge_processor.verdicts.incidents import IncidentChange
from tidegauge_processor.verdicts.state import State
from tidegauge_processor.verdicts.types import Policy, Stream, TestResult, Verdict, Window

PERFORMANCE: Final = "performance"
"""Target of the streams of labels: ``mistakes`` and ``calibration``."""

_ONE_SLOT: Final = np.ones(1, dtype=np.bool_)


def incidents(
    subject: Subject, memory: Memory, compared: Mapping[str, Scaled], level: float, policy: Policy
) -> list[IncidentChange]:
    """Take up what the labels of a cohort say; what became of incidents.

    Args:
        subject: the cohort.
        memory: of the model version; its log moves on, and it knows the cohort already.
        compared: the cohort against the baseline, by kind and scale.
        level: of one test.
        policy: how many quiet cohorts close an incident.
    """
    length = subject.end - subject.start
    verdicts = [
        _verdict(name, scale, found, subject, level)
        for name, scaled in compared.items()
        for scale, found in scaled.items()
    ]
    if subject.start <= memory.label_judged:
        verdicts = [verdict for verdict in verdicts if verdict.state.alarming]
    elif any(verdict.state is not State.INSUFFICIENT_DATA for verdict in verdicts):
        memory.label_judged = subject.start
    newest = max(memory.labelled)  # what is old news is counted from there, whichever cohort is judged again
    window = Window(newest, newest + length, {}, _ONE_SLOT)
    changes = memory.label_incidents.update(verdicts, window, policy)
    memory.opened += sum(change.kind == "opened" for change in changes)
    return [replace(change, id=f"{change.id}-labels") for change in changes]


def _verdict(name: str, scale: int, found: Comparison, subject: Subject, level: float) -> Verdict:
    """The comparison as a verdict: its size is the difference of two shares, which is their L-infinity distance."""
    judged = found.state is not State.INSUFFICIENT_DATA
    return Verdict(
        Stream(PERFORMANCE, name),
        scale,
        subject.end - scale * (subject.end - subject.start),
        subject.end,
        found.labels,
        found.state,
        (TestResult(name, found.difference, found.p_value),) if judged else (),
        level,
        {"difference": found.difference, "l_infinity": abs(found.difference)} if judged else {},
        found.lower,
    )
