"""Events: log records with an event name, as OpenTelemetry defines them."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from opentelemetry._logs import LogRecord
from opentelemetry.context import Context
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import TraceFlags

from tidegauge import semconv
from tidegauge._export import SCOPE
from tidegauge.baseline import Baseline
from tidegauge.receipt import Receipt

_MOST_PART_BYTES: Final = 1 << 20
_NOWHERE: Final = Context({"tidegauge": None})  # not empty, or the record would look up the current context
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)


@dataclass(frozen=True, slots=True)
class Announcement:
    """A prediction with a key of the application's own.

    Args:
        made: what was predicted.
        task: the model's task, where it is known.
    """

    made: Receipt
    task: str | None

    def record(self, resource: Resource) -> ReadableLogRecord:
        """Make the log record."""
        made = self.made
        attributes = _announced(made, self.task)
        return _record(semconv.EVENT_PREDICTION, made.time, attributes, None, made.trace_id, made.span_id, resource)


@dataclass(frozen=True, slots=True)
class Details:
    """What went into the prediction of one row, and what came out.

    Args:
        made: what was predicted; without a prediction where the call failed.
        task: the model's task, where it is known.
        names: features that may be shown.
        values: of these, numbers or texts.
        error: type of the exception that the call ended with; None when it ended well.
        sampled: whether the call's trace is recorded.
    """

    made: Receipt
    task: str | None
    names: Sequence[str]
    values: Sequence[float] | Sequence[str]
    error: str | None
    sampled: bool

    def record(self, resource: Resource) -> ReadableLogRecord:
        """Make the log record."""
        made = self.made
        attributes = _announced(made, self.task)
        if self.names:
            attributes |= {semconv.FEATURE_NAMES: self.names, semconv.FEATURE_VALUES: self.values}
        if self.error is not None:
            attributes[semconv.ERROR_TYPE] = self.error
        context = made.trace_id, made.span_id, resource
        return _record(semconv.EVENT_DETAILS, made.time, attributes, None, *context, sampled=self.sampled)


@dataclass(frozen=True, slots=True)
class Feedback:
    """An outcome that was recorded.

    Args:
        time: when, nanoseconds since the epoch.
        actual: a class as text, or a number.
        receipt: what was predicted, when there is a receipt.
        model: name of the model.
        version: version of the model; None when only the key is known.
        prediction_id: the prediction's key.
        task: the model's task, where it is known.
    """

    time: int
    actual: str | float
    receipt: Receipt | None
    model: str
    version: str | None
    prediction_id: str
    task: str | None = None

    def record(self, resource: Resource) -> ReadableLogRecord:
        """Make the log record."""
        attributes: dict[str, Any] = {
            semconv.MODEL_NAME: self.model,
            semconv.PREDICTION_ID: self.prediction_id,
            semconv.FEEDBACK_ACTUAL: self.actual,
        }
        if self.version is not None:
            attributes[semconv.MODEL_VERSION] = self.version
        if self.task is not None:
            attributes[semconv.TASK_TYPE] = self.task
        receipt = self.receipt
        if receipt is None:
            return _record(semconv.EVENT_FEEDBACK, self.time, attributes, None, 0, 0, resource)
        attributes |= _predicted(receipt)
        return _record(semconv.EVENT_FEEDBACK, self.time, attributes, None, receipt.trace_id, receipt.span_id, resource)


@dataclass(frozen=True, slots=True)
class Publication:
    """One part of a baseline that is published.

    Args:
        time: when, nanoseconds since the epoch.
        attributes: identity and number of the part.
        body: a slice of the gzipped canonical JSON.
    """

    time: int
    attributes: Mapping[str, Any]
    body: bytes

    def record(self, resource: Resource) -> ReadableLogRecord:
        """Make the log record."""
        return _record(semconv.EVENT_BASELINE_PUBLISHED, self.time, self.attributes, self.body, 0, 0, resource)


def publications(
    baseline: Baseline, identity: Mapping[str, str], time: int, most_bytes: int = _MOST_PART_BYTES
) -> Iterator[Publication]:
    """Cut ``baseline`` into parts of at most ``most_bytes``: collectors refuse larger messages."""
    data = gzip.compress(baseline.to_bytes(), mtime=0)
    parts = range(0, len(data), most_bytes)
    for part, first in enumerate(parts):
        attributes = {
            **identity,
            semconv.BASELINE_ID: baseline.id,
            semconv.BASELINE_PART: part,
            semconv.BASELINE_PARTS: len(parts),
        }
        yield Publication(time, attributes, data[first : first + most_bytes])


def _announced(made: Receipt, task: str | None) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        semconv.MODEL_NAME: made.model,
        semconv.MODEL_VERSION: made.version,
        semconv.PREDICTION_ID: made.prediction_id,
        **_predicted(made),
    }
    return attributes if task is None else {**attributes, semconv.TASK_TYPE: task}


def _predicted(made: Receipt) -> dict[str, Any]:
    attributes: dict[str, Any] = {semconv.PREDICTION_TIME: made.time}
    if made.klass is not None:
        attributes[semconv.PREDICTION_CLASS] = made.klass
    if made.score is not None:
        attributes[semconv.PREDICTION_SCORE] = made.score
    if made.class_scores is not None:
        attributes[semconv.PREDICTION_CLASS_SCORES] = made.class_scores.scores
        attributes[semconv.PREDICTION_CLASS_SET] = made.class_scores.class_set
    if made.value is not None:
        attributes[semconv.PREDICTION_VALUE] = made.value
    attributes.update((semconv.SEGMENT_PREFIX + name, value) for name, value in made.segments)
    return attributes


def _record(
    name: str,
    time: int,
    attributes: Mapping[str, Any],
    body: Any,
    trace_id: int,
    span_id: int,
    resource: Resource,
    sampled: bool = True,
) -> ReadableLogRecord:
    record = LogRecord(
        timestamp=time,
        observed_timestamp=time,
        context=_NOWHERE,
        body=body,
        attributes=attributes,
        event_name=name,
    )
    record.trace_id, record.span_id = trace_id, span_id
    record.trace_flags = _SAMPLED if trace_id and sampled else TraceFlags()
    return ReadableLogRecord(record, resource, SCOPE)
