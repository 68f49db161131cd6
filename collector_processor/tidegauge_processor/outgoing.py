"""From what the engine says to requests for the back end.

A signal that cannot be said, or that no back end would take, is left out, logged by the name of its model and counted.
All others leave, and so do the processor's own counters.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence

from tidegauge import semconv
from tidegauge_processor.config import Config
from tidegauge_processor.otlp import attributes, cutting, encode, encode_events
from tidegauge_processor.otlp.cutting import Unsaid
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.signals import Event, Standing, Subject
from tidegauge_processor.telemetry import Telemetry

Requests = list[tuple[SignalKind, bytes]]

_log = logging.getLogger(__name__)


class Outgoing:
    """Makes requests.

    Args:
        config: says whether it is history that is told, and whether the processor tells of itself.
        resource: attributes of the processor's own resource.
        telemetry: its own counters.
        started: since when they count, ns since the epoch.
    """

    def __init__(self, config: Config, resource: Mapping[str, str], telemetry: Telemetry, started: int) -> None:
        self._replay = config.replay
        self._tells_of_itself = config.service.telemetry.metrics.level != "none"
        self._resource = attributes.resource(resource)
        self._telemetry = telemetry
        self._started = started

    def events(self, signals: Sequence[Event], now: int) -> Requests:
        """Requests that say ``signals``."""
        unsaid: list[Unsaid[Event]] = []
        found = cutting.requests(
            signals, lambda few: encode_events.events(self._resource, few, self._stamp(now)), unsaid
        )
        requests = [(SignalKind.LOGS, request) for request in found]
        self._report([(each.item.subject, each.why) for each in unsaid])
        return requests

    def standing(self, signals: Iterable[Standing], now: int) -> tuple[Requests, list[Standing]]:
        """Requests that say ``signals``, and those of them that could not be said."""
        unsaid: list[Unsaid[Standing]] = []
        found = encode.metrics(self._resource, signals, self._stamp(now), unsaid)
        requests = [(SignalKind.METRICS, request) for request in found]
        self._report([(each.item.subject, each.why) for each in unsaid])
        return requests, [each.item for each in unsaid]

    def own(self, sizes: Mapping[str, int], now: int) -> Requests:
        """What the processor says of itself; ``sizes`` are gauges beside its counters."""
        if not self._tells_of_itself:
            return []
        return [
            (SignalKind.METRICS, encode.counters(self._resource, self._telemetry.counts(), sizes, self._started, now))
        ]

    def _stamp(self, now: int) -> int | None:
        """History is stamped by its own time, the present by the clock."""
        return None if self._replay else now

    def _report(self, unsaid: Sequence[tuple[Subject, str]]) -> None:
        found: dict[tuple[str, str], list[str]] = {}
        for subject, why in unsaid:
            found.setdefault((subject.model, subject.version), []).append(why)
        for key, whys in found.items():
            _log.error("%s %s: %d signals cannot be said and are left out: %s", *key, len(whys), whys[0])
            self._telemetry.add(semconv.METRIC_PROCESSOR_FAILED, len(whys), reason="signal")
