"""Two bytes say a probability: which codes there are, how near they come, and that they keep the order."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tidegauge.score_codes import CODE, ScoreCodes, are_codes, class_set_of, from_codes, to_codes

EVERY = np.arange(1 << 16, dtype=CODE)
CODES = EVERY[[are_codes(EVERY[at : at + 1].tobytes()) for at in range(EVERY.size)]]
PROBABILITIES = (
    st.floats(0.0, 1.0) | st.floats(-40.0, 0.0).map(np.exp2) | st.floats(-40.0, -1.0).map(lambda x: 1 - 2**x)
)


def test_every_code_is_another_score_from_0_to_1_and_is_found_again() -> None:
    scores = from_codes(CODES)
    assert CODES.size == 61_441
    assert np.unique(scores).size == CODES.size
    assert (scores.min(), scores.max()) == (0.0, 1.0)
    assert np.array_equal(to_codes(scores), CODES)


@given(st.lists(PROBABILITIES, min_size=2, max_size=20))
def test_a_score_is_known_within_the_stated_part_of_its_distance_to_the_nearer_end(drawn: list[float]) -> None:
    scores = np.sort(np.array(drawn))
    found = from_codes(to_codes(scores))
    distance = np.minimum(scores, 1 - scores)
    assert (np.abs(found - scores) <= np.where(distance >= 2**-30, distance * 2**-11, 2**-41)).all()
    assert (np.diff(found) >= 0).all()
    assert are_codes(to_codes(scores).tobytes())


def test_both_zeros_have_one_code() -> None:
    assert to_codes(np.array([0.0, -0.0])).tolist() == [0, 0]


def test_what_to_codes_never_writes_are_no_codes() -> None:
    wrong = [0x7801, 0x7FFF, 0xF800, 0xFFFF]  # further than 0.5 from both ends, not a number, and 0.5 once more
    assert not any(are_codes(np.array([0, code], CODE).tobytes()) for code in wrong)


def test_a_class_set_tells_names_and_their_order() -> None:
    sets = [class_set_of(names) for names in (["a", "b"], ["b", "a"], ["ab"], ["a", "b", ""], [])]
    assert len(set(sets)) == len(sets)
    assert all(len(bytes.fromhex(each)) == 4 for each in sets)
    assert class_set_of(("bus", "car")) == class_set_of(["bus", "car"]) == "28593b31"


def test_scores_of_a_row() -> None:
    row = ScoreCodes("28593b31", to_codes(np.array([0.25, 0.75])).tobytes())
    assert (row.classes, row.scores) == (2, [0.25, 0.75])
