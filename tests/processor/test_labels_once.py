"""Each cohort is tested once: however its labels are delivered, and however often it is measured again."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

from tests.processor.models import baseline, hour, rows
from tests.processor.requests import HOUR
from tests.processor.test_engine import TIMING
from tests.processor.test_evaluating import KEY
from tidegauge import semconv
from tidegauge_processor.baselines import Baselines
from tidegauge_processor.label_incidents import judge_labels
from tidegauge_processor.labels import LabelJudge
from tidegauge_processor.performance.outcomes import Outcome
from tidegauge_processor.performance.table import Kind, Table
from tidegauge_processor.signals import IncidentSignal, Signal, Subject
from tidegauge_processor.state.memory import Memory
from tidegauge_processor.state.models import ModelState
from tidegauge_processor.telemetry import Telemetry
from tidegauge_processor.verdicts.types import Policy

COHORT = 6 * HOUR
TIMING_OF_LABELS = replace(TIMING, cohort=COHORT, wait=2 * HOUR, retention=40 * COHORT, again=0)
KNOWN = baseline()


class Bench:
    """Cohorts of one model version, whose memory goes through its bytes after each delivery."""

    def __init__(self) -> None:
        self.telemetry = Telemetry()
        known = Baselines({KNOWN.id: KNOWN})
        self.judge = LabelJudge(TIMING_OF_LABELS, known, lambda _: Policy(quiet_windows=2), self.telemetry)
        self.state = ModelState(KEY)
        self.state.learn_task("binary")

    def take(self, outcomes: Iterable[Outcome]) -> list[Signal]:
        for outcome in outcomes:
            self.state.add_outcome(outcome, TIMING_OF_LABELS, hour(10_000))
        said = list(self.judge.judge(self.state, self.state.memory.label_watermark, hour(10_000)))
        self.state.memory = Memory.load(self.state.memory.dump())
        return said


def outcomes(cohorts: int, number: int = 600) -> list[Outcome]:
    """In the order in which they are known, each within seven hours; the later half of the cohorts has mistakes."""
    random, found = np.random.default_rng(5), []
    for at in range(cohorts):
        frame = rows(number, seed=at)
        for row, (score, label) in enumerate(zip(frame["score"].tolist(), frame["label"].tolist(), strict=True)):
            made = hour(0) + at * COHORT + row * COHORT // number
            wrong = at >= cohorts // 2 and random.random() < 0.3
            known = made + int(random.random() * 7 * HOUR)
            of = str(int(score >= 0.5)), score, None, str(label ^ wrong), (("region", "ns"[row % 2]),)
            found.append(Outcome(f"{at}-{row}", made, known, *of))
    return sorted(found, key=lambda outcome: outcome.recorded_at)


def told(said: Iterable[Signal]) -> list[IncidentSignal]:
    return [each for each in said if isinstance(each, IncidentSignal)]


def test_what_is_found_does_not_depend_on_how_labels_are_delivered() -> None:
    all_of_them = outcomes(cohorts=16)
    whole = told(Bench().take(all_of_them))
    assert [each.change for each in whole][:1] == ["opened"]
    for pieces in (7, 150):
        bench, said = Bench(), []
        for part in np.array_split(np.arange(len(all_of_them)), pieces):
            said += bench.take(all_of_them[row] for row in part.tolist())
        assert told(said) == whole
        assert (len(bench.state.memory.tested), bench.state.memory.opened) == (16, 1)
        assert len(said) > 150 * 7  # they are measured again and again


@pytest.mark.parametrize("task", ["multiclass", "binary"])
def test_that_groups_are_not_compared_is_said_once(task: str, caplog: pytest.LogCaptureFixture) -> None:
    judge = LabelJudge(TIMING_OF_LABELS, Baselines({}), lambda _: Policy(), Telemetry())
    state = ModelState(KEY)
    state.learn_task(task)
    every = outcomes(cohorts=3)
    caplog.set_level("INFO")
    for part in (every[:900], every[900:]):
        for outcome in part:
            state.add_outcome(outcome, TIMING_OF_LABELS, hour(10_000))
        assert list(judge.judge(state, state.memory.label_watermark, hour(10_000)))
    expected = (
        f"{KEY.model} {KEY.version}: groups are measured one by one and not compared: fairness is of binary tasks"
    )
    assert [expected in record.message for record in caplog.records] == [True] * (task == "multiclass")


def test_outcomes_that_cannot_be_read_are_counted_once() -> None:
    bench, all_of_them = Bench(), outcomes(cohorts=4)
    for row in (0, 50, 100):
        all_of_them[row] = replace(all_of_them[row], actual="neither")
    for part in np.array_split(np.arange(len(all_of_them)), 60):
        bench.take(all_of_them[row] for row in part.tolist())
    dropped = {
        key: value for key, value in bench.telemetry.counts().items() if key[0] == semconv.METRIC_PROCESSOR_DROPPED
    }
    assert list(dropped.values()) == [3]


def day_of_groups(random: np.random.Generator, size: int, day: int) -> Table:
    """Five groups of ``size`` rows each, treated alike."""
    groups = np.repeat(np.arange(5), size)
    kinds = tuple(
        Kind(actual, klass, True, False, (("region", f"g{group}"),))
        for group in range(5)
        for actual in "01"
        for klass in "01"
    )
    actual, chosen = random.random(groups.size) < 0.3, random.random(groups.size) < 0.3
    nothing, at = np.full(groups.size, np.nan), np.full(groups.size, day)
    kind, no_codes = 4 * groups + 2 * actual + chosen, np.empty((groups.size, 0), np.uint16)
    return Table(kinds, kind, nothing, nothing, nothing, at, 0 * at, 0 * at, nothing * 0 + 1, no_codes)


@pytest.mark.parametrize("size", [30, 200, 1_000, 5_000])
def test_a_month_of_equal_groups_opens_no_incident(size: int) -> None:
    """Each day is looked at alone and merged with the 6 and the 27 before, and all of it shares one budget."""
    random, opened, day = np.random.default_rng(size), 0, 24 * HOUR
    for _ in range(8):
        memory = Memory()
        memory.task = "binary"
        for number in range(30):
            subject = Subject(*KEY, "", "metric", number * day, (number + 1) * day)
            table = day_of_groups(random, size, number * day)
            shown = judge_labels(subject, table, None, memory, Policy())
            opened += sum(each.change.kind == "opened" for each in shown)
    assert opened <= 4  # of eight months, at a fifth of an incident a month: more have a probability of 2 %
