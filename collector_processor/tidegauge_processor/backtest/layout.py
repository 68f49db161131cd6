"""Where in the vector of a window each count stands."""

from __future__ import annotations

from typing import Final

from tidegauge.baseline import Baseline
from tidegauge.observation import MISSING, NON_FINITE, OUT_OF_RANGE, TYPE_MISMATCH, UNSEEN_CATEGORY

KINDS: Final = (MISSING, NON_FINITE, TYPE_MISMATCH, OUT_OF_RANGE, UNSEEN_CATEGORY)
"""Kinds of violation that are counted of each feature."""

ROWS: Final = "rows"
JOINT: Final = "joint"
CLASSES: Final = "classes"
VALUE: Final = "value"
SCORE: Final = "score"
BY_CLASS: Final = "by class"

Key = str | tuple[str, str]
"""What is counted: an output, or the joint errors, by its name; a feature and ``cells`` or a kind of violation."""


def of_class(name: str) -> Key:
    """Key of the scores of one of several classes."""
    return f"class {name}"


class Layout:
    """Where in the vector of a window each count stands: the rows, the violations, the cells.

    Args:
        baseline: says what is counted.

    Attributes:
        violations: feature and kind of each.
        size: of the vector.
    """

    def __init__(self, baseline: Baseline) -> None:
        self.size = 0
        self._places: dict[Key, slice] = {}
        self._reserve(ROWS, 1)
        self.violations = [(feature.name, kind) for feature in baseline.features for kind in KINDS]
        for violation in self.violations:
            self._reserve(violation, 1)
        for feature in baseline.features:
            self._reserve((feature.name, "cells"), feature.counts.shape[1])
        self._reserve(JOINT, 0 if baseline.joint is None else baseline.joint.error.counts.shape[1])
        self._reserve(CLASSES, len(baseline.classes) + 1)
        self._reserve(VALUE, 0 if baseline.value is None else baseline.value.counts.shape[1])
        self._reserve(SCORE, 0 if baseline.score is None else baseline.score.counts.shape[2])
        self._reserve(BY_CLASS, 0 if baseline.score is None else len(baseline.classes) * baseline.score.counts.shape[2])
        for name, calibration in baseline.class_calibrations.items():
            self._reserve(of_class(name), 2 * calibration.rows.size)

    def __getitem__(self, key: Key) -> slice:
        return self._places[key]

    def _reserve(self, key: Key, cells: int) -> None:
        self._places[key] = slice(self.size, self.size + cells)
        self.size += cells
