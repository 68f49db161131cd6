"""Days that differ: a test that takes rows for independent cries each day, ours does not, and still sees what lasts."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tidegauge.baseline.wobble import wobble
from tidegauge_processor.label_incidents import judge_labels
from tidegauge_processor.performance.judging import SCALES, against_reference, level
from tidegauge_processor.performance.table import Kind, Table
from tidegauge_processor.performance.worse import Days, compare_mistakes
from tidegauge_processor.signals import Subject
from tidegauge_processor.state.memory import Memory
from tidegauge_processor.verdicts.types import Policy

DAY = 24 * 3600 * 10**9
FLIGHTS = Path(__file__).parents[3] / "examples" / "flights" / "flights.py"


def test_the_variance_between_days_is_found():
    random = np.random.default_rng(1)
    found = []
    for _ in range(200):
        shares = random.normal(0.2, 0.05, 30).clip(0, 1)
        wrong = random.random((30, 400)) < shares[:, None]
        mean = wrong.mean()
        found.append(wobble(wrong.ravel() - mean, np.full(12_000, mean * (1 - mean)), np.repeat(np.arange(30), 400))[0])
    assert np.mean(found) == pytest.approx(0.05**2, rel=0.05)


def test_without_times_or_with_few_days_nothing_is_known():
    rows = np.zeros(100), np.ones(100)
    assert wobble(*rows, None) == (0.0, 0)
    assert wobble(*rows, np.repeat(np.arange(5), 20)) == (0.0, 0)


def test_days_that_differ_as_on_the_reference_raise_no_alarm():
    random = np.random.default_rng(2)
    naive = aware = asked = 0
    for _ in range(150):
        shares = random.normal(0.2, 0.04, 60).clip(0, 1)
        wrong = random.random((60, 300)) < shares[:, None]
        known, later = wrong[:30], wrong[30:]
        mean, days = known.mean(), np.repeat(np.arange(30), 300)
        variance, rests_on = wobble(known.ravel() - mean, np.full(9_000, mean * (1 - mean)), days)
        reference = int((~known).sum()), int(known.sum())
        for merged in (later[:1], later[:7], later[:28]):
            window = int((~merged).sum()), int(merged.sum())
            of = Days(variance, rests_on, len(merged))
            naive += compare_mistakes(reference, window, 0.01).state.alarming
            aware += compare_mistakes(reference, window, 0.01, days=of).state.alarming
            asked += 1
    assert aware / asked <= 0.02
    assert naive / asked > 0.1


@pytest.fixture(scope="module")
def flights():
    specification = importlib.util.spec_from_file_location("flights", FLIGHTS)
    module = importlib.util.module_from_spec(specification)
    sys.modules["flights"] = module
    specification.loader.exec_module(module)
    yield module
    del sys.modules["flights"]


def test_new_york_loses_its_calibration_in_some_months_and_is_left_in_peace_in_the_others(flights):
    rows = flights.load()
    trained_on, held_out = flights.january(rows)
    model = flights.DelayModel().fit(trained_on)
    baseline = flights.fit_baseline(model, trained_on, held_out)
    rows = rows[rows["late"].notna() & (rows["time"] >= flights.FIRST_DAY) & (rows["time"] < flights.END)]
    rows = rows.assign(score=model.predict(rows), positive=rows["late"].astype(bool))
    memory, worst, material, policy = Memory(), {}, {}, Policy(quiet_windows=14)
    for date, day in rows.groupby(rows["time"].dt.floor("D")):
        subject = Subject(baseline.model, baseline.version, baseline.id, "metric", date.value, date.value + DAY)
        for shown in judge_labels(subject, table(day), baseline, memory, policy):
            began = pd.Timestamp(shown.change.since)
            worst[f"{began:%d %b}"] = shown.change.state.value
        compared = against_reference(memory.labelled, date.value, DAY, baseline, level(1.0, 30), 0.02)["calibration"]
        material.setdefault(date.month, []).extend(compared[scale].state.value == "material" for scale in SCALES)
    months = {month for month, claims in material.items() if any(claims)}
    assert months == {4, 12}  # 28 % late where the scores say 18 %, and 33 % where they say 23 %
    assert worst == {"08 Mar": "changed", "17 Apr": "material", "24 Jun": "changed", "04 Dec": "material"}


def table(day: pd.DataFrame) -> Table:
    score, positive = day["score"].to_numpy(), day["positive"].to_numpy()
    names = ("false", "true")
    kinds = tuple(Kind(actual, klass, True, False, ()) for actual in names for klass in names)
    nothing, zeros = np.full(len(day), np.nan), np.zeros(len(day), np.int64)
    kind = 2 * positive.astype(np.int64) + (score >= 0.5)
    return Table(
        kinds, kind, score, nothing, nothing, zeros, zeros, zeros, np.ones(len(day)), np.empty((len(day), 0), np.uint16)
    )
