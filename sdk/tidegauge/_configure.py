"""`configure`, `flush` and `shutdown`: what an application says to the SDK as a whole."""

from __future__ import annotations

import time

from opentelemetry import trace
from opentelemetry.sdk._logs.export import LogRecordExporter
from opentelemetry.sdk.metrics.export import MetricExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter

from tidegauge._export import Exporters
from tidegauge._pipeline import Pipeline
from tidegauge._process import PROCESS
from tidegauge._settings import Settings
from tidegauge._spans import Spans
from tidegauge.clock import Clock


def configure(
    settings: Settings | None = None,
    *,
    clock: Clock | None = None,
    span_exporter: SpanExporter | None = None,
    metric_exporter: MetricExporter | None = None,
    log_exporter: LogRecordExporter | None = None,
) -> None:
    """Set the SDK up; optional, and to be called once, before the first prediction.

    If the application has set no tracer provider, one is set here from the ``OTEL_*`` variables. If it has, its own is
    used and ``span_exporter`` is ignored.

    Args:
        settings: how the SDK works; read from ``TIDEGAUGE_*`` when left out; what cannot be read falls back to its
            default with a line in the log.
        clock: tells the time; a `ManualClock` replays history.
        span_exporter: where spans go instead of OTLP.
        metric_exporter: where metrics go instead of OTLP.
        log_exporter: where events go instead of OTLP.

    Raises:
        ConfigurationError: an exporter or a provider of credentials that the environment names is not installed.
    """
    settings = settings or Settings.from_environment()
    if settings.disabled or Settings.from_environment().disabled:
        before = PROCESS.use(None, settings)
    else:
        if not isinstance(trace.get_tracer_provider(), TracerProvider) and not _has_provider():
            PROCESS.spans = Spans(span_exporter)
        pipeline = Pipeline(settings, clock or time.time_ns, Exporters(metric_exporter, log_exporter))
        before = PROCESS.use(pipeline)
        PROCESS.prepare(settings)
    if before is not None:
        before.shutdown(before.settings.shutdown_timeout)


def flush(timeout: float = 30.0) -> bool:
    """Summarise and send now everything that was recorded so far; what fails is tried again until the time is up.

    Args:
        timeout: seconds to wait at most.

    Returns:
        Whether everything that was recorded since the last flush was sent. False also tells that something was dropped
        since then; what was not sent is kept and sent later.
    """
    pipeline = PROCESS.pipeline
    return pipeline is None or pipeline.flush(timeout)


def shutdown(timeout: float = 30.0) -> bool:
    """Send everything and stop; done at the end of the process by itself.

    Where nobody listens it gives up after half a second. What could not be sent is lost, and said in one line.

    Args:
        timeout: seconds to wait at most.

    Returns:
        Whether everything was sent.
    """
    pipeline = PROCESS.pipeline
    return pipeline is None or pipeline.shutdown(timeout)


def _has_provider() -> bool:
    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
