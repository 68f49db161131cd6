"""How soon labels arrive, and how to be fair to those that are not there yet.

Labels of one class often arrive sooner than those of another: a loan is found to have failed in a month, and to have
been repaid in years. Of young predictions the labels at hand are then mostly of the quick class, and every metric on
them is biased. So each label counts for all those of its class that are as old and not there yet: it weighs the
inverse of the share of its class that has arrived at that age (Horvitz and Thompson 1952).

The shares are learned from cohorts that are too young themselves to have all of their labels. So delays are counted
bin by bin, over the cohorts that were old enough to show the whole bin: d labels came with a delay in the bin, n with a
delay up to its end. Of those within the end of a bin, 1 - d/n come before its start, and the share that arrives within
an age is the product of these over all later bins (the product-limit estimate of delays that are truncated on the
right: Lynden-Bell 1971, Mon. Not. R. Astron. Soc. 155, 95; the chain ladder of actuaries). Each bin may have been shown
by other cohorts than the next. Those that none has shown count as empty: while many labels still come at the greatest
age that is known, shares are too large.

Predictions at whose age less than a tenth of some class has arrived are left out: their weights would be noise.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tidegauge_processor.performance.classes import Classified
from tidegauge_processor.performance.table import Table

LEAST_LABELS: Final = 400
"""Labels of a class that must have come up to an age, over the cohorts that have shown it, for the age to be known."""
LEAST_SHARE: Final = 0.1
"""Share of each class that must have arrived at a prediction's age."""

_FEW: Final = 0.01  # of all labels: classes so rare are passed over
_ANY: Final = ""  # stands for all labels of a task without classes; classes have names
_OCTAVE: Final = 8
_QUARTER: Final = 90 * 24 * 3600 * 10**9  # 90 days, for which labels are taken unless somebody says otherwise
_EDGES: Final = _QUARTER * 2.0 ** (np.arange(-17 * _OCTAVE, 3 * _OCTAVE + 1) / _OCTAVE)  # from a minute to two years
_AGES: Final = np.concatenate([[0.0], _EDGES])
_ALL: Final = slice(None)

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


def bins_within(ages: NDArray[np.int64]) -> NDArray[np.intp]:
    """Numbers of bins of delays shown whole by cohorts whose youngest predictions are ``ages`` (ns) old, ``(n,)``.

    >>> bins_within(60 * 10**9 * np.array([0, 1, 2, 90 * 24 * 60])).tolist()
    [0, 1, 9, 137]
    """
    return _EDGES.searchsorted(ages, side="right")


class Arrivals:
    """Delays of labels, counted by class.

    Example:
        >>> arrivals = Arrivals()
        >>> arrivals.add("late", np.repeat([1, 2, 3, 40], 100) * 86_400 * 10**9)
        >>> arrivals.share("late", np.array([7 * 86_400 * 10**9])).round(9).tolist()
        [0.75]
    """

    def __init__(self) -> None:
        self._counts: dict[str, Counts] = {}  # by class: labels in each bin, and up to its end, shape (2, bins)

    def add(self, klass: str, delays: NDArray[np.int64], bins: slice = _ALL) -> None:
        """Count labels of a class by their ``delays`` in ns, shape ``(n,)``, in the ``bins`` that are shown."""
        counts = self._counts.setdefault(klass, np.zeros((2, _EDGES.size), dtype=np.int64))
        came = np.bincount(_EDGES.searchsorted(delays), minlength=_EDGES.size + 1)[: _EDGES.size]
        counts[:, bins] += np.stack([came, np.cumsum(came)])[:, bins]

    def learn(self, outcomes: Classified, table: Table, bins: slice = _ALL) -> None:
        """Count the labels of a cohort in the ``bins`` that it has shown; ``outcomes`` are those of ``table``."""
        for code, name in enumerate(outcomes.names):
            self.add(name, table.delay[outcomes.row[outcomes.actual == code]], bins)

    def learn_all(self, table: Table, bins: slice = _ALL) -> None:
        """Count the labels of a cohort of a task without classes in the ``bins`` that it has shown."""
        self.add(_ANY, table.delay, bins)

    def __iadd__(self, other: Arrivals) -> Arrivals:
        for klass, counts in other._counts.items():
            own = self._counts.setdefault(klass, np.zeros_like(counts))
            own += counts
        return self

    def share(self, klass: str, ages: NDArray[np.int64]) -> Floats:
        """Share of the labels of ``klass`` that arrive within ``ages`` (ns), ``(n,)``; NaN of too few."""
        counts = self._counts.get(klass)
        if counts is None or _last_known(counts) < 0:
            return np.full(ages.shape, np.nan)
        return np.interp(ages, _AGES, _curve(counts))

    def least_share(self, age: int) -> float | None:
        """Share of the labels of the slowest class that surely arrive within ``age`` (ns).

        What comes later than any age that is known is put at what it would be if each octave of delays to come held as
        much less than the one before as the last two that are known.

        Classes with too few labels count as one. That one is passed over where it is less than a hundredth of all and
        two others are known; else nothing is known.

        Example:
            >>> arrivals, day = Arrivals(), 86_400 * 10**9
            >>> arrivals.add("on time", np.repeat([1, 2], 400) * day)
            >>> arrivals.least_share(7 * day)
            >>> arrivals.add("late", np.repeat([1, 2, 3, 40], 100) * day)
            >>> round(arrivals.least_share(7 * day), 9)
            0.75
        """
        nothing = np.zeros((2, _EDGES.size), dtype=np.int64)
        known = [counts for counts in self._counts.values() if _last_known(counts) >= 0]
        few = sum((counts for counts in self._counts.values() if _last_known(counts) < 0), nothing)
        if _last_known(few) >= 0:
            known.append(few)
        elif few[0].sum() > _FEW * (few[0].sum() + sum(int(counts[0].sum()) for counts in known)):
            return None
        if len(known) < (2 if _ANY not in self._counts else 1):
            return None
        return min(_surely_arrived(counts, age) for counts in known)

    def weigh(self, outcomes: Classified, table: Table, now: int) -> Table | None:
        """The outcomes of ``table`` that can be weighed, with their weights.

        Args:
            outcomes: those of ``table``.
            table: of predictions of any age.
            now: time up to which labels have been taken, ns since the epoch.

        Returns:
            A part of ``table``; None when too few delays of a class that came true are known, or all are too young.
        """
        ages = now - table.predicted_at[outcomes.row]
        present = np.unique(outcomes.actual).tolist()
        if not present:
            return None
        shares = np.stack([self.share(outcomes.names[code], ages) for code in present])
        if np.isnan(shares).any():
            return None
        good = (shares >= LEAST_SHARE).all(axis=0)
        if not good.any():
            return None
        own = shares[np.searchsorted(present, outcomes.actual), np.arange(ages.size)]
        weight = np.ones(table.weight.size)
        weight[outcomes.row[good]] = 1 / own[good]
        kept = np.zeros(table.weight.size, dtype=np.bool_)
        kept[outcomes.row[good]] = True
        return table._replace(weight=weight).take(kept)

    def dump(self) -> dict[str, Any]:
        """Canonical plain values, for JSON."""
        return {klass: self._counts[klass].tolist() for klass in sorted(self._counts)}

    @classmethod
    def load(cls, plain: dict[str, Any]) -> Arrivals:
        """Read what `dump` wrote."""
        arrivals = cls()
        arrivals._counts = {klass: np.array(counts, dtype=np.int64) for klass, counts in plain.items()}
        return arrivals


def _last_known(counts: Counts) -> int:
    """The last bin that is known; -1 without one."""
    return int(np.flatnonzero(counts[1] >= LEAST_LABELS).max(initial=-1))


def _curve(counts: Counts) -> Floats:
    """Share of labels that arrive within each of `_AGES`, shape ``(bins + 1,)``."""
    came, within = counts
    earlier = 1 - came / np.maximum(within, 1)
    return np.concatenate([np.cumprod(earlier[::-1])[::-1], [1.0]])


def _surely_arrived(counts: Counts, age: int) -> float:
    """Share of labels that arrive within ``age``, less what may come later than any age that is known."""
    last, curve = _last_known(counts) + 1, _curve(counts)
    before, half, whole = (float(curve[max(last - octaves * _OCTAVE, 0)]) for octaves in (2, 1, 0))
    held, holds = half - before, whole - half
    if not holds:
        unseen = 0.0
    elif holds < held:
        unseen = holds**2 / (held - holds)
    else:
        unseen = 1.0
    arrived = float(np.interp(min(age, _AGES[last]), _AGES, curve))
    return max(arrived - unseen, 0.0)
