"""What the labels and groups of some cohorts say: the tests that apply to a task, with their share of the budget.

Labels may spend `LABELS` of the false alarms of a month on performance, and groups `FAIRNESS`: half on how often they
are selected, which needs no labels, and half on errors. Each is divided over the cohorts of a month and the tests of
one cohort, so that it holds however the tests depend on each other, and each cohort is judged once. The last 1, 7 and
28 cohorts are judged together: a small lasting change is found by merging.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidegauge.baseline import Baseline
from tidegauge_processor.performance import fairness
from tidegauge_processor.performance.binary import Binary
from tidegauge_processor.performance.classes import read_binary, read_multiclass
from tidegauge_processor.performance.estimates import UndefinedMetricError
from tidegauge_processor.performance.fairness import Cells, Counts
from tidegauge_processor.performance.regression import Regressed
from tidegauge_processor.performance.table import Table
from tidegauge_processor.performance.worse import Comparison, Days, compare_calibration, compare_mistakes
from tidegauge_processor.verdicts.budget import FAIRNESS, LABELS

SCALES: Final = (1, 7, 28)
"""Numbers of cohorts that are judged together."""

_TESTS: Final = 2 * len(SCALES)  # at each scale mistakes and calibration
_OF_GROUPS: Final = 2 * len(SCALES)  # at each scale who is selected and who is mistaken, in all segments together
NO_GROUPS: Final[Mapping[str, Mapping[str, Cells]]] = MappingProxyType({})
"""Nobody has declared segments."""

_DAY: Final = 24 * 3600 * 10**9


class Labelled(NamedTuple):
    """What the tests need to know of a cohort.

    Attributes:
        mistakes: right and wrong answers; zeros where nobody can tell.
        rows: labelled rows by bin of the baseline's calibration, shape ``(B,)``; empty without one.
        positives: positive ones among them, shape ``(B,)``.
        groups: rows of a binary task by segment and group.
        sure: whether the labels that lack, if any do, are known to be like these.
    """

    mistakes: tuple[int, int]
    rows: NDArray[np.int64]
    positives: NDArray[np.int64]
    groups: Mapping[str, Mapping[str, Cells]] = NO_GROUPS
    sure: bool = True

    def dump(self) -> list[Any]:
        """Plain values, for JSON."""
        groups = {segment: dict(sorted(cells.items())) for segment, cells in self.groups.items()}
        return [list(self.mistakes), self.rows.tolist(), self.positives.tolist(), groups, self.sure]

    @classmethod
    def load(cls, plain: list[Any]) -> Labelled:
        """Read what `dump` wrote."""
        (right, wrong), rows, positives, groups, sure = plain
        cells = {segment: {name: Cells(*each) for name, each in of.items()} for segment, of in groups.items()}
        return cls((right, wrong), np.array(rows, dtype=np.int64), np.array(positives, dtype=np.int64), cells, sure)


def level(false_incidents_per_month: float, cohorts_a_month: float) -> float:
    """Level of one test of the performance of one cohort.

    >>> round(level(1.0, 30.0), 6)
    0.000556
    """
    return min(false_incidents_per_month * LABELS / (max(cohorts_a_month, 1.0) * _TESTS), 0.05)


def fairness_level(false_incidents_per_month: float, cohorts_a_month: float) -> float:
    """Level of all groups of all segments together, for who is selected or who is mistaken, at one scale of one cohort.

    >>> round(fairness_level(1.0, 30.0), 6)
    0.001111
    """
    return min(false_incidents_per_month * FAIRNESS / (max(cohorts_a_month, 1.0) * _OF_GROUPS), 0.05)


def labelled(table: Table, task: str, positive: str | None, baseline: Baseline | None) -> Labelled:
    """Count the outcomes of a cohort.

    Args:
        table: outcomes.
        task: what the model does.
        positive: positive class of a task of two classes; None when nobody has said.
        baseline: says what is a mistake, and has the bins of scores; None: only groups are counted.
    """
    nothing = np.empty(0, dtype=np.int64)
    found = Labelled((0, 0), nothing, nothing, groups(table, positive) if task == "binary" else NO_GROUPS)
    if not baseline:
        return found
    try:
        found = found._replace(mistakes=_mistakes(table, baseline))
        if task == "binary" and baseline.calibration:
            scores, true, _ = Binary.read(table, positive).scored()
            bins = baseline.calibration[0].bins
            found = found._replace(rows=bins.count(scores), positives=bins.count(scores[true]))
    except UndefinedMetricError:
        return found
    return found


Scaled = Mapping[int, Comparison]
"""Comparisons of one kind, by the number of cohorts merged."""


def against_reference(
    cohorts: Mapping[int, Labelled], start: int, length: int, baseline: Baseline, level: float, tolerance: float
) -> dict[str, Scaled]:
    """Compare a cohort, alone and with those before it, with the baseline's reference.

    Args:
        cohorts: by their start, ns since the epoch.
        start: of the last cohort to look at.
        length: of a cohort, ns.
        baseline: what the model was like.
        level: of one test.
        tolerance: a difference surely above it is material.

    Returns:
        ``mistakes``, and ``calibration`` of a binary task, as far as the baseline knows of them.
    """
    found: dict[str, dict[int, Comparison]] = {"mistakes": {}, "calibration": {}}
    for scale in SCALES:
        merged = [each for at, each in cohorts.items() if start - scale * length < at <= start]
        days = max(len(merged) * length // _DAY, 1)
        known = baseline.mistakes
        if known is not None:
            window = sum(each.mistakes[0] for each in merged), sum(each.mistakes[1] for each in merged)
            wobble = Days(known.wobble, known.days, days)
            found["mistakes"][scale] = compare_mistakes((known.right, known.wrong), window, level, tolerance, wobble)
        if baseline.calibration:
            learned = baseline.calibration[0]
            scored = [each for each in merged if each.rows.size == learned.rows.size]
            if scored:
                rows = np.sum([each.rows for each in scored], axis=0)
                positives = np.sum([each.positives for each in scored], axis=0)
                counts = rows, positives, learned.probabilities, learned.rows
                wobble = Days(learned.wobble, learned.days, days)
                found["calibration"][scale] = compare_calibration(*counts, level, tolerance, wobble)
    return {name: scaled for name, scaled in found.items() if scaled}


Groups = Mapping[str, Mapping[str, tuple[int, ...]]]
"""Counts of some kind by segment and group."""


def selected(groups: Mapping[str, tuple[int, ...]]) -> dict[str, Counts]:
    """The selection rate, of rows that were not and that were selected."""
    return fairness.comparable({fairness.SELECTION: {group: (cells[0], cells[1]) for group, cells in groups.items()}})


def selected_of_labelled(groups: Mapping[str, tuple[int, ...]]) -> dict[str, Counts]:
    """The selection rate, of `Cells`."""
    return fairness.rates({group: Cells(*cells) for group, cells in groups.items()}, (fairness.SELECTION,))


def mistaken(groups: Mapping[str, tuple[int, ...]]) -> dict[str, Counts]:
    """The rates that need labels, of `Cells`."""
    return fairness.rates({group: Cells(*cells) for group, cells in groups.items()}, fairness.ERRORS)


def between_groups(
    cohorts: Mapping[int, Groups],
    rates: Callable[[Mapping[str, tuple[int, ...]]], Mapping[str, Counts]],
    start: int,
    length: int,
    level: float,
    tolerance: float,
) -> Iterator[tuple[int, str, fairness.GroupTest]]:
    """Compare the groups of each segment, in a cohort alone and with those before it.

    Args:
        cohorts: what has been counted, by their start, ns since the epoch.
        rates: the rates that the counts of a segment's groups give.
        start: of the last cohort to look at.
        length: of a cohort, ns.
        level: of all segments together, at one scale.
        tolerance: a difference surely above it is material.

    Yields:
        Scale, name of the segment, and the test of each group and rate.
    """
    for scale in SCALES:
        merged = _merged([each for at, each in cohorts.items() if start - scale * length < at <= start])
        for segment, sums in sorted(merged.items()):
            for found in fairness.compare(rates(sums), level / len(merged), tolerance):
                yield scale, segment, found


def _merged(parts: list[Groups]) -> dict[str, dict[str, tuple[int, ...]]]:
    found: dict[str, dict[str, tuple[int, ...]]] = {}
    for part in parts:
        for segment, groups in part.items():
            sums = found.setdefault(segment, {})
            for group, cells in groups.items():
                sums[group] = tuple(map(sum, zip(sums.get(group, (0,) * len(cells)), cells, strict=True)))
    return found


def groups(table: Table, positive: str | None) -> Mapping[str, Mapping[str, Cells]]:
    """Rows of a binary task by segment and group; none where it is not known which class is the positive one."""
    try:
        return fairness.count(table, positive)
    except UndefinedMetricError:
        return NO_GROUPS


def _mistakes(table: Table, baseline: Baseline) -> tuple[int, int]:
    if baseline.task == "regression":
        bound = None if baseline.mistakes is None else baseline.mistakes.bound
        if bound is None:
            return 0, 0
        sizes = np.abs(Regressed.read(table).errors)
        wrong = int(np.count_nonzero(sizes > bound))
        return sizes.size - wrong, wrong
    if baseline.task == "multiclass":
        rows = read_multiclass(table)
    elif baseline.task in ("binary", "anomaly"):
        rows, _ = read_binary(table, baseline.positive)
    else:
        return 0, 0
    known = rows.predicted >= 0
    right = int(np.count_nonzero((rows.predicted == rows.actual)[known]))
    return right, int(np.count_nonzero(known)) - right
