"""How soon labels arrive, and how to be fair to those that are not there yet.

Labels of one class often arrive sooner than those of another: a loan is found to have failed in a month, and to have
been repaid in years. Of young predictions the labels at hand are then mostly of the quick class, and every metric on
them is biased. So each label counts for all those of its class that are as old and not there yet: it weighs the
inverse of the share of its class that has arrived at that age (Horvitz and Thompson 1952). The shares are learned from
mature cohorts, those old enough to have their labels.

Predictions at whose age less than a tenth of some class has arrived are left out: their weights would be noise.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tidegauge_processor.performance.classes import Classified
from tidegauge_processor.performance.table import Table

LEAST_LABELS: Final = 400
"""Labels of each class from mature cohorts without which nothing is weighed."""
LEAST_SHARE: Final = 0.1
"""Share of each class that must have arrived at a prediction's age."""

_FEW: Final = 0.01  # of all labels: classes so rare are passed over
_ANY: Final = ""  # stands for all labels of a task without classes; classes have names
_MINUTE: Final = 60 * 10**9
_EDGES: Final = _MINUTE * 2.0 ** (np.arange(8 * 17 + 1) / 8)  # from a minute to 91 days, eight to an octave
_AGES: Final = np.concatenate([[0.0], _EDGES])

Floats = NDArray[np.float64]


class Arrivals:
    """Delays of the labels of mature cohorts, counted by class.

    Example:
        >>> arrivals = Arrivals()
        >>> arrivals.add("late", np.repeat([1, 2, 3, 40], 100) * 86_400 * 10**9)
        >>> arrivals.share("late", np.array([7 * 86_400 * 10**9])).tolist()
        [0.75]
    """

    def __init__(self) -> None:
        self._counts: dict[str, NDArray[np.int64]] = {}

    def add(self, klass: str, delays: NDArray[np.int64]) -> None:
        """Count labels of a class by their ``delays`` in ns, shape ``(n,)``."""
        counts = self._counts.setdefault(klass, np.zeros(_EDGES.size + 1, dtype=np.int64))
        counts += np.bincount(_EDGES.searchsorted(delays), minlength=counts.size)

    def learn(self, outcomes: Classified, table: Table) -> None:
        """Count the labels of a mature cohort; ``outcomes`` are those of ``table``."""
        for code, name in enumerate(outcomes.names):
            self.add(name, table.delay[outcomes.row[outcomes.actual == code]])

    def learn_all(self, table: Table) -> None:
        """Count the labels of a mature cohort of a task without classes."""
        self.add(_ANY, table.delay)

    def __iadd__(self, other: Arrivals) -> Arrivals:
        for klass, counts in other._counts.items():
            own = self._counts.setdefault(klass, np.zeros_like(counts))
            own += counts
        return self

    def share(self, klass: str, ages: NDArray[np.int64]) -> Floats:
        """Share of the labels of ``klass`` that arrive within ``ages`` (ns), ``(n,)``; NaN of too few."""
        counts = self._counts.get(klass)
        if counts is None or counts.sum() < LEAST_LABELS:
            return np.full(ages.shape, np.nan)
        return _arrived(counts, ages)

    def least_share(self, age: int) -> float | None:
        """Share of the labels of the slowest class that arrive within ``age`` (ns).

        Classes with too few labels count as one. That one is passed over where it is less than a hundredth of all and
        two others are known; else nothing is known.

        Example:
            >>> arrivals, day = Arrivals(), 86_400 * 10**9
            >>> arrivals.add("on time", np.repeat([1, 2], 400) * day)
            >>> arrivals.least_share(7 * day)
            >>> arrivals.add("late", np.repeat([1, 2, 3, 40], 100) * day)
            >>> arrivals.least_share(7 * day)
            0.75
        """
        nothing = np.zeros(_EDGES.size + 1, dtype=np.int64)
        known = [counts for counts in self._counts.values() if counts.sum() >= LEAST_LABELS]
        few = sum((counts for counts in self._counts.values() if counts.sum() < LEAST_LABELS), nothing)
        if few.sum() >= LEAST_LABELS:
            known.append(few)
        elif few.sum() > _FEW * (few.sum() + sum(int(counts.sum()) for counts in known)):
            return None
        if len(known) < (2 if _ANY not in self._counts else 1):
            return None
        return min(float(_arrived(counts, np.array([age]))[0]) for counts in known)

    def weigh(self, outcomes: Classified, table: Table, now: int) -> Table | None:
        """The outcomes of ``table`` that can be weighed, with their weights.

        Args:
            outcomes: those of ``table``.
            table: of predictions of any age.
            now: time up to which labels have been taken, ns since the epoch.

        Returns:
            A part of ``table``; None when a class that came true has too few mature labels, or all are too young.
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


def _arrived(counts: NDArray[np.int64], ages: NDArray[np.int64]) -> Floats:
    arrived = np.concatenate([[0], np.cumsum(counts[:-1])]) / counts.sum()
    return np.asarray(np.interp(ages, _AGES, arrived))
