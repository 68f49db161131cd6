"""Incidents that labels show: more mistakes than on the reference, other labels than scores promise, unequal groups.

The state machine is that of drift, with cohorts in the place of windows: an incident opens at the first alarm, grows,
and closes after as many quiet cohorts as there are quiet windows in the policy. There are two logs beside that of
drift, because there are two more causes: labels come later than inputs, and that a model is wrong is something else
than that its inputs have moved; and groups may lie apart for as long as a model lives, which must not swallow that it
has become wrong. A lasting gap between groups is one incident, however often it is tested.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, Literal, NamedTuple

import numpy as np

from tidegauge.baseline import Baseline
from tidegauge_processor.performance import judging
from tidegauge_processor.performance.table import Table
from tidegauge_processor.performance.worse import Comparison
from tidegauge_processor.signals import IncidentSignal, Subject
from tidegauge_processor.state.memory import Memory
from tidegauge_processor.verdicts.incidents import IncidentChange
from tidegauge_processor.verdicts.state import State
from tidegauge_processor.verdicts.types import Policy, Stream, TestResult, Verdict, Window

PERFORMANCE: Final = "performance"
"""Target of the streams ``mistakes`` and ``calibration``."""
FAIRNESS: Final = "fairness"
"""Target of the streams of groups, such as ``region=north true_positive_rate``."""

_MONTH: Final = 30 * 24 * 3600 * 1e9
_ONE_SLOT: Final = np.ones(1, dtype=np.bool_)


class Shown(NamedTuple):
    """What became of an incident.

    Attributes:
        cause: what showed it.
        change: what became of it; its id ends in the cause.
    """

    cause: Literal["labels", "fairness"]
    change: IncidentChange

    def signal(self, subject: Subject) -> IncidentSignal:
        """The same, to be said."""
        return replace(IncidentSignal.of(self.change, subject), cause=self.cause)


def judge_labels(
    subject: Subject, table: Table, baseline: Baseline | None, memory: Memory, policy: Policy
) -> list[Shown]:
    """Test the labels of a cohort, which must be in; each cohort is tested once.

    Args:
        subject: the cohort.
        table: its outcomes.
        baseline: what the model was like; without one only groups are compared.
        memory: of the model version: the cohorts before, and the logs, which move on.
        policy: thresholds, budget, and how many quiet cohorts close an incident.

    Returns:
        What became of incidents; usually nothing.
    """
    start, length = subject.start, subject.end - subject.start
    task, positive = memory.task_of(baseline)
    memory.labelled[start] = judging.labelled(table, task, positive, baseline)
    level, floor = judging.level(policy.false_incidents_per_month, _MONTH / length), policy.effect_floor
    of_model = list(_of_model(subject, memory, baseline, level, floor)) if baseline else []
    groups = list(_of_groups(subject, memory, level, floor))
    newest = max(memory.labelled)  # what is old news is counted from there, should an older cohort come later
    memory.labelled = {at: each for at, each in memory.labelled.items() if at > newest - max(judging.SCALES) * length}
    window = Window(newest, newest + length, {}, _ONE_SLOT)
    shown = [Shown("labels", change) for change in memory.label_incidents.update(of_model, window, policy)]
    shown += [Shown("fairness", change) for change in memory.fairness_incidents.update(groups, window, policy)]
    memory.opened += sum(change.kind == "opened" for _, change in shown)
    return [Shown(cause, replace(change, id=f"{change.id}-{cause}")) for cause, change in shown]


def _of_model(subject: Subject, memory: Memory, baseline: Baseline, level: float, floor: float) -> Iterator[Verdict]:
    of = memory.labelled, subject.start, subject.end - subject.start, baseline
    for name, scaled in judging.against_reference(*of, level, floor).items():
        for scale, found in scaled.items():
            yield _verdict(Stream(PERFORMANCE, name), name, scale, found, subject, level, min(memory.labelled))


def _of_groups(subject: Subject, memory: Memory, level: float, floor: float) -> Iterator[Verdict]:
    of = memory.labelled, subject.start, subject.end - subject.start
    for scale, segment, found in judging.between_groups(*of, level, floor):
        stream = Stream(FAIRNESS, f"{segment}={found.group}", found.rate)
        yield _verdict(stream, "fisher_exact", scale, found.comparison, subject, found.level, min(memory.labelled))


def _verdict(
    stream: Stream, test: str, scale: int, found: Comparison, subject: Subject, level: float, first: int
) -> Verdict:
    """The comparison as a verdict: its size is the difference of two shares, which is their L-infinity distance.

    It begins no earlier than at ``first``, the oldest cohort that is known.
    """
    judged = found.state is not State.INSUFFICIENT_DATA
    return Verdict(
        stream,
        scale,
        max(subject.end - scale * (subject.end - subject.start), min(first, subject.start)),
        subject.end,
        found.labels,
        found.state,
        (TestResult(test, found.difference, found.p_value),) if judged else (),
        level,
        {"difference": found.difference, "l_infinity": abs(found.difference)} if judged else {},
        found.lower,
    )
