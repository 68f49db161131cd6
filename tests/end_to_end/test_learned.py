"""A model without a baseline, end to end: learned through two `kill -9`, judged, promoted while the processor runs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pytest

import tidegauge
from tests.end_to_end.leaves import gauge, leaves
from tests.end_to_end.processes import ROOT, Processor, free_endpoint, wait_until
from tests.end_to_end.scenario import application, configuration, finished
from tests.end_to_end.sink import Request, Sink
from tests.workloads import HOUR, MODEL, VERSION, CreditHistory, bin_counts
from tidegauge import Baseline, semconv
from tidegauge.baseline import CategoricalFeature, NumericFeature
from tidegauge.testing import capture

pytestmark = pytest.mark.end_to_end

HISTORY = CreditHistory(hours=18, rows_per_hour=100, shift_hour=13)
LEARNED = 8
"""Hours that are learned from."""


class Learned(NamedTuple):
    """What was said, and the file that was promoted while the processor ran."""

    requests: list[Request]
    promoted: subprocess.CompletedProcess[str]
    file: Path


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Learned:
    folder = tmp_path_factory.mktemp("learned")
    receiver, file = free_endpoint(), folder / "promoted.json"
    with Sink() as sink:
        config = configuration(receiver, sink.endpoint, folder) | {
            "learning": {"duration": f"{LEARNED}h", "min_rows": 100}
        }
        processor = Processor(config, folder)
        try:
            with application(HISTORY, None, receiver, folder, pause=0.01) as app:
                for hour in (9, 11):  # some windows are closed and learned from, some are open
                    wait_until(lambda hour=hour: f"hour {hour}\n" in app.output or not app.running, f"hour {hour}")
                    assert processor.running, processor.output
                    processor.__exit__()
                    processor = Processor(config, folder)
                assert app.wait() == 0, app.output
            sink.wait(lambda requests: finished(requests, HISTORY), "the last hour is judged")
            assert processor.running, processor.output
            promoted = promote(folder / "state", file)
        finally:
            processor.__exit__()
        return Learned(sink.requests, promoted, file)


def promote(state: Path, output: Path, model: str = MODEL, version: str = VERSION) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tidegauge_processor.cli", "baseline", "promote", model, version]
    command += ["--state", str(state), "--output", str(output)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_it_says_that_it_learns_and_from_when_on_it_judges(learned: Learned) -> None:
    ends = [HISTORY.start + (hour + 1) * HOUR for hour in range(HISTORY.hours)]
    progress = gauge(learned.requests, semconv.METRIC_BASELINE_PROGRESS)
    assert progress == {end: (place + 1) / LEARNED for place, end in enumerate(ends[:LEARNED])}
    states = _states(learned.requests, "income")
    assert [states[end] for end in ends[:LEARNED]] == ["insufficient_data"] * LEARNED
    assert [states[end] for end in ends[LEARNED : HISTORY.shift_hour]] == ["ok"] * (HISTORY.shift_hour - LEARNED)
    changed = {
        (leaf.data.time_unix_nano, leaf.attributes[semconv.BASELINE_ID], leaf.attributes[semconv.BASELINE_ORIGIN])
        for leaf in leaves(learned.requests)
        if leaf.name == semconv.EVENT_BASELINE_CHANGED
    }
    assert changed == {(ends[LEARNED - 1], Baseline.load(learned.file).id, "learned")}


def test_a_shift_after_it_is_found(learned: Learned) -> None:
    ends = [HISTORY.start + (hour + 1) * HOUR for hour in range(HISTORY.shift_hour, HISTORY.hours)]
    income, age = _states(learned.requests, "income"), _states(learned.requests, "age")
    assert {income[end] for end in ends} == {"material"}
    assert {age[end] for end in ends} == {"ok"}
    opened = [
        leaf.attributes
        for leaf in leaves(learned.requests)
        if leaf.name == semconv.EVENT_DRIFT_STATE and leaf.attributes[semconv.INCIDENT_CHANGE] == "opened"
    ]
    assert {attributes[semconv.INCIDENT_SINCE] for attributes in opened} == {ends[0] - HOUR}
    assert {attributes[semconv.BASELINE_ORIGIN] for attributes in opened} == {"learned"}


def test_every_row_was_learned_from_once(learned: Learned) -> None:
    assert learned.promoted.returncode == 0, learned.promoted.stderr
    baseline = Baseline.load(learned.file)
    rows = HISTORY.rows.iloc[: LEARNED * HISTORY.rows_per_hour]
    assert (baseline.model, baseline.version, baseline.task, baseline.rows) == (MODEL, VERSION, "binary", len(rows))
    assert (baseline.start, baseline.end) == (HISTORY.start, HISTORY.start + LEARNED * HOUR - 1)
    for name in ("income", "age"):
        feature = baseline.feature(name)
        assert isinstance(feature, NumericFeature)
        assert feature.counts.sum(axis=0).tolist() == bin_counts(rows[name], feature.bounds.tolist())
        assert int(feature.missing.sum()) == int(rows[name].isna().sum())
    channel = baseline.feature("channel")
    assert isinstance(channel, CategoricalFeature)
    counted = dict(zip(channel.labels, channel.counts.sum(axis=0).tolist(), strict=True))
    assert counted == rows["channel"].value_counts().to_dict() | {"_other": 0, "_unseen": 0}


def test_the_sdk_counts_on_the_promoted_bounds(learned: Learned) -> None:
    baseline = Baseline.load(learned.file)
    with capture() as seen:

        @tidegauge.monitor(MODEL, version=VERSION, baseline=learned.file)
        def predict(application: dict[str, object]) -> float:
            return 0.25

        predict({"income": 3_100.0, "age": 40, "channel": "web"})
        (income,) = [p for p in seen.points if p["attributes"].get(semconv.FEATURE_NAME) == "income"]
    assert income["attributes"][semconv.BASELINE_ID] == baseline.id
    feature = baseline.feature("income")
    assert isinstance(feature, NumericFeature)
    assert income["bounds"] == feature.bounds.tolist()


def test_what_cannot_be_promoted_is_said_in_one_line(learned: Learned, tmp_path: Path) -> None:
    state = learned.file.parent / "state"
    ended = promote(state, tmp_path / "x.json", model="another")
    assert ended.returncode == 1
    assert ended.stderr == (
        f"tidegauge: no baseline of another {VERSION} has been learned in {str(state)!r}, or it is not complete yet; "
        f"learned so far: {MODEL} {VERSION}\n"
    )
    ended = promote(tmp_path / "nowhere", tmp_path / "x.json")
    assert ended.stderr.startswith("tidegauge: there is no state directory ")
    assert ended.stderr.endswith("nowhere': name it with --state\n")


def _states(requests: Iterable[Request], feature: str) -> dict[int, str]:
    """State of one feature over an hour by the end of its window."""
    stream = {semconv.FEATURE_NAME: feature, semconv.DRIFT_TARGET: "feature", semconv.WINDOW_NAME: "1h"}
    return {
        end: state
        for state in ("ok", "changed", "material", "insufficient_data")
        for end, value in gauge(requests, semconv.METRIC_DRIFT_STATUS, stream | {semconv.DRIFT_STATE: state}).items()
        if value
    }
