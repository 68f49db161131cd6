"""Labels on the live way: receipts of a decorated predict, outcomes handed back, OTLP bytes, the engine's cohorts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import tidegauge
from tests.processor.backtest.live import TIMING
from tests.processor.requests import HOUR, SECOND
from tests.workloads import MONDAY
from tidegauge import Baseline, ManualClock, Settings, monitor
from tidegauge._export.encode import encode_logs, encode_metrics
from tidegauge._process import PROCESS
from tidegauge.testing import capture
from tidegauge_processor import windowing
from tidegauge_processor.backtest.evaluations import EvaluationRecord, evaluation_records
from tidegauge_processor.baselines import Baselines
from tidegauge_processor.config.sections import Labels
from tidegauge_processor.engine import Engine
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.records import Decoded
from tidegauge_processor.signals import EvaluationSignal, Signal
from tidegauge_processor.telemetry import Telemetry
from tidegauge_processor.verdicts.types import Policy

COHORT, WAIT, RETENTION = 3 * HOUR, 2 * HOUR, 15 * HOUR
COHORTS = 8
POLICY = Policy(scales=(1, 3), quiet_windows=2)
LABELS = Labels.model_validate({"window": "3h", "wait": "2h", "retention": "15h"})
START = MONDAY - MONDAY % COHORT
DEADLINES = [START + (number + 1) * COHORT + WAIT for number in range(COHORTS + RETENTION // COHORT - 1)]


def told(at: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """A row of about that time whose label is to come at each deadline, and the deadline.

    A processor that hears nothing does not know that the time has come.
    """
    for number, deadline in enumerate(DEADLINES):
        yield int(np.flatnonzero(at == min(deadline - WAIT - HOUR, at.max()))[number]), deadline


def live(
    frame: pd.DataFrame, known: Baseline, score: str | list[str], label: str, calls: str = "at", **options: Any
) -> list[Signal]:
    """Predict the rows of each value of ``calls`` in one call, and hand back each receipt when its label is known.

    Args:
        frame: rows with the times ``at`` and ``landed``, ns since the epoch; values of ``calls`` rise with the time.
        known: baseline of the model.
        score: column of what is returned, or the columns of an array.
        label: column of what comes true, empty while nobody knows.
        calls: column whose values are calls.
        options: of the decorator.
    """
    clock = ManualClock(START)

    @monitor(known.model, version=known.version, baseline=known, **options)
    def predict(rows: pd.DataFrame) -> Any:
        return rows.attrs["said"]

    receipts: list[str] = []
    with capture(Settings(export_interval=3600), clock=clock) as seen:
        for _, part in frame.groupby(calls):
            clock.set(int(part["at"].iloc[0]))
            inputs = part.drop(columns=["at", "landed", *([score] if isinstance(score, str) else score), label])
            inputs = inputs.drop(columns=calls, errors="ignore")
            inputs.attrs["said"] = part[score].to_numpy()
            predict(inputs)
            receipts += tidegauge.last_prediction().receipts
        assert seen.flush()
        exporters: Any = PROCESS.pipeline._exporters  # type: ignore[union-attr]
        requests = [encode_metrics(data).SerializeToString() for data in exporters.metrics.received]
        told = frame.assign(receipt=receipts).dropna(subset=label).sort_values("landed")
        feedback: list[bytes] = []
        for number, deadline in enumerate(DEADLINES):
            before = DEADLINES[number - 1] if number else -1
            ready = told[(told["landed"] > before) & (told["landed"] <= deadline)]
            for receipt, landed, actual in zip(ready["receipt"], ready["landed"], ready[label], strict=True):
                clock.set(int(landed))
                tidegauge.record_outcome(receipt, actual=actual if isinstance(actual, str) else int(actual))
            assert seen.flush()
            logs = exporters.logs.received
            feedback.append(encode_logs(logs).SerializeToString() if logs else b"")
            exporters.logs.received.clear()
        assert (seen.failures, seen.drops) == ({}, {})
    return _judged(known, requests, feedback)


def _judged(known: Baseline, requests: Sequence[bytes], feedback: Sequence[bytes]) -> list[Signal]:
    timing = replace(TIMING, cohort=COHORT, wait=WAIT, retention=RETENTION, again=START)  # each cohort once
    engine = Engine(timing, Baselines({known.id: known}), lambda _: POLICY, 10_000, Telemetry(), {})
    later = DEADLINES[-1] + 1_000 * HOUR
    said: list[Signal] = []
    points = [  # window by window: a flush that was behind has sent several in one request
        Decoded(payloads={place: payload})
        for request in requests
        for place, payload in sorted(windowing.decode(SignalKind.METRICS, request, HOUR).payloads.items())
    ]
    for deadline, request in zip(DEADLINES, feedback, strict=True):  # both in the order of time
        while points and max(start for _, start in points[0].payloads) + HOUR <= deadline:
            engine.apply(points.pop(0), later)
        if not points:
            later += 2 * SECOND  # silence closes the last window
        decoded = windowing.decode(SignalKind.LOGS, request, HOUR)
        assert decoded.rejected == 0, decoded.reason
        engine.apply(decoded, later)
        said += engine.advance(later)
    assert not points
    return said


def same_evaluations(found: Sequence[EvaluationRecord], said: list[Signal]) -> list[EvaluationRecord]:
    """Hold a backtest's evaluations to those that the engine has said; these, in order."""
    ours, theirs = sorted(found, key=_key), sorted(_records(said), key=_key)
    assert [_key(each) for each in ours] == [_key(each) for each in theirs]
    for own, other in zip(ours, theirs, strict=True):
        for name in ("value", "lower", "upper", "completeness", "unweighted"):
            numbers = getattr(own, name), getattr(other, name)
            assert numbers[0] == (None if numbers[1] is None else pytest.approx(numbers[1], rel=1e-9, abs=1e-12))
    return theirs


def _records(said: list[Signal]) -> list[EvaluationRecord]:
    """Window by window and cohort by cohort, as the engine has said it."""
    stretches: dict[tuple[int, int, bool], list[Signal]] = {}
    for signal in said:
        estimated = isinstance(signal, EvaluationSignal) and signal.type == "estimated"
        stretches.setdefault((signal.subject.start, signal.subject.end, estimated), []).append(signal)
    return [record for signals in stretches.values() for record in evaluation_records(signals)]


def _key(record: EvaluationRecord) -> tuple[Any, ...]:
    return record.type, record.start, record.end, record.name, record.segment or "", record.klass or "", record.labels
