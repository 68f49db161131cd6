"""Exporters of OTLP: the encoder before, and a wire of one protocol behind."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from tidegauge._export.encode import encode_logs, encode_metrics
from tidegauge._export.endpoint import Endpoint
from tidegauge._export.limit import Limit
from tidegauge._outbox import RefusedError, UnsentError

_FIRST_PAUSE: Final = 1.0
_logger = logging.getLogger("tidegauge")


class Wire(Protocol):
    """Takes requests to one place."""

    def send(self, data: bytes, timeout: float) -> None:
        """Make one attempt of ``timeout`` seconds; raises `UnsentError`, or `RefusedError` when it always will."""

    def close(self) -> None:
        """End the connection."""


class OtlpMetricExporter(MetricExporter):
    """Sends metrics, in one attempt: the outbox makes the next one.

    Args:
        wire: takes them there.
        timeout: seconds that a request may take.

    Attributes:
        limit: how long requests may take in the end.
    """

    def __init__(self, wire: Wire, timeout: float) -> None:
        super().__init__()
        self._wire = wire
        self._timeout = timeout
        self.limit = Limit()

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        """Make one attempt; ``timeout_millis`` has no meaning here.

        Raises:
            UnsentError: it failed this time.
            RefusedError: it can never be sent.
        """
        self._wire.send(encode_metrics(metrics_data).SerializeToString(), self.limit.seconds(self._timeout))
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Nothing waits here."""
        return True

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """End the connection."""
        self._wire.close()


class OtlpLogExporter(LogRecordExporter):
    """Sends events, in one attempt: the outbox makes the next one.

    Args:
        wire: takes them there.
        timeout: seconds that a request may take.

    Attributes:
        limit: how long requests may take in the end.
    """

    def __init__(self, wire: Wire, timeout: float) -> None:
        self._wire = wire
        self._timeout = timeout
        self.limit = Limit()

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        """Make one attempt.

        Raises:
            UnsentError: it failed this time.
            RefusedError: it can never be sent.
        """
        self._wire.send(encode_logs(batch).SerializeToString(), self.limit.seconds(self._timeout))
        return LogRecordExportResult.SUCCESS

    def force_flush(self, timeout_millis: int = 10_000) -> bool:
        """Nothing waits here."""
        return True

    def shutdown(self) -> None:
        """End the connection."""
        self._wire.close()


class OtlpSpanExporter(SpanExporter):
    """Sends spans, again and again for as long as one request may take: a span processor keeps nothing.

    Args:
        wire: takes them there.
        timeout: seconds that all attempts together may take.

    Attributes:
        limit: how long requests may take in the end; with a deadline, nobody is waited for who is not there.
        absent: nobody was there at the latest attempt.
    """

    def __init__(self, wire: Wire, timeout: float) -> None:
        self._wire = wire
        self._timeout = timeout
        self._closed = threading.Event()
        self._said: set[str] = set()
        self.limit = Limit()
        self.absent = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send one batch; what fails is logged once for each kind of failure."""
        data = encode_spans(spans).SerializeToString()
        deadline = time.monotonic() + self._timeout
        pause = _FIRST_PAUSE
        while True:
            try:
                self._wire.send(data, self.limit.seconds(deadline - time.monotonic()))
            except RefusedError as refused:
                return self._gave_up(refused.reason, refused.advice, len(spans))
            except UnsentError as error:
                self.absent = error.absent
                wait = error.pause or pause * random.uniform(0.8, 1.2)
                ending = self.limit.deadline is not None and error.absent
                if ending or wait > self.limit.seconds(deadline - time.monotonic()) or self._closed.wait(wait):
                    return self._gave_up(error.kind, str(error), len(spans))
                pause *= 2
            else:
                self.absent = False
                return SpanExportResult.SUCCESS

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing waits here."""
        return True

    def shutdown(self) -> None:
        """End the connection, and the attempts that are being made."""
        self._closed.set()
        self._wire.close()

    def _gave_up(self, kind: str, why: str, spans: int) -> SpanExportResult:
        if kind not in self._said:
            self._said.add(kind)
            _logger.warning("Tidegauge lost %d spans (further losses of this kind are not logged): %s", spans, why)
        return SpanExportResult.FAILURE


_KINDS: Final[Mapping[str, Callable[[Wire, float], Any]]] = {
    "metrics": OtlpMetricExporter,
    "logs": OtlpLogExporter,
    "traces": OtlpSpanExporter,
}


def exporter_of(wire: Wire, endpoint: Endpoint) -> Any:
    """The exporter of the endpoint's signal."""
    return _KINDS[endpoint.signal](wire, endpoint.timeout)
