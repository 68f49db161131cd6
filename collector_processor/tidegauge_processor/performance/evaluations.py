"""All that is said of the performance over one stretch of time, measured or estimated, as one list.

This is what a window's closing, a cohort's labels and a backtest have in common: outcomes or counts in,
evaluations out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tidegauge.baseline import Baseline, Calibration, ScoreReference
from tidegauge.baseline.loss import LossModel
from tidegauge.summaries import OTHER
from tidegauge_processor.performance.arrivals import Arrivals
from tidegauge_processor.performance.binary import Binary
from tidegauge_processor.performance.calibration import Point, reliability
from tidegauge_processor.performance.classes import Classified, read_binary, read_multiclass
from tidegauge_processor.performance.estimated import Window, estimate_binary, estimate_mae
from tidegauge_processor.performance.estimated_classes import (
    estimate_class,
    estimate_multiclass,
    estimate_predicted,
)
from tidegauge_processor.performance.estimates import Estimate, UndefinedMetricError
from tidegauge_processor.performance.evaluate import MOST_CLASSES, Evaluation, Report, report, report_segments
from tidegauge_processor.performance.multiclass import with_score
from tidegauge_processor.performance.table import Table

Counts = NDArray[np.int64]


def realized(
    table: Table,
    task: str,
    positive: str | None,
    predictions: int | None = None,
    arrivals: Arrivals | None = None,
    now: int | None = None,
    classes: Sequence[str] = (),
) -> Report:
    """Measure outcomes, and each slice of them.

    Args:
        table: outcomes of the predictions of a stretch of time.
        task: what the model does.
        positive: positive class of a task of two classes; None when nobody has said.
        predictions: predictions of that stretch; None when nobody has counted them.
        arrivals: how soon labels arrive; given, labels of young predictions are weighed, where enough has been learned,
            and each evaluation has the plain number beside it.
        now: time up to which labels have been taken, ns since the epoch; needed for weighing.
        classes: of a task of several classes, those whose scores the baseline in force calibrates.

    Returns:
        Evaluations of all rows, then of each slice.
    """
    found = report(table, task, positive, classes)
    weighed = None
    if arrivals is not None and now is not None and (outcomes := read_classes(table, task, positive)) is not None:
        weighed = arrivals.weigh(outcomes, table, now)
    evaluations = found.evaluations
    if weighed is not None:
        plain = {(each.name, each.klass): each.value for each in evaluations}
        evaluations = [
            replace(each, unweighted=plain.get((each.name, each.klass)))
            for each in report(weighed, task, positive, classes).evaluations
        ]
    share, counted = completeness(table.kind.size, predictions), table if weighed is None else weighed
    every = [*evaluations, *report_segments(counted, task, positive, classes)]
    said = [replace(each, completeness=share) for each in every]
    return replace(found, evaluations=said, reliability=reliability_curve(counted, task, positive))


def reliability_curve(table: Table, task: str, positive: str | None) -> list[Point]:
    """How often what scores promise came true: the positive class of a binary task, the predicted one of several.

    Returns:
        Points by ascending score; none where the task has no probabilities, or its outcomes cannot be read.
    """
    try:
        if task == "binary":
            return reliability(*Binary.read(table, positive).scored())
        if task == "multiclass":
            outcomes = read_multiclass(table)
            scores, weights = with_score(outcomes)
            return reliability(scores, (outcomes.predicted == outcomes.actual)[~np.isnan(outcomes.score)], weights)
    except UndefinedMetricError:
        pass
    return []


def read_classes(table: Table, task: str, positive: str | None) -> Classified | None:
    """The outcomes of a task with classes; None for other tasks, and where the classes cannot be read."""
    try:
        if task in ("binary", "anomaly"):
            return read_binary(table, positive)[0]
        return read_multiclass(table) if task == "multiclass" else None
    except UndefinedMetricError:
        return None


def completeness(labels: int, predictions: int | None) -> float | None:
    """Share of ``predictions`` whose label has arrived; None when nobody has counted them.

    >>> completeness(30, 40), completeness(30, None)
    (0.75, None)
    """
    return min(labels / predictions, 1.0) if predictions else None


class Estimable(Protocol):
    """What a window must tell for its performance to be estimated, whether it comes from data points or from rows."""

    def scores_by_class(self, reference: ScoreReference) -> Mapping[str, Counts]:
        """Rows by predicted class and bin of the score."""

    def class_scores(self, references: Mapping[str, Calibration]) -> Mapping[str, Counts]:
        """By class, rows predicted as another one and as this one, by bin of the score of that class, ``(2, B)``."""

    def expected_loss(self, reference: LossModel) -> tuple[float, int]:
        """Sum of the errors that the baseline expects of the rows, and the number of rows."""


def estimates(seen: Estimable, baseline: Baseline) -> list[Evaluation]:
    """Performance of one window, estimated without its labels."""
    if baseline.score is not None:
        of_classes = baseline.class_calibrations
        return estimated(baseline, seen.scores_by_class(baseline.score), seen.class_scores(of_classes))
    if baseline.loss is not None:
        return estimated(baseline, expected=seen.expected_loss(baseline.loss))
    return []


def estimated(
    baseline: Baseline,
    scores: Mapping[str, Counts] | None = None,
    class_scores: Mapping[str, Counts] | None = None,
    expected: tuple[float, int] | None = None,
) -> list[Evaluation]:
    """Estimate the performance of a window without its labels.

    Args:
        baseline: what scores are worth, and which error to expect.
        scores: rows by bin of the score, by predicted class, each of shape ``(B,)``.
        class_scores: by class, rows predicted as another one and as this one, by bin of the score of that class; each
            of shape ``(2, B)``.
        expected: sum and number of the errors that the baseline's loss model expects.

    Returns:
        Evaluations of the type ``estimated``; they assume that there is no concept drift.
    """
    found: dict[str, Estimate] = {}
    of_class: dict[str, Mapping[str, Estimate]] = {}
    windows = _class_windows(baseline, class_scores or {})
    if baseline.task == "binary" and baseline.calibration and scores:
        found = estimate_binary(_window(baseline.calibration[0], scores))
    elif windows:
        found = estimate_multiclass(list(windows.values()))
        of_class = {name: estimate_class(window) for name, window in windows.items()}
    elif baseline.task == "multiclass" and baseline.calibration and scores:
        last = baseline.calibration[-1]
        if last.klass == "":
            found, precision = estimate_predicted(_of_known(scores, baseline), last.probabilities, last.rows)
            frequent = sorted(precision, key=lambda name: (-precision[name].labels, name))[:MOST_CLASSES]
            of_class = {name: {"precision": precision[name]} for name in sorted(frequent)}
    elif baseline.loss is not None and expected is not None and expected[1]:
        found = {"mae": estimate_mae(*expected, baseline.loss.spread)}
    every: list[tuple[str, Estimate, str | None]] = [(name, each, None) for name, each in found.items()]
    every += [(name, each, klass) for klass, parts in of_class.items() for name, each in parts.items()]
    return [
        Evaluation(name, each.value, each.lower, each.upper, each.labels, klass, type="estimated")
        for name, each, klass in every
    ]


def _class_windows(baseline: Baseline, class_scores: Mapping[str, Counts]) -> dict[str, Window]:
    """What is known of each class; nothing where there are no rows, or those of one class did not all arrive."""
    calibrations = baseline.class_calibrations
    rows = {int(class_scores[name].sum()) if name in class_scores else 0 for name in calibrations}
    if len(rows) != 1 or rows == {0}:
        return {}
    return {name: Window(class_scores[name], each.probabilities, each.rows) for name, each in calibrations.items()}


def _of_known(scores: Mapping[str, Counts], baseline: Baseline) -> dict[str, Counts]:
    """Rows by class that the baseline knows and bin; those of all others under an empty name."""
    known = set(baseline.classes) - {OTHER}
    others = [rows for name, rows in scores.items() if name not in known]
    found = {name: rows for name, rows in scores.items() if name in known}
    return found | ({"": np.sum(others, axis=0)} if others else {})


def _window(calibration: Calibration, scores: Mapping[str, Counts]) -> Window:
    nothing = np.zeros(calibration.probabilities.size, dtype=np.int64)
    chosen = scores.get(calibration.klass, nothing)
    others = sum((rows for name, rows in scores.items() if name != calibration.klass), nothing)
    return Window(np.stack([others, chosen]), calibration.probabilities, calibration.rows)
