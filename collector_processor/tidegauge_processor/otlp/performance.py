"""Signals of performance as the names and values that stand on points."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tidegauge import semconv
from tidegauge_processor.signals import EvaluationSignal, FairnessSignal, ReliabilitySignal

Attributes = Mapping[str, Any]
Performance = EvaluationSignal | FairnessSignal | ReliabilitySignal


def gauges(signal: Performance, who: Attributes) -> Iterator[tuple[str, float, Attributes]]:
    """Name, value and attributes of each point; ``who`` are the attributes of the model."""
    if isinstance(signal, FairnessSignal):
        attributes = {**who, semconv.SEGMENT_NAME: signal.segment, semconv.EVALUATION_NAME: signal.rate}
        yield semconv.METRIC_FAIRNESS_DIFFERENCE, signal.value, attributes
        yield semconv.METRIC_FAIRNESS_LOWER, signal.lower, attributes
        yield semconv.METRIC_FAIRNESS_UPPER, signal.upper, attributes
        return
    if isinstance(signal, ReliabilitySignal):
        attributes = {**who, semconv.RELIABILITY_BIN: signal.bin}
        yield semconv.METRIC_RELIABILITY_SHARE, signal.value, attributes
        yield semconv.METRIC_RELIABILITY_LOWER, signal.lower, attributes
        yield semconv.METRIC_RELIABILITY_UPPER, signal.upper, attributes
        yield semconv.METRIC_RELIABILITY_SCORE, signal.score, attributes
        yield semconv.METRIC_RELIABILITY_LABELS, float(signal.labels), attributes
        return
    attributes = {**who, semconv.EVALUATION_NAME: signal.name, semconv.EVALUATION_TYPE: signal.type}
    if signal.klass:
        attributes[semconv.EVALUATION_CLASS] = signal.klass
    if signal.segment:
        attributes[semconv.SEGMENT_NAME], attributes[semconv.SEGMENT_VALUE] = signal.segment
    yield semconv.METRIC_EVALUATION_SCORE, signal.value, attributes
    yield semconv.METRIC_EVALUATION_LOWER, signal.lower, attributes
    yield semconv.METRIC_EVALUATION_UPPER, signal.upper, attributes
    yield semconv.METRIC_EVALUATION_LABELS, float(signal.labels), attributes
    if signal.completeness is not None:
        yield semconv.METRIC_EVALUATION_COMPLETENESS, signal.completeness, attributes
