"""CBPE from counts: near NannyML's own table on its own data, and honest about its interval.

`nannyml/nannyml.json` holds counts by score bin of NannyML 0.13.1's five bundled classification sets, the numbers of
its own estimates and of the truth, all by chunk; `nannyml/peer.py` and `nannyml/aggregate.py` made it.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics

from tidegauge.baseline.calibration import Calibration
from tidegauge_processor.performance import estimated
from tidegauge_processor.performance.estimated import Window, estimate_binary, estimate_mae
from tidegauge_processor.performance.estimated_classes import estimate_multiclass, estimate_predicted
from tidegauge_processor.performance.intervals import wilson

SETS = json.loads((Path(__file__).parent / "nannyml" / "nannyml.json").read_text())
CAR_PRICE = SETS.pop("car_price")


def table(name):
    """Rows of ours, NannyML's and the true number, by metric."""
    found = {}
    for chunk in SETS[name]["chunks"]:
        windows = [
            Window(np.array(rows), np.array(each["probabilities"]), np.array(each["rows"]))
            for rows, each in zip(chunk["rows"], SETS[name]["calibration"], strict=True)
        ]
        ours = estimate_binary(windows[0]) if len(windows) == 1 else estimate_multiclass(windows)
        for metric, (peer, truth) in chunk["metrics"].items():
            estimate = ours.get(metric) or ours.get(f"macro_{metric}")
            if estimate is not None and None not in (peer, truth):
                found.setdefault(metric, []).append((estimate.value, peer, truth))
    return {metric: np.array(rows) for metric, rows in found.items()}


@pytest.mark.parametrize("name", SETS)
def test_each_chunk_is_near_nannymls_own_table(name):
    found = table(name)
    for metric, bound in [("roc_auc", 0.005), ("accuracy", 0.002)]:
        ours, peer, truth = found[metric].T
        assert len(ours) >= 10
        assert np.abs(ours - peer).max() <= bound, metric
        assert np.abs(ours - truth).mean() <= 1.05 * np.abs(peer - truth).mean(), metric
    for metric in ("f1", "precision", "recall"):
        ours, peer, _ = found[metric].T
        assert np.abs(ours - peer).max() <= 0.003, metric


@pytest.mark.parametrize("chunk", CAR_PRICE, ids=range(len(CAR_PRICE)))
def test_expected_errors_of_car_prices_are_near_nannymls(chunk):
    found = estimate_mae(chunk["expected"], chunk["rows"], 0.65)
    assert found.value == pytest.approx(chunk["nannyml"], rel=0.02)


def test_expected_errors_of_car_prices_are_as_near_the_truth_as_nannymls():
    ours, peer, truth = np.array([(c["expected"] / c["rows"], c["nannyml"], c["truth"]) for c in CAR_PRICE]).T
    assert np.abs(ours - truth).mean() <= 1.05 * np.abs(peer - truth).mean()


@pytest.mark.parametrize("calibrated", [True, False])
def test_without_concept_drift_the_interval_covers_the_truth(calibrated):
    random = np.random.default_rng(3)
    held, asked = {}, 0
    for _ in range(300):
        p = random.beta(2, 2, 3_000)
        score = p if calibrated else p**2
        bounds = np.quantile(score, np.arange(1, 100) / 100)
        learned = Calibration.fit("1", bounds, score[:2000], random.random(2000) < p[:2000])
        later, labels = score[2000:], random.random(1000) < p[2000:]
        chosen = later >= 0.5
        rows = np.stack([learned.bins.count(later[~chosen]), learned.bins.count(later[chosen])])
        found = estimate_binary(Window(rows, learned.probabilities, learned.rows))
        truth = {
            "accuracy": (chosen == labels).mean(),
            "precision": labels[chosen].mean(),
            "recall": chosen[labels].mean(),
            "specificity": (~chosen[~labels]).mean(),
        }
        asked += 1
        for name, value in truth.items():
            held[name] = held.get(name, 0) + (found[name].lower <= value <= found[name].upper)
    assert all(hits / asked >= 0.93 for hits in held.values()), held


def test_gradients_are_the_slopes_of_the_metrics():
    random = np.random.default_rng(5)
    rows, p, reference = random.integers(0, 50, (2, 8)), random.random(8), np.full(8, 10)
    for name in ("accuracy", "precision", "recall", "specificity", "f1", "roc_auc"):
        value, gradient, _ = estimated.metric(name, Window(rows, p, reference))
        for at in range(8):
            moved = p.copy()
            moved[at] += 1e-7
            slope = (estimated.metric(name, Window(rows, moved, reference)).value - value) / 1e-7
            assert slope == pytest.approx(float((gradient * rows)[:, at].sum()), abs=1e-5), name


def predicted_classes(random, rows):
    """Class, score of it, and truth: of three classes, the third seldom predicted; right as often as the score says."""
    said = random.choice(["bus", "car", "walk"], rows, p=[0.55, 0.4, 0.05])
    score = np.where(said == "car", random.beta(6, 2, rows), random.beta(3, 2, rows))
    other = np.where(said == "bus", random.choice(["car", "walk"], rows), "bus")
    return said, score, np.where(random.random(rows) < score, said, other)


def test_scores_of_predicted_classes_give_accuracy_and_precision_as_row_by_row():
    random = np.random.default_rng(8)
    said, score, actual = predicted_classes(random, 4_000)
    learned = Calibration.fit("", np.quantile(score, np.arange(1, 100) / 100), score, said == actual)
    said, score, actual = predicted_classes(random, 900)
    rows = {name: learned.bins.count(score[said == name]) for name in ("bus", "car", "walk", "tram")}
    whole, of_class = estimate_predicted(rows, learned.probabilities, learned.rows)
    p = learned.probabilities[learned.bins.index(score)]  # of each row, as NannyML takes it
    expected = {name: p[said == name].mean() for name in ("bus", "car", "walk")}
    assert {name: each.value for name, each in of_class.items()} == pytest.approx(expected, abs=1e-12)
    assert whole["accuracy"].value == pytest.approx(p.mean(), abs=1e-12)
    assert whole["macro_precision"].value == pytest.approx(np.mean(list(expected.values())), abs=1e-12)
    assert {name: each.labels for name, each in of_class.items()} == {n: int((said == n).sum()) for n in expected}
    assert (whole["accuracy"].labels, whole["macro_precision"].labels) == (900, 900)


def test_rows_of_unknown_classes_count_for_the_accuracy_only():
    rows = {"cat": np.array([60, 40]), "": np.array([0, 100])}
    whole, of_class = estimate_predicted(rows, np.array([0.5, 0.9]), np.array([100, 100]))
    assert whole["accuracy"].value == pytest.approx(0.78)
    assert whole["macro_precision"].value == of_class["cat"].value == pytest.approx(0.66)
    nothing = {"": np.array([0, 0])}
    assert estimate_predicted(nothing, np.array([0.5, 0.9]), np.array([100, 100])) == ({}, {})


def test_intervals_of_precisions_cover_scikit_learns_on_the_labels():
    random = np.random.default_rng(9)
    held = dict.fromkeys(("accuracy", "macro_precision", "bus", "car", "walk"), 0)
    for _ in range(300):
        said, score, actual = predicted_classes(random, 2_000)
        learned = Calibration.fit("", np.quantile(score, np.arange(1, 50) / 50), score, said == actual)
        said, score, actual = predicted_classes(random, 1_000)
        names = ["bus", "car", "walk"]
        rows = {name: learned.bins.count(score[said == name]) for name in names}
        whole, of_class = estimate_predicted(rows, learned.probabilities, learned.rows)
        truth = dict(zip(names, metrics.precision_score(actual, said, average=None, labels=names), strict=True))
        truth["accuracy"] = metrics.accuracy_score(actual, said)
        truth["macro_precision"] = metrics.precision_score(actual, said, average="macro")
        for name, value in truth.items():
            found = whole.get(name) or of_class[name]
            held[name] += found.lower <= value <= found.upper
    assert all(hits >= 0.92 * 300 for hits in held.values()), held


def test_what_has_no_value_is_not_there():
    found = estimate_binary(Window(np.array([[10, 0], [0, 0]]), np.array([0.2, 0.9]), np.array([5, 5])))
    assert set(found) == {"accuracy", "recall", "specificity", "f1", "roc_auc"}
    assert estimate_binary(Window(np.zeros((2, 2), np.int64), np.array([0.2, 0.9]), np.array([5, 5]))) == {}


def test_where_all_rows_are_sure_the_interval_is_that_of_the_rows_that_count():
    """Twenty rows, all surely positive, say no more of a share than twenty rows can, however many others there are."""
    found = estimate_binary(Window(np.array([[980, 0], [0, 20]]), np.array([0.0, 1.0]), np.array([900, 100])))
    assert (found["precision"].value, found["precision"].lower) == (1.0, pytest.approx(wilson(20, 20)[0]))
    assert (found["recall"].value, found["recall"].lower) == (1.0, pytest.approx(wilson(20, 20)[0]))
    assert found["specificity"].lower == pytest.approx(wilson(980, 980)[0])
    assert {name: each.labels for name, each in found.items()} == dict.fromkeys(found, 1_000)
