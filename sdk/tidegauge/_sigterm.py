"""What SIGTERM does to a process whose rows wait.

By default SIGTERM ends a process at once, without `atexit`. And servers that stop gracefully may put the default back
and raise the signal again, as uvicorn does. So a handler of ours is set at decoration:

- Over the default, it has everything sent, puts the default back and raises the signal again.
- Over a handler of the application's, it has everything sent in the background and calls that handler. It then blocks
  the signal in the main thread until the end of the process: a signal raised there again waits for `atexit`. One sent
  by somebody else is still delivered. Programs that the main thread starts after that inherit the block.
- It is never set over a handler that the application installs later, nor where the signal is ignored.
- A forked worker has what was there before. Its server sets handlers anew, so ours is set at its first call, and calls
  them. A child of multiprocessing that never predicts keeps the default, too: its parent waits for it to end.

A handler runs between any two instructions of the main thread, which may hold a lock. So nothing here takes one: the
flush thread does the work, and the handler waits for it only where the interrupted code holds no lock that it needs.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, Final, Protocol

from tidegauge._wakeup import Wakeup

_LOCKING: Final = ("tidegauge", "opentelemetry", "logging", "threading", "queue")
"""Packages whose code may hold a lock that the flush thread needs."""
_POLL: Final = 0.1


class Ended(Protocol):
    """What is to be ended: the one pipeline of the process and what belongs to it."""

    def wake(self) -> None:
        """Let a flush begin; takes no lock."""

    def hand_over(self, job: Callable[[], None]) -> bool:
        """Let the flush thread do ``job``; False when there is none. Takes no lock."""
        ...

    def end(self, at_once: bool = False) -> None:
        """Send everything, within a limit; ``at_once``: the process is gone after it."""

    @property
    def limit(self) -> float:
        """Seconds that the end may take."""
        ...


class Sigterm:
    """The handler.

    Args:
        ended: what is to be ended before the process is.
    """

    def __init__(self, ended: Ended) -> None:
        self._ended = ended
        self._earlier: Any = None
        self._ending = False
        self._finished = threading.Event()
        self._waits = False
        self._held = False
        self._handled = 0
        self._watched = False

    def install(self, over_default: bool = True) -> None:
        """Set the handler, in the main thread only; does nothing where it is set, or the signal is ignored.

        Args:
            over_default: also where the signal's default holds.
        """
        if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
            return
        earlier = signal.getsignal(signal.SIGTERM)
        if earlier in (None, signal.SIG_IGN, self._handle):  # None: set by something that is not Python
            return
        if callable(earlier) or over_default:
            signal.signal(signal.SIGTERM, self._handle)
            self._earlier = earlier

    def install_in_child(self) -> None:
        """The same, at the first call of a process whose parent may wait for it to end."""
        self.install()
        if not self._watched and signal.getsignal(signal.SIGTERM) == self._handle and not callable(self._earlier):
            self._watched = True
            Wakeup(signal.SIGTERM, lambda: self._handled).start()

    def remove(self) -> None:
        """Put back what was there, where nobody else has set a handler since."""
        if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == self._handle:
            signal.signal(signal.SIGTERM, self._earlier)

    def release(self) -> None:
        """Everything was sent: let a signal through that waits, and so end the process as the signal should."""
        if self._held and threading.current_thread() is threading.main_thread():
            self._held = False
            for stream in (sys.stdout, sys.stderr):  # nobody else will
                with contextlib.suppress(Exception):
                    stream.flush()
            self._unblock()

    def after_fork(self) -> None:
        """A child has the handler that was there before, and waits for nothing."""
        self.remove()
        if self._watched:
            self._watched = False
            signal.set_wakeup_fd(-1)
        self._ending = self._waits = False
        self._finished = threading.Event()
        if self._held:
            self._held = False
            self._unblock()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._handled += 1
        if callable(self._earlier):
            self._hold()
            self._ended.wake()
            self._earlier(number, frame)
        elif self._ending:  # the second one, from us or from somebody who is in a hurry
            self._die()
        else:
            self._ending = True
            self._waits = not _may_hold_a_lock(frame)
            if not self._ended.hand_over(self._finish):
                self._ended.end(at_once=True)
                self._die()
            elif self._waits:
                self._finished.wait(self._ended.limit + 1)
                self._die()

    def _finish(self) -> None:
        """In the flush thread."""
        try:
            self._ended.end(at_once=True)
        finally:
            self._finished.set()
            if not self._waits:
                os.kill(os.getpid(), signal.SIGTERM)

    def _die(self) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTERM)

    def _hold(self) -> None:
        if self._held or sys.platform == "win32" or not self._ended.hand_over(_nothing):
            return
        self._held = True
        _thread.start_new_thread(self._watch, ())  # threading's own way of starting takes a lock
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})

    def _unblock(self) -> None:
        if sys.platform != "win32":
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})

    def _watch(self) -> None:
        """End a process whose main thread has ended and whose other threads would keep it, as the signal would have."""
        self._unblock()
        main = threading.main_thread()
        while main.is_alive():
            time.sleep(_POLL)
        time.sleep(self._ended.limit)
        os.kill(os.getpid(), signal.SIGTERM)


def _may_hold_a_lock(frame: FrameType | None) -> bool:
    while frame is not None:
        if str(frame.f_globals.get("__name__")).partition(".")[0] in _LOCKING:
            return True
        frame = frame.f_back
    return False


def _nothing() -> None:
    """Ask whether there is a thread to do more than this."""
