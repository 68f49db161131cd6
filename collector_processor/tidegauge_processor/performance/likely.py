"""What a model does, where nobody has said it: what its predictions look like.

| predicted were | then the task is |
|---|---|
| numbers | regression |
| classes, of which it is known which of two is the positive one | binary |
| other classes | multiclass |
| scores alone, or nothing | not known: it may be an anomaly's score, or that of an item of a list |

Which of two classes is the positive one their names may tell (`performance.classes.PAIRS`), or their scores. That of a
binary task is the probability of the positive class, so the rows of one class have greater scores than those of the
other; the score of several classes is that of the predicted one, of which no class has all the great ones.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

from tidegauge.baseline import Task
from tidegauge_processor.performance.classes import PAIRS

NO_SCORES: Final = (math.inf, -math.inf)
"""The range of the scores of a class without any."""

_MOST: Final = 3  # classes: of more than two it makes no difference how many there are
_EVEN: Final = 0.5

Range = tuple[float, float]
"""The least and the greatest score."""


class Likely(NamedTuple):
    """What a model most likely does.

    Attributes:
        task: empty when that is not known.
        positive: the positive class, where only the scores tell.
    """

    task: Task | Literal[""]
    positive: str | None = None


def likely_task(classes: Mapping[str, Range], *, numbers: bool) -> Likely:
    """The task of a model.

    Args:
        classes: predicted classes, and the scores with which they were; `NO_SCORES` where there are none.
        numbers: whether numbers were predicted.

    >>> likely_task({"0": (0.1, 0.4)}, numbers=False), likely_task({"bus": (0.5, 0.9)}, numbers=False)
    (Likely(task='binary', positive=None), Likely(task='multiclass', positive=None))
    >>> likely_task({"bad": (0.5, 0.9), "good": (0.1, 0.4)}, numbers=False)
    Likely(task='binary', positive='bad')
    """
    if numbers:
        return Likely("regression")
    if not classes:
        return Likely("")
    if any(classes.keys() <= set(pair) for pair in PAIRS):
        return Likely("binary")
    if len(classes) == 2:
        (_, small), (positive, great) = sorted(classes.items(), key=lambda item: item[1])
        if small[0] < _EVEN and small[1] < great[0] <= great[1]:
            return Likely("binary", positive)
    return Likely("multiclass")


class Predicted:
    """What the predictions of a model version have looked like; the order of adding does not matter.

    Example:
        >>> predicted = Predicted()
        >>> predicted.add("late", 0.8, None)
        >>> predicted.add("on time", 0.3, None)
        >>> predicted.likely
        Likely(task='binary', positive='late')
    """

    def __init__(self) -> None:
        self._classes: dict[str, Range] = {}
        self._numbers = False

    def add(self, klass: str | None, score: float | None, value: float | None) -> None:
        """Take up a prediction: its class, its score and its number, each None without one."""
        self._numbers = self._numbers or value is not None
        if klass is None:
            return
        low, high = known = self._classes.get(klass, NO_SCORES)
        found = known if score is None else (min(low, score), max(high, score))
        if found != known or klass not in self._classes:
            self._classes[klass] = found
            while len(self._classes) > _MOST:
                del self._classes[max(self._classes)]

    @property
    def likely(self) -> Likely:
        """What the model most likely does."""
        return likely_task(self._classes, numbers=self._numbers)

    def dump(self) -> dict[str, Any]:
        """Canonical plain values, for JSON."""
        return {"classes": sorted([name, *scores] for name, scores in self._classes.items()), "numbers": self._numbers}

    @classmethod
    def load(cls, plain: dict[str, Any]) -> Predicted:
        """Read what `dump` wrote."""
        predicted = cls()
        predicted._classes = {name: (low, high) for name, low, high in plain["classes"]}
        predicted._numbers = plain["numbers"]
        return predicted
