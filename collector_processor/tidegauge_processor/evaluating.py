"""What is said of a cohort of predictions when labels have arrived.

Pure: outcomes, baseline and memory in, signals out. The memory keeps what labels have said before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final, NamedTuple

from tidegauge.baseline import Baseline
from tidegauge_processor.label_incidents import incidents
from tidegauge_processor.performance import judging
from tidegauge_processor.performance.cohort import Table
from tidegauge_processor.performance.estimates import Estimate
from tidegauge_processor.performance.evaluate import Evaluation
from tidegauge_processor.performance.evaluations import completeness, read_classes, realized
from tidegauge_processor.performance.fairness import Difference, Spread
from tidegauge_processor.records import ModelKey
from tidegauge_processor.signals import (
    EvaluationSignal,
    FairnessSignal,
    IncidentSignal,
    PerformanceSignal,
    Signal,
    Subject,
)
from tidegauge_processor.state.memory import Memory
from tidegauge_processor.verdicts.incidents import IncidentChange
from tidegauge_processor.verdicts.state import State
from tidegauge_processor.verdicts.types import Policy

_MONTH: Final = 30 * 24 * 3600 * 1e9


class Evaluated(NamedTuple):
    """What labels say of a cohort.

    Attributes:
        signals: all that there is to say.
        unreadable: outcomes that do not fit the task.
        changes: what became of incidents; the signals tell of them too.
    """

    signals: list[Signal]
    unreadable: int
    changes: list[IncidentChange]


def evaluate_cohort(
    key: ModelKey,
    table: Table,
    start: int,
    end: int,
    baseline: Baseline | None,
    memory: Memory,
    policy: Policy,
    predictions: int | None = None,
) -> Evaluated:
    """Measure a cohort of predictions on the labels that have arrived, and compare it with the baseline.

    Args:
        key: the model version.
        table: the cohort's outcomes.
        start: start of the predictions' time, ns since the epoch.
        end: its end.
        baseline: says what the model does, and which class is the positive one.
        memory: of the model version: what it does, where there is no baseline, and what labels have said before.
        policy: thresholds and budget.
        predictions: how many there are; None when nobody has counted them.
    """
    subject = Subject(*key, baseline.id if baseline else "", "metric", start, end)
    task, positive = (baseline.task, baseline.positive) if baseline else (memory.task, None)
    said = realized(table, task, positive, predictions, memory.arrivals, memory.label_watermark)
    signals: list[Signal] = [evaluation_signal(subject, found) for found in said.evaluations]
    changes: list[IncidentChange] = []
    level = judging.level(policy.false_incidents_per_month, _MONTH / (end - start))
    if baseline:
        memory.labelled[start] = judging.labelled(table, baseline)
        oldest = max(memory.labelled) - max(judging.SCALES) * (end - start)
        memory.labelled = {at: counts for at, counts in memory.labelled.items() if at > oldest}
        of = memory.labelled, start, end - start, baseline
        compared = judging.against_reference(*of, level, policy.effect_floor)
        for name, scaled in compared.items():
            found = judging.strongest(scaled)
            now = found.state, found.difference, found.lower, found.p_value, found.labels
            signals += _changed(subject, memory, name, "", *now)
        changes = incidents(subject, memory, compared, level, policy)
        signals += [replace(IncidentSignal.of(change, subject), cause="labels") for change in changes]
    if task == "binary":
        share = completeness(table.kind.size, predictions)
        for name, (differences, spreads) in judging.between_groups(table, positive, level, policy.effect_floor).items():
            signals += _rates(subject, name, differences, share)
            signals += _fairness(subject, memory, name, differences, spreads)
    return Evaluated(signals, said.unreadable, changes)


def learn_arrivals(mature: Iterable[Table], baseline: Baseline | None, memory: Memory) -> None:
    """Learn from cohorts that have their labels how soon those of each class arrived."""
    task, positive = (baseline.task, baseline.positive) if baseline else (memory.task, None)
    for table in mature:
        if (outcomes := read_classes(table, task, positive)) is not None:
            memory.arrivals.learn(outcomes, table)


def evaluation_signal(subject: Subject, found: Evaluation) -> EvaluationSignal:
    """An evaluation as a signal about ``subject``."""
    numbers = found.value, found.lower, found.upper, found.labels
    about = found.klass or "", found.segment, found.completeness
    return EvaluationSignal(subject, found.name, *numbers, found.type, *about, found.unweighted)


def _rates(
    subject: Subject, name: str, differences: list[Difference], completeness: float | None
) -> Iterator[EvaluationSignal]:
    """Each group's rates, and by how much and how many times they differ from those of all other groups together."""
    for each in differences:
        of_group: dict[str, Estimate | None] = {
            each.rate: each.own,
            f"{each.rate}_difference": each.difference,
            f"{each.rate}_ratio": each.ratio,
        }
        for what, found in of_group.items():
            if found is not None:
                numbers = found.value, found.lower, found.upper, found.labels
                signal = EvaluationSignal(subject, what, *numbers, segment=(name, each.group))
                yield replace(signal, completeness=completeness)


def _fairness(
    subject: Subject, memory: Memory, name: str, differences: list[Difference], spreads: list[Spread]
) -> Iterable[Signal]:
    for spread in spreads:
        of_rate = [each for each in differences if each.rate == spread.rate]
        if not of_rate:
            continue
        worst = min(of_rate, key=lambda each: (each.p_value, -abs(each.difference.value), each.group))
        wide = spread.difference
        yield FairnessSignal(
            subject, name, spread.rate, wide.value, wide.lower, wide.upper, worst.state, worst.group, wide.labels
        )
        least = max(abs(worst.difference.value) - (worst.difference.upper - worst.difference.lower) / 2, 0.0)
        now = worst.state, worst.difference.value, least, worst.p_value, worst.own.labels
        yield from _changed(subject, memory, spread.rate, name, *now)


def _changed(
    subject: Subject,
    memory: Memory,
    name: str,
    segment: str,
    state: State,
    difference: float,
    lower: float,
    p_value: float,
    labels: int,
) -> Iterable[PerformanceSignal]:
    """An event when labels say something else than before; half of the labels or fewer take nothing back."""
    key = f"{name}\n{segment}"
    claimed, rested = memory.claims.get(key, (State.OK.value, 0))
    previous = State(claimed)
    if state is previous or state is State.INSUFFICIENT_DATA or (not state.alarming and 2 * labels <= rested):
        return
    memory.claims[key] = state.value, labels
    yield PerformanceSignal(subject, name, segment, previous, state, difference, lower, p_value, labels)
