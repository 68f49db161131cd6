"""The SDK says which errors the baseline expects, whatever the shape of the calls, and nothing of denied features."""

import numpy as np
import pytest

import tidegauge
from tests.sdk.test_baseline_loss import BASELINE, expected, frame
from tidegauge import semconv
from tidegauge.testing import capture

LATER = frame(40, 9)
FEATURES = LATER[["age", "fuel", "noise"]]


def points(**options: object) -> list[dict]:
    def predict(rows):
        return LATER["said"].to_numpy() if len(rows) == 40 else LATER["said"].iloc[predict.row]

    with capture() as seen:
        model = tidegauge.monitor("m", version="1", baseline=BASELINE, **options)(predict)
        if options:
            model(FEATURES)
        else:
            model(FEATURES)
            for predict.row in range(40):
                model(FEATURES.iloc[[predict.row]].to_dict("records"))
    return [point for point in seen.points if point["name"] == semconv.METRIC_ESTIMATED_LOSS]


def test_expected_errors_are_those_of_the_baseline_for_a_frame_and_for_rows() -> None:
    found = points()
    assert sum(point["count"] for point in found) == 80
    assert sum(point["sum"] for point in found) == pytest.approx(2 * expected(BASELINE, LATER).sum(), rel=1e-12)
    counts = np.sum([point["counts"] for point in found], axis=0)
    assert counts.tolist() == (2 * BASELINE.loss.error.bins.count(expected(BASELINE, LATER))).tolist()


@pytest.mark.parametrize("options", [{"deny": ["age"]}, {"hash": ["fuel"]}])
def test_where_a_feature_must_not_leave_no_error_does(options: dict[str, list[str]]) -> None:
    assert points(**options) == []
