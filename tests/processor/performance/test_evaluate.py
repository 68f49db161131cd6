"""Every metric is that of scikit-learn on the same rows, or is not there and says why."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from tests.processor.performance.outcomes import binary_cohort, cohort_of, outcome, regression_cohort
from tidegauge_processor.performance.cohort import Cohort
from tidegauge_processor.performance.evaluate import Evaluation, Report, evaluate, report


def values(evaluations: list[Evaluation]) -> dict[str, float]:
    assert all(each.lower <= each.value <= each.upper for each in evaluations)
    return {each.name: each.value for each in evaluations}


@pytest.mark.parametrize("rows", [12, 300, 5_000])
@pytest.mark.parametrize("digits", [1, 17], ids=["many ties", "no ties"])
def test_two_classes_as_scikit_learn(rows, digits):
    random = np.random.default_rng(rows)
    scores = random.beta(1, 3, rows).round(digits)
    labels = random.random(rows) < scores
    labels[:2] = True, False
    expected = {
        "accuracy": metrics.accuracy_score(labels, scores >= 0.5),
        "roc_auc": metrics.roc_auc_score(labels, scores),
        "log_loss": metrics.log_loss(labels, scores),
        "mean_score": scores.mean(),
        "mean_label": labels.mean(),
    }
    found = evaluate(binary_cohort(scores, labels), "binary", "1")
    assert values(found) == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert {each.labels for each in found} == {rows}


def test_scores_of_0_and_1_are_clipped_as_by_scikit_learn():
    scores, labels = np.array([0.0, 1.0, 1.0, 0.5]), np.array([True, True, False, False])
    found = values(evaluate(binary_cohort(scores, labels), "binary", "1"))
    assert found["log_loss"] == pytest.approx(metrics.log_loss(labels, scores), rel=1e-12)


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.booleans()), min_size=1, max_size=40))
def test_the_area_is_the_share_of_pairs_in_order(rows):
    scores, labels = (np.array(column) for column in zip(*rows, strict=True))
    found = report(binary_cohort(scores, labels), "binary", "1")
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
    expected = {"accuracy": metrics.accuracy_score(actual, predicted), "mean_score": scores.mean()}
    assert values(evaluate(cohort, "multiclass", None)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("offset", [0.0, 1e9])
def test_numbers_as_scikit_learn(offset):
    random = np.random.default_rng(5)
    actual = offset + random.lognormal(size=800)
    predicted = actual + random.standard_t(3, size=800)
    expected = {
        "mae": metrics.mean_absolute_error(actual, predicted),
        "rmse": metrics.root_mean_squared_error(actual, predicted),
    }
    found = evaluate(regression_cohort(predicted, actual), "regression", None)
    assert values(found) == pytest.approx(expected, rel=1e-12)


def test_a_revised_outcome_moves_the_metrics_and_a_repeated_one_does_not():
    rows = [outcome(str(row), klass="1", score=0.9, actual="1") for row in range(4)]
    cohort = cohort_of([*rows, *rows, outcome("0", 99, klass="1", score=0.9, actual="0")])
    found = values(evaluate(cohort, "binary", "1"))
    assert (found["accuracy"], found["mean_label"], found["mean_score"]) == (0.75, 0.75, 0.9)


NO_LABELS = "no labels yet"


@pytest.mark.parametrize(
    ("task", "names"),
    [
        ("binary", ["accuracy", "roc_auc", "log_loss", "mean_score", "mean_label"]),
        ("multiclass", ["accuracy", "mean_score"]),
        ("regression", ["mae", "rmse"]),
        ("ranking", []),
        ("anomaly", []),
    ],
)
def test_an_empty_cohort_has_no_metrics_and_says_so(task, names):
    assert report(Cohort(), task, None) == Report([], dict.fromkeys(names, NO_LABELS), 0)


def test_one_class_has_no_area_but_all_the_rest():
    found = report(binary_cohort(np.array([0.2, 0.4, 0.7]), np.array([False] * 3)), "binary", "1")
    assert found.absent == {"roc_auc": "all 3 labels are of one class"}
    assert set(values(found.evaluations)) == {"accuracy", "log_loss", "mean_score", "mean_label"}


def test_one_row_shows_no_spread():
    found = report(binary_cohort(np.array([0.2]), np.array([False])), "binary", "1")
    assert set(values(found.evaluations)) == {"accuracy", "mean_label"}
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
    found = report(binary_cohort(scores, labels, ("late", "on time")), "binary", None)
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
    found = report(cohort, "binary", names[1])
    assert found.unreadable == unreadable
    assert values(found.evaluations)["mean_label"] == mean_label
    assert {each.labels for each in found.evaluations} == {4 - unreadable}


def test_more_than_two_classes_are_not_squeezed_into_two():
    cohort = cohort_of(outcome(name, klass=name, score=0.5, actual=name) for name in ("cat", "dog", "eel"))
    found = report(cohort, "binary", None)
    reason = "a binary task has two classes, but the outcomes have 3: 'cat', 'dog', 'eel'"
    assert (found.evaluations, set(found.absent.values()), found.unreadable) == ([], {reason}, 3)


def test_numbers_where_classes_are_texts_are_set_aside():
    rows = [("cat", "cat"), ("cat", "dog"), ("dog", 1.0), ("dog", "eel")]
    cohort = cohort_of(outcome(str(row), klass=said, actual=was) for row, (said, was) in enumerate(rows))
    found = report(cohort, "multiclass", None)
    assert (found.evaluations[0].value, found.evaluations[0].labels, found.unreadable) == (1 / 3, 3, 1)


def test_numbered_classes_may_come_as_numbers():
    cohort = cohort_of(outcome(str(row), klass=str(row), actual=float(min(row, 2))) for row in range(4))
    found = report(cohort, "multiclass", None)
    assert (found.evaluations[0].value, found.unreadable) == (0.75, 0)


def test_texts_where_numbers_are_predicted_are_set_aside():
    rows = [(1.0, 2.0), (3.0, 6.0), (5.0, "late"), (None, 7.0)]
    cohort = cohort_of(outcome(str(row), value=said, actual=was) for row, (said, was) in enumerate(rows))
    found = report(cohort, "regression", None)
    assert (values(found.evaluations), found.unreadable) == ({"mae": 2.0, "rmse": 5.0**0.5}, 2)


def test_predictions_without_a_score_or_a_class():
    classes = report(cohort_of([outcome(klass="1", actual="1")]), "binary", "1")
    assert classes.absent["roc_auc"] == classes.absent["mean_score"] == "the outcomes carry no score"
    scores = report(
        cohort_of([outcome(str(row), score=row / 4, actual=float(row % 2)) for row in range(4)]), "binary", "1"
    )
    assert scores.absent == {"accuracy": "the outcomes carry no predicted class"}
    assert values(scores.evaluations)["roc_auc"] == 0.75


def test_scores_that_are_no_probabilities_have_no_log_loss():
    found = report(binary_cohort(np.array([-2.0, 3.0, 1.0]), np.array([False, True, False])), "binary", "1")
    assert found.absent == {"log_loss": "the scores are not probabilities from 0 to 1"}
    assert values(found.evaluations)["roc_auc"] == 1.0


def test_numbers_at_the_end_of_the_doubles_are_an_answer_and_not_a_crash():
    far = regression_cohort(np.array([1e308, 1.0]), np.array([-1e308, 1.0]))
    assert report(far, "regression", None).absent["mae"] == (
        "a predicted and a true number lie too far apart for a double"
    )
    large = regression_cohort(np.array([1e200, 1.0]), np.array([0.0, 1.0]))
    assert set(report(large, "regression", None).absent.values()) == {"numbers beyond 1e150 are too large to square"}
