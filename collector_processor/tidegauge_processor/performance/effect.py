"""What a change of the inputs does to performance: what is expected of the changed windows, beside the reference.

One number for each task, which needs no labels and adds up over windows: the expected accuracy of a model of classes,
from what its scores are worth, or the expected mean absolute error of a regression. Like every estimate it assumes that
there is no concept drift.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from tidegauge.baseline import Baseline, ScoreReference
from tidegauge.baseline.calibration import Calibration
from tidegauge.baseline.loss import LossModel
from tidegauge_processor.performance.estimated import Window, estimate_each, estimate_mae

Counts = NDArray[np.int64]

ACCURACY: Final = "accuracy"
MAE: Final = "mae"


class Seen(Protocol):
    """What a window must tell."""

    def scores_by_class(self, reference: ScoreReference) -> Mapping[str, Counts]:
        """Rows by predicted class and bin of the score."""

    def expected_loss(self, reference: LossModel) -> tuple[float, int]:
        """Sum of the errors that the baseline expects of the rows, and the number of rows."""


class Expected(NamedTuple):
    """What windows say of their performance, to be added up.

    Attributes:
        rows: rows by bin of the score, those that the score speaks against and those that it speaks for: of a binary
            task rows predicted as negative and as positive, of several classes none and all. Shape ``(2, B)``.
        loss: sum of the expected errors of a regression.
        losses: rows in that sum.
    """

    rows: Counts
    loss: float
    losses: int

    @classmethod
    def of(cls, seen: Seen, baseline: Baseline) -> Self | None:
        """What a window says; None where the baseline does not know what scores are worth or which error to expect."""
        if baseline.loss is not None:
            return cls(np.zeros((2, 0), dtype=np.int64), *seen.expected_loss(baseline.loss))
        worth = _worth(baseline)
        if worth is None or baseline.score is None:
            return None
        rows = np.zeros((2, worth.rows.size), dtype=np.int64)
        for klass, counts in seen.scores_by_class(baseline.score).items():
            rows[int(worth.klass in ("", klass))] += counts
        return cls(rows, 0.0, 0)

    def plus(self, other: Self) -> Self:
        """Both together."""
        return type(self)(self.rows + other.rows, self.loss + other.loss, self.losses + other.losses)

    def dump(self) -> list[Any]:
        """Plain values, for JSON."""
        return [self.rows.tolist(), self.loss, self.losses]

    @classmethod
    def load(cls, plain: list[Any]) -> Self:
        """Read what `dump` wrote."""
        rows, loss, losses = plain
        return cls(np.array(rows, dtype=np.int64).reshape(2, -1), loss, losses)


@dataclass(frozen=True, slots=True)
class Effect:
    """The performance that is expected of some windows, and that of the reference.

    Attributes:
        name: ``accuracy`` or ``mae``.
        value: the estimate.
        lower: lower end of its 95 % interval.
        upper: upper end of its 95 % interval.
        reference: what was measured on the labels of the reference.
        rows: rows that the estimate rests on.
        unchanged: whether performance is surely no worse than the tolerance allows.

    Example:
        >>> str(Effect("accuracy", 0.81, 0.8, 0.82, 0.815, 4_800, unchanged=True))
        'accuracy estimated 0.81 (0.8 to 0.82) on 4800 rows, 0.815 in the reference: surely no worse'
    """

    name: str
    value: float
    lower: float
    upper: float
    reference: float
    rows: int
    unchanged: bool

    def __str__(self) -> str:
        found = f"{self.name} estimated {self.value:.4g} ({self.lower:.4g} to {self.upper:.4g}) on {self.rows} rows"
        return f"{found}, {self.reference:.4g} in the reference" + (": surely no worse" if self.unchanged else "")


def effect(expected: Iterable[Expected], baseline: Baseline, tolerance: float) -> Effect | None:
    """The effect of what has changed in some windows; None where nothing can be estimated.

    Args:
        expected: of the windows.
        baseline: what scores are worth, which error to expect, and how good the model was on the reference.
        tolerance: by how much accuracy may fall, or by which part of it the error may grow, and still be called
            unchanged.
    """
    parts = list(expected)
    if not parts:
        return None
    total = reduce(Expected.plus, parts)
    worth, name = _worth(baseline), MAE if baseline.loss is not None else ACCURACY
    reference = baseline.performance.get(name)
    if reference is None:
        return None
    if baseline.loss is not None and total.losses:
        found = estimate_mae(total.loss, total.losses, baseline.loss.spread)
        unchanged = found.upper <= reference * (1 + tolerance)
    elif worth is not None and total.rows.any():
        found = estimate_each((ACCURACY,), Window(total.rows, worth.probabilities, worth.rows))[ACCURACY]
        unchanged = found.lower >= reference - tolerance
    else:
        return None
    return Effect(name, found.value, found.lower, found.upper, reference, found.labels, unchanged)


def _worth(baseline: Baseline) -> Calibration | None:
    """What a score is worth: of the positive class of a binary task, of the predicted one of several."""
    if baseline.task == "binary" and baseline.calibration:
        return baseline.calibration[0]
    if baseline.task == "multiclass" and baseline.calibration and baseline.calibration[-1].klass == "":
        return baseline.calibration[-1]
    return None
