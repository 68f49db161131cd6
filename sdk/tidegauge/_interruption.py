"""Tells a signal that came while our code ran from what a value of the user's raised as we read it.

Both arrive as an exception in the same place. What a value raises is a failure of ours to read it: it is counted and
swallowed, also `SystemExit` and `KeyboardInterrupt`. A signal (Ctrl-C, a time limit, the end of a worker) is none of
our business and goes on to the user, whatever it raises. Signals arrive in the main thread only, in one of two ways:

- The handler is a Python function: then it stands in the traceback.
- The handler is Python's own for Ctrl-C, which has no frame: `KeyboardInterrupt` appears between two instructions of
  whatever runs. One that a value raises itself appears at a ``raise``.

An exception that another thread sets by ``PyThreadState_SetAsyncExc`` looks like that of a value, and counts as one.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import functools
import signal
import threading
import traceback
from opcode import opmap
from types import CodeType
from typing import Any, Final

from tidegauge.errors import TidegaugeError

_RAISE: Final = opmap["RAISE_VARARGS"]


def is_interruption(error: BaseException) -> bool:
    """Whether ``error``, which was just caught, came from a signal.

    >>> try:
    ...     raise KeyboardInterrupt
    ... except KeyboardInterrupt as error:
    ...     is_interruption(error)
    False
    """
    if isinstance(error, TidegaugeError) or threading.current_thread() is not threading.main_thread():
        return False
    codes = {frame.f_code for frame, _ in traceback.walk_tb(error.__traceback__)}
    if not codes.isdisjoint(_handlers()):
        return True
    if not isinstance(error, KeyboardInterrupt) or _was_raised(error):
        return False
    return signal.getsignal(signal.SIGINT) is signal.default_int_handler


def _handlers() -> set[CodeType | None]:
    """The code of all signal handlers that are Python functions."""
    found: set[CodeType | None] = set()
    for number in range(1, signal.NSIG):
        try:
            handler: Any = _signal.getsignal(number)  # a fiftieth of the time of that of `signal`, which names them
        except ValueError:  # no signal of this platform
            continue
        while isinstance(handler, functools.partial):
            handler = handler.func
        if callable(handler):
            # A bound method has the code of its function; an object has it in its class.
            found.add(getattr(handler, "__code__", getattr(handler.__call__, "__code__", None)))
    return found


def _was_raised(error: BaseException) -> bool:
    """Whether ``error`` began at a ``raise``."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    return place is not None and place.tb_frame.f_code.co_code[place.tb_lasti] == _RAISE
