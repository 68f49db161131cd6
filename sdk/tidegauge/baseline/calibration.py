"""What a score is worth: the share of reference rows in each score bin in which the class came true.

Isotonic regression on the bins gives the shares that fit best among those that do not fall with the score. They are
kept only if they lower the calibration error on rows that they were not fitted on: each tenth of the reference is
judged by the rest, in ten groups of bins. Else the mean score of each bin stands for itself.

Source: R. E. Barlow et al. (1972), Statistical Inference under Order Restrictions: pool adjacent violators.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tidegauge.baseline.bounds import score_bounds
from tidegauge.baseline.counting import NO_CODE, SlottedRows
from tidegauge.baseline.features import MOST_CATEGORIES, counted
from tidegauge.baseline.tasks import PROBABILITY_TASKS, Task
from tidegauge.baseline.wobble import wobble
from tidegauge.errors import BaselineError
from tidegauge.summaries.bins import Bins

Floats = NDArray[np.float64]

_FOLDS: Final = 10
_GROUPS: Final = 10


@dataclass(frozen=True, eq=False)
class Calibration:
    """Probability that a class is the true one, by bin of its score.

    Args:
        klass: the class that score and probability are of; empty for the predicted one, whichever it is.
        bounds: finite, strictly ascending; shape ``(B - 1,)``.
        probabilities: from 0 to 1 by bin, shape ``(B,)``.
        rows: reference rows by bin that had a label, shape ``(B,)``.
        fitted: whether isotonic regression made the probabilities; else they are mean scores.
        wobble: variance between days of labels less probabilities, beyond chance; 0 when it is not known.
        days: reference days that ``wobble`` rests on; 0 when it is not known.

    Raises:
        BaselineError: the arrays do not fit together.
    """

    klass: str
    bounds: Floats
    probabilities: Floats
    rows: NDArray[np.int64]
    fitted: bool
    wobble: float = 0.0
    days: int = 0

    def __post_init__(self) -> None:
        where = f"calibration of {self.klass!r}"
        try:
            bounds = Bins(np.array(self.bounds, dtype=np.float64)).bounds
            probabilities = np.array(self.probabilities, dtype=np.float64)
        except (TypeError, ValueError) as problem:
            raise BaselineError(f"{where}: {problem}") from problem
        if probabilities.shape != (bounds.size + 1,) or not ((probabilities >= 0) & (probabilities <= 1)).all():
            raise BaselineError(f"{where}: not one probability from 0 to 1 for each of {bounds.size + 1} bins")
        if not (np.isfinite(self.wobble) and self.wobble >= 0 and self.days >= 0):
            raise BaselineError(f"{where}: {self.wobble!r} is not the variance between {self.days!r} days")
        object.__setattr__(self, "bounds", bounds)
        object.__setattr__(self, "probabilities", probabilities)
        object.__setattr__(self, "rows", counted(self.rows, (bounds.size + 1,), where))

    @cached_property
    def bins(self) -> Bins:
        """The bins of ``bounds``."""
        return Bins(self.bounds)

    @classmethod
    def fit(
        cls,
        klass: str,
        bounds: Floats,
        scores: Floats,
        positive: NDArray[np.bool_],
        days: NDArray[np.intp] | None = None,
    ) -> Calibration:
        """Learn from the reference rows that have a score and a label.

        Args:
            klass: the class that the scores are of.
            bounds: of the score bins, shape ``(B - 1,)``.
            scores: from 0 to 1, shape ``(n,)``, at least one.
            positive: whether the class came true, shape ``(n,)``.
            days: day of each row, shape ``(n,)``; None without times.

        Example:
            >>> scores, random = np.tile([0.1, 0.3], 500), np.random.default_rng(0)
            >>> found = Calibration.fit("late", np.array([0.2]), scores, random.random(1000) < 2 * scores)
            >>> found.fitted, found.probabilities.round(1).tolist()
            (True, [0.2, 0.6])
        """
        width = bounds.size + 1
        places = Bins(bounds).index(scores)
        cells = np.arange(scores.size) % _FOLDS * width + places
        rows, sums, positives = (
            np.bincount(cells, column, _FOLDS * width).astype(np.float64).reshape(_FOLDS, width)
            for column in (np.ones(scores.size), scores, positive)
        )
        found = cls.of_folds(klass, bounds, rows, sums, positives)
        p = found.probabilities[places]
        variance, rests_on = wobble(positive - p, p * (1 - p), days)
        return replace(found, wobble=variance, days=rests_on)

    @classmethod
    def of_folds(cls, klass: str, bounds: Floats, rows: Floats, sums: Floats, positives: Floats) -> Calibration:
        """Do the work of `fit` from rows, sums of scores and positive rows by fold and bin, each ``(folds, B)``."""
        total, hits = rows.sum(axis=0), positives.sum(axis=0)
        share = np.cumsum(total) - total / 2
        group = np.minimum((_GROUPS * share / max(total.sum(), 1)).astype(np.intp), _GROUPS - 1)
        error = {True: 0.0, False: 0.0}
        for fold in range(len(rows)):
            judged = rows[fold] * isotonic(hits - positives[fold], total - rows[fold])
            for fitted, expected in ((True, judged), (False, sums[fold])):
                error[fitted] += float(np.abs(np.bincount(group, expected - positives[fold])).sum())
        fitted = error[True] < error[False]
        found = isotonic(hits, total) if fitted else _filled(sums.sum(axis=0), total)
        return cls(klass, bounds, np.clip(found, 0.0, 1.0), total.astype(np.int64), fitted)


def calibrations(
    task: Task,
    scores: Floats | None,
    of_class: Mapping[str, Floats],
    predicted: NDArray[np.intp] | None,
    actual: NDArray[np.intp] | None,
    names: tuple[str, ...],
    rows: SlottedRows,
) -> tuple[Calibration, ...]:
    """What scores are worth: of the positive class, or of each of several and of whichever is predicted.

    Where only the score of the predicted class is known, or the classes are too many to be told apart, the last one
    stands alone.

    Args:
        task: of the model.
        scores: of the positive class, or of the predicted one, shape ``(n,)``; None where there are none.
        of_class: scores of each class, each of shape ``(n,)``; empty where they are not known.
        predicted: code of each row's predicted class, shape ``(n,)``; None where nobody says it.
        actual: code of each row's true class, shape ``(n,)``; None without labels.
        names: of the classes, by their code.
        rows: season slots and days of the rows.
    """
    if actual is None or scores is None or task not in PROBABILITY_TASKS:
        return ()
    every: list[tuple[str, Floats, NDArray[np.bool_]]] = []
    if task == "binary":
        every.append((names[1], scores, np.equal(actual, 1)))
    elif predicted is not None:
        few = of_class if len(names) <= MOST_CATEGORIES else {}
        every += [(name, own, np.equal(actual, names.index(name))) for name, own in few.items()]
        every.append(("", scores, np.equal(predicted, actual)))
    found = []
    for name, own, positive in every:
        both = ~np.isnan(own) & (actual != NO_CODE)
        if both.any():
            bounds = score_bounds(own[~np.isnan(own)])
            found.append(Calibration.fit(name, bounds, own[both], positive[both], rows.days(both)))
    return tuple(found)


def isotonic(positives: Floats, rows: Floats) -> Floats:
    """Shares that never fall and fit best, by bin; a bin without rows takes the share of its neighbour below.

    Args:
        positives: positive rows by bin, shape ``(B,)``.
        rows: rows by bin, shape ``(B,)``.

    >>> isotonic(np.array([1.0, 3.0, 1.0, 4.0]), np.array([4.0, 4.0, 4.0, 4.0])).tolist()
    [0.25, 0.5, 0.5, 1.0]
    """
    blocks: list[list[float]] = []  # positives, rows and bins of stretches with one share
    for hits, size in zip(positives.tolist(), rows.tolist(), strict=True):
        block = [hits, size, 1]
        while blocks and (not block[1] or not blocks[-1][1] or blocks[-1][0] * block[1] >= block[0] * blocks[-1][1]):
            block = [mine + theirs for mine, theirs in zip(block, blocks.pop(), strict=True)]
        blocks.append(block)
    shares = [hits / size if size else 0.5 for hits, size, _ in blocks]
    return np.repeat(shares, [int(bins) for _, _, bins in blocks])


def _filled(sums: Floats, rows: Floats) -> Floats:
    """Mean by bin; a bin without rows takes that of the nearest bin with some."""
    known = np.flatnonzero(rows)
    if not known.size:
        return np.full(rows.size, 0.5)
    nearest = known[np.abs(known[None, :] - np.arange(rows.size)[:, None]).argmin(axis=1)]
    means: Floats = sums[nearest] / rows[nearest]
    return means


def plain(calibration: Calibration) -> dict[str, Any]:
    """Plain JSON values, from which ``Calibration(**values)`` is the same again."""
    return {
        "klass": calibration.klass,
        "bounds": calibration.bounds.tolist(),
        "probabilities": calibration.probabilities.tolist(),
        "rows": calibration.rows.tolist(),
        "fitted": calibration.fitted,
        "wobble": calibration.wobble,
        "days": calibration.days,
    }
