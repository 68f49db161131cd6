"""From OTLP data points of our own metric names to plain points.

A point is read whole or not at all: counts that do not add up, bounds that do not ascend or an interval that ends
before it starts cannot be merged exactly, and half a point would be worse than none.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Exemplar as OtlpExemplar

from tidegauge import semconv
from tidegauge.summaries import ExactSum, ExponentialSummary, NumericSummary
from tidegauge.summaries.exponential import LAST_BIN, SCALE
from tidegauge_processor.records import Exemplar, ModelKey, Point, StreamKey

METRICS: Final = frozenset(
    {
        semconv.METRIC_PREDICTION_DURATION,
        semconv.METRIC_PREDICTIONS,
        semconv.METRIC_PREDICTION_VALUE,
        semconv.METRIC_PREDICTION_SCORE,
        semconv.METRIC_CLASS_SCORE,
        semconv.METRIC_FEATURE_VALUE,
        semconv.METRIC_ESTIMATED_LOSS,
        semconv.METRIC_FEATURE_ATTRIBUTION,
        semconv.METRIC_FEATURE_OCCURRENCES,
        semconv.METRIC_RECONSTRUCTION_ERROR,
        semconv.METRIC_VIOLATIONS,
        semconv.METRIC_SDK_PREDICTIONS,
        semconv.METRIC_SDK_FINAL_PREDICTIONS,
    }
)
"""The metrics that are read."""

_IDENTITY: Final = (semconv.MODEL_NAME, semconv.MODEL_VERSION, semconv.BASELINE_ID)
_DELTA: Final = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
_CUMULATIVE: Final = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
_MOST_EXEMPLARS: Final = 8
_LARGEST_COUNT: Final = 2**53

_DataPoint = HistogramDataPoint | ExponentialHistogramDataPoint | NumberDataPoint


def read_points(metric: Metric, writer: str, common: Mapping[str, Any]) -> Iterator[tuple[ModelKey, Point] | str]:
    """Yield each point of ``metric`` with its model, or a sentence on why it is unreadable.

    Args:
        metric: one of ``METRICS``.
        writer: who wrote it.
        common: attributes of the resource, where the model's identity may stand.
    """
    kind = metric.WhichOneof("data")
    if kind is None:
        return
    data = getattr(metric, kind)
    if wrong := _why_unusable(kind, data):
        yield from [wrong] * len(data.data_points)
        return
    for point in data.data_points:
        try:
            yield _read(metric.name, point, writer, common, data.aggregation_temporality == _CUMULATIVE)
        except (ValueError, OverflowError) as error:
            yield str(error)


def _why_unusable(kind: str, data: Any) -> str:
    if kind not in ("histogram", "exponential_histogram", "sum"):
        return f"a {kind} is neither histogram nor sum"
    if data.aggregation_temporality not in (_DELTA, _CUMULATIVE):
        return "aggregation temporality is neither delta nor cumulative"
    if kind == "sum" and not data.is_monotonic:
        return "a sum that is not monotonic cannot be counted"
    return ""


def _read(
    name: str, point: _DataPoint, writer: str, common: Mapping[str, Any], cumulative: bool
) -> tuple[ModelKey, Point]:
    found = {pair.key: _text(pair.value) for pair in point.attributes}
    source: Mapping[str, Any] = found if semconv.MODEL_NAME in found else common
    model = source.get(semconv.MODEL_NAME)
    if not model:
        raise ValueError(f"{semconv.MODEL_NAME} is missing")
    start, end = point.start_time_unix_nano, point.time_unix_nano
    if not 0 < start < end:
        raise ValueError(f"interval from {start} to {end}: the start must be set and lie before the end")
    stream = StreamKey(
        name,
        str(found.get(semconv.BASELINE_ID) or common.get(semconv.BASELINE_ID, "")),
        tuple(sorted(pair for pair in found.items() if pair[0] not in _IDENTITY)),
    )
    value: NumericSummary | ExponentialSummary | int
    if isinstance(point, HistogramDataPoint):
        value = _explicit(point)
    elif isinstance(point, ExponentialHistogramDataPoint):
        value = _exponential(point)
    else:
        value = _count(point)
    key = ModelKey(str(model), str(source.get(semconv.MODEL_VERSION, "")))
    return key, Point(stream, writer, start, end, value, cumulative, _exemplars(point.exemplars))


def _text(value: Any) -> str:
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return str(value.string_value)
    if kind == "bool_value":
        return "true" if value.bool_value else "false"
    return str(getattr(value, kind)) if kind else ""


def _explicit(point: HistogramDataPoint) -> NumericSummary:
    bounds = _bounds(np.array(point.explicit_bounds[:], dtype=np.float64).tobytes())
    counts = np.array(point.bucket_counts[:], dtype=np.int64)
    if counts.size != bounds.size + 1:
        raise ValueError(f"{bounds.size} bounds need {bounds.size + 1} counts, not {counts.size}")
    if int(counts.sum()) != point.count:
        raise ValueError(f"the counts add up to {int(counts.sum())}, the point says {point.count}")
    return NumericSummary(bounds, counts, *_sum_and_range(point))


@lru_cache(maxsize=4096)  # each flush of each writer brings the same bounds again
def _bounds(data: bytes) -> NDArray[np.float64]:
    bounds = np.frombuffer(data, dtype=np.float64)
    if not (np.diff(bounds) > 0).all() or not np.isfinite(bounds).all():
        raise ValueError("bounds must be finite and ascend")
    return bounds


def _exponential(point: ExponentialHistogramDataPoint) -> ExponentialSummary:
    if point.scale < SCALE:
        raise ValueError(f"scale {point.scale} is coarser than {SCALE}, at which exponential histograms are merged")
    signs: list[dict[int, int]] = []
    zeros = point.zero_count
    for side in (point.positive, point.negative):
        merged: dict[int, int] = {}
        for index, count in enumerate(side.bucket_counts, start=side.offset):
            coarse = min(index >> (point.scale - SCALE), LAST_BIN)
            if count and coarse < -LAST_BIN - 1:
                zeros += count
            elif count:
                merged[coarse] = merged.get(coarse, 0) + count
        signs.append(merged)
    summary = ExponentialSummary(signs[0], signs[1], zeros, *_sum_and_range(point))
    if summary.count != point.count:
        raise ValueError(f"the counts add up to {summary.count}, the point says {point.count}")
    return summary


def _sum_and_range(point: HistogramDataPoint | ExponentialHistogramDataPoint) -> tuple[ExactSum, float, float]:
    if not point.count:
        return ExactSum(), math.inf, -math.inf
    if not math.isfinite(point.sum):
        raise ValueError(f"a sum of {point.sum} cannot be added to")
    low = point.min if math.isfinite(point.min) and point.HasField("min") else math.inf
    high = point.max if math.isfinite(point.max) and point.HasField("max") else -math.inf
    return ExactSum.of_one(point.sum), low, high


def _count(point: NumberDataPoint) -> int:
    value = point.as_int if point.WhichOneof("value") == "as_int" else point.as_double
    if not 0 <= value <= _LARGEST_COUNT or value != int(value):
        raise ValueError(f"a count of {value} is not a whole number, or not one that a double can hold")
    return int(value)


def _exemplars(found: Any) -> tuple[Exemplar, ...]:
    read = (_exemplar(exemplar) for exemplar in found[:_MOST_EXEMPLARS])
    return tuple(exemplar for exemplar in read if exemplar)


def _exemplar(exemplar: OtlpExemplar) -> Exemplar | None:
    """None when it leads to no trace."""
    value = exemplar.as_int if exemplar.WhichOneof("value") == "as_int" else exemplar.as_double
    if len(exemplar.trace_id) != 16 or len(exemplar.span_id) != 8 or not math.isfinite(value):
        return None
    return Exemplar(float(value), exemplar.trace_id.hex(), exemplar.span_id.hex())
