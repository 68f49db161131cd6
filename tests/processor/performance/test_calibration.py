"""Weights count in every bin of the reliability curve, and bins count for their weight."""

import numpy as np
import pytest

from tidegauge_processor.performance.calibration import calibration_error, reliability


def weighted_rows(number, seed):
    """Scores, labels and weights; positive rows, and those with high scores, weigh more."""
    random = np.random.default_rng(seed)
    scores = random.beta(2, 3, number)
    positive = random.random(number) < scores
    return scores, positive, np.where(positive, 3.0, 1.0) * (1 + 4 * scores) * random.uniform(0.5, 1.5, number)


def test_a_weighted_curve_is_that_of_numpy():
    scores, positive, weights = weighted_rows(3_000, 1)
    points = reliability(scores, positive, weights)
    expected = []
    for low in np.arange(10) / 10:
        rows = (scores > low) & (scores <= low + 0.1)
        of = weights[rows]
        expected.append((np.average(scores[rows], weights=of), np.average(positive[rows], weights=of), rows.sum()))
    assert [(point.score, point.share.value, point.share.labels) for point in points] == [
        (pytest.approx(score, rel=1e-12), pytest.approx(share, rel=1e-12), rows) for score, share, rows in expected
    ]
    gaps, totals = (
        [abs(score - share) for score, share, _ in expected],
        np.bincount((np.ceil(scores * 10) - 1).astype(int), weights),
    )
    found = calibration_error(scores, positive, weights)
    assert found.value == pytest.approx(np.average(gaps, weights=totals), rel=1e-12)
    assert found.value != pytest.approx(np.average(gaps, weights=[rows for *_, rows in expected]), rel=1e-2)
    assert found.labels == 3_000


def test_a_score_at_the_end_of_a_bin_belongs_to_it():
    scores = np.array([0.0, 0.5, np.nextafter(0.5, 1), 1.0])
    points = reliability(scores, np.array([False, True, False, True]), np.ones(4))
    assert [(point.bin, point.share.labels) for point in points] == [(0, 1), (4, 1), (5, 1), (9, 1)]


def test_a_row_of_weight_two_counts_as_two_rows():
    scores, positive, _ = weighted_rows(500, 2)
    weights = np.where(scores < 0.4, 2.0, 1.0)
    twice = np.repeat(np.arange(500), weights.astype(int))
    found = calibration_error(scores, positive, weights)
    assert found.value == pytest.approx(calibration_error(scores[twice], positive[twice], np.ones(twice.size)).value)


def test_unequal_weights_widen_the_interval():
    scores, positive, _ = weighted_rows(2_000, 3)
    equal = calibration_error(scores, positive, np.full(2_000, 7.0))
    plain = calibration_error(scores, positive, np.ones(2_000))
    assert (equal.value, equal.upper) == pytest.approx((plain.value, plain.upper), rel=1e-12)
    wide = calibration_error(scores, positive, np.tile([0.1, 9.9], 1_000))
    assert wide.upper - wide.value > 1.3 * (plain.upper - plain.value)  # half as many rows, near enough


def test_the_interval_of_weighted_rows_covers_the_error():
    """Of a model whose scores are a fifth too high, with weights that have nothing to do with it."""
    random, held = np.random.default_rng(4), 0
    for _ in range(300):
        scores = random.random(600)
        positive = random.random(600) < 0.8 * scores
        found = calibration_error(scores, positive, random.choice([0.2, 1.0, 3.0], 600))
        held += found.lower <= 0.1 <= found.upper
    assert held >= 280
