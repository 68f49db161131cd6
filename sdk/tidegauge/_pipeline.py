"""The way of the calls out of the process: waiting rows -> summaries -> points -> outbox.

A pipeline has one thread that summarises when an interval is over (the flush) and one thread for each outbox. Under a
live clock the flush wakes at the interval's edge. Under a `ManualClock` it is driven by the calls: the first call
beyond an edge hands the finished interval over. A replay runs faster than life, so there, and only there, the call that
crossed an edge waits for a moment when the flush falls behind: nobody is being served, and nothing is lost.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.resources import Resource

from tidegauge import semconv
from tidegauge._buffer import Buffer, Interval
from tidegauge._events import Feedback
from tidegauge._explain import Explainer
from tidegauge._export import (
    MOST_POINTS,
    VERSION,
    Exporters,
    LogSender,
    MetricSender,
    batches,
    exporter_from_environment,
    request,
)
from tidegauge._journal import Journal
from tidegauge._model import Model, ModelSpec
from tidegauge._outbox import Outbox, suppressed
from tidegauge._points import Produced, counted, produce
from tidegauge._resource import writer_resource
from tidegauge._safety import Safety
from tidegauge._settings import Settings
from tidegauge._summarise import ModelSummary
from tidegauge.clock import Clock, ManualClock

_MOST_INTERVALS_BEHIND: Final = 64
_REPLAY_WAIT: Final = 600.0


class Pipeline:
    """Everything that runs in one process.

    Args:
        settings: how it works.
        clock: tells the time.
        exporters: where data go.
        provider: makes the spans; the application's global one by default.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock = time.time_ns,
        exporters: Exporters | None = None,
        provider: trace.TracerProvider | None = None,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.timer: Callable[[], int] = clock.timer if isinstance(clock, ManualClock) else time.perf_counter_ns
        self.tracer = trace.get_tracer(semconv.SCOPE_NAME, VERSION, provider, semconv.SCHEMA_URL)
        self._provider = provider
        self._replays = isinstance(clock, ManualClock)
        self._off = False
        self._exporters = exporters or Exporters()
        self._models: dict[tuple[str, str], Model] = {}
        self.after_fork()

    def after_fork(self) -> None:
        """Begin anew: rows that wait are the parent's to send, and threads do not live on in a child."""
        settings = self.settings
        self.safety = Safety()
        self._metric_sender = MetricSender(lambda: self._exporters.metrics or exporter_from_environment("metrics"))
        self._log_sender = LogSender(lambda: self._exporters.logs or exporter_from_environment("logs"))
        self._points: Outbox[MetricsData] = Outbox(
            "metrics", self._metric_sender.send, settings.queue_points, self.safety
        )
        self._events = Outbox("events", self._log_sender.send, settings.queue_events, self.safety)
        self._buffer = Buffer(settings.export_interval_ns, settings.buffer_rows, self.safety)
        self._journal = Journal(self._events, lambda: self.resource, settings.publish_interval, self.safety)
        self.explainer = Explainer(self.record, self.clock, self.safety, self._replays)
        self._working = threading.RLock()
        self._registering = threading.Lock()
        self._wake = threading.Event()
        self._caught_up = threading.Condition()
        self._thread: threading.Thread | None = None
        self._resource: Resource | None = None
        self._reported: dict[str, dict[str, int]] = {}
        self._stopped = self._off
        if self._off:
            self.explainer.stop()
        for model in self._models.values():
            model.begin_anew()

    @classmethod
    def switched_off(cls, settings: Settings, clock: Clock = time.time_ns) -> Pipeline:
        """A pipeline that takes calls and forgets them: receipts can still be made."""
        pipeline = cls(settings, clock, provider=trace.NoOpTracerProvider())
        pipeline._off = pipeline._stopped = True
        pipeline.explainer.stop()
        return pipeline

    @property
    def resource(self) -> Resource:
        """Who writes."""
        if self._resource is None:
            self._resource = writer_resource(self._provider or trace.get_tracer_provider())
        return self._resource

    # --- what calls use ---------------------------------------------------------------------------------------------

    def model(self, spec: ModelSpec) -> Model:
        """The model that ``spec`` is about; made at its first use."""
        with self._registering:
            model = self._models.get((spec.name, spec.version))
            if model is None:
                model = self._models[spec.name, spec.version] = Model(spec)
            else:
                model.adopt(spec)
        return model

    def known_model(self, name: str, version: str | None) -> Model | None:
        """A model that was used in this process."""
        return None if version is None else self._models.get((name, version))

    def record(self, call: Any) -> None:
        """Take a finished call in; never raises, and waits only in a replay."""
        if self._stopped:
            if not self._off:
                self.safety.dropped("stopped", max(call.rows, 1))
            return
        try:
            urgent = self._buffer.add(call)
            if self._thread is None:
                self._start()
            if urgent:
                self._wake.set()
                if self._replays and self._thread is not None:
                    self._keep_pace()
        except Exception as error:
            self.safety.failed("record", error)

    def record_feedback(self, feedback: Feedback) -> None:
        """Take an outcome in; waits up to ``outcome_wait`` seconds when the queue is full, then drops and counts."""
        if self._stopped:
            if not self._off:
                self.safety.dropped("stopped", 1)
            return
        try:
            if self._thread is None:
                self._start()
            self._journal.record(feedback, _REPLAY_WAIT if self._replays else self.settings.outcome_wait, self._replays)
        except Exception as error:
            self.safety.failed("record", error)

    # --- flush and end ----------------------------------------------------------------------------------------------

    def flush(self, timeout: float) -> bool:
        """Summarise and send everything that was recorded so far.

        Returns:
            Whether everything was sent within ``timeout`` seconds.
        """
        deadline = time.monotonic() + timeout
        try:
            self.explainer.drain(timeout / 2)
            self._buffer.close(self.clock())
            self._buffer.cut(self.clock())
            self._work()
            self._journal.send()
        except Exception as error:
            self.safety.failed("flush", error)
        sent = [outbox.drain(max(deadline - time.monotonic(), 0)) for outbox in (self._events, self._points)]
        return all(sent)

    def shutdown(self, timeout: float) -> bool:
        """Flush and end the threads; True when everything was sent."""
        if self._stopped:
            return True
        deadline = time.monotonic() + timeout
        sent = self.flush(timeout)
        self._stopped = True
        self.explainer.stop()
        self._wake.set()
        for outbox in (self._events, self._points):
            outbox.stop(max(deadline - time.monotonic(), 0))
        for sender in (self._metric_sender, self._log_sender):
            try:
                sender.shutdown()
            except Exception as error:
                self.safety.failed("shutdown", error)
        return sent

    # --- the flush thread -------------------------------------------------------------------------------------------

    def _start(self) -> None:
        with self._registering:
            if self._thread is None and not self._stopped:
                try:
                    _ = self.resource  # detecting it needs a thread pool, which an ending interpreter no longer gives
                    self._points.start()
                    self._events.start()
                    thread = threading.Thread(target=self._run, name="tidegauge-flush", daemon=True)
                    thread.start()
                    self._thread = thread
                except RuntimeError as error:  # the interpreter is ending: what waits is sent by its last flush
                    self.safety.failed("thread", error)
        self._wake.set()  # publish baselines at first use, not at the end of the first interval

    def _run(self) -> None:
        with suppressed():
            self._prepare()
            while not self._stopped:
                self._wake.wait(self._until_next())
                self._wake.clear()
                try:
                    if not self._replays:
                        self._buffer.close(self.clock())
                    self._work()
                    self._journal.send()
                except Exception as error:
                    self.safety.failed("flush", error)
                with self._caught_up:
                    self._caught_up.notify_all()

    def _prepare(self) -> None:
        for sender in (self._metric_sender, self._log_sender):
            try:
                sender.exporter()
            except Exception as error:
                self.safety.failed("exporter", error)

    def _until_next(self) -> float:
        length = self.settings.export_interval_ns
        if self._replays:
            return min(length / 1e9, 1.0)
        return (length - self.clock() % length) / 1e9 + 0.001

    def _keep_pace(self) -> None:
        deadline = time.monotonic() + _REPLAY_WAIT
        if self._is_behind():
            with self._caught_up:
                self._caught_up.wait_for(lambda: not self._is_behind(), _REPLAY_WAIT)
        if self._points.crowded:
            self._points.wait_for_room(max(deadline - time.monotonic(), 0))

    def _is_behind(self) -> bool:
        return self._buffer.waiting > _MOST_INTERVALS_BEHIND or self._buffer.rows * 2 > self.settings.buffer_rows

    def _work(self) -> None:
        with self._working:
            self._journal.publish(list(self._models.values()), self.clock())
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
        self._journal.tell(calls, self.settings.prediction_events, self.settings.outcome_wait if self._replays else 0.0)
        groups: dict[Model, list[Any]] = {}
        for call in calls:
            groups.setdefault(call.model, []).append(call)
        for model, group in groups.items():
            try:
                interval.summaries.setdefault(model, ModelSummary(model)).add(group)
            except BaseException as error:
                self.safety.failed("summarise", error, lost=sum(call.own_rows for call in group))

    def _points_of(self, interval: Interval) -> list[Produced]:
        points: list[Produced] = []
        for summary in interval.summaries.values():
            try:
                points += list(produce(summary, interval.start, interval.end))
            except BaseException as error:
                self.safety.failed("produce", error, lost=summary.predictions.total())
        return points + counted(self.safety, self._reported, interval.start, interval.end)

    def _put(self, points: Sequence[Produced]) -> None:
        self._points.put(request(points, self.resource), len(points))
