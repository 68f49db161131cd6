"""The tracer provider that `configure` sets, and its end: within the limit of the whole process's end."""

from __future__ import annotations

import time
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from tidegauge._export import OtlpSpanExporter, exporter_from_environment
from tidegauge._resource import writer_resource

_PATIENCE: Final = 0.5
"""Seconds for a batch that is being tried again while nobody is there."""


class Spans:
    """The provider's one processor; OpenTelemetry's own end of it waits for 30 seconds.

    Args:
        exporter: where spans go instead of where the environment says.
    """

    def __init__(self, exporter: SpanExporter | None = None) -> None:
        self._exporter: Any = exporter or exporter_from_environment("traces")
        self._processor: BatchSpanProcessor | None = None
        provider = TracerProvider(resource=writer_resource(), shutdown_on_exit=False)
        if self._exporter is not None:
            self._processor = BatchSpanProcessor(self._exporter)
            provider.add_span_processor(self._processor)
        trace.set_tracer_provider(provider)

    def end(self, timeout: float) -> None:
        """Send the spans that wait within ``timeout`` seconds, and stop; spans that end later are lost."""
        if self._processor is None:
            return
        if isinstance(self._exporter, OtlpSpanExporter):
            self._exporter.limit.deadline = time.monotonic() + timeout
            if self._exporter.absent:
                timeout = min(timeout, _PATIENCE)
        processor: Any = self._processor
        batches = getattr(processor, "_batch_processor", None)  # the only one that takes a limit
        if batches is None:
            processor.shutdown()
        else:
            batches.shutdown(timeout_millis=round(timeout * 1000))
