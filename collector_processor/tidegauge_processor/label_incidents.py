"""Incidents that labels and groups show: more mistakes than on the reference, broken promises of scores, unfairness.

The state machine is that of drift, with cohorts in the place of windows: an incident opens at the first alarm, grows,
and closes after as many quiet cohorts as there are quiet windows in the policy. There are two logs beside that of
drift, because there are two more causes: labels come later than inputs, and that a model is wrong is something else
than that its inputs have moved; and groups may lie apart for as long as a model lives, which must not swallow that it
has become wrong. A lasting gap between groups is one incident, however often it is tested: how often they are selected
as soon as all predictions of a cohort are known, and on whom the model errs when their labels are in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, TypeVar

import numpy as np

from tidegauge.baseline import Baseline
from tidegauge_processor.performance import fairness, judging
from tidegauge_processor.performance.classes import by_name
from tidegauge_processor.performance.fairness import Counts
from tidegauge_processor.performance.judging import Groups, Labelled
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

LABELS_LACK: Final = "predictions lack labels, and how late labels come is not known yet: not said to be material"
"""Reason of what would be material if the labels that lack were known to be like the others."""

NO_LABELS: Final[Mapping[int, Labelled]] = MappingProxyType({})
"""What is tested rests on no labels."""

_MONTH: Final = 30 * 24 * 3600 * 1e9
_ONE_SLOT: Final = np.ones(1, dtype=np.bool_)
_Counted = TypeVar("_Counted")


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
    subject: Subject, table: Table, baseline: Baseline | None, memory: Memory, policy: Policy, *, sure: bool = True
) -> list[Shown]:
    """Test the labels of a cohort, which must be in; each cohort is tested once.

    Args:
        subject: the cohort.
        table: its outcomes.
        baseline: what the model was like; without one only groups are compared.
        memory: of the model version: the cohorts before, and the logs, which move on.
        policy: thresholds, budget, and how many quiet cohorts close an incident.
        sure: whether the labels are known to be in (`performance.complete`); if not, what they show is never material.

    Returns:
        What became of incidents; usually nothing.
    """
    start, length = subject.start, subject.end - subject.start
    task, positive = memory.task_of(baseline)
    table = by_name(table, baseline.classes if baseline else ())
    memory.labelled[start] = judging.labelled(table, task, positive, baseline)._replace(sure=sure)
    level, floor = judging.level(policy.false_incidents_per_month, _MONTH / length), policy.effect_floor
    of_model = list(_of_model(subject, memory, baseline, level, floor)) if baseline else []
    groups = {at: each.groups for at, each in memory.labelled.items()}
    verdicts = list(_of_groups(subject, groups, judging.mistaken, policy, memory.labelled))
    if not memory.groups_counted:
        verdicts += _of_groups(subject, groups, judging.selected_of_labelled, policy, memory.labelled)
    newest = max(memory.labelled)  # what is old news is counted from there, should an older cohort come later
    memory.labelled = _latest(memory.labelled, length)
    window = Window(newest, newest + length, {}, _ONE_SLOT)
    shown = [Shown("labels", change) for change in memory.label_incidents.update(of_model, window, policy)]
    memory.opened += sum(change.kind == "opened" for _, change in shown)
    shown = [Shown(cause, replace(change, id=f"{change.id}-{cause}")) for cause, change in shown]
    return shown + _take_up(verdicts, length, memory, policy)


def judge_selection(subject: Subject, groups: Mapping[str, Counts], memory: Memory, policy: Policy) -> list[Shown]:
    """Test how often groups are selected, in a cohort of which all predictions are known; each is tested once.

    Args:
        subject: the cohort.
        groups: its predictions, not selected and selected, by segment and group.
        memory: of the model version: the cohorts before, and the log, which moves on.
        policy: thresholds, budget, and how many quiet cohorts close an incident.

    Returns:
        What became of incidents; usually nothing.
    """
    memory.selected[subject.start] = dict(groups)
    verdicts = list(_of_groups(subject, memory.selected, judging.selected, policy))
    memory.selected = _latest(memory.selected, subject.end - subject.start)
    return _take_up(verdicts, subject.end - subject.start, memory, policy)


def _latest(cohorts: Mapping[int, _Counted], length: int) -> dict[int, _Counted]:
    """The cohorts that can be merged with another one."""
    oldest = max(cohorts) - max(judging.SCALES) * length
    return {at: each for at, each in cohorts.items() if at > oldest}


def _take_up(verdicts: list[Verdict], length: int, memory: Memory, policy: Policy) -> list[Shown]:
    """Take up what groups of a cohort show; the log counts from the newest cohort that either kind of test knows.

    Where tests of both kinds have alarmed, either finds each quiet cohort quiet, and so many more of them close it.
    """
    log, newest = memory.fairness_incidents, max([*memory.labelled, *memory.selected])
    window = Window(newest, newest + length, {}, _ONE_SLOT)
    known = log.current(window)
    kinds = {stream.detail == fairness.SELECTION for stream in known.streams} if known else {True}
    changes = log.update(verdicts, window, replace(policy, quiet_windows=policy.quiet_windows * len(kinds)))
    memory.opened += sum(change.kind == "opened" for change in changes)
    return [Shown("fairness", replace(change, id=f"{change.id}-fairness")) for change in changes]


def _of_model(subject: Subject, memory: Memory, baseline: Baseline, level: float, floor: float) -> Iterator[Verdict]:
    of = memory.labelled, subject.start, subject.end - subject.start, baseline
    for name, scaled in judging.against_reference(*of, level, floor).items():
        for scale, found in scaled.items():
            of_verdict = found, subject, level, min(memory.labelled)
            sure = _sure(subject, scale, memory.labelled)
            yield _verdict(Stream(PERFORMANCE, name), name, scale, *of_verdict, sure=sure)


def _of_groups(
    subject: Subject,
    cohorts: Mapping[int, Groups],
    rates: Callable[[Mapping[str, tuple[int, ...]]], Mapping[str, Counts]],
    policy: Policy,
    labelled: Mapping[int, Labelled] = NO_LABELS,
) -> Iterator[Verdict]:
    start, length = subject.start, subject.end - subject.start
    level = judging.fairness_level(policy.false_incidents_per_month, _MONTH / length)
    for scale, segment, found in judging.between_groups(cohorts, rates, start, length, level, policy.effect_floor):
        stream = Stream(FAIRNESS, f"{segment}={found.group}", found.rate)
        of = found.comparison, subject, found.level, min(cohorts)
        yield _verdict(stream, "fisher_exact", scale, *of, sure=_sure(subject, scale, labelled))


def _sure(subject: Subject, scale: int, labelled: Mapping[int, Labelled]) -> bool:
    """Whether the labels of all ``scale`` cohorts up to this one are sure; so they are where none are tested."""
    oldest = subject.end - scale * (subject.end - subject.start)
    return all(each.sure for at, each in labelled.items() if oldest <= at <= subject.start)


def _verdict(
    stream: Stream, test: str, scale: int, found: Comparison, subject: Subject, level: float, first: int, *, sure: bool
) -> Verdict:
    """The comparison as a verdict: its size is the difference of two shares, which is their L-infinity distance.

    It begins no earlier than at ``first``, the oldest cohort that is known, and is material only if labels are sure.
    """
    judged, state, reason = found.state is not State.INSUFFICIENT_DATA, found.state, ""
    if state is State.MATERIAL and not sure:
        state, reason = State.CHANGED, LABELS_LACK
    return Verdict(
        stream,
        scale,
        max(subject.end - scale * (subject.end - subject.start), min(first, subject.start)),
        subject.end,
        found.labels,
        state,
        (TestResult(test, found.difference, found.p_value),) if judged else (),
        level,
        {"difference": found.difference, "l_infinity": abs(found.difference)} if judged else {},
        found.lower,
        reason,
    )
