"""Scores of every class against the labels: scikit-learn's numbers on the same rows, or a reason why there are none."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics

from tests.processor.performance.outcomes import cohort_of, every_class, multiclass_cohort, outcome
from tidegauge.score_codes import from_codes, to_codes
from tidegauge_processor.performance import intervals, multiclass
from tidegauge_processor.performance.classes import Classified
from tidegauge_processor.performance.cohort import Cohort
from tidegauge_processor.performance.estimates import Estimate
from tidegauge_processor.performance.evaluate import Report, report, report_segments
from tidegauge_processor.performance.every_class import METRICS, EveryClass
from tidegauge_processor.performance.influences import Levels

NAMES = ("bus", "car", "walk")
ALL = {"roc_auc", "average_precision", "log_loss", "brier"}


def drawn(rows: int, seed: int, alpha: tuple[float, ...] = (1.0, 0.8, 0.3)) -> tuple[np.ndarray, np.ndarray]:
    """Scores, and the classes that come true as often as these say."""
    random = np.random.default_rng(seed)
    scores = random.dirichlet(alpha, rows)
    places = (scores.cumsum(axis=1) < random.random((rows, 1))).sum(axis=1)
    return scores, np.array(NAMES)[places]


def found_of(cohort: Cohort, names: tuple[str, ...] = NAMES) -> Report:
    return report(cohort.table(), "multiclass", None, names)


def values(found: Report, klass: str | None = None) -> dict[str, float]:
    assert all(each.lower <= each.value <= each.upper for each in found.evaluations)
    return {each.name: each.value for each in found.evaluations if each.klass == klass and each.name in ALL}


def as_scikit_learn(scores: np.ndarray, actual: np.ndarray, weights: np.ndarray | None = None) -> dict[str, float]:
    of = {"sample_weight": weights}
    each = actual[:, np.newaxis] == np.array(NAMES)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The y_prob values do not sum to one")  # once they have been rounded
        return {
            "roc_auc": metrics.roc_auc_score(each, scores, average="macro", **of),
            "average_precision": metrics.average_precision_score(each, scores, average="macro", **of),
            "log_loss": metrics.log_loss(actual, scores, labels=NAMES, **of),
            "brier": metrics.brier_score_loss(actual, scores, labels=NAMES, **of),
        }


@pytest.mark.parametrize("digits", [1, 17], ids=["many ties", "no ties"])
def test_as_scikit_learn_on_the_scores_that_receipts_carry(digits: int) -> None:
    scores, actual = drawn(700, 1)
    scores = scores.round(digits)
    known = from_codes(to_codes(scores))
    found = found_of(multiclass_cohort(scores, actual, NAMES))
    assert values(found) == pytest.approx(as_scikit_learn(known, actual), rel=1e-12, abs=1e-12)
    for place, name in enumerate(NAMES):
        assert values(found, name) == pytest.approx(
            {
                "roc_auc": metrics.roc_auc_score(actual == name, known[:, place]),
                "average_precision": metrics.average_precision_score(actual == name, known[:, place]),
            },
            rel=1e-12,
        )
    assert {each.labels for each in found.evaluations if each.name in ALL} == {700}


@pytest.mark.parametrize("alpha", [(1.0, 0.8, 0.3), (0.05, 0.05, 0.05)], ids=["spread", "sure of itself"])
def test_within_a_thousandth_of_scikit_learn_on_the_original_scores(alpha: tuple[float, ...]) -> None:
    scores, actual = drawn(2_000, 2, alpha)
    found, expected = values(found_of(multiclass_cohort(scores, actual, NAMES))), as_scikit_learn(scores, actual)
    assert found == pytest.approx(expected, abs=1e-3)
    assert found["log_loss"] == pytest.approx(expected["log_loss"], abs=5e-4)


def test_weighted_rows_as_scikit_learn() -> None:
    scores, actual = drawn(500, 3)
    table = multiclass_cohort(scores, actual, NAMES).table()
    weights = np.random.default_rng(4).uniform(0.5, 3, 500)
    truth = np.array([table.kinds[kind].actual for kind in table.kind])
    found = report(table._replace(weight=weights), "multiclass", None, NAMES)
    assert values(found) == pytest.approx(as_scikit_learn(from_codes(table.codes), truth, weights), rel=1e-12)


def test_scores_of_0_and_1_are_clipped_as_by_scikit_learn() -> None:
    scores, actual = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.25, 0.25, 0.5]]), np.array(["bus", "walk", "car"])
    found = values(found_of(multiclass_cohort(scores, actual, NAMES)))
    assert found["log_loss"] == pytest.approx(metrics.log_loss(actual, scores, labels=NAMES), rel=1e-12)
    assert found["brier"] == pytest.approx(metrics.brier_score_loss(actual, scores, labels=NAMES), rel=1e-12)


def test_a_class_that_did_not_come_true_is_left_out_of_the_means() -> None:
    scores, actual = drawn(300, 5)
    scores, actual = scores[actual != "walk"], actual[actual != "walk"]
    found = found_of(multiclass_cohort(scores, actual, NAMES))
    each = [
        metrics.roc_auc_score(actual == name, from_codes(to_codes(scores))[:, NAMES.index(name)]) for name in NAMES[:2]
    ]
    assert values(found)["roc_auc"] == pytest.approx(np.mean(each), rel=1e-12)
    assert values(found, "walk") == {}


def test_rows_of_one_class_have_no_area() -> None:
    scores, _ = drawn(5, 6)
    found = found_of(multiclass_cohort(scores, ["bus"] * 5, NAMES))
    assert found.absent["roc_auc"] == "all 5 labels are of one class"
    assert values(found)["average_precision"] == 1.0


def test_a_true_class_without_scores_had_none() -> None:
    scores, actual = np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]]), ["tram", "car"]
    found = values(found_of(multiclass_cohort(scores, actual, NAMES)))
    assert found["log_loss"] == pytest.approx((-np.log(np.finfo(float).eps) - np.log(0.5)) / 2, rel=1e-12)
    assert found["brier"] == pytest.approx((1 + 0.5**2 + 2 * 0.25**2 + 0.5**2 + 2 * 0.25**2) / 2, rel=1e-12)
    assert found["roc_auc"] == 1.0


def test_scores_that_do_not_add_up_to_one_may_lie_further_off() -> None:
    found = found_of(multiclass_cohort(np.ones((3, 3)), ["tram", "tram", "bus"], NAMES))
    brier = next(each for each in found.evaluations if each.name == "brier")
    assert brier.value == pytest.approx((4 + 4 + 2) / 3)
    assert brier.upper <= 4


@pytest.mark.parametrize(
    ("names", "scores", "reason"),
    [
        (NAMES, None, "the outcomes carry no scores of every class"),
        (
            ("bus", "walk", "car"),
            NAMES,
            "the scores of every class are of other classes than those of the baseline in force",
        ),
        (("bus", "car"), NAMES, "the scores of every class are of other classes than those of the baseline in force"),
        ((), NAMES, "there is no baseline that says of which classes the scores are"),
    ],
    ids=["none", "another order", "fewer classes", "no baseline"],
)
def test_scores_that_cannot_be_used_say_why(
    names: tuple[str, ...], scores: tuple[str, ...] | None, reason: str
) -> None:
    rows = [
        outcome(
            str(row),
            klass="bus",
            score=0.5,
            actual="car",
            class_scores=scores and every_class(scores, (0.5, 0.25, 0.25)),
        )
        for row in range(3)
    ]
    found = report(cohort_of(rows).table(), "multiclass", None, names)
    assert {name: found.absent[name] for name in ALL} == dict.fromkeys(ALL, reason)
    assert "accuracy" in {each.name for each in found.evaluations}


def test_only_the_rows_with_scores_of_these_classes_count() -> None:
    scores, actual = drawn(40, 7)
    own = [
        outcome(str(row), klass="bus", score=0.5, actual=str(was), class_scores=every_class(NAMES, each))
        for row, (each, was) in enumerate(zip(scores, actual, strict=True))
    ]
    others = [replace(each, id=f"n{each.id}", class_scores=None) for each in own]
    swapped = [replace(each, id=f"o{each.id}", class_scores=every_class(NAMES[::-1], scores[0])) for each in own]
    found = found_of(cohort_of([*own, *others, *swapped]))
    assert values(found) == values(found_of(cohort_of(own)))
    assert {each.labels for each in found.evaluations if each.name in ALL} == {40}


def test_a_slice_has_them_too() -> None:
    scores, actual = drawn(60, 8)
    rows = [
        outcome(str(row), klass="bus", score=0.5, actual=str(was), class_scores=every_class(NAMES, each))
        for row, (each, was) in enumerate(zip(scores, actual, strict=True))
    ]
    sliced = [replace(each, segments=(("region", "north" if row < 40 else "south"),)) for row, each in enumerate(rows)]
    found = report_segments(cohort_of(sliced).table(), "multiclass", None, NAMES)
    north = {each.name: each.value for each in found if each.segment == ("region", "north") and each.name in ALL}
    assert north == values(found_of(cohort_of(rows[:40])))


@pytest.mark.parametrize(
    ("metric", "influences"),
    [(intervals.weighted_area_under_roc, Levels.on_area), (intervals.average_precision, Levels.on_average_precision)],
)
def test_an_influence_is_what_a_little_more_weight_of_the_row_changes(
    metric: Callable[..., Estimate], influences: Callable[[Levels], np.ndarray]
) -> None:
    random = np.random.default_rng(9)
    scores, weights = random.random(30).round(1), random.uniform(0.5, 3, 30)
    positive = random.random(30) < scores
    changed = [
        [metric(scores, positive, weights * (1 + step * (np.arange(30) == row))).value for step in (1e-6, -1e-6)]
        for row in range(30)
    ]
    expected = [(more - less) / 2e-6 for more, less in changed]
    found = influences(Levels.of(scores, positive, weights))
    assert found == pytest.approx(expected, abs=1e-8)
    assert found.sum() == pytest.approx(0, abs=1e-12)


def test_intervals_cover_the_truth_and_those_of_apart_classes_would_not() -> None:
    def measured(rows: int, seed: int) -> tuple[dict[str, Estimate], Estimate]:
        scores, actual = drawn(rows, seed, (1.0, 1.0, 1.0))
        places = np.array([NAMES.index(name) for name in actual.tolist()])
        every = EveryClass(NAMES, to_codes(scores), places, np.ones(rows))
        predicted = Classified(NAMES, scores.argmax(axis=1), places, scores.max(axis=1), every.weight, places, 0)
        found = {name: metric(every) for name, metric in METRICS.items()}
        found["macro_specificity"] = multiclass.macro_specificity(predicted)
        return found, intervals.mean_of([*every.curves[0].of_class.values()], rows)

    truth, _ = measured(60_000, 1)
    held, apart = dict.fromkeys(truth, 0), 0
    for seed in range(2, 302):
        found, naive = measured(200, seed)
        for name, each in found.items():
            held[name] += each.lower <= truth[name].value <= each.upper
        apart += naive.lower <= truth["roc_auc"].value <= naive.upper
    assert min(held.values()) >= 0.92 * 300, held
    assert apart < 0.92 * 300
