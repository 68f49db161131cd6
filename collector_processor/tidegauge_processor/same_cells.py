"""Whether two baselines count a stream in the same cells, so that what came with the one counts for the other too.

Baselines of one version differ wherever one was fitted again: while it is rolled out, processes count by the one and by
the other. Counts add up where the cells are the same ones, and nowhere else. What a baseline compares with them, its
own reference, is another matter.

| stream | the cells are the same where these are |
|---|---|
| values and categories of a feature, and what breaks its schema | bins and valid range; categories, other known ones |
| predicted classes and numbers, scores | classes, bins of the scores, bins of the numbers |
| scores of one of several classes | bins of its calibration |
| attributions of a feature | their bins |
| reconstruction errors | principal components, and the bins of the errors |
| expected errors | the loss model, and the cells of the features that it asks for |
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegauge import semconv
from tidegauge.baseline import Baseline, CategoricalFeature, NumericFeature, ScoreReference
from tidegauge.baseline.joint import JointReference
from tidegauge.baseline.loss import LossModel
from tidegauge_processor.records import StreamKey

Place = tuple[str, str]


class SameCells:
    """What two baselines count alike.

    Args:
        one: a baseline.
        other: another one.
    """

    def __init__(self, one: Baseline, other: Baseline) -> None:
        self._one, self._other = one, other
        self._found: dict[Place, bool] = {}

    def __call__(self, stream: StreamKey) -> bool:
        """Whether both count ``stream`` in the same cells; one that a baseline counts in none is not counted alike."""
        place = stream.metric, stream.dimension(semconv.FEATURE_NAME) or stream.dimension(semconv.PREDICTION_CLASS)
        known = self._found.get(place)
        if known is None:
            compare = _COMPARED.get(stream.metric)
            known = self._found[place] = compare is not None and compare(self._one, self._other, place[1])
        return known


def counts(stream: StreamKey, baseline: Baseline) -> bool:
    """Whether ``baseline`` has cells for ``stream`` at all."""
    return SameCells(baseline, baseline)(stream)


def _feature(one: Baseline, other: Baseline, name: str) -> bool:
    try:
        first, second = one.feature(name), other.feature(name)
    except KeyError:
        return False
    if isinstance(first, NumericFeature) and isinstance(second, NumericFeature):
        return _equal(first.bounds, second.bounds) and (first.low, first.high) == (second.low, second.high)
    if isinstance(first, CategoricalFeature) and isinstance(second, CategoricalFeature):
        return (first.labels, first.others, first.open) == (second.labels, second.others, second.open)
    return False


def _predicted(one: Baseline, other: Baseline, _: str) -> bool:
    return (
        one.classes == other.classes
        and _same_bins(one.score, other.score)
        and _same_bins(one.value, other.value)
        and (one.score is not None or one.value is not None or bool(one.classes))
    )


def _class_score(one: Baseline, other: Baseline, name: str) -> bool:
    first, second = one.class_calibrations.get(name), other.class_calibrations.get(name)
    return first is not None and second is not None and _equal(first.bounds, second.bounds)


def _attribution(one: Baseline, other: Baseline, name: str) -> bool:
    first, second = ({part.name: part for part in each.attributions}.get(name) for each in (one, other))
    return first is not None and _same_bins(first, second)


def _joint(one: Baseline, other: Baseline, _: str) -> bool:
    return one.joint is not None and other.joint is not None and _same_components(one.joint, other.joint)


def _loss(one: Baseline, other: Baseline, _: str) -> bool:
    if one.loss is None or other.loss is None or not _same_model(one.loss, other.loss):
        return False
    return all(_feature(one, other, name) if name else _same_bins(one.value, other.value) for name in one.loss.names)


def _same_components(one: JointReference, other: JointReference) -> bool:
    return one.names == other.names and all(
        _equal(first, second)
        for first, second in (
            (one.means, other.means),
            (one.scales, other.scales),
            (one.components, other.components),
            (one.error.bounds, other.error.bounds),
        )
    )


def _same_model(one: LossModel, other: LossModel) -> bool:
    return (one.names, one.start) == (other.names, other.start) and all(
        _equal(first, second)
        for first, second in (
            (one.inputs, other.inputs),
            (one.cuts, other.cuts),
            (one.leaves, other.leaves),
            (one.error.bounds, other.error.bounds),
        )
    )


def _same_bins(one: NumericFeature | ScoreReference | None, other: NumericFeature | ScoreReference | None) -> bool:
    if one is None or other is None:
        return one is other
    return _equal(one.bounds, other.bounds)


def _equal(one: NDArray[np.generic], other: NDArray[np.generic]) -> bool:
    return bool(np.array_equal(one, other))


_COMPARED: Final[dict[str, Callable[[Baseline, Baseline, str], bool]]] = {
    semconv.METRIC_FEATURE_VALUE: _feature,
    semconv.METRIC_FEATURE_OCCURRENCES: _feature,
    semconv.METRIC_VIOLATIONS: _feature,
    semconv.METRIC_PREDICTIONS: _predicted,
    semconv.METRIC_PREDICTION_VALUE: _predicted,
    semconv.METRIC_PREDICTION_SCORE: _predicted,
    semconv.METRIC_CLASS_SCORE: _class_score,
    semconv.METRIC_FEATURE_ATTRIBUTION: _attribution,
    semconv.METRIC_RECONSTRUCTION_ERROR: _joint,
    semconv.METRIC_ESTIMATED_LOSS: _loss,
}
COMPARED: Final = frozenset(_COMPARED)
"""Metrics of which baselines have cells."""
