"""Joint drift from the application to the verdict: each feature keeps its distribution, their relation does not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics

from tests.processor.requests import HOUR, Writer
from tests.processor.test_engine import LATER, TIMING, states
from tidegauge import ManualClock, Settings, monitor, semconv
from tidegauge.baseline import Baseline
from tidegauge.summaries import NumericSummary
from tidegauge.testing import capture
from tidegauge_processor import comparison, windowing
from tidegauge_processor.baselines import Baselines
from tidegauge_processor.engine import Engine
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.signals import DriftSignal, IncidentSignal, Signal
from tidegauge_processor.spans import summarise_calls
from tidegauge_processor.telemetry import Telemetry
from tidegauge_processor.verdicts.judge import judge
from tidegauge_processor.verdicts.state import State
from tidegauge_processor.verdicts.types import Policy, Stream, Window

JOINT = Stream("joint", "")
START = 472_000 * HOUR


def clusters(rng: np.random.Generator, rows: int, turned: bool) -> pd.DataFrame:
    """Two clusters on the one diagonal or, turned by a right angle, on the other."""
    side = rng.choice([-2.0, 2.0], rows)
    x, y = side + rng.normal(size=rows), (-side if turned else side) + rng.normal(size=rows)
    return pd.DataFrame({"x": x, "y": y, "z": rng.normal(size=rows)})


def sines(rng: np.random.Generator, rows: int, turned: bool) -> pd.DataFrame:
    """A sine and its mirror image."""
    x = rng.uniform(0, 2 * np.pi, rows)
    wave = np.sin(x) + rng.normal(0, 0.2, rows)
    return pd.DataFrame({"x": x, "wave": -wave if turned else wave})


def choices(rng: np.random.Generator, rows: int, turned: bool) -> pd.DataFrame:
    """Who pays by card buys dear things; turned, who does not."""
    card = rng.random(rows) < 0.7
    price = rng.normal(100, 20, rows)
    order = price.argsort()
    paid = np.empty(rows, dtype=object)
    paid[order if not turned else order[::-1]] = np.where(np.sort(card), "card", "cash")
    return pd.DataFrame({"price": price, "paid": paid})


def fit(df: pd.DataFrame) -> Baseline:
    return Baseline.fit(df, model="shop", version="1", task="regression")


def sent(baseline: Baseline, hours: list[pd.DataFrame]) -> list[bytes]:
    """Requests of an application that predicts the rows of each hour."""

    @monitor("shop", version="1", baseline=baseline)
    def predict(rows: pd.DataFrame) -> np.ndarray:
        return np.zeros(len(rows))

    clock = ManualClock(START)
    with capture(Settings(export_interval=3600), clock=clock) as seen:
        for rows in hours:
            predict(rows)
            clock.advance(HOUR)
            seen.flush()
        return [encode_metrics(data).SerializeToString() for data in seen._metrics.received]


def said(baseline: Baseline, requests: list[bytes]) -> list[Signal]:
    known = Baselines({baseline.id: baseline})
    engine = Engine(TIMING, known, lambda _: Policy(scales=(1,)), 1_000, Telemetry(), {})
    for request in requests:
        engine.apply(windowing.decode(SignalKind.METRICS, request, HOUR), LATER)
    return [*engine.advance(LATER), *engine.advance(LATER + 400 * 10**9)]


@pytest.mark.parametrize("rows", [clusters, sines, choices])
def test_a_relation_that_turns_round_is_material_while_every_feature_is_ok(
    rows: Callable[[np.random.Generator, int, bool], pd.DataFrame],
) -> None:
    rng = np.random.default_rng(4)
    baseline = fit(rows(rng, 5_000, False))
    signals = said(baseline, sent(baseline, [rows(rng, 300, turned) for turned in (False, False, True, False)]))
    ok, material = State.OK, State.MATERIAL
    assert states(signals, "joint") == {"": [ok, ok, material, ok]}
    for found in states(signals, "feature").values():
        assert found == [ok] * 4
    (opened,) = [signal for signal in signals if isinstance(signal, IncidentSignal)]
    assert (opened.change, opened.since) == ("opened", START + 2 * HOUR)
    assert opened.streams[0].startswith("joint: material")
    assert opened.traces


def test_spans_say_the_same_as_metrics() -> None:
    rng = np.random.default_rng(5)
    baseline = fit(choices(rng, 1_000, False))
    live = choices(rng, 80, True)
    payloads = windowing.decode(SignalKind.METRICS, sent(baseline, [live])[0], HOUR).payloads.values()
    (measured,) = [
        p for part in payloads for p in part.points if p.stream.metric == semconv.METRIC_RECONSTRUCTION_ERROR
    ]
    writer = Writer(model="shop", version="1")
    spans = [
        writer.span(number, START, ["price", "paid"], [str(price), paid])
        for number, (price, paid) in enumerate(zip(live["price"], live["paid"], strict=True), start=1)
    ]
    (payload,) = windowing.decode(SignalKind.TRACES, writer.spans(*spans), HOUR).payloads.values()
    told = summarise_calls(payload.spans, baseline).histograms[measured.stream]
    assert isinstance(told, NumericSummary)
    assert isinstance(measured.value, NumericSummary)
    assert told.counts.tolist() == measured.value.counts.tolist()
    assert told.maximum == measured.value.maximum
    assert told.sum.value == measured.value.sum.value  # the wire carries the nearest double


def test_rows_that_had_no_part_in_the_components_raise_no_alarm() -> None:
    """A thousand reference rows of 50 unrelated features: their own errors would alarm in every window."""
    rng = np.random.default_rng(6)
    names = [f"x{place}" for place in range(50)]
    baseline = fit(pd.DataFrame(rng.normal(size=(1_000, 50)), columns=names))
    assert baseline.joint is not None
    references = {JOINT: comparison.references(baseline)[JOINT]}
    history, alarms, p_values = [], 0, []
    for hour in range(60):
        errors = baseline.joint.errors(dict(zip(names, rng.normal(size=(50, 1_000)), strict=True)), 1_000)
        counts = {JOINT: baseline.joint.error.bins.count(errors)}
        history.append(Window(hour, hour + 1, counts, np.array([True])))
        verdicts = judge(history, references, Policy())
        alarms += sum(verdict.state in (State.CHANGED, State.MATERIAL) for verdict in verdicts)
        p_values.append(verdicts[0].p_value)
    assert alarms == 0
    assert np.mean(np.array(p_values) < 0.05) < 0.2  # the smallest of three tests


def test_two_spellings_of_one_quantity_alarm_when_they_part() -> None:
    celsius = np.random.default_rng(9).normal(20, 5, 1_000)
    baseline = fit(pd.DataFrame({"c": celsius, "f": celsius * 1.8 + 32}))
    rounded = pd.DataFrame({"c": celsius[:200], "f": (celsius[:200] * 1.8 + 32).astype(np.float32)})
    parted = pd.DataFrame({"c": celsius[:200], "f": np.random.default_rng(10).permutation(celsius[:200] * 1.8 + 32)})
    signals = said(baseline, sent(baseline, [rounded, parted]))
    assert states(signals, "joint") == {"": [State.OK, State.MATERIAL]}
    assert states(signals, "feature") == {"c": [State.OK] * 2, "f": [State.OK] * 2}


def test_a_baseline_without_components_has_no_such_stream() -> None:
    baseline = fit(clusters(np.random.default_rng(7), 150, False))
    assert baseline.joint is None
    assert JOINT not in comparison.references(baseline)
    signals = said(baseline, sent(baseline, [clusters(np.random.default_rng(8), 100, True)]))
    assert {signal.target for signal in signals if isinstance(signal, DriftSignal)} >= {"feature"}
    assert states(signals, "joint") == {}
