"""The flush thread: runs a round of work when an interval is over, when it is woken, and when somebody asks for one.

Whoever asks waits with a limit, since a round reads values of the user's and any of them may hang. Waking takes no lock
of Python's: a signal's handler may wake the thread while the code that it interrupted is doing so too.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Final

from tidegauge._gate import GATE
from tidegauge._outbox import suppressed
from tidegauge._safety import Safety

_LONGEST_PAUSE: Final = 3600.0


class Flusher:
    """One thread that does all rounds; without it they run in whichever thread asks for one.

    Args:
        round: the work; True: of everything that was recorded so far, False: of what is due.
        prepare: done once, first thing in the thread.
        due_in: seconds until the next round is due.
        safety: counts failures.
    """

    def __init__(
        self,
        round: Callable[[bool], None],
        prepare: Callable[[], None],
        due_in: Callable[[], float],
        safety: Safety,
    ) -> None:
        self._round = round
        self._prepare = prepare
        self._due_in = due_in
        self._safety = safety
        self._wakes: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._working = threading.Lock()
        self._changed = threading.Condition()
        self._asked = 0
        self._done = 0
        self._stopping = False
        self._thread: threading.Thread | None = None

    @property
    def runs(self) -> bool:
        """Whether the thread is there to do the work."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Start the thread.

        Raises:
            RuntimeError: no thread is to be had.
        """
        thread = threading.Thread(target=self._run, name="tidegauge-flush", daemon=True)
        thread.start()
        self._thread = thread

    def wake(self) -> None:
        """Let a round begin now; safe in a signal's handler."""
        if self._wakes.empty():
            self._wakes.put(None)

    def hand_over(self, job: Callable[[], None]) -> bool:
        """Let the thread do ``job`` next; False when there is no thread. Safe in a signal's handler."""
        if not self.runs:
            return False
        self._wakes.put(job)
        return True

    def ask(self, timeout: float) -> bool:
        """Have everything done that was recorded so far; False when that took longer than ``timeout`` seconds."""
        if not self.runs or threading.current_thread() is self._thread:
            return self._do(True, timeout)
        with self._changed:
            self._asked += 1
            ticket = self._asked
            self.wake()
            return self._changed.wait_for(lambda: self._done >= ticket, timeout)

    def wait_for(self, met: Callable[[], bool], timeout: float) -> bool:
        """Wait for ``met``, which is looked at after each round."""
        with self._changed:
            return self._changed.wait_for(met, timeout)

    def stop(self) -> None:
        """Let the thread end after the round that it is in."""
        self._stopping = True
        self.wake()

    def _run(self) -> None:
        with suppressed():
            with GATE.working():
                self._prepare()
            while not self._stopping:
                self._wait()
                asked = self._asked
                self._do(asked > self._done, None)
                with self._changed:
                    self._done = asked
                    self._changed.notify_all()

    def _wait(self) -> None:
        try:
            job = self._wakes.get(timeout=min(self._due_in(), _LONGEST_PAUSE))
            if job is not None:
                job()
        except queue.Empty:
            pass
        except BaseException as error:
            self._safety.failed("flush", error)

    def _do(self, everything: bool, timeout: float | None) -> bool:
        if not self._working.acquire(timeout=-1 if timeout is None else max(timeout, 0)):
            return False
        began = time.monotonic()
        try:
            with GATE.working():
                self._round(everything)
        except BaseException as error:
            if not isinstance(error, Exception) and threading.current_thread() is not self._thread:
                raise  # Ctrl-C in the application's own thread; ours outlives whatever a value of the user's raises
            self._safety.failed("flush", error)
        finally:
            self._working.release()
        return timeout is None or time.monotonic() - began <= timeout
