"""Which incidents page: a change of the inputs that surely does not harm performance is information."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, SeverityNumber
from rich.console import Console

from tests.processor.models import baseline, flush, hour, rows
from tests.processor.requests import HOUR, Writer
from tests.processor.test_engine import LATER, TIMING
from tests.workloads import MONDAY
from tidegauge import Baseline, semconv
from tidegauge_processor import windowing
from tidegauge_processor.backtest import OutputColumns, Source, run
from tidegauge_processor.backtest.results import Backtest
from tidegauge_processor.backtest.screen import show
from tidegauge_processor.baselines import Baselines
from tidegauge_processor.engine import Engine
from tidegauge_processor.otlp import attributes, encode_events
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.paging import pages
from tidegauge_processor.performance.effect import Effect
from tidegauge_processor.signals import IncidentSignal, Signal, TotalsSignal
from tidegauge_processor.telemetry import Telemetry
from tidegauge_processor.verdicts.incidents import IncidentChange
from tidegauge_processor.verdicts.state import State
from tidegauge_processor.verdicts.types import Policy, Stream, Verdict

POLICY = Policy(scales=(1, 3), effect_floor=0.05, quiet_windows=2)


def engine(units: dict[str, bytes] | None = None) -> Engine:
    known = Baselines({baseline().id: baseline()})
    return Engine(TIMING, known, lambda _: POLICY, 1_000, Telemetry(), units or {})


def incidents(watched: Engine, requests: Sequence[bytes]) -> list[IncidentSignal]:
    return [signal for signal in said(watched, requests) if isinstance(signal, IncidentSignal)]


def said(watched: Engine, requests: Sequence[bytes]) -> list[Signal]:
    for request in requests:
        watched.apply(windowing.decode(SignalKind.METRICS, request, HOUR), LATER)
    return [*watched.advance(LATER)]


def record(signal: IncidentSignal) -> tuple[LogRecord, dict[str, Any]]:
    request = ExportLogsServiceRequest.FromString(encode_events.events(attributes.resource({}), [signal], None))
    (found,) = request.resource_logs[0].scope_logs[0].log_records
    return found, {each.key: each.value for each in found.attributes}


@pytest.mark.parametrize(("number", "pages"), [(8_000, False), (200, True)], ids=["surely", "who knows"])
def test_moved_inputs_page_unless_performance_is_surely_no_worse(number: int, pages: bool) -> None:
    hours = [flush(rows(number, seed=10 + i, shift=shift), hour(i)) for i, shift in enumerate((0, 1.0, 0))]
    (opened,) = incidents(engine(), hours)
    event, said = record(opened)
    assert opened.effect is not None
    assert (opened.pages, opened.effect.unchanged) == (pages, not pages)
    assert opened.effect.rows == number
    assert opened.effect.lower < opened.effect.value < opened.effect.upper
    assert event.event_name == "ml.drift.state_changed"
    assert said[semconv.DRIFT_STATE].string_value == "material"
    assert said[semconv.INCIDENT_PAGES].bool_value == pages
    assert said[semconv.INCIDENT_PERFORMANCE].string_value.endswith("surely no worse") == (not pages)
    severity = SeverityNumber.SEVERITY_NUMBER_WARN if pages else SeverityNumber.SEVERITY_NUMBER_INFO
    assert event.severity_number == severity


def test_each_incident_is_counted_once() -> None:
    shifts = (0, 1.0, 0, 0, 0, 0, 1.0, 0)  # the first one closes after two quiet windows
    found = said(engine(), [flush(rows(400, 10 + i, shift), hour(i)) for i, shift in enumerate(shifts)])
    opened = [each.change for each in found if isinstance(each, IncidentSignal)]
    assert opened.count("opened") == 2
    assert [each.incidents for each in found if isinstance(each, TotalsSignal)] == [0, 1, 1, 1, 1, 1, 2]


SAME, WORSE = (Effect("accuracy", 0.9, 0.89, 0.91, 0.9, 500, unchanged=each) for each in (True, False))


def alarm(*targets: str, kind: Any = "opened", state: State = State.MATERIAL) -> IncidentChange:
    ranking = tuple(Verdict(Stream(target, ""), 1, 0, 1, 500, state) for target in targets)
    return IncidentChange(kind, "id", 0, 0, 1, state, 0, ranking, targets[0])


@pytest.mark.parametrize("targets", [("feature",), ("joint",), ("feature", "joint")], ids="+".join)
def test_only_inputs_moved(targets: tuple[str, ...]) -> None:
    assert not pages(alarm(*targets), SAME)
    assert pages(alarm(*targets), WORSE)
    assert pages(alarm(*targets), None)  # nothing can be estimated
    assert not pages(alarm(*targets, state=State.CHANGED), WORSE)
    assert not pages(alarm(*targets, kind="closed"), WORSE)


@pytest.mark.parametrize("other", ["attribution", "prediction", "score", "quality"])
def test_something_else_moved_as_well(other: str) -> None:
    assert pages(alarm("feature", "joint", other), SAME)
    assert pages(alarm(other), SAME)


def test_moved_scores_page_whatever_is_expected_of_them() -> None:
    surer = rows(8_000, seed=11, shift=0.6)
    surer["score"] = np.where(surer["score"] > 0.5, 0.97, 0.03)
    (opened,) = incidents(engine(), [flush(surer, hour(0)), flush(rows(9, 12), hour(1))])
    assert opened.effect is not None
    assert opened.effect.unchanged
    assert opened.pages


def test_broken_values_are_an_incident_of_data_quality_also_after_a_restart() -> None:
    writer = Writer(baseline=baseline().id)
    broken = writer.counter(
        semconv.METRIC_VIOLATIONS,
        900,
        hour(0),
        hour(0) + HOUR // 6,
        ml__feature__name="purpose",
        ml__data_quality__violation__type="missing",
    )
    first = [flush(rows(400, 1), hour(0), writer), writer.metrics(broken), flush(rows(9, 2), hour(1))]
    watched = engine()
    (opened,) = incidents(watched, first)
    event, said = record(opened)
    assert event.event_name == "ml.data_quality.state_changed"
    assert said[semconv.QUALITY_STATE].string_value == "material"
    assert said[semconv.INCIDENT_PAGES].bool_value
    again = engine({unit: data for unit, data in watched.dirty().items() if data})
    grew, *_ = incidents(again, [flush(rows(400, 3, shift=0.9), hour(1) + HOUR // 2), flush(rows(9, 4), hour(2))])
    assert (grew.id, grew.change, grew.cause) == (opened.id, "grew", "quality")
    assert record(grew)[0].event_name == "ml.data_quality.state_changed"


def frame(task: str, number: int, seed: int, shift: float) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    found = pd.DataFrame({"x": rng.normal(size=number) + shift, "at": MONDAY + np.sort(rng.integers(0, HOUR, number))})
    sure = rng.beta(4, 2, number)
    match task:
        case "binary":
            return found.assign(score=sure, label=(rng.random(number) < sure).astype(int))
        case "multiclass":
            predicted = rng.integers(0, 3, number)
            actual = np.where(rng.random(number) < sure, predicted, (predicted + 1) % 3)
            return found.assign(score=sure, predicted=predicted.astype(str), label=actual.astype(str))
    return found.assign(predicted=10 * sure, label=10 * sure + rng.normal(size=number) * (0.2 + sure))


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_the_effect_is_what_is_estimated_of_the_window_that_showed_the_change(task: str, tmp_path: Path) -> None:
    columns: dict[str, Any] = {"label": "label", "prediction": None if task == "binary" else "predicted"}
    if task != "regression":
        columns["score"] = "score"
    known = Baseline.fit(frame(task, 4_000, 1, 0), model="m", version="1", task=task, exclude=["at"], **columns)
    frame(task, 3_000, 2, 0.5).to_parquet(tmp_path / "rows.parquet")
    outputs = OutputColumns(prediction=columns["prediction"], score=columns.get("score"))
    found: Backtest = run(Source(tmp_path / "rows.parquet"), known, replace(POLICY, scales=(1,)), "at", outputs)
    (incident,) = found.incidents
    name = "mae" if task == "regression" else "accuracy"
    (estimated,) = [each for each in found.evaluations if each.name == name]
    assert incident.effect is not None
    assert (incident.effect.name, incident.effect.rows) == (name, 3_000)
    assert incident.effect.value == pytest.approx(estimated.value, rel=1e-12)
    assert incident.effect.lower == pytest.approx(estimated.lower, rel=1e-9)
    assert incident.effect.upper == pytest.approx(estimated.upper, rel=1e-9)
    assert incident.effect.reference == known.performance[name]
    assert incident.level == "material"
    assert incident.pages != incident.effect.unchanged
    show(found, known, console := Console(file=io.StringIO(), width=160))
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert f"1 in all, {int(incident.pages)} of them worth a page." in said
    assert ("is none: only inputs changed" in said) == incident.effect.unchanged
