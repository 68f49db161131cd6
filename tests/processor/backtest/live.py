"""The same rows on the live way: a decorated predict, the SDK's bins, OTLP bytes, the processor's windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd

from tests.processor.requests import HOUR, SECOND
from tidegauge import Baseline, ManualClock, Settings, monitor
from tidegauge._export.encode import encode_metrics
from tidegauge._process import PROCESS
from tidegauge.testing import capture
from tidegauge_processor import windowing
from tidegauge_processor.baselines import Baselines
from tidegauge_processor.engine import Engine
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.records import ModelKey
from tidegauge_processor.signals import Signal
from tidegauge_processor.state.models import Timing
from tidegauge_processor.telemetry import Telemetry
from tidegauge_processor.verdicts.types import Policy, Window

TIMING = Timing(window=HOUR, lateness=0, idle=SECOND, cohort=HOUR, wait=0, retention=HOUR, again=SECOND)


class Live(NamedTuple):
    """What the processor knew and said at the end."""

    history: list[Window]
    said: list[Signal]


def live(
    calls: Sequence[tuple[int, Any, Any]], baseline: Baseline, policy: Policy, features: Sequence[str] | None = None
) -> Live:
    """Make ``calls``, each a time in ns, the input and what the model returns; then let all windows close."""
    clock = ManualClock(calls[0][0])
    answers = iter(calls)

    @monitor(baseline.model, version=baseline.version, baseline=baseline)
    def predict(rows: Any) -> Any:
        return next(answers)[2]

    with capture(Settings(export_interval=3600), clock=clock) as seen:
        for at, rows, _ in calls:
            clock.set(at)
            predict(rows)
        assert seen.flush()
        assert (seen.failures, seen.drops) == ({}, {})
        exporter: Any = PROCESS.pipeline._exporters.metrics  # type: ignore[union-attr]
        requests = [encode_metrics(data).SerializeToString() for data in exporter.received]

    telemetry = Telemetry()
    engine = Engine(TIMING, Baselines({baseline.id: baseline}), lambda _: policy, 10_000, telemetry, {})
    later = calls[-1][0] + 1_000 * HOUR
    said: list[Signal] = []
    for request in requests:
        decoded = windowing.decode(SignalKind.METRICS, request, HOUR)
        assert decoded.rejected == 0, decoded.reason
        engine.apply(decoded, later)
    said += engine.advance(later)
    said += engine.advance(later + 2 * SECOND)  # silence closes the last window
    memory = engine._models[ModelKey(baseline.model, baseline.version)].memory
    return Live(memory.history, said)


def one_by_one(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as dicts of plain values, None where missing."""
    return [{str(k): v for k, v in row.items()} for row in rows.astype(object).to_dict("records")]
