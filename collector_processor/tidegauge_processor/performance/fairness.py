"""Does a model treat groups alike? Rates by group, how far they lie apart, and whether that can be chance.

| rate | of | selected are |
|---|---|---|
| ``selection_rate`` | all rows | those predicted positive: demographic parity |
| ``true_positive_rate`` | truly positive rows | those predicted positive: equal opportunity |
| ``false_positive_rate`` | truly negative rows | those predicted positive: with the above, equalised odds |

Each group is compared with all the others together by Fisher's exact test, and the level is divided by the number of
comparisons (Bonferroni), so that any number of groups of any size raises a false alarm no more often than one would.
A difference comes with its interval and the size of the group: a ratio of rates by itself, as in the four-fifths rule,
is below 0.8 by chance alone in nearly every set of small groups.

Sources: R. G. Newcombe (1998), Stat. Med. 17, 873 (difference); D. Katz et al. (1978), Biometrics 34, 469 (ratio, with
half a row more in each cell); the names are fairlearn's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import special

from tidegauge_processor.performance import intervals
from tidegauge_processor.performance.binary import Binary
from tidegauge_processor.performance.cohort import Table
from tidegauge_processor.performance.estimates import Estimate
from tidegauge_processor.performance.evaluate import segments
from tidegauge_processor.verdicts.fisher import fisher_exact, smallest_p
from tidegauge_processor.verdicts.lower_bounds import least_distance
from tidegauge_processor.verdicts.state import State

RATES: Final = ("selection_rate", "true_positive_rate", "false_positive_rate")
"""Rates by name."""

Counts = Mapping[str, tuple[int, int]]
"""Rows that were not selected, and rows that were, by group."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A group beside all other groups together.

    Attributes:
        rate: name of the rate.
        group: the group.
        own: rate of the group, and its rows.
        rest: rate of the others, and their rows.
        difference: own less the others' rate, with its 95 % interval.
        ratio: own over the others' rate, with its 95 % interval; None where the others have the rate 0.
        p_value: two-sided; 1 where there is not enough data.
        state: what is claimed at the level that was asked for.
    """

    rate: str
    group: str
    own: Estimate
    rest: Estimate
    difference: Estimate
    ratio: Estimate | None
    p_value: float
    state: State


@dataclass(frozen=True, slots=True)
class Spread:
    """How far apart all groups lie.

    Attributes:
        rate: name of the rate.
        difference: largest less smallest rate, with an interval that holds for all groups at once.
        ratio: smallest over largest rate; None where the largest is 0.
        least: the group with the smallest rate.
        most: the group with the largest rate.
    """

    rate: str
    difference: Estimate
    ratio: float | None
    least: str
    most: str


def count(table: Table, positive: str | None) -> dict[str, dict[str, dict[str, tuple[int, int]]]]:
    """Counts by segment name, rate and group, from outcomes of a task of two classes.

    Raises:
        UndefinedMetricError: it is not known which class is the positive one.
    """
    found: dict[str, dict[str, dict[str, tuple[int, int]]]] = {}
    code = Binary.read(table, positive).code
    names = Binary.read(table, positive).outcomes.names
    for (name, group), part in segments(table):
        rows = Binary.read(part, names[code]).outcomes
        known = rows.predicted >= 0
        own = rows.names.index(names[code])
        selected, true = (rows.predicted == own)[known], (rows.actual == own)[known]
        of_rates = zip(RATES, (np.ones_like(true), true, ~true), strict=True)
        for rate, among in of_rates:
            hits = int(np.count_nonzero(selected & among))
            by_group = found.setdefault(name, {}).setdefault(rate, {})
            by_group[group] = (int(np.count_nonzero(among)) - hits, hits)
    return found


def compare(rates: Mapping[str, Counts], level: float, tolerance: float = 0.0) -> list[Difference]:
    """Compare each group with the others.

    Args:
        rates: counts by rate; groups without rows are left out.
        level: probability of one false alarm or more in the whole answer.
        tolerance: a difference surely above it is material.

    Example:
        >>> found = compare({"selection_rate": {"north": (120, 80), "south": (400, 600)}}, level=0.01, tolerance=0.02)
        >>> [(each.group, round(each.difference.value, 2), each.state.value) for each in found]
        [('north', -0.2, 'material'), ('south', 0.2, 'material')]
    """
    kept = {rate: {group: cells for group, cells in counts.items() if sum(cells)} for rate, counts in rates.items()}
    kept = {rate: counts for rate, counts in kept.items() if len(counts) > 1}
    if not kept:
        return []
    level /= sum(1 if len(counts) == 2 else len(counts) for counts in kept.values())
    pairs = [(rate, group, counts) for rate, counts in kept.items() for group in sorted(counts)]
    own = np.array([counts[group] for _, group, counts in pairs], dtype=np.float64)
    rest = np.array([_rest(group, counts) for _, group, counts in pairs], dtype=np.float64)
    possible = np.maximum(smallest_p(rest, own), smallest_p(own, rest)) <= level
    p_values = np.where(possible, fisher_exact(rest, own), 1.0)
    sure = least_distance(rest, own, np.full(len(pairs), level / 2), ordered=False)
    found = []
    for at, (rate, group, counts) in enumerate(pairs):
        state = State.OK if possible[at] else State.INSUFFICIENT_DATA
        if possible[at] and p_values[at] <= level:
            state = State.MATERIAL if sure[at] > tolerance else State.CHANGED
        found.append(_beside(rate, group, counts[group], _rest(group, counts), float(p_values[at]), state))
    return found


def spread(rate: str, counts: Counts) -> Spread | None:
    """How far apart the groups lie; None for fewer than two groups with rows.

    Example:
        >>> found = spread("selection_rate", {"north": (120, 80), "south": (400, 600)})
        >>> round(found.difference.value, 2), round(found.ratio, 3), found.least
        (0.2, 0.667, 'north')
    """
    rates = {group: hits / (misses + hits) for group, (misses, hits) in sorted(counts.items()) if misses + hits}
    if len(rates) < 2:
        return None
    least, most = min(rates, key=rates.__getitem__), max(rates, key=rates.__getitem__)
    z = float(special.ndtri(1 - 0.025 / len(rates)))
    ends = [intervals.wilson(counts[group][1], sum(counts[group]), z) for group in rates]
    value = rates[most] - rates[least]
    low = max(lower for lower, _ in ends) - min(upper for _, upper in ends)
    high = max(upper for _, upper in ends) - min(lower for lower, _ in ends)
    rows = sum(map(sum, counts.values()))
    ratio = rates[least] / rates[most] if rates[most] else None
    return Spread(rate, Estimate(value, max(low, 0.0), max(high, value), rows), ratio, least, most)


def _rest(group: str, counts: Counts) -> tuple[int, int]:
    others = [cells for name, cells in counts.items() if name != group]
    return sum(misses for misses, _ in others), sum(hits for _, hits in others)


def _beside(
    rate: str, group: str, own: tuple[int, int], rest: tuple[int, int], p_value: float, state: State
) -> Difference:
    ours, theirs = (intervals.share(cells[1], sum(cells)) for cells in (own, rest))
    below = math.hypot(ours.value - ours.lower, theirs.upper - theirs.value)
    above = math.hypot(ours.upper - ours.value, theirs.value - theirs.lower)
    gap = ours.value - theirs.value
    difference = Estimate(gap, gap - below, gap + above, sum(own))
    return Difference(rate, group, ours, theirs, difference, _ratio(own, rest), p_value, state)


def _ratio(own: tuple[int, int], rest: tuple[int, int]) -> Estimate | None:
    if not rest[1]:
        return None
    value = own[1] / sum(own) / (rest[1] / sum(rest))
    hits, rows = (own[1] + 0.5, rest[1] + 0.5), (sum(own) + 0.5, sum(rest) + 0.5)
    error = math.sqrt(sum(1 / hit - 1 / row for hit, row in zip(hits, rows, strict=True)))
    middle = hits[0] / rows[0] / (hits[1] / rows[1])
    low, high = (middle * math.exp(side * intervals.Z * error) for side in (-1, 1))
    return Estimate(value, min(low, value), max(high, value), sum(own))
