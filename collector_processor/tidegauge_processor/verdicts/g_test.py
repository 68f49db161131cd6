"""The G test: the log-likelihood ratio against a chi-square, corrected for small counts.

G is taken against a chi-square. That approximation is too small for small counts: Williams' factor ``q`` sets the mean
right, but the tail needs about half as much again. ``G / (1 + 1.5 (q - 1))`` was compared with the exact law (by
convolution, 4 to 24 cells, 5 to 40 expected rows in each): the true probability of p <= 1e-3 ... 1e-8 is at most 1.05
of nominal from 7 cells on, where without a correction it reaches 2.4 of it. With fewer cells G takes so few values
that its law has steps: it is up to 1.3 of nominal at p = 1e-2 and below it from 1e-4 on, where the budget's levels lie.
An approximation was preferred to drawing permutations: levels of 1e-6 would need 1e8 of them.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegauge.statistics.g_test import GStatistic
from tidegauge_processor.verdicts.saddlepoint import Equal
from tidegauge_processor.verdicts.uncertain import p_values

Floats = NDArray[np.float64]

_BEYOND_WILLIAMS: Final = 1.5


def g_p_values(found: GStatistic, excess: Floats) -> Floats:
    """Probability of a G at least as large when both samples have the same shares.

    Args:
        found: G of ``n`` pairs of samples. Each occupied cell should expect five rows in either sample (see
            `tidegauge.statistics.pooling`).
        excess: what has to be added to the mean of G, at the nodes of `uncertain`, shape ``(n, nodes)``.

    Returns:
        Shape ``(n,)``; 1 where a side is empty or all rows share a cell.

    Example:
        >>> from tidegauge.statistics.g_test import g_statistic
        >>> found = g_statistic(np.array([[500.0, 300, 200]]), np.array([[30.0, 30, 40]]))
        >>> round(float(found.statistic[0]), 6), round(float(g_p_values(found, np.zeros((1, 15)))[0]), 8)
        (22.300524, 1.629e-05)
    """
    corrected = 1 + _BEYOND_WILLIAMS * found.williams
    return p_values(Equal(found.degrees), found.statistic / corrected, excess / corrected[:, None])
