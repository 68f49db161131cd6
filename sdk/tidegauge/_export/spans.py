"""OpenTelemetry's own exporter of spans, sent where the other signals go."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from tidegauge._export.endpoint import GRPC, Endpoint, variable_of


def span_exporter(end: Endpoint) -> Any:
    """Make the exporter of spans for ``end``."""
    with _hidden(variable_of("TIMEOUT", end.signal)):
        if end.protocol == GRPC:
            import grpc
            from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

            kinds = {"gzip": grpc.Compression.Gzip, "none": grpc.Compression.NoCompression}
            return OTLPSpanExporter(
                end.address, insecure=not end.tls, timeout=end.timeout, compression=kinds[end.compression]
            )
        from opentelemetry.exporter.otlp.proto.http import Compression
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpanExporter

        return HttpSpanExporter(end.url, timeout=end.timeout, compression=Compression(end.compression))


@contextlib.contextmanager
def _hidden(variable: str) -> Iterator[None]:
    """Hide a timeout that their constructors cannot read; they are told what it is."""
    text = os.environ.get(variable, "")
    try:
        float(text or 0)
    except ValueError:
        del os.environ[variable]
    try:
        yield
    finally:
        if text and variable not in os.environ:
            os.environ[variable] = text
