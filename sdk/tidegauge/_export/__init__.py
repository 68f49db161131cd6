"""The only part of the SDK that knows OTLP's wire format and its transports."""

from tidegauge._export.exporters import (
    MOST_POINTS,
    SCOPE,
    VERSION,
    Exporters,
    Limited,
    LogSender,
    MetricSender,
    batches,
    exporter_class,
    exporter_from_environment,
    request,
    warm,
)

__all__ = [
    "MOST_POINTS",
    "SCOPE",
    "VERSION",
    "Exporters",
    "Limited",
    "LogSender",
    "MetricSender",
    "batches",
    "exporter_class",
    "exporter_from_environment",
    "request",
    "warm",
]
