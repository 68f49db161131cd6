"""From counts to verdicts: the latest windows of a model against its references, at every scale.

Streams with the same shape are judged together, row by row of the same arrays. A row's result does not depend on the
other rows, so a verdict has the same bits whatever else is judged beside it, and however its counts were added up.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
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
    return judge_each(windows, references, policy, [references if watched is None else watched])[0]


def judge_each(
    windows: Sequence[Window],
    references: Mapping[Stream, Reference],
    policy: Policy,
    watched: Sequence[Collection[Stream]],
) -> list[list[Verdict]]:
    """Judge streams at each of several windows as if it were the newest, all in one pass.

    The verdicts are those of `judge`, to the bit; with many windows at once they cost a fraction.

    Args:
        windows: as for `judge`.
        references: as for `judge`.
        policy: as for `judge`.
        watched: the streams to judge in each of the latest ``E`` windows, oldest first; at most as many as windows.

    Returns:
        Verdicts by window.
    """
    first = len(windows) - len(watched)
    past = [windows[: first + end + 1] for end in range(len(watched))]
    levels = budget.levels(references, policy)
    ready = tuple(scale for scale in policy.scales if scale <= len(windows))
    latest = windows[-(max(ready, default=1) + len(watched) - 1) :]
    said = [[*_without_test(seen, streams, references, policy)] for seen, streams in zip(past, watched, strict=True)]
    shapes: dict[Shape, list[Stream]] = {}
    for stream in sorted(set().union(*watched)):
        shapes.setdefault(shape_of(references[stream]), []).append(stream)
    slots = np.stack([window.slots for window in latest])
    parts: list[_Part] = []
    for shape, alike in shapes.items() if ready else ():
        counts = stack(latest, alike, shape.cells)
        known = [references[stream] for stream in alike]
        compared = compare(counts, known, slots, ready, policy.window_length, len(watched))
        keys = [_Key(stream, end, scale) for stream in alike for end in range(len(watched)) for scale in ready]
        part = _testable(compared, keys, references, levels, policy, past, watched, said)
        if part.keys:
            parts.append(part)
    ordered = [part for part in parts if part.compared.ordered]
    quadratic = Quadratic([part.compared for part in ordered]) if ordered else None
    shifts = (
        quadratic.detectable_shifts([p.level for p in ordered], [p.references for p in ordered]) if quadratic else []
    )
    for part, evidence in zip(parts, gather([part.compared for part in parts], quadratic), strict=True):
        shift = shifts.pop(0) if part.compared.ordered else np.full(len(part.keys), np.nan)
        for key, verdict in zip(part.keys, _verdicts(part, evidence, shift, past, policy), strict=True):
            said[key.end].append(verdict)
    return [sorted(verdicts, key=lambda verdict: (verdict.stream, verdict.scale)) for verdicts in said]


class _Key(NamedTuple):
    stream: Stream
    end: int
    """Place of the newest window among those that are judged."""
    scale: int


class _Part(NamedTuple):
    """Comparisons of streams of one shape that can be tested."""

    keys: list[_Key]
    references: list[Reference]
    compared: Comparisons
    level: Floats


def _without_test(
    windows: Sequence[Window], streams: Collection[Stream], references: Mapping[Stream, Reference], policy: Policy
) -> Iterator[Verdict]:
    """Verdicts at the newest window for which its counts need not be looked at."""
    for stream in streams:
        for scale in policy.scales:
            if scale > len(windows):
                yield _silent(stream, scale, windows, 0, f"waits for {scale} windows: {len(windows)} so far")
    for stream, counts in windows[-1].counts.items():
        if stream not in references:
            why = "the baseline does not know this stream"
            yield _silent(stream, policy.scales[0], windows[-1:], int(counts.sum()), why)


def _testable(
    compared: Comparisons,
    keys: Sequence[_Key],
    references: Mapping[Stream, Reference],
    levels: Mapping[Stream, Floats],
    policy: Policy,
    past: Sequence[Sequence[Window]],
    watched: Sequence[Collection[Stream]],
    said: Sequence[list[Verdict]],
) -> _Part:
    """The comparisons that can be tested; why others cannot is added to what is ``said``."""
    places = []
    for place, (stream, end, scale) in enumerate(keys):
        if stream not in watched[end] or scale > len(past[end]):
            continue
        why_not = _why_not(compared, place, scale, policy)
        if why_not:
            said[end].append(_silent(stream, scale, past[end], int(compared.rows[place]), why_not))
        else:
            places.append(place)
    chosen = [keys[place] for place in places]
    level = np.array([levels[stream][policy.scales.index(scale)] for stream, _, scale in chosen])
    return _Part(
        chosen, [references[key.stream] for key in chosen], compared.at(np.array(places, dtype=np.intp)), level
    )


def _verdicts(
    part: _Part, evidence: Evidence, shift: Floats, past: Sequence[Sequence[Window]], policy: Policy
) -> list[Verdict]:
    keys, known, chosen, level = part
    bounds = np.stack([r.bounds for r in known if r.bounds is not None]) if chosen.ordered else None
    effects = effects_of(chosen.reference, chosen.window, bounds)
    lower = least_distance(chosen.reference, chosen.window, level, ordered=chosen.ordered).tolist()
    upper = greatest_distance(chosen.reference, chosen.window, level, ordered=chosen.ordered).tolist()
    shifts = np.where(evidence.ran("anderson_darling"), shift, np.nan).tolist()
    verdicts: list[Verdict] = []
    sizes = [dict(zip(effects, row, strict=True)) for row in np.stack([*effects.values()], axis=1).tolist()]
    tests, smallest = _tests(evidence), evidence.smallest
    for place, (stream, end, scale) in enumerate(keys):
        floor = known[place].floor
        large = lower[place] > (policy.effect_floor if floor is None else floor)
        state, reason = _claim(chosen, evidence, smallest, place, stream, float(level[place]), large)
        verdicts.append(
            Verdict(
                stream=stream,
                scale=scale,
                start=past[end][-scale].start,
                end=past[end][-1].end,
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


def _silent(stream: Stream, scale: int, windows: Sequence[Window], rows: int, reason: str) -> Verdict:
    first = windows[-min(scale, len(windows))]
    return Verdict(stream, scale, first.start, windows[-1].end, rows, State.INSUFFICIENT_DATA, reason=reason)
