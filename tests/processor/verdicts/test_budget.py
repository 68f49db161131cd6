"""The budget is spent once, whatever is watched."""

import numpy as np
import pytest
from scipy import stats

from tidegauge_processor.verdicts.budget import STREAMS as SPENT
from tidegauge_processor.verdicts.budget import clump_starts, levels, statistics
from tidegauge_processor.verdicts.types import Policy, Reference, Stream

NUMERIC = Reference(np.array([[5, 5, 5]]), np.array([0.0, 1.0]))
NAMED = Reference(np.array([[5, 5, 5]]))

STREAMS = {
    Stream("feature", "age"): NUMERIC,
    Stream("feature", "country"): NAMED,
    Stream("prediction", ""): NAMED,
    Stream("score", ""): NUMERIC,
    Stream("quality", "age", "missing"): NAMED,
}


@pytest.mark.parametrize("kept", [STREAMS, list(STREAMS)[:1], list(STREAMS)[1:3], list(STREAMS)[4:]])
@pytest.mark.parametrize("hours", [1, 24])
def test_all_levels_of_a_month_add_up_to_the_budget(kept, hours):
    streams = {stream: STREAMS[stream] for stream in kept}
    policy = Policy(false_incidents_per_month=2.0, scales=(1, 3, 6), window_length=hours * 3_600 * 10**9)
    found = levels(streams, policy)
    shortest = sum(found[stream][0] * statistics(streams[stream]) for stream in streams)
    assert shortest * 3 * 720 / hours == pytest.approx(2.0 * SPENT, rel=1e-12)


@pytest.mark.parametrize("degrees", [1, 20])
@pytest.mark.parametrize(("scale", "windows"), [(3, 400_000), (24, 1_000_000), (72, 2_000_000)])
def test_at_a_long_scale_incidents_come_as_often_as_alarms_of_single_windows(degrees, scale, windows):
    """Chi-squares of moving sums; what follows within 24 windows is the same incident."""
    nominal = 1e-4
    level = nominal / clump_starts(np.array([float(scale)]), nominal)[0]
    rng = np.random.default_rng(scale)
    statistic = np.zeros(windows)
    for _ in range(degrees):
        path = np.concatenate([[0.0], rng.standard_normal(windows + scale - 1).cumsum()])
        statistic += (path[scale:] - path[:-scale]) ** 2 / scale
    alarms = np.flatnonzero(statistic > stats.chi2.isf(level, degrees))
    incidents = 1 + (np.diff(alarms) > 24).sum()
    assert incidents == pytest.approx(windows * nominal, abs=3 * np.sqrt(windows * nominal))


def test_many_features_do_not_silence_the_predictions():
    many = STREAMS | {Stream("feature", f"f{i}"): NUMERIC for i in range(500)}
    prediction = Stream("prediction", "")
    assert levels(many, Policy())[prediction].tolist() == levels(STREAMS, Policy())[prediction].tolist()


def test_an_unknown_target_is_an_error():
    with pytest.raises(ValueError, match="unknown target 'colour'"):
        levels({Stream("colour", "red"): NAMED}, Policy())
