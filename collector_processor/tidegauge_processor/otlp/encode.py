"""From standing signals to OTLP requests: gauges and cumulative counters under the processor's own resource.

| signal | becomes |
|---|---|
| `DriftSignal` | ``ml.drift.score``, ``.p_value``, ``.threshold`` and one ``ml.drift.status`` point a state |
| `RateSignal` | ``ml.data_quality.rate``, ``ml.prediction.error.rate``, ``ml.drift.detectable_shift`` |
| `EvaluationSignal` | ``ml.evaluation.score``, ``.lower``, ``.upper``, ``.labels``, ``.completeness`` |
| `FairnessSignal` | ``ml.fairness.difference``, ``.lower``, ``.upper`` |
| `ReliabilitySignal` | ``ml.reliability.share``, ``.lower``, ``.upper``, ``.score``, ``.labels`` |
| `WindowSignal` | ``ml.window.end``, ``ml.window.completeness``, ``ml.baseline.age``, ``ml.baseline.progress`` |
| `TotalsSignal` | ``ml.window.samples``, ``ml.incidents`` and ``ml.prediction.duration``, cumulative |

Exemplars ride on ``ml.incidents``: Prometheus drops those of gauges without a word.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    Exemplar,
    Gauge,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from tidegauge import semconv
from tidegauge_processor.bounds import LARGEST_INTEGER
from tidegauge_processor.otlp import performance
from tidegauge_processor.otlp.attributes import SCOPE, Attributes, identity, pairs
from tidegauge_processor.otlp.cutting import Unsaid, requests
from tidegauge_processor.signals import (
    DriftSignal,
    RateSignal,
    Standing,
    TotalsSignal,
    WindowSignal,
)
from tidegauge_processor.verdicts.state import State

Counts = Mapping[tuple[str, tuple[tuple[str, str], ...]], int]

_CUMULATIVE: Final = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
_SECOND: Final = 1e9
_SIGNALS: Final = 500
"""Signals in one request, some ten points each, unless its size is smaller then."""

UNITS: Final[Mapping[str, str]] = {
    semconv.METRIC_WINDOW_SAMPLES: "{sample}",
    semconv.METRIC_INCIDENTS: "{incident}",
    semconv.METRIC_PREDICTION_DURATION: "s",
    semconv.METRIC_EVALUATION_LABELS: "{label}",
    semconv.METRIC_RELIABILITY_LABELS: "{label}",
    semconv.METRIC_WINDOW_END: "s",
    semconv.METRIC_BASELINE_AGE: "s",
}
"""Units of the metrics; ``{score}`` for all others, since the unit ``1`` would add ``_ratio`` to a Prometheus name."""


def metrics(
    source: Resource, signals: Iterable[Standing], time: int | None, unsaid: list[Unsaid[Standing]] | None = None
) -> Iterator[bytes]:
    """Encode standing signals as gauges and counters, in requests of a bounded size.

    Args:
        source: from `resource`.
        signals: what holds.
        time: stamp of all points, ns since the epoch; None to stamp each with the end of its own window.
        unsaid: takes up the signals that cannot be said, and so are left out.
    """
    signals, left_out = iter(signals), [] if unsaid is None else unsaid
    while some := list(islice(signals, _SIGNALS)):
        yield from requests(some, lambda few: _metrics(source, few, time), left_out)


def _metrics(source: Resource, signals: Iterable[Standing], time: int | None) -> bytes:
    by_name: dict[str, Metric] = {}
    for signal in signals:
        stamp = signal.subject.end if time is None else time
        if isinstance(signal, TotalsSignal):
            _add_totals(by_name, signal, stamp)
            continue
        for name, value, attributes in _gauges(signal):
            metric = by_name.get(name)
            if metric is None:
                metric = by_name[name] = Metric(name=name, unit=UNITS.get(name, "{score}"), gauge=Gauge())
            point = metric.gauge.data_points.add(time_unix_nano=stamp, as_double=value)
            point.attributes.extend(pairs(attributes))
    return _metrics_request(source, by_name.values())


def counters(source: Resource, values: Counts, sizes: Mapping[str, int], start: int, time: int) -> bytes:
    """Encode the processor's own counters, by name and attributes, and its gauges of sizes by name."""
    by_name = {
        name: Metric(
            name=name, unit="{item}", gauge=Gauge(data_points=[NumberDataPoint(time_unix_nano=time, as_int=n)])
        )
        for name, n in sizes.items()
    }
    for (name, attributes), value in values.items():
        _counter(by_name, name, "{item}", value, dict(attributes), start, time)
    return _metrics_request(source, by_name.values())


def _gauges(signal: Standing) -> Iterator[tuple[str, float, Attributes]]:
    who = identity(signal.subject)
    if isinstance(signal, DriftSignal):
        yield from _drift(signal, who)
    elif isinstance(signal, RateSignal):
        overflow = {semconv.OVERFLOW: True} if semconv.OVERFLOW in signal.dimensions else {}
        yield signal.metric, signal.value, who | dict(signal.dimensions) | overflow
    elif isinstance(signal, performance.Performance):
        yield from performance.gauges(signal, who)
    elif isinstance(signal, WindowSignal):
        yield semconv.METRIC_WINDOW_END, signal.subject.end / _SECOND, who
        if signal.baseline_age is not None:
            yield semconv.METRIC_BASELINE_AGE, signal.baseline_age, who
        if signal.completeness is not None:
            yield semconv.METRIC_WINDOW_COMPLETENESS, signal.completeness, who
        if signal.learning is not None:
            yield semconv.METRIC_BASELINE_PROGRESS, signal.learning, who


def _drift(signal: DriftSignal, who: Attributes) -> Iterator[tuple[str, float, Attributes]]:
    stream = {**who, semconv.DRIFT_TARGET: signal.target, semconv.WINDOW_NAME: signal.window}
    if signal.name:
        stream[semconv.FEATURE_NAME] = signal.name
    if signal.detail:
        stream[semconv.VIOLATION_TYPE] = signal.detail
    if signal.versus:
        stream[semconv.COMPARISON_VERSION] = signal.versus
    for state in State:
        yield semconv.METRIC_DRIFT_STATUS, float(state is signal.state), stream | {semconv.DRIFT_STATE: state.value}
    for method, score in signal.scores.items():
        yield semconv.METRIC_DRIFT_SCORE, score, stream | {semconv.DRIFT_METHOD: method}
    for method, p_value in signal.p_values.items():
        yield semconv.METRIC_DRIFT_P_VALUE, p_value, stream | {semconv.DRIFT_METHOD: method}
    if signal.p_values:
        yield semconv.METRIC_DRIFT_THRESHOLD, signal.level, stream


def _add_totals(by_name: dict[str, Metric], total: TotalsSignal, time: int) -> None:
    who = {semconv.MODEL_NAME: total.subject.model, semconv.MODEL_VERSION: total.subject.version}
    _counter(by_name, semconv.METRIC_WINDOW_SAMPLES, "{sample}", total.rows, who, total.since, time)
    _counter(by_name, semconv.METRIC_INCIDENTS, "{incident}", total.incidents, who, total.since, time, total.traces)
    name = semconv.METRIC_PREDICTION_DURATION
    metric = by_name.setdefault(name, Metric(name=name, unit="s"))
    metric.histogram.aggregation_temporality = _CUMULATIVE
    for error_type, durations in total.durations.items():
        metric.histogram.data_points.append(
            HistogramDataPoint(
                attributes=pairs(who | ({semconv.ERROR_TYPE: error_type} if error_type else {})),
                start_time_unix_nano=total.since,
                time_unix_nano=time,
                count=sum(durations.counts),
                sum=durations.sum,
                bucket_counts=durations.counts,
                explicit_bounds=durations.bounds,
            )
        )


def _counter(
    by_name: dict[str, Metric],
    name: str,
    unit: str,
    value: int,
    attributes: Attributes,
    start: int,
    time: int,
    traces: Sequence[tuple[str, str]] = (),
) -> None:
    empty = Sum(aggregation_temporality=_CUMULATIVE, is_monotonic=True)
    metric = by_name.setdefault(name, Metric(name=name, unit=unit, sum=empty))
    metric.sum.data_points.append(
        NumberDataPoint(
            attributes=pairs(attributes),
            start_time_unix_nano=start,
            time_unix_nano=time,
            as_int=min(value, LARGEST_INTEGER),
            exemplars=[
                Exemplar(time_unix_nano=time, as_int=1, trace_id=bytes.fromhex(trace), span_id=bytes.fromhex(span))
                for trace, span in traces
            ],
        )
    )


def _metrics_request(source: Resource, found: Iterable[Metric]) -> bytes:
    scope = ScopeMetrics(scope=SCOPE, metrics=found, schema_url=semconv.SCHEMA_URL)
    return ExportMetricsServiceRequest(
        resource_metrics=[ResourceMetrics(resource=source, scope_metrics=[scope], schema_url=semconv.SCHEMA_URL)]
    ).SerializeToString()
