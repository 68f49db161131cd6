"""Events on their way to the outbox: outcomes gathered into batches, baselines published again and again.

Predictions are announced, and their details told, when calls are summarised: outside of the calls. There are many
details, and they can be missed better than outcomes: what finds a quarter of the outbox taken is dropped and counted.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource

from tidegauge._details import details_of
from tidegauge._events import Announcement, Details, Feedback, Publication, publications
from tidegauge._explain import Explanation
from tidegauge._model import Model
from tidegauge._outbox import Outbox
from tidegauge._safety import Safety

if TYPE_CHECKING:
    from tidegauge._prediction import Prediction

Batch: TypeAlias = Callable[[], Sequence[ReadableLogRecord]]
"""Makes the log records, in the thread that sends them."""

_MOST_EVENTS_A_REQUEST: Final = 1_000
_MOST_VALUES_A_REQUEST: Final = 50_000  # of features; collectors refuse requests of more than 4 MiB
_ROOM_FOR_DETAILS: Final = 0.25
_JITTER: Final = 0.1


class Journal:
    """Gathers events; safe in threads.

    Args:
        outbox: takes the batches.
        resource: says who writes.
        publish_interval: seconds between two publications of the same baseline.
        safety: counts failures and drops.
    """

    def __init__(
        self, outbox: Outbox[Batch], resource: Callable[[], Resource], publish_interval: float, safety: Safety
    ) -> None:
        self._outbox = outbox
        self._resource = resource
        self._publish_interval = publish_interval
        self._safety = safety
        self._lock = threading.Lock()
        self._feedback: list[Feedback] = []

    def record(self, feedback: Feedback, wait: float, replays: bool = False) -> None:
        """Take an outcome in; with a full outbox wait up to ``wait`` seconds, then drop the batch and count it.

        A replay waits with every outcome: `send` hands on what was gathered so far, so a batch may never be full.
        """
        if replays:
            self._outbox.wait_for_room(wait)
        with self._lock:
            self._feedback.append(feedback)
            if len(self._feedback) < _MOST_EVENTS_A_REQUEST:
                return
            batch, self._feedback = self._feedback, []
        if self._outbox.crowded and not self._outbox.wait_for_room(wait):
            self._safety.dropped("events_queue_full", len(batch))
            return
        self._put(batch)

    @property
    def waiting(self) -> int:
        """Outcomes that have been gathered and not handed on."""
        return len(self._feedback)

    def send(self) -> None:
        """Hand on what was gathered."""
        with self._lock:
            batch, self._feedback = self._feedback, []
        if batch:
            self._put(batch)

    def tell(self, calls: Sequence[Prediction | Explanation], announce: bool, wait: float) -> None:
        """Tell of finished calls what was asked for.

        Args:
            calls: the calls.
            announce: announce the predictions that have keys of the application's own; that never waits.
            wait: seconds to wait for room for the details of a call, which are dropped then, and counted.
        """
        if announce:
            self._announce(calls)
        detailed = [call for call in calls if not isinstance(call, Explanation) and call.options.details]
        if detailed:
            self._detail(detailed, wait)

    def publish(self, models: Iterable[Model], now: int) -> None:
        """Publish the baselines that are due; ``now`` stamps the events, nanoseconds since the epoch."""
        for model in models:
            baseline = model.baseline  # a call may bring another one meanwhile
            known, due = model.published
            if baseline is None or (baseline.id == known and time.monotonic() < due):
                continue
            try:
                for part in publications(baseline, model.identity, now):
                    self._put([part])
            except Exception as error:
                self._safety.failed("publish", error)
            # Processes that started together must not stay together; the application's own random state is not ours.
            jitter = 1 + random.SystemRandom().uniform(-_JITTER, _JITTER)
            model.published = baseline.id, time.monotonic() + self._publish_interval * jitter

    def _announce(self, calls: Iterable[Prediction | Explanation]) -> None:
        found: list[Announcement] = []
        for call in calls:
            try:
                found += [Announcement(made, call.model.task) for made in call.identified]
            except Exception as error:
                self._safety.failed("announce", error)
        for first in range(0, len(found), _MOST_EVENTS_A_REQUEST):
            self._put(found[first : first + _MOST_EVENTS_A_REQUEST])

    def _detail(self, calls: Iterable[Prediction], wait: float) -> None:
        batch: list[Details] = []
        values = 0
        for call in calls:
            if not self._outbox.wait_for_room(wait, _ROOM_FOR_DETAILS):
                wait = 0.0  # nothing is sent: once is enough
                self._safety.dropped("details_queue_full", max(call.rows, 1))
                continue
            try:
                found = details_of(call, self._safety)
            except Exception as error:
                self._safety.failed("details", error)
                continue
            for details in found:
                batch.append(details)
                values += len(details.names)
                if len(batch) >= _MOST_EVENTS_A_REQUEST or values >= _MOST_VALUES_A_REQUEST:
                    self._put(batch)
                    batch, values = [], 0
        if batch:
            self._put(batch)

    def _put(self, events: Sequence[Announcement | Details | Feedback | Publication]) -> None:
        resource = self._resource()
        self._outbox.put(lambda: [event.record(resource) for event in events], len(events))
