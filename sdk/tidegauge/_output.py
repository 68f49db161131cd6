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
anomaly    number with a fraction       score, the greater the stranger; a class only where a threshold was given
ranking    number                       score
either     pair of class and fraction   class and score
any        dict or other record         ``class``/``label``/``prediction``, ``score``/``probability``, ``value``,
                                        ``probabilities``; else a probability by class
========== ============================ =======================================================================

Several numbers for a row are probabilities only where they add up to one; a multiclass model's may be of any scale,
and then give the class without a score. A score that is not a number gives no class, nor does a missing value.
"""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tidegauge._class_scores import ClassScores, are_probabilities
from tidegauge._snapshot import record_of
from tidegauge.columns import as_array, is_missing, listed, unmasked
from tidegauge.errors import CaptureError
from tidegauge.observation import class_name

_CLASS_KEYS: Final = ("class", "label", "prediction", "predicted_class")
_SCORE_KEYS: Final = ("score", "probability", "proba")
_PROBABILITIES_KEYS: Final = ("probabilities", "scores", "probas")
_VALUE_KEYS: Final = ("value", "prediction")
_WITHOUT_CLASSES: Final = ("regression", "ranking")


@dataclass(frozen=True, slots=True)
class Output:
    """What was predicted, one entry a row in whatever is not None; a row without a class has None for it."""

    classes: Sequence[str | None] | None = None
    scores: Sequence[float] | None = None
    values: Sequence[float] | None = None
    class_scores: ClassScores | None = field(default=None, compare=False, repr=False)

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
        columns: classes of the columns of probabilities, all of whose scores are kept; empty: only the predicted one's.

    Example:
        >>> Reader("binary", ("0", "1"), 0.5).read(np.array([0.2, 0.9]), rows=2)
        Output(classes=['0', '1'], scores=[0.2, 0.9], values=None)
        >>> Reader(None, (), None).read("late", rows=1)
        Output(classes=('late',), scores=None, values=None)
    """

    task: str | None
    classes: tuple[str, ...]
    threshold: float | None
    columns: tuple[str, ...] = ()

    def read(self, result: Any, rows: int | None) -> Output | None:
        """Understand ``result`` of a call with so many rows (None: not known).

        Raises:
            CaptureError: it cannot be understood, or says different things for different numbers of rows.
        """
        found = self._read(result, rows)
        if found is not None and type(result) is not float:  # which is of one row whatever it means
            lengths = {len(part) for part in (found.classes, found.scores, found.values) if part is not None}
            if len(lengths) > 1:
                raise CaptureError(f"classes, scores and values of {sorted(lengths)} rows: give one of each a row")
        return found

    def label(self, value: Any) -> str:
        """Name of the class that ``value`` stands for: a name itself, or the place of one.

        >>> Reader("binary", ("on_time", "late"), 0.5).label(1)
        'late'
        """
        name = class_name(value, self.classes)
        if name is None:
            raise CaptureError(f"{type(value).__name__} is no class: say by output= where it is")
        return name

    def _read(self, result: Any, rows: int | None) -> Output | None:
        if result is None:
            return None
        if type(result) is float:
            return self._number(result)
        if isinstance(result, str | numbers.Integral | np.bool_):
            return self._whole(result)
        if isinstance(result, numbers.Real | Decimal):
            return self._number(float(result))
        if not isinstance(result, np.ndarray) and (record := record_of(result)) is not None:
            return self._mapping(record, rows)
        if (items := listed(result)) is not None:
            return self._sequence(items, rows)
        return self._array(_as_array(result), rows)

    def _number(self, number: float) -> Output:
        match self.task:
            case "binary":
                return Output((self._class_of(number),), (number,))
            case "anomaly":
                return Output(None if self.threshold is None else (self._class_of(number),), (number,))
            case "ranking":
                return Output(None, (number,))
            case "multiclass":
                return Output((None if number != number else self.label(number),))
        return Output(None, None, (number,))

    def _whole(self, value: Any) -> Output:
        if self.task not in _WITHOUT_CLASSES:
            return Output((self.label(value),))
        if isinstance(value, str):
            raise CaptureError(f"a {self.task} model returned a text: say by output= where its number is")
        return self._number(float(value))

    def _class_of(self, score: float) -> str | None:
        return self._classes_of((score,))[0]

    def _mapping(self, result: Mapping[Any, Any], rows: int | None) -> Output:
        lowered = {str(key).lower(): value for key, value in result.items()}
        named = [key for key in _CLASS_KEYS if lowered.get(key) is not None]
        scores = _first(lowered, (*_PROBABILITIES_KEYS, *_SCORE_KEYS))
        value = _first(lowered, _VALUE_KEYS)
        if value is not None and (self.task == "regression" or "value" in lowered):
            return Output(None, None, _as_array(value).astype(np.float64).reshape(-1).tolist())
        if named and scores is not None and self.task not in _WITHOUT_CLASSES:
            return self._scored(self._labels(lowered[named[0]]), scores)
        if named == ["prediction"] and scores is None:
            return self._read(value, rows) or Output((), ())
        if named and self.task not in _WITHOUT_CLASSES:
            return Output(self._labels(lowered[named[0]]))
        if scores is not None:
            return self._read(scores, rows) or Output((), ())
        if result and all(isinstance(item, numbers.Real) for item in result.values()):
            by_name = {str(key): float(item) for key, item in result.items()}
            if self.task not in _WITHOUT_CLASSES and are_probabilities(np.array([list(by_name.values())])):
                if len(self.classes) == 2 and self.task == "binary" and self.classes[1] in by_name:
                    return self._number(by_name[self.classes[1]])
                best = max(result, key=lambda key: float(result[key]))
                kept = [dict(result)] if self.columns else None
                return Output((self.label(best),), (float(result[best]),), None, kept)
        raise CaptureError("a record was returned that names neither class, score nor value: say what by output=")

    def _scored(self, classes: Sequence[str | None], scores: Any) -> Output:
        names = self.columns or self.classes
        if isinstance(scores, Mapping):
            names, scores = tuple(map(str, scores)), list(scores.values())
        array = _as_array(scores).astype(np.float64)
        if array.ndim == 1 and array.size > 1 and len(classes) == 1:
            array = array.reshape(1, -1)
        if array.ndim < 2 or array.shape[1] == 1:
            return Output(classes, array.reshape(-1).tolist())
        if array.ndim > 2 or len(array) != len(classes):
            raise CaptureError(f"{len(classes)} classes and scores of shape {array.shape} were returned")
        if array.shape[1] == 2 and self.task != "multiclass":
            return Output(classes, array[:, 1].tolist())
        known = len(names) == array.shape[1]
        found = [
            float(row[names.index(name)] if known and name in names else row.max())
            for name, row in zip(classes, array, strict=True)
        ]
        by_name = self.columns and known and names != self.columns
        kept = [dict(zip(names, row, strict=True)) for row in array] if by_name else array
        return Output(classes, found, None, kept if self.columns else None)

    def _labels(self, value: Any) -> Sequence[str | None]:
        plain = value.tolist() if hasattr(value, "tolist") else value
        return tuple(self._names([plain])) if (items := listed(plain)) is None else self._names(items)

    def _names(self, values: Sequence[Any]) -> list[str | None]:
        return [None if is_missing(value) else self.label(value) for value in values]

    def _sequence(self, result: Sequence[Any], rows: int | None) -> Output:
        if not result:
            return Output((), ())
        if all(isinstance(item, str) for item in result):
            return Output([self.label(item) for item in result])
        if self._is_pair(result) and (rows == 1 or (rows is None and isinstance(result, tuple))):
            return Output((self.label(result[0]),), (float(result[1]),))
        if record_of(result[0]) is not None or all(isinstance(item, tuple) and self._is_pair(item) for item in result):
            parts = [self._read(item, 1) or Output() for item in result]
            return Output(*(_joined([getattr(part, name) for part in parts]) for name in Output.__slots__))
        return self._array(_as_array(result), rows)

    def _is_pair(self, result: Sequence[Any]) -> bool:
        return (
            self.task not in _WITHOUT_CLASSES
            and len(result) == 2
            and isinstance(result[0], str | numbers.Integral | np.bool_)
            and isinstance(result[1], float | np.floating | Decimal)
        )

    def _array(self, array: NDArray[Any], rows: int | None) -> Output:
        if array.ndim == 0:
            item = array.item()
            if not isinstance(item, str | numbers.Real | Decimal | None):
                raise CaptureError(f"{type(item).__name__} is neither a class nor a number: say what by output=")
            return self._read(item, rows) or Output()
        if array.ndim == 2 and array.shape[1] == 1:
            array = array[:, 0]
        if array.ndim == 1 and array.dtype.kind == "O" and self._holds_numbers(array):
            array = np.array([np.nan if is_missing(item) else float(item) for item in array])
        if array.ndim == 1 and array.size > 1 and rows == 1 and array.dtype.kind == "f":
            array = array.reshape(1, -1)
        if array.ndim == 2:
            return self._probabilities(array.astype(np.float64))
        if array.ndim != 1:
            raise CaptureError(f"an array of {array.ndim} dimensions was returned: reduce it to predictions by output=")
        if array.dtype.kind == "f" or (self.task in _WITHOUT_CLASSES and array.dtype.kind in "iub"):
            return self._numbers(array.astype(np.float64))
        if self.task in _WITHOUT_CLASSES:
            raise CaptureError(f"a {self.task} model returned no numbers: say by output= where they are")
        return Output(self._names(array.tolist()))

    def _holds_numbers(self, array: NDArray[Any]) -> bool:
        present = [item for item in array if not is_missing(item)]
        if not all(isinstance(item, numbers.Real | Decimal) for item in present):
            return False
        return self.task in _WITHOUT_CLASSES or any(not isinstance(item, numbers.Integral) for item in present)

    def _numbers(self, numbers_: NDArray[np.float64]) -> Output:
        plain: list[float] = numbers_.tolist()
        match self.task:
            case "binary":
                return Output(self._classes_of(plain), plain)
            case "anomaly":
                return Output(None if self.threshold is None else self._classes_of(plain), plain)
            case "ranking":
                return Output(None, plain)
            case "multiclass":
                return Output([None if number != number else self.label(number) for number in plain])
        return Output(None, None, plain)

    def _classes_of(self, scores: Sequence[float]) -> list[str | None]:
        low, high = self.classes if len(self.classes) == 2 else ("0", "1")
        start = 0.5 if self.threshold is None else self.threshold
        return [None if score != score else high if score >= start else low for score in scores]

    def _probabilities(self, array: NDArray[np.float64]) -> Output:
        if self.task in _WITHOUT_CLASSES:
            raise CaptureError(f"a {self.task} model returned {array.shape[1]} numbers a row: say which by output=")
        certain = are_probabilities(array)
        if not certain and self.task != "multiclass":
            raise CaptureError("several numbers were returned for a row that do not add up to one: say what by output=")
        if array.shape[1] == 2 and self.task != "multiclass":
            return Output(self._classes_of(array[:, 1].tolist()), array[:, 1].tolist())
        best, scores = array.argmax(axis=1).tolist(), array.max(axis=1).tolist()
        names = self.columns or self.classes
        known = len(names) == array.shape[1]
        classes = [
            None if top != top else names[place] if known else self.label(place)
            for place, top in zip(best, scores, strict=True)
        ]
        return Output(classes, scores if certain else None, None, array if self.columns else None)


def _first(values: Mapping[str, Any], keys: Sequence[str]) -> Any:
    return next((values[key] for key in keys if key in values), None)


def _joined(parts: list[Any]) -> list[Any] | None:
    return None if any(part is None for part in parts) else [item for part in parts for item in part]


def _as_array(value: Any) -> NDArray[Any]:
    if hasattr(value, "detach"):  # a PyTorch tensor that still carries its graph
        value = value.detach().cpu()
    if (items := listed(value)) is None:
        return unmasked(np.asanyarray(value.to_numpy() if hasattr(value, "to_numpy") else value))
    return as_array(items) if id(np.ma.masked) in map(id, items) else np.asarray(items)  # NumPy makes "--" of it
