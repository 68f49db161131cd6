"""A back end in the smallest form: an OTLP receiver that keeps what the processor says as JSON lines.

Each line is one data point or event: ``name``, ``time`` (ns since the epoch), ``value`` and ``attributes``. Prometheus
and a log store would take its place in earnest; the summary and the picture are made from this file and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any

import grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2_grpc as logs_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc as metrics_grpc
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from tidegauge import semconv

Record = dict[str, Any]


class Sink:
    """Listens on a free port of the loopback interface and appends to ``path`` until it is left.

    Args:
        path: file to write, one JSON object a line.
        on_record: called with each record, in the order of arrival.
    """

    def __init__(self, path: Path, on_record: Callable[[Record], None]) -> None:
        self._file = path.open("w", encoding="utf-8")
        self._on_record = on_record
        # One worker, so that requests are written one after another.
        self._server = grpc.server(
            ThreadPoolExecutor(max_workers=1), options=[("grpc.max_receive_message_length", 64 * 1024 * 1024)]
        )
        metrics_grpc.add_MetricsServiceServicer_to_server(_Metrics(self), self._server)
        logs_grpc.add_LogsServiceServicer_to_server(_Logs(self), self._server)
        self.endpoint = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    def __enter__(self) -> Sink:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop(grace=2).wait()
        self._file.close()

    def keep(self, records: Iterator[Record]) -> None:
        """Write ``records`` and show them to the listener."""
        for record in records:
            self._file.write(json.dumps(record, separators=(",", ":")) + "\n")
            self._on_record(record)
        self._file.flush()


class _Metrics(metrics_grpc.MetricsServiceServicer):
    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def Export(self, request: metrics.ExportMetricsServiceRequest, context: grpc.ServicerContext) -> Any:  # noqa: N802
        for resource in request.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    self._sink.keep(_points(metric))
        return metrics.ExportMetricsServiceResponse()


class _Logs(logs_grpc.LogsServiceServicer):
    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def Export(self, request: logs.ExportLogsServiceRequest, context: grpc.ServicerContext) -> Any:  # noqa: N802
        for resource in request.resource_logs:
            for scope in resource.scope_logs:
                self._sink.keep(
                    {
                        "name": record.event_name,
                        "time": record.time_unix_nano,
                        "value": _value(record.body),
                        "attributes": _attributes(record.attributes),
                    }
                    for record in scope.log_records
                )
        return logs.ExportLogsServiceResponse()


def _points(metric: Metric) -> Iterator[Record]:
    """One record a data point; a histogram's value is the number of its observations."""
    for point in getattr(metric, metric.WhichOneof("data")).data_points:
        value = point.count if metric.HasField("histogram") else getattr(point, point.WhichOneof("value"))
        if metric.name == semconv.METRIC_DRIFT_STATUS and not value:
            continue  # a state that the stream is not in: three lines out of four would say no more than that
        yield {
            "name": metric.name,
            "time": point.time_unix_nano,
            "value": value,
            "attributes": _attributes(point.attributes),
        }


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    return None if kind is None else getattr(value, kind)
