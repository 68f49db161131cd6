"""Evaluations of a backtest are those of the live way: receipts, outcomes, cohorts, the engine's incidents."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import tidegauge
from tests.processor.backtest.live import TIMING
from tests.processor.requests import HOUR, SECOND
from tests.workloads import MONDAY
from tidegauge import Baseline, ManualClock, Settings, monitor
from tidegauge._export.encode import encode_logs, encode_metrics
from tidegauge._process import PROCESS
from tidegauge.testing import capture
from tidegauge_processor import windowing
from tidegauge_processor.backtest import LabelColumns, OutputColumns, Source, run
from tidegauge_processor.backtest.evaluations import EvaluationRecord, evaluation_records
from tidegauge_processor.baselines import Baselines
from tidegauge_processor.config.sections import Labels
from tidegauge_processor.engine import Engine
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.signals import EvaluationSignal, IncidentSignal, Signal
from tidegauge_processor.telemetry import Telemetry
from tidegauge_processor.verdicts.types import Policy

COHORT, WAIT, RETENTION = 3 * HOUR, 2 * HOUR, 15 * HOUR
COHORTS, ROWS = 8, 400  # rows an hour
POLICY = Policy(scales=(1, 3), quiet_windows=2)
START = MONDAY - MONDAY % COHORT
DEADLINES = [START + (number + 1) * COHORT + WAIT for number in range(COHORTS)]


def rows() -> pd.DataFrame:
    """Labels come within nine hours, positive ones later; from the fifth cohort on a third of them are turned round.

    The north has more of the high scores.
    """
    rng = np.random.default_rng(5)
    number = COHORTS * 3 * ROWS
    at = START + np.repeat(np.arange(COHORTS * 3), ROWS) * HOUR
    score = np.round(rng.random(number), 4)
    turned = (at >= START + 4 * COHORT) & (rng.random(number) < 0.35)
    late = (rng.random(number) < score) ^ turned
    delay = np.where(late, rng.uniform(0, 9, number), rng.uniform(0, 4, number)) * HOUR
    landed = at + delay.astype(np.int64)
    known = rng.random(number) < 0.9
    for deadline in DEADLINES:  # a processor that hears nothing does not know that the time has come
        told = np.flatnonzero(at == deadline - WAIT - HOUR)[0]
        landed[told], known[told] = deadline, True
    return pd.DataFrame(
        {
            "at": at,
            "landed": landed,
            "income": rng.normal(size=number),
            "region": np.where(score * rng.random(number) > 0.5, "north", rng.choice(["south", "west"], number)),
            "score": score,
            "late": pd.Series(late).astype(int).where(known).astype("Int64"),
        }
    )


def baseline() -> Baseline:
    rng = np.random.default_rng(9)
    score = rng.random(5_000)
    reference = {"income": rng.normal(size=5_000), "score": score, "late": (rng.random(5_000) < score).astype(int)}
    return Baseline.fit(pd.DataFrame(reference), model="m", version="1", task="binary", score="score", label="late")


def live(frame: pd.DataFrame, known: Baseline) -> list[Signal]:
    """Predict each hour in one call and hand back each receipt when its label is known."""
    clock = ManualClock(START)

    @monitor("m", version="1", baseline=known, segments=["region"])
    def predict(departures: pd.DataFrame) -> Any:
        return departures.attrs["score"]

    receipts: list[str] = []
    with capture(Settings(export_interval=3600), clock=clock) as seen:
        for at, part in frame.groupby("at"):
            clock.set(int(at))
            inputs = part[["income", "region"]]
            inputs.attrs["score"] = part["score"].to_numpy()
            predict(inputs)
            receipts += tidegauge.last_prediction().receipts
        assert seen.flush()
        exporters: Any = PROCESS.pipeline._exporters  # type: ignore[union-attr]
        requests = [encode_metrics(data).SerializeToString() for data in exporters.metrics.received]
        told = frame.assign(receipt=receipts).dropna(subset="late").sort_values("landed")
        feedback: list[bytes] = []
        for number, deadline in enumerate(DEADLINES):
            before = DEADLINES[number - 1] if number else -1
            for row in told[(told["landed"] > before) & (told["landed"] <= deadline)].itertuples():
                clock.set(int(row.landed))
                tidegauge.record_outcome(row.receipt, actual=int(row.late))
            assert seen.flush()
            feedback.append(encode_logs(exporters.logs.received).SerializeToString())
            exporters.logs.received.clear()
        assert (seen.failures, seen.drops) == ({}, {})

    timing = replace(TIMING, cohort=COHORT, wait=WAIT, retention=RETENTION, again=START)  # each cohort once
    engine = Engine(timing, Baselines({known.id: known}), lambda _: POLICY, 10_000, Telemetry(), {})
    later = DEADLINES[-1] + 1_000 * HOUR
    for request in requests:
        engine.apply(windowing.decode(SignalKind.METRICS, request, HOUR), later)
    said = [*engine.advance(later), *engine.advance(later + 2 * SECOND)]
    for request in feedback:
        decoded = windowing.decode(SignalKind.LOGS, request, HOUR)
        assert decoded.rejected == 0, decoded.reason
        engine.apply(decoded, later)
        said += engine.advance(later)
    return said


def test_the_same_evaluations_changes_and_incidents(tmp_path: Path) -> None:
    frame, known = rows(), baseline()
    frame.loc[frame["landed"] > DEADLINES[-1], "late"] = pd.NA
    frame.sample(frac=1, random_state=2).to_parquet(tmp_path / "rows.parquet")
    columns = LabelColumns("late", "landed", ("region",))
    settings = Labels.model_validate({"window": "3h", "wait": "2h", "retention": "15h"})
    found = run(Source(tmp_path / "rows.parquet"), known, POLICY, "at", OutputColumns(score="score"), columns, settings)
    said = live(frame, known)

    expected = sorted(_records(said), key=_key)
    assert [_key(each) for each in sorted(found.evaluations, key=_key)] == [_key(each) for each in expected]
    for ours, theirs in zip(sorted(found.evaluations, key=_key), expected, strict=True):
        for name in ("value", "lower", "upper", "completeness", "unweighted"):
            numbers = getattr(ours, name), getattr(theirs, name)
            assert numbers[0] == (None if numbers[1] is None else pytest.approx(numbers[1], rel=1e-9, abs=1e-12))
    assert {each.type for each in expected} == {"realized", "estimated"}
    assert any(each.unweighted is not None for each in expected)
    assert any(each.completeness is not None and each.completeness < 0.8 for each in expected)

    labelled = [each for each in said if isinstance(each, IncidentSignal) and each.cause != "drift"]
    assert {each.cause for each in labelled} == {"labels", "fairness"}
    ours = [each for each in found.incidents if each.id.endswith(("-labels", "-fairness"))]
    assert sorted(each.id for each in ours) == sorted(each.id for each in labelled if each.change == "opened")
    for incident in ours:
        last = [each for each in labelled if each.id == incident.id][-1]
        assert (incident.level, incident.closed is not None) == (last.state.value, last.change == "closed")
        assert [(stream.state.value, stream.rows) for stream in incident.streams] == [_claim(s) for s in last.streams]
        names = [f"{stream.target} {stream.name}" for stream in incident.streams]
        assert names == [sentence.partition(":")[0] for sentence in last.streams]
        assert int(incident.change_point.timestamp()) * 10**9 == last.change_point


def _claim(sentence: str) -> tuple[str, int]:
    """State and rows of a stream, as an event puts them."""
    state = sentence.partition(": ")[2].partition(",")[0]
    return "ok" if state == "moved with the others" else state, int(sentence.split()[-2])


def _records(said: list[Signal]) -> list[EvaluationRecord]:
    """Window by window and cohort by cohort, as the engine has said it."""
    stretches: dict[tuple[int, int, bool], list[Signal]] = {}
    for signal in said:
        estimated = isinstance(signal, EvaluationSignal) and signal.type == "estimated"
        stretches.setdefault((signal.subject.start, signal.subject.end, estimated), []).append(signal)
    return [record for signals in stretches.values() for record in evaluation_records(signals)]


def _key(record: EvaluationRecord) -> tuple[Any, ...]:
    return record.type, record.start, record.end, record.name, record.segment or "", record.klass or "", record.labels
