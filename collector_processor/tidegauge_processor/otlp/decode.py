"""From the bytes of an OTLP request to plain records.

| request | what is read | what is left to others |
|---|---|---|
| metrics | points of the names in ``tidegauge.semconv`` | all other metrics, and our own signals coming back |
| traces | spans of other clients that carry ``ml.feature.names`` and ``ml.feature.values`` | all other spans |
| logs | ``ml.baseline.published``, ``ml.feedback.recorded``, ``ml.prediction.recorded`` | all other records |

What a model does (``ml.task.type``) is read from any span, and from the events that are read. Beside that, spans of our
own SDK and its ``ml.prediction.details`` are for looking at: it sends metrics about the same calls, exact under any
sampling. Model identity may stand on the data point or, after a collector's ``groupbyattrs``, on the resource. A
request that is no protobuf is refused as a whole (`WireError`); an item that carries one of our names and cannot be
read is rejected by itself, counted, and reported to the sender as a partial success.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import numpy as np
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from tidegauge import semconv
from tidegauge.baseline.features import MOST_CATEGORIES
from tidegauge.baseline.tasks import TASKS
from tidegauge.errors import WireError
from tidegauge.score_codes import ScoreCodes, to_codes
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.otlp.points import METRICS, read_points
from tidegauge_processor.performance.outcomes import Made, Said
from tidegauge_processor.records import BaselinePart, CallSpan, Decoded, ModelKey

_REQUESTS: Final[Mapping[SignalKind, type[Message]]] = {
    SignalKind.METRICS: ExportMetricsServiceRequest,
    SignalKind.TRACES: ExportTraceServiceRequest,
    SignalKind.LOGS: ExportLogsServiceRequest,
}

_EVENTS: Final = (semconv.EVENT_FEEDBACK, semconv.EVENT_PREDICTION, semconv.EVENT_BASELINE_PUBLISHED)
_CLASS_SET: Final = re.compile("[0-9a-f]{8}")


def decode(kind: SignalKind, data: bytes, window: int) -> Decoded:
    """Read one request.

    Args:
        kind: which of the three services it was sent to.
        data: the request, uncompressed.
        window: length of a window in ns; windows are aligned to the epoch.

    Raises:
        WireError: the bytes are no such request.
    """
    request = _REQUESTS[kind]()
    try:
        request.ParseFromString(data)
    except DecodeError as error:
        raise WireError(f"not an OTLP {kind} request: {error}") from None
    decoded = Decoded()
    if isinstance(request, ExportMetricsServiceRequest):
        _read_metrics(request, window, decoded)
    elif isinstance(request, ExportTraceServiceRequest):
        _read_traces(request, window, decoded)
    elif isinstance(request, ExportLogsServiceRequest):
        _read_logs(request, decoded)
    return decoded


def _read_metrics(request: ExportMetricsServiceRequest, window: int, decoded: Decoded) -> None:
    for resource_metrics in request.resource_metrics:
        common = attributes(resource_metrics.resource.attributes)
        writer = _writer(common, resource_metrics.resource)
        for scope_metrics in resource_metrics.scope_metrics:
            own = _is_own(scope_metrics.scope)
            for metric in scope_metrics.metrics:
                if own or metric.name not in METRICS:
                    decoded.ignored += 1
                    continue
                for item in read_points(metric, writer, common):
                    if isinstance(item, str):
                        decoded.reject(f"{metric.name}: {item}")
                    else:
                        model, point = item
                        decoded.payload(model, _window_of(point.end - 1, window)).points.append(point)


def _read_traces(request: ExportTraceServiceRequest, window: int, decoded: Decoded) -> None:
    for resource_spans in request.resource_spans:
        common = attributes(resource_spans.resource.attributes)
        writer = _writer(common, resource_spans.resource)
        for scope_spans in resource_spans.scope_spans:
            measured = scope_spans.scope.name in (semconv.SCOPE_NAME, semconv.PROCESSOR_SCOPE_NAME)
            for span in scope_spans.spans:
                found = attributes(span.attributes)
                _read_task(found, common, decoded)
                names, values = found.get(semconv.FEATURE_NAMES), found.get(semconv.FEATURE_VALUES)
                if names is None or values is None or measured:
                    decoded.ignored += 1
                    continue
                model = model_key(found, common)
                timed = 0 < span.start_time_unix_nano <= span.end_time_unix_nano
                if model is None or not timed or not _equally_long(names, values):
                    decoded.reject(
                        f"span {span.name!r}: {semconv.FEATURE_NAMES} and {semconv.FEATURE_VALUES} must be arrays of "
                        f"one length, {semconv.MODEL_NAME} must be set, and it must end after its start"
                    )
                    continue
                call = CallSpan(
                    writer,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.start_time_unix_nano,
                    span.end_time_unix_nano,
                    str(found.get(semconv.ERROR_TYPE, "")),
                    tuple(map(str, names)),
                    values,
                    str(found.get(semconv.PREDICTION_CLASS, "")),
                    _number(found.get(semconv.PREDICTION_SCORE)),
                    _number(found.get(semconv.PREDICTION_VALUE)),
                )
                decoded.payload(model, _window_of(call.start, window)).spans.append(call)


def _read_logs(request: ExportLogsServiceRequest, decoded: Decoded) -> None:
    for resource_logs in request.resource_logs:
        common = attributes(resource_logs.resource.attributes)
        writer = _writer(common, resource_logs.resource)
        for scope_logs in resource_logs.scope_logs:
            for record in scope_logs.log_records:
                if record.event_name not in _EVENTS:
                    decoded.ignored += 1
                    continue
                found = attributes(record.attributes)
                try:
                    if record.event_name == semconv.EVENT_BASELINE_PUBLISHED:
                        decoded.baselines.append(_baseline_part(found, record.body, writer))
                    else:
                        _read_result(found, common, record, decoded)
                except (KeyError, OverflowError, TypeError, ValueError) as error:
                    decoded.reject(f"{record.event_name}: {error}")


def _read_result(found: Mapping[str, Any], common: Mapping[str, Any], record: LogRecord, decoded: Decoded) -> None:
    """A prediction, an outcome, or an outcome that knows only the key of its prediction."""
    model = model_key(found, common)
    if model is None:
        raise ValueError(f"{semconv.MODEL_NAME} is missing")
    recorded = record.time_unix_nano or record.observed_time_unix_nano
    if record.event_name == semconv.EVENT_PREDICTION:
        made = _made(found)
        made.outcome(recorded, 0.0)  # what will be one with its outcome must be possible
        decoded.made.setdefault(model, []).append(made)
    elif semconv.PREDICTION_TIME in found:
        outcome = _made(found).outcome(recorded, _actual(found))
        decoded.outcomes.setdefault(model, []).append(outcome)
    else:
        said = Said(recorded_at=recorded, actual=_actual(found), id=_id(found))
        Made(said.id, 0, None, None, None, ()).outcome(recorded, said.actual)
        decoded.said.setdefault(model, []).append(said)
    _read_task(found, common, decoded)


def _read_task(found: Mapping[str, Any], common: Mapping[str, Any], decoded: Decoded) -> None:
    """What the model does, where the item says it; what no task is called says nothing."""
    task = found.get(semconv.TASK_TYPE)
    if task in TASKS and (model := model_key(found, common)) is not None and model.version:
        decoded.tasks[model] = task


def attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    """Attributes as plain values; arrays as lists.

    >>> attributes([KeyValue(key="a", value=AnyValue(int_value=3))])
    {'a': 3}
    """
    return {pair.key: _plain(pair.value) for pair in pairs}


def model_key(found: Mapping[str, Any], common: Mapping[str, Any]) -> ModelKey | None:
    """Identity of a model from the item's own attributes or else from its resource's."""
    source = found if semconv.MODEL_NAME in found else common
    name = source.get(semconv.MODEL_NAME)
    return ModelKey(str(name), str(source.get(semconv.MODEL_VERSION, ""))) if name else None


def _plain(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        # A double that is not zero says by itself what it is; asking every value for its kind costs twice as much.
        return [item.double_value or _plain(item) for item in value.array_value.values]
    return getattr(value, kind)


def _writer(common: Mapping[str, Any], resource: Resource) -> str:
    """The writer's id; where an upstream stripped it, the resource as a whole has to stand in."""
    instance = common.get(semconv.SERVICE_INSTANCE_ID)
    if instance:
        return str(instance)
    return "resource:" + hashlib.sha256(resource.SerializeToString(deterministic=True)).hexdigest()[:16]


def _is_own(scope: InstrumentationScope) -> bool:
    return scope.name == semconv.PROCESSOR_SCOPE_NAME


def _window_of(time: int, window: int) -> int:
    return time - time % window


def _equally_long(names: Any, values: Any) -> bool:
    return isinstance(names, list) and isinstance(values, list) and len(names) == len(values)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _baseline_part(found: Mapping[str, Any], body: AnyValue, writer: str) -> BaselinePart:
    part, parts = int(found[semconv.BASELINE_PART]), int(found[semconv.BASELINE_PARTS])
    if not 0 <= part < parts <= 64 or not body.bytes_value:
        raise ValueError(f"part {part} of {parts} with {len(body.bytes_value)} bytes is no part of a baseline")
    return BaselinePart(str(found[semconv.BASELINE_ID]), part, parts, body.bytes_value, writer)


def _id(found: Mapping[str, Any]) -> str:
    key = str(found[semconv.PREDICTION_ID])
    if not key:
        raise ValueError(f"{semconv.PREDICTION_ID} is empty")
    return key


def _actual(found: Mapping[str, Any]) -> str | float:
    actual = found[semconv.FEEDBACK_ACTUAL]
    return actual if isinstance(actual, str) else float(actual)


def _made(found: Mapping[str, Any]) -> Made:
    predicted = int(found[semconv.PREDICTION_TIME])
    if predicted < 0:
        raise ValueError(f"{semconv.PREDICTION_TIME} is {predicted}, before the epoch")
    klass = found.get(semconv.PREDICTION_CLASS)
    return Made(
        _id(found),
        predicted,
        None if klass is None else str(klass),
        _number(found.get(semconv.PREDICTION_SCORE)),
        _number(found.get(semconv.PREDICTION_VALUE)),
        tuple(_segments(found)),
        found.get(semconv.TASK_TYPE) == "ranking",
        _class_scores(found) if semconv.PREDICTION_CLASS_SCORES in found else None,
    )


def _class_scores(found: Mapping[str, Any]) -> ScoreCodes:
    class_set, given = str(found.get(semconv.PREDICTION_CLASS_SET, "")), found[semconv.PREDICTION_CLASS_SCORES]
    if not _CLASS_SET.fullmatch(class_set):
        raise ValueError(f"{semconv.PREDICTION_CLASS_SET} is {class_set!r}, not 8 hexadecimal digits")
    if not isinstance(given, list) or not 0 < len(given) <= MOST_CATEGORIES:
        raise ValueError(f"{semconv.PREDICTION_CLASS_SCORES} must be an array of 1 to {MOST_CATEGORIES} numbers")
    if not all(isinstance(score, int | float) and 0 <= score <= 1 for score in given):
        raise ValueError(f"{semconv.PREDICTION_CLASS_SCORES} must be numbers from 0 to 1")
    return ScoreCodes(class_set, to_codes(np.array(given, dtype=np.float64)).tobytes())


def _segments(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in sorted(found):
        if name.startswith(semconv.SEGMENT_PREFIX):
            yield name.removeprefix(semconv.SEGMENT_PREFIX), str(found[name])
