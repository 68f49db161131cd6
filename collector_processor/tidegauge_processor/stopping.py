"""How the service learns that it is to end."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Callable

_LOOK = 0.5  # seconds; where a wait keeps handlers from running, they run between two
_log = logging.getLogger(__name__)


def held_back() -> Callable[[], None]:
    """Hold SIGTERM and SIGINT back, to be called in the main thread before any other is started.

    SIGHUP, which a terminal sends that is closed, ends nothing: it is logged.

    Returns:
        What waits for one of them. The second one ends the process at once.
    """
    if sys.platform != "win32":
        return _by_mask()
    return _by_handlers()


def _by_handlers() -> Callable[[], None]:
    asked = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def ask(_: int, __: object) -> None:
        asked.set()
        for number, handler in before.items():
            signal.signal(number, handler)

    for number in before:
        signal.signal(number, ask)

    def wait() -> None:
        while not asked.wait(_LOOK):
            pass

    return wait


if sys.platform != "win32":

    def _by_mask() -> Callable[[], None]:
        # Blocked in every thread and waited for in this: a handler may run in a thread that nobody wakes this one from.
        ends, ignored = {signal.SIGTERM, signal.SIGINT}, {signal.SIGHUP}
        signal.pthread_sigmask(signal.SIG_BLOCK, ends | ignored)

        def wait() -> None:
            while (received := signal.sigwait(ends | ignored)) in ignored:
                _log.warning(
                    "%s is ignored: the configuration is read at the start only", signal.Signals(received).name
                )
            signal.pthread_sigmask(signal.SIG_UNBLOCK, ends)

        return wait
