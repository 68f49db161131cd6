"""Labels of one class come sooner: tests that wait until labels are in claim nothing, tests of young ones do."""

import numpy as np
import pandas as pd
import pytest

from tidegauge import Baseline
from tidegauge_processor.backtest.cohorts import Cohorts
from tidegauge_processor.config.sections import Labels
from tidegauge_processor.evaluating import subject_of
from tidegauge_processor.label_incidents import judge_labels
from tidegauge_processor.performance.arrivals import Arrivals
from tidegauge_processor.performance.complete import Patience, is_of_age, ripe
from tidegauge_processor.performance.table import Kind, Table
from tidegauge_processor.records import ModelKey
from tidegauge_processor.state.memory import Memory
from tidegauge_processor.verdicts.types import Policy

DAY = 86_400 * 10**9
ROWS = 400  # a day
KINDS = tuple(Kind(actual, klass, True, False, ()) for actual in "01" for klass in "01")


def scores(random, rows):
    score = random.beta(2, 4, rows)
    return score, random.random(rows) < score


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    score, late = scores(np.random.default_rng(1), 40_000)
    frame = pd.DataFrame({"x": score[::-1], "score": score, "late": late.astype(int)})
    return Baseline.fit(frame, model="m", version="1", task="binary", score="score", label="late")


def cohort(random, day, shift=0.0, means=(3, 10), ever=0.95):
    """A negative label takes 3 days in the mean, a positive one 10; one in twenty never comes."""
    score, actual = scores(random, ROWS)
    actual |= random.random(ROWS) < shift
    made = day * DAY + random.integers(0, DAY, ROWS)
    delay = (random.exponential(np.where(actual, means[1], means[0])) * DAY).astype(np.int64)
    nothing, zeros = np.full(ROWS, np.nan), np.zeros(ROWS, np.int64)
    kind = 2 * actual.astype(np.int64) + (score >= 0.5)
    return Table(
        KINDS, kind, score, nothing, nothing, made, delay, zeros, np.ones(ROWS), np.empty((ROWS, 0), np.uint16)
    ).take(random.random(ROWS) < ever)


def incidents(baseline, seed, retention, days=130, shift_from=10**6, wait="0s", **labels):
    """Each change of an incident: its kind and state, the day that it is about, and the day on which it is said."""
    random = np.random.default_rng(seed)
    settings = Labels.model_validate({"window": "24h", "wait": wait, "retention": f"{24 * retention}h"})
    cohorts = Cohorts(baseline, Policy(), settings, dict.fromkeys(range(days), ROWS), timed=True)
    for day in range(days):
        cohorts.add(cohort(random, day, 0.2 if day >= shift_from else 0.0, **labels))
    return [
        (change.kind, change.state.value, change.start // DAY, judged.at // DAY)
        for judged in cohorts.judge(None)
        for change in judged.changes
    ]


@pytest.mark.parametrize("retention", [90, 360])
def test_delays_add_no_claim_where_labels_of_one_class_come_sooner(baseline, retention):
    """A third of 90 days is too short to know when such labels are in, and cohorts wait until more is known."""
    found = [incidents(baseline, seed, retention) for seed in range(2)]
    assert {(seed, day) for seed, said in enumerate(found) for _, _, day, _ in said} <= by_chance(baseline, seeds=2)


def by_chance(baseline, seeds, days=130):
    """Seed and day of each change of an incident where all labels are there at once."""
    found = set()
    for seed in range(seeds):
        random, memory = np.random.default_rng(seed), Memory()
        for day in range(days):
            subject = subject_of(ModelKey("m", "1"), baseline, day * DAY, (day + 1) * DAY)
            if judge_labels(subject, cohort(random, day), baseline, memory, Policy()):
                found.add((seed, day))
    assert len(found) <= 2  # of nine months; the budget of labels is a tenth a month, an incident has two changes
    return found


def test_young_labels_would_claim_what_is_not_there(baseline):
    random, memory, key = np.random.default_rng(0), Memory(), ModelKey("m", "1")
    claims = []
    for day in range(60):
        subject = subject_of(key, baseline, day * DAY, (day + 1) * DAY)
        young = cohort(random, day).until((day + 8) * DAY)  # the youngest prediction is seven days old
        claims += judge_labels(subject, young, baseline, memory, Policy())
    assert claims[0].change.state.value == "material"
    assert claims[0].change.ranking[0].stream.name == "calibration"


@pytest.mark.parametrize(("retention", "age"), [(90, 60), (360, 60)])
def test_a_true_change_is_found_as_soon_as_labels_are_in(baseline, retention, age):
    (change, *_) = incidents(baseline, 1, retention, days=130 if retention == 90 else 220, shift_from=100)
    kind, state, day, said = change
    assert (kind, state) == ("opened", "material")
    assert 100 <= day <= 101
    assert said - day <= age + 2


@pytest.mark.parametrize(("means", "ever"), [((2, 20), 1.0), ((3, 10), 1.0), ((3, 10), 0.7)])
def test_a_wait_that_is_too_short_for_one_class_pages_nobody(baseline, means, ever):
    """Nothing is known of arrivals yet, and that labels lack can be seen; later arrivals know better."""
    (first, *others) = incidents(baseline, 2, 90, wait="156h", means=means, ever=ever)
    assert first in [("opened", "changed", day, day + 7) for day in (0, 1)]
    assert {state for _, state, _, _ in others} <= {"changed"}


@pytest.mark.parametrize(("means", "ever", "age"), [((2, 20), 1.0, 91), ((3, 10), 0.7, 60)])
def test_a_worse_model_pages_although_a_wait_was_too_short(baseline, means, ever, age):
    found = incidents(baseline, 2, 90, days=140, shift_from=100, wait="156h", means=means, ever=ever)
    day, said = next((day, said) for _, state, day, said in found if state == "material")
    assert 100 <= day <= 102
    assert said - day <= age + 7


def test_a_wait_is_believed_as_far_as_nothing_speaks_against_it():
    arrivals, patience = Arrivals(), Patience(DAY, 7 * DAY, 90 * DAY)

    def found(complete, now=8, arrivals=arrivals):
        return [each.sure for each in ripe([0], now * DAY, patience, arrivals, lambda _: complete)]

    assert [found(complete) for complete in (True, None, False)] == [[True], [True], [False]]
    assert found(False, now=91) == [True]  # it takes no more labels
    for klass, slowest in (("0", 2), ("1", 10)):
        arrivals.add(klass, (np.linspace(0, slowest, 1_000) * DAY).astype(np.int64))
    assert [found(complete) for complete in (True, None, False)] == [[True], [], []]
    assert found(False, now=12) == [True]  # of these predictions some never get a label


def test_when_labels_are_in():
    arrivals, patience = Arrivals(), Patience(DAY, 0, 90 * DAY)
    for klass, slowest in (("0", 2), ("1", 10)):
        arrivals.add(klass, (np.linspace(0, slowest, 1_000) * DAY).astype(np.int64))

    def known(age, patience=patience):
        return is_of_age(0, (1 + age) * DAY, patience, arrivals)

    assert [known(age) for age in (0, 2, 9, 11, 90)] == [False, False, False, True, True]
    assert list(ripe([2 * DAY, 0, DAY], 12 * DAY, patience, arrivals, lambda start: start == 2 * DAY)) == [
        (0, True),
        (2 * DAY, True),
    ]
    assert not known(2, patience._replace(wait=2 * DAY))  # arrivals know better
    arrivals.add("1", np.full(20, 20 * DAY))  # a few come so late that later ones must be expected
    assert [known(age) for age in (10, 19, 20, 89)] == [False, False, True, True]


def test_of_a_task_without_classes_all_labels_are_one():
    arrivals = Arrivals()
    random = np.random.default_rng(3)
    arrivals.learn_all(cohort(random, 0))
    arrivals.learn_all(cohort(random, 1))
    share = arrivals.least_share(7 * DAY)
    assert share is not None
    assert 0.6 < share < 0.9
