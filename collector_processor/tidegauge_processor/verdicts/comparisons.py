"""What is compared with what: merged windows beside the reference mixed to their season slots.

Pure arrays, for ``n`` streams of one shape, ``E`` ends in time and ``S`` scales at once; a comparison is one row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidegauge.statistics import season
from tidegauge.statistics.wobble import FEWEST_BLOCKS, METHODS
from tidegauge_processor.verdicts.scales import merge_latest, stack
from tidegauge_processor.verdicts.types import Reference, Stream, Window
from tidegauge_processor.verdicts.uncertain import NODES, beyond

Floats = NDArray[np.float64]

HOUR: Final = 3_600 * 10**9
"""Nanoseconds of an hour."""


class Shape(NamedTuple):
    """What streams must have in common to be compared in the same arrays."""

    slots: int
    cells: int
    ordered: bool


def shape_of(reference: Reference) -> Shape:
    """Shape of a stream's counts."""
    return Shape(reference.counts.shape[0], reference.cells, reference.bounds is not None)


@dataclass(frozen=True, eq=False)
class Comparisons:
    """``k`` comparisons.

    Attributes:
        reference: counts, adding up to an effective size, shape ``(k, K)``.
        window: counts of the merged windows, shape ``(k, K)``.
        left_out: rows at a time without reference, shape ``(k,)``.
        blocks: how many stretches as long as the merged windows the reference has, shape ``(k,)``; as many as are
            needed where rows are taken to be independent.
        beyond: what each effective row adds to the mean of a statistic, by method, shape ``(k, nodes)``.
        ordered: whether the cells have an order.
    """

    reference: Floats
    window: Floats
    left_out: NDArray[np.int64]
    blocks: NDArray[np.int64]
    beyond: Mapping[str, Floats]
    ordered: bool

    @cached_property
    def rows(self) -> Floats:
        """Rows of the merged windows that are compared, shape ``(k,)``."""
        result: Floats = self.window.sum(axis=1)
        return result

    @cached_property
    def size(self) -> Floats:
        """Effective rows of the reference, shape ``(k,)``."""
        result: Floats = self.reference.sum(axis=1)
        return result

    @cached_property
    def effective(self) -> Floats:
        """Rows of one sample whose mean varies as much as the difference of both: shape ``(k,)``."""
        result: Floats = self.size * self.rows / np.maximum(self.size + self.rows, 1.0)
        return result

    @cached_property
    def new(self) -> NDArray[np.bool_]:
        """Whether the second of two cells, empty in the reference, has most of the rows now: shape ``(k,)``.

        A fact about the schema, not a statistic: what never happened has become the rule.
        """
        result: NDArray[np.bool_] = (self.reference[:, 1] == 0) & (self.window[:, 1] > self.window[:, 0])
        return result

    def at(self, places: NDArray[np.intp]) -> Comparisons:
        """Some of them."""
        beyond = {method: found[places] for method, found in self.beyond.items()}
        parts = (self.reference[places], self.window[places], self.left_out[places], self.blocks[places])
        return Comparisons(*parts, beyond, self.ordered)


def compare(
    counts: NDArray[np.int64],
    references: Sequence[Reference],
    slots: NDArray[np.bool_],
    scales: tuple[int, ...],
    window_length: int,
    ends: int = 1,
) -> Comparisons:
    """Merge windows and mix references.

    Args:
        counts: of ``n`` streams in ``T`` windows, oldest first, shape ``(n, T, K)``.
        references: of the ``n`` streams, all of one shape.
        slots: the season slots that each window covers, shape ``(T, slots)``.
        scales: ``S`` numbers of windows to merge.
        window_length: ns.
        ends: merge up to each of so many latest windows.

    Returns:
        ``n * E * S`` comparisons, by stream, then by end, then by scale; categories by their counts, the rarest first.
    """
    reference = np.stack([known.counts for known in references])
    rows = counts.sum(axis=2)
    mixed = season.mix(reference, rows, slots, scales, ends)
    merged = merge_latest(np.where(mixed.usable[:, :, None], counts, 0), scales, ends)
    left_out = merge_latest(np.where(mixed.usable, 0, rows), scales, ends).ravel()
    hours = [scale * window_length / HOUR for scale in scales]
    blocks = np.array([[_blocks(known, length) for length in hours] for known in references])
    beyond = {method: _beyond(references, method, hours, ends) for method in METHODS}
    cells = counts.shape[2]
    ordered = references[0].bounds is not None
    mixed_counts, window = mixed.reference.reshape(-1, cells), merged.reshape(-1, cells).astype(np.float64)
    if not ordered and cells > 2:  # the order in which categories are named must not change anything, to the bit
        order = np.lexsort((window, mixed_counts + window), axis=-1)
        mixed_counts, window = (np.take_along_axis(counts, order, 1) for counts in (mixed_counts, window))
    return Comparisons(
        mixed_counts,
        window,
        left_out,
        np.repeat(blocks[:, None], ends, axis=1).ravel(),
        beyond,
        ordered,
    )


def merged_runs(
    windows: Sequence[Window], reference: Reference, stream: Stream, lengths: Sequence[int]
) -> tuple[Floats, Floats]:
    """The latest windows of one stream merged, and the reference mixed to the hours of each such run.

    Args:
        windows: as they were judged, oldest first.
        reference: of the stream.
        stream: which of their counts to look at.
        lengths: ``n`` numbers of windows to merge.

    Returns:
        Reference and rows of each run by cell, both of shape ``(n, K)``.

    Raises:
        ValueError: there are no windows, or counts do not fit the reference.
    """
    stacked = stack(windows, [stream], reference.cells)
    slots = np.stack([window.slots for window in windows])
    mixed = season.mix(reference.counts[None], stacked.sum(axis=2), slots, tuple(lengths))
    merged = merge_latest(np.where(mixed.usable[:, :, None], stacked, 0), lengths)
    return mixed.reference[0, 0], merged[0, 0].astype(np.float64)


def _blocks(reference: Reference, hours: float) -> int:
    wobble = reference.wobble
    if not wobble.measured:
        return FEWEST_BLOCKS
    length = wobble.over(hours)
    return int(dict(wobble.blocks)[length] * length // max(hours, length))


def _beyond(references: Sequence[Reference], method: str, hours: Sequence[float], ends: int) -> Floats:
    found = np.stack([_beyond_one(known, method, tuple(hours)) for known in references])
    repeated: Floats = np.repeat(found[:, None], ends, axis=1)
    return repeated.reshape(-1, NODES.size)


@lru_cache(maxsize=1 << 14)
def _beyond_one(reference: Reference, method: str, hours: tuple[float, ...]) -> Floats:
    wobble = reference.wobble
    found = [wobble.found(wobble.over(length)).get(method) for length in hours]
    return np.array([np.zeros(NODES.size) if excess is None else beyond(excess) for excess in found])
