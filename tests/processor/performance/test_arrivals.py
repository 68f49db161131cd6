"""Labels of one class come sooner than those of the other: the naive numbers are biased, the weighted ones are not."""

import json

import numpy as np
import pytest

from tidegauge_processor.performance.arrivals import LEAST_LABELS, Arrivals
from tidegauge_processor.performance.classes import read_binary
from tidegauge_processor.performance.evaluate import report
from tidegauge_processor.performance.table import Kind, Table

DAY = 86_400 * 10**9
KINDS = tuple(Kind(actual, klass, False, False, ()) for actual in "01" for klass in "01")


def predictions(random, rows, day):
    """A day of predictions, right for 95 % of the negative and 60 % of the positive rows, and when labels arrive.

    A negative label takes 3 days in the mean, a positive one 10, as exponential delays do.
    """
    actual = random.random(rows) < 0.3
    klass = np.where(random.random(rows) < np.where(actual, 0.6, 0.95), actual, ~actual)
    made = day * DAY + random.integers(0, DAY, rows)
    delay = (random.exponential(np.where(actual, 10, 3)) * DAY).astype(np.int64)
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
