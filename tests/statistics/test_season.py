"""Merging windows and mixing the reference to their hours."""

import numpy as np
import pytest

from tidegauge.statistics import season
from tidegauge_processor.verdicts.scales import merge_latest, stack
from tidegauge_processor.verdicts.types import Stream, Window

AGE = Stream("feature", "age")


def mix(*arguments):
    found = season.mix(*arguments)
    return season.Season(found.usable, found.reference[:, 0])


def hours(*numbers, slots=24):
    return np.array([[slot == number for slot in range(slots)] for number in numbers])


def test_scales_merge_the_latest_windows():
    windows = [Window(t, t + 1, {AGE: np.array([t, 10])} if t != 2 else {}, np.array([True])) for t in range(5)]
    stacked = stack(windows, [AGE], 2)
    assert merge_latest(stacked, (1, 3, 5))[:, 0].tolist() == [[[4, 10], [7, 20], [8, 40]]]


def test_counts_of_another_baseline_are_refused():
    window = Window(0, 1, {AGE: np.array([1, 2, 3])}, np.array([True]))
    with pytest.raises(ValueError, match="feature age has 2 cells in the reference"):
        stack([window], [AGE], 2)


def test_one_slot_leaves_the_reference_as_it_is():
    reference = np.array([[[70, 30]]])
    found = mix(reference, np.array([[5, 0, 9]]), np.ones((3, 1), dtype=bool), (1, 3))
    assert found.reference.tolist() == [[[70, 30], [70, 30]]]
    assert found.usable.all()


def test_a_window_is_compared_with_its_own_hour():
    reference = np.zeros((1, 24, 2), dtype=np.int64)
    reference[0, 3], reference[0, 15] = (90, 10), (300, 700)
    found = mix(reference, np.array([[40, 60]]), hours(15, 3), (1, 2))
    assert found.reference[0, 0] == pytest.approx([90, 10])
    # 40 % of the rows at 15 h, 60 % at 3 h
    share = 0.4 * 0.3 + 0.6 * 0.9
    size = 1 / (0.4**2 / 1_000 + 0.6**2 / 100)
    assert found.reference[0, 1] == pytest.approx([size * share, size * (1 - share)])


def test_a_window_of_a_whole_day_is_compared_with_the_whole_reference():
    reference = np.random.default_rng(0).integers(1, 100, (1, 24, 3))
    found = mix(reference, np.array([[500]]), np.ones((1, 24), dtype=bool), (1,))
    assert found.reference[0, 0] == pytest.approx(reference[0].sum(axis=0))


def test_the_effective_size_is_that_of_the_variance():
    """Simulated: the mixture's share varies like one of so many independent rows."""
    rng = np.random.default_rng(1)
    sizes, rows = np.array([100, 2_000]), np.array([[70, 30]])
    shares = [
        mix(np.stack([sizes - bad, bad], axis=1)[None], rows, hours(0, 1, slots=2), (2,)).reference[0, 0]
        for bad in rng.binomial(sizes, 0.3, (4_000, 2))
    ]
    total = np.sum(shares, axis=1)
    assert total == pytest.approx(total[0])
    variance = np.var(np.array(shares)[:, 1] / total)
    assert 0.3 * 0.7 / variance == pytest.approx(total[0], rel=0.1)


def test_hours_without_reference_are_left_out():
    reference = np.zeros((1, 24, 2), dtype=np.int64)
    reference[0, 3] = (90, 10)
    found = mix(reference, np.array([[40, 60]]), hours(3, 15), (1, 2))
    assert found.usable.tolist() == [[True, False]]
    assert found.reference.tolist() == [[[0, 0], pytest.approx([90, 10])]]


def test_windows_with_other_slots_are_refused():
    with pytest.raises(ValueError, match="24 season slots, the windows 168"):
        mix(np.ones((1, 24, 2), dtype=np.int64), np.array([[1]]), hours(3, slots=168), (1,))


def test_several_ends_at_once_are_the_same_as_one_after_the_other():
    rng = np.random.default_rng(2)
    reference, rows = rng.integers(0, 50, (3, 24, 4)), rng.integers(1, 90, (3, 30))
    slots = hours(*(np.arange(30) % 24))
    together = season.mix(reference, rows, slots, (1, 3, 6), 5)
    for back in range(5):
        until = 30 - back
        alone = season.mix(reference, rows[:, :until], slots[:until], (1, 3, 6))
        assert together.reference[:, 4 - back].tolist() == alone.reference[:, 0].tolist()
    counts = rng.integers(0, 9, (3, 30, 4))
    merged = merge_latest(counts, (1, 3, 6), 5)
    assert merged[:, 2].tolist() == merge_latest(counts[:, :28], (1, 3, 6))[:, 0].tolist()
