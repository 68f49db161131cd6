"""Performance that is surely no worse than the tolerance allows; and not a hair more is called so."""

from dataclasses import replace

import numpy as np
import pytest

from tests.sdk.builders import small_baseline
from tidegauge.baseline import Baseline, NumericFeature
from tidegauge.baseline.calibration import Calibration
from tidegauge.baseline.loss import LossModel
from tidegauge_processor.performance.effect import Effect, Expected, effect

LEARNED = Calibration("yes", np.array([0.5]), np.array([0.1, 0.9]), np.full(2, 10**6), fitted=True)
SEEN = Expected(np.array([[5_000, 0], [0, 5_000]]), 0.0, 0)
ERROR = NumericFeature("error", np.array([1.0]), np.array([[1, 1]]), np.array([0]), 0.0, 9.0)
TREE = LossModel((), 1.0, np.zeros((1, 0), int), np.zeros((1, 0), int), np.zeros((1, 1)), 0.5, ERROR)


def classes(accuracy: float) -> Baseline:
    return replace(small_baseline(), calibration=(LEARNED,), performance={"accuracy": accuracy})


def numbers(mae: float) -> Baseline:
    return replace(small_baseline(), task="regression", loss=TREE, performance={"mae": mae})


def of_classes(accuracy: float, tolerance: float) -> Effect:
    """Accuracy is 0.9 in the window, give or take 0.006."""
    found = effect([SEEN], classes(accuracy), tolerance)
    assert found is not None
    assert (found.value, found.lower) == (pytest.approx(0.9), pytest.approx(0.8941, abs=5e-4))
    return found


def of_numbers(mae: float, tolerance: float) -> Effect:
    """The error is 2 in the window, give or take 0.02."""
    found = effect([Expected(np.zeros((2, 0), int), 20_000.0, 10_000)], numbers(mae), tolerance)
    assert found is not None
    assert (found.value, found.upper) == (pytest.approx(2.0), pytest.approx(2.0196, abs=5e-4))
    return found


@pytest.mark.parametrize(
    ("accuracy", "tolerance", "unchanged"),
    [(0.89, 0, True), (0.9, 0, False), (0.92, 0.05, True), (0.94, 0.05, True), (0.95, 0.05, False)],
)
def test_accuracy_may_fall_by_the_tolerance(accuracy: float, tolerance: float, unchanged: bool) -> None:
    assert of_classes(accuracy, tolerance).unchanged is unchanged


@pytest.mark.parametrize(
    ("mae", "tolerance", "unchanged"),
    [(2.1, 0, True), (2.0, 0, False), (1.95, 0.05, True), (1.9, 0.05, False)],
)
def test_an_error_may_grow_by_that_part_of_it(mae: float, tolerance: float, unchanged: bool) -> None:
    assert of_numbers(mae, tolerance).unchanged is unchanged


def test_windows_add_up() -> None:
    parts = [Expected(np.array([[2_000, 0], [0, 4_000]]), 0.0, 0), Expected(np.array([[3_000, 0], [0, 1_000]]), 0.0, 0)]
    assert effect(parts, classes(0.9), 0.05) == of_classes(0.9, 0.05)


def test_where_nothing_can_be_estimated() -> None:
    assert effect([], classes(0.9), 0.05) is None
    assert effect([Expected(np.zeros((2, 2), int), 0.0, 0)], classes(0.9), 0.05) is None
    assert effect([Expected(np.zeros((2, 0), int), 0.0, 0)], numbers(1.0), 0.05) is None
    assert effect([SEEN], replace(classes(0.9), performance={}), 0.05) is None
    assert effect([SEEN], replace(classes(0.9), calibration=()), 0.05) is None
