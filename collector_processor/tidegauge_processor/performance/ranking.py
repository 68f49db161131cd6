"""How well a model put the items of lists into order.

An outcome of a ranking belongs to one item: its actual is the item's relevance, a number from zero (not wanted) upward.
The items of one list share the prediction's id up to its last dash; items without an outcome are not there. A list
with one labelled item has no order and does not count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegauge_processor.performance import intervals
from tidegauge_processor.performance.estimates import Estimate, UndefinedMetricError
from tidegauge_processor.performance.table import Table

DEPTH: Final = 10
"""Places of a list that NDCG looks at."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """Lists with at least two labelled items.

    Attributes:
        lists: of each the items' scores and relevances, both of shape ``(items,)``.
        unreadable: outcomes set aside, because they are texts, below zero, or belong to no scored item of a list.
    """

    lists: tuple[tuple[NDArray[np.float64], NDArray[np.float64]], ...]
    unreadable: int

    @classmethod
    def read(cls, table: Table) -> Ranked:
        """Read a cohort."""
        scores = np.where(np.isnan(table.score), table.value, table.score)
        good = ~np.isnan(scores) & (table.actual >= 0) & (table.group != 0)
        order = np.argsort(table.group[good], kind="stable")
        groups = table.group[good][order]
        cuts = np.flatnonzero(np.diff(groups)) + 1
        columns = (np.split(column[good][order], cuts) for column in (scores, table.actual))
        lists = tuple((said, was) for said, was in zip(*columns, strict=True) if said.size > 1)
        return cls(lists, int(np.count_nonzero(~good)))


def ndcg_at_10(rows: Ranked) -> Estimate:
    """Normalised discounted cumulative gain of the first ten places, averaged over the lists.

    Items with equal scores share the discounts of their places (McSherry and Najork 2008), as in scikit-learn.
    """
    return _mean(rows, _ndcg)


def mean_reciprocal_rank(rows: Ranked) -> Estimate:
    """Mean of one over the place of the first wanted item; 0 for a list without one.

    Of items with equal scores the wanted one is taken for the last.
    """
    return _mean(rows, _reciprocal_rank)


def _mean(rows: Ranked, metric: Callable[[NDArray[np.float64], NDArray[np.float64]], float]) -> Estimate:
    if not rows.lists:
        raise UndefinedMetricError("no list has two labelled items yet")
    found = intervals.mean(np.array([metric(*each) for each in rows.lists]), 0.0, 1.0)
    return Estimate(found.value, found.lower, found.upper, sum(said.size for said, _ in rows.lists))


def _ndcg(scores: NDArray[np.float64], relevance: NDArray[np.float64]) -> float:
    discount = np.where(np.arange(scores.size) < DEPTH, 1 / np.log2(np.arange(scores.size) + 2), 0.0)
    ideal = float((np.sort(relevance)[::-1] * discount).sum())
    if not ideal:
        return 0.0
    _, places, ties = np.unique(-scores, return_inverse=True, return_counts=True)
    gains = np.bincount(places, weights=relevance) / ties
    ends = np.cumsum(ties)
    sums = np.concatenate([[0.0], np.cumsum(discount)])
    return float((gains * (sums[ends] - sums[ends - ties])).sum()) / ideal


def _reciprocal_rank(scores: NDArray[np.float64], relevance: NDArray[np.float64]) -> float:
    wanted = scores[relevance > 0]
    return 1 / int(np.count_nonzero(scores >= wanted.max())) if wanted.size else 0.0


METRICS: Final[Mapping[str, Callable[[Ranked], Estimate]]] = {"ndcg_at_10": ndcg_at_10, "mrr": mean_reciprocal_rank}
"""What is measured, by the name that it has on the wire."""
