"""What a model says of every class: the scores of all of them, and not only that of the predicted one.

A baseline that was given a score for each of several classes has a calibration for each. Then recall, F1 and ROC AUC
can be estimated without labels, and for that the scores of each class are counted, apart for the rows predicted as
that class and for all others. Receipts and the events of predictions carry those of each row, for an outcome to be held
against. A row counts when it has a predicted class and a score from 0 to 1 of every class that the baseline calibrates;
the others are known by the score of their predicted class only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tidegauge._histogram import Histogram
from tidegauge.errors import CaptureError
from tidegauge.observation import class_name
from tidegauge.score_codes import ScoreCodes, to_codes
from tidegauge.summaries import NumericSummary

if TYPE_CHECKING:
    from tidegauge._model import Model
    from tidegauge._output import Output
    from tidegauge._prediction import Prediction

Floats: TypeAlias = NDArray[np.float64]
ClassScores: TypeAlias = Floats | Sequence[Floats | Mapping[Any, Any]]
"""An array of shape ``(rows, classes)``, in the order of the calibrated classes; or row by row, also by class."""

_ROUNDING: Final = 0.02  # probabilities may come rounded to two digits


def are_probabilities(array: Floats) -> bool:
    """Whether the numbers of each row, shape ``(rows, classes)``, are none below zero and add up to one."""
    whole = array[~np.isnan(array).any(axis=1)]
    return bool(((whole >= 0).all(axis=1) & (np.abs(whole.sum(axis=1) - 1) <= _ROUNDING)).all())


def class_score_histograms(calls: Sequence[Prediction], model: Model) -> dict[tuple[str, bool], Histogram]:
    """Scores by class and whether it was the predicted one; nothing where the baseline does not calibrate classes."""
    classes = model.reader.columns
    parts: list[Floats] = []
    names: list[str | None] = []
    for call in calls if model.class_bins else ():
        output = call.outputs
        if call.error is None and output is not None and output.classes is not None and output.class_scores is not None:
            try:
                parts.append(_table(output.class_scores, classes))
                names += output.classes
            except CaptureError as problem:
                call.note_failure("class_scores", problem)
    if not parts:
        return {}
    scores = parts[0] if len(parts) == 1 else np.concatenate(parts)
    place_of: dict[str | None, int] = {name: place for place, name in enumerate(classes)} | {None: -2}
    predicted = np.array([place_of.get(name, -1) for name in names])
    good = _are_whole(scores) & (predicted != place_of[None])
    histograms = {}
    for place, (name, bins) in enumerate(model.class_bins.items()):
        for chosen in (False, True):
            values = scores[good & ((predicted == place) == chosen), place]
            if values.size:
                histograms[name, chosen] = Histogram(NumericSummary.of(values, bins))
    return histograms


def score_codes(output: Output, model: Model) -> list[ScoreCodes | None]:
    """Scores of every class by row, None for a row that does not count; empty where none is to be kept."""
    if output.class_scores is None or output.classes is None or not model.class_bins:
        return []
    try:
        scores = _table(output.class_scores, model.reader.columns)
    except CaptureError:  # counted and said where the rows are summarised
        return []
    good = _are_whole(scores)
    codes = to_codes(np.where(good[:, np.newaxis], scores, 0.0))
    return [
        ScoreCodes(model.class_set, row.tobytes()) if whole and name is not None else None
        for row, whole, name in zip(codes, good.tolist(), output.classes, strict=True)
    ]


def _are_whole(scores: Floats) -> NDArray[np.bool_]:
    """Whether all scores of a row are from 0 to 1, shape ``(rows,)``."""
    return np.asarray(((scores >= 0) & (scores <= 1)).all(axis=1), dtype=np.bool_)


def _table(kept: ClassScores, classes: Sequence[str]) -> Floats:
    """Scores of shape ``(rows, classes)``, not a number where one is missing."""
    table = kept if isinstance(kept, np.ndarray) else None
    rows = [] if table is not None else [_row(each, classes) for each in kept]
    for found in [len(row) for row in rows] if table is None else [table.shape[1]]:
        if found != len(classes):
            raise CaptureError(f"{found} scores for a row where the baseline has those of {len(classes)} classes")
    return np.stack(rows) if table is None else table


def _row(kept: Floats | Mapping[Any, Any], classes: Sequence[str]) -> Floats:
    if isinstance(kept, np.ndarray):
        return kept
    by_class = {class_name(name, classes): float(score) for name, score in kept.items()}
    return np.array([by_class.get(name, np.nan) for name in classes])
