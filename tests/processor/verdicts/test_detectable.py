"""The shift that a quiet window would have shown, against windows that were really shifted."""

import numpy as np
import pytest
from scipy import stats

from tests.calibration import laws
from tests.calibration.month import World, model
from tidegauge.statistics.anderson_darling import anderson_darling
from tidegauge_processor.verdicts.bridge import Bridge
from tidegauge_processor.verdicts.budget import STREAMS
from tidegauge_processor.verdicts.detectable import _critical
from tidegauge_processor.verdicts.judge import judge
from tidegauge_processor.verdicts.types import Policy, Reference, Stream, Window

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


@pytest.mark.parametrize("rows", [50, 400, 5_000])
def test_where_nothing_is_known_of_blocks_it_is_near_that_of_the_best_test(rows):
    bounds = np.linspace(-5, 5, 51)
    shares = np.diff(stats.norm.cdf(bounds), prepend=0.0, append=1.0)
    counts = {Stream("feature", "age"): np.round(rows * shares).astype(np.int64)}
    known = dict.fromkeys(counts, Reference(np.round(1e6 * shares).astype(np.int64)[None], bounds))
    (verdict,) = judge([Window(0, HOUR, counts, np.array([True]))], known, Policy(scales=(1,)))
    best = stats.norm.isf(verdict.level / 2) * np.sqrt(1 / verdict.rows + 1e-6)
    assert verdict.detectable_shift == pytest.approx(best, rel=0.1)


def test_nothing_is_said_of_categories_and_of_few_rows():
    rng = np.random.default_rng(1)
    law = laws.normal(rng)
    (known,) = model(rng, law, World(200, 200), 1)
    age = Stream("feature", "age")
    counts = rng.multinomial(10, law.shares(np.zeros(1), np.ones(1))[0])
    (verdict,) = judge([Window(0, HOUR, {age: counts}, np.array([True]))], {age: known}, Policy(scales=(1,)))
    assert np.isnan(verdict.detectable_shift)


def test_the_critical_value_is_that_of_anderson_darlings_law():
    """With ever more cells the weights are 1/2, 1/6, 1/12, ...; the product over all but the first is the root of 3."""
    reference, window = np.full((1, 2_000), 1e6), np.full((1, 2_000), 10.0)
    for level in (1e-3, 1e-6):
        (critical,) = _critical(Bridge(anderson_darling(reference, window)), np.zeros((1, 1)), np.array([level]))
        assert critical == pytest.approx(stats.norm.isf(level / np.sqrt(3) / 2) ** 2 / 2, rel=0.003)
