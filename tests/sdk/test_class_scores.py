"""The SDK counts the scores of every class, whatever the shape of the answers, where the baseline wants them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import tidegauge
from tests.sdk.builders import small_baseline
from tidegauge import Baseline, BaselineError, ManualClock, Settings, semconv
from tidegauge._export.encode import encode_metrics
from tidegauge._process import PROCESS
from tidegauge.testing import Captured, capture

CLASSES = ("bus", "car", "tram")


def shares(rows: int, seed: int, classes: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(classes), rows)


def frame(rows: int, seed: int, classes: tuple[str, ...] = CLASSES) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    scores = shares(rows, seed, len(classes))
    was = [str(rng.choice(classes, p=row)) for row in scores]
    found = pd.DataFrame(scores, columns=[f"p_{name}" for name in classes])
    return found.assign(x=rng.normal(size=rows), was=was)


def fit(df: pd.DataFrame, score: Any, **more: Any) -> Baseline:
    given = {"task": "multiclass", "label": "was", "features": ["x"], "score": score} | more
    return Baseline.fit(df, model="ways", version="1", **given)


BASELINE = fit(frame(2_000, 1), {name: f"p_{name}" for name in CLASSES})
SCORES = shares(40, 2)
INPUTS = [{"x": 0.5}] * 40


def points(answers: list[Any], rows: list[int], baseline: Baseline = BASELINE, **options: Any) -> list[dict[str, Any]]:
    with capture() as seen:
        predict(answers, rows, baseline, **options)
        assert (seen.failures, seen.drops) == ({}, {})
    return [point for point in seen.points if point["name"] == semconv.METRIC_CLASS_SCORE]


def predict(answers: list[Any], rows: list[int], baseline: Baseline = BASELINE, **options: Any) -> None:
    given = iter(answers)
    model = tidegauge.monitor("ways", version="1", baseline=baseline, **options)(lambda rows: next(given))
    for number in rows:
        model(INPUTS[:number] if number > 1 else INPUTS[0])


def expected(scores: np.ndarray, predicted: np.ndarray) -> dict[tuple[str, bool], list[int]]:
    found = {}
    for place, (name, calibration) in enumerate(BASELINE.class_calibrations.items()):
        for chosen in (False, True):
            values = scores[(predicted == place) == chosen, place]
            if values.size:
                found[name, chosen] = calibration.bins.count(values).tolist()
    return found


def counted(found: list[dict[str, Any]]) -> dict[tuple[str, bool], list[int]]:
    key = (semconv.PREDICTION_CLASS, semconv.PREDICTION_CHOSEN)
    return {(p["attributes"][key[0]], p["attributes"][key[1]]): p["counts"] for p in found}


ANSWERS: dict[str, tuple[list[Any], list[int]]] = {
    "an array for a batch": ([SCORES], [40]),
    "an array for each row": ([row.reshape(1, -1) for row in SCORES], [1] * 40),
    "a list of numbers for each row": ([row.tolist() for row in SCORES], [1] * 40),
    "a dict for each row": ([dict(zip(CLASSES, row.tolist(), strict=True)) for row in SCORES], [1] * 40),
    "dicts for a batch, in any order": ([[dict(zip(CLASSES[::-1], row[::-1], strict=True)) for row in SCORES]], [40]),
    "places as keys": ([dict(enumerate(row)) for row in SCORES], [1] * 40),
    "a data frame": ([pd.DataFrame(SCORES)], [40]),
    "class and probabilities": (
        [{"class": [CLASSES[place] for place in SCORES.argmax(axis=1)], "probabilities": SCORES}],
        [40],
    ),
    "class and probabilities by class": (
        [
            {"class": CLASSES[row.argmax()], "probabilities": dict(zip(CLASSES, row.tolist(), strict=True))}
            for row in SCORES
        ],
        [1] * 40,
    ),
    "some arrays, some dicts": (
        [SCORES[:39], dict(zip(CLASSES, SCORES[39].tolist(), strict=True))],
        [39, 1],
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_scores_are_counted_by_class_and_whether_it_was_chosen(name: str) -> None:
    found = points(*ANSWERS[name])
    assert counted(found) == expected(SCORES, SCORES.argmax(axis=1))
    for point in found:
        calibration = BASELINE.class_calibrations[point["attributes"][semconv.PREDICTION_CLASS]]
        assert (point["unit"], point["bounds"]) == ("1", calibration.bounds.tolist())
        assert point["attributes"][semconv.BASELINE_ID] == BASELINE.id
    assert sum(point["sum"] for point in found) == pytest.approx(40, rel=1e-12)


def test_a_row_counts_with_all_of_its_scores_or_not_at_all() -> None:
    scores = SCORES.copy()
    scores[3, 1] = np.nan
    scores[5] = [1.5, -0.25, -0.25]
    scores[7] = [np.inf, 0.0, 0.0]
    whole = np.delete(scores, [3, 5, 7], axis=0)
    said = [CLASSES[place] for place in SCORES.argmax(axis=1)]
    found = points([{"class": said, "probabilities": scores}], [40])
    assert counted(found) == expected(whole, np.delete(SCORES, [3, 5, 7], axis=0).argmax(axis=1))
    assert counted(points([scores], [40])) == expected(whole, whole.argmax(axis=1))


def test_a_class_that_nobody_calibrated_is_another_one() -> None:
    found = points([{"class": ["zebra"] * 40, "probabilities": SCORES}], [40])
    assert counted(found) == expected(SCORES, np.full(40, -1))


def test_scores_that_do_not_add_up_to_one_are_counted_too() -> None:
    """One model for each class: the classes are calibrated one by one, so their scores need not be a distribution."""
    scores = np.round(SCORES**0.5, 6)
    assert counted(points([scores], [40])) == expected(scores, scores.argmax(axis=1))


def test_the_caller_may_change_the_array_afterwards() -> None:
    answer = SCORES.copy()
    with capture() as seen:
        predict([answer], [40])
        answer[:] = 0.0
    assert counted([p for p in seen.points if p["name"] == semconv.METRIC_CLASS_SCORE]) == expected(
        SCORES, SCORES.argmax(axis=1)
    )


def nothing_kept(seen: Captured) -> bool:
    call = tidegauge.last_prediction()
    assert call is not None
    assert call.outputs is not None
    sent = [point for point in seen.points if point["name"] == semconv.METRIC_CLASS_SCORE]
    return call.outputs.class_scores is None and not sent


WITHOUT: dict[str, Callable[[], tuple[Any, Any]]] = {
    "no baseline": lambda: (None, SCORES),
    "only the predicted class was scored": lambda: (
        fit(frame(200, 3).assign(s=0.5), "s", prediction="was"),
        SCORES,
    ),
    "no labels": lambda: (fit(frame(200, 3), {name: f"p_{name}" for name in CLASSES}, label=None), SCORES),
    "a binary model": lambda: (small_baseline("ways", "1"), np.stack([SCORES[:, 0], 1 - SCORES[:, 0]], axis=1)),
    "classes alone": lambda: (BASELINE, ["bus"] * 40),
    "the score of the predicted class alone": lambda: (BASELINE, [("bus", 0.5)] * 40),
}


@pytest.mark.parametrize("name", WITHOUT)
def test_nothing_is_kept_or_sent_where_nobody_needs_it(name: str) -> None:
    baseline, answer = WITHOUT[name]()
    with capture() as seen:
        model = tidegauge.monitor("ways", version="1", baseline=baseline, task=None if baseline else "multiclass")
        model(lambda rows: answer)(INPUTS)
        assert nothing_kept(seen)
        assert (seen.failures, seen.drops) == ({}, {})


ODD: dict[str, Any] = {
    "an array": shares(40, 2, classes=4),
    "rows of different lengths": [
        {"class": "bus", "probabilities": row.tolist()} for row in [*SCORES[:39], shares(1, 2, classes=4)[0]]
    ],
}


@pytest.mark.parametrize("name", ODD)
def test_another_number_of_classes_is_said_and_costs_only_these_scores(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with capture() as seen:
        predict([ODD[name], SCORES], [40, 40])
        found = [point for point in seen.points if point["name"] == semconv.METRIC_CLASS_SCORE]
        predicted = sum(point["value"] for point in seen.points if point["name"] == semconv.METRIC_PREDICTIONS)
        assert seen.failures == {"class_scores": 1}
    assert (counted(found), predicted) == (expected(SCORES, SCORES.argmax(axis=1)), 80)
    assert "4 scores for a row where the baseline has those of 3 classes" in caplog.text


def test_a_class_with_a_column_has_its_place_though_no_reference_row_is_of_it() -> None:
    rows = frame(500, 4)
    rows = rows[rows["was"] != "car"].assign(p_car=0.0)
    baseline = fit(rows, {name: f"p_{name}" for name in CLASSES})
    assert baseline.classes == CLASSES
    with capture() as seen:
        predict([np.eye(3)], [3], baseline)
    predicted = [p["attributes"] for p in seen.points if p["name"] == semconv.METRIC_PREDICTIONS]
    assert sorted(attributes[semconv.PREDICTION_CLASS] for attributes in predicted) == list(CLASSES)


def test_a_class_that_comes_true_and_has_no_column_moves_none_of_the_others() -> None:
    rows = frame(500, 4).assign(was=lambda found: found["was"].where(found.index % 9 > 0, "aeroplane"))
    baseline = fit(rows, {name: f"p_{name}" for name in reversed(CLASSES)})
    assert baseline.classes == ("aeroplane", *CLASSES)
    assert list(baseline.class_calibrations) == list(CLASSES)
    found = points([np.eye(3)], [3], baseline)
    assert {tuple(key) for key in counted(found)} == {(name, chosen) for name in CLASSES for chosen in (False, True)}
    assert {point["count"] for point in found} == {1, 2}
    with capture() as seen:
        predict([np.eye(3)], [3], baseline)
        assert (seen.failures, seen.drops) == ({}, {})
    predicted = [p["attributes"] for p in seen.points if p["name"] == semconv.METRIC_PREDICTIONS]
    assert sorted(attributes[semconv.PREDICTION_CLASS] for attributes in predicted) == list(CLASSES)


def test_too_many_classes_are_not_told_apart() -> None:
    names = tuple(f"c{place:02}" for place in range(64))
    columns = {name: f"p_{name}" for name in names}
    rows = frame(600, 5, names)
    many = fit(rows.assign(was=[*names, *rows["was"][64:]]), columns)
    assert ([each.klass for each in many.calibration], many.class_calibrations) == ([""], {})
    few = fit(frame(600, 5, names[:63]), {name: columns[name] for name in names[:63]})
    assert list(few.class_calibrations) == list(names[:63])
    assert points([shares(3, 6, 64)], [3], many) == []
    assert len(points([shares(3, 6, 63)], [3], few)) == 63 + 3


@pytest.mark.parametrize("each", [True, False])
def test_a_column_is_of_the_class_in_its_place_whatever_number_that_is_called(each: bool) -> None:
    rows = frame(500, 6, ("1", "2", "3")).assign(best=0.5)
    columns = {name: f"p_{name}" for name in ("1", "2", "3")}
    baseline = fit(rows, columns) if each else fit(rows, "best", prediction="was")
    with capture() as seen:
        predict([np.eye(3)[[1, 1, 2]]], [3], baseline)
        counts = {
            point["attributes"][semconv.PREDICTION_CLASS]: point["value"]
            for point in seen.points
            if point["name"] == semconv.METRIC_PREDICTIONS
        }
    assert counts == {"2": 2, "3": 1}


def test_numbers_may_be_keys_of_the_columns() -> None:
    rows = frame(500, 6, ("0", "1", "2"))
    found = fit(rows, {np.int64(place): f"p_{place}" for place in range(3)})
    assert list(found.class_calibrations) == ["0", "1", "2"]
    with pytest.raises(BaselineError, match="are not different names of classes"):
        fit(rows, {0: "p_0", "0": "p_1", "2": "p_2"})
    with pytest.raises(BaselineError, match="are not different names of classes"):
        fit(rows, {None: "p_0", "1": "p_1", "2": "p_2"})


def test_sums_add_up_exactly_over_flushes() -> None:
    """What rounding leaves over of each stream goes with its next interval, chosen and not chosen apart."""
    clock = ManualClock(3_600 * 10**9)
    with capture(Settings(export_interval=3600), clock=clock) as seen:
        for part in np.array_split(SCORES, 8):
            predict([part], [len(part)])
            clock.advance(60 * 10**9)
            seen.flush()
        exporters: Any = PROCESS.pipeline._exporters  # type: ignore[union-attr]
        assert PROCESS.pipeline is not None
        rests = PROCESS.pipeline.known_model("ways", "1").rests  # type: ignore[union-attr]
        assert {key[1] for key in rests if key[0] == semconv.METRIC_CLASS_SCORE} == {
            f"{name}{chosen}" for name in CLASSES for chosen in (False, True)
        }
        requests = [encode_metrics(data) for data in exporters.metrics.received]
    total = sum(
        point.sum
        for request in requests
        for metric in request.resource_metrics[0].scope_metrics[0].metrics
        if metric.name == semconv.METRIC_CLASS_SCORE
        for point in metric.histogram.data_points
    )
    assert total == pytest.approx(SCORES.sum(), rel=1e-12)
