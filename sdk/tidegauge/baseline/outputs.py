"""The reference of what the model said: classes, scores, numbers, and how good they were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tidegauge.baseline import metrics
from tidegauge.baseline.bounds import score_bounds
from tidegauge.baseline.calibration import Calibration, calibrations
from tidegauge.baseline.counting import NO_CODE, SlottedRows, numeric_feature
from tidegauge.baseline.features import MOST_CATEGORIES, NumericFeature, ScoreReference
from tidegauge.baseline.frame import Frame
from tidegauge.baseline.mistakes import Mistakes
from tidegauge.baseline.tasks import PROBABILITY_TASKS, Task
from tidegauge.columns import NumericColumn, categorical_column, category, numeric_column
from tidegauge.errors import BaselineError
from tidegauge.statistics.wobble import UNKNOWN, Wobble
from tidegauge.summaries import OTHER
from tidegauge.summaries.bins import Bins

Codes = NDArray[np.intp]

_PAIRS = (("0", "1"), ("false", "true"))
_NO_CLASSES = ("",)


@dataclass(frozen=True)
class Columns:
    """Names of the columns that are no features; None where there is none."""

    prediction: str | None
    score: str | None
    label: str | None
    timestamp: str | None
    class_scores: Mapping[str, str] = field(default_factory=dict)

    @property
    def roles(self) -> dict[str, str]:
        """What a column is, by its name."""
        single = {self.prediction: "prediction", self.score: "score", self.label: "label", self.timestamp: "timestamp"}
        named = {name: role for name, role in single.items() if name is not None}
        return named | dict.fromkeys(self.class_scores.values(), "score")

    @classmethod
    def named(
        cls,
        task: Task,
        prediction: str | None,
        score: str | Mapping[str, str] | None,
        label: str | None,
        timestamp: str | None,
    ) -> Columns:
        """The columns as `Baseline.fit` is told them.

        Raises:
            BaselineError: scores of classes are named for a task without several classes.
        """
        if score is None or isinstance(score, str):
            return cls(prediction, score, label, timestamp)
        if task != "multiclass":
            raise BaselineError(f"a score for each class is for the multiclass task, not for {task}")
        by_class = {category(name): column for name, column in score.items()}
        classes = {name: column for name, column in by_class.items() if name}
        if len(classes) < len(score):
            raise BaselineError(f"the scores of classes are of {list(score)}, which are not different names of classes")
        return cls(prediction, None, label, timestamp, {name: classes[name] for name in _in_order(classes)})


@dataclass(frozen=True)
class Outputs:
    """The fields of `Baseline` that describe what the model said."""

    classes: tuple[str, ...] = ()
    class_counts: NDArray[np.int64] | None = None
    class_wobble: Wobble = UNKNOWN
    score: ScoreReference | None = None
    value: NumericFeature | None = None
    performance: Mapping[str, float] = field(default_factory=dict)
    calibration: tuple[Calibration, ...] = ()
    mistakes: Mistakes | None = None


def number_outputs(frame: Frame, task: Task, columns: Columns, rows: SlottedRows) -> Outputs:
    """Read the outputs of a task that predicts numbers.

    Raises:
        BaselineError: a column is absent, or does not hold what the task needs.
    """
    if task == "regression" and columns.score is not None:
        raise BaselineError("a regression has no score: name its column as the prediction")
    scores = _scores(frame, columns.score, task)
    score = None if scores is None else _score_reference(rows, scores, np.zeros(frame.rows, np.intp), _NO_CLASSES)
    if columns.prediction is None:
        return Outputs(score=score)
    predicted = _numbers(frame, columns.prediction)
    value = numeric_feature("prediction", predicted, rows, None)
    if task != "regression" or columns.label is None:
        return Outputs(score=score, value=value)
    actual = _numbers(frame, columns.label).values
    both = np.isfinite(predicted.values) & np.isfinite(actual)
    if not both.any():
        raise BaselineError(f"no row has both a prediction and a label in column {columns.label!r}")
    pair = predicted.values[both], actual[both]
    performance = {"mae": metrics.mean_absolute_error(*pair), "rmse": metrics.root_mean_squared_error(*pair)}
    return Outputs(
        value=value, performance=performance, mistakes=Mistakes.of_errors(pair[0] - pair[1], rows.days(both))
    )


def class_outputs(frame: Frame, task: Task, columns: Columns, rows: SlottedRows, threshold: float) -> Outputs:
    """Read the outputs of a task that predicts classes.

    Raises:
        BaselineError: a column is absent, or does not hold what the task needs.
    """
    scores = _scores(frame, columns.score, task)
    if task == "multiclass" and scores is not None and columns.prediction is None:
        raise BaselineError("the score of a multiclass task is that of the predicted class: name the prediction column")
    said, happened = _classes(frame, columns.prediction), _classes(frame, columns.label)
    of_class = {name: _present_scores(frame, column, task) for name, column in columns.class_scores.items()}
    if of_class:
        said, scores = _of_class_scores(of_class, said)
    seen = Counter(name for names in (said, happened) if names is not None for name in names if name is not None)
    names = _in_order({*seen, *of_class})  # a model may name classes that these rows do not have
    if task == "binary":
        _check_label(columns.label, happened)
        names = _two_classes(names, columns)
    predicted, actual = _codes(said, names), _codes(happened, names)
    if task == "binary" and predicted is None and scores is not None:
        predicted = np.where(np.isnan(scores), NO_CODE, scores >= threshold).astype(np.intp)
    performance = _performance(predicted, scores, actual, has_positive=task == "binary")
    calibration = calibrations(task, scores, of_class, predicted, actual, names, rows)
    mistakes = _mistakes(predicted, actual, rows)
    classes, kept = _bounded(names, seen)
    if predicted is None:
        nobody = np.zeros(frame.rows, np.intp)
        score = None if scores is None else _score_reference(rows, scores, nobody, _NO_CLASSES)
        return Outputs(
            classes=classes, score=score, performance=performance, calibration=calibration, mistakes=mistakes
        )
    predicted = np.where(predicted == NO_CODE, NO_CODE, kept[predicted])
    return Outputs(
        classes=classes,
        class_counts=rows.count(predicted, len(classes)),
        class_wobble=rows.wobble(predicted, len(classes), ordered=False),
        score=None if scores is None else _score_reference(rows, scores, predicted, classes),
        performance=performance,
        calibration=calibration,
        mistakes=mistakes,
    )


def _scores(frame: Frame, name: str | None, task: Task) -> NDArray[np.float64] | None:
    """Scores of the rows, NaN where missing."""
    return None if name is None else _present_scores(frame, name, task)


def _present_scores(frame: Frame, name: str, task: Task) -> NDArray[np.float64]:
    scores = _numbers(frame, name).values
    present = scores[~np.isnan(scores)]
    if present.size == 0:
        raise BaselineError(f"score column {name!r} is empty")
    if not np.isfinite(present).all():
        raise BaselineError(f"score column {name!r} holds an infinite number")
    strange = present[(present < 0) | (present > 1)]
    if task in PROBABILITY_TASKS and strange.size:
        raise BaselineError(f"score column {name!r} should hold probabilities from 0 to 1, but has {strange[0]}")
    return scores


def _numbers(frame: Frame, name: str) -> NumericColumn:
    column = numeric_column(frame.column(name))
    if column.mismatched.any():
        raise BaselineError(f"column {name!r} should hold numbers, but {int(column.mismatched.sum())} rows do not")
    return column


def _classes(frame: Frame, name: str | None) -> list[str | None] | None:
    if name is None:
        return None
    column = categorical_column(frame.column(name))
    if column.mismatched:
        raise BaselineError(f"column {name!r} should hold classes, but {column.mismatched} rows hold something else")
    return column.values


def _check_label(name: str | None, happened: list[str | None] | None) -> None:
    found = set(happened or ()) - {None}
    if happened is not None and len(found) < 2:
        only = f"only the class {found.pop()!r}" if found else "no class"
        raise BaselineError(f"label column {name!r} has {only}: how good the model was cannot be said")


def _two_classes(names: tuple[str, ...], columns: Columns) -> tuple[str, ...]:
    if len(names) == 2:
        return names
    for pair in _PAIRS:  # of these the other one is known; and a score alone means 0 and 1
        if set(names) <= set(pair) and (names or columns.score is not None):
            return pair
    if not names:
        return ()
    where = " and ".join(repr(name) for name in (columns.prediction, columns.label) if name is not None)
    if len(names) == 1:
        raise BaselineError(f"a binary task has two classes, but column {where} has only {names[0]!r}")
    some = ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
    raise BaselineError(f"a binary task has two classes, but column {where} has {len(names)}: {some}")


def _in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Numbers by size, anything else by the alphabet."""
    try:
        return tuple(sorted(names, key=float))
    except ValueError:
        return tuple(sorted(names))


def _codes(values: list[str | None] | None, names: tuple[str, ...]) -> Codes | None:
    if values is None:
        return None
    code_of: dict[str | None, int] = {name: code for code, name in enumerate(names)} | {None: NO_CODE}
    return np.array([code_of[value] for value in values], dtype=np.intp)


def _bounded(names: tuple[str, ...], seen: Counter[str]) -> tuple[tuple[str, ...], Codes]:
    """Keep the most frequent classes; the second result is the new code of each old one."""
    if len(names) <= MOST_CATEGORIES:
        return names, np.arange(max(len(names), 1))
    frequent = set(sorted(names, key=lambda name: (-seen[name], name))[:MOST_CATEGORIES])
    classes = (*(name for name in names if name in frequent), OTHER)
    return classes, np.array([classes.index(name if name in frequent else OTHER) for name in names])


def _score_reference(
    rows: SlottedRows, scores: NDArray[np.float64], predicted: Codes, classes: tuple[str, ...]
) -> ScoreReference:
    counted = ~np.isnan(scores) & (predicted != NO_CODE)
    bounds = score_bounds(scores[~np.isnan(scores)])
    width = bounds.size + 1
    codes = np.full(scores.shape, NO_CODE, dtype=np.intp)
    codes[counted] = predicted[counted] * width + Bins(bounds).index(scores[counted])
    counts = rows.count(codes, len(classes) * width).reshape(rows.slots, len(classes), width)
    bins = np.where(codes == NO_CODE, NO_CODE, codes % width)
    return ScoreReference(bounds, classes, counts, rows.wobble(bins, width, ordered=True))


def _of_class_scores(
    of_class: Mapping[str, NDArray[np.float64]], said: list[str | None] | None
) -> tuple[list[str | None], NDArray[np.float64]]:
    """The predicted class, the likeliest one where nobody says it, and the score of that class."""
    names, table = list(of_class), np.stack(list(of_class.values()))
    if said is None:
        unknown = np.isnan(table).sum(axis=0).tolist()
        best = np.where(np.isnan(table), -1.0, table).argmax(axis=0).tolist()
        said = [None if gaps else names[at] for at, gaps in zip(best, unknown, strict=True)]
    place_of: dict[str | None, int] = {name: place for place, name in enumerate(names)}
    places = np.array([place_of.get(name, -1) for name in said])
    scores = np.where(places >= 0, table[places, np.arange(places.size)], np.nan)
    return said, scores


def _mistakes(predicted: Codes | None, actual: Codes | None, rows: SlottedRows) -> Mistakes | None:
    if predicted is None or actual is None:
        return None
    both = (predicted != NO_CODE) & (actual != NO_CODE)
    return Mistakes.of_classes(predicted[both], actual[both], rows.days(both)) if both.any() else None


def _performance(
    predicted: Codes | None, scores: NDArray[np.float64] | None, actual: Codes | None, *, has_positive: bool
) -> dict[str, float]:
    if actual is None:
        return {}
    found: dict[str, float] = {}
    labelled = actual != NO_CODE
    if has_positive:
        found["mean_label"] = float(actual[labelled].mean())
    if predicted is not None and (both := labelled & (predicted != NO_CODE)).any():
        found["accuracy"] = metrics.accuracy(predicted[both], actual[both])
    if scores is not None and has_positive:
        both = labelled & ~np.isnan(scores)
        positive = actual[both] == 1
        if 0 < positive.sum() < positive.size:
            found["mean_score"] = float(scores[both].mean())
            found["roc_auc"] = metrics.roc_auc(scores[both], positive)
            found["log_loss"] = metrics.log_loss(scores[both], positive)
    return found
