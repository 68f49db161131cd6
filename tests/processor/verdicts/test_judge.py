"""What is claimed from which counts."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tidegauge.statistics.wobble import UNKNOWN, Excess, Wobble
from tidegauge_processor.verdicts.judge import judge, judge_each
from tidegauge_processor.verdicts.state import State
from tidegauge_processor.verdicts.types import Policy, Reference, Stream, Window

AGE, COUNTRY = Stream("feature", "age"), Stream("feature", "country")
MISSING = Stream("quality", "age", "missing")
HOUR = 3_600 * 10**9
ALWAYS = np.array([True])
ONE = Policy(scales=(1,))


def windows(*counts, slots=None):
    return [
        Window(t * HOUR, (t + 1) * HOUR, each, ALWAYS if slots is None else slots[t]) for t, each in enumerate(counts)
    ]


def one(counts, reference, stream=AGE, policy=ONE):
    (verdict,) = judge(windows({stream: np.array(counts)}), {stream: reference}, policy)
    return verdict


NUMERIC = Reference(np.full((1, 20), 1_000), np.arange(19.0))
NAMED = Reference(np.array([[5_000, 3_000, 1_500, 490, 10]]))
NEVER = Reference(np.array([[10_000, 0]]))


def test_a_verdict_says_all_that_it_rests_on():
    verdict = one([0] * 10 + [50] * 10, NUMERIC)
    assert (verdict.stream, verdict.scale, verdict.start, verdict.end, verdict.rows) == (AGE, 1, 0, HOUR, 500)
    assert verdict.state is State.MATERIAL
    assert [test.method for test in verdict.tests] == ["anderson_darling", "klotz", "g_test", "fisher_exact"]
    assert verdict.level == pytest.approx(0.5 / 720 / 4)
    assert set(verdict.effects) == {
        "psi_half_count",
        "js_distance_base2",
        "hellinger",
        "ks_distance",
        "wasserstein_normalised",
    }
    assert verdict.effects["ks_distance"] == pytest.approx(0.5)
    assert 0.3 < verdict.effect_lower < 0.5
    assert verdict.reason == ""


def test_a_change_that_is_sure_but_small_is_not_material():
    shifted = np.full(20, 50_000)
    shifted[:10] += 1_000
    shifted[10:] -= 1_000
    verdict = one(shifted, Reference(np.full((1, 20), 10**6), np.arange(19.0)))
    assert verdict.state is State.CHANGED
    assert verdict.effects["ks_distance"] == pytest.approx(0.01)
    assert verdict.effect_lower < 0.02


def test_a_stream_may_have_a_floor_of_its_own():
    counts = [0] * 10 + [50] * 10
    assert one(counts, Reference(NUMERIC.counts, NUMERIC.bounds, floor=0.6)).state is State.CHANGED


@pytest.mark.parametrize("rows", [0, 1, 19])
def test_few_rows_are_never_a_reassurance(rows):
    spread = np.bincount(np.arange(rows) % 20, minlength=20)
    verdict = one(spread, NUMERIC)
    assert verdict.state is State.INSUFFICIENT_DATA
    assert verdict.reason == (f"{rows} rows in the window: 20 are needed" if rows else "no rows in the window")


def test_rows_that_could_not_reach_the_level_are_never_a_reassurance():
    even, careful = Reference(np.array([[50, 50]])), Policy(scales=(1,), false_incidents_per_month=0.001)
    few = one([10, 10], even, COUNTRY, careful)
    assert (few.state, few.reason) == (
        State.INSUFFICIENT_DATA,
        "20 rows cannot reach the level 6.9e-07 against this reference",
    )
    assert few.p_value == 1.0
    assert one([20, 0], even, COUNTRY, careful).p_value > 6.9e-7  # the strongest change that 20 rows can show
    assert one([50, 50], even, COUNTRY, careful).state is State.OK
    assert one([50, 0], even, COUNTRY, careful).state.alarming


def test_a_thin_reference_is_no_reference():
    verdict = one([500] * 4, Reference(np.full((1, 4), 4), np.arange(3.0)))
    assert (verdict.state, verdict.reason) == (State.INSUFFICIENT_DATA, "16 rows in the reference: 20 are needed")


def test_an_empty_reference_says_so():
    verdict = one([500] * 4, Reference(np.zeros((1, 4), dtype=np.int64), np.arange(3.0)))
    assert (verdict.state, verdict.reason) == (State.INSUFFICIENT_DATA, "no rows in the reference")


def test_many_rare_categories_need_more_rows():
    verdict = one([1] * 20 + [0] * 30, Reference(np.full((1, 50), 200)), COUNTRY)
    assert (verdict.state, verdict.reason) == (
        State.INSUFFICIENT_DATA,
        "20 rows are too few for so many rare categories",
    )


def test_a_stream_without_reference_is_named():
    found = judge(windows({AGE: np.array([3, 4])}), {}, Policy())
    assert [(v.stream, v.scale, v.rows, v.state, v.reason) for v in found] == [
        (AGE, 1, 7, State.INSUFFICIENT_DATA, "the baseline does not know this stream")
    ]


def test_a_scale_waits_for_its_windows():
    found = judge(windows(*[{AGE: NUMERIC.counts[0] // 10}] * 4), {AGE: NUMERIC}, Policy(scales=(1, 3, 6)))
    assert [(v.scale, v.start // HOUR, v.rows, v.state, v.reason) for v in found] == [
        (1, 3, 2_000, State.OK, ""),
        (3, 1, 6_000, State.OK, ""),
        (6, 0, 0, State.INSUFFICIENT_DATA, "waits for 6 windows: 4 so far"),
    ]


def test_without_windows_there_is_nothing_to_judge():
    assert judge([], {AGE: NUMERIC}, Policy()) == []


def test_silent_windows_do_not_dilute_a_scale():
    loud = np.array([0] * 10 + [50] * 10)
    silent = np.zeros(20, dtype=np.int64)
    found = judge(windows({AGE: loud}, {AGE: silent}, {}), {AGE: NUMERIC}, Policy(scales=(1, 3)))
    assert [(v.scale, v.rows, v.state) for v in found] == [
        (1, 0, State.INSUFFICIENT_DATA),
        (3, 500, State.MATERIAL),
    ]


def test_a_violation_that_never_happened_and_is_now_the_rule_is_material_at_once():
    verdict = one([5, 15], NEVER, MISSING)
    assert (verdict.state, verdict.reason) == (
        State.MATERIAL,
        "none in the reference, more than half of the rows now",
    )
    assert one([4, 6], NEVER, MISSING).state is State.MATERIAL  # few rows, but the exact test is sure
    assert one([0, 1], NEVER, MISSING).state is State.MATERIAL  # 1 in 10,001, below the level of this policy


def test_one_wrong_row_is_not_a_fact_about_the_schema():
    reference = {Stream("quality", f"f{i}", "missing"): NEVER for i in range(100)}
    found = judge(windows({stream: np.array([0, 1]) for stream in reference}), reference, Policy())
    assert {verdict.state for verdict in found} == {State.INSUFFICIENT_DATA}


def test_rates_of_violations_are_tested_exactly():
    reference = Reference(np.array([[9_900, 100]]))
    assert one([98, 2], reference, MISSING).state is State.OK
    verdict = one([80, 20], reference, MISSING)
    assert verdict.state is State.MATERIAL
    assert [test.method for test in verdict.tests] == ["fisher_exact"]
    assert set(verdict.effects) == {"psi_half_count", "js_distance_base2", "hellinger", "l_infinity"}


def test_a_constant_feature_that_moves_is_found():
    constant = Reference(np.array([[0, 5_000, 0]]), np.array([1.0, 1.0]))
    assert one([0, 200, 0], constant).state is State.OK
    assert one([0, 180, 20], constant).state is State.MATERIAL


def test_an_unseen_category_is_found():
    assert one([50, 30, 15, 5, 0], NAMED, COUNTRY).state is State.OK
    assert one([45, 25, 10, 5, 15], NAMED, COUNTRY).state is State.MATERIAL


def test_the_night_is_compared_with_the_night():
    slots = np.zeros((24, 2), dtype=np.int64)
    slots[3], slots[15] = (1_800, 200), (200, 1_800)
    seen = np.zeros(24, dtype=bool)
    seen[3] = True
    night = [(*np.flatnonzero(seen), {COUNTRY: np.array([90, 10])})]
    reference = {COUNTRY: Reference(slots)}
    (ok,) = judge(windows(night[0][1], slots=[seen]), reference, ONE)
    assert (ok.state, ok.effects["l_infinity"]) == (State.OK, 0.0)
    elsewhere = np.roll(seen, 1)
    (unknown,) = judge(windows(night[0][1], slots=[elsewhere]), reference, ONE)
    assert (unknown.state, unknown.reason) == (
        State.INSUFFICIENT_DATA,
        "the reference has no rows at this time of the day or week",
    )
    both = judge(windows(night[0][1], night[0][1], slots=[seen, elsewhere]), reference, Policy(scales=(2,)))
    assert [(v.state, v.rows, v.reason) for v in both] == [
        (State.OK, 100, "100 rows at a time without reference left out")
    ]


CELLS = hnp.arrays(np.int64, 12, elements=st.integers(0, 400))


@settings(deadline=None, max_examples=50)
@given(counts=st.lists(CELLS, min_size=6, max_size=6), order=st.permutations(range(6)), cuts=st.integers(1, 5))
def test_however_a_window_was_put_together_its_verdict_has_the_same_bits(counts, order, cuts):
    reference = {AGE: Reference(np.full((1, 12), 500), np.arange(11.0)), COUNTRY: Reference(np.full((1, 12), 500))}
    whole = np.sum(counts, axis=0)
    shuffled = [counts[place] for place in order]
    parts = np.sum(shuffled[:cuts], axis=0) + np.sum(shuffled[cuts:], axis=0)
    first = judge(windows({AGE: whole, COUNTRY: whole}), reference, Policy())
    second = judge(windows({COUNTRY: parts, AGE: parts}), dict(reversed(reference.items())), Policy())
    assert repr(first) == repr(second)


@settings(deadline=None, max_examples=50)
@given(counts=st.lists(CELLS, min_size=3, max_size=3), slots=st.sampled_from([1, 24]))
def test_a_verdict_does_not_depend_on_what_is_judged_beside_it(counts, slots):
    rng = np.random.default_rng(0)
    streams = [Stream("feature", f"f{i}") for i in range(6)]
    references = {
        stream: Reference(rng.integers(0, 90, (slots, 12)), np.arange(11.0) if i % 2 else None)
        for i, stream in enumerate(streams)
    }
    seen = [np.arange(slots) == hour for hour in range(3)] if slots > 1 else [ALWAYS] * 3
    given_ = windows(*({s: np.roll(c, i) for i, s in enumerate(streams)} for c in counts), slots=seen)
    policy = Policy(scales=(1, 3))
    together = judge(given_, references, policy)
    for stream in streams:
        alone = judge(
            [Window(w.start, w.end, {stream: w.counts[stream]}, w.slots) for w in given_],
            {stream: references[stream]},
            policy,
        )
        for verdict, beside in zip(alone, [v for v in together if v.stream == stream], strict=True):
            assert verdict.tests == beside.tests
            assert verdict.effects == beside.effects
            assert verdict.rows == beside.rows


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), slots=st.sampled_from([1, 24]), ends=st.integers(1, 9), wobbles=st.booleans())
def test_windows_judged_together_get_the_verdicts_of_each(seed, slots, ends, wobbles):
    rng = np.random.default_rng(seed)
    methods = ("anderson_darling", "klotz", "g_test", "fisher_exact")
    wobble = Wobble(((1, 90), (6, 15)), tuple((h, method, Excess(1.4, 0.01, 30)) for h in (1, 6) for method in methods))
    references = {
        Stream("feature", f"f{place}"): Reference(
            rng.poisson(90, (slots, cells)),
            np.arange(cells - 1.0) if ordered else None,
            wobble=wobble if wobbles else UNKNOWN,
        )
        for place, (cells, ordered) in enumerate([(12, True), (9, True), (12, False), (2, False)])
    }
    strange = Stream("feature", "strange")
    history = windows(
        *(
            {s: rng.poisson(rng.choice([0, 0.2, 20], r.cells)) for s, r in references.items()}
            | ({strange: np.array([1])} if rng.random() < 0.2 else {})
            for _ in range(9)
        ),
        slots=[np.arange(slots) == hour for hour in range(9)] if slots > 1 else None,
    )
    watched = [[stream for stream in references if rng.random() < 0.8] for _ in range(ends)]
    policy = Policy(scales=(1, 3, 6))
    together = judge_each(history, references, policy, watched)
    for end, streams in enumerate(watched):
        assert repr(together[end]) == repr(judge(history[: 10 - ends + end], references, policy, streams))


@settings(deadline=None, max_examples=50)
@given(counts=CELLS, reference=CELLS, order=st.permutations(range(12)))
@example(  # two cells differ by as much: which of them is bounded must not be chance
    counts=np.eye(12, dtype=np.int64)[1] * 89,
    reference=np.eye(12, dtype=np.int64)[2] * 6,
    order=[0, 2, 1, *range(3, 12)],
)
def test_the_order_of_categories_does_not_matter(counts, reference, order):
    order = list(order)
    before = one(counts, Reference(reference[None]), COUNTRY)
    after = one(counts[order], Reference(reference[order][None]), COUNTRY)
    assert repr(before) == repr(after)


@settings(deadline=None, max_examples=50)
@given(counts=CELLS, ordered=st.booleans())
def test_identical_counts_are_never_evidence(counts, ordered):
    verdict = one(counts, Reference(counts[None], np.arange(11.0) if ordered else None))
    assert verdict.state in (State.OK, State.INSUFFICIENT_DATA)
    assert verdict.p_value == pytest.approx(1.0)
    if counts.min() >= 20:
        assert verdict.state is State.OK
    assert verdict.effect_lower == 0.0
