"""Labels of one class come sooner than those of the other: the naive numbers are biased, the weighted ones are not."""

import json
from itertools import pairwise

import numpy as np
import pytest

from tests.processor.performance.outcomes import cohort_of
from tidegauge_processor.performance.arrivals import LEAST_LABELS, Arrivals
from tidegauge_processor.performance.classes import read_binary
from tidegauge_processor.performance.complete import Patience
from tidegauge_processor.performance.evaluate import report
from tidegauge_processor.performance.evaluations import realized
from tidegauge_processor.performance.outcomes import Outcome
from tidegauge_processor.performance.table import Kind, Table

DAY = 86_400 * 10**9
KINDS = tuple(Kind(actual, klass, False, False, ()) for actual in "01" for klass in "01")


PATIENCE = Patience(cohort=DAY, wait=0, retention=90 * DAY)


def predictions(random, rows, day, means=(3, 10)):
    """A day of predictions, right for 95 % of the negative and 60 % of the positive rows, and when labels arrive.

    Delays are exponential; a negative label takes the first of ``means`` days, a positive one the second.
    """
    actual = random.random(rows) < 0.3
    klass = np.where(random.random(rows) < np.where(actual, 0.6, 0.95), actual, ~actual)
    made = day * DAY + random.integers(0, DAY, rows)
    delay = (random.exponential(np.where(actual, means[1], means[0])) * DAY).astype(np.int64)
    nothing = np.full(rows, np.nan)
    kind = 2 * actual.astype(np.int64) + klass
    return Table(
        KINDS,
        kind,
        nothing,
        nothing,
        nothing,
        made,
        delay,
        np.zeros(rows, np.int64),
        np.ones(rows),
        np.empty((rows, 0), np.uint16),
    )


def learn(arrivals, cohorts, since, until):
    """What cohorts, by their day, teach from day ``since`` up to day ``until``, of labels that have come by then."""
    tables = {day * DAY: table for day, table in enumerate(cohorts)}
    for start, bins in PATIENCE.shown(tables, since * DAY, until * DAY):
        known = tables[start].until(until * DAY)
        arrivals.learn(read_binary(known, "1")[0], known, bins)


def accuracy(table):
    return next(each for each in report(table, "binary", "1").evaluations if each.name == "accuracy")


def test_weighted_accuracy_is_right_at_an_age_of_seven_days():
    random = np.random.default_rng(11)
    learned = Arrivals()
    for day in range(20):
        mature = predictions(random, 2_000, day)
        learned.learn(read_binary(mature, "1")[0], mature)
    naive, weighted, covered, share = [], [], 0, []
    for _ in range(100):
        young = predictions(random, 2_000, 100)
        now = 108 * DAY  # the youngest of the predictions is seven days old
        arrived = young.take(young.predicted_at + young.delay <= now)
        truth = accuracy(young).value
        found = accuracy(learned.weigh(read_binary(arrived, "1")[0], arrived, now))
        naive.append(accuracy(arrived).value - truth)
        weighted.append(found.value - truth)
        covered += found.lower <= 0.7 * 0.95 + 0.3 * 0.6 <= found.upper
        share.append(arrived.kind.size / young.kind.size)
    assert np.mean(naive) > 0.03
    assert abs(np.mean(weighted)) <= 0.005
    assert covered >= 90
    assert 0.7 < np.mean(share) < 0.85


@pytest.mark.parametrize(
    ("means", "history", "bias"),
    [
        *(((3, 10), history, 0.005) for history in (45, 60, 90, 180)),
        *(((2, 20), history, bias) for history, bias in ((60, 0.01), (90, 0.005), (180, 0.005))),
    ],
)
def test_labels_of_which_many_come_later_than_cohorts_first_teach_are_weighed_rightly(means, history, bias):
    """A third of the retention is 30 days: 22 % of labels that take 20 days in the mean come later still."""
    random = np.random.default_rng(15)
    arrivals = Arrivals()
    learn(arrivals, [predictions(random, 2_000, day, means) for day in range(history)], -1, history)
    naive, weighted = [], []
    for _ in range(100):
        young = predictions(random, 2_000, 300, means)
        arrived = young.until(308 * DAY)  # the youngest of the predictions is seven days old
        truth = accuracy(young).value
        naive.append(accuracy(arrived).value - truth)
        weighted.append(accuracy(arrivals.weigh(read_binary(arrived, "1")[0], arrived, 308 * DAY)).value - truth)
    assert np.mean(naive) > 0.03
    assert abs(np.mean(weighted)) <= bias


def test_what_is_learned_does_not_depend_on_how_often_anybody_looks():
    random = np.random.default_rng(16)
    cohorts = [predictions(random, 300, day, (2, 20)) for day in range(120)]
    at_once, in_steps = Arrivals(), Arrivals()
    learn(at_once, cohorts, -1, 200)
    steps = [-1, 29, 31, *range(32, 95, 3), 140, 141, 200]
    for since, until in pairwise(steps):
        learn(in_steps, cohorts, since, until)
    assert in_steps.dump() == at_once.dump()
    learn(in_steps, cohorts, 211, 400)  # all of them are closed
    assert in_steps.dump() == at_once.dump()


def test_shares_are_those_of_all_delays_although_no_cohort_has_shown_all_of_them():
    random = np.random.default_rng(17)
    arrivals = Arrivals()
    learn(arrivals, [predictions(random, 6_000, day, (2, 20)) for day in range(90)], -1, 90)
    ages = np.array([1, 7, 20, 40, 60]) * DAY
    of_all = 1 - np.exp(-np.array([1, 7, 20, 40, 60]) / 20)
    assert arrivals.share("1", ages) == pytest.approx(of_all, abs=0.02)
    of_shown = Arrivals()
    learn(of_shown, [predictions(random, 6_000, day, (2, 20)) for day in range(31)], -1, 31)
    assert of_shown.share("1", ages)[1] > of_all[1] + 0.05  # of labels after 30 days nobody knows yet


def test_labels_are_surely_in_only_where_hardly_any_can_still_come():
    random = np.random.default_rng(18)
    cohorts = [predictions(random, 3_000, day) for day in range(120)]
    young, old = Arrivals(), Arrivals()
    learn(young, cohorts, -1, 35)
    learn(old, cohorts, -1, 120)
    assert young.share("1", np.array([30 * DAY]))[0] > 0.99  # it seems that all have come, since none can be later
    assert young.least_share(30 * DAY) < 0.8
    assert old.least_share(40 * DAY) < 0.99 < old.least_share(60 * DAY)


def test_ages_at_which_a_class_has_hardly_arrived_are_left_out():
    random = np.random.default_rng(12)
    learned = Arrivals()
    mature = predictions(random, 5_000, 0)
    learned.learn(read_binary(mature, "1")[0], mature)
    now = 11 * DAY + DAY // 2  # a tenth of the positive labels takes 1.05 days
    young = predictions(random, 4_000, 10)
    arrived = young.take(young.predicted_at + young.delay <= now)
    kept = learned.weigh(read_binary(arrived, "1")[0], arrived, now)
    assert kept is not None
    assert kept.kind.size < arrived.kind.size
    assert 1 < kept.weight.max() <= 10
    assert learned.weigh(read_binary(arrived, "1")[0], arrived, 11 * DAY) is None


def test_too_few_mature_labels_weigh_nothing():
    random = np.random.default_rng(13)
    table = predictions(random, LEAST_LABELS, 0)
    learned = Arrivals()
    learned.learn(read_binary(table, "1")[0], table)
    assert learned.weigh(read_binary(table, "1")[0], table, 9 * DAY) is None


def test_a_label_that_takes_as_long_as_an_edge_of_the_bins_has_arrived_by_then():
    arrivals = Arrivals()
    arrivals.add("late", np.full(LEAST_LABELS, 90 * DAY))
    assert arrivals.share("late", np.array([45 * DAY, 90 * DAY])).tolist() == [0.0, 1.0]


def test_what_was_learned_adds_up_and_survives_a_restart():
    random = np.random.default_rng(14)
    parts = [predictions(random, 900, day) for day in range(3)]
    whole, merged = Arrivals(), Arrivals()
    for part in parts:
        whole.learn(read_binary(part, "1")[0], part)
        own = Arrivals()
        own.learn(read_binary(part, "1")[0], part)
        merged += Arrivals.load(json.loads(json.dumps(own.dump())))
    assert merged.dump() == whole.dump()
    ages = np.array([1, 7, 30]) * DAY
    assert whole.share("0", ages) == pytest.approx(1 - np.exp(-ages / DAY / 3), abs=0.03)
    assert whole.share("1", ages) == pytest.approx(1 - np.exp(-ages / DAY / 10), abs=0.05)


def test_slices_and_the_reliability_curve_are_weighed_as_the_whole_is():
    arrivals = Arrivals()
    arrivals.add("0", np.full(400, DAY))
    arrivals.add("1", np.repeat([DAY, 10 * DAY], 200))  # half of them are not there yet after five days
    actual = {"north": "0001", "south": "000011"}
    table = cohort_of(
        Outcome(f"{region}-{row}", 0, DAY, label, 0.25, None, label, (("region", region),))
        for region, labels in actual.items()
        for row, label in enumerate(labels)
    ).table()
    found = realized(table, "binary", "1", None, arrivals, 5 * DAY)
    said = {each.segment: each for each in found.evaluations if each.name == "mean_label"}
    assert said[None].value == pytest.approx(6 / 13)
    assert said[None].unweighted == pytest.approx(3 / 10)
    assert said["region", "north"].value == pytest.approx(2 / 5)
    assert said["region", "south"].value == pytest.approx(4 / 8)
    assert [point.share.value for point in found.reliability] == [pytest.approx(6 / 13)]
