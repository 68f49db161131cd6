"""What the model said, from the columns of predictions and scores: the same classes and numbers that the SDK would see.

| task | prediction column | score column |
|---|---|---|
| binary | class; left out, the score's side of the baseline's threshold | of the positive class |
| multiclass | class; left out, the likeliest by the scores of all | of the predicted class, or a column for each |
| regression, ranking | number | ranking only |
| anomaly | class | any number, the greater the stranger |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidegauge.baseline import Baseline
from tidegauge.columns import is_missing
from tidegauge.errors import DataError
from tidegauge.observation import class_name
from tidegauge_processor.backtest.class_scores import Named, checked, likeliest, of_predicted
from tidegauge_processor.backtest.reading import Chunk
from tidegauge_processor.backtest.texts import class_of_text
from tidegauge_processor.comparison import class_cells


class OutputColumns(NamedTuple):
    """Names of the columns that hold what the model said; None where there is none.

    Attributes:
        prediction: predicted class or number.
        score: of the positive class, or of the predicted one.
        class_scores: of several classes, each class and the column of its scores; there is no other score then.
    """

    prediction: str | None = None
    score: str | None = None
    class_scores: tuple[tuple[str, str], ...] = ()

    @property
    def names(self) -> list[str]:
        """The names that there are."""
        single = [name for name in (self.prediction, self.score) if name is not None]
        return single + [column for _, column in self.class_scores]


NO_OUTPUTS: Final = OutputColumns()
"""Nothing of what the model said is there."""


def check_outputs(columns: OutputColumns, baseline: Baseline) -> OutputColumns:
    """The columns, of which all have something in the baseline to be compared with.

    Raises:
        DataError: it has not.
    """
    if columns.prediction is not None and baseline.value is None and baseline.class_counts is None:
        raise DataError("the baseline has no predictions to compare with: leave --prediction out, or build it with one")
    if columns.score is not None and baseline.score is None and not _class_from_score(columns, baseline):
        raise DataError("the baseline has no scores to compare with: leave --score out, or build it with one")
    if not columns.class_scores:
        return columns
    return columns._replace(class_scores=checked(columns.class_scores, baseline))


def classes_of(named: Named | None, baseline: Baseline) -> NDArray[np.intp] | None:
    """Cell of each row's predicted class, see `comparison.class_cells`; None when no class is to be compared."""
    if named is None or baseline.class_counts is None:
        return None
    names, places = named
    place, others = class_cells(baseline)
    return np.array([others if name is None else place.get(name, others) for name in names], np.intp)[places]


def named_classes(chunk: Chunk, columns: OutputColumns, baseline: Baseline) -> Named | None:
    """Names of the predicted classes, None for none, and the place of each row's among them; None without classes."""
    if baseline.value is not None:
        return None
    if columns.prediction is not None:
        return read_classes(chunk, columns.prediction, baseline.classes)
    if columns.class_scores:
        return likeliest(columns.class_scores, score_table(chunk, columns))
    if not _class_from_score(columns, baseline):
        return None
    scores = _numbers(chunk, columns.score)
    low, high = baseline.classes if len(baseline.classes) == 2 else ("0", "1")
    return [low, high, None], np.where(np.isnan(scores), 2, scores >= baseline.threshold).astype(np.intp)


def read_classes(chunk: Chunk, name: str, classes: Sequence[str]) -> Named:
    """Read a column of classes: their names, None where there is none, and the place of each row's among them."""
    values, places = chunk.distinct(name)
    read = class_of_text if chunk.text else class_name
    return [None if is_missing(value) else read(value, classes) for value in values], places


def scores_of(chunk: Chunk, columns: OutputColumns, named: Named | None) -> NDArray[np.float64] | None:
    """Score of each row, not finite where it has none; None without scores; ``named`` is from `named_classes`."""
    if not columns.class_scores:
        return numbers_of(chunk, columns.score)
    return None if named is None else of_predicted(columns.class_scores, score_table(chunk, columns), named)


def score_table(chunk: Chunk, columns: OutputColumns) -> NDArray[np.float64]:
    """Scores of all classes, not finite where one is missing, shape ``(rows, classes)``; there are some."""
    return np.stack([_numbers(chunk, column) for _, column in columns.class_scores], axis=1)


def values_of(chunk: Chunk, columns: OutputColumns, baseline: Baseline) -> NDArray[np.float64] | None:
    """Predicted number of each row, not finite where it has none; None when numbers are not to be compared."""
    return None if baseline.value is None else numbers_of(chunk, columns.prediction)


def numbers_of(chunk: Chunk, name: str | None) -> NDArray[np.float64] | None:
    """A column of numbers, not finite where one is missing; None without a column."""
    return None if name is None else _numbers(chunk, name)


def _class_from_score(columns: OutputColumns, baseline: Baseline) -> bool:
    has_classes = baseline.class_counts is not None
    return columns.prediction is None and columns.score is not None and baseline.task == "binary" and has_classes


def _numbers(chunk: Chunk, name: str | None) -> NDArray[np.float64]:
    assert name is not None
    column = chunk.numbers(name)
    if column.mismatched.any():
        odd = chunk.column(name)[int(column.mismatched.argmax())].as_py()
        raise DataError(f"column {name!r} should hold numbers, but holds {odd!r}: name another column")
    return column.values
