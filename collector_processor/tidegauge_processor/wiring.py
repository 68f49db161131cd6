"""From the configuration to the parts of the service."""

from __future__ import annotations

from pathlib import Path

from tidegauge import semconv
from tidegauge_processor import __version__
from tidegauge_processor.config import Config
from tidegauge_processor.instance_id import instance_id
from tidegauge_processor.otlp.sender import Sender
from tidegauge_processor.state.database.outbox import Size
from tidegauge_processor.state.join import Join, Limits
from tidegauge_processor.state.learning import LearningRule
from tidegauge_processor.state.models import Timing
from tidegauge_processor.state.store import Store
from tidegauge_processor.telemetry import Telemetry
from tidegauge_processor.versions import VersionRule


def timing_of(config: Config) -> Timing:
    """Lengths of windows, cohorts and waits."""
    return Timing(
        window=config.windows.duration,
        lateness=config.windows.allowed_lateness,
        idle=config.windows.idle_timeout,
        cohort=config.labels.window,
        wait=config.labels.wait,
        retention=config.labels.retention,
        again=config.metrics_flush_interval,
        hold=config.windows.hold,
        live=not config.replay,
    )


def join_of(config: Config, store: Store, telemetry: Telemetry) -> Join | None:
    """What joins outcomes by prediction id; None when that is switched off."""
    settings = config.labels.join
    if not settings.enabled:
        return None
    limits = Limits(settings.expiration, settings.max_predictions)
    return Join(limits, store.joined, store.joined_until(), telemetry, lambda key, why: store.refuse("joins", key, why))


def learning_of(config: Config) -> LearningRule:
    """When a baseline is learned for a model that has none."""
    return LearningRule(config.learning.duration, config.learning.min_rows)


def versions_of(config: Config, model: str) -> VersionRule:
    """How the versions of a model are compared."""
    drift = config.for_model(model)
    return VersionRule(drift.compare_versions, drift.champion)


def sender_of(config: Config, store: Store, telemetry: Telemetry) -> Sender | None:
    """What sends the signals; None when they go nowhere."""
    settings = config.exporter
    if not settings.endpoint:
        return None
    return Sender(
        settings.endpoint,
        store,
        insecure=settings.insecure,
        compression=settings.compression,
        initial_interval=settings.retry_on_failure.initial_interval.seconds,
        max_interval=settings.retry_on_failure.max_interval.seconds,
        timeout=settings.timeout.seconds,
        counter=telemetry,
    )


def outbox_limit_of(config: Config) -> Size:
    """How much may wait for the back end."""
    settings = config.exporter.sending_queue
    return Size(settings.queue_size, settings.queue_size_mib << 20)


def resource_of(directory: Path, telemetry: Telemetry) -> dict[str, str]:
    """One resource for all signals."""
    return {
        semconv.SERVICE_NAME: "tidegauge-processor",
        semconv.SERVICE_INSTANCE_ID: instance_id(directory, telemetry),
        "service.version": __version__,
    }
