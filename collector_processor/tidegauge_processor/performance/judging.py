"""What the labels of a cohort say of a change: the tests that apply to a task, with their share of the budget.

Labels may spend `SHARE` of the false alarms of a month; it is divided over the cohorts of a month and the tests of one
cohort, so that it holds however the tests depend on each other.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from tidegauge.baseline import Baseline
from tidegauge_processor.performance import fairness
from tidegauge_processor.performance.binary import Binary
from tidegauge_processor.performance.classes import read_binary, read_multiclass
from tidegauge_processor.performance.cohort import Table
from tidegauge_processor.performance.estimates import UndefinedMetricError
from tidegauge_processor.performance.regression import Regressed
from tidegauge_processor.performance.worse import Comparison, compare_calibration, compare_mistakes

SHARE: Final = 0.1
"""Part of the budget of false alarms that tests of labels may spend."""

_TESTS: Final = 3  # mistakes, calibration, and the groups of all segments together


def level(false_incidents_per_month: float, cohorts_a_month: float) -> float:
    """Level of one test of one cohort.

    >>> round(level(1.0, 30.0), 6)
    0.001111
    """
    return min(false_incidents_per_month * SHARE / (max(cohorts_a_month, 1.0) * _TESTS), 0.05)


def against_reference(table: Table, baseline: Baseline, level: float, tolerance: float) -> dict[str, Comparison]:
    """Compare outcomes with the baseline's reference: ``mistakes``, and ``calibration`` of a binary task.

    Args:
        table: outcomes.
        baseline: what the model was like.
        level: of one test.
        tolerance: a difference surely above it is material.
    """
    found: dict[str, Comparison] = {}
    try:
        cells = _mistakes(table, baseline)
    except UndefinedMetricError:
        return found
    if baseline.mistakes is not None and cells is not None:
        reference = baseline.mistakes.right, baseline.mistakes.wrong
        found["mistakes"] = compare_mistakes(reference, cells, level, tolerance)
    if baseline.task == "binary" and baseline.calibration:
        learned = baseline.calibration[0]
        try:
            scores, positive, _ = Binary.read(table, baseline.positive).scored()
        except UndefinedMetricError:
            return found
        found["calibration"] = compare_calibration(
            learned.bins.count(scores),
            learned.bins.count(scores[positive]),
            learned.probabilities,
            learned.rows,
            level,
            tolerance,
        )
    return found


def between_groups(
    table: Table, positive: str | None, level: float, tolerance: float
) -> dict[str, tuple[list[fairness.Difference], list[fairness.Spread]]]:
    """Compare the groups of each segment of a binary task, by the segment's name.

    Args:
        table: outcomes.
        positive: positive class; None when nobody has said.
        level: of all segments together.
        tolerance: a difference surely above it is material.
    """
    try:
        counts = fairness.count(table, positive)
    except UndefinedMetricError:
        return {}
    return {
        name: (
            fairness.compare(rates, level / len(counts), tolerance),
            [found for rate, groups in rates.items() if (found := fairness.spread(rate, groups)) is not None],
        )
        for name, rates in counts.items()
    }


def _mistakes(table: Table, baseline: Baseline) -> tuple[int, int] | None:
    if baseline.task == "regression":
        bound = None if baseline.mistakes is None else baseline.mistakes.bound
        if bound is None:
            return None
        sizes = np.abs(Regressed.read(table).errors)
        wrong = int(np.count_nonzero(sizes > bound))
        return sizes.size - wrong, wrong
    if baseline.task == "multiclass":
        rows = read_multiclass(table)
    elif baseline.task in ("binary", "anomaly"):
        rows, _ = read_binary(table, baseline.positive)
    else:
        return None
    known = rows.predicted >= 0
    right = int(np.count_nonzero((rows.predicted == rows.actual)[known]))
    return right, int(np.count_nonzero(known)) - right
