"""The latest prediction of each thread or task, for its receipt.

A call that is not recorded leaves the means to make its prediction instead, which costs nothing until somebody asks.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tidegauge._prediction import Prediction

_latest: ContextVar[Prediction | Callable[[], Prediction] | None] = ContextVar("tidegauge_latest", default=None)


def last_prediction() -> Prediction | None:
    """The latest finished prediction of this thread or task; None before the first.

    The caller of a decorated function takes its receipt from here::

        score = predict(row)
        store(score, receipt=tidegauge.last_prediction().receipt)
    """
    latest = _latest.get()
    if callable(latest):
        _latest.set(latest := latest())
    return latest


def remember(prediction: Prediction) -> None:
    """Make ``prediction`` the latest of this thread or task."""
    _latest.set(prediction)


def postpone(make: Callable[[], Prediction]) -> None:
    """Let ``make`` give the latest prediction of this thread or task, if it is asked for."""
    _latest.set(make)
