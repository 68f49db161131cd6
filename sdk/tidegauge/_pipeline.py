"""The way of the calls out of the process: waiting rows -> summaries -> points -> outbox.

A pipeline has one thread that summarises when an interval is over (the flush) and one thread for each outbox. Under a
live clock the flush wakes at the interval's edge. Under a `ManualClock` it is driven by the calls: the first call
beyond an edge hands the finished interval over. A replay runs faster than life, so there, and only there, the call that
crossed an edge waits for a moment when the flush falls behind: nobody is being served, and nothing is lost.

Once the main thread has ended, Python gives no new threads. A call that finds none then does their work itself, once an
interval and for a second at most: without it a consumer that outlives the main thread would never be seen.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource

from tidegauge import semconv
from tidegauge._buffer import Buffer
from tidegauge._events import Feedback
from tidegauge._explain import Explainer
from tidegauge._export import VERSION, Exporters
from tidegauge._flush import FlushWork
from tidegauge._flusher import Flusher
from tidegauge._journal import Journal
from tidegauge._model import Model, ModelSpec
from tidegauge._outgoing import Outgoing
from tidegauge._resource import writer_resource
from tidegauge._safety import Safety
from tidegauge._settings import Settings
from tidegauge.clock import Clock, ManualClock

_MOST_INTERVALS_BEHIND: Final = 64
_REPLAY_WAIT: Final = 600.0
_FIRST_INTERVAL_NS: Final = 1_000_000_000
_LAST_BREATH: Final = 1.0
"""Seconds that a call waits for a process to end which a signal ends at once: so nothing is answered uncounted."""
_MOST_IN_A_CALL: Final = 1.0
"""Seconds that a call may send for, where no thread is to be had."""


class Pipeline:
    """Everything that runs in one process.

    Args:
        settings: how it works.
        clock: tells the time.
        exporters: where data go.
        provider: makes the spans; the application's global one by default.

    Attributes:
        started: called at the first record in a process.
        dying: a signal is about to end the process, at once.
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
        self.started: Callable[[], None] = lambda: None
        self.dying = False
        self._off = False
        self._exporters = exporters or Exporters()
        self._models: dict[tuple[str, str], Model] = {}
        self.after_fork()

    def after_fork(self) -> None:
        """Begin anew: rows that wait are the parent's to send, and threads do not live on in a child."""
        settings = self.settings
        self.safety = Safety()
        self._outgoing = Outgoing(self._exporters, settings, self.safety)
        first = None if self._replays else _FIRST_INTERVAL_NS
        self._buffer = Buffer(settings.export_interval_ns, settings.buffer_rows, self.safety, first)
        self._journal = Journal(self._outgoing.events, lambda: self.resource, settings.publish_interval, self.safety)
        self.explainer = Explainer(self.record, self.clock, self.safety, self._replays)
        self._flush_work = FlushWork(
            self._buffer,
            self._journal,
            self._outgoing.points,
            lambda: self.resource,
            self.safety,
            settings,
            self._replays,
        )
        self._flusher = Flusher(self._round, self._outgoing.prepare, self._until_next, self.safety)
        self._registering = threading.Lock()
        self._started = False
        self._cutting = False
        self._lost_before = 0
        self._resource: Resource | None = None
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
        """Take a finished call in; never raises, and waits only in a replay and in a process that is being ended."""
        if self._stopped:
            if not self._off:
                self.safety.dropped("stopped", max(call.rows, 1))
                if self.dying:
                    time.sleep(_LAST_BREATH)
            return
        try:
            urgent = self._buffer.add(call)
            if not self._started:
                self._start()
            if urgent:
                if self._flusher.runs:
                    self._flusher.wake()
                    if self._replays:
                        self._keep_pace()
                elif not self._replays:
                    self._work_here()
        except Exception as error:
            self.safety.failed("record", error)

    def record_feedback(self, feedback: Feedback) -> None:
        """Take an outcome in; waits up to ``outcome_wait`` seconds when the queue is full, then drops and counts."""
        if self._stopped:
            if not self._off:
                self.safety.dropped("stopped", 1)
            return
        try:
            if not self._started:
                self._start()
            self._journal.record(feedback, _REPLAY_WAIT if self._replays else self.settings.outcome_wait, self._replays)
        except Exception as error:
            self.safety.failed("record", error)

    # --- flush and end ----------------------------------------------------------------------------------------------

    def flush(self, timeout: float) -> bool:
        """Summarise and send everything that was recorded so far.

        Returns:
            Whether everything that was recorded since the last flush was sent, within ``timeout`` seconds.
        """
        deadline = time.monotonic() + timeout
        if not self.works:
            self._outgoing.limit(deadline)
        return self._flush(deadline, None)

    def wake(self) -> None:
        """Let a flush begin now; safe in a signal's handler."""
        self._cutting = True
        self._flusher.wake()

    def hand_over(self, job: Callable[[], None]) -> bool:
        """Let the flush thread do ``job``; False when there is none. Safe in a signal's handler."""
        return self._flusher.hand_over(job)

    @property
    def works(self) -> bool:
        """Whether the threads of this pipeline run."""
        return self._flusher.runs

    def shutdown(self, timeout: float, meanwhile: Callable[[float], None] | None = None) -> bool:
        """Flush and end the threads, within ``timeout`` seconds; what is lost is said in one line.

        Args:
            timeout: seconds that all of it may take; half a second where nobody listens.
            meanwhile: done while batches are on their way; takes the seconds that it may last.

        Returns:
            Whether everything was sent.
        """
        if self._stopped:
            return True
        deadline = time.monotonic() + timeout
        self._outgoing.end(deadline)
        sent = self._flush(deadline, meanwhile)
        self._stopped = True
        if self._buffer.rows and time.monotonic() < deadline:  # other threads went on predicting
            sent = self._flush(deadline, None) and sent
        if not self._outgoing.points.size:  # else nobody listens
            self._flush_work.say_goodbye(list(self._models.values()), self.clock())
            self._outgoing.drain(deadline)
        self.explainer.stop()
        self._flusher.stop()
        self._outgoing.stop()
        self._say_what_is_lost()
        return sent

    def _flush(self, deadline: float, meanwhile: Callable[[float], None] | None) -> bool:
        def left() -> float:
            return max(deadline - time.monotonic(), 0)

        self.explainer.drain(left() / 2)
        done = self._flusher.ask(left())
        if meanwhile is not None:
            meanwhile(left() / 2)
        sent = self._outgoing.drain(deadline)
        lost, self._lost_before = self._lost_before, self.safety.lost
        return done and sent and lost == self._lost_before

    def _say_what_is_lost(self) -> None:
        points, events = self._outgoing.points, self._outgoing.events
        rows, others = self._buffer.rows + points.rows, events.size + self._journal.waiting
        if rows or others:
            self.safety.lose(rows, others, points.trouble or events.trouble or "no answer in time")

    # --- threads ----------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        with self._registering:
            if self._started or self._stopped:
                return
            _ = self.resource  # detecting it takes a while
            self._start_threads()
            self._started = True
        self.started()
        self._flusher.wake()  # publish baselines at first use, not at the end of the first interval

    def _start_threads(self) -> None:
        try:
            self._outgoing.start()
            self._flusher.start()
        except RuntimeError as error:
            self.safety.failed("thread", error, "calls send what they recorded themselves, once an interval")

    def _round(self, everything: bool) -> None:
        everything, self._cutting = everything or self._cutting, False
        self._flush_work.do(list(self._models.values()), self.clock, everything)

    def _work_here(self) -> None:
        """Do what no thread does; the last interval is left to the end of the process."""
        with self._registering:
            self._start_threads()  # there may be some again
        if self.works:
            self._flusher.wake()
            return
        deadline = time.monotonic() + _MOST_IN_A_CALL
        self._outgoing.limit(deadline)
        self._flusher.ask(_MOST_IN_A_CALL)
        self._outgoing.drain(deadline)

    def _until_next(self) -> float:
        length = self.settings.export_interval_ns
        if self._replays:
            return min(length / 1e9, 1.0)
        now = self.clock()
        due = length - now % length if (ends := self._buffer.ends) is None else max(ends - now, 0)
        return due / 1e9 + 0.001

    def _keep_pace(self) -> None:
        deadline = time.monotonic() + _REPLAY_WAIT
        if self._is_behind():
            self._flusher.wait_for(lambda: not self._is_behind(), _REPLAY_WAIT)
        if self._outgoing.points.crowded:
            self._outgoing.points.wait_for_room(max(deadline - time.monotonic(), 0))

    def _is_behind(self) -> bool:
        return self._buffer.waiting > _MOST_INTERVALS_BEHIND or self._buffer.rows * 2 > self.settings.buffer_rows
