"""Exporters of OTLP: our encoder before, and a wire of one protocol behind."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence
from typing import Any, Final, Protocol

from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData

from tidegauge._export.encode import encode_logs, encode_metrics
from tidegauge._export.endpoint import Endpoint
from tidegauge._export.unsent import PASSING, UnsentError

_FIRST_PAUSE: Final = 1.0


class Wire(Protocol):
    """Takes requests to one place."""

    def send(self, data: bytes) -> None:
        """Make one attempt; raises `UnsentError` when it failed, `RefusedError` when it always will."""

    def close(self) -> None:
        """End the connection."""


class _Sending:
    """Attempts to send one request: again, for as long as one request may take, where the receiver may soon be there.

    Args:
        wire: makes them.
        longest: seconds that all attempts together, or a pause that the receiver asks for, may take.
    """

    def __init__(self, wire: Wire, longest: float) -> None:
        self._wire = wire
        self._longest = longest
        self._not_before = 0.0
        self._closed = threading.Event()

    def __call__(self, data: bytes) -> None:
        self._closed.wait(self._not_before - time.monotonic())
        deadline = time.monotonic() + self._longest
        pause = _FIRST_PAUSE
        while True:
            try:
                self._wire.send(data)
                return
            except UnsentError as error:
                wait = error.pause or pause * random.uniform(0.8, 1.2)
                if error.kind not in PASSING or time.monotonic() + wait > deadline or self._closed.wait(wait):
                    self._not_before = time.monotonic() + min(error.pause, self._longest)
                    raise
            pause *= 2

    def close(self) -> None:
        self._closed.set()
        self._wire.close()


class OtlpMetricExporter(MetricExporter):
    """Sends metrics.

    Args:
        wire: takes them there.
        longest: seconds that the receiver may ask to be left alone.
    """

    def __init__(self, wire: Wire, longest: float) -> None:
        super().__init__()
        self._send = _Sending(wire, longest)

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        """Make one attempt; ``timeout_millis`` has no meaning here.

        Raises:
            UnsentError: it failed this time.
            RefusedError: it can never be sent.
        """
        self._send(encode_metrics(metrics_data).SerializeToString())
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Nothing waits here."""
        return True

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """End the connection."""
        self._send.close()


class OtlpLogExporter(LogRecordExporter):
    """Sends events.

    Args:
        wire: takes them there.
        longest: seconds that the receiver may ask to be left alone.
    """

    def __init__(self, wire: Wire, longest: float) -> None:
        self._send = _Sending(wire, longest)

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        """Make one attempt.

        Raises:
            UnsentError: it failed this time.
            RefusedError: it can never be sent.
        """
        self._send(encode_logs(batch).SerializeToString())
        return LogRecordExportResult.SUCCESS

    def force_flush(self, timeout_millis: int = 10_000) -> bool:
        """Nothing waits here."""
        return True

    def shutdown(self) -> None:
        """End the connection."""
        self._send.close()


def exporter_of(wire: Wire, endpoint: Endpoint) -> OtlpMetricExporter | OtlpLogExporter:
    """The exporter of the endpoint's signal, ``metrics`` or ``logs``."""
    kind = OtlpMetricExporter if endpoint.signal == "metrics" else OtlpLogExporter
    return kind(wire, endpoint.timeout)
