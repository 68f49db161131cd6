"""Estimates of several classes: as row by row, as scikit-learn's on the labels, and honest about their interval."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from tidegauge import Baseline
from tidegauge.baseline import Calibration
from tidegauge.baseline.bounds import score_bounds
from tidegauge_processor.performance.estimated import Window
from tidegauge_processor.performance.estimated_classes import estimate_class, estimate_multiclass
from tidegauge_processor.performance.evaluations import estimated

NAMES = ("bus", "car", "tram", "walk")
WHOLE = ("accuracy", "macro_precision", "macro_recall", "macro_f1", "roc_auc")


def rows(number: int, seed: int, shares: tuple[float, ...] = (2.0, 1.0, 0.7, 0.3)) -> tuple[np.ndarray, np.ndarray]:
    """Scores of the classes, and the true one of each row, as often as its scores say."""
    random = np.random.default_rng(seed)
    scores = random.dirichlet(shares, number)
    return scores, (scores.cumsum(axis=1) < random.random((number, 1))).sum(axis=1)


def fit(scores: np.ndarray, actual: np.ndarray) -> Baseline:
    names = NAMES[: scores.shape[1]]
    df = pd.DataFrame(scores, columns=list(names)).assign(x=0.0, was=[names[place] for place in actual])
    columns = {name: name for name in names}
    return Baseline.fit(df, model="m", version="1", task="multiclass", features=["x"], score=columns, label="was")


def windows(baseline: Baseline, scores: np.ndarray, predicted: np.ndarray) -> dict[str, Window]:
    found = {}
    for place, (name, learned) in enumerate(baseline.class_calibrations.items()):
        chosen = predicted == place
        counts = np.stack([learned.bins.count(scores[part, place]) for part in (~chosen, chosen)])
        found[name] = Window(counts, learned.probabilities, learned.rows)
    return found


def brute_force(baseline: Baseline, scores: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Each row by itself: what its calibrated probabilities say that its label will be, added up."""
    every = enumerate(baseline.class_calibrations.values())
    p = np.stack([learned.probabilities[learned.bins.index(scores[:, place])] for place, learned in every], axis=1)
    found = {"accuracy": float(np.mean([p[row, said] for row, said in enumerate(predicted)]))}
    of_class: dict[str, list[float]] = {"precision": [], "recall": [], "f1": [], "roc_auc": []}
    for place, name in enumerate(NAMES):
        own, chosen = p[:, place], predicted == place
        tp, fp, fn = own[chosen].sum(), (1 - own[chosen]).sum(), own[~chosen].sum()
        # of all pairs of rows, how sure it is that one is of the class and the other is not, and which score is higher
        bins = baseline.class_calibrations[name].bins.index(scores[:, place])
        sure = own[:, None] * (1 - own)[None, :]
        higher = (bins[:, None] > bins[None, :]) + 0.5 * (bins[:, None] == bins[None, :])
        area = (sure * higher).sum() / (own.sum() * (1 - own).sum())
        values = tp / (tp + fp), tp / (tp + fn), 2 * tp / (2 * tp + fp + fn), area
        for metric, value in zip(of_class, values, strict=True):
            of_class[metric].append(float(value))
            found[f"{metric} {name}"] = float(value)
    return found | {
        "macro_precision": float(np.mean(of_class["precision"])),
        "macro_recall": float(np.mean(of_class["recall"])),
        "macro_f1": float(np.mean(of_class["f1"])),
        "roc_auc": float(np.mean(of_class["roc_auc"])),
    }


@pytest.mark.parametrize("seed", range(3))
def test_estimates_are_those_of_the_rows_one_by_one(seed: int) -> None:
    baseline = fit(*rows(2_000, seed))
    scores, _ = rows(400, 10 + seed)
    predicted = (scores * [1.0, 1.2, 1.0, 1.5]).argmax(axis=1)  # not always the likeliest
    there, here = brute_force(baseline, scores, predicted), windows(baseline, scores, predicted)
    found = estimate_multiclass(list(here.values()))
    assert {name: each.value for name, each in found.items()} == pytest.approx(
        {name: there[name] for name in WHOLE}, abs=1e-12
    )
    for name, window in here.items():
        for metric, each in estimate_class(window).items():
            assert each.value == pytest.approx(there[f"{metric} {name}"], abs=1e-12)
            assert each.lower < each.value < each.upper
            assert each.labels == 400


def truth(scores: np.ndarray, predicted: np.ndarray, actual: np.ndarray) -> dict[str, float]:
    options = {"average": "macro", "zero_division": 0}
    areas = [metrics.roc_auc_score(actual == place, scores[:, place]) for place in range(scores.shape[1])]
    return {
        "accuracy": metrics.accuracy_score(actual, predicted),
        "macro_precision": metrics.precision_score(actual, predicted, **options),
        "macro_recall": metrics.recall_score(actual, predicted, **options),
        "macro_f1": metrics.f1_score(actual, predicted, **options),
        "roc_auc": float(np.mean(areas)),
        "precision": metrics.precision_score(actual == 0, predicted == 0),
        "recall": metrics.recall_score(actual == 0, predicted == 0),
        "f1": metrics.f1_score(actual == 0, predicted == 0),
    }


@pytest.mark.parametrize("classes", [3, 4])
def test_intervals_cover_scikit_learns_on_the_labels(classes: int) -> None:
    """A row of one class is of none of the others: intervals that forget it held macro recall in 9 of 10 cases."""
    held: dict[str, int] = {}
    errors: dict[str, list[float]] = {}
    for seed in range(200):
        shares = (1.2, 0.8, 0.6, 0.4)[:classes]
        scores, actual = rows(6_000, 2 * seed, shares)
        every = [
            Calibration.fit(str(place), score_bounds(scores[:, place]), scores[:, place], actual == place)
            for place in range(classes)
        ]
        scores, actual = rows(1_000, 2 * seed + 1, shares)
        predicted = scores.argmax(axis=1)
        here = []
        for place, learned in enumerate(every):
            chosen = predicted == place
            counts = np.stack([learned.bins.count(scores[part, place]) for part in (~chosen, chosen)])
            here.append(Window(counts, learned.probabilities, learned.rows))
        found = estimate_multiclass(here) | estimate_class(here[0])
        for name, value in truth(scores, predicted, actual).items():
            held[name] = held.get(name, 0) + (found[name].lower <= value <= found[name].upper)
            errors.setdefault(name, []).append(found[name].value - value)
    assert all(hits >= 0.92 * 200 for hits in held.values()), held
    assert all(abs(np.mean(each)) < 0.003 for each in errors.values()), errors


def test_classes_that_neither_are_predicted_nor_come_true_are_left_out() -> None:
    """As scikit-learn leaves out of the mean what occurs nowhere; here, of which not half a row is expected."""
    p, reference = np.array([0.001, 0.9]), np.array([500, 500])
    cat = Window(np.array([[20, 0], [0, 30]]), p, reference)
    dog = Window(np.array([[30, 0], [0, 20]]), p, reference)
    newt = Window(np.array([[50, 0], [0, 0]]), p, reference)
    nobody = Window(np.array([[50, 0], [0, 0]]), np.zeros(2), reference)
    found = estimate_multiclass([cat, dog, newt, nobody])
    without = estimate_multiclass([cat, dog])
    for name in ("accuracy", "macro_precision", "macro_recall", "macro_f1"):
        assert found[name].value == pytest.approx(without[name].value, abs=2e-3)
    assert found["roc_auc"].value == pytest.approx(np.mean([without["roc_auc"].value] * 2 + [0.5]), abs=0.02)
    assert estimate_class(newt) == estimate_class(nobody) == {}
    assert set(estimate_class(cat)) == {"precision", "recall", "f1"}
    missed = Window(np.array([[0, 50], [0, 0]]), p, reference)
    assert {name: each.value for name, each in estimate_class(missed).items()} == {"recall": 0.0, "f1": 0.0}
    assert estimate_multiclass([missed])["macro_precision"].value == 0.0


def test_rows_of_which_nothing_is_predicted_that_is_known() -> None:
    stranger = Window(np.array([[9, 0], [0, 0]]), np.array([0.0, 0.9]), np.array([500, 500]))
    found = estimate_multiclass([stranger, stranger])
    assert {name: each.value for name, each in found.items()} == {"accuracy": 0.0}
    assert estimate_multiclass([Window(np.zeros((2, 2), np.int64), *stranger[1:])]) == {}


def test_scores_of_the_predicted_class_stand_in_where_those_of_all_did_not_arrive() -> None:
    baseline = fit(*rows(2_000, 1))
    scores, _ = rows(300, 2)
    predicted = scores.argmax(axis=1)
    assert baseline.score is not None
    of_predicted = {
        name: baseline.score.bins.count(scores[predicted == place, place]) for place, name in enumerate(NAMES)
    }
    of_class = {name: each.rows for name, each in windows(baseline, scores, predicted).items()}
    by_class = estimated(baseline, of_predicted, of_class)
    assert {each.name for each in by_class if each.klass is None} == set(WHOLE)
    assert {each.name for each in by_class if each.klass == "walk"} == {"precision", "recall", "f1"}
    fallback = estimated(baseline, of_predicted)
    assert {each.name for each in fallback} == {"accuracy", "macro_precision", "precision"}
    near = {each.name: each.value for each in by_class if each.klass is None}
    assert {each.name: each.value for each in fallback if each.klass is None} == pytest.approx(
        {name: near[name] for name in ("accuracy", "macro_precision")}, abs=0.03
    )
    lacking = {name: rows for name, rows in of_class.items() if name != "tram"}
    torn = of_class | {"tram": of_class["tram"] // 2}  # one of its points was dropped
    nothing = {name: 0 * rows for name, rows in of_class.items()}
    assert [estimated(baseline, of_predicted, each) for each in (lacking, torn, nothing, {})] == [fallback] * 4
    assert estimated(baseline, {}, nothing) == []
