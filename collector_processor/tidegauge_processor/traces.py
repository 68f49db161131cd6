"""Which calls an incident points at: those that exemplify the streams concerned, the strongest stream first.

| stream | calls |
|---|---|
| of numbers | with the largest values of the window, then the smallest |
| of categories or classes | with those whose share has grown most, by as much as it grew |
| of broken values | that broke the schema in this way |
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tidegauge import semconv
from tidegauge.baseline import Baseline, CategoricalFeature
from tidegauge.observation import UNSEEN_CATEGORY
from tidegauge_processor import comparison
from tidegauge_processor.records import Exemplar, StreamKey
from tidegauge_processor.verdicts.types import Stream
from tidegauge_processor.window_points import category_cell, class_cell

Traces: TypeAlias = tuple[tuple[str, str], ...]
"""Calls to look at, as (trace id, span id)."""
Exemplars: TypeAlias = Mapping[StreamKey, tuple[Exemplar, ...]]
Counts: TypeAlias = Mapping[Stream, comparison.Cells]

MOST_TRACES: Final = 5
"""Example calls of an incident."""

_METRICS: Final = {
    comparison.FEATURE: (semconv.METRIC_FEATURE_VALUE, semconv.METRIC_FEATURE_OCCURRENCES),
    comparison.JOINT: (semconv.METRIC_RECONSTRUCTION_ERROR,),
    comparison.ATTRIBUTION: (semconv.METRIC_FEATURE_ATTRIBUTION,),
    comparison.PREDICTION: (semconv.METRIC_PREDICTION_VALUE, semconv.METRIC_PREDICTIONS),
    comparison.SCORE: (semconv.METRIC_PREDICTION_SCORE,),
    comparison.QUALITY: (semconv.METRIC_VIOLATIONS,),
}
_BY_CATEGORY: Final = (semconv.METRIC_FEATURE_OCCURRENCES, semconv.METRIC_PREDICTIONS)


def traces_of(
    streams: Sequence[Stream], exemplars: Exemplars, baseline: Baseline, now: Counts, before: Counts
) -> Traces:
    """Calls to look at, at most `MOST_TRACES`.

    Args:
        streams: what an incident concerns, strongest first.
        exemplars: calls of the window, by stream of data points.
        baseline: in whose cells the streams are counted.
        now: counts of the window by cell.
        before: counts that they are compared with, by cell.
    """
    found: dict[tuple[str, str], None] = {}
    for stream in streams:
        for exemplar in _concerned(stream, exemplars, baseline, now, before):
            found[exemplar.trace_id, exemplar.span_id] = None
            if len(found) == MOST_TRACES:
                return tuple(found)
    return tuple(found)


def watched(exemplars: Exemplars, streams: Collection[Stream]) -> dict[StreamKey, tuple[Exemplar, ...]]:
    """The exemplars that `traces_of` may ask for, when it is asked about any of ``streams``."""
    metrics = {metric for stream in streams for metric in _METRICS[stream.target]}
    names = {stream.name for stream in streams}
    return {
        key: found
        for key, found in exemplars.items()
        if key.metric in metrics and key.dimension(semconv.FEATURE_NAME) in names
    }


def concerns(stream: Stream, key: StreamKey) -> bool:
    """Whether data points of ``key`` say something of ``stream``."""
    return (
        key.metric in _METRICS[stream.target]
        and key.dimension(semconv.FEATURE_NAME) == stream.name
        and key.dimension(semconv.VIOLATION_TYPE) == stream.detail
    )


def _concerned(
    stream: Stream, exemplars: Exemplars, baseline: Baseline, now: Counts, before: Counts
) -> Iterator[Exemplar]:
    keys = [key for key in sorted(exemplars) if concerns(stream, key)]
    cell = _cell(stream, baseline)
    if cell and stream in now and stream in before:
        growth = _shares(now[stream]) - _shares(before[stream])
        ranked = sorted((-growth[cell(key)], key) for key in keys if key.metric in _BY_CATEGORY)
        keys = [key for shrinkage, key in ranked if shrinkage < 0]
    elif not keys and stream.detail == UNSEEN_CATEGORY:  # a writer that knows no baseline cannot say what is unseen
        feature = Stream(comparison.FEATURE, stream.name)
        cell, seen = _cell(feature, baseline), (key for key in sorted(exemplars) if concerns(feature, key))
        keys = [key for key in seen if cell and feature in now and cell(key) == len(now[feature]) - 1]
    for key in keys:
        yield from reversed(exemplars[key])


def _cell(stream: Stream, baseline: Baseline) -> Callable[[StreamKey], int] | None:
    """Gives the cell that a category is counted in; None where ``stream`` has no categories, or ``baseline`` not it."""
    if stream.target == comparison.PREDICTION:
        return class_cell(baseline) if baseline.class_counts is not None and baseline.value is None else None
    if stream.target != comparison.FEATURE:
        return None
    feature = next((feature for feature in baseline.features if feature.name == stream.name), None)
    return category_cell(feature) if isinstance(feature, CategoricalFeature) else None


def _shares(cells: comparison.Cells) -> NDArray[np.float64]:
    return np.asarray(cells / max(int(cells.sum()), 1), dtype=np.float64)
