"""`tidegauge run`: the service as a process, from its log to the signals that end it."""

from __future__ import annotations

import logging
import signal
from typing import Final

from tidegauge_processor.config import Config
from tidegauge_processor.printable import PrintableFormatter
from tidegauge_processor.service import Service

_ENDS: Final = frozenset({signal.SIGTERM, signal.SIGINT})
_IGNORED: Final = frozenset({signal.SIGHUP} if hasattr(signal, "SIGHUP") else ())
"""A terminal that is closed sends it, and so does who wants a configuration to be read again; it ends nothing here."""

_log = logging.getLogger(__name__)


def run(config: Config) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        TidegaugeError: the configuration, the state or the endpoint cannot be used.
    """
    _write_log(config.service.telemetry.logs.level)
    # Blocked in every thread and waited for in this one: a handler may run in a thread that nobody wakes this one from.
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS | _IGNORED)
    service = Service(config)
    port = service.start()
    host = config.receiver.endpoint.rpartition(":")[0]
    _log.info("OTLP/gRPC on %s:%d, state in %s", host, port, config.storage.directory)
    if config.exporter.endpoint:
        _log.info("signals go to %s", config.exporter.endpoint)
    else:
        _log.warning("exporter.endpoint is empty: windows are judged, but the signals go nowhere")
    while (received := signal.sigwait(_ENDS | _IGNORED)) in _IGNORED:
        _log.warning("%s is ignored: the configuration is read at the start only", signal.Signals(received).name)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDS)  # the second one ends the process at once
    _log.info("stopping")
    service.stop()


def _write_log(level: str) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(PrintableFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler])
