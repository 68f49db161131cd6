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
    """One stream at one scale."""

    stream: Stream
    scale: int
    reference: Floats
    window: Floats
    left_out: int


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
    for shape, streams in shapes.items():
        comparisons = _comparisons(latest, streams, shape, references, ready)
        verdicts += _verdicts(comparisons, latest, references, levels, policy)
    unknown = {stream for window in windows[-1:] for stream in window.counts if stream not in references}
    for stream in unknown:
        rows = int(windows[-1].counts[stream].sum())
        verdicts.append(_silent(stream, policy.scales[0], windows[-1:], rows, "the baseline does not know this stream"))
    return sorted(verdicts, key=lambda verdict: (verdict.stream, verdict.scale))


def _comparisons(
    windows: Sequence[Window],
    streams: list[Stream],
    shape: _Shape,
    references: Mapping[Stream, Reference],
    scales: tuple[int, ...],
) -> list[_Comparison]:
    if not scales:
        return []
    stacked = stack(windows, streams, shape.cells)
    rows = stacked.sum(axis=2)
    counts = np.stack([references[stream].counts for stream in streams])
    mixed = season.mix(counts, rows, np.stack([window.slots for window in windows]), scales)
    window = merge_latest(np.where(mixed.usable[:, :, None], stacked, 0), scales).astype(np.float64)
    left_out = merge_latest(np.where(mixed.usable, 0, rows), scales)
    return [
        _Comparison(stream, scale, mixed.reference[i, j], window[i, j], int(left_out[i, j]))
        for i, stream in enumerate(streams)
        for j, scale in enumerate(scales)
    ]


def _verdicts(
    comparisons: list[_Comparison],
    windows: Sequence[Window],
    references: Mapping[Stream, Reference],
    levels: Mapping[Stream, float],
    policy: Policy,
) -> list[Verdict]:
    empty = [c for c in comparisons if not (c.window.any() and c.reference.any())]
    full = [c for c in comparisons if c.window.any() and c.reference.any()]
    verdicts = [_silent(c.stream, c.scale, windows, int(c.window.sum()), _why_empty(c)) for c in empty]
    if not full:
        return verdicts
    reference, window = np.stack([c.reference for c in full]), np.stack([c.window for c in full])
    edges = [references[c.stream].bounds for c in full]
    bounds = np.stack([edge for edge in edges if edge is not None]) if edges[0] is not None else None
    ordered = bounds is not None
    level = np.array([levels[c.stream] for c in full])
    found = gather(reference, window, ordered=ordered, fewest_rows=policy.fewest_rows)
    effects = {name: values.tolist() for name, values in effects_of(reference, window, bounds).items()}
    lower = least_distance(reference, window, level, ordered=ordered).tolist()
    for place, (comparison, evidence) in enumerate(zip(full, found, strict=True)):
        floor = references[comparison.stream].floor
        state, reason = _state(
            comparison,
            evidence,
            levels[comparison.stream],
            lower[place],
            policy.effect_floor if floor is None else floor,
            policy,
        )
        verdicts.append(
            Verdict(
                stream=comparison.stream,
                scale=comparison.scale,
                start=windows[-comparison.scale].start,
                end=windows[-1].end,
                rows=int(comparison.window.sum()),
                state=state,
                tests=evidence.tests,
                level=levels[comparison.stream],
                effects={name: values[place] for name, values in effects.items()},
                effect_lower=lower[place],
                reason=reason,
            )
        )
    return verdicts


def _state(
    comparison: _Comparison, evidence: Evidence, level: float, lower: float, floor: float, policy: Policy
) -> tuple[State, str]:
    rows, size = comparison.window.sum(), comparison.reference.sum()
    few = min(rows, size) < policy.fewest_rows
    significant = any(test.p_value <= level for test in evidence.tests)
    left_out = f"{comparison.left_out} rows at a time without reference left out" if comparison.left_out else ""
    if (significant or not few) and _new_violation(comparison):
        return State.MATERIAL, "none in the reference, more than half of the rows now"
    if significant:
        return State.MATERIAL if lower > floor else State.CHANGED, left_out
    if few:
        side = "reference" if size < rows else "window"
        return State.INSUFFICIENT_DATA, f"{min(rows, size):.0f} rows in the {side}: {policy.fewest_rows} are needed"
    if evidence.attainable > level:
        return State.INSUFFICIENT_DATA, f"{rows:.0f} rows cannot reach the level {level:.2g} against this reference"
    if evidence.blind:
        return State.INSUFFICIENT_DATA, f"{rows:.0f} rows are too few for so many rare categories"
    return State.OK, left_out


def _new_violation(comparison: _Comparison) -> bool:
    """A fact about the schema, not a statistic: what never happened has become the rule."""
    if comparison.stream.target != "quality":
        return False
    good, bad = comparison.window.tolist()
    return not comparison.reference[1] and bool(bad > good)


def _why_empty(comparison: _Comparison) -> str:
    if comparison.left_out:
        return "the reference has no rows at this time of the day or week"
    return "no rows in the window" if comparison.reference.any() else "no rows in the reference"


def _waiting(stream: Stream, scale: int, windows: Sequence[Window]) -> Verdict:
    return _silent(stream, scale, windows, 0, f"waits for {scale} windows: {len(windows)} so far")


def _silent(stream: Stream, scale: int, windows: Sequence[Window], rows: int, reason: str) -> Verdict:
    first = windows[-min(scale, len(windows))]
    return Verdict(stream, scale, first.start, windows[-1].end, rows, State.INSUFFICIENT_DATA, reason=reason)
