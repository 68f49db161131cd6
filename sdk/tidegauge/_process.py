"""The one pipeline of this process.

Decorators are made at import, long before the application configures anything, so they look the pipeline up at each
call. It is made at the first call that needs one, with settings from the environment, unless `configure` came first.
What must not happen in a call happens at decoration: an import that is under way when the process forks is never done
in the child.
This holder is the only state of the package that changes at run time.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Callable
from typing import Final

from tidegauge._children import before_exit, is_child
from tidegauge._export import warm
from tidegauge._gate import GATE
from tidegauge._pipeline import Pipeline
from tidegauge._settings import Settings
from tidegauge._sigterm import Sigterm
from tidegauge._spans import Spans
from tidegauge.errors import TidegaugeError


class Process:
    """Holds the pipeline; takes care of forks and of the process's end.

    Attributes:
        pipeline: the pipeline in use; None before the first use, and when the SDK is switched off.
        off: the SDK is switched off, or could not be set up.
        spans: the tracer provider that `configure` has set; None when the application has its own.
    """

    def __init__(self) -> None:
        self.pipeline: Pipeline | None = None
        self.off = False
        self.spans: Spans | None = None
        self._idle: Pipeline | None = None
        self._lock = threading.Lock()
        self._hooked = False
        self._prepared = False
        self._forked = False
        self._sigterm = Sigterm(self)

    def prepare(self, settings: Settings | None = None) -> None:
        """Do what no call may do: import exporters, set the handler of SIGTERM. Never raises.

        Args:
            settings: those that hold from now on; when left out, only the first time does anything.
        """
        if settings is None:
            if self._prepared:
                return
            settings = self.pipeline.settings if self.pipeline is not None else _quiet_settings()
        self._prepared = True
        if settings.disabled:
            return
        try:
            warm()
            if settings.sigterm:
                self._sigterm.install(over_default=not is_child())
            else:
                self._sigterm.remove()
        except Exception as error:
            self.idle().safety.failed("prepare", error)

    def current(self) -> Pipeline | None:
        """The pipeline, made at the first call; None when the SDK is switched off. Never raises."""
        if self.pipeline is None and not self.off:
            with self._lock:
                if self.pipeline is None and not self.off:
                    self._set_up()
        return self.pipeline

    def idle(self) -> Pipeline:
        """The one pipeline of calls that are not recorded; it keeps to the settings in use. Never raises."""
        idle, used = self._idle, self.pipeline
        if used is None:
            idle = idle or Pipeline.switched_off(_quiet_settings())
        elif idle is None or idle.settings is not used.settings or idle.clock is not used.clock:
            idle = Pipeline.switched_off(used.settings, used.clock)
        self._idle = idle
        return idle

    def use(self, pipeline: Pipeline | None, settings: Settings | None = None) -> Pipeline | None:
        """Use ``pipeline`` from now on; returns the one before.

        Args:
            pipeline: does the work; None switches the SDK off.
            settings: what calls keep to that are not recorded, while the SDK is switched off.
        """
        with self._lock:
            before, self.pipeline = self.pipeline, pipeline
            self.off = pipeline is None
            self._idle = None if settings is None else Pipeline.switched_off(settings)
            self._hook()
        return before

    def restore(self, pipeline: Pipeline | None, off: bool) -> None:
        """Go back to what was in use."""
        with self._lock:
            self.pipeline, self.off, self._idle = pipeline, off, None

    def _set_up(self) -> None:
        self.prepare()
        try:
            settings = Settings.from_environment()
            self.off = settings.disabled
            if not settings.disabled:
                self.pipeline = Pipeline(settings)
                self._hook()
        except Exception as error:  # nothing may reach predict; `configure` raises what is wrong
            self.pipeline, self.off = None, True
            self.idle().safety.failed("set_up", error)

    # --- forks and ends ---------------------------------------------------------------------------------------------

    @property
    def limit(self) -> float:
        """Seconds that the end of the process may be held up."""
        return 0.0 if self.pipeline is None else self.pipeline.settings.shutdown_timeout

    def wake(self) -> None:
        """Let a flush begin; takes no lock."""
        if self.pipeline is not None:
            self.pipeline.wake()

    def hand_over(self, job: Callable[[], None]) -> bool:
        """Let the flush thread do ``job``; False when there is none. Takes no lock."""
        return self.pipeline is not None and self.pipeline.hand_over(job)

    def end(self, at_once: bool = False) -> None:
        """The process ends: send everything, within one limit. May be called more than once.

        Args:
            at_once: a signal ends it as soon as that is done.
        """
        began = time.monotonic()
        try:
            if self.pipeline is not None:
                self.pipeline.dying = at_once
                self.pipeline.shutdown(self.limit, self._end_spans)
            self._end_spans(max(began + self.limit - time.monotonic(), 0))
        finally:
            self._sigterm.release()

    def _end_spans(self, timeout: float) -> None:
        spans, self.spans = self.spans, None
        if spans is not None:
            spans.end(timeout)

    def _hook(self) -> None:
        if self.pipeline is not None:
            self.pipeline.started = self._started
        if self._hooked:
            return
        self._hooked = True
        atexit.register(self.end)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=GATE.before, after_in_parent=GATE.after_in_parent, after_in_child=self._after_fork
            )

    def _started(self) -> None:
        """The first call of this process was recorded."""
        before_exit(self.end)
        if (self._forked or is_child()) and self.pipeline is not None and self.pipeline.settings.sigterm:
            self._sigterm.install_in_child()

    def _after_fork(self) -> None:
        GATE.after_in_child()
        self._lock = threading.Lock()
        self._forked = True
        self._sigterm.after_fork()
        for pipeline in (self.pipeline, self._idle):
            if pipeline is not None:
                pipeline.after_fork()


def _quiet_settings() -> Settings:
    try:
        return Settings.from_environment()
    except TidegaugeError:
        return Settings()


PROCESS: Final = Process()
