"""Receipts, outcomes and events of predictions carry the scores of every class, where the baseline calibrates them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tidegauge
from tests.sdk.test_class_scores import ANSWERS, BASELINE, CLASSES, INPUTS, ODD, SCORES, WITHOUT, fit, frame, shares
from tidegauge import Baseline, Settings, semconv
from tidegauge.receipt import Receipt, decode
from tidegauge.score_codes import class_set_of, from_codes, to_codes
from tidegauge.testing import Captured, capture

KNOWN = from_codes(to_codes(SCORES))


def receipts(answer: Any, baseline: Baseline | None = BASELINE, rows: int = 40, **options: Any) -> list[Receipt]:
    model = tidegauge.monitor("ways", version="1", baseline=baseline, **options)(lambda rows: answer)
    model(INPUTS[:rows] if rows > 1 else INPUTS[0])
    call = tidegauge.last_prediction()
    assert call is not None
    assert [call.receipt] == call.receipts[:1]
    return [decode(each) for each in call.receipts]


def scores_of(found: list[Receipt]) -> list[list[float] | None]:
    return [None if each.class_scores is None else each.class_scores.scores for each in found]


@pytest.mark.parametrize("name", ANSWERS)
def test_every_receipt_has_those_of_its_row_whatever_the_answers_shape(name: str) -> None:
    with capture():
        found = [made for answer, rows in zip(*ANSWERS[name], strict=True) for made in receipts(answer, rows=rows)]
    assert np.array_equal(scores_of(found), KNOWN)
    assert {each.class_scores.class_set for each in found if each.class_scores} == {class_set_of(CLASSES)}


def test_a_row_without_a_class_or_a_good_score_has_none() -> None:
    scores = SCORES[:4].copy()
    scores[0, 1], scores[1] = np.nan, [1.5, -0.25, -0.25]
    answer = {"class": [CLASSES[place] for place in SCORES[:4].argmax(axis=1)], "probabilities": scores}
    with capture():
        assert scores_of(receipts(answer, rows=4)) == [None, None, *KNOWN[2:4].tolist()]
        assert scores_of(receipts(scores, rows=4)) == [None, None, *KNOWN[2:4].tolist()]


@pytest.mark.parametrize("name", WITHOUT)
def test_nothing_is_put_in_where_nobody_could_use_it(name: str) -> None:
    baseline, answer = WITHOUT[name]()
    with capture() as seen:
        assert scores_of(receipts(answer, baseline, task=None if baseline else "multiclass")) == [None] * 40
        assert (seen.failures, seen.drops) == ({}, {})


@pytest.mark.parametrize("name", ODD)
def test_another_number_of_classes_costs_these_scores_and_no_receipt(name: str) -> None:
    with capture():
        assert scores_of(receipts(ODD[name])) == [None] * 40


def event(seen: Captured, name: str) -> dict[str, Any]:
    (found,) = [each["attributes"] for each in seen.events if each["name"] == name]
    return {key: found[key] for key in (semconv.PREDICTION_CLASS_SCORES, semconv.PREDICTION_CLASS_SET) if key in found}


def test_they_go_out_with_the_outcome_and_with_the_prediction() -> None:
    expected = {
        semconv.PREDICTION_CLASS_SCORES: pytest.approx(KNOWN[0].tolist(), rel=1e-12),
        semconv.PREDICTION_CLASS_SET: class_set_of(CLASSES),
    }
    with capture(Settings(prediction_events=True)) as seen:
        model = tidegauge.monitor("ways", version="1", baseline=BASELINE, prediction_id=lambda row: "trip-1")
        model(lambda row: SCORES[:1])(INPUTS[0])
        tidegauge.record_outcome(tidegauge.last_prediction().receipt, actual="bus")
        seen.flush()
        assert event(seen, semconv.EVENT_FEEDBACK) == expected
        assert event(seen, semconv.EVENT_PREDICTION) == expected


def test_of_more_than_16_classes_the_prediction_has_them_and_the_receipt_has_not() -> None:
    names = tuple(f"c{place:02}" for place in range(17))
    rows = frame(300, 5, names)
    baseline = fit(rows.assign(was=[*names, *rows["was"][17:]]), {name: f"p_{name}" for name in names})
    with capture(Settings(prediction_events=True)) as seen:
        model = tidegauge.monitor("ways", version="1", baseline=baseline, prediction_id=lambda row: "trip-1")
        model(lambda row: shares(1, 6, 17))(INPUTS[0])
        assert decode(tidegauge.last_prediction().receipt).class_scores is None
        seen.flush()
        assert len(event(seen, semconv.EVENT_PREDICTION)[semconv.PREDICTION_CLASS_SCORES]) == 17
