import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegauge_processor.performance.packing import pack, unpack

INT64 = st.integers(-(2**63), 2**63 - 1)


@given(st.lists(INT64, max_size=50))
def test_any_column_comes_back(column):
    packed = pack(np.array(column, dtype=np.int64))
    assert unpack(packed, len(column)).tolist() == column


@given(INT64, st.integers(1, 2**20), st.lists(st.integers(0, 1000), min_size=1, max_size=50))
def test_multiples_cost_only_what_tells_them_apart(lowest, step, multiples):
    column = [min(lowest, 2**62) + step * multiple for multiple in multiples]
    assert pack(np.array(column))[2] <= 10


@pytest.mark.parametrize(
    ("column", "bits"),
    [
        ([5] * 9, 0),
        ([1_767_571_200 * 10**9 + hour * 3600 * 10**9 for hour in range(24)], 5),
        (np.array([0.5, 0.25, 0.75]).view(np.int64).tolist(), 2),
        (np.random.default_rng(7).random(1000).astype(np.float32).astype(np.float64).view(np.int64).tolist(), 27),
    ],
    ids=["a constant", "whole hours", "quarters", "single precision"],
)
def test_bits_a_number(column, bits):
    assert pack(np.array(column))[2] == bits
