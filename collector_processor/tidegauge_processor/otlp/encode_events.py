"""From events to OTLP requests: log records with an event name, under one resource of the processor's own.

| what happened | event |
|---|---|
| an incident of drift | ``ml.drift.state_changed`` |
| an incident that began with broken values | ``ml.data_quality.state_changed`` |
| an incident that labels show, of a worse model or of unequal groups | ``ml.evaluation.state_changed`` |
| another baseline is in force | ``ml.baseline.changed`` |
| rows came with another baseline, and could not be compared | ``ml.baseline.conflict`` |

What is worth a page has the severity WARN, all else INFO.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs, SeverityNumber
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from tidegauge import semconv
from tidegauge_processor.otlp.attributes import SCOPE, identity, pairs
from tidegauge_processor.signals import BaselineSignal, ConflictSignal, Event, IncidentSignal

_NAMES: Final[Mapping[str, tuple[str, str]]] = {
    "drift": (semconv.EVENT_DRIFT_STATE, semconv.DRIFT_STATE),
    "quality": (semconv.EVENT_QUALITY_STATE, semconv.QUALITY_STATE),
    "labels": (semconv.EVENT_EVALUATION_STATE, semconv.EVALUATION_STATE),
    "fairness": (semconv.EVENT_EVALUATION_STATE, semconv.EVALUATION_STATE),
}
"""Name of the event of an incident and of the attribute that holds its state, by cause."""


def events(source: Resource, signals: Sequence[Event], time: int | None) -> bytes:
    """Encode events.

    Args:
        source: the processor's resource.
        signals: what is said once.
        time: stamp of all records, ns since the epoch; None to stamp each with the end of its own window.
    """
    records = [_record(signal, signal.subject.end if time is None else time) for signal in signals]
    scope = ScopeLogs(scope=SCOPE, log_records=records, schema_url=semconv.SCHEMA_URL)
    return ExportLogsServiceRequest(
        resource_logs=[ResourceLogs(resource=source, scope_logs=[scope], schema_url=semconv.SCHEMA_URL)]
    ).SerializeToString()


def _record(signal: Event, time: int) -> LogRecord:
    record = LogRecord(time_unix_nano=time, observed_time_unix_nano=time)
    pages = isinstance(signal, IncidentSignal) and signal.pages
    record.severity_number = SeverityNumber.SEVERITY_NUMBER_WARN if pages else SeverityNumber.SEVERITY_NUMBER_INFO
    attributes = identity(signal.subject)
    if isinstance(signal, IncidentSignal):
        attributes |= _incident(signal)
        record.event_name = _NAMES[signal.cause][0]
        record.body.string_value = _opened(signal)
        if signal.traces:
            record.trace_id, record.span_id = map(bytes.fromhex, signal.traces[0])
    elif isinstance(signal, ConflictSignal):
        attributes |= _conflict(signal)
        record.event_name = semconv.EVENT_BASELINE_CONFLICT
        record.body.string_value = _left_out(signal)
    else:
        attributes[semconv.BASELINE_PREVIOUS] = signal.previous
        record.event_name = semconv.EVENT_BASELINE_CHANGED
        record.body.string_value = _changed(signal)
    record.attributes.extend(pairs(attributes))
    return record


def _incident(signal: IncidentSignal) -> dict[str, Any]:
    found = {
        semconv.INCIDENT_ID: signal.id,
        semconv.INCIDENT_CHANGE: signal.change,
        semconv.INCIDENT_SINCE: signal.since,
        semconv.INCIDENT_CHANGE_POINT: signal.change_point,
        semconv.INCIDENT_PAGES: signal.pages,
        semconv.INCIDENT_STREAMS: list(signal.streams),
        _NAMES[signal.cause][1]: signal.state.value,
    }
    if signal.close_reason is not None:
        found[semconv.INCIDENT_CLOSE_REASON] = signal.close_reason.value
    if signal.effect is not None:
        found[semconv.INCIDENT_PERFORMANCE] = str(signal.effect)
    if signal.traces:
        found[semconv.INCIDENT_TRACES] = [trace for trace, _ in signal.traces]
    if signal.versus:
        found[semconv.COMPARISON_VERSION] = signal.versus
    return found


def _conflict(signal: ConflictSignal) -> dict[str, Any]:
    found = {semconv.CONFLICT_ROWS: signal.rows, semconv.CONFLICT_STREAMS: list(signal.streams)}
    return found | {semconv.BASELINE_OTHER: signal.other} if signal.other else found


def _opened(signal: IncidentSignal) -> str:
    beside = f" against version {signal.versus}" if signal.versus else ""
    why = f" ({signal.close_reason.value.replace('_', ' ')})" if signal.close_reason else ""
    return f"{signal.subject.model} {signal.subject.version}{beside}: incident of {signal.cause} {signal.change}{why}"


def _changed(signal: BaselineSignal) -> str:
    subject, learned = signal.subject, signal.learned
    how = "is in force" if learned is None else f"was learned from {learned.rows:,} rows and is in force"
    return f"{subject.model} {subject.version}: baseline {subject.baseline} {how}"


def _left_out(signal: ConflictSignal) -> str:
    subject = signal.subject
    other = f"with baseline {signal.other}" if signal.other else "without a baseline"
    used = f"in other cells than those of {subject.baseline}" if subject.baseline else "and none is in use"
    return f"{subject.model} {subject.version}: {signal.rows:,} rows came {other}, {used}, and are not compared"
