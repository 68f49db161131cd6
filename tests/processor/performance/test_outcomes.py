import re

import pytest

from tests.processor.performance.outcomes import outcome
from tidegauge_processor.performance.outcomes import Outcome

NAN, INFINITY = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"actual": NAN}, "outcome of 'p': actual is nan, not a finite number"),
        ({"actual": "1", "score": NAN}, "outcome of 'p': score is nan, not a finite number"),
        ({"actual": 1.0, "value": -INFINITY}, "outcome of 'p': value is -inf, not a finite number"),
        ({"actual": "1", "id": ""}, "an outcome needs the id of its prediction"),
        ({"actual": "1", "at": 1 << 63}, "outcome of 'p': a time does not fit 64 bits of nanoseconds"),
    ],
)
def test_what_cannot_be_counted_is_refused_in_one_line(fields, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        outcome(**fields)


def test_times_may_take_all_of_64_bits():
    assert Outcome("p", -(1 << 63), (1 << 63) - 1, None, None, None, "late").recorded_at == 2**63 - 1
