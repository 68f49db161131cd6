"""The signals that end the process, and those that do not: held by every thread, and waited for by one.

A signal goes to any thread that does not hold it, and there it ends the process at once, without a drain; a handler
would run in a thread that nobody wakes the main one from. So they are held before the first other thread begins; some
libraries begin one when they are loaded. Windows has no way to hold them: there, handlers wait until they are asked.
"""

from __future__ import annotations

import logging
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_ENDS: Final = frozenset({signal.SIGTERM, signal.SIGINT})
_LOOK: Final = 0.2  # seconds; where signals cannot be held, their handlers run between two

_log = logging.getLogger(__name__)

if sys.platform == "win32":
    _received: list[int] = []

    @contextmanager
    def held() -> Iterator[None]:
        """Note the signals that come in the block."""
        before = {number: signal.signal(number, lambda came, _: _received.append(came)) for number in _ENDS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def wait_for_end() -> None:
        """Wait for SIGTERM or SIGINT; the next one ends the process at once."""
        while not _received:
            time.sleep(_LOOK)
        for number in _ENDS:
            signal.signal(number, signal.SIG_DFL)

else:
    _IGNORED: Final = frozenset({signal.SIGHUP})
    """A terminal that is closed sends it, and so does who wants a configuration to be read again; it ends nothing."""

    @contextmanager
    def held() -> Iterator[None]:
        """Hold the signals in this thread, and in all that begin in the block."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS | _IGNORED)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDS | _IGNORED)

    def wait_for_end() -> None:
        """Wait for SIGTERM or SIGINT; the next one ends the process at once."""
        while (received := signal.sigwait(_ENDS | _IGNORED)) in _IGNORED:
            _log.warning("%s is ignored: the configuration is read at the start only", signal.Signals(received).name)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDS)
