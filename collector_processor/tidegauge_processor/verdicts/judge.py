"""From counts to verdicts: the latest windows of a model against its references, at every scale.

Streams with the same shape are judged together, row by row of the same arrays. A row's result does not depend on the
other rows, so a verdict has the same bits whatever else is judged beside it, and however its counts were added up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidegauge_processor.verdicts import budget, season
from tidegauge_processor.verdicts.effects import effects_of
from tidegauge_processor.verdicts.evidence import Evidence, gather
from tidegauge_processor.verdicts.lower_bounds import least_distance
from tidegauge_processor.verdicts.scales import merge_latest, stack
from tidegauge_processor.verdicts.state import State
from tidegauge_processor.verdicts.types import Policy, Reference, Stream, Verdict, Window

Floats = NDArray[np.float64]


class _Shape(NamedTuple):
    slots: int
    cells: int
    ordered: bool


class _Comparison(NamedTuple):
    """One stream at one scale: ``rows`` against a reference of effective ``size``, some rows left out."""

    stream: Stream
    scale: int
    rows: int
    size: float
    left_out: int
    new_violation: bool


class _Batch(NamedTuple):
    """Comparisons of one shape with their counts, each of shape ``(n, K)``."""

    comparisons: list[_Comparison]
    reference: Floats
    window: Floats


def judge(windows: Sequence[Window], references: Mapping[Stream, Reference], policy: Policy) -> list[Verdict]:
    """Judge every stream over the latest windows, at every scale of the policy.

    Args:
        windows: closed windows, oldest first, the newest last; of equal length and without gaps (a silent stretch is
            an empty window). More than the largest scale are not looked at.
        references: what to compare with.
        policy: scales, budget and floors.

    Returns:
        One verdict a stream and scale, in order of streams and scales; a stream that has no reference gets one
        ``insufficient_data`` at the first scale.

    Raises:
        ValueError: counts do not fit their reference, or a target is not known.

    Example:
        >>> age = Stream("feature", "age")
        >>> cells = np.full((1, 4), 2_500)
        >>> def hour(number, counts):
        ...     return Window(number, number + 1, {age: np.array(counts)}, np.array([True]))
        >>> policy = Policy(scales=(1, 3))
        >>> for verdict in judge([hour(0, [250, 250, 0, 500])], {age: Reference(cells, np.arange(3.0))}, policy):
        ...     print(verdict.scale, verdict.state, round(verdict.effect_lower, 2), repr(verdict.reason))
        1 material 0.17 ''
        3 insufficient_data 0.0 'waits for 3 windows: 1 so far'
    """
    if not windows:
        return []
    levels = budget.levels(references, policy)
    ready = tuple(scale for scale in policy.scales if scale <= len(windows))
    latest = windows[-max(ready, default=1) :]
    verdicts = [
        _waiting(stream, scale, windows) for stream in references for scale in policy.scales if scale not in ready
    ]
    shapes: dict[_Shape, list[Stream]] = {}
    for stream, reference in sorted(references.items(), key=lambda item: item[0]):
        shape = _Shape(reference.counts.shape[0], reference.cells, reference.bounds is not None)
        shapes.setdefault(shape, []).append(stream)
    for shape, streams in shapes.items() if ready else ():
        batch = _batch(latest, streams, shape.cells, references, ready)
        verdicts += _verdicts(batch, latest, references, levels, policy)
    unknown = {stream for window in windows[-1:] for stream in window.counts if stream not in references}
    for stream in unknown:
        rows = int(windows[-1].counts[stream].sum())
        verdicts.append(_silent(stream, policy.scales[0], windows[-1:], rows, "the baseline does not know this stream"))
    return sorted(verdicts, key=lambda verdict: (verdict.stream, verdict.scale))


def _batch(
    windows: Sequence[Window],
    streams: list[Stream],
    cells: int,
    references: Mapping[Stream, Reference],
    scales: tuple[int, ...],
) -> _Batch:
    stacked = stack(windows, streams, cells)
    rows = stacked.sum(axis=2)
    counts = np.stack([references[stream].counts for stream in streams])
    mixed = season.mix(counts, rows, np.stack([window.slots for window in windows]), scales)
    merged = merge_latest(np.where(mixed.usable[:, :, None], stacked, 0), scales)
    left_out = merge_latest(np.where(mixed.usable, 0, rows), scales).ravel().tolist()
    window, reference = merged.reshape(-1, cells).astype(np.float64), mixed.reference.reshape(-1, cells)
    sizes, totals = reference.sum(axis=1).tolist(), window.sum(axis=1).tolist()
    # a fact about the schema, not a statistic: what never happened has become the rule
    new = ((reference[:, 1] == 0) & (window[:, 1] > window[:, 0])).tolist()
    keys = [(stream, scale) for stream in streams for scale in scales]
    comparisons = [
        _Comparison(*key, int(total), size, out, flag and key[0].target == "quality")
        for key, total, size, out, flag in zip(keys, totals, sizes, left_out, new, strict=True)
    ]
    return _Batch(comparisons, reference, window)


def _verdicts(
    batch: _Batch,
    windows: Sequence[Window],
    references: Mapping[Stream, Reference],
    levels: Mapping[Stream, float],
    policy: Policy,
) -> list[Verdict]:
    comparable = np.array([bool(c.rows and c.size) for c in batch.comparisons])
    verdicts = [
        _silent(c.stream, c.scale, windows, c.rows, _why_empty(c)) for c in batch.comparisons if not (c.rows and c.size)
    ]
    if not comparable.any():
        return verdicts
    comparisons = [c for c in batch.comparisons if c.rows and c.size]
    reference, window = batch.reference[comparable], batch.window[comparable]
    edges = [bounds for c in comparisons if (bounds := references[c.stream].bounds) is not None]
    bounds = np.stack(edges) if edges else None
    level = [levels[c.stream] for c in comparisons]
    found = gather(reference, window, ordered=bounds is not None, fewest_rows=policy.fewest_rows)
    effects = effects_of(reference, window, bounds)
    lower = least_distance(reference, window, np.array(level), ordered=bounds is not None).tolist()
    sizes = [dict(zip(effects, row, strict=True)) for row in np.stack([*effects.values()], axis=1).tolist()]
    for place, comparison in enumerate(comparisons):
        floor = references[comparison.stream].floor
        large = lower[place] > (policy.effect_floor if floor is None else floor)
        state, reason = _claim(comparison, found[place], level[place], large, policy.fewest_rows)
        verdicts.append(
            Verdict(
                stream=comparison.stream,
                scale=comparison.scale,
                start=windows[-comparison.scale].start,
                end=windows[-1].end,
                rows=comparison.rows,
                state=state,
                tests=found[place].tests,
                level=level[place],
                effects=sizes[place],
                effect_lower=lower[place],
                reason=reason,
            )
        )
    return verdicts


def _claim(
    comparison: _Comparison, evidence: Evidence, level: float, large: bool, fewest_rows: int
) -> tuple[State, str]:
    rows, size = comparison.rows, comparison.size
    few = min(rows, size) < fewest_rows
    significant = any(test.p_value <= level for test in evidence.tests)
    left_out = f"{comparison.left_out} rows at a time without reference left out" if comparison.left_out else ""
    if comparison.new_violation and (significant or not few):
        return State.MATERIAL, "none in the reference, more than half of the rows now"
    if significant:
        return State.MATERIAL if large else State.CHANGED, left_out
    if few:
        side = "reference" if size < rows else "window"
        return State.INSUFFICIENT_DATA, f"{min(rows, size):.0f} rows in the {side}: {fewest_rows} are needed"
    if evidence.attainable > level:
        return State.INSUFFICIENT_DATA, f"{rows} rows cannot reach the level {level:.2g} against this reference"
    if evidence.blind:
        return State.INSUFFICIENT_DATA, f"{rows} rows are too few for so many rare categories"
    return State.OK, left_out


def _why_empty(comparison: _Comparison) -> str:
    if comparison.left_out:
        return "the reference has no rows at this time of the day or week"
    return "no rows in the reference" if comparison.rows else "no rows in the window"


def _waiting(stream: Stream, scale: int, windows: Sequence[Window]) -> Verdict:
    return _silent(stream, scale, windows, 0, f"waits for {scale} windows: {len(windows)} so far")


def _silent(stream: Stream, scale: int, windows: Sequence[Window], rows: int, reason: str) -> Verdict:
    first = windows[-min(scale, len(windows))]
    return Verdict(stream, scale, first.start, windows[-1].end, rows, State.INSUFFICIENT_DATA, reason=reason)
