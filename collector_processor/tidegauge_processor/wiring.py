"""From the configuration to the parts of the service."""

from __future__ import annotations

import logging
import re
import uuid
from pathlib import Path
from typing import Final

from tidegauge import semconv
from tidegauge_processor import __version__
from tidegauge_processor.config import Config
from tidegauge_processor.otlp.sender import Sender
from tidegauge_processor.state.join import Join, Limits
from tidegauge_processor.state.learning import LearningRule
from tidegauge_processor.state.models import Timing
from tidegauge_processor.state.store import Store
from tidegauge_processor.telemetry import Telemetry
from tidegauge_processor.versions import VersionRule

_ID: Final = re.compile(r"[\w.-]{1,128}", re.ASCII)

_log = logging.getLogger(__name__)


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
    )


def join_of(config: Config, store: Store, telemetry: Telemetry) -> Join | None:
    """What joins outcomes by prediction id; None when that is switched off."""
    settings = config.labels.join
    if not settings.enabled:
        return None
    limits = Limits(settings.expiration, settings.max_predictions)
    return Join(limits, store.joined, store.joined_until(), telemetry)


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


def resource_of(directory: Path) -> dict[str, str]:
    """One resource for all signals, the same after a restart on the same state, on whatever host."""
    return {
        semconv.SERVICE_NAME: "tidegauge-processor",
        semconv.SERVICE_INSTANCE_ID: _instance_id(directory / "instance-id"),
        "service.version": __version__,
    }


def _instance_id(path: Path) -> str:
    """The id in the file, or a new one, which is then kept there if that is possible."""
    made = str(uuid.uuid4())
    try:
        known = path.read_text(errors="replace").strip() if path.exists() else ""
        if _ID.fullmatch(known):
            return known
        path.write_text(made)
    except OSError as error:
        _log.warning("the processor's id cannot be kept in %s, so its series begin anew at each start: %s", path, error)
    return made
