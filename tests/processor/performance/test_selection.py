"""How often groups are selected: counts that do not depend on the order in which they come, and what they mean."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegauge_processor.performance.selection import MOST_CELLS, Selection

names = st.sampled_from(["region", "team"]), st.sampled_from(["a", "b", "c"]), st.sampled_from(["0", "1"])
cells = st.lists(st.tuples(*names, st.integers(0, 9)), max_size=30)


def selection(*given: tuple[str, str, str, int]) -> Selection:
    found = Selection()
    for cell in given:
        found.add(*cell)
    return found


@given(cells, cells, st.randoms())
def test_any_order_and_any_parts_give_the_same(first, second, random):
    merged = selection(*first)
    merged += Selection.load(json.loads(json.dumps(selection(*second).dump())))
    mixed = [*first, *second]
    random.shuffle(mixed)
    assert merged.dump() == selection(*mixed).dump()
    assert bool(merged) == bool(mixed)
    hits = Counter()
    for segment, group, klass, rows in mixed:
        hits[segment, group, klass == "1"] += rows
    expected = {}
    for segment, group, _ in sorted(hits):
        expected.setdefault(segment, {})[group] = hits[segment, group, False], hits[segment, group, True]
    assert merged.groups("1") == expected


@pytest.mark.parametrize(
    ("classes", "positive", "selected"),
    [
        (["no", "yes"], "yes", 5),
        (["no"], "yes", 0),
        (["0", "1"], None, 5),
        (["false", "true"], None, 5),
        (["no", "yes"], None, None),  # nobody knows which is the positive one
        (["0", "1", "2"], "1", None),
        (["0", "1"], "yes", None),
    ],
)
def test_who_is_selected(classes, positive, selected):
    found = selection(*(("region", "north", klass, 4 + at) for at, klass in enumerate(classes))).groups(positive)
    assert found == ({} if selected is None else {"region": {"north": (4, selected)}})


def test_the_largest_groups_are_told_apart():
    found = selection(*(("shop", f"{group:03}", "1", group) for group in range(1, 101))).groups("1")["shop"]
    assert list(found) == [f"{group:03}" for group in range(37, 101)]


def test_with_more_cells_than_can_be_kept_nothing_is_said_whatever_the_order():
    many = [("shop", str(group), "1", 1) for group in range(MOST_CELLS)]
    assert selection(*many).whole
    most, rest = selection(*many), selection(("shop", "more", "0", 1))
    most += rest
    rest += selection(*many)
    for found in (most, rest, Selection.load(rest.dump())):
        assert (found.whole, found.groups("1"), bool(found)) == (False, {}, True)
        found.add("shop", "0", "1", 1)
        assert found.groups("1") == {}
