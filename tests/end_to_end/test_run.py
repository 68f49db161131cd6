"""`tidegauge run` as a process, fed by an application in another, with a back end in the test."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.end_to_end.expectations import check_accuracy, check_counts, check_sent
from tests.end_to_end.leaves import gauge, leaves
from tests.end_to_end.processes import ROOT
from tests.end_to_end.scenario import Observed, configuration
from tests.workloads import HOUR, MODEL, VERSION, CreditHistory
from tidegauge import Baseline, semconv

pytestmark = pytest.mark.end_to_end


def test_the_sdk_sends_every_row_once(observed: Observed, history: CreditHistory, baseline: Path) -> None:
    check_sent(observed.sent, history, Baseline.load(baseline))


def test_every_row_is_counted_once(observed: Observed, history: CreditHistory, baseline: Path) -> None:
    check_counts(observed.requests, history, Baseline.load(baseline))


def test_realized_accuracy_is_that_of_the_labels(observed: Observed, history: CreditHistory) -> None:
    check_accuracy(observed.requests, history)


def test_the_feature_that_moved_is_found_and_the_other_is_not(observed: Observed, history: CreditHistory) -> None:
    shift = history.start + history.shift_hour * HOUR
    ends = [history.start + (hour + 1) * HOUR for hour in range(history.hours)]
    income, age = _hourly_states(observed, "income"), _hourly_states(observed, "age")
    assert [income[end] for end in ends if end <= shift] == ["ok"] * history.shift_hour
    assert income[shift + HOUR] == "material"
    assert "ok" not in [income[end] for end in ends if end > shift]
    assert [age[end] for end in ends] == ["ok"] * history.hours


def test_one_incident_says_since_when_and_what(observed: Observed, history: CreditHistory) -> None:
    opened = [
        leaf.attributes
        for leaf in leaves(observed.requests)
        if leaf.name == semconv.EVENT_DRIFT_STATE and leaf.attributes[semconv.INCIDENT_CHANGE] == "opened"
    ]
    assert len(opened) == 1
    assert opened[0][semconv.MODEL_NAME] == MODEL
    assert opened[0][semconv.MODEL_VERSION] == VERSION
    assert opened[0][semconv.INCIDENT_SINCE] == history.start + history.shift_hour * HOUR
    assert any("income" in stream for stream in opened[0][semconv.INCIDENT_STREAMS])
    calls = {leaf.data.trace_id.hex() for leaf in leaves(observed.sent) if leaf.name == f"predict {MODEL}"}
    assert calls.issuperset(opened[0][semconv.INCIDENT_TRACES])
    assert opened[0][semconv.INCIDENT_TRACES]


def test_counters_lead_to_calls_that_they_counted(observed: Observed) -> None:
    """What was sent ends with what the application sent last, so all of it is there: each point with its calls."""
    spans = {
        (leaf.data.trace_id, leaf.data.span_id): leaf.attributes
        for leaf in leaves(observed.sent)
        if leaf.name == f"predict {MODEL}"
    }
    led = [
        (leaf, [spans[exemplar.trace_id, exemplar.span_id] for exemplar in leaf.data.exemplars])
        for leaf in leaves(observed.sent)
        if leaf.name in (semconv.METRIC_PREDICTIONS, semconv.METRIC_FEATURE_OCCURRENCES, semconv.METRIC_VIOLATIONS)
    ]
    assert {leaf.name for leaf, _ in led} == {
        semconv.METRIC_PREDICTIONS,
        semconv.METRIC_FEATURE_OCCURRENCES,
        semconv.METRIC_VIOLATIONS,
    }
    assert all(0 < len(calls) <= 2 for leaf, calls in led if leaf.data.as_int)
    missing = [call for leaf, calls in led if leaf.name == semconv.METRIC_VIOLATIONS for call in calls]
    of_one_row = [call for call in missing if call[semconv.BATCH_SIZE] == 1]  # others say nothing of single rows
    assert of_one_row
    assert all(call[semconv.FEATURES_VIOLATIONS] == ["income: missing"] for call in of_one_row)


def test_it_serves_and_stops_cleanly(observed: Observed) -> None:
    assert observed.served
    assert observed.exit_code == 0, observed.output
    assert "Traceback" not in observed.output


def test_a_port_in_use_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = _run(configuration(f"127.0.0.1:{port}", "127.0.0.1:4317", tmp_path), tmp_path)
    assert ended.returncode == 1
    (line,) = ended.stderr.strip().splitlines()
    assert str(port) in line
    assert "in use" in line


def test_every_mistake_of_a_configuration_is_named_at_once(tmp_path: Path) -> None:
    ended = _run({"reciever": {}, "windows": {"duration": "one hour"}, "exporter": {"compression": "zstd"}}, tmp_path)
    assert ended.returncode == 1
    for what in ("receiver", "windows.duration", "exporter.compression"):
        assert what in ended.stderr
    assert "Traceback" not in ended.stderr


def _hourly_states(observed: Observed, feature: str) -> dict[int, str]:
    """State of one feature by the end of its window."""
    stream = {semconv.FEATURE_NAME: feature, semconv.DRIFT_TARGET: "feature", semconv.WINDOW_NAME: "1h"}
    found: dict[int, str] = {}
    for state in ("ok", "changed", "material", "insufficient_data"):
        said = gauge(observed.requests, semconv.METRIC_DRIFT_STATUS, {**stream, semconv.DRIFT_STATE: state})
        for end, value in said.items():
            if value:
                assert end not in found, f"{feature} is in two states at once"
                found[end] = state
    return found


def _run(config: dict[str, object], folder: Path) -> subprocess.CompletedProcess[str]:
    path = folder / "processor.yaml"
    path.write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "tidegauge_processor.cli", "run", "--config", str(path)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
