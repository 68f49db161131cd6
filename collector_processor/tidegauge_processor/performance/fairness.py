"""Does a model treat groups alike? Rates by group, how far they lie apart, and whether that can be chance.

| rate | of | selected are |
|---|---|---|
| ``selection_rate`` | all predictions, see `selection` | those predicted positive: demographic parity |
| ``true_positive_rate`` | labelled rows that are positive | those predicted positive: equal opportunity |
| ``false_positive_rate`` | labelled rows that are negative | those predicted positive: with the above, equalised odds |

Each group is compared with all the others together by Fisher's exact test, and the level is divided by the number of
comparisons (Bonferroni), so that any number of groups of any size raises a false alarm no more often than one would.
A difference comes with its interval and the size of the group: a ratio of rates by itself, as in the four-fifths rule,
is below 0.8 by chance alone in nearly every set of small groups.

Sources: R. G. Newcombe (1998), Stat. Med. 17, 873 (difference); D. Katz et al. (1978), Biometrics 34, 469 (ratio, with
half a row more in each cell); the names are fairlearn's.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from scipy import special

from tidegauge_processor.performance import intervals
from tidegauge_processor.performance.binary import Binary
from tidegauge_processor.performance.estimates import Estimate
from tidegauge_processor.performance.evaluate import segments
from tidegauge_processor.performance.table import Table
from tidegauge_processor.performance.worse import Comparison
from tidegauge_processor.verdicts.fisher import fisher_exact, smallest_p
from tidegauge_processor.verdicts.lower_bounds import least_distance
from tidegauge_processor.verdicts.state import State

SELECTION: Final = "selection_rate"
"""The rate that needs no labels."""
ERRORS: Final = ("true_positive_rate", "false_positive_rate")
"""The rates that need them."""
RATES: Final = (SELECTION, *ERRORS)
"""Rates by name."""

NOT_COMPARED: Final = "groups are measured one by one and not compared: fairness is of binary tasks, this one is {task}"
"""What there is to say of the groups of another task."""

Counts = Mapping[str, tuple[int, int]]
"""Rows that were not selected, and rows that were, by group."""


class Cells(NamedTuple):
    """Labelled rows of a group by what was predicted and what came true."""

    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int


@dataclass(frozen=True, slots=True)
class Difference:
    """A group beside all other groups together.

    Attributes:
        rate: name of the rate.
        group: the group.
        own: rate of the group, and its rows.
        difference: own less the others' rate, with its 95 % interval.
        ratio: own over the others' rate, with its 95 % interval; None where the others have the rate 0.
    """

    rate: str
    group: str
    own: Estimate
    difference: Estimate
    ratio: Estimate | None


class GroupTest(NamedTuple):
    """Whether a group differs from the others.

    Attributes:
        rate: name of the rate.
        group: the group.
        level: a p-value up to this is evidence.
        comparison: what is claimed; its difference is own less the others' rate.
    """

    rate: str
    group: str
    level: float
    comparison: Comparison


def count(table: Table, positive: str | None) -> dict[str, dict[str, Cells]]:
    """Rows by segment name and group, from outcomes of a task of two classes.

    Raises:
        UndefinedMetricError: it is not known which class is the positive one.
    """
    found: dict[str, dict[str, Cells]] = {}
    whole = Binary.read(table, positive)
    name = whole.outcomes.names[whole.code]
    for (segment, group), part in segments(table):
        rows = Binary.read(part, name).outcomes
        known, own = rows.predicted >= 0, rows.names.index(name)
        selected, true = (rows.predicted == own)[known], (rows.actual == own)[known]
        masks = selected & true, selected & ~true, ~selected & true, ~selected & ~true
        found.setdefault(segment, {})[group] = Cells(*(int(np.count_nonzero(mask)) for mask in masks))
    return found


def rates(groups: Mapping[str, Cells], names: Collection[str] = RATES) -> dict[str, Counts]:
    """Counts by rate, of those in ``names``, as far as they are `comparable`.

    >>> rates({"north": Cells(1, 2, 3, 4), "south": Cells(0, 1, 0, 1)})
    {'selection_rate': {'north': (7, 3), 'south': (1, 1)}, 'false_positive_rate': {'north': (4, 2), 'south': (1, 1)}}
    """
    found: dict[str, dict[str, tuple[int, int]]] = {rate: {} for rate in RATES}
    for group, (tp, fp, fn, tn) in groups.items():
        for rate, cells in zip(RATES, ((fn + tn, tp + fp), (fn, tp), (tn, fp)), strict=True):
            found[rate][group] = cells
    return comparable({rate: found[rate] for rate in RATES if rate in names})


def comparable(rates: Mapping[str, Counts]) -> dict[str, Counts]:
    """The rates of two groups or more; groups without rows are left out.

    >>> comparable({"selection_rate": {"north": (7, 3), "south": (0, 0), "west": (1, 0)}, "other": {"north": (1, 1)}})
    {'selection_rate': {'north': (7, 3), 'west': (1, 0)}}
    """
    found = {rate: {group: cells for group, cells in counts.items() if sum(cells)} for rate, counts in rates.items()}
    return {rate: counts for rate, counts in found.items() if len(counts) > 1}


def differences(rates: Mapping[str, Counts]) -> list[Difference]:
    """Each group beside the others, for groups with rows and rates of two groups or more.

    Example:
        >>> found = differences({"selection_rate": {"north": (120, 80), "south": (400, 600)}})
        >>> [(each.group, each.own.value, round(each.difference.value, 2)) for each in found]
        [('north', 0.4, -0.2), ('south', 0.6, 0.2)]
    """
    return [
        _beside(rate, group, counts[group], _rest(group, counts))
        for rate, counts in rates.items()
        for group in sorted(counts)
    ]


def compare(rates: Mapping[str, Counts], level: float, tolerance: float = 0.0) -> list[GroupTest]:
    """Compare each group with the others.

    Args:
        rates: counts by rate, of groups with rows and at least two of them.
        level: probability of one false alarm or more in the whole answer.
        tolerance: a difference surely above it is material.

    Example:
        >>> found = compare({"selection_rate": {"north": (120, 80), "south": (400, 600)}}, level=0.01, tolerance=0.02)
        >>> [(each.group, round(each.comparison.difference, 2), each.comparison.state.value) for each in found]
        [('north', -0.2, 'material'), ('south', 0.2, 'material')]
    """
    pairs = [(rate, group, counts) for rate, counts in rates.items() for group in sorted(counts)]
    if not pairs:
        return []
    level /= sum(1 if len(counts) == 2 else len(counts) for counts in rates.values())
    own = np.array([counts[group] for _, group, counts in pairs], dtype=np.float64)
    rest = np.array([_rest(group, counts) for _, group, counts in pairs], dtype=np.float64)
    possible = np.maximum(smallest_p(rest, own), smallest_p(own, rest)) <= level
    p_values = np.where(possible, fisher_exact(rest, own), 1.0)
    sure = least_distance(rest, own, np.full(len(pairs), level / 2), ordered=False)
    gaps = own[:, 1] / own.sum(axis=1) - rest[:, 1] / rest.sum(axis=1)
    found = []
    for at, (rate, group, _) in enumerate(pairs):
        state = State.OK if possible[at] else State.INSUFFICIENT_DATA
        if possible[at] and p_values[at] <= level:
            state = State.MATERIAL if sure[at] > tolerance else State.CHANGED
        numbers = float(p_values[at]), float(gaps[at]), float(sure[at]), int(own[at].sum())
        found.append(GroupTest(rate, group, level, Comparison(state, *numbers)))
    return found


def spread(counts: Counts) -> Estimate | None:
    """Largest less smallest rate, with an interval that holds for all groups at once; None for fewer than two groups.

    >>> round(spread({"north": (120, 80), "south": (400, 600)}).value, 2)
    0.2
    """
    rates = {group: hits / (misses + hits) for group, (misses, hits) in sorted(counts.items()) if misses + hits}
    if len(rates) < 2:
        return None
    z = float(special.ndtri(1 - 0.025 / len(rates)))
    ends = [intervals.wilson(counts[group][1], sum(counts[group]), z) for group in rates]
    value = max(rates.values()) - min(rates.values())
    low = max(lower for lower, _ in ends) - min(upper for _, upper in ends)
    high = max(upper for _, upper in ends) - min(lower for lower, _ in ends)
    return Estimate(value, max(low, 0.0), max(high, value), sum(map(sum, counts.values())))


def _rest(group: str, counts: Counts) -> tuple[int, int]:
    others = [cells for name, cells in counts.items() if name != group]
    return sum(misses for misses, _ in others), sum(hits for _, hits in others)


def _beside(rate: str, group: str, own: tuple[int, int], rest: tuple[int, int]) -> Difference:
    ours, theirs = (intervals.share(cells[1], sum(cells)) for cells in (own, rest))
    below = math.hypot(ours.value - ours.lower, theirs.upper - theirs.value)
    above = math.hypot(ours.upper - ours.value, theirs.value - theirs.lower)
    gap = ours.value - theirs.value
    difference = Estimate(gap, gap - below, gap + above, sum(own))
    return Difference(rate, group, ours, difference, _ratio(own, rest))


def _ratio(own: tuple[int, int], rest: tuple[int, int]) -> Estimate | None:
    if not rest[1]:
        return None
    value = own[1] / sum(own) / (rest[1] / sum(rest))
    hits, rows = (own[1] + 0.5, rest[1] + 0.5), (sum(own) + 0.5, sum(rest) + 0.5)
    error = math.sqrt(sum(1 / hit - 1 / row for hit, row in zip(hits, rows, strict=True)))
    middle = hits[0] / rows[0] / (hits[1] / rows[1])
    low, high = (middle * math.exp(side * intervals.Z * error) for side in (-1, 1))
    return Estimate(value, min(low, value), max(high, value), sum(own))
