"""The budget is spent once, whatever is watched."""

import numpy as np
import pytest

from tidegauge_processor.verdicts.budget import LABELS, levels, statistics
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
    spent = sum(found[stream] * statistics(streams[stream]) for stream in streams) * 3 * 720 / hours
    assert spent == pytest.approx(2.0 * (1 - LABELS), rel=1e-12)


def test_many_features_do_not_silence_the_predictions():
    many = STREAMS | {Stream("feature", f"f{i}"): NUMERIC for i in range(500)}
    prediction = Stream("prediction", "")
    assert levels(many, Policy())[prediction] == levels(STREAMS, Policy())[prediction]


def test_an_unknown_target_is_an_error():
    with pytest.raises(ValueError, match="unknown target 'colour'"):
        levels({Stream("colour", "red"): NAMED}, Policy())
