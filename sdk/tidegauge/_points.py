"""From the summaries of an interval to OTLP metric points, through the OpenTelemetry SDK's public point classes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Buckets,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    Sum,
)
from opentelemetry.sdk.metrics.export import Histogram as HistogramData

from tidegauge import semconv
from tidegauge._histogram import Example, Histogram
from tidegauge._model import Model
from tidegauge._safety import Safety
from tidegauge._summarise import ModelSummary
from tidegauge.summaries import ExactSum, NumericSummary
from tidegauge.summaries.exponential import SCALE

Attributes: TypeAlias = dict[str, str | bool]
Point: TypeAlias = HistogramDataPoint | ExponentialHistogramDataPoint | NumberDataPoint

_UNIT_BITS: Final = 1126  # an ExactSum counts in units of 2**-1126
_TELLING: Final = (semconv.ERROR_TYPE, semconv.FEATURE_NAME, semconv.PREDICTION_CLASS, semconv.PREDICTION_CHOSEN)
"""What tells the histograms of a metric apart; a metric has one of the first three at the most."""
_CUMULATIVE: Final = (semconv.METRIC_SDK_PREDICTIONS, semconv.METRIC_SDK_FINAL_PREDICTIONS)
_UNITS: Final[Mapping[str, str]] = {
    semconv.METRIC_PREDICTION_DURATION: "s",
    semconv.METRIC_PREDICTIONS: "{prediction}",
    semconv.METRIC_PREDICTION_SCORE: "1",
    semconv.METRIC_CLASS_SCORE: "1",
    semconv.METRIC_RECONSTRUCTION_ERROR: "1",
    semconv.METRIC_FEATURE_OCCURRENCES: "{value}",
    semconv.METRIC_VIOLATIONS: "{violation}",
    semconv.METRIC_SDK_PREDICTIONS: "{prediction}",
    semconv.METRIC_SDK_FINAL_PREDICTIONS: "{prediction}",
    semconv.METRIC_SDK_DROPPED: "{item}",
    semconv.METRIC_SDK_FAILURES: "{failure}",
    semconv.METRIC_SDK_LATE: "{row}",
}


class Produced(NamedTuple):
    """One point and the metric that it belongs to."""

    metric: str
    point: Point


def produce(summary: ModelSummary, start: int, end: int) -> Iterator[Produced]:
    """Points of one model for the interval ``[start, end)``, in nanoseconds since the epoch."""
    model = summary.model
    identity: Attributes = {**model.point_identity}
    since = model.since = start if model.since is None else model.since
    model.made += summary.predictions.total()  # before anything can fail: what is not sent is missing then
    histograms: list[tuple[str, Attributes, Histogram]] = [
        *(
            (semconv.METRIC_PREDICTION_DURATION, _error({**model.identity}, error), h)
            for error, h in summary.durations.items()
        ),
        *((semconv.METRIC_PREDICTION_SCORE, _class(identity, name), h) for name, h in summary.scores.items()),
        *(
            (semconv.METRIC_CLASS_SCORE, {**_class(identity, name), semconv.PREDICTION_CHOSEN: chosen}, h)
            for (name, chosen), h in summary.class_scores.items()
        ),
        *((semconv.METRIC_PREDICTION_VALUE, identity, h) for h in summary.values.values()),
        *(
            (semconv.METRIC_FEATURE_VALUE, {**identity, semconv.FEATURE_NAME: name}, h)
            for name, h in summary.features.items()
        ),
        *((semconv.METRIC_ESTIMATED_LOSS, identity, h) for h in summary.losses.values()),
        *((semconv.METRIC_RECONSTRUCTION_ERROR, identity, h) for h in summary.joint.values()),
        *(
            (semconv.METRIC_FEATURE_ATTRIBUTION, {**identity, semconv.FEATURE_NAME: name}, h)
            for name, h in summary.attributions.histograms.items()
        ),
    ]
    for metric, attributes, histogram in histograms:
        if histogram.summary.count:
            stream = (metric, "".join(str(attributes[name]) for name in _TELLING if name in attributes))
            yield Produced(metric, _histogram(histogram, attributes, start, end, model.rests, stream))
    for (name, segments), count in summary.predictions.items():
        attributes = _class(identity, name)
        attributes.update((semconv.SEGMENT_PREFIX + segment, value) for segment, value in segments)
        calls = _exemplars(summary.prediction_calls.shown((name, segments)))
        yield Produced(semconv.METRIC_PREDICTIONS, NumberDataPoint(attributes, start, end, count, calls))
    for feature, categories in summary.occurrences.items():
        for category, count in categories.counts.items():
            attributes = {**identity, semconv.FEATURE_NAME: feature, semconv.FEATURE_CATEGORY: category}
            calls = _exemplars(summary.occurrence_calls.shown((feature, category)))
            yield Produced(semconv.METRIC_FEATURE_OCCURRENCES, NumberDataPoint(attributes, start, end, count, calls))
    for (feature, kind), count in summary.violations.items():
        attributes = {**identity, semconv.FEATURE_NAME: feature, semconv.VIOLATION_TYPE: kind}
        calls = _exemplars(summary.violation_calls.shown((feature, kind)))
        yield Produced(semconv.METRIC_VIOLATIONS, NumberDataPoint(attributes, start, end, count, calls))
    if summary.predictions:
        yield Produced(semconv.METRIC_SDK_PREDICTIONS, NumberDataPoint(model.identity, since, end, model.made))


def counted(safety: Safety, reported: dict[str, dict[str, int]], start: int, end: int) -> list[Produced]:
    """Points of the SDK's own counters, one for each reason; ``reported`` holds what was said before, and moves on."""
    points: list[Produced] = []
    for metric, counts in (
        (semconv.METRIC_SDK_FAILURES, safety.failures),
        (semconv.METRIC_SDK_DROPPED, safety.drops),
        (semconv.METRIC_SDK_LATE, {"": safety.late}),
    ):
        before = reported.get(metric, {})
        for reason, count in counts.items():
            if count > before.get(reason, 0):
                attributes = {semconv.REASON: reason} if reason else {}
                point = NumberDataPoint(attributes, start, end, count - before.get(reason, 0))
                points.append(Produced(metric, point))
        reported[metric] = counts
    return points


def last_words(models: Iterable[Model], end: int) -> Iterator[Produced]:
    """The last point of every model that anything was told of: all rows that were predicted until ``end``, in ns."""
    for model in models:
        if model.since is not None:
            point = NumberDataPoint(model.identity, model.since, max(end, model.since + 1), model.made)
            yield Produced(semconv.METRIC_SDK_FINAL_PREDICTIONS, point)


def rows_of(points: Iterable[Produced]) -> int:
    """Rows predicted that the points tell of."""
    counts = (point for metric, point in points if metric == semconv.METRIC_PREDICTIONS)
    return sum(int(point.value) for point in counts if isinstance(point, NumberDataPoint))


def metrics(points: Iterable[Produced]) -> list[Metric]:
    """Put the points of each metric together; nearly all are deltas, all sums are monotonic."""
    groups: dict[tuple[str, type], list[Point]] = {}
    for metric, point in points:
        groups.setdefault((metric, type(point)), []).append(point)
    return [
        Metric(name, None, _UNITS.get(name, ""), _data(name, kind, group)) for (name, kind), group in groups.items()
    ]


def _data(name: str, kind: type, points: list[Point]) -> HistogramData | ExponentialHistogram | Sum:
    delta = AggregationTemporality.DELTA
    temporality = AggregationTemporality.CUMULATIVE if name in _CUMULATIVE else delta
    if kind is HistogramDataPoint:
        return HistogramData([point for point in points if isinstance(point, HistogramDataPoint)], delta)
    if kind is ExponentialHistogramDataPoint:
        return ExponentialHistogram([p for p in points if isinstance(p, ExponentialHistogramDataPoint)], delta)
    return Sum([point for point in points if isinstance(point, NumberDataPoint)], temporality, is_monotonic=True)


def _histogram(
    histogram: Histogram,
    attributes: Attributes,
    start: int,
    end: int,
    rests: dict[tuple[str, str], ExactSum],
    stream: tuple[str, str],
) -> HistogramDataPoint | ExponentialHistogramDataPoint:
    summary = histogram.summary
    # A double cannot hold every exact sum: what rounding leaves over goes with the next interval of the stream.
    rest = rests.get(stream)
    total, rests[stream] = (summary.sum if rest is None else summary.sum + rest).rounded()
    exemplars = _exemplars(histogram.examples.shown())
    if isinstance(summary, NumericSummary):
        return HistogramDataPoint(
            attributes=attributes,
            start_time_unix_nano=start,
            time_unix_nano=end,
            count=summary.count,
            sum=total,
            bucket_counts=summary.counts.tolist(),
            explicit_bounds=summary.bounds.tolist(),
            min=summary.minimum,
            max=summary.maximum,
            exemplars=exemplars,
        )
    return ExponentialHistogramDataPoint(
        attributes=attributes,
        start_time_unix_nano=start,
        time_unix_nano=end,
        count=summary.count,
        sum=total,
        scale=SCALE,
        zero_count=summary.zeros,
        positive=_buckets(summary.positive),
        negative=_buckets(summary.negative),
        flags=0,
        min=summary.minimum,
        max=summary.maximum,
        exemplars=exemplars,
    )


def _exemplars(examples: Iterable[Example]) -> list[Exemplar]:
    return [Exemplar({}, e.value, e.time, e.span_id, e.trace_id) for e in examples]


def _buckets(counts: Mapping[int, int]) -> Buckets:
    if not counts:
        return Buckets(0, [])
    first = min(counts)
    return Buckets(first, [counts.get(place, 0) for place in range(first, max(counts) + 1)])


def _error(identity: Attributes, error: str | None) -> Attributes:
    return identity if error is None else {**identity, semconv.ERROR_TYPE: error}


def _class(identity: Attributes, name: str | None) -> Attributes:
    return dict(identity) if name is None else {**identity, semconv.PREDICTION_CLASS: name}
