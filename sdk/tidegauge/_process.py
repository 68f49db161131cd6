"""The one pipeline of this process.

Decorators are made at import, long before the application configures anything, so they look the pipeline up at each
call. It is made at the first call that needs one, with settings from the environment, unless `configure` came first.
This holder is the only state of the package that changes at run time.
"""

from __future__ import annotations

import atexit
import os
import threading
from typing import Final

from tidegauge._pipeline import Pipeline
from tidegauge._settings import Settings
from tidegauge.errors import TidegaugeError


class Process:
    """Holds the pipeline; takes care of forks and of the interpreter's end.

    Attributes:
        pipeline: the pipeline in use; None before the first use, and when the SDK is switched off.
        off: the SDK is switched off, or could not be set up.
    """

    def __init__(self) -> None:
        self.pipeline: Pipeline | None = None
        self.off = False
        self._idle: Pipeline | None = None
        self._lock = threading.Lock()
        self._hooked = False

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
        try:
            settings = Settings.from_environment()
            self.off = settings.disabled
            if not settings.disabled:
                self.pipeline = Pipeline(settings)
                self._hook()
        except Exception as error:  # nothing may reach predict; `configure` raises what is wrong
            self.pipeline, self.off = None, True
            self.idle().safety.failed("set_up", error)

    def _hook(self) -> None:
        if self._hooked:
            return
        self._hooked = True
        atexit.register(self._at_exit)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._after_fork)

    def _at_exit(self) -> None:
        if self.pipeline is not None:
            self.pipeline.shutdown(self.pipeline.settings.shutdown_timeout)

    def _after_fork(self) -> None:
        self._lock = threading.Lock()
        for pipeline in (self.pipeline, self._idle):
            if pipeline is not None:
                pipeline.after_fork()


def _quiet_settings() -> Settings:
    try:
        return Settings.from_environment()
    except TidegaugeError:
        return Settings()


PROCESS: Final = Process()
