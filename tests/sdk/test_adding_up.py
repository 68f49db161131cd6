"""However calls are split over flushes, what was sent adds up exactly to what was recorded."""

from collections import Counter
from fractions import Fraction
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sdk.builders import HOUR, by_name, small_baseline
from tidegauge import ManualClock, Settings, monitor
from tidegauge._block import Block
from tidegauge._process import PROCESS
from tidegauge.summaries import ExactSum, NumericSummary
from tidegauge.summaries.bins import Bins
from tidegauge.testing import capture

AGES = st.one_of(st.none(), st.floats(allow_nan=False), st.sampled_from([18.0, 40.0, 1e300, -1e-300, 0.1]))
ROWS = st.fixed_dictionaries(
    {"age": AGES, "colour": st.sampled_from(["red", "blue", "puce", None]), "score": st.floats(0, 1)}
)
STEPS = st.lists(
    st.one_of(ROWS, st.lists(ROWS, min_size=1, max_size=4), st.just("flush"), st.integers(1, 3)), max_size=12
)


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_flushes_add_up_to_the_rows(steps):
    clock = ManualClock(HOUR)
    rows = []

    @monitor("credit", version="7", baseline=small_baseline(), segments="score", deny=["none"])
    def predict(batch):
        return [row["score"] for row in batch]

    with capture(Settings(export_interval=3600), clock=clock) as seen:
        for step in steps:
            if step == "flush":
                seen.flush()
            elif isinstance(step, int):
                clock.advance(step * HOUR)
            else:
                batch = step if isinstance(step, list) else [step]
                rows += batch
                predict(batch)
        points, failures = seen.points, seen.failures
        model = PROCESS.pipeline.known_model("credit", "7")
        rest = ExactSum() if model is None else model.rests.get(("ml.feature.value", "age"), ExactSum())

    assert failures == {}
    finite = [row["age"] for row in rows if row["age"] is not None and np.isfinite(row["age"])]
    ages = by_name(points, "ml.feature.value", ml__feature__name="age")
    assert (
        np.sum([point["counts"] for point in ages] or [[0] * 4], axis=0).tolist()
        == np.bincount(np.searchsorted([18.0, 40.0, 65.0], finite), minlength=4).tolist()
    )
    sent = sum((Fraction(point["sum"]) for point in ages), Fraction(0))
    assert sent + Fraction(rest.units, 2**1126) == sum(map(Fraction, finite), Fraction(0))
    colours = Counter()
    for point in by_name(points, "ml.feature.occurrences"):
        colours[point["attributes"]["ml.feature.category"]] += point["value"]
    expected = Counter("_unseen" if row["colour"] == "puce" else row["colour"] for row in rows if row["colour"])
    assert colours == expected
    assert sum(point["value"] for point in by_name(points, "ml.predictions")) == len(rows)
    assert sum(point["count"] for point in by_name(points, "ml.prediction.score")) == len(rows)
    missing = by_name(points, "ml.data_quality.violations", ml__feature__name="age")
    missing = [p["value"] for p in missing if p["attributes"]["ml.data_quality.violation.type"] == "missing"]
    assert sum(missing) == sum(row["age"] is None for row in rows)
    made = by_name(points, "tidegauge.sdk.predictions")
    assert [point["value"] for point in made][-1:] == [len(rows)][: len(made)]
    spans = sorted({(point["start"], point["end"]) for point in points if point["kind"] != "cumulative_sum"})
    assert all(earlier[1] <= later[0] for earlier, later in pairwise(spans))
    assert all(start // HOUR == (end - 1) // HOUR for start, end in spans)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.floats(), min_size=3, max_size=3), min_size=1, max_size=30))
def test_a_block_says_the_same_as_its_columns(rows):
    bounds = [np.array([0.0]), np.array([-1.0, 0.0, 1.0]), np.array([1e-300, 1e300])]
    values = np.array(rows, dtype=np.float64).T
    for column, edges, found in zip(
        values, bounds, Block(bounds, [-1.0] * 3, [1.0] * 3).summarise(values), strict=True
    ):
        finite = column[np.isfinite(column)]
        assert found.nans == np.isnan(column).sum()
        assert found.infinite == np.isinf(column).sum()
        assert found.outside == ((finite < -1.0) | (finite > 1.0)).sum()
        assert (found.summary or NumericSummary(edges)) == NumericSummary.of(finite, Bins(edges))
