import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from tests.sdk.test_baseline_outputs import fit
from tidegauge.baseline import Baseline, Calibration
from tidegauge.baseline.calibration import isotonic
from tidegauge.errors import BaselineError


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9)), min_size=1, max_size=12))
def test_pooling_is_scikit_learns_isotonic_regression(bins):
    positives, rows = (np.array(column, dtype=float) for column in zip(*bins, strict=True))
    positives = np.minimum(positives, rows)
    expected = IsotonicRegression().fit_transform(np.arange(rows.size), positives / rows, sample_weight=rows)
    assert isotonic(positives, rows) == pytest.approx(expected, abs=1e-12)


def test_bins_without_rows_follow_their_neighbour():
    assert isotonic(np.array([0.0, 1, 0, 3, 0]), np.array([0.0, 2, 0, 4, 0])).tolist() == [0.5, 0.5, 0.5, 0.75, 0.75]


def test_scores_that_say_too_much_are_corrected():
    random = np.random.default_rng(1)
    score = random.random(20_000)
    baseline = fit("binary", {"score": score, "label": (random.random(20_000) < score**2).astype(int)})
    (found,) = baseline.calibration
    assert (found.klass, found.fitted, found.rows.sum()) == ("1", True, 20_000)
    assert found.probabilities == pytest.approx(np.linspace(0.005, 0.995, 100) ** 2, abs=0.1)
    assert Baseline.from_bytes(baseline.to_bytes()) == baseline


def test_scores_that_fit_every_fold_stand_for_themselves():
    rows, positives = np.full((10, 2), 4.0), np.array([[0.0, 4.0]] * 5 + [[1.0, 3.0]] * 5)
    found = Calibration.of_folds("1", np.array([0.5]), rows, positives, positives)
    assert (found.fitted, found.probabilities.tolist()) == (False, [0.125, 0.875])


def test_a_score_for_each_class_gives_a_calibration_for_each():
    random = np.random.default_rng(2)
    shares = random.dirichlet([1, 1, 1], 3_000)
    labels = [random.choice(["a", "b", "c"], p=p) for p in shares]
    df = pd.DataFrame(shares, columns=["pa", "pb", "pc"]).assign(x=1.0, label=labels)
    scores = {"a": "pa", "b": "pb", "c": "pc"}
    baseline = Baseline.fit(df, model="m", version="1", task="multiclass", score=scores, label="label")
    assert [each.klass for each in baseline.calibration] == ["a", "b", "c", ""]
    assert list(baseline.class_calibrations) == ["a", "b", "c"]
    assert [feature.name for feature in baseline.features] == ["x"]
    assert baseline.class_counts.tolist() == [np.bincount(shares.argmax(axis=1)).tolist()]
    assert baseline.score.counts.sum() == 3_000
    assert baseline.mistakes.right == sum(
        "abc"[at] == was for at, was in zip(shares.argmax(axis=1), labels, strict=True)
    )


def test_a_score_of_the_predicted_class_is_calibrated_as_such():
    rows = {"prediction": ["a", "b"] * 50, "score": [0.9, 0.4] * 50, "label": ["a", "a"] * 50}
    (found,) = fit("multiclass", rows).calibration
    assert found.klass == ""


def test_scores_for_each_class_need_several_classes():
    with pytest.raises(BaselineError, match="a score for each class is for the multiclass task, not for binary"):
        fit("binary", {"p": [0.1, 0.9], "label": [0, 1]}, score={"1": "p"})


def test_large_errors_are_the_mistakes_of_a_regression():
    errors = np.random.default_rng(3).standard_t(3, 1_000)
    found = fit("regression", {"prediction": errors, "label": np.zeros(1_000)}).mistakes
    assert (found.right, found.wrong) == (900, 100)
    assert found.bound == np.sort(np.abs(errors))[899]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"probabilities": [0.5, 1.5]}, "not one probability from 0 to 1 for each of 2 bins"),
        ({"probabilities": [0.5]}, "not one probability from 0 to 1 for each of 2 bins"),
        ({"rows": [1, -1]}, "counts below zero"),
        ({"bounds": [float("nan")]}, "calibration of 'late': "),
    ],
)
def test_nonsense_is_refused(changes, message):
    fields = {"klass": "late", "bounds": [0.5], "probabilities": [0.1, 0.9], "rows": [3, 4], "fitted": True}
    with pytest.raises(BaselineError, match=message):
        Calibration(**fields | changes)
