"""What a model predicts."""

from __future__ import annotations

from typing import Final, Literal, get_args

from tidegauge.errors import BaselineError

Task = Literal["binary", "multiclass", "regression", "ranking", "anomaly"]

TASKS: Final[tuple[Task, ...]] = get_args(Task)
"""The tasks: one of two classes, one of several, a number, the relevance of an item, the strangeness of a row.

The score of a row is the greater the stranger it is; scikit-learn's ``score_samples`` has the opposite sign.
"""

NUMBER_TASKS: Final[frozenset[Task]] = frozenset({"regression", "ranking"})
"""Tasks whose prediction is a number; that of the others is a class."""
PROBABILITY_TASKS: Final[frozenset[Task]] = frozenset({"binary", "multiclass"})
"""Tasks whose score is a probability."""


def check_task(task: str) -> None:
    """Check that there is such a task.

    Raises:
        BaselineError: there is none; the message lists those that there are.

    >>> check_task("clasification")
    Traceback (most recent call last):
    tidegauge.errors.BaselineError: unknown task 'clasification': it must be one of binary, multiclass, regression, \
ranking, anomaly
    """
    if task not in TASKS:
        raise BaselineError(f"unknown task {task!r}: it must be one of {', '.join(TASKS)}")
