"""The two ways out of the process, of points and of events: an outbox and an exporter each."""

from __future__ import annotations

import time

from opentelemetry.sdk.metrics.export import MetricsData

from tidegauge._export import Exporters, LogSender, MetricSender, exporter_from_environment
from tidegauge._journal import Batch
from tidegauge._outbox import Outbox
from tidegauge._safety import Safety
from tidegauge._settings import Settings


class Outgoing:
    """Both together: started, emptied and ended within one limit.

    Args:
        exporters: where data go.
        settings: how much may wait.
        safety: counts failures and drops.

    Attributes:
        points: batches of metric points.
        events: batches of events.
    """

    def __init__(self, exporters: Exporters, settings: Settings, safety: Safety) -> None:
        self._safety = safety
        metrics = MetricSender(lambda: exporters.metrics or exporter_from_environment("metrics"))
        logs = LogSender(lambda: exporters.logs or exporter_from_environment("logs"))
        self.points: Outbox[MetricsData] = Outbox("metrics", metrics.send, settings.queue_points, safety)
        self.events: Outbox[Batch] = Outbox("events", logs.send, settings.queue_events, safety)
        self._senders = (metrics, logs)

    def start(self) -> None:
        """Start the threads.

        Raises:
            RuntimeError: no thread is to be had.
        """
        self.points.start()
        self.events.start()

    def prepare(self) -> None:
        """Make the exporters."""
        for sender in self._senders:
            try:
                sender.exporter()
            except Exception as error:
                self._safety.failed("exporter", error)

    def limit(self, deadline: float) -> None:
        """Let no request last beyond ``deadline``, by the monotonic clock."""
        for sender in self._senders:
            sender.limit(deadline)

    def drain(self, deadline: float) -> bool:
        """Send everything; False when that was not done by ``deadline``, by the monotonic clock."""
        sent = [box.drain(max(deadline - time.monotonic(), 0)) for box in (self.events, self.points)]
        return all(sent)

    def end(self, deadline: float) -> None:
        """The process ends by ``deadline``: hurry."""
        self.limit(deadline)
        for box in (self.events, self.points):
            box.end()

    def stop(self) -> None:
        """End the threads and shut the exporters down; what still waits is never sent."""
        for box in (self.events, self.points):
            box.stop()
        for sender in self._senders:
            try:
                sender.shutdown()
            except Exception as error:
                self._safety.failed("shutdown", error)
