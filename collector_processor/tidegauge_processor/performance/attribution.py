"""Does the model lean on the same features as before? One number from the ranking of the features.

A feature's weight is the mean of its absolute attributions. With a(f) the reference's weight of feature f, the live
ranking f_1, f_2, ... (heaviest first) is worth

    DCG = sum over i of a(f_i) / log2(i + 1)

and at most what the reference's own ranking is worth. Their ratio, the normalised discounted rank gain, is 1 when the
ranking is the same, and falls the more, the heavier the features are that fell behind. Amazon SageMaker Clarify uses it
in the same form and suggests to look at values below 0.9.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray


def attribution_ndcg(reference: Mapping[str, float], live: Mapping[str, float]) -> float | None:
    """Normalised discounted rank gain of the live ranking of features.

    Args:
        reference: weight of each feature in the reference, at least 0.
        live: weight of each feature now; a feature without one has the weight 0. Of equal ones the reference's lighter
            is ranked first, so that a tie is never taken for agreement.

    Returns:
        A number in (0, 1]; None when there is no weight in the reference or none at all now.

    Example:
        >>> reference = {"age": 3.0, "income": 2.0, "colour": 1.0}
        >>> attribution_ndcg(reference, {"age": 30.0, "income": 20.0, "colour": 10.0})
        1.0
        >>> round(attribution_ndcg(reference, {"age": 1.0, "income": 2.0, "colour": 3.0}), 4)
        0.79
    """
    if not any(reference.values()) or not any(live.get(name, 0.0) for name in reference):
        return None
    ranked = sorted(reference, key=lambda name: (-live.get(name, 0.0), reference[name], name))
    ideal = sorted(reference.values(), reverse=True)
    return min(_gain([reference[name] for name in ranked]) / _gain(ideal), 1.0)


def mean_magnitude(counts: NDArray[np.int64], bounds: NDArray[np.float64]) -> float:
    """Mean of the absolute values behind a histogram: each bin stands for its middle, an open one for its bound.

    Args:
        counts: values by bin, shape ``(K + 1,)``.
        bounds: ascending, shape ``(K,)``.

    >>> mean_magnitude(np.array([1, 2, 1]), np.array([-2.0, 4.0]))
    2.0
    """
    middles = np.concatenate([bounds[:1], (bounds[:-1] + bounds[1:]) / 2, bounds[-1:]])
    total = counts.sum()
    return float(np.abs(middles) @ counts / total) if total else 0.0


def _gain(weights: list[float]) -> float:
    return float(sum(weight / np.log2(place + 2) for place, weight in enumerate(weights)))
