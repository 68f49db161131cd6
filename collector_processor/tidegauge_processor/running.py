"""`tidegauge run`: the service as a process, from its log to the signals that end it."""

from __future__ import annotations

import logging

from tidegauge_processor import stopping
from tidegauge_processor.config import Config
from tidegauge_processor.printable import PrintableFormatter
from tidegauge_processor.service import Service

_log = logging.getLogger(__name__)


def run(config: Config) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        TidegaugeError: the configuration, the state or the endpoint cannot be used.
    """
    _write_log(config.service.telemetry.logs.level)
    wait_for_the_end = stopping.held_back()
    service = Service(config)
    port = service.start()
    host = config.receiver.endpoint.rpartition(":")[0]
    _log.info("OTLP/gRPC on %s:%d, state in %s", host, port, config.storage.directory)
    if config.exporter.endpoint:
        _log.info("signals go to %s", config.exporter.endpoint)
    else:
        _log.warning("exporter.endpoint is empty: windows are judged, but the signals go nowhere")
    wait_for_the_end()
    _log.info("stopping")
    service.stop()


def _write_log(level: str) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(PrintableFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler])
