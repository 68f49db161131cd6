"""The latest prediction of each thread or task, for its receipt.

Who asks gets a prediction of its own or none, never that of another. A context variable alone does not see to that:
tasks, and functions run by `asyncio.to_thread`, begin with a copy of what their maker had. So each prediction bears a
mark, and is handed out only while its mark is the last that was set in the thread. A mark is set

- when a call begins, since it has no prediction yet;
- when a call ends, since that is the latest prediction then;
- when an event loop gets control back, since others may predict for the task that waits from then on.

A call that is not recorded leaves the means to make its prediction instead, which costs nothing until somebody asks.
"""

from __future__ import annotations

import os
import threading
from asyncio import AbstractEventLoop, _get_running_loop, current_task
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from tidegauge._prediction import Prediction

Made: TypeAlias = "Prediction | Callable[[], Prediction]"
"""A prediction, or what makes it."""


class _Thread(threading.local):
    """What is known of a thread: the last mark, and the event loop that is going to set another at its next turn."""

    def __init__(self) -> None:
        self.mark = object()
        self.loop: AbstractEventLoop | None = None


_latest: ContextVar[tuple[Made, object, int | None] | None] = ContextVar("tidegauge_latest", default=None)
"""What was made, its mark, and the task that made it."""
_thread = _Thread()


def last_prediction() -> Prediction | None:
    """The latest finished prediction that this thread or task has made itself, or None.

    The caller of a decorated function takes its receipt from here, directly after the call::

        score = predict(row)
        store(score, receipt=tidegauge.last_prediction().receipt)

    It is None before the first, inside a call, in an event loop from the next ``await`` that waits, and for what
    another thread, task or process predicted, such as by `asyncio.to_thread`, ``run_in_executor`` or `asyncio.gather`.
    Take the receipt in the same function that predicts, and return both::

        def score_with_receipt(row):
            return predict(row), tidegauge.last_prediction().receipt

        score, receipt = await asyncio.to_thread(score_with_receipt, row)

    A thread without an event loop cannot tell one job from the next, nor that it waits for a pool: where no call of its
    own lies between, it gets the prediction it made before. ``with tidegauge.prediction(...) as p`` and ``p.receipt``
    leave no doubt. Event loops other than asyncio's, such as trio's, are not known: to them the same applies.
    """
    latest = _latest.get()
    if latest is None:
        return None
    made, mark, task = latest
    if mark is not _thread.mark or task != _task(_get_running_loop()):
        return None
    if callable(made):
        made = made()
        _thread.mark = mark  # making it ran code of the user, who may have predicted something
        _latest.set((made, mark, task))
    return made


def remember(made: Made) -> None:
    """Make a prediction that ended just now the latest of this thread or task."""
    task = None
    loop = _get_running_loop()
    if loop is not None:
        task = _task(loop)
        if loop is not _thread.loop:
            loop.call_soon(_turn)
            _thread.loop = loop
    _thread.mark = mark = object()
    _latest.set((made, mark, task))


def set_mark() -> object:
    """Let no prediction be the latest of this thread until the next one ends; gives the mark that says so."""
    _thread.mark = mark = object()
    return mark


def is_last(mark: object) -> bool:
    """Whether no call has begun or ended in this thread since ``mark`` was set, and no event loop had control."""
    return _thread.mark is mark


def _turn() -> None:
    _thread.mark, _thread.loop = object(), None


def _task(loop: AbstractEventLoop | None) -> int | None:
    # The mark is younger than the task, so that no other task can have had the same place in memory meanwhile.
    return None if loop is None else id(current_task(loop))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_turn)
