"""A signal is noticed although the main thread is about to block.

Python runs a signal's handler in the main thread, between two instructions. A signal that comes after the last of them
and before a system call that blocks is not noticed until that call returns, which may be never: a worker of a pool that
waits for work would then outlive `Pool.terminate`. Python's C handler also writes each signal's number into a pipe. A
thread reads it, and where the handler has not run it sends the signal to the main thread once more.

https://docs.python.org/3/library/signal.html#signal.set_wakeup_fd
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Final

_PATIENCE: Final = 0.2
"""Seconds that the main thread gets to run the handler."""


class Wakeup:
    """Watches over one signal of this process.

    Args:
        number: of the signal.
        handled: how often its handler has begun.
    """

    def __init__(self, number: int, handled: Callable[[], int]) -> None:
        self._number = number
        self._handled = handled

    def start(self) -> None:
        """Begin, in the main thread; does nothing where somebody else reads the numbers of signals."""
        if sys.platform == "win32":
            return
        read, write = os.pipe()
        os.set_blocking(write, False)
        before = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        if before != -1:
            signal.set_wakeup_fd(before, warn_on_full_buffer=False)
            os.close(read)
            os.close(write)
            return
        threading.Thread(target=self._watch, args=(read,), name="tidegauge-wakeup", daemon=True).start()

    def _watch(self, read: int) -> None:
        known = self._handled()
        while numbers := os.read(read, 4096):
            if self._number in numbers:
                known = self._see_it_handled(known)
                while select.select([read], [], [], 0)[0]:  # what belongs to the signals that have been handled
                    os.read(read, 4096)

    def _see_it_handled(self, known: int) -> int:
        main = threading.main_thread().ident
        while main is not None and self._handled() == known:
            time.sleep(_PATIENCE)
            if self._handled() == known and sys.platform != "win32":
                signal.pthread_kill(main, self._number)
        return self._handled()
