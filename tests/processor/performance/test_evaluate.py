"""Every metric is that of scikit-learn on the same rows, or is not there and says why."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.calibration import calibration_curve

from tests.processor.performance.outcomes import binary_cohort, cohort_of, outcome, regression_cohort
from tidegauge_processor.performance.cohort import Cohort
from tidegauge_processor.performance.evaluate import Evaluation, Report, evaluate, report, report_segments
from tidegauge_processor.performance.evaluations import realized

BINARY = [
    *("accuracy", "precision", "recall", "specificity", "f1", "balanced_accuracy", "roc_auc", "average_precision"),
    *("mean_label", "brier", "log_loss", "calibration_error", "mean_score"),
]
NAMES = ["cat", "dog", "eel"]
NUMBERS = ["mae", "mse", "rmse", "mape", "r2", "bias"]


def calibration_error(labels, scores):
    """From scikit-learn's reliability curve, which leaves out empty bins."""
    share, score = calibration_curve(labels, scores, n_bins=10)
    rows = np.bincount(np.linspace(0, 1, 11)[1:-1].searchsorted(scores), minlength=10)
    return np.average(np.abs(share - score), weights=rows[rows > 0])


def values(evaluations: list[Evaluation]) -> dict[str, float]:
    assert all(each.lower <= each.value <= each.upper for each in evaluations)
    return {each.name: each.value for each in evaluations if each.klass is None}


def test_no_squared_distance_is_above_one():
    table = binary_cohort(np.array([0.9, 0.1, 0.9]), np.array([False, True, True])).table()
    for weights in ([1.0, 1.0, 1.0], [1.0, 2.0, 1.0]):
        found = report(table._replace(weight=np.array(weights)), "binary", "1").evaluations
        (brier,) = [each for each in found if each.name == "brier"]
        assert brier.upper == 1.0


@pytest.mark.parametrize("rows", [12, 300, 5_000])
@pytest.mark.parametrize("digits", [1, 17], ids=["many ties", "no ties"])
def test_two_classes_as_scikit_learn(rows, digits):
    random = np.random.default_rng(rows)
    scores = random.beta(1, 3, rows).round(digits)
    labels = random.random(rows) < scores
    labels[:2] = True, False
    predicted = scores >= 0.5
    expected = {
        "accuracy": metrics.accuracy_score(labels, predicted),
        "precision": metrics.precision_score(labels, predicted),
        "recall": metrics.recall_score(labels, predicted),
        "specificity": metrics.recall_score(labels, predicted, pos_label=False),
        "f1": metrics.f1_score(labels, predicted),
        "balanced_accuracy": metrics.balanced_accuracy_score(labels, predicted),
        "roc_auc": metrics.roc_auc_score(labels, scores),
        "average_precision": metrics.average_precision_score(labels, scores),
        "brier": metrics.brier_score_loss(labels, scores),
        "log_loss": metrics.log_loss(labels, scores),
        "calibration_error": calibration_error(labels, scores),
        "mean_score": scores.mean(),
        "mean_label": labels.mean(),
    }
    found = evaluate(binary_cohort(scores, labels), "binary", "1")
    assert values(found) == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert {each.labels for each in found if each.name not in ("precision", "recall", "specificity")} == {rows}


def test_scores_of_0_and_1_are_clipped_as_by_scikit_learn():
    scores, labels = np.array([0.0, 1.0, 1.0, 0.5]), np.array([True, True, False, False])
    found = values(evaluate(binary_cohort(scores, labels), "binary", "1"))
    assert found["log_loss"] == pytest.approx(metrics.log_loss(labels, scores), rel=1e-12)


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.booleans()), min_size=1, max_size=40))
def test_the_area_is_the_share_of_pairs_in_order(rows):
    scores, labels = (np.array(column) for column in zip(*rows, strict=True))
    found = report(binary_cohort(scores, labels).table(), "binary", "1")
    pairs = [(a > b) + (a == b) / 2 for a in scores[labels] for b in scores[~labels]]
    if pairs:
        assert values(found.evaluations)["roc_auc"] == pytest.approx(sum(pairs) / len(pairs), rel=1e-12)
    else:
        assert found.absent["roc_auc"] == f"all {len(rows)} labels are of one class"


def test_many_classes_as_scikit_learn():
    random = np.random.default_rng(3)
    predicted, actual = (random.choice(["cat", "dog", "eel"], 500, p=p) for p in ([0.6, 0.4, 0], [0.5, 0.3, 0.2]))
    scores = random.random(500)
    cohort = cohort_of(
        outcome(str(row), klass=str(said), score=float(score), actual=str(was))
        for row, (said, score, was) in enumerate(zip(predicted, scores, actual, strict=True))
    )
    average = {"average": "macro", "zero_division": 0.0}
    expected = {
        "accuracy": metrics.accuracy_score(actual, predicted),
        "balanced_accuracy": metrics.balanced_accuracy_score(actual, predicted),
        "macro_precision": metrics.precision_score(actual, predicted, **average),
        "macro_recall": metrics.recall_score(actual, predicted, **average),
        "macro_f1": metrics.f1_score(actual, predicted, **average),
        "macro_specificity": np.mean([metrics.recall_score(actual != name, predicted != name) for name in NAMES]),
        "mean_score": scores.mean(),
        "calibration_error": calibration_error(actual == predicted, scores),
    }
    found = evaluate(cohort, "multiclass", None)
    assert values(found) == pytest.approx(expected, rel=1e-12)
    of_classes = {(each.name, each.klass): each.value for each in found if each.klass is not None}
    for name in NAMES:
        expected_value = metrics.recall_score(actual != name, predicted != name)
        assert of_classes.pop(("specificity", name)) == pytest.approx(expected_value, rel=1e-12)
    for name, metric in [
        ("precision", metrics.precision_score),
        ("recall", metrics.recall_score),
        ("f1", metrics.f1_score),
    ]:
        for klass, value in zip(NAMES, metric(actual, predicted, average=None, zero_division=0.0), strict=True):
            if (name, klass) != ("precision", "eel"):  # it was never predicted
                assert of_classes.pop((name, klass)) == pytest.approx(value, rel=1e-12)
    assert of_classes == {}


@pytest.mark.parametrize("offset", [0.0, 1e9])
def test_numbers_as_scikit_learn(offset):
    random = np.random.default_rng(5)
    actual = offset + random.lognormal(size=800)
    predicted = actual + random.standard_t(3, size=800)
    expected = {
        "mae": metrics.mean_absolute_error(actual, predicted),
        "mse": metrics.mean_squared_error(actual, predicted),
        "rmse": metrics.root_mean_squared_error(actual, predicted),
        "mape": metrics.mean_absolute_percentage_error(actual, predicted),
        "r2": metrics.r2_score(actual, predicted),
        "bias": (predicted - actual).mean(),
    }
    found = evaluate(regression_cohort(predicted, actual), "regression", None)
    assert values(found) == pytest.approx(expected, rel=1e-12)


def test_anomalies_as_scikit_learn():
    random = np.random.default_rng(8)
    labels = random.random(400) < 0.1
    scores = random.normal(size=400) + 2 * labels
    names = np.array(["1", "-1"])  # as scikit-learn spells them
    cohort = cohort_of(
        outcome(str(row), klass=names[int(score > 1.5)], score=float(score), actual=float(names[int(label)]))
        for row, (score, label) in enumerate(zip(scores, labels, strict=True))
    )
    found = values(evaluate(cohort, "anomaly", None))
    expected = {
        "precision": metrics.precision_score(labels, scores > 1.5),
        "recall": metrics.recall_score(labels, scores > 1.5),
        "roc_auc": metrics.roc_auc_score(labels, scores),
        "average_precision": metrics.average_precision_score(labels, scores),
        "mean_label": labels.mean(),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-12)
    assert "brier" not in found


@pytest.mark.parametrize("digits", [1, 17], ids=["many ties", "no ties"])
def test_rankings_as_scikit_learn(digits):
    random = np.random.default_rng(digits)
    lists = [(random.random(size).round(digits), random.integers(0, 4, size)) for size in random.integers(2, 25, 60)]
    lists.append((np.array([0.5]), np.array([1])))  # one item has no order
    cohort = cohort_of(
        outcome(f"{place}-{row}", score=float(said), actual=float(was), group=f"list {place}")
        for place, (scores, relevance) in enumerate(lists)
        for row, (said, was) in enumerate(zip(scores, relevance, strict=True))
    )
    found = evaluate(cohort, "ranking", None)
    expected = np.mean([metrics.ndcg_score([was], [said], k=10) for said, was in lists[:-1]])
    assert values(found)["ndcg_at_10"] == pytest.approx(expected, rel=1e-12)
    assert {each.labels for each in found} == {sum(said.size for said, _ in lists[:-1])}


def test_the_reciprocal_rank_of_one_wanted_item_is_scikit_learns_label_ranking_precision():
    random = np.random.default_rng(9)
    scores = random.random((50, 8)).round(1)
    wanted = np.eye(8, dtype=int)[random.integers(0, 8, 50)]
    cohort = cohort_of(
        outcome(f"{place}-{row}", value=float(scores[place, row]), actual=float(wanted[place, row]), group=str(place))
        for place in range(50)
        for row in range(8)
    )
    expected = metrics.label_ranking_average_precision_score(wanted, scores)
    assert values(evaluate(cohort, "ranking", None))["mrr"] == pytest.approx(expected, rel=1e-12)


def test_weights_are_those_of_scikit_learn():
    random = np.random.default_rng(10)
    scores = random.beta(1, 3, 900).round(2)
    labels, weights = random.random(900) < scores, random.uniform(1, 9, 900)
    table = binary_cohort(scores, labels).table()
    at = {(score, kind): weight for score, kind, weight in zip(table.score, table.kind, weights, strict=True)}
    weights = np.array([at[score, kind] for score, kind in zip(table.score, table.kind, strict=True)])
    of = {"sample_weight": weights}
    truth = np.array([kind.actual == "1" for kind in table.kinds])[table.kind]
    predicted = table.score >= 0.5
    expected = {
        "accuracy": metrics.accuracy_score(truth, predicted, **of),
        "precision": metrics.precision_score(truth, predicted, **of),
        "recall": metrics.recall_score(truth, predicted, **of),
        "f1": metrics.f1_score(truth, predicted, **of),
        "balanced_accuracy": metrics.balanced_accuracy_score(truth, predicted, **of),
        "roc_auc": metrics.roc_auc_score(truth, table.score, **of),
        "average_precision": metrics.average_precision_score(truth, table.score, **of),
        "brier": metrics.brier_score_loss(truth, table.score, **of),
        "log_loss": metrics.log_loss(truth, table.score, **of),
    }
    found = values(report(table._replace(weight=weights), "binary", "1").evaluations)
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-12)


def test_a_slice_is_measured_like_a_cohort_of_its_own():
    rows = [outcome(str(row), klass=str(row % 2), score=row / 8, actual=str(row // 4)) for row in range(8)]
    sliced = [replace(each, segments=(("region", "north" if row < 6 else "south"),)) for row, each in enumerate(rows)]
    found = report_segments(cohort_of(sliced).table(), "binary", "1")
    north = [replace(each, segment=None) for each in found if each.segment == ("region", "north")]
    assert north == evaluate(cohort_of(rows[:6]), "binary", "1")
    assert {each.segment for each in found} == {("region", "north"), ("region", "south")}


def test_a_revised_outcome_moves_the_metrics_and_a_repeated_one_does_not():
    rows = [outcome(str(row), klass="1", score=0.9, actual="1") for row in range(4)]
    cohort = cohort_of([*rows, *rows, outcome("0", 99, klass="1", score=0.9, actual="0")])
    found = values(evaluate(cohort, "binary", "1"))
    assert (found["accuracy"], found["mean_label"], found["mean_score"]) == (0.75, 0.75, 0.9)


NO_LABELS = "no labels yet"


@pytest.mark.parametrize(
    ("task", "names"),
    [
        ("binary", BINARY),
        (
            "multiclass",
            [
                *("accuracy", "balanced_accuracy", "macro_precision", "macro_recall", "macro_f1", "macro_specificity"),
                *("mean_score", "calibration_error", "roc_auc", "average_precision", "log_loss", "brier"),
            ],
        ),
        ("regression", NUMBERS),
        ("anomaly", BINARY[:9]),
    ],
)
def test_an_empty_cohort_has_no_metrics_and_says_so(task, names):
    assert report(Cohort().table(), task, None) == Report([], dict.fromkeys(names, NO_LABELS), 0)


def test_one_class_has_no_area_but_all_the_rest():
    found = report(binary_cohort(np.array([0.2, 0.4, 0.7]), np.array([False] * 3)).table(), "binary", "1")
    assert found.absent == {
        "roc_auc": "all 3 labels are of one class",
        "average_precision": "no label is positive",
        "recall": "class '1' did not come true",
        "balanced_accuracy": "class '1' did not come true",
    }
    assert set(values(found.evaluations)) == set(BINARY) - set(found.absent)


def test_one_row_shows_no_spread():
    found = report(binary_cohort(np.array([0.2]), np.array([False])).table(), "binary", "1")
    assert {"accuracy", "mean_label", "specificity"} <= set(values(found.evaluations))
    assert found.absent["mean_score"] == "a mean and its interval need two labels"


@pytest.mark.parametrize(
    ("names", "positive"),
    [
        (("on time", "late"), "late"),
        (("0", "1"), None),
        (("false", "true"), None),
        (("no", "yes"), "yes"),
    ],
)
def test_the_positive_class(names, positive):
    scores, labels = np.array([0.1, 0.6, 0.7, 0.2]), np.array([False, True, True, True])
    found = values(evaluate(binary_cohort(scores, labels, names), "binary", positive))
    assert (found["mean_label"], found["roc_auc"], found["accuracy"]) == (0.75, 1.0, 0.75)


def test_without_a_positive_class_what_needs_one_is_absent():
    scores, labels = np.array([0.1, 0.6]), np.array([False, True])
    found = report(binary_cohort(scores, labels, ("late", "on time")).table(), "binary", None)
    assert values(found.evaluations) == {"accuracy": 1.0, "mean_score": 0.35}
    assert set(found.absent.values()) == {"which of the classes 'late' and 'on time' is positive is not known"}


@pytest.mark.parametrize(
    ("names", "actuals", "mean_label", "unreadable"),
    [
        (("0", "1"), [1.0, 0.0, 1.0, 1.0], 0.75, 0),
        (("0", "1"), ["true", "false", "1", 1.0], 0.75, 0),
        (("false", "true"), [1.0, "0", "true", 1.0], 0.75, 0),
        (("on time", "late"), ["late", "on time", 1.0, 0.0], 0.5, 2),
        (("on time", "late"), ["late", "on time", "late", "Late"], 2 / 3, 1),
        (("0", "1"), ["1", "0", "late", 2.0], 0.5, 2),
    ],
)
def test_labels_that_another_process_spelled(names, actuals, mean_label, unreadable):
    cohort = cohort_of(
        outcome(str(row), klass=names[row % 2], score=0.25, actual=actual) for row, actual in enumerate(actuals)
    )
    found = report(cohort.table(), "binary", names[1])
    assert found.unreadable == unreadable
    assert values(found.evaluations)["mean_label"] == mean_label
    assert found.evaluations[0].labels == 4 - unreadable


def test_more_than_two_classes_are_not_squeezed_into_two():
    cohort = cohort_of(outcome(name, klass=name, score=0.5, actual=name) for name in ("cat", "dog", "eel"))
    found = report(cohort.table(), "binary", None)
    reason = "a binary task has two classes, but the outcomes have 3: 'cat', 'dog', 'eel'"
    assert (found.evaluations, set(found.absent.values()), found.unreadable) == ([], {reason}, 3)


def test_numbers_where_classes_are_texts_are_set_aside():
    rows = [("cat", "cat"), ("cat", "dog"), ("dog", 1.0), ("dog", "eel")]
    cohort = cohort_of(outcome(str(row), klass=said, actual=was) for row, (said, was) in enumerate(rows))
    found = report(cohort.table(), "multiclass", None)
    assert (found.evaluations[0].value, found.evaluations[0].labels, found.unreadable) == (1 / 3, 3, 1)


def test_numbered_classes_may_come_as_numbers():
    cohort = cohort_of(outcome(str(row), klass=str(row), actual=float(min(row, 2))) for row in range(4))
    found = report(cohort.table(), "multiclass", None)
    assert (found.evaluations[0].value, found.unreadable) == (0.75, 0)


def test_texts_where_numbers_are_predicted_are_set_aside():
    rows = [(1.0, 2.0), (3.0, 6.0), (5.0, "late"), (None, 7.0)]
    cohort = cohort_of(outcome(str(row), value=said, actual=was) for row, (said, was) in enumerate(rows))
    found = report(cohort.table(), "regression", None)
    assert (values(found.evaluations), found.unreadable) == (
        {"mae": 2.0, "mse": 5.0, "rmse": 5.0**0.5, "mape": 0.5, "r2": 1 - 10 / 8, "bias": -2.0},
        2,
    )


def test_predictions_without_a_score_or_a_class():
    classes = report(cohort_of([outcome(klass="1", actual="1")]).table(), "binary", "1")
    assert classes.absent["roc_auc"] == classes.absent["mean_score"] == "the outcomes carry no score"
    scores = report(
        cohort_of([outcome(str(row), score=row / 4, actual=float(row % 2)) for row in range(4)]).table(), "binary", "1"
    )
    assert {name for name, reason in scores.absent.items() if reason == "the outcomes carry no predicted class"} == {
        *("accuracy", "precision", "recall", "specificity", "f1", "balanced_accuracy")
    }
    assert values(scores.evaluations)["roc_auc"] == 0.75


def test_scores_that_are_no_probabilities_have_no_log_loss():
    found = report(binary_cohort(np.array([-2.0, 3.0, 1.0]), np.array([False, True, False])).table(), "binary", "1")
    reason = "the scores are not probabilities from 0 to 1"
    assert found.absent == dict.fromkeys(("log_loss", "brier", "calibration_error"), reason)
    assert values(found.evaluations)["roc_auc"] == 1.0


def test_numbers_at_the_end_of_the_doubles_are_an_answer_and_not_a_crash():
    far = regression_cohort(np.array([1e308, 1.0]), np.array([-1e308, 1.0]))
    assert report(far.table(), "regression", None).absent["mae"] == (
        "a predicted and a true number lie too far apart for a double"
    )
    large = regression_cohort(np.array([1e200, 1.0]), np.array([0.0, 1.0]))
    reasons = report(large.table(), "regression", None).absent
    assert set(reasons.values()) == {"numbers beyond 1e150 are too large to square"}


def test_intervals_cover_the_truth():
    """Of 300 rows each: metrics of fresh rows lie around that of very many, and the intervals hold it."""
    random = np.random.default_rng(12)

    def classes(rows):
        scores = random.beta(1, 2, rows).round(3)
        return binary_cohort(scores, random.random(rows) < scores)

    def numbers(rows):
        actual = random.uniform(1, 4, rows)  # of numbers around zero MAPE has no mean
        return regression_cohort(0.8 * actual + 0.3 + random.normal(size=rows) / 2, actual)

    for task, make in (("binary", classes), ("regression", numbers)):
        truth = values(evaluate(make(60_000), task, "1"))
        held = dict.fromkeys(truth, 0)
        for _ in range(200):
            for each in evaluate(make(300), task, "1"):
                held[each.name] += each.lower <= truth[each.name] <= each.upper
        held.pop("calibration_error", None)  # of these scores it is zero, and what is shown is above
        assert min(held.values()) >= 180, held


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_the_reliability_curve_is_that_of_scikit_learn(task):
    random = np.random.default_rng(5)
    scores = random.beta(2, 2, 4_000).round(3)
    right = random.random(4_000) < np.clip(scores * 0.8, 0, 1)
    if task == "binary":
        cohort = binary_cohort(scores, right)
    else:
        rows = enumerate(zip(scores.tolist(), right.tolist(), strict=True))
        cohort = cohort_of(
            outcome(str(row), klass="a", score=score, actual="a" if hit else "b") for row, (score, hit) in rows
        )
    curve = realized(cohort.table(), task, "1").reliability
    share, score = calibration_curve(right, scores, n_bins=10)
    assert [point.share.value for point in curve] == pytest.approx(share.tolist(), rel=1e-12)
    assert [point.score for point in curve] == pytest.approx(score.tolist(), rel=1e-12)
    assert [point.name for point in curve][:2] == ["0.0-0.1", "0.1-0.2"]
    assert sum(point.share.labels for point in curve) == 4_000
    within = [point.share.lower <= 0.8 * point.score <= point.share.upper for point in curve]
    assert sum(within) >= 9
    assert not any(point.share.lower <= point.score <= point.share.upper for point in curve[4:])


def test_scores_that_are_no_probabilities_have_no_reliability_curve():
    assert realized(binary_cohort([2.5, 0.1], [True, False]).table(), "binary", "1").reliability == []
    assert realized(regression_cohort([2.5], [1.0]).table(), "regression", None).reliability == []
