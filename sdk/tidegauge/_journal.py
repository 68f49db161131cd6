"""Events on their way to the outbox: outcomes gathered into batches, baselines published again and again."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource

from tidegauge._events import Announcement, Feedback, Publication, publications
from tidegauge._model import Model
from tidegauge._outbox import Outbox
from tidegauge._safety import Safety

if TYPE_CHECKING:
    from tidegauge._prediction import Prediction

Batch: TypeAlias = Callable[[], Sequence[ReadableLogRecord]]
"""Makes the log records, in the thread that sends them."""

_MOST_EVENTS_A_REQUEST: Final = 1_000
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

    def send(self) -> None:
        """Hand on what was gathered."""
        with self._lock:
            batch, self._feedback = self._feedback, []
        if batch:
            self._put(batch)

    def announce(self, calls: Iterable[Prediction]) -> None:
        """Announce the predictions that have keys of the application's own; never waits."""
        found: list[Announcement] = []
        for call in calls:
            try:
                found += [Announcement(made, call.model.task) for made in call.identified]
            except Exception as error:
                self._safety.failed("announce", error)
        for first in range(0, len(found), _MOST_EVENTS_A_REQUEST):
            self._put(found[first : first + _MOST_EVENTS_A_REQUEST])

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

    def _put(self, events: Sequence[Announcement | Feedback | Publication]) -> None:
        resource = self._resource()
        self._outbox.put(lambda: [event.record(resource) for event in events], len(events))
