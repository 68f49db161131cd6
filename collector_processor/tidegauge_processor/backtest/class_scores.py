"""The scores of several classes, one column each: which class they make likeliest, and how they are counted.

Rows count as in the SDK: those with a predicted class, and with a score from 0 to 1 of every class that the baseline
calibrates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from tidegauge.baseline import Baseline
from tidegauge.baseline.frame import nearest
from tidegauge.errors import DataError

Floats = NDArray[np.float64]
Named = tuple[Sequence[str | None], NDArray[np.intp]]
"""Names of classes, None for none, and the place among them of each row's."""


def checked(columns: Sequence[tuple[str, str]], baseline: Baseline) -> tuple[tuple[str, str], ...]:
    """The ``columns`` in the order of the baseline's classes; each that it calibrates must have one, and no other.

    Args:
        columns: each class and the column of its scores.
        baseline: what the rows are compared with.

    Raises:
        DataError: they do not, or the baseline calibrates none.
    """
    known, named = baseline.class_calibrations, [name for name, _ in columns]
    if not known:
        raise DataError("the baseline has no scores of each class: leave --class-score out, or build it with them")
    for name in named:
        if name not in known:
            raise DataError(f"--class-score names {name!r}, of which the baseline has no scores{nearest(name, known)}")
    lacking = [name for name in known if name not in named]
    if lacking:
        raise DataError(f"the class {lacking[0]!r} has no column: name it with --class-score {lacking[0]}=COL")
    return tuple((name, dict(columns)[name]) for name in known)


def likeliest(columns: Sequence[tuple[str, str]], scores: Floats) -> Named:
    """The class with the highest of the ``scores``, shape ``(rows, classes)``; none where one of them is missing."""
    missing = np.isnan(scores).any(axis=1)
    return [*(name for name, _ in columns), None], np.where(missing, len(columns), scores.argmax(axis=1))


def of_predicted(columns: Sequence[tuple[str, str]], scores: Floats, predicted: Named) -> Floats:
    """Score of each row's predicted class, shape ``(rows,)``, not finite where it has none.

    Of a class that is not among those with scores it is the highest of the row, as in the SDK.
    """
    place_of: dict[str | None, int] = {name: place for place, (name, _) in enumerate(columns)}
    names, places = predicted
    places = np.array([place_of.get(name, -1) for name in names], np.intp)[places]
    found: Floats = np.where(places >= 0, scores[np.arange(places.size), places], scores.max(axis=1))
    return found


def are_whole(scores: Floats, predicted: Named) -> NDArray[np.bool_]:
    """Which rows count: those with a predicted class and all ``scores``, shape ``(rows, classes)``, from 0 to 1."""
    names, places = predicted
    has_class = np.array([name is not None for name in names], np.bool_)[places]
    return np.asarray(((scores >= 0) & (scores <= 1)).all(axis=1) & has_class, dtype=np.bool_)


def cells_by_class(
    baseline: Baseline, scores: Floats, predicted: Named
) -> Iterator[tuple[str, NDArray[np.intp], NDArray[np.bool_]]]:
    """Each class that the baseline calibrates with the cells of the rows that count, and which these are.

    A class has two lines of cells, of its score bins: of rows predicted as another class, and as this one. The columns
    of ``scores`` are those classes, in the order of `checked`.
    """
    names, places = predicted
    good = are_whole(scores, predicted)
    for place, (name, calibration) in enumerate(baseline.class_calibrations.items()):
        chosen = np.array([each == name for each in names], np.bool_)[places]
        bins = calibration.bins.index(scores[good, place])
        yield name, np.where(chosen[good], calibration.rows.size, 0) + bins, good
