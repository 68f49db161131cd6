"""The shift that a quiet window would have shown, against windows that were really shifted."""

import numpy as np
import pytest
from scipy import stats

from tests.calibration import laws
from tests.calibration.month import World, model
from tidegauge_processor.verdicts.budget import STREAMS
from tidegauge_processor.verdicts.judge import judge
from tidegauge_processor.verdicts.types import Policy, Stream, Window

HOUR = 3_600 * 10**9
LEVEL = 1e-4


@pytest.mark.parametrize("rows", [50, 400, 5_000])
@pytest.mark.parametrize("wobble", [0.0, 0.1])
def test_the_detectable_shift_is_found_about_every_other_time(rows, wobble):
    rng = np.random.default_rng(rows)
    law = laws.normal(rng)
    references = model(rng, law, World(rows, 200, wobble=wobble, memory=0.0), 20)
    policy = Policy(scales=(1,), false_incidents_per_month=LEVEL * 4 * 20 * 720 / STREAMS)
    streams = {Stream("feature", f"{place:02}"): known for place, known in enumerate(references)}

    def judged(shift):
        moved = law.shares(rng.normal(shift, max(wobble, 1e-9), 20), np.ones(20))
        counts = dict(zip(streams, rng.multinomial(rows, moved), strict=True))
        return judge([Window(0, HOUR, counts, np.array([True]))], streams, policy)

    shift = float(np.median([verdict.detectable_shift for verdict in judged(0.0)]))
    found = sum(
        test.p_value <= LEVEL
        for _ in range(20)
        for verdict in judged(shift)
        for test in verdict.tests
        if test.method == "anderson_darling"
    )
    assert 0.3 < found / 400 < 0.75
    if not wobble and rows < 1_000:  # beyond, what the blocks cannot rule out counts; the best test knows the law
        best = stats.norm.isf(LEVEL / 2) * np.sqrt(1 / rows + 1 / (200 * 672))
        assert shift == pytest.approx(best, rel=0.1)


def test_nothing_is_said_of_categories_and_of_few_rows():
    rng = np.random.default_rng(1)
    law = laws.normal(rng)
    (known,) = model(rng, law, World(200, 200), 1)
    age = Stream("feature", "age")
    counts = rng.multinomial(10, law.shares(np.zeros(1), np.ones(1))[0])
    (verdict,) = judge([Window(0, HOUR, {age: counts}, np.array([True]))], {age: known}, Policy(scales=(1,)))
    assert np.isnan(verdict.detectable_shift)
