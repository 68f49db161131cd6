"""How much each row moves a ROC AUC or an average precision.

The influence of a row is what the number changes by, to the first order, when the row gets a little more weight. Added
up over the rows influences are zero, and their squares add up to the variance of the number (Hampel 1974, JASA 69:383);
those of the area are DeLong's components. What they are for here is to tell how two numbers that rest on the same rows
vary together.

Rows with one score share what they win, so everything is counted once for each level of the score.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Levels(NamedTuple):
    """Rows by the level of their score.

    Attributes:
        positive: whether each row is positive, shape ``(n,)``; some are.
        weights: of the rows, above zero, shape ``(n,)``.
        level: of each row, shape ``(n,)``, counted from the lowest score.
        ups: weight of the positive rows of each level, shape ``(l,)``.
        downs: weight of the negative rows of each level, shape ``(l,)``.
    """

    positive: NDArray[np.bool_]
    weights: Floats
    level: NDArray[np.intp]
    ups: Floats
    downs: Floats

    @classmethod
    def of(cls, scores: Floats, positive: NDArray[np.bool_], weights: Floats) -> Levels:
        """Count rows, all of shape ``(n,)``."""
        distinct, level = np.unique(scores, return_inverse=True)
        ups, downs = (
            np.bincount(level, weights=weights * of, minlength=distinct.size).astype(np.float64)
            for of in (positive, ~positive)
        )
        return cls(positive, weights, level, ups, downs)

    def on_area(self) -> Floats:
        """Influence of each row on the area under the ROC curve, shape ``(n,)``; there are rows of both classes.

        >>> rows = Levels.of(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True]), np.ones(4))
        >>> rows.on_area().tolist()
        [0.125, -0.125, -0.125, 0.125]
        """
        ups, downs = float(self.ups.sum()), float(self.downs.sum())
        won = (np.cumsum(self.downs) - self.downs / 2) / downs  # share of the negative rows below, ties counting half
        lost = (ups - np.cumsum(self.ups) + self.ups / 2) / ups  # share of the positive rows above
        area = float((self.ups * won).sum()) / ups
        of_level = np.stack([(lost - area) / downs, (won - area) / ups])
        return np.asarray(self.weights * of_level[self.positive.astype(np.intp), self.level])

    def on_average_precision(self) -> Floats:
        """Influence of each row on the average precision, shape ``(n,)``.

        A positive row counts by its own precision. Besides, every row raises or lowers the precision at each threshold
        that it lies above.

        >>> rows = Levels.of(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True]), np.ones(4))
        >>> rows.on_average_precision().round(3).tolist()
        [-0.0, -0.111, -0.028, 0.139]
        """
        total = float(self.ups.sum())
        found, rows = (np.cumsum(each[::-1])[::-1] for each in (self.ups, self.ups + self.downs))
        precision = found / rows
        average = float((self.ups * precision).sum()) / total
        above = np.cumsum(self.ups / rows)
        lowered = np.cumsum(self.ups * precision / rows)
        of_level = np.stack([-lowered, precision - average + above - lowered])
        return np.asarray(self.weights * of_level[self.positive.astype(np.intp), self.level] / total)
