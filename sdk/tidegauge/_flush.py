"""The work of a flush: waiting rows -> summaries -> points -> outbox."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.resources import Resource

from tidegauge._buffer import Buffer, Interval
from tidegauge._export import MOST_POINTS, batches, request
from tidegauge._journal import Journal
from tidegauge._model import Model
from tidegauge._outbox import Outbox
from tidegauge._points import Produced, counted, last_words, produce, rows_of
from tidegauge._safety import Safety
from tidegauge._settings import Settings
from tidegauge._summarise import ModelSummary
from tidegauge.clock import Clock


class FlushWork:
    """What a flush does; by one thread at a time.

    Args:
        buffer: calls that wait.
        journal: events on their way.
        outbox: takes batches of points.
        resource: says who writes.
        safety: counts failures.
        settings: how the SDK works.
        replays: calls drive the intervals, rather than the clock on the wall.
    """

    def __init__(
        self,
        buffer: Buffer,
        journal: Journal,
        outbox: Outbox[MetricsData],
        resource: Callable[[], Resource],
        safety: Safety,
        settings: Settings,
        replays: bool,
    ) -> None:
        self._buffer = buffer
        self._journal = journal
        self._outbox = outbox
        self._resource = resource
        self._safety = safety
        self._announces = settings.prediction_events
        self._details_wait = settings.outcome_wait if replays else 0.0
        self._replays = replays
        self._reported: dict[str, dict[str, int]] = {}

    def do(self, models: Sequence[Model], clock: Clock, everything: bool) -> None:
        """Do what is due.

        Args:
            models: the models of this process, whose baselines are published when that is due.
            clock: tells the time.
            everything: end the open interval, and send it too.
        """
        if everything or not self._replays:
            self._buffer.close(clock())
        if everything:
            self._buffer.cut(clock())
        self._journal.publish(models, clock())
        self._summarise_waiting()
        self._journal.send()

    def say_goodbye(self, models: Sequence[Model], now: int) -> None:
        """Say of every model how many rows there were in all; nothing may come after."""
        try:
            for batch in batches(last_words(models, max(now, self._buffer.until))):
                self._put(batch)
        except Exception as error:
            self._safety.failed("goodbye", error)

    def _summarise_waiting(self) -> None:
        ready: list[Produced] = []
        for interval, calls, weight, over in self._buffer.take():
            try:
                self._summarise(interval, calls)
            finally:
                self._buffer.done(weight)
            if over:
                ready += self._points_of(interval)
            if len(ready) >= MOST_POINTS:
                *full, ready = batches(ready)
                for batch in full:
                    self._put(batch)
        for batch in batches(ready):
            self._put(batch)

    def _summarise(self, interval: Interval, calls: Sequence[Any]) -> None:
        self._journal.tell(calls, self._announces, self._details_wait)
        groups: dict[Model, list[Any]] = {}
        for call in calls:
            groups.setdefault(call.model, []).append(call)
        for model, group in groups.items():
            try:
                summary = interval.summaries.get(model)
                if summary is None:
                    summary = interval.summaries[model] = ModelSummary(model)
                summary.add(group)
            except Exception as error:
                self._safety.failed("summarise", error)

    def _points_of(self, interval: Interval) -> list[Produced]:
        points: list[Produced] = []
        for summary in interval.summaries.values():
            try:
                points += produce(summary, interval.start, interval.end)
            except Exception as error:
                self._safety.failed("produce", error)
        return points + counted(self._safety, self._reported, interval.start, interval.end)

    def _put(self, points: Sequence[Produced]) -> None:
        self._outbox.put(request(points, self._resource()), len(points), rows_of(points))
