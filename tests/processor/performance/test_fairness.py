"""Equal rates are left in peace whatever the groups' sizes, a gap of 0.2 is found, and the rates are fairlearn's."""

import numpy as np
import pytest
from sklearn import metrics

from tests.processor.performance.outcomes import cohort_of
from tidegauge_processor.performance import judging
from tidegauge_processor.performance.fairness import ERRORS, RATES, Cells, compare, count, differences, rates, spread
from tidegauge_processor.performance.outcomes import Outcome
from tidegauge_processor.verdicts.state import State
from tidegauge_processor.verdicts.types import Policy


@pytest.mark.parametrize("size", [30, 200, 1_000, 5_000])
@pytest.mark.parametrize("share", [0.05, 0.5])
def test_equal_rates_raise_no_alarm(size, share):
    random = np.random.default_rng(size)
    alarms = 0
    for _ in range(200):
        counts = {}
        for rate in RATES:
            hits = random.binomial(size, share, 5).tolist()
            counts[rate] = {f"g{at}": (size - hit, hit) for at, hit in enumerate(hits)}
        alarms += any(each.comparison.state.alarming for each in compare(counts, level=0.01))
    assert alarms <= 4  # of 200: more would have a probability of 5 % if the true one were 1 %


def test_very_unequal_groups_raise_no_alarm():
    random = np.random.default_rng(5)
    sizes = np.array([30, 100, 500, 2_000, 5_000])
    alarms = 0
    for _ in range(200):
        hits = random.binomial(sizes, 0.3)
        counts = {f"g{at}": (int(size - hit), int(hit)) for at, (size, hit) in enumerate(zip(sizes, hits, strict=True))}
        alarms += any(each.comparison.state.alarming for each in compare({"selection_rate": counts}, level=0.01))
    assert alarms <= 4


LEVEL = judging.fairness_level(Policy().false_incidents_per_month, cohorts_a_month=30)


def selected(random, size, shares):
    """Rows not selected, and selected, of groups of a size."""
    hits = random.binomial(size, shares).tolist()
    return {"region": {f"g{at}": (size - hit, hit) for at, hit in enumerate(hits)}}


def alarms(cohorts, scales=judging.SCALES):
    """Tests of the last of ``cohorts`` that alarm, as a running processor makes them."""
    found = judging.between_groups(dict(enumerate(cohorts)), judging.selected, len(cohorts) - 1, 1, LEVEL, 0.02)
    return [each for scale, _, each in found if scale in scales and each.comparison.state.alarming]


@pytest.mark.parametrize("size", [30, 200, 1_000, 5_000])
@pytest.mark.parametrize("number", [2, 5])
def test_equal_selection_raises_no_alarm_at_the_level_of_the_product(size, number):
    random = np.random.default_rng(size + number)
    false = sum(bool(alarms([selected(random, size, [0.3] * number) for _ in range(7)])) for _ in range(200))
    assert false <= 4  # of 200: more would have a probability of 5 % if the true share were 1 %


def test_a_gap_of_a_fifth_between_groups_of_two_hundred_at_the_level_of_the_product():
    """With selection rates of 0.3 and 0.5: in 77 % of single cohorts, and surely, as material, in seven together."""
    random = np.random.default_rng(11)
    one = sum(bool(alarms([selected(random, 200, [0.3, 0.5])])) for _ in range(400)) / 400
    assert 0.6 <= one <= 0.85
    seven = [alarms([selected(random, 200, [0.3, 0.5]) for _ in range(7)], scales=(7,)) for _ in range(100)]
    assert all({each.comparison.state for each in found} == {State.MATERIAL} for found in seven)


def test_a_gap_of_a_fifth_in_errors_is_found_in_two_hundred_labels_at_the_level_of_the_product():
    random = np.random.default_rng(6)
    found = 0
    for _ in range(100):
        hits = [random.binomial(200, 0.3), *random.binomial(200, 0.5, 4).tolist()]
        counts = {rate: {f"g{at}": (200 - hit, hit) for at, hit in enumerate(hits)} for rate in ERRORS}
        found += any(each.group == "g0" and each.comparison.state.alarming for each in compare(counts, LEVEL))
    assert found / 100 >= 0.75


def test_intervals_of_differences_and_ratios_cover():
    random = np.random.default_rng(7)
    held = np.zeros(3)
    for _ in range(500):
        hits = random.binomial([60, 300], [0.2, 0.3]).tolist()
        counts = {"a": (60 - hits[0], hits[0]), "b": (300 - hits[1], hits[1])}
        found = differences({"selection_rate": counts})[0]
        whole = spread(counts)
        held += [
            found.difference.lower <= -0.1 <= found.difference.upper,
            found.ratio.lower <= 2 / 3 <= found.ratio.upper,
            whole.lower <= 0.1 <= whole.upper,
        ]
    assert (held >= 465).all(), held


def outcomes(rows=600):
    random = np.random.default_rng(8)
    for row in range(rows):
        group, actual = "abc"[random.integers(3)], random.random() < 0.4
        klass = random.random() < (0.7 if actual else 0.2) + 0.1 * (group == "c")
        yield Outcome(str(row), 0, 60, str(int(klass)), None, None, str(int(actual)), (("team", group),))


def test_rates_are_those_of_scikit_learn_and_differences_those_of_fairlearn():
    labelled = list(outcomes())
    counts = rates(count(cohort_of(labelled).table(), "1")["team"])
    by_group = {}
    for group in "abc":
        own = [row for row in labelled if row.segments[0][1] == group]
        predicted, actual = ([int(getattr(row, name)) for row in own] for name in ("klass", "actual"))
        by_group[group] = (
            np.mean(predicted),
            metrics.recall_score(actual, predicted),
            1 - metrics.recall_score(actual, predicted, pos_label=0),
        )
    for at, rate in enumerate(RATES):
        expected = [by_group[group][at] for group in "abc"]
        found = spread(counts[rate])
        # fairlearn's difference() is the largest less the smallest
        assert found is not None
        assert found.value == pytest.approx(max(expected) - min(expected), abs=1e-12)
        own = {each.group: each.own.value for each in differences({rate: counts[rate]})}
        assert own == pytest.approx(dict(zip("abc", expected, strict=True)), abs=1e-12)


PAIR = {"a": (50, 50), "b": (40, 60)}
THREE = PAIR | {"c": (30, 70)}


@pytest.mark.parametrize(
    ("counts", "level"),
    [
        ({"r": PAIR}, 0.06),  # two groups are one comparison, seen from both sides
        ({"r": THREE}, 0.02),
        ({"r": PAIR, "s": PAIR}, 0.03),
        ({"r": PAIR, "s": THREE}, 0.015),
    ],
)
def test_the_level_is_shared_by_the_comparisons_that_are_made(counts, level):
    assert [each.level for each in compare(counts, level=0.06)] == pytest.approx(
        [level] * sum(map(len, counts.values()))
    )


def test_a_group_too_small_for_any_claim_says_so():
    found = compare({"selection_rate": {"a": (1, 1), "b": (500, 500)}}, level=0.01)
    assert [each.comparison.state for each in found] == [State.INSUFFICIENT_DATA] * 2
    assert rates({"a": Cells(1, 0, 1, 0), "b": Cells(0, 0, 0, 0)}) == {}
    assert compare({}, level=0.01) == []
    assert spread({"a": (1, 1)}) is None
