"""A cohort is a set: what was said of each prediction last, and nothing of how it came."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.processor.performance.outcomes import binary_cohort, cohort_of, every_class, outcome
from tidegauge.errors import WireError
from tidegauge.score_codes import ScoreCodes, class_set_of, from_codes
from tidegauge_processor.performance.cohort import Cohort
from tidegauge_processor.performance.outcomes import Outcome
from tidegauge_processor.performance.table import Kind

NUMBERS = st.sampled_from([0.0, -0.0, 0.1, 0.5, 1.0, -3.25, 5e-324, 1e308])
CLASSES = st.sampled_from(["", "0", "1", "late", "Zürich"])
OUTCOMES = st.builds(
    Outcome,
    id=st.sampled_from(["a", "b", "c", "d"]),
    predicted_at=st.just(0),
    recorded_at=st.integers(-2, 2),
    klass=st.none() | CLASSES,
    score=st.none() | NUMBERS,
    value=st.none() | NUMBERS,
    actual=CLASSES | NUMBERS,
    segments=st.sampled_from([(), (("region", "north"),), (("age", "old"), ("region", "north"))]),
    class_scores=st.sampled_from(
        [
            *(None, every_class("ab", (0.25, 0.75)), every_class("ab", (1.0, 0.0)), every_class("ab", (0.0, 0.0))),
            *(every_class("abc", (0.0, 0.0, 1.0)), ScoreCodes(class_set_of("ab"), bytes(2))),
        ]
    ),
)


@given(st.lists(OUTCOMES, max_size=20), st.data())
def test_order_splitting_and_repetition_do_not_matter(outcomes, data):
    whole = cohort_of(outcomes)
    again = data.draw(st.lists(st.sampled_from(outcomes), max_size=10)) if outcomes else []
    shuffled = data.draw(st.permutations([*outcomes, *again]))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(shuffled)), max_size=4)))
    parts = [cohort_of(shuffled[start:end]) for start, end in pairwise([0, *cuts, len(shuffled)])]
    merged = Cohort()
    for part in data.draw(st.permutations(parts)):
        merged += part
    assert json.dumps(merged.dump()) == json.dumps(whole.dump())


@given(st.lists(OUTCOMES, max_size=20), st.lists(st.booleans(), min_size=20, max_size=20))
def test_a_checkpoint_in_between_does_not_matter(outcomes, checkpoints):
    kept, restarted = Cohort(), Cohort()
    for each, checkpoint in zip(outcomes, checkpoints, strict=False):
        if checkpoint:
            restarted = Cohort.load(json.loads(json.dumps(restarted.dump())))
        assert restarted.add(each) == kept.add(each)
    assert restarted == kept


@given(st.lists(OUTCOMES, max_size=20))
def test_what_was_recorded_last_counts(outcomes):
    last = {}
    for each in outcomes:
        if each.id not in last or each.recorded_at > last[each.id].recorded_at:
            last[each.id] = each
    tied = {(e.id, e.recorded_at) for e in outcomes if e.recorded_at == last[e.id].recorded_at and e != last[e.id]}
    alone = [each for each in last.values() if (each.id, each.recorded_at) not in tied]
    for each in alone:
        assert cohort_of(o for o in outcomes if o.id == each.id) == cohort_of([each])
    assert cohort_of(outcomes).labels == len(last)


def test_what_becomes_of_an_outcome():
    cohort = Cohort()
    first, revised = outcome("a", 10, klass="1", actual="1"), outcome("a", 30, klass="1", actual="0")
    steps = [
        (first, "new"),
        (first, "duplicate"),
        (outcome("a", 12, klass="1", actual="1"), "duplicate"),  # the receipt was handed in twice
        (revised, "revised"),
        (outcome("a", 20, klass="1", actual="1"), "stale"),
        (revised, "duplicate"),
        (outcome("b", 5, klass="1", actual="1"), "new"),
    ]
    assert [cohort.add(each) for each, _ in steps] == [fate for _, fate in steps]
    assert cohort == cohort_of([revised, outcome("b", 5, klass="1", actual="1")])


@pytest.mark.parametrize(
    ("smaller", "greater"), [("0", "1"), (0.0, 1.0), (1.0, "0"), ("", "0"), (-1.0, -0.0)], ids=repr
)
def test_at_the_same_instant_the_greater_actual_counts(smaller, greater):
    outcomes = [outcome(actual=smaller), outcome(actual=greater)]
    assert cohort_of(outcomes) == cohort_of(reversed(outcomes)) == cohort_of(outcomes[1:])


@pytest.mark.parametrize("name", ["score", "value", "actual"])
def test_the_two_zeros_are_one_number(name):
    plus, minus = ({"actual": "1"} | {name: zero} for zero in (0.0, -0.0))
    assert cohort_of([outcome(**plus), outcome(**minus)]) == cohort_of([outcome(**minus), outcome(**plus)])


def test_a_kind_that_was_revised_away_leaves_nothing():
    assert cohort_of([outcome(at=1, klass="x", actual="y"), outcome(at=2, actual=2.0)]).dump()["kinds"] == [
        [None, None, False, False, [], "", 0]
    ]


def test_scores_of_every_class_that_were_revised_away_leave_nothing():
    scores = every_class("abc", (0.5, 0.25, 0.25))
    revised = cohort_of([outcome(at=1, actual="a", class_scores=scores), outcome(at=2, actual="a")])
    assert revised == cohort_of([outcome(at=2, actual="a")])
    assert revised.table().codes.shape == (1, 0)


def test_the_columns_of_a_table():
    table = cohort_of(
        [
            Outcome("a", 0, 1, "late", 0.75, None, "late", (("region", "north"),)),
            Outcome("b", 0, 1, None, None, 3.5, 4.0),
            Outcome("c", 0, 1, "a", 0.75, None, "b", class_scores=every_class("ab", (0.75, 0.25))),
            Outcome("d", 0, 1, "c", 0.5, None, "c", class_scores=every_class("abc", (0.125, 0.375, 0.5))),
        ]
    ).table()
    rows = {
        (table.kinds[kind], *(None if np.isnan(x) else x for x in numbers), *every)
        for kind, *numbers, every in zip(
            table.kind, table.score, table.value, table.actual, from_codes(table.codes).tolist(), strict=True
        )
    }
    assert rows == {
        (Kind("late", "late", True, False, (("region", "north"),)), 0.75, None, None, 0.0, 0.0, 0.0),
        (Kind(None, None, False, True, ()), None, 3.5, 4.0, 0.0, 0.0, 0.0),
        (Kind("b", "a", True, False, (), class_set_of("ab"), 2), 0.75, None, None, 0.75, 0.25, 0.0),
        (Kind("c", "c", True, False, (), class_set_of("abc"), 3), 0.5, None, None, 0.125, 0.375, 0.5),
    }
    plain = table.without_class_scores()
    assert ({kind.class_set for kind in plain.kinds}, plain.codes.shape) == ({""}, (4, 0))


def test_many_outcomes_in_any_order():
    random = np.random.default_rng(7)
    scores = random.random(12_000)
    outcomes = [
        outcome(str(row), int(at), klass="1", score=float(score), actual="1")
        for row, (at, score) in enumerate(zip(random.integers(0, 10**12, 12_000), scores, strict=True))
    ]
    revisions = [outcome(each.id, 2 * 10**12, klass="1", score=each.score, actual="0") for each in outcomes[::5]]
    forwards = cohort_of([*outcomes, *revisions])
    backwards = cohort_of([*reversed(revisions), *reversed(outcomes)])
    table = forwards.table()
    assert forwards == backwards
    assert [kind.actual for kind in table.kinds] == ["0", "1"]
    assert np.bincount(table.kind).tolist() == [2_400, 9_600]
    assert np.array_equal(np.sort(table.score), np.sort(scores))


def test_an_empty_cohort():
    empty = Cohort()
    assert empty.labels == 0
    assert Cohort.load(json.loads(json.dumps(empty.dump()))) == empty
    assert empty.table().score.size == 0


def test_a_dump_costs_less_than_25_bytes_an_outcome():
    random = np.random.default_rng(7)
    scores = random.beta(2, 5, 5_000)
    cohort = Cohort()
    for row, (score, delay) in enumerate(zip(scores, random.integers(0, 3600 * 10**9, 5_000), strict=True)):
        cohort.add(outcome(str(row), 1_767_571_200 * 10**9 + int(delay), klass="0", score=score, actual="0"))
    assert len(json.dumps(cohort.dump())) / 5_000 < 25


def test_scores_of_every_class_cost_the_dump_two_bytes_each_and_other_outcomes_nothing():
    scores = np.random.default_rng(8).dirichlet(np.ones(4), 2_000)
    plain = [outcome(str(row), klass="a", score=0.5, actual="b") for row in range(4_000)]
    scored = [replace(each, class_scores=every_class("abcd", own)) for each, own in zip(plain, scores, strict=False)]
    more = len(json.dumps(cohort_of([*scored, *plain[2_000:]]).dump())) - len(json.dumps(cohort_of(plain).dump()))
    assert more / 2_000 < 4 * 2 * 4 / 3 + 1  # base64, and an eighth of a byte for which kind


def test_a_dump_of_another_version_is_refused():
    plain = binary_cohort(np.array([0.5]), np.array([True])).dump() | {"format": "tidegauge.cohort/9"}
    with pytest.raises(WireError, match=r"^a cohort of format 'tidegauge.cohort/9' cannot be read; this version reads"):
        Cohort.load(plain)
