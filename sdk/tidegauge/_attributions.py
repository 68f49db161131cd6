"""Attributions of the calls of one model and interval, summed up by feature."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from tidegauge._explain import Explanation
from tidegauge._histogram import Histogram, empty_histogram, exemplify

if TYPE_CHECKING:
    from tidegauge._model import Model
    from tidegauge._prediction import Prediction


class Attributions:
    """Distribution of each feature's attributions.

    Args:
        model: gives the bins, where its baseline has attributions, and bounds the number of features.

    Attributes:
        histograms: by feature; exponential where there is no reference.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self.histograms: dict[str, Histogram] = {}

    def take(self, calls: Iterable[Prediction | Explanation]) -> list[Prediction]:
        """Add up the explanations among ``calls`` and give back the others."""
        others: list[Prediction] = []
        for call in calls:
            if isinstance(call, Explanation):
                self._add(call)
            else:
                others.append(call)
        return others

    def _add(self, explained: Explanation) -> None:
        model = self._model
        for name, values in explained.columns.items():
            finite = values[np.isfinite(values)]
            bins = model.attribution_bins.get(name)
            if finite.size and (bins is not None or name in model.features or model.features_seen.knows(name)):
                histogram = self.histograms.setdefault(name, empty_histogram(bins))
                histogram.add(finite, bins)
                exemplify(histogram.examples, finite, [explained.call] * finite.size)
