"""What a model returned, understood as classes, scores or values: one a row.

The task decides; without one, a number with a fraction is a value, and whole numbers, booleans and strings are classes.

========== ============================ =======================================================================
task       returned for a row           understood as
========== ============================ =======================================================================
binary     number with a fraction       score of the positive class; the class follows from the threshold
binary     two probabilities            the second is the score of the positive class
multiclass k probabilities              class with the highest one, which is the score
either     string, whole number, bool   class
regression number                       value
anomaly    number with a fraction       score; a class only where a threshold was given
ranking    number                       score
any        dict                         ``class``/``label``/``prediction``, ``score``/``probability``, ``value``,
                                        ``probabilities``; else a probability by class
========== ============================ =======================================================================
"""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tidegauge.columns import category
from tidegauge.errors import CaptureError

_CLASS_KEYS: Final = ("class", "label", "prediction", "predicted_class")
_SCORE_KEYS: Final = ("score", "probability", "proba")
_PROBABILITIES_KEYS: Final = ("probabilities", "scores", "probas")
_VALUE_KEYS: Final = ("value", "prediction")
_CLASSIFYING: Final = ("binary", "multiclass", "anomaly")


@dataclass(frozen=True, slots=True)
class Output:
    """What was predicted, one entry a row in whatever is not None."""

    classes: Sequence[str] | None = None
    scores: Sequence[float] | None = None
    values: Sequence[float] | None = None

    @property
    def rows(self) -> int:
        """Number of rows."""
        if self.classes is not None:
            return len(self.classes)
        return len(self.scores or self.values or ())


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads what a model returns.

    Args:
        task: the model's task, or None.
        classes: names of the classes; of two, the second is the positive one. Empty when they are not known.
        threshold: a score from here on means the positive class; None gives no class to an anomaly score and stands
            for 0.5 in the binary task.

    Example:
        >>> Reader("binary", ("0", "1"), 0.5).read(np.array([0.2, 0.9]), rows=2)
        Output(classes=['0', '1'], scores=[0.2, 0.9], values=None)
        >>> Reader(None, (), None).read("late", rows=1)
        Output(classes=('late',), scores=None, values=None)
    """

    task: str | None
    classes: tuple[str, ...]
    threshold: float | None

    def read(self, result: Any, rows: int | None) -> Output | None:
        """Understand ``result`` of a call with so many rows (None: not known).

        Raises:
            CaptureError: it cannot be understood.
        """
        if result is None:
            return None
        kind = type(result)
        if kind is float or isinstance(result, np.floating):
            return self._number(float(result))
        if kind is str or isinstance(result, numbers.Real | np.bool_):
            return self._whole(result)
        if isinstance(result, Mapping):
            return self._mapping(result, rows)
        if isinstance(result, Sequence) and not isinstance(result, bytes):
            return self._sequence(result, rows)
        return self._array(_as_array(result), rows)

    def label(self, value: Any) -> str:
        """Name of the class that ``value`` stands for: a name itself, or the place of one.

        >>> Reader("binary", ("on_time", "late"), 0.5).label(1)
        'late'
        """
        name = category(value)
        if name is None:
            raise CaptureError(f"{type(value).__name__} is no class")
        if name in self.classes or isinstance(value, str) or not self.classes:
            return name
        place = float(value)
        return self.classes[int(place)] if place.is_integer() and 0 <= place < len(self.classes) else name

    def _number(self, number: float) -> Output:
        match self.task:
            case "binary":
                return Output((self._class_of(number),), (number,))
            case "anomaly":
                return Output(None if self.threshold is None else (self._class_of(number),), (number,))
            case "ranking":
                return Output(None, (number,))
            case "multiclass":
                return Output((self.label(number),))
        return Output(None, None, (number,))

    def _whole(self, value: Any) -> Output:
        if self.task in ("regression", "ranking") and not isinstance(value, str):
            return self._number(float(value))
        if self.task in ("regression", "ranking"):
            raise CaptureError(f"a {self.task} model returned a string")
        return Output((self.label(value),))

    @property
    def _positive_from(self) -> float:
        return 0.5 if self.threshold is None else self.threshold

    def _class_of(self, score: float) -> str:
        names = self.classes if len(self.classes) == 2 else ("0", "1")
        return names[score >= self._positive_from]

    def _mapping(self, result: Mapping[Any, Any], rows: int | None) -> Output:
        lowered = {str(key).lower(): value for key, value in result.items()}
        if any(key in lowered for key in _PROBABILITIES_KEYS):
            found = self.read(_first(lowered, _PROBABILITIES_KEYS), rows)
            if found is None or not any(key in lowered for key in _CLASS_KEYS):
                return found or Output((), ())
            return Output(self._labels(_first(lowered, _CLASS_KEYS)), found.scores)
        scores = _first(lowered, _SCORE_KEYS)
        if self.task == "regression" or "value" in lowered:
            return Output(None, None, _floats(_first(lowered, _VALUE_KEYS)))
        if any(key in lowered for key in _CLASS_KEYS):
            return Output(self._labels(_first(lowered, _CLASS_KEYS)), None if scores is None else _floats(scores))
        if scores is not None:
            return self.read(scores, rows) or Output((), ())
        if result and all(isinstance(value, numbers.Real) for value in result.values()):
            best = max(result, key=lambda key: float(result[key]))
            if len(self.classes) == 2 and self.task == "binary" and self.classes[1] in lowered:
                return self._number(float(lowered[self.classes[1]]))
            return Output((self.label(best),), (float(result[best]),))
        raise CaptureError("a dictionary was returned that names neither class, score nor value: say what by output=")

    def _labels(self, value: Any) -> Sequence[str]:
        if isinstance(value, str) or not hasattr(value, "__len__"):
            return (self.label(value),)
        return [self.label(item) for item in (value.tolist() if hasattr(value, "tolist") else value)]

    def _sequence(self, result: Sequence[Any], rows: int | None) -> Output:
        if not len(result):
            return Output((), ())
        if all(isinstance(item, str) for item in result):
            return Output([self.label(item) for item in result])
        if isinstance(result[0], Mapping):
            parts = [self.read(item, 1) or Output() for item in result]
            return Output(
                *(_joined([getattr(part, name) for part in parts]) for name in ("classes", "scores", "values"))
            )
        return self._array(_as_array(result), rows)

    def _array(self, array: NDArray[Any], rows: int | None) -> Output:
        if array.ndim == 0:
            return self.read(array.item(), rows) or Output()
        if array.ndim == 2 and array.shape[1] == 1:
            array = array[:, 0]
        if array.ndim == 1 and array.size > 1 and rows == 1 and array.dtype.kind == "f":
            array = array.reshape(1, -1)
        if array.ndim == 2:
            return self._probabilities(array.astype(np.float64))
        if array.ndim != 1:
            raise CaptureError(f"an array of {array.ndim} dimensions was returned: reduce it to predictions by output=")
        if array.dtype.kind == "f":
            return self._numbers(array.astype(np.float64))
        if self.task in ("regression", "ranking") and array.dtype.kind in "iub":
            return self._numbers(array.astype(np.float64))
        return Output([self.label(item) for item in array.tolist()])

    def _numbers(self, numbers_: NDArray[np.float64]) -> Output:
        plain: list[float] = numbers_.tolist()
        match self.task:
            case "binary":
                return Output(self._classes_of(numbers_), plain)
            case "anomaly":
                return Output(None if self.threshold is None else self._classes_of(numbers_), plain)
            case "ranking":
                return Output(None, plain)
            case "multiclass":
                return Output([self.label(number) for number in plain])
        return Output(None, None, plain)

    def _classes_of(self, scores: NDArray[np.float64]) -> list[str]:
        low, high = self.classes if len(self.classes) == 2 else ("0", "1")
        return [high if above else low for above in (scores >= self._positive_from).tolist()]

    def _probabilities(self, array: NDArray[np.float64]) -> Output:
        if array.shape[1] == 2 and self.task != "multiclass":
            return Output(self._classes_of(array[:, 1]), array[:, 1].tolist())
        best = array.argmax(axis=1)
        return Output([self.label(place) for place in best.tolist()], array.max(axis=1).tolist())


def _first(values: Mapping[str, Any], keys: Sequence[str]) -> Any:
    return next((values[key] for key in keys if key in values), None)


def _floats(value: Any) -> Sequence[float]:
    array = _as_array(value)
    return [float(item) for item in array.reshape(-1).tolist()]


def _joined(parts: list[Sequence[Any] | None]) -> list[Any] | None:
    if any(part is None for part in parts):
        return None
    return [item for part in parts if part is not None for item in part]


def _as_array(value: Any) -> NDArray[Any]:
    if hasattr(value, "detach"):  # a PyTorch tensor that still carries its graph
        value = value.detach().cpu()
    if hasattr(value, "to_numpy"):
        value = value.to_numpy()
    return np.asarray(value)
