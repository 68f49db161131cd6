"""Which streams a baseline names.

The cardinality limit guards against values that nobody foresaw. What a baseline lists is foreseen, and bounded by the
baseline's own size: a model with many categorical features must not lose some of them to the limit, since a feature
of which only the first categories are counted looks as if it had drifted.
"""

from __future__ import annotations

from typing import Final

from tidegauge import semconv
from tidegauge.baseline import Baseline, CategoricalFeature
from tidegauge.observation import MISSING, NON_FINITE, OUT_OF_RANGE, TYPE_MISMATCH, UNSEEN_CATEGORY
from tidegauge_processor.records import StreamKey

_KINDS: Final = (MISSING, NON_FINITE, TYPE_MISMATCH, OUT_OF_RANGE, UNSEEN_CATEGORY)
_BY_CLASS: Final = (semconv.METRIC_PREDICTIONS, semconv.METRIC_PREDICTION_SCORE)
_OF_ROWS: Final = (
    semconv.METRIC_PREDICTION_VALUE,
    semconv.METRIC_RECONSTRUCTION_ERROR,
    semconv.METRIC_ESTIMATED_LOSS,
)


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
