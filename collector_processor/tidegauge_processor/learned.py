"""From what a model version has shown to a baseline: the reference of a model that nobody made one for.

A baseline that was learned is a `Baseline` like any other. What differs is how fine it can be: without one, numbers
arrive in exponential bins, known within 9 %, and its bounds are chosen among the ends of those, so that later windows
are counted in its cells exactly, whether they come in exponential bins or, from an SDK that was given the learned
baseline, on its bounds. Its metadata say that it was learned, and from what.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import reduce
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from tidegauge import semconv
from tidegauge.baseline import Baseline, CategoricalFeature, Feature, NumericFeature, ScoreReference
from tidegauge.baseline.bounds import binned_bounds, valid_range
from tidegauge.baseline.features import MOST_CATEGORIES
from tidegauge.baseline.seasons import Slots, finest_slots_of_hours
from tidegauge.baseline.tasks import NUMBER_TASKS, TASKS
from tidegauge.errors import SummaryError
from tidegauge.observation import MISSING
from tidegauge.summaries import OTHER, UNSEEN, NumericSummary
from tidegauge_processor.kept import kept_with_its_baseline
from tidegauge_processor.performance.classes import PAIRS
from tidegauge_processor.performance.likely import NO_SCORES, Likely, likely_task
from tidegauge_processor.records import ModelKey, StreamKey, Summary
from tidegauge_processor.state.aggregates import Aggregates
from tidegauge_processor.state.learning import HOUR, Learning
from tidegauge_processor.window_points import between

ORIGIN: Final = "origin"
LEARNED: Final[Literal["learned"]] = "learned"
"""Key and value of the metadata that tell people of a learned baseline; whoever publishes one can write them too."""

Counts = NDArray[np.int64]

_NEARLY_ALL: Final = 0.99
_TRUTHS: Final = ("false", "true")
_VALUES: Final = StreamKey(semconv.METRIC_PREDICTION_VALUE, "", ())


def learned_baseline(key: ModelKey, learning: Learning, length: int, task: str) -> Baseline:
    """Make a baseline of all that was learned; the same sums make the same baseline, with the same id.

    Args:
        key: the model version.
        learning: its windows so far, at least one.
        length: of a window, ns. Windows that do not divide an hour have no season.
        task: what the model does; empty when nobody has said, and then what its predictions look like.
    """
    hours, rows = np.array(sorted(learning.hours.items()), dtype=np.int64).T
    slots = finest_slots_of_hours(hours, rows) if HOUR % length == 0 else 1
    sums = _Sums(learning, slots)
    likely = sums.likely()
    known = next((known for known in TASKS if known == task), likely.task or "anomaly")
    classes = sums.classes(likely.positive) if known not in NUMBER_TASKS else ()
    return Baseline(
        model=key.model,
        version=key.version,
        task=known,
        slots=slots,
        features=sums.features(),
        classes=classes,
        class_counts=sums.class_counts(classes) if classes else None,
        threshold=0.5,
        score=sums.score(classes),
        value=sums.value(),
        rows=learning.rows,
        start=learning.start,
        end=learning.end - 1,
        performance={},
        metadata={
            ORIGIN: LEARNED,
            "learned_from": _moment(learning.start),
            "learned_until": _moment(learning.end),
            "learned_windows": (learning.end - learning.start) // length,
        },
    )


@kept_with_its_baseline
def blind_features(baseline: Baseline) -> frozenset[str]:
    """Numeric features whose values differ and yet lie in one bin, far from zero: what moves within it is not seen."""
    found = set()
    for feature in baseline.features:
        if isinstance(feature, NumericFeature) and feature.low < feature.high:
            counts = feature.counts.sum(axis=0)
            ends = feature.bounds[max(int(counts.argmax()) - 1, 0) : int(counts.argmax()) + 1]
            if counts.max() >= _NEARLY_ALL * counts.sum() and (ends > 0).all() | (ends < 0).all():
                found.add(feature.name)
    return frozenset(found)


class _Sums:
    """The sums of every season slot, and all of them together."""

    def __init__(self, learning: Learning, slots: Slots) -> None:
        hours = [learning.sums[hour] for hour in sorted(learning.sums)]
        self._all = reduce(_added, hours, Aggregates())
        of_slot = [[learning.sums[hour] for hour in sorted(learning.sums) if hour % slots == s] for s in range(slots)]
        self._slots = [reduce(_added, hours, Aggregates()) for hours in of_slot]

    def features(self) -> tuple[Feature, ...]:
        """References of all features; what one process sent as numbers and another as categories is the larger."""
        numbers: dict[str, int] = {}
        categories: dict[str, int] = {}
        for stream, summary in self._all.histograms.items():
            if stream.metric == semconv.METRIC_FEATURE_VALUE:
                numbers[stream.dimension(semconv.FEATURE_NAME)] = summary.count
        for stream, count in self._all.counts.items():
            if stream.metric == semconv.METRIC_FEATURE_OCCURRENCES:
                name = stream.dimension(semconv.FEATURE_NAME)
                categories[name] = categories.get(name, 0) + count
        return tuple(
            self._categorical(name) if categories.get(name, 0) > numbers.get(name, 0) else self._numeric(name)
            for name in sorted(numbers.keys() | categories.keys())
            if numbers.get(name) or categories.get(name)
        )

    def classes(self, positive: str | None) -> tuple[str, ...]:
        """Predicted classes, the ``positive`` one last; none when there are too many to compare."""
        counted = self._predicted()
        alone = tuple(sorted(counted, key=lambda name: (name == positive, name)))
        found = next((pair for pair in PAIRS if counted and counted <= set(pair)), alone)
        return found if len(found) <= MOST_CATEGORIES else ()

    def class_counts(self, classes: Sequence[str]) -> Counts:
        """Rows by slot and predicted class."""
        return self._table([_of_class(semconv.METRIC_PREDICTIONS, name) for name in classes])

    def likely(self) -> Likely:
        """What the predictions look like."""
        scores = dict.fromkeys(self._predicted(), NO_SCORES)
        for name in scores:
            summary = self._all.histograms.get(_of_class(semconv.METRIC_PREDICTION_SCORE, name))
            if summary is not None:
                scores[name] = summary.minimum, summary.maximum
        return likely_task(scores, numbers=_VALUES in self._all)

    def value(self) -> NumericFeature | None:
        """Reference of the predicted numbers."""
        return self._histogram("prediction", _VALUES) if _VALUES in self._all else None

    def score(self, classes: Sequence[str]) -> ScoreReference | None:
        """Reference of the scores, on the bounds that most of them came with."""
        streams = self._of(semconv.METRIC_PREDICTION_SCORE)
        summaries = [(self._all.histograms[stream], stream) for stream in streams if stream in self._all.histograms]
        explicit = [(each.count, each.bounds) for each, _ in summaries if isinstance(each, NumericSummary)]
        if not explicit:
            return None
        bounds = max(explicit, key=lambda pair: pair[0])[1]
        names = tuple(classes) or ("",)
        by_class = {stream.dimension(semconv.PREDICTION_CLASS): stream for _, stream in summaries}
        counts = np.zeros((len(self._slots), len(names), bounds.size + 1), dtype=np.int64)
        for name, stream in by_class.items():
            place = 0 if not classes else names.index(name) if name in names else None
            if place is not None:
                counts[:, place] += self._cells(stream, bounds)
        return ScoreReference(bounds, names, counts)

    def _numeric(self, name: str) -> NumericFeature:
        stream = StreamKey(semconv.METRIC_FEATURE_VALUE, "", ((semconv.FEATURE_NAME, name),))
        return self._histogram(name, stream, self._missing(name))

    def _histogram(self, name: str, stream: StreamKey, missing: Counts | None = None) -> NumericFeature:
        summary = self._all.histograms[stream]
        bounds = summary.bounds if isinstance(summary, NumericSummary) else binned_bounds(summary.bins())
        ends = [summary.minimum, summary.maximum]  # infinite when the writer does not say them
        low, high = valid_range(np.array(ends) if np.isfinite(ends).all() else bounds)
        nothing = np.zeros(len(self._slots), dtype=np.int64)
        return NumericFeature(
            name, bounds, self._cells(stream, bounds), nothing if missing is None else missing, low, high
        )

    def _categorical(self, name: str) -> CategoricalFeature:
        """Reference of a categorical column.

        Each process names the first 63 categories that it meets and counts the others as one. Where that happened,
        which categories have a name depends on the process, so none is compared: all of them share one cell.
        """
        streams = {
            stream.dimension(semconv.FEATURE_CATEGORY): stream
            for stream in self._of(semconv.METRIC_FEATURE_OCCURRENCES)
            if stream.dimension(semconv.FEATURE_NAME) == name
        }
        missing = self._missing(name)
        if not streams.keys().isdisjoint({OTHER, UNSEEN}) or len(streams) > MOST_CATEGORIES:
            counts = np.zeros((len(self._slots), 2), dtype=np.int64)
            counts[:, 0] = self._table(list(streams.values())).sum(axis=1)
            return CategoricalFeature(name, (), (), True, counts, missing, False)
        boolean = streams.keys() <= set(_TRUTHS)
        ranked = sorted(streams, key=lambda category: (-self._all.counts[streams[category]], category))
        labels = _TRUTHS if boolean else tuple(ranked)
        counts = np.pad(self._table([streams.get(label) for label in labels]), ((0, 0), (0, 2)))
        once = (counts.sum(axis=0) == 1) & (not boolean)  # these tell how many will be new: see `new_categories`
        counts[:, -1] = counts[:, once].sum(axis=1)
        counts[:, once] = 0
        return CategoricalFeature(name, labels, (), False, counts, missing, boolean)

    def _missing(self, name: str) -> Counts:
        pairs = ((semconv.VIOLATION_TYPE, MISSING), (semconv.FEATURE_NAME, name))
        return self._table([StreamKey(semconv.METRIC_VIOLATIONS, "", tuple(sorted(pairs)))])[:, 0]

    def _predicted(self) -> set[str]:
        return {stream.dimension(semconv.PREDICTION_CLASS) for stream in self._of(semconv.METRIC_PREDICTIONS)} - {""}

    def _of(self, metric: str) -> list[StreamKey]:
        return sorted(stream for stream in (*self._all.counts, *self._all.histograms) if stream.metric == metric)

    def _table(self, streams: Sequence[StreamKey | None]) -> Counts:
        """Counts by slot and stream."""
        rows = [[sums.counts.get(stream, 0) if stream else 0 for stream in streams] for sums in self._slots]
        return np.array(rows, dtype=np.int64).reshape(len(self._slots), len(streams))

    def _cells(self, stream: StreamKey, bounds: NDArray[np.float64]) -> Counts:
        """Counts by slot and bin; sums of another kind than the rest are left out."""
        return np.stack([between(sums.histograms.get(stream), bounds) for sums in self._slots])


def _of_class(metric: str, name: str) -> StreamKey:
    return StreamKey(metric, "", ((semconv.PREDICTION_CLASS, name),))


def _added(sums: Aggregates, more: Aggregates) -> Aggregates:
    add: Callable[[StreamKey, Summary | int], None] = sums.add
    for stream, value in [*more.histograms.items(), *more.counts.items()]:
        try:
            add(stream, value)
        except SummaryError:  # the bins changed in between: the first ones stay
            continue
    return sums


def _moment(ns: int) -> str:
    return datetime.fromtimestamp(ns // 10**9, UTC).isoformat().replace("+00:00", "Z")
