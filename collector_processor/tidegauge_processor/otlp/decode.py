"""From the bytes of an OTLP request to plain records.

| request | what is read | what is left to others |
|---|---|---|
| metrics | points of the names in ``tidegauge.semconv`` | all other metrics, and our own signals coming back |
| traces | spans of other clients that carry ``ml.feature.names`` and ``ml.feature.values`` | all other spans |
| logs | ``ml.baseline.published``, ``ml.feedback.recorded``, ``ml.prediction.recorded`` | all other records |

What a model does (``ml.task.type``) is read from any span, and from the events that are read. Beside that, spans of our
own SDK and its ``ml.prediction.details`` are for looking at: it sends metrics about the same calls, exact under any
sampling. Model identity may stand on the data point or, after a collector's ``groupbyattrs``, on the resource.

An item that carries one of our names and cannot be read is rejected by itself, counted, and reported to the sender as a
partial success. So is a metric, span or log record of anybody that does not parse (see `salvage`). A request of which
nothing can be read is refused as a whole (`WireError`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tidegauge import semconv
from tidegauge.baseline.tasks import TASKS
from tidegauge.errors import TidegaugeError, WireError
from tidegauge_processor.bounds import LATEST
from tidegauge_processor.otlp import results
from tidegauge_processor.otlp.elements import elements
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.otlp.limits import DEFAULT, PARSED, Limits, named, reason_of
from tidegauge_processor.otlp.points import METRICS, Origin, read_points
from tidegauge_processor.otlp.salvage import Unread, salvage
from tidegauge_processor.performance.outcomes import Made, Said
from tidegauge_processor.records import CallSpan, Decoded, ModelKey

_REQUESTS: Final[Mapping[SignalKind, type[Message]]] = {
    SignalKind.METRICS: ExportMetricsServiceRequest,
    SignalKind.TRACES: ExportTraceServiceRequest,
    SignalKind.LOGS: ExportLogsServiceRequest,
}

_EVENTS: Final = (semconv.EVENT_FEEDBACK, semconv.EVENT_PREDICTION, semconv.EVENT_BASELINE_PUBLISHED)
_ID_BYTES: Final = (16, 8)  # of a trace and of a span
_ITEM_BYTES: Final = 600
"""What a point takes in memory beside its numbers, measured."""
_UNREADABLE: Final = (ArithmeticError, LookupError, TypeError, ValueError, TidegaugeError)
"""What an item can raise that is not what its name promises."""


class UnreadableError(WireError):
    """A request of which nothing can be read.

    Attributes:
        reason: what it is counted under.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


def decode(kind: SignalKind, data: bytes, window: int, limits: Limits = DEFAULT) -> Decoded:
    """Read one request; the same bytes give the same records each time.

    Args:
        kind: which of the three services it was sent to.
        data: the request, uncompressed.
        window: length of a window in ns; windows are aligned to the epoch.
        limits: what it may ask for.

    Raises:
        WireError: nothing of it can be read.
    """
    request = _REQUESTS[kind]()
    decoded = Decoded()
    for part in _parse(request, kind, data, limits):
        decoded.reject(f"a part of the request: {part.why}", part.reason, part.records)
    if isinstance(request, ExportMetricsServiceRequest):
        _read_metrics(request, window, decoded, limits)
    elif isinstance(request, ExportTraceServiceRequest):
        _read_traces(request, window, decoded, limits)
    elif isinstance(request, ExportLogsServiceRequest):
        _read_logs(request, decoded, limits)
    decoded.size = len(data) + _ITEM_BYTES * decoded.items
    return decoded


def _parse(request: Message, kind: SignalKind, data: bytes, limits: Limits) -> list[Unread]:
    """Fill ``request``; the parts that do not parse."""
    most = limits.request_elements
    if limits.request_nesting >= PARSED and elements(data, request.DESCRIPTOR, most) <= most:
        try:
            request.ParseFromString(data)
        except (DecodeError, RecursionError):
            request.Clear()
        else:
            return []
    unread = salvage(request, data, limits.request_nesting, most)
    if unread and not request.ListFields():
        raise UnreadableError(f"not an OTLP {kind} request: {unread[0].why}", unread[0].reason)
    return unread


def _read_metrics(request: ExportMetricsServiceRequest, window: int, decoded: Decoded, limits: Limits) -> None:
    for resource_metrics in request.resource_metrics:
        common = attributes(resource_metrics.resource.attributes)
        origin = Origin(_writer(common, resource_metrics.resource), common)
        for scope_metrics in resource_metrics.scope_metrics:
            own = _is_own(scope_metrics.scope)
            for metric in scope_metrics.metrics:
                if own or metric.name not in METRICS:
                    decoded.ignored += 1
                    continue
                for item in read_points(metric, origin, limits):
                    if isinstance(item, Exception):
                        decoded.reject(f"{metric.name}: {item}", reason_of(item))
                    else:
                        model, point = item
                        decoded.payload(model, _window_of(point.end - 1, window)).points.append(point)


def _read_traces(request: ExportTraceServiceRequest, window: int, decoded: Decoded, limits: Limits) -> None:
    for resource_spans in request.resource_spans:
        common = attributes(resource_spans.resource.attributes)
        origin = Origin(_writer(common, resource_spans.resource), common)
        for scope_spans in resource_spans.scope_spans:
            measured = scope_spans.scope.name in (semconv.SCOPE_NAME, semconv.PROCESSOR_SCOPE_NAME)
            for span in scope_spans.spans:
                found = attributes(span.attributes)
                try:
                    _read_task(found, common, decoded, limits)
                    names, values = found.get(semconv.FEATURE_NAMES), found.get(semconv.FEATURE_VALUES)
                    if names is None or values is None or measured:
                        decoded.ignored += 1
                        continue
                    model, call = _call(span, names, values, found, origin, limits)
                except _UNREADABLE as error:
                    decoded.reject(f"span {span.name[:64]!r}: {error}", reason_of(error))
                    continue
                decoded.payload(model, _window_of(call.start, window)).spans.append(call)


def _call(
    span: Span, names: Any, values: Any, found: Mapping[str, Any], origin: Origin, limits: Limits
) -> tuple[ModelKey, CallSpan]:
    model = model_key(found, origin.common, limits)
    timed = 0 < span.start_time_unix_nano <= span.end_time_unix_nano <= LATEST
    known = (len(span.trace_id), len(span.span_id)) == _ID_BYTES
    if model is None or not timed or not known or not _equally_long(names, values):
        raise ValueError(
            f"{semconv.FEATURE_NAMES} and {semconv.FEATURE_VALUES} must be arrays of one length, {semconv.MODEL_NAME} "
            f"must be set, it must have ids of {_ID_BYTES} bytes, and end after its start and before the year 2200"
        )
    features = tuple(named(name, semconv.FEATURE_NAMES) for name in names)
    error_type = named(found.get(semconv.ERROR_TYPE, ""), semconv.ERROR_TYPE)
    predicted = named(found.get(semconv.PREDICTION_CLASS, ""), semconv.PREDICTION_CLASS)
    limits.check_names((origin.writer, error_type, predicted, *features))
    return model, CallSpan(
        origin.writer,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        error_type,
        features,
        values,
        predicted,
        results.number(found.get(semconv.PREDICTION_SCORE)),
        results.number(found.get(semconv.PREDICTION_VALUE)),
    )


def _read_logs(request: ExportLogsServiceRequest, decoded: Decoded, limits: Limits) -> None:
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
                        decoded.baselines.append(results.baseline_part(found, record.body, writer, limits))
                    else:
                        _read_result(found, common, record, decoded, limits)
                except _UNREADABLE as error:
                    decoded.reject(f"{record.event_name}: {error}", reason_of(error))


def _read_result(
    found: Mapping[str, Any], common: Mapping[str, Any], record: LogRecord, decoded: Decoded, limits: Limits
) -> None:
    """A prediction, an outcome, or an outcome that knows only the key of its prediction."""
    model = model_key(found, common, limits)
    if model is None:
        raise ValueError(f"{semconv.MODEL_NAME} is missing")
    recorded = results.moment(record.time_unix_nano or record.observed_time_unix_nano, "its time")
    if record.event_name == semconv.EVENT_PREDICTION:
        made = results.made(found, limits)
        made.outcome(recorded, 0.0)  # what will be one with its outcome must be possible
        decoded.made.setdefault(model, []).append(made)
    elif semconv.PREDICTION_TIME in found:
        outcome = results.made(found, limits).outcome(recorded, results.actual(found, limits))
        decoded.outcomes.setdefault(model, []).append(outcome)
    else:
        actual = results.actual(found, limits)
        said = Said(results.prediction_id(found, limits), recorded, actual)
        Made(said.id, 0, None, None, None, ()).outcome(recorded, said.actual)
        decoded.said.setdefault(model, []).append(said)
    _read_task(found, common, decoded, limits)


def _read_task(found: Mapping[str, Any], common: Mapping[str, Any], decoded: Decoded, limits: Limits) -> None:
    """What the model does, where the item says it; what no task is called says nothing."""
    task = found.get(semconv.TASK_TYPE)
    if isinstance(task, str) and task in TASKS:
        model = model_key(found, common, limits)
        if model is not None and model.version:
            decoded.tasks[model] = task


def attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    """Attributes as plain values; arrays as lists.

    >>> attributes([KeyValue(key="a", value=AnyValue(int_value=3))])
    {'a': 3}
    """
    return {pair.key: _plain(pair.value) for pair in pairs}


def model_key(found: Mapping[str, Any], common: Mapping[str, Any], limits: Limits = DEFAULT) -> ModelKey | None:
    """Identity of a model from the item's own attributes or else from its resource's.

    Raises:
        RefusedError: its name or version is too long, or is no text.
    """
    source = found if semconv.MODEL_NAME in found else common
    name = source.get(semconv.MODEL_NAME)
    if not name:
        return None
    key = ModelKey(named(name, semconv.MODEL_NAME), named(source.get(semconv.MODEL_VERSION, ""), semconv.MODEL_VERSION))
    limits.check_names(key)
    return key


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
    if instance and isinstance(instance, str | int | float):
        return str(instance)
    return "resource:" + hashlib.sha256(resource.SerializeToString(deterministic=True)).hexdigest()[:16]


def _is_own(scope: InstrumentationScope) -> bool:
    return scope.name == semconv.PROCESSOR_SCOPE_NAME


def _window_of(time: int, window: int) -> int:
    return time - time % window


def _equally_long(names: Any, values: Any) -> bool:
    return isinstance(names, list) and isinstance(values, list) and len(names) == len(values)
