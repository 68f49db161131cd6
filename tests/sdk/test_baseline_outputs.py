from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from tidegauge.baseline import Baseline
from tidegauge.errors import BaselineError

NAN = float("nan")


def fit(task: str, columns: dict[str, Any], **options: Any) -> Baseline:
    roles = {name: name for name in columns if name in ("prediction", "score", "label")}
    df = pd.DataFrame({"x": 1.0} | columns, index=range(len(next(iter(columns.values())))))
    return Baseline.fit(df, **{"model": "m", "version": "1", "task": task} | roles | options)


def binary(rows: int, seed: int = 4) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    score = rng.beta(1, 2, rows).round(2)
    return {"score": score, "label": (rng.random(rows) < score).astype(int)}


def test_binary_performance_is_that_of_scikit_learn() -> None:
    rows = binary(2000)
    found = fit("binary", rows, threshold=0.4).performance
    assert found == pytest.approx(
        {
            "accuracy": metrics.accuracy_score(rows["label"], rows["score"] >= 0.4),
            "roc_auc": metrics.roc_auc_score(rows["label"], rows["score"]),
            "log_loss": metrics.log_loss(rows["label"], rows["score"]),
            "mean_score": rows["score"].mean(),
            "mean_label": rows["label"].mean(),
        },
        rel=1e-12,
    )


def test_regression_performance_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(4)
    rows = {"prediction": rng.normal(size=500), "label": rng.normal(size=500)}
    baseline = fit("regression", rows)
    assert baseline.performance == pytest.approx(
        {
            "mae": metrics.mean_absolute_error(rows["label"], rows["prediction"]),
            "rmse": metrics.root_mean_squared_error(rows["label"], rows["prediction"]),
        },
        rel=1e-12,
    )
    assert baseline.value is not None
    assert baseline.value.counts.sum() == 500
    assert (baseline.classes, baseline.class_counts, baseline.score) == ((), None, None)


def test_rows_without_a_label_do_not_count() -> None:
    rows = {"score": [0.9, 0.2, 0.6, NAN, 0.7], "label": [1, 0, None, 1, 0]}
    found = fit("binary", rows).performance
    assert found == {
        "mean_label": 0.5,
        "accuracy": pytest.approx(2 / 3),
        "mean_score": pytest.approx(0.6),
        "roc_auc": 1.0,
        "log_loss": pytest.approx(-(math.log(0.9) + math.log(0.8) + math.log(0.3)) / 3),
    }


def test_a_certain_mistake_has_a_finite_loss() -> None:
    assert fit("binary", {"score": [1.0, 0.0], "label": [0, 1]}).performance["log_loss"] == pytest.approx(
        36.04365, 1e-6
    )


def test_scores_are_counted_by_predicted_class() -> None:
    rows = binary(10_000)
    baseline = fit("binary", rows, threshold=0.4)
    score, counts = baseline.score, baseline.class_counts
    assert score is not None
    assert counts is not None
    assert baseline.classes == score.classes == ("0", "1")
    assert baseline.positive == "1"
    assert counts.tolist() == [[(rows["score"] < 0.4).sum(), (rows["score"] >= 0.4).sum()]]
    assert score.counts.shape == (1, 2, score.bounds.size + 1)
    for at, predicted in enumerate([rows["score"] < 0.4, rows["score"] >= 0.4]):
        assert score.counts[0, at].tolist() == score.bins.count(rows["score"][predicted]).tolist()


def test_a_prediction_overrules_the_threshold() -> None:
    baseline = fit("binary", {"prediction": ["no", "yes", "no", None], "score": [0.9, 0.8, 0.1, 0.2]})
    assert baseline.classes == ("no", "yes")
    assert baseline.class_counts is not None
    assert baseline.class_counts.tolist() == [[2, 1]]
    assert baseline.score is not None
    assert baseline.score.counts.sum(axis=2).tolist() == [[2, 1]]


@pytest.mark.parametrize(
    ("columns", "classes"),
    [
        ({"score": [0.1, 0.9]}, ("0", "1")),
        ({"prediction": [0, 0]}, ("0", "1")),
        ({"prediction": [1.0, 1.0]}, ("0", "1")),
        ({"prediction": [True, True]}, ("false", "true")),
        ({"prediction": [-1, 1]}, ("-1", "1")),
        ({"prediction": [10, 9]}, ("9", "10")),
        ({"label": ["bad", "good"], "score": [0.1, 0.9]}, ("bad", "good")),
        ({"prediction": ["good", "good"], "label": ["bad", "good"]}, ("bad", "good")),
        ({"other": [1, 2]}, ()),
    ],
)
def test_the_two_classes(columns: dict[str, Any], classes: tuple[str, ...]) -> None:
    assert fit("binary", columns).classes == classes


def test_several_classes() -> None:
    rows = {"prediction": ["a", "b", "c", "a"], "score": [0.9, 0.5, 0.4, 0.6], "label": ["a", "c", "c", "d"]}
    baseline = fit("multiclass", rows)
    assert baseline.classes == ("a", "b", "c", "d")
    assert baseline.class_counts is not None
    assert baseline.class_counts.tolist() == [[2, 1, 1, 0]]
    assert baseline.performance == {"accuracy": 0.5}
    assert baseline.positive is None


def test_of_very_many_classes_the_frequent_ones_are_kept() -> None:
    names = [f"k{i}" for i in range(70) for _ in range(70 - i)]
    baseline = fit("multiclass", {"prediction": names, "score": [0.5] * len(names), "label": names[::-1]})
    assert len(baseline.classes) == 64
    assert baseline.classes[-1] == "_other"
    assert set(baseline.classes[:-1]) == {f"k{i}" for i in range(63)}
    assert baseline.class_counts is not None
    assert baseline.class_counts[0, -1] == sum(70 - i for i in range(63, 70))
    assert baseline.performance["accuracy"] == np.mean([a == b for a, b in zip(names, names[::-1], strict=True)])


@pytest.mark.parametrize("task", ["ranking", "anomaly"])
def test_scores_without_classes(task: str) -> None:
    baseline = fit(task, {"score": [-3.0, 17.5, NAN]})
    assert baseline.classes == ()
    assert baseline.score is not None
    assert baseline.score.classes == ("",)
    assert baseline.score.counts.tolist() == [[[1, 1, 0]]]


def test_an_anomaly_can_have_classes() -> None:
    baseline = fit("anomaly", {"prediction": [1, -1, 1], "score": [0.3, -7.0, 0.2], "label": [1, -1, -1]})
    assert baseline.classes == ("-1", "1")
    assert baseline.performance == {"accuracy": pytest.approx(2 / 3)}


def test_a_ranking_can_predict_numbers() -> None:
    baseline = fit("ranking", {"prediction": [1.0, 2.0], "label": [1, 2]})
    assert baseline.value is not None
    assert baseline.value.counts.sum() == 2
    assert baseline.performance == {}


@pytest.mark.parametrize(
    ("task", "columns", "message"),
    [
        ("binary", {"score": [0.5, 1.5]}, "score column 'score' should hold probabilities from 0 to 1, but has 1.5"),
        ("multiclass", {"score": [-0.5], "prediction": ["a"]}, "should hold probabilities from 0 to 1, but has -0.5"),
        ("anomaly", {"score": [math.inf]}, "score column 'score' holds an infinite number"),
        ("binary", {"score": [NAN, NAN]}, "score column 'score' is empty"),
        ("binary", {"score": ["0.5", "high"]}, "column 'score' should hold numbers, but 2 rows do not"),
        ("binary", {"score": [0.1, 0.9], "label": [1, 1]}, "label column 'label' has only the class '1'"),
        ("binary", {"score": [0.1, 0.9], "label": [None, None]}, "label column 'label' has no class"),
        ("binary", {"prediction": ["a", "a"]}, "two classes, but column 'prediction' has only 'a'"),
        ("binary", {"prediction": [0.1, 0.2, 0.3]}, "two classes, but column 'prediction' has 3: 0.1, 0.2, 0.3"),
        (
            "binary",
            {"prediction": [0, 1], "label": [False, True]},
            "column 'prediction' and 'label' has 4: 0, 1, false",
        ),
        ("binary", {"prediction": [["a"], "b"]}, "column 'prediction' should hold classes, but 1 rows hold something"),
        ("multiclass", {"score": [0.5]}, "name the prediction column"),
        ("regression", {"score": [0.5]}, "a regression has no score: name its column as the prediction"),
        ("regression", {"prediction": ["a"]}, "column 'prediction' should hold numbers, but 1 rows do not"),
        ("regression", {"prediction": [1.0, NAN], "label": [NAN, 1.0]}, "no row has both a prediction and a label"),
    ],
)
def test_a_mistake_is_one_clear_line(task: str, columns: dict[str, Any], message: str) -> None:
    with pytest.raises(BaselineError, match=message) as caught:
        fit(task, columns)
    assert "\n" not in str(caught.value)
