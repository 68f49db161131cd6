"""What of a window can be compared with its baseline: counts of the window beside counts of the reference.

| stream | cells |
|---|---|
| feature, numeric | the baseline's bins |
| feature, categorical | the baseline's categories, ``_other``, ``_unseen`` |
| joint | the bins of the reconstruction error: how far rows lie off the baseline's principal components |
| attribution | the baseline's bins of a feature's attributions |
| prediction | the baseline's classes and one for all others; the bins of the predicted number for regression |
| score | the baseline's score bins, all predicted classes together |
| quality | rows in order, rows that break the schema; one stream for each feature and kind of violation |
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from tidegauge import semconv
from tidegauge.baseline import Baseline, Feature, NumericFeature, ScoreReference
from tidegauge.baseline.joint import JointReference
from tidegauge.observation import MISSING, NON_FINITE, OUT_OF_RANGE, TYPE_MISMATCH, UNSEEN_CATEGORY
from tidegauge.statistics.wobble import UNKNOWN
from tidegauge.summaries import OTHER
from tidegauge_processor.kept import kept_with_its_baseline
from tidegauge_processor.performance.selection import Selection
from tidegauge_processor.records import OVERFLOW
from tidegauge_processor.state.aggregates import Aggregates
from tidegauge_processor.verdicts.moderation import moderate
from tidegauge_processor.verdicts.types import Reference, Stream

Cells = NDArray[np.int64]

FEATURE: Final = "feature"
JOINT: Final = "joint"
ATTRIBUTION: Final = "attribution"
PREDICTION: Final = "prediction"
SCORE: Final = "score"
QUALITY: Final = "quality"

VIOLATIONS_OF_NUMBERS: Final = (MISSING, NON_FINITE, TYPE_MISMATCH, OUT_OF_RANGE)
"""Kinds of violation that a numeric feature can have."""
_OF_CATEGORIES: Final = (MISSING, TYPE_MISMATCH, UNSEEN_CATEGORY)
_OF_OPEN_CATEGORIES: Final = (MISSING, TYPE_MISMATCH)


@kept_with_its_baseline
def references(baseline: Baseline) -> Mapping[Stream, Reference]:
    """Reference counts of every stream that ``baseline`` knows, by season slot, and their wobble."""
    found: dict[Stream, Reference] = {}
    for feature in baseline.features:
        bounds = feature.bounds if isinstance(feature, NumericFeature) else None
        found[Stream(FEATURE, feature.name)] = Reference(feature.counts, bounds, wobble=feature.wobble)
        for kind in _possible_violations(feature):
            found[Stream(QUALITY, feature.name, kind)] = _quality(feature, kind)
    if baseline.joint is not None:
        error = baseline.joint.error
        found[Stream(JOINT, "")] = Reference(error.counts, error.bounds, wobble=error.wobble)
    for part in baseline.attributions:
        found[Stream(ATTRIBUTION, part.name)] = Reference(part.counts, part.bounds, wobble=part.wobble)
    if baseline.value is not None:
        found[Stream(PREDICTION, "")] = Reference(
            baseline.value.counts, baseline.value.bounds, wobble=baseline.value.wobble
        )
    elif baseline.class_counts is not None:
        padded = np.pad(baseline.class_counts, ((0, 0), (0, 1)))
        found[Stream(PREDICTION, "")] = Reference(padded, wobble=baseline.class_wobble)
    if baseline.score is not None:
        found[Stream(SCORE, "")] = Reference(
            baseline.score.counts.sum(axis=1), baseline.score.bounds, wobble=baseline.score.wobble
        )
    return moderate(found)


class Seen(Protocol):
    """What a window saw, whether it comes from data points or from rows."""

    def feature(self, feature: Feature) -> Cells:
        """Values by cell of the feature's reference."""

    def violations(self, feature: Feature, kind: str) -> int:
        """Values of a feature that broke the schema in one way."""

    def joint(self, reference: JointReference) -> Cells:
        """Reconstruction errors by bin."""

    def attribution(self, reference: NumericFeature) -> Cells:
        """Attributions of a feature by bin."""

    def classes(self) -> Cells:
        """Predicted classes by cell, see `class_cells`."""

    def value(self, reference: NumericFeature) -> Cells:
        """Predicted numbers by bin."""

    def score(self, reference: ScoreReference) -> Cells:
        """Scores by bin, all predicted classes together."""


def counts(seen: Seen, baseline: Baseline) -> dict[Stream, Cells]:
    """Counts of one window, cell by cell as in `references`; streams without data have empty cells."""
    found: dict[Stream, Cells] = {}
    for feature in baseline.features:
        cells = seen.feature(feature)
        found[Stream(FEATURE, feature.name)] = cells
        present = int(cells.sum())
        bad = {kind: seen.violations(feature, kind) for kind in _possible_violations(feature)}
        rows = present + sum(bad.get(kind, 0) for kind in (MISSING, NON_FINITE, TYPE_MISMATCH))
        for kind, number in bad.items():
            of = present if kind == UNSEEN_CATEGORY else rows
            found[Stream(QUALITY, feature.name, kind)] = np.array([max(of - number, 0), number], dtype=np.int64)
    if baseline.joint is not None:
        found[Stream(JOINT, "")] = seen.joint(baseline.joint)
    for part in baseline.attributions:
        found[Stream(ATTRIBUTION, part.name)] = seen.attribution(part)
    if baseline.value is not None:
        found[Stream(PREDICTION, "")] = seen.value(baseline.value)
    elif baseline.class_counts is not None:
        found[Stream(PREDICTION, "")] = seen.classes()
    if baseline.score is not None:
        found[Stream(SCORE, "")] = seen.score(baseline.score)
    return found


def class_cells(baseline: Baseline) -> tuple[dict[str, int], int]:
    """Cell of each class that the baseline knows, and the cell of all others.

    A baseline of more classes than it can list has counted the rare ones together, as ``_other``.
    """
    place = {label: cell for cell, label in enumerate(baseline.classes)}
    return place, place.get(OTHER, len(place))


def _possible_violations(feature: Feature) -> tuple[str, ...]:
    """What a feature can get wrong; each is a stream, and takes its share of the budget of false alarms."""
    if isinstance(feature, NumericFeature):
        return VIOLATIONS_OF_NUMBERS
    return _OF_OPEN_CATEGORIES if feature.open else _OF_CATEGORIES


def _quality(feature: Feature, kind: str) -> Reference:
    """Rows in order and rows that break the schema; a reference may itself have missing and unseen values."""
    present = feature.counts.sum(axis=1)
    if kind == MISSING:
        return Reference(np.stack([present, feature.missing], axis=1), wobble=feature.missing_wobble)
    if kind == UNSEEN_CATEGORY and feature.counts[:, -1].any():
        unseen = feature.counts[:, -1]  # it wobbles no more than the cell that does so most
        return Reference(np.stack([present - unseen, unseen], axis=1), wobble=feature.wobble)
    return Reference(np.stack([present, np.zeros_like(present)], axis=1), wobble=UNKNOWN)


def rows_predicted(sums: Aggregates) -> int:
    """Rows predicted in one window, whatever baseline they were compared with."""
    return sum(count for stream, count in sums.counts.items() if stream.metric == semconv.METRIC_PREDICTIONS)


def selection_of(sums: Aggregates) -> Selection:
    """Predictions by segment, group and class, as far as they have both."""
    found = Selection()
    for stream, count in sums.counts.items():
        if stream.metric != semconv.METRIC_PREDICTIONS:
            continue
        if stream.dimensions == OVERFLOW:
            found.lose()
        klass = stream.dimension(semconv.PREDICTION_CLASS)
        for name, group in stream.dimensions if klass else ():
            if name.startswith(semconv.SEGMENT_PREFIX):
                found.add(name.removeprefix(semconv.SEGMENT_PREFIX), group, klass, count)
    return found


def violation_rates(sums: Aggregates, known: Mapping[Stream, Cells]) -> dict[tuple[str, str], float]:
    """Share of rows that broke the schema, by feature and kind, where any did.

    Rows of calls that failed were seen as well, though nothing was predicted for them; ``known`` tells of them.
    """
    rows = rows_predicted(sums)
    bad: dict[tuple[str, str], int] = {}
    for stream, count in sums.counts.items():
        if stream.metric == semconv.METRIC_VIOLATIONS and count:
            broken = stream.dimension(semconv.FEATURE_NAME), stream.dimension(semconv.VIOLATION_TYPE)
            bad[broken] = bad.get(broken, 0) + count
    for watched, cells in known.items():  # what only the baseline can tell, in rows that came without it
        if watched.target == QUALITY and cells[1]:
            broken = watched.name, watched.detail
            bad[broken] = max(bad.get(broken, 0), int(cells[1]))
    seen = {(stream.name, stream.detail): int(cells.sum()) for stream, cells in known.items()}
    return {broken: min(1.0, count / max(rows, seen.get(broken, 0), 1)) for broken, count in bad.items()}
