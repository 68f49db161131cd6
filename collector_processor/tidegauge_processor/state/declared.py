"""Which streams a baseline names, and in which bins.

The cardinality limit guards against values that nobody foresaw. What a baseline lists is foreseen, and bounded by the
baseline's own size: a model with many categorical features must not lose some of them to the limit, since a feature
of which only the first categories are counted looks as if it had drifted.

A histogram that a baseline lists comes in the baseline's bins. Whoever sends others under its id loses them: taken in,
they would keep out those of all other senders.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidegauge import semconv
from tidegauge.baseline import Baseline, Calibration, CategoricalFeature, NumericFeature, ScoreReference
from tidegauge.observation import MISSING, NON_FINITE, OUT_OF_RANGE, TYPE_MISMATCH, UNSEEN_CATEGORY
from tidegauge.summaries import ExponentialSummary, NumericSummary
from tidegauge_processor.records import StreamKey, Summary

_KINDS: Final = (MISSING, NON_FINITE, TYPE_MISMATCH, OUT_OF_RANGE, UNSEEN_CATEGORY)
_BY_CLASS: Final = (semconv.METRIC_PREDICTIONS, semconv.METRIC_PREDICTION_SCORE)
_OF_ROWS: Final = (
    semconv.METRIC_PREDICTION_VALUE,
    semconv.METRIC_RECONSTRUCTION_ERROR,
    semconv.METRIC_ESTIMATED_LOSS,
)


class Declared(NamedTuple):
    """What is declared of the streams of a model version.

    Attributes:
        known: baselines by id.
        learned: the one that was learned of what comes without a baseline; None without one.
    """

    known: Mapping[str, Baseline]
    learned: Baseline | None = None

    def lists(self, stream: StreamKey) -> bool:
        """Whether the baseline that ``stream`` came with lists what it counts."""
        return is_declared(stream, self.known.get(stream.baseline))

    def fits(self, stream: StreamKey, summary: Summary) -> bool | None:
        """Whether a histogram has the bins that are declared of its stream; None where none are."""
        baseline = self.known.get(stream.baseline) if stream.baseline else self.learned
        bounds = bounds_of(stream, baseline) if baseline else None
        if bounds is None:
            return None
        if isinstance(summary, NumericSummary):
            return bool(np.array_equal(summary.bounds, bounds))
        return not stream.baseline and _are_exponential(bounds.tobytes())


def bounds_of(stream: StreamKey, baseline: Baseline) -> NDArray[np.float64] | None:
    """Bounds of the bins that ``baseline`` has for ``stream``, shape ``(K,)``; None where it has none."""
    name = stream.dimension(semconv.FEATURE_NAME)
    part: NumericFeature | ScoreReference | Calibration | None = None
    if stream.metric == semconv.METRIC_FEATURE_VALUE:
        part = _numeric(baseline, name)
    elif stream.metric == semconv.METRIC_FEATURE_ATTRIBUTION:
        part = next((each for each in baseline.attributions if each.name == name), None)
    elif stream.metric == semconv.METRIC_PREDICTION_SCORE:
        part = baseline.score
    elif stream.metric == semconv.METRIC_PREDICTION_VALUE:
        part = baseline.value
    elif stream.metric == semconv.METRIC_RECONSTRUCTION_ERROR:
        part = baseline.joint.error if baseline.joint else None
    elif stream.metric == semconv.METRIC_ESTIMATED_LOSS:
        part = baseline.loss.error if baseline.loss else None
    elif stream.metric == semconv.METRIC_CLASS_SCORE:
        part = baseline.class_calibrations.get(stream.dimension(semconv.PREDICTION_CLASS))
    return part.bounds if part else None


def _numeric(baseline: Baseline, name: str) -> NumericFeature | None:
    try:
        feature = baseline.feature(name)
    except KeyError:
        return None
    return feature if isinstance(feature, NumericFeature) else None


@lru_cache(maxsize=1024)  # of baselines, so their number of bounds is bounded
def _are_exponential(bounds: bytes) -> bool:
    return ExponentialSummary.fits(np.frombuffer(bounds))


def is_declared(stream: StreamKey, baseline: Baseline | None) -> bool:
    """Whether ``baseline`` lists what ``stream`` counts: a feature, a category of it, a violation of it, or a class."""
    if stream.metric in (semconv.METRIC_PREDICTION_DURATION, semconv.METRIC_SDK_PREDICTIONS):
        return not stream.dimensions
    if baseline is None or stream.baseline != baseline.id:
        return False
    found = dict(stream.dimensions)
    if stream.metric in _BY_CLASS:
        return not found or (len(found) == 1 and found.get(semconv.PREDICTION_CLASS) in baseline.classes)
    if stream.metric == semconv.METRIC_CLASS_SCORE:
        known = found.pop(semconv.PREDICTION_CLASS, "") in baseline.class_calibrations
        return known and found.pop(semconv.PREDICTION_CHOSEN, "") in ("true", "false") and not found
    if stream.metric in _OF_ROWS:
        return not found
    try:
        feature = baseline.feature(found.pop(semconv.FEATURE_NAME))
    except KeyError:
        return False
    if stream.metric == semconv.METRIC_FEATURE_OCCURRENCES:
        known = isinstance(feature, CategoricalFeature) and found.pop(semconv.FEATURE_CATEGORY, "") in feature.labels
        return known and not found
    if stream.metric == semconv.METRIC_VIOLATIONS:
        return found.pop(semconv.VIOLATION_TYPE, "") in _KINDS and not found
    return not found
