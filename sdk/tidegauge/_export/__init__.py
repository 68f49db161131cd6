"""The only part of the SDK that knows OTLP's wire format and its transports."""

from tidegauge._export.exporters import (
    SCOPE,
    VERSION,
    Exporters,
    LogSender,
    MetricSender,
    exporter_from_environment,
    request,
)

__all__ = ["SCOPE", "VERSION", "Exporters", "LogSender", "MetricSender", "exporter_from_environment", "request"]
