"""From OTLP data points of our own metric names to plain points.

A point is read whole or not at all: counts that do not add up, bounds that do not ascend or an interval that ends
before it starts cannot be merged exactly, and half a point would be worse than none.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
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
from tidegauge_processor.bounds import LATEST, whole
from tidegauge_processor.otlp.limits import IDENTITY_BYTES, Limits, RefusedError, named
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

_COUNTERS: Final = frozenset(
    {
        semconv.METRIC_PREDICTIONS,
        semconv.METRIC_FEATURE_OCCURRENCES,
        semconv.METRIC_VIOLATIONS,
        semconv.METRIC_SDK_PREDICTIONS,
        semconv.METRIC_SDK_FINAL_PREDICTIONS,
    }
)
"""Those of them that are sums; the others are histograms."""
_DELTA: Final = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
_CUMULATIVE: Final = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
_NESTED: Final = ("array_value", "kvlist_value", "bytes_value")
_MOST_EXEMPLARS: Final = 8
_MOST_KEPT: Final = 4096
"""Bytes of the longest bounds that are kept for the next point; all that are kept take 16 MiB at the most."""

_DataPoint = HistogramDataPoint | ExponentialHistogramDataPoint | NumberDataPoint


class Origin(NamedTuple):
    """Where items come from.

    Attributes:
        writer: id of the process that wrote them.
        common: attributes of its resource, where the model's identity may stand.
    """

    writer: str
    common: Mapping[str, Any]


def read_points(metric: Metric, origin: Origin, limits: Limits) -> Iterator[tuple[ModelKey, Point] | Exception]:
    """Yield each point of ``metric`` with its model, or why it is unreadable.

    Args:
        metric: one of ``METRICS``.
        origin: where it comes from.
        limits: how long names may be.
    """
    kind = metric.WhichOneof("data")
    if kind is None:
        return
    data = getattr(metric, kind)
    try:
        _check_usable(metric.name, kind, data)
        limits.check_names([origin.writer])
    except ValueError as error:
        yield from [error] * len(data.data_points)
        return
    cumulative = data.aggregation_temporality == _CUMULATIVE
    for point in data.data_points:
        try:
            yield _read(metric.name, point, origin, cumulative, limits)
        except (ValueError, OverflowError) as error:
            yield error


def _check_usable(name: str, kind: str, data: Any) -> None:
    if (kind == "sum") != (name in _COUNTERS):
        raise ValueError(f"a {kind} is not what {name} is")
    if kind not in ("histogram", "exponential_histogram", "sum"):
        raise ValueError(f"a {kind} is neither histogram nor sum")
    if data.aggregation_temporality not in (_DELTA, _CUMULATIVE):
        raise ValueError("aggregation temporality is neither delta nor cumulative")
    if kind == "sum" and not data.is_monotonic:
        raise ValueError("a sum that is not monotonic cannot be counted")


def _read(name: str, point: _DataPoint, origin: Origin, cumulative: bool, limits: Limits) -> tuple[ModelKey, Point]:
    found = {pair.key: pair.value.string_value or _text(pair.value, limits) for pair in point.attributes}
    limits.check(found)
    key, baseline = _take_identity(found, origin.common, limits)
    start, end = point.start_time_unix_nano, point.time_unix_nano
    if not 0 < start < end:
        raise ValueError(f"interval from {start} to {end}: the start must be set and lie before the end")
    if end > LATEST:
        raise ValueError(f"interval up to {end}: it must end before the year 2200")
    stream = StreamKey(name, baseline, tuple(sorted(found.items())))
    value: NumericSummary | ExponentialSummary | int
    if isinstance(point, NumberDataPoint):
        number = value = whole(point.as_int if point.WhichOneof("value") == "as_int" else point.as_double)
    else:
        number = whole(point.count)
        value = _explicit(point, limits) if isinstance(point, HistogramDataPoint) else _exponential(point, limits)
    return key, Point(stream, origin.writer, start, end, value, cumulative, _exemplars(point.exemplars), number)


def _take_identity(found: dict[str, str], common: Mapping[str, Any], limits: Limits) -> tuple[ModelKey, str]:
    """Take the model version and the baseline's id out of the attributes of a point, or find them in ``common``."""
    model, version = found.pop(semconv.MODEL_NAME, None), found.pop(semconv.MODEL_VERSION, "")
    baseline = found.pop(semconv.BASELINE_ID, "")
    if model is None or not baseline:
        if model is None and common.get(semconv.MODEL_NAME):
            model = named(common[semconv.MODEL_NAME], semconv.MODEL_NAME)
            version = named(common.get(semconv.MODEL_VERSION, ""), semconv.MODEL_VERSION)
        baseline = baseline or named(common.get(semconv.BASELINE_ID, ""), semconv.BASELINE_ID)
        limits.check_names((model or "", version, baseline))
    if not model:
        raise ValueError(f"{semconv.MODEL_NAME} is missing")
    return ModelKey(model, version), baseline


def _text(value: AnyValue, limits: Limits) -> str:
    kind = value.WhichOneof("value")
    if kind in _NESTED and value.ByteSize() > limits.identity_bytes:
        raise RefusedError(IDENTITY_BYTES, f"an attribute is an array or a map of {value.ByteSize():,} bytes")
    if kind == "string_value":
        return str(value.string_value)
    if kind == "bool_value":
        return "true" if value.bool_value else "false"
    return str(getattr(value, kind)) if kind else ""


def _explicit(point: HistogramDataPoint, limits: Limits) -> NumericSummary:
    limits.check_buckets(max(len(point.bucket_counts), len(point.explicit_bounds)))
    given = np.array(point.explicit_bounds[:], dtype=np.float64).tobytes()
    bounds = _bounds(given) if len(given) <= _MOST_KEPT else _bounds.__wrapped__(given)
    counts = np.array(point.bucket_counts[:], dtype=np.int64)
    if counts.size != bounds.size + 1:
        raise ValueError(f"{bounds.size} bounds need {bounds.size + 1} counts, not {counts.size}")
    total = counts.sum(dtype=np.float64)  # exact up to 2**53, where a sum of integers might have wrapped
    if total != point.count:
        raise ValueError(f"the counts add up to {total:.0f}, the point says {point.count}")
    return NumericSummary(bounds, counts, *_sum_and_range(point))


@lru_cache(maxsize=4096)  # each flush of each writer brings the same bounds again; they are bounded in size, too
def _bounds(data: bytes) -> NDArray[np.float64]:
    bounds = np.frombuffer(data, dtype=np.float64)
    if not (np.diff(bounds) > 0).all() or not np.isfinite(bounds).all():
        raise ValueError("bounds must be finite and ascend")
    return bounds


def _exponential(point: ExponentialHistogramDataPoint, limits: Limits) -> ExponentialSummary:
    limits.check_buckets(len(point.positive.bucket_counts) + len(point.negative.bucket_counts))
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
    total, low, high = point.sum, point.min, point.max
    if not math.isfinite(total):
        raise ValueError(f"a sum of {total} cannot be added to")
    low = low if math.isfinite(low) and point.HasField("min") else math.inf
    high = high if math.isfinite(high) and point.HasField("max") else -math.inf
    if math.inf > low > high > -math.inf:
        raise ValueError(f"the smallest value, {low}, is above the largest, {high}")
    return ExactSum.of_one(total), low, high


def _exemplars(found: Any) -> tuple[Exemplar, ...]:
    read = (_exemplar(exemplar) for exemplar in found[:_MOST_EXEMPLARS])
    return tuple(exemplar for exemplar in read if exemplar)


def _exemplar(exemplar: OtlpExemplar) -> Exemplar | None:
    """None when it leads to no trace."""
    value = exemplar.as_int if exemplar.WhichOneof("value") == "as_int" else exemplar.as_double
    if len(exemplar.trace_id) != 16 or len(exemplar.span_id) != 8 or not math.isfinite(value):
        return None
    return Exemplar(float(value), exemplar.trace_id.hex(), exemplar.span_id.hex())
