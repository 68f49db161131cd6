"""From counts to verdicts: the latest windows of a model against its references, at every scale.

Streams with the same shape are judged together, row by row of the same arrays. A row's result does not depend on the
other rows, so a verdict has the same bits whatever else is judged beside it, and however its counts were added up.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidegauge.statistics.pooling import FEWEST_ROWS
from tidegauge.statistics.wobble import FEWEST_BLOCKS, METHODS
from tidegauge_processor.verdicts import budget
from tidegauge_processor.verdicts.comparisons import HOUR, Comparisons, Shape, compare, shape_of
from tidegauge_processor.verdicts.effects import effects_of
from tidegauge_processor.verdicts.evidence import Evidence, gather
from tidegauge_processor.verdicts.lower_bounds import greatest_distance, least_distance
from tidegauge_processor.verdicts.quadratic import Quadratic
from tidegauge_processor.verdicts.scales import stack
from tidegauge_processor.verdicts.state import State
from tidegauge_processor.verdicts.types import Policy, Reference, Stream, TestResult, Verdict, Window

Floats = NDArray[np.float64]


def judge(
    windows: Sequence[Window],
    references: Mapping[Stream, Reference],
    policy: Policy,
    watched: Collection[Stream] | None = None,
) -> list[Verdict]:
    """Judge streams over the latest windows, at every scale of the policy.

    Args:
        windows: closed windows, oldest first, the newest last; of equal length and without gaps (a silent stretch is
            an empty window). More than the largest scale are not looked at.
        references: what to compare with; all of them share the budget.
        policy: scales, budget and floors.
        watched: the streams to judge; all that have a reference when left out.

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
        1 material 0.16 ''
        3 insufficient_data 0.0 'waits for 3 windows: 1 so far'
    """
    if not windows:
        return []
    levels = budget.levels(references, policy)
    ready = tuple(scale for scale in policy.scales if scale <= len(windows))
    latest = windows[-max(ready, default=1) :]
    streams = sorted(references if watched is None else watched)
    verdicts = [_waiting(stream, scale, windows) for stream in streams for scale in policy.scales if scale not in ready]
    shapes: dict[Shape, list[Stream]] = {}
    for stream in streams:
        shapes.setdefault(shape_of(references[stream]), []).append(stream)
    slots = np.stack([window.slots for window in latest])
    parts: list[_Part] = []
    for shape, alike in shapes.items() if ready else ():
        counts = stack(latest, alike, shape.cells)
        known = [references[stream] for stream in alike]
        compared = compare(counts, known, slots, ready, policy.window_length)
        silent, part = _split(compared, alike, ready, latest, references, levels, policy)
        verdicts += silent
        if part.keys:
            parts.append(part)
    ordered = [part for part in parts if part.compared.ordered]
    quadratic = Quadratic([part.compared for part in ordered]) if ordered else None
    shifts = (
        quadratic.detectable_shifts([p.level for p in ordered], [p.references for p in ordered]) if quadratic else []
    )
    for part, evidence in zip(parts, gather([part.compared for part in parts], quadratic), strict=True):
        shift = shifts.pop(0) if part.compared.ordered else np.full(len(part.keys), np.nan)
        verdicts += _verdicts(part, evidence, shift, latest, policy)
    unknown = {stream for window in windows[-1:] for stream in window.counts if stream not in references}
    for stream in unknown:
        rows = int(windows[-1].counts[stream].sum())
        verdicts.append(_silent(stream, policy.scales[0], windows[-1:], rows, "the baseline does not know this stream"))
    return sorted(verdicts, key=lambda verdict: (verdict.stream, verdict.scale))


class _Part(NamedTuple):
    """Comparisons of streams of one shape that can be tested."""

    keys: list[tuple[Stream, int]]
    references: list[Reference]
    compared: Comparisons
    level: Floats


def _split(
    compared: Comparisons,
    streams: Sequence[Stream],
    scales: tuple[int, ...],
    windows: Sequence[Window],
    references: Mapping[Stream, Reference],
    levels: Mapping[Stream, Floats],
    policy: Policy,
) -> tuple[list[Verdict], _Part]:
    """What cannot be tested, with the reason, and the rest."""
    keys = [(stream, scale) for stream in streams for scale in scales]
    reasons = [_why_not(compared, place, scale, policy) for place, (_, scale) in enumerate(keys)]
    silent = [
        _silent(stream, scale, windows, int(compared.rows[place]), reasons[place])
        for place, (stream, scale) in enumerate(keys)
        if reasons[place]
    ]
    places = [place for place, reason in enumerate(reasons) if not reason]
    keys = [keys[place] for place in places]
    level = np.array([levels[stream][policy.scales.index(scale)] for stream, scale in keys])
    chosen = compared.at(np.array(places, dtype=np.intp))
    return silent, _Part(keys, [references[stream] for stream, _ in keys], chosen, level)


def _verdicts(
    part: _Part, evidence: Evidence, shift: Floats, windows: Sequence[Window], policy: Policy
) -> list[Verdict]:
    keys, known, chosen, level = part
    bounds = np.stack([r.bounds for r in known if r.bounds is not None]) if chosen.ordered else None
    effects = effects_of(chosen.reference, chosen.window, bounds)
    lower = least_distance(chosen.reference, chosen.window, level, ordered=chosen.ordered).tolist()
    upper = greatest_distance(chosen.reference, chosen.window, level, ordered=chosen.ordered).tolist()
    enough = np.minimum(chosen.rows, chosen.size) >= FEWEST_ROWS
    shifts = np.where(enough, shift, np.nan).tolist()
    verdicts: list[Verdict] = []
    sizes = [dict(zip(effects, row, strict=True)) for row in np.stack([*effects.values()], axis=1).tolist()]
    tests, smallest = _tests(evidence), evidence.smallest
    for place, (stream, scale) in enumerate(keys):
        floor = known[place].floor
        large = lower[place] > (policy.effect_floor if floor is None else floor)
        state, reason = _claim(chosen, evidence, smallest, place, stream, float(level[place]), large)
        verdicts.append(
            Verdict(
                stream=stream,
                scale=scale,
                start=windows[-scale].start,
                end=windows[-1].end,
                rows=int(chosen.rows[place]),
                state=state,
                tests=tests[place],
                level=float(level[place]),
                effects=sizes[place],
                effect_lower=lower[place],
                reason=reason,
                detectable_shift=shifts[place],
                effect_upper=upper[place],
            )
        )
    return verdicts


def _tests(evidence: Evidence) -> list[tuple[TestResult, ...]]:
    return [
        tuple(TestResult(*test) for test in zip(METHODS, statistics, p_values, strict=True) if test[2] == test[2])
        for statistics, p_values in zip(evidence.statistic.tolist(), evidence.p_value.tolist(), strict=True)
    ]


def _claim(
    compared: Comparisons,
    evidence: Evidence,
    smallest: Floats,
    place: int,
    stream: Stream,
    level: float,
    large: bool,
) -> tuple[State, str]:
    rows, size = int(compared.rows[place]), float(compared.size[place])
    few = min(rows, size) < FEWEST_ROWS
    significant = bool(smallest[place] <= level)
    left_out = int(compared.left_out[place])
    note = f"{left_out} rows at a time without reference left out" if left_out else ""
    if stream.target == "quality" and compared.new[place] and (significant or not few):
        return State.MATERIAL, "none in the reference, more than half of the rows now"
    if significant:
        return State.MATERIAL if large else State.CHANGED, note
    if few:
        side = "reference" if size < rows else "window"
        return State.INSUFFICIENT_DATA, f"{min(rows, size):.0f} rows in the {side}: {FEWEST_ROWS} are needed"
    if evidence.attainable[place] > level:
        return State.INSUFFICIENT_DATA, f"{rows} rows cannot reach the level {level:.2g} against this reference"
    if evidence.blind[place]:
        return State.INSUFFICIENT_DATA, f"{rows} rows are too few for so many rare categories"
    return State.OK, note


def _why_not(compared: Comparisons, place: int, scale: int, policy: Policy) -> str:
    """Why nothing is tested; empty when there is something to test."""
    if not (compared.rows[place] and compared.size[place]):
        if compared.left_out[place]:
            return "the reference has no rows at this time of the day or week"
        return "no rows in the reference" if compared.rows[place] else "no rows in the window"
    blocks = compared.blocks[place]
    if blocks < FEWEST_BLOCKS:
        hours = scale * policy.window_length / HOUR
        return (
            f"the reference has {blocks} stretches of {hours:g} h: {FEWEST_BLOCKS} tell how far such stretches differ"
        )
    return ""


def _waiting(stream: Stream, scale: int, windows: Sequence[Window]) -> Verdict:
    return _silent(stream, scale, windows, 0, f"waits for {scale} windows: {len(windows)} so far")


def _silent(stream: Stream, scale: int, windows: Sequence[Window], rows: int, reason: str) -> Verdict:
    first = windows[-min(scale, len(windows))]
    return Verdict(stream, scale, first.start, windows[-1].end, rows, State.INSUFFICIENT_DATA, reason=reason)
