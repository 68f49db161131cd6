"""What calls predicted, counted by class and segment; scores and values as histograms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from tidegauge._histogram import Histogram, add_numbers, empty_histogram
from tidegauge._table import Table, segments_of
from tidegauge.summaries import OTHER, NumericSummary

if TYPE_CHECKING:
    from tidegauge._prediction import Prediction
    from tidegauge._summarise import ModelSummary

Segments: TypeAlias = tuple[tuple[str, str], ...]

_NO_SEGMENTS: Final[Segments] = ()


def count_outputs(summary: ModelSummary, calls: Sequence[Prediction], table: Table | None) -> None:
    """Add what ``calls`` predicted to ``summary``.

    Args:
        summary: of their model.
        calls: of the same options.
        table: their rows, which give the segments; None where no input could be read.
    """
    if not any(call.error is None and call.rows for call in calls):
        return
    model = summary.model
    segments: list[Segments] | None = None
    names = calls[0].options.segments
    if table is not None and names:
        segments = [
            row if model.segments_seen.knows(row) else tuple((name, OTHER) for name, _ in row)
            for row in segments_of(table, names)
        ]
    place = 0
    by_class: dict[str | None, list[float]] = {}
    values: list[float] = []
    owners: dict[str | None, list[Prediction]] = {}
    latest: dict[tuple[str | None, Segments], Prediction] = {}
    for call in calls:
        first, place = place, place + call.rows
        if call.error is not None:
            continue
        output = call.outputs
        classes: Sequence[str | None] = [None] * call.rows
        if output is not None and output.classes is not None:
            admit = model.classes_seen.admit
            classes = [None if name is None else admit(name) for name in output.classes]
        counted = list(zip(classes, segments[first:place] if segments else [_NO_SEGMENTS] * call.rows, strict=True))
        summary.predictions.update(counted)
        if output is not None and output.classes is not None and call.recording:
            latest.update(dict.fromkeys(counted, call))
        if output is not None and output.values is not None:
            values.extend(output.values)
            owners.setdefault("value", []).extend([call] * call.rows)
        if output is not None and output.scores is not None:
            for name, score in zip(classes, output.scores, strict=True):
                by_class.setdefault(name, []).append(score)
                owners.setdefault(name, []).append(call)
    for kind, call in latest.items():
        summary.prediction_calls.add(kind, call)
    for name, scores in by_class.items():
        bins = model.score_bins
        histogram = summary.scores.setdefault(name, Histogram(NumericSummary(bins.bounds)))
        add_numbers(histogram, np.array(scores, dtype=np.float64), bins, owners[name])
    if values:
        baseline = model.baseline
        value_bins = None if baseline is None or baseline.value is None else baseline.value.bins
        histogram = summary.values.setdefault(None, empty_histogram(value_bins))
        add_numbers(histogram, np.array(values, dtype=np.float64), value_bins, owners["value"])
