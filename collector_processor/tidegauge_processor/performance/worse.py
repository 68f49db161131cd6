"""Has the model become worse than on the reference? Two tests on the labels of merged cohorts.

*Mistakes*: right and wrong answers are two cells, compared with those of the reference by Fisher's exact test. A number
is a wrong answer when its error is larger than nine in ten were on the reference (`tidegauge.baseline.Mistakes`).

*Calibration*: of the rows in a score bin, as many should be positive as on the reference. The sum over the bins of
positives found less positives expected is compared with its standard error (a score test; the expectation is uncertain
too, for the reference has few rows in a bin). It sees a change of the labels that leaves the mistakes as they were,
and, with a pole on each side, one that the mean score and the mean label hide from each other.

Days differ by more than chance (`tidegauge.baseline.wobble`). Where the reference shows by how much, both tests take
the variance between days into account, with Student's t for as many days as it rests on: single days then say little,
and many days together say what they can. Where nothing is known of days, rows are taken for independent.

The level is an argument: the share of the budget of false alarms that one comparison may spend.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from tidegauge_processor.verdicts.fisher import fisher_exact, smallest_p
from tidegauge_processor.verdicts.lower_bounds import least_distance
from tidegauge_processor.verdicts.state import State

LEAST_EXPECTED: Final = 20.0
"""Positives and negatives that must be expected, for a sum of labels to be near a normal one."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What labels say of a change against the reference.

    Attributes:
        state: what is claimed.
        p_value: two-sided; 1 where there is not enough data.
        difference: window less reference: of the shares of mistakes, or labels less expected ones.
        lower: the size of the difference is at least this, with an error probability of half of the level.
        labels: rows of the window.
    """

    state: State
    p_value: float
    difference: float
    lower: float
    labels: int


@dataclass(frozen=True, slots=True)
class Days:
    """How days differ.

    Attributes:
        variance: between days, beyond chance; 0 when it is not known.
        reference: reference days that it rests on; 0 when it is not known.
        window: days of the window.
    """

    variance: float = 0.0
    reference: int = 0
    window: int = 1

    @property
    def known(self) -> bool:
        """Whether days differ as far as is known."""
        return self.variance > 0 and self.reference > 1

    def judge(self, gap: float, variance: float, level: float) -> tuple[float, float]:
        """P-value of a mean that lies ``gap`` off, and what its size is at least.

        Args:
            gap: window less reference.
            variance: of the gap, if rows were independent.
            level: twice the error probability of the bound.
        """
        if not self.known:
            error = math.sqrt(variance)
            p_value = 2 * float(special.ndtr(-abs(gap) / error)) if error else float(gap == 0)
            return min(p_value, 1.0), max(abs(gap) + float(special.ndtri(level / 4)) * error, 0.0)
        error = math.sqrt(variance + self.variance * (1 / self.window + 1 / self.reference))
        freedom = self.reference - 1
        p_value = 2 * float(special.stdtr(freedom, -abs(gap) / error))
        return min(p_value, 1.0), max(abs(gap) + float(special.stdtrit(freedom, level / 4)) * error, 0.0)


NO_DAYS: Final = Days()
"""Nothing is known of days."""


def compare_mistakes(
    reference: tuple[int, int], window: tuple[int, int], level: float, tolerance: float = 0.0, days: Days = NO_DAYS
) -> Comparison:
    """Compare right and wrong answers of a window with those of the reference.

    Args:
        reference: right and wrong answers.
        window: the same of the window.
        level: p-values up to this are evidence.
        tolerance: a difference surely above it is material.
        days: how days differ in their share of mistakes.

    Example:
        >>> found = compare_mistakes((8_000, 2_000), (120, 80), level=1e-4, tolerance=0.02)
        >>> found.state.value, round(found.difference, 3), round(found.lower, 3)
        ('material', 0.2, 0.044)
    """
    cells, counted = np.array([reference], dtype=np.float64), np.array([window], dtype=np.float64)
    labels = int(counted.sum())
    if not labels or not cells.sum() or float(smallest_p(cells, counted)[0]) > level:
        return Comparison(State.INSUFFICIENT_DATA, 1.0, 0.0, 0.0, labels)
    difference = window[1] / labels - reference[1] / sum(reference)
    if days.known:
        pooled = (reference[1] + window[1]) / (sum(reference) + labels)
        variance = pooled * (1 - pooled) * (1 / labels + 1 / sum(reference))
        p_value, lower = days.judge(difference, variance, level)
        return Comparison(_state(p_value, lower, level, tolerance), p_value, difference, lower, labels)
    p_value = float(fisher_exact(cells, counted)[0])
    lower = float(least_distance(cells, counted, np.array([level / 2]), ordered=False)[0])
    return Comparison(_state(p_value, lower, level, tolerance), p_value, difference, lower, labels)


def compare_calibration(
    rows: NDArray[np.int64],
    positives: NDArray[np.int64],
    probabilities: NDArray[np.float64],
    reference: NDArray[np.int64],
    level: float,
    tolerance: float = 0.0,
    days: Days = NO_DAYS,
) -> Comparison:
    """Compare labels with what the calibrated scores promise.

    Args:
        rows: labelled rows by score bin, shape ``(B,)``.
        positives: positive ones among them, shape ``(B,)``.
        probabilities: of the baseline's calibration, shape ``(B,)``.
        reference: rows from which they were learned, shape ``(B,)``.
        level: p-values up to this are evidence.
        tolerance: a difference surely above it is material.
        days: how days differ in labels less probabilities.

    Example:
        >>> rows, chance, learned = np.array([100, 100]), np.array([0.2, 0.6]), np.array([5_000, 5_000])
        >>> compare_calibration(rows, np.array([22, 57]), chance, learned, level=1e-3).state.value
        'ok'
        >>> compare_calibration(rows, np.array([45, 80]), chance, learned, level=1e-3, tolerance=0.05).state.value
        'material'
    """
    labels, expected = int(rows.sum()), float((rows * probabilities).sum())
    if min(expected, labels - expected) < LEAST_EXPECTED:
        return Comparison(State.INSUFFICIENT_DATA, 1.0, 0.0, 0.0, labels)
    spread = probabilities * (1 - probabilities)
    variance = float((rows * spread).sum() + (np.square(rows) * spread / (reference + 1)).sum())
    gap = (float(positives.sum()) - expected) / labels
    p_value, lower = days.judge(gap, variance / labels**2, level)
    return Comparison(_state(p_value, lower, level, tolerance), p_value, gap, lower, labels)


def _state(p_value: float, lower: float, level: float, tolerance: float) -> State:
    if p_value > level:
        return State.OK
    return State.MATERIAL if lower > tolerance else State.CHANGED
