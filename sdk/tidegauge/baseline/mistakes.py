"""How often the model was wrong on the reference: the counts that later labels are compared with."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tidegauge.baseline.wobble import wobble
from tidegauge.errors import BaselineError

LARGE_SHARE = 0.1
"""Of a model that predicts numbers the largest errors of the reference, this share of them, count as mistakes."""


@dataclass(frozen=True)
class Mistakes:
    """Labelled reference rows, by whether the model was right.

    Args:
        right: rows that it got right.
        wrong: rows that it got wrong.
        bound: for predicted numbers, an error whose size is above this is a mistake; None for classes.
        wobble: variance of the share of mistakes between days, beyond chance; 0 when it is not known.
        days: reference days that ``wobble`` rests on; 0 when it is not known.

    Raises:
        BaselineError: a count is not a whole number from zero on, or the bound is no size.

    Example:
        >>> Mistakes.of_errors(np.array([-9.0, 0.5, 1.0, 2.0, 0.0, 1.5, -2.5, 1.0, 0.5, 1.0]))
        Mistakes(right=9, wrong=1, bound=2.5, wobble=0.0, days=0)
    """

    right: int
    wrong: int
    bound: float | None = None
    wobble: float = 0.0
    days: int = 0

    def __post_init__(self) -> None:
        if any(type(count) is not int or count < 0 for count in (self.right, self.wrong)):
            raise BaselineError(f"mistakes: {self.right!r} and {self.wrong!r} are not two counts")
        if self.bound is not None and not (math.isfinite(self.bound) and self.bound >= 0):
            raise BaselineError(f"mistakes: {self.bound!r} is not the size of an error")
        if not (math.isfinite(self.wobble) and self.wobble >= 0 and self.days >= 0):
            raise BaselineError(f"mistakes: {self.wobble!r} is not the variance between {self.days!r} days")

    @classmethod
    def of_classes(
        cls, predicted: NDArray[np.intp], actual: NDArray[np.intp], days: NDArray[np.intp] | None = None
    ) -> Mistakes:
        """Count equal and unequal class codes, both of shape ``(n,)``; ``days`` are those of the rows."""
        return cls._of(predicted != actual, None, days)

    @classmethod
    def of_errors(cls, errors: NDArray[np.float64], days: NDArray[np.intp] | None = None) -> Mistakes:
        """Count small and large ``errors``, shape ``(n,)``, at least one; ``days`` are those of the rows."""
        sizes = np.abs(errors)
        bound = float(np.sort(sizes)[math.ceil((1 - LARGE_SHARE) * sizes.size) - 1])
        return cls._of(sizes > bound, bound, days)

    @classmethod
    def _of(cls, wrong: NDArray[np.bool_], bound: float | None, days: NDArray[np.intp] | None) -> Mistakes:
        number = int(np.count_nonzero(wrong))
        share = number / wrong.size
        variance, rests_on = wobble(wrong.astype(np.float64) - share, np.full(wrong.size, share * (1 - share)), days)
        return cls(wrong.size - number, number, bound, variance, rests_on)
