"""What is said of a cohort of predictions: how good they were by the labels so far, and how far groups lie apart.

Numbers and their intervals only; those of labels are said again whenever more of them have come. Whether they show a
change is tested once a cohort, by `label_incidents`. Pure: counts, outcomes, baseline and memory in, signals out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from tidegauge.baseline import Baseline
from tidegauge_processor.performance import fairness, judging
from tidegauge_processor.performance.classes import by_name
from tidegauge_processor.performance.estimates import Estimate
from tidegauge_processor.performance.evaluate import Evaluation
from tidegauge_processor.performance.evaluations import completeness, read_classes, realized
from tidegauge_processor.performance.fairness import Counts
from tidegauge_processor.performance.table import Table
from tidegauge_processor.records import ModelKey
from tidegauge_processor.signals import EvaluationSignal, FairnessSignal, ReliabilitySignal, Signal, Subject
from tidegauge_processor.state.memory import Memory


class Evaluated(NamedTuple):
    """What labels say of a cohort.

    Attributes:
        signals: all that there is to say.
        unreadable: outcomes that do not fit the task.
    """

    signals: list[Signal]
    unreadable: int


def evaluate_cohort(
    key: ModelKey,
    table: Table,
    start: int,
    end: int,
    baseline: Baseline | None,
    memory: Memory,
    predictions: int | None = None,
) -> Evaluated:
    """Measure a cohort of predictions on the labels that have arrived.

    Args:
        key: the model version.
        table: the cohort's outcomes.
        start: start of the predictions' time, ns since the epoch.
        end: its end.
        baseline: says what the model does, and which class is the positive one.
        memory: of the model version: what it does, where there is no baseline, how soon labels arrive, and whether
            selection rates are known without them.
        predictions: how many there are; None when nobody has counted them.
    """
    subject = subject_of(key, baseline, start, end)
    task, positive = memory.task_of(baseline)
    table = by_name(table, baseline.classes if baseline else ())
    classes = tuple(baseline.class_calibrations) if baseline else ()
    said = realized(table, task, positive, predictions, memory.arrivals, memory.label_watermark, classes)
    signals: list[Signal] = [evaluation_signal(subject, found) for found in said.evaluations]
    signals += [
        ReliabilitySignal(subject, at.name, at.score, at.share.value, at.share.lower, at.share.upper, at.share.labels)
        for at in said.reliability
    ]
    if task == "binary":
        names = fairness.ERRORS if memory.groups_counted else fairness.RATES
        cells = judging.groups(table, positive).items()
        rates = {segment: fairness.rates(groups, names) for segment, groups in cells}
        signals += _groups(subject, rates, completeness(table.kind.size, predictions))
    return Evaluated(signals, said.unreadable)


def selection_signals(subject: Subject, groups: Mapping[str, Counts]) -> list[Signal]:
    """How often each group is selected, from all predictions of a cohort by segment and group."""
    return list(_groups(subject, {name: judging.selected(counts) for name, counts in groups.items()}, 1.0))


def subject_of(key: ModelKey, baseline: Baseline | None, start: int, end: int) -> Subject:
    """What is said of the cohort from ``start`` to ``end``, ns since the epoch, is about this."""
    return Subject(*key, baseline.id if baseline else "", "metric", start, end)


def learn_arrivals(shown: Iterable[tuple[Table, slice]], baseline: Baseline | None, memory: Memory) -> None:
    """Learn how soon labels of each class arrive, from cohorts and the bins of delays that each has shown."""
    task, positive = memory.task_of(baseline)
    for each, bins in shown:
        table = by_name(each, baseline.classes if baseline else ())
        if (outcomes := read_classes(table, task, positive)) is not None:
            memory.arrivals.learn(outcomes, table, bins)
        elif task == "regression":
            memory.arrivals.learn_all(table, bins)


def evaluation_signal(subject: Subject, found: Evaluation) -> EvaluationSignal:
    """An evaluation as a signal about ``subject``."""
    numbers = found.value, found.lower, found.upper, found.labels
    about = found.klass or "", found.segment, found.completeness
    return EvaluationSignal(subject, found.name, *numbers, found.type, *about, found.unweighted)


def _groups(
    subject: Subject, segments: Mapping[str, Mapping[str, Counts]], completeness: float | None
) -> Iterator[Signal]:
    """Each group's rates, by how much and how many times they differ from those of all others, and the largest gap."""
    for segment, rates in segments.items():
        for each in fairness.differences(rates):
            of_group: dict[str, Estimate | None] = {
                each.rate: each.own,
                f"{each.rate}_difference": each.difference,
                f"{each.rate}_ratio": each.ratio,
            }
            for name, found in of_group.items():
                if found is not None:
                    numbers = found.value, found.lower, found.upper, found.labels
                    signal = EvaluationSignal(subject, name, *numbers, segment=(segment, each.group))
                    yield replace(signal, completeness=completeness)
        for rate, counts in rates.items():
            wide = fairness.spread(counts)
            if wide is not None:
                numbers = wide.value, wide.lower, wide.upper, wide.labels
                yield FairnessSignal(subject, segment, rate, *numbers, completeness)
