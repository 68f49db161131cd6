"""The only part of the SDK that knows OTLP's wire format and its transports."""

from tidegauge._export.exporters import (
    MOST_POINTS,
    SCOPE,
    VERSION,
    Exporters,
    LogSender,
    MetricSender,
    batches,
    exporter_from_environment,
    request,
    warm,
)
from tidegauge._export.otlp import OtlpSpanExporter

__all__ = [
    "MOST_POINTS",
    "SCOPE",
    "VERSION",
    "Exporters",
    "LogSender",
    "MetricSender",
    "OtlpSpanExporter",
    "batches",
    "exporter_from_environment",
    "request",
    "warm",
]
