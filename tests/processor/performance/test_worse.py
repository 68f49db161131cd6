"""Mistakes and calibration against the reference: few false alarms, quick true ones."""

from collections import Counter

import numpy as np
import pytest
from scipy import stats

from tidegauge.baseline.calibration import Calibration
from tidegauge_processor.performance.worse import compare_calibration, compare_mistakes
from tidegauge_processor.verdicts.state import State

LEVEL = 1 / 720
"""The budget of one false alarm a month, were there one window of 200 labels an hour and one test."""


def test_the_p_value_is_fishers():
    found = compare_mistakes((900, 100), (150, 30), level=0.01)
    assert found.p_value == pytest.approx(stats.fisher_exact([[900, 100], [150, 30]]).pvalue, rel=1e-10)


def test_false_alarms_for_each_hundred_thousand_labels():
    random = np.random.default_rng(1)
    alarms = 0
    for _ in range(20):  # two million labels
        wrong = int(random.binomial(10_000, 0.2))
        for hits, times in Counter(random.binomial(200, 0.2, 500).tolist()).items():
            if hits < 25 or hits > 55:  # nothing between is near the level
                alarms += times * compare_mistakes((10_000 - wrong, wrong), (200 - hits, hits), LEVEL).state.alarming
    assert alarms / 20 <= 1


def test_a_rise_from_two_to_three_tenths_is_seen_in_the_first_windows():
    random = np.random.default_rng(2)
    delays = []
    for _ in range(40):
        wrong, seen = 0, 0
        while not compare_mistakes((8_000, 2_000), (seen - wrong, wrong), LEVEL / 4).state.alarming:
            seen, wrong = seen + 50, wrong + int(random.binomial(50, 0.3))
        delays.append(seen)
    assert np.median(delays) <= 250


def test_calibration_holds_its_level_while_nothing_happens():
    random = np.random.default_rng(3)
    alarms, asked = 0, 0
    for _ in range(40):
        p = random.beta(2, 6, 5_000)
        learned = Calibration.fit("1", np.quantile(p, np.arange(1, 100) / 100), p, random.random(5_000) < p)
        for _ in range(100):
            later = random.beta(2, 6, 300)
            labels = random.random(300) < later
            rows, positives = learned.bins.count(later), learned.bins.count(later[labels])
            found = compare_calibration(rows, positives, learned.probabilities, learned.rows, 0.01)
            alarms, asked = alarms + found.state.alarming, asked + 1
    assert alarms / asked <= 0.013


def test_labels_that_scores_do_not_promise_are_found():
    random = np.random.default_rng(4)
    p = random.beta(2, 6, 20_000)
    learned = Calibration.fit("1", np.quantile(p, np.arange(1, 100) / 100), p, random.random(20_000) < p)
    later = random.beta(2, 6, 1_000)
    labels = random.random(1_000) < np.minimum(later + 0.15, 1)
    rows, positives = learned.bins.count(later), learned.bins.count(later[labels])
    found = compare_calibration(rows, positives, learned.probabilities, learned.rows, 1e-4, tolerance=0.05)
    assert found.state is State.MATERIAL
    assert found.difference == pytest.approx(0.15, abs=0.04)
    assert 0.05 < found.lower < 0.15


@pytest.mark.parametrize(("tolerance", "state"), [(0.0, State.MATERIAL), (0.05, State.CHANGED)])
def test_a_harmless_change_is_not_material(tolerance, state):
    assert compare_mistakes((90_000, 10_000), (87_000, 13_000), LEVEL, tolerance).state is state


def test_too_little_data_claims_nothing():
    for window in ((0, 0), (1, 1)):
        assert compare_mistakes((90, 10), window, LEVEL).state is State.INSUFFICIENT_DATA
    few = np.array([10]), np.array([2]), np.array([0.3]), np.array([100])
    assert compare_calibration(*few, LEVEL).state is State.INSUFFICIENT_DATA
