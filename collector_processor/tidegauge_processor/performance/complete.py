"""Are the labels of a cohort in? Tests look at each cohort once, and not before.

Young labels are no sample of all: those of one class often come sooner, and a test takes that for a change of the
model. Weights mend numbers, but not tests: the shares that weights come from are estimates themselves, and their error
is the same for every cohort, so that merging cohorts turns it into evidence. So a cohort is tested when hardly any of
its labels are missing, and then never again: a second look at more labels would be a second chance of a false alarm.

The labels of a cohort are in when one of these holds:

* `NEARLY_ALL` of the predictions have a label;
* at the age of its youngest prediction, `ENOUGH` of the labels of each class have come, as arrivals say. What lacks can
  then move the share of a class by a quarter of a percent at most, as above. Labels that never come do not count;
* it takes no more labels;
* nothing is known of arrivals yet, and the user has said by a wait how long labels take. Where it can be seen that
  predictions lack labels, nobody knows which: such a cohort is not `sure`, and shows a change at most, never one that
  pages, and neither does what is merged with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidegauge_processor.performance.arrivals import Arrivals, bins_within
from tidegauge_processor.performance.table import Table

ENOUGH: Final = 0.99
"""Share of the labels of each class that must have come; of the predictions too few have a label if fewer have one."""
NEARLY_ALL: Final = 0.9975
"""Share of the predictions that must have a label, since those that lack may all be of one class."""


class Patience(NamedTuple):
    """How long labels are waited for, all in ns.

    Attributes:
        cohort: length of a cohort of predictions.
        wait: how long after its end a cohort waits for labels before it is looked at; 0: nobody knows how long.
        retention: how long a cohort takes labels.

    Example:
        >>> patience = Patience(cohort=24, wait=36, retention=2160)
        >>> patience.tick(0), patience.last_tick(60), patience.last_tick(83), patience.closed(0)
        (60, 0, 0, 2184)
    """

    cohort: int
    wait: int
    retention: int

    def tick(self, number: int) -> int:
        """When cohort ``number``, counted from the epoch, has waited; cohorts are tested at these times."""
        return (number + 1) * self.cohort + self.wait

    def last_tick(self, now: int) -> int:
        """Number of the latest cohort that has waited at ``now``."""
        return (now - self.wait) // self.cohort - 1

    def shown(self, starts: Iterable[int], since: int, now: int) -> list[tuple[int, slice]]:
        """The cohorts that at ``now`` have shown bins of delays that they had not at ``since``, and these bins.

        A cohort shows nothing before it is a third as old as it gets, and nothing that comes after its close.

        >>> day = 24 * 3600 * 10**9
        >>> patience = Patience(cohort=day, wait=0, retention=90 * day)
        >>> patience.shown([0, day, 2 * day], -1, 32 * day)
        [(0, slice(0, 124, None)), (86400000000000, slice(0, 124, None))]
        >>> patience.shown([0, day], 89 * day, 200 * day)
        [(0, slice(136, 137, None)), (86400000000000, slice(136, 137, None))]
        """
        ordered = np.array(sorted(starts), dtype=np.int64)
        first, last = (bins_within(self._taught(at - ordered - self.cohort)) for at in (since, now))
        found = np.flatnonzero(first < last)
        bins = zip(first[found].tolist(), last[found].tolist(), strict=True)
        return [(start, slice(*ends)) for start, ends in zip(ordered[found].tolist(), bins, strict=True)]

    def _taught(self, ages: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.where(ages >= self.retention // 3, np.minimum(ages, self.retention), 0)

    def closed(self, start: int) -> int:
        """When the cohort from ``start`` on takes no more labels."""
        return start + self.cohort + self.retention


class Ripe(NamedTuple):
    """A cohort whose labels are in.

    Attributes:
        start: of the cohort, ns since the epoch.
        sure: whether there is more to it than a wait that the user has named.
    """

    start: int
    sure: bool


def ripe(
    starts: Iterable[int], now: int, patience: Patience, arrivals: Arrivals, complete: Callable[[int], bool | None]
) -> Iterator[Ripe]:
    """The cohorts whose labels are in, oldest first.

    Args:
        starts: of cohorts that have waited, ns since the epoch.
        now: time up to which labels have been taken.
        patience: how long labels are waited for.
        arrivals: how soon labels arrive.
        complete: whether the predictions of a cohort have their labels, see `is_complete`.
    """
    of_age = True  # the younger are not when the older are not
    for start in sorted(starts):
        of_age = of_age and is_of_age(start, now, patience, arrivals)
        whole = complete(start)
        if of_age or whole:
            told = arrivals.least_share(0) is not None or now >= patience.closed(start)
            yield Ripe(start, told or whole is not False)


def is_complete(labels: int, predictions: int | None) -> bool | None:
    """Whether the predictions have their labels; None where that is not clear, or not all predictions were counted.

    >>> [is_complete(labels, 1000) for labels in (989, 990, 998, 1000, 2000)], is_complete(1000, None)
    ([False, None, True, True, None], None)
    """
    if predictions is None or labels > predictions / ENOUGH:
        return None
    if labels >= NEARLY_ALL * predictions:
        return True
    return None if labels >= ENOUGH * predictions else False


def complete_at(now: int, labels: int, predictions: int | None, table: Callable[[], Table]) -> bool | None:
    """Whether the predictions had their labels at ``now``, see `is_complete`.

    Args:
        now: time up to which labels count, ns since the epoch.
        labels: of any time; with too few of them nobody need look at their times.
        predictions: how many there are; None when nobody has counted them.
        table: gives the outcomes.
    """
    if predictions is None or labels < ENOUGH * predictions:
        return is_complete(labels, predictions)
    return is_complete(table().until(now).kind.size, predictions)


def is_of_age(start: int, now: int, patience: Patience, arrivals: Arrivals) -> bool:
    """Whether a cohort is so old that its labels are in.

    Example:
        >>> patience = Patience(cohort=24, wait=0, retention=2160)
        >>> [is_of_age(0, now, patience, Arrivals()) for now in (24, 2183, 2184)]
        [False, False, True]
        >>> is_of_age(0, 60, patience._replace(wait=36), Arrivals())
        True
    """
    share = arrivals.least_share(now - start - patience.cohort)
    arrived = patience.wait > 0 if share is None else share >= ENOUGH
    return arrived or now >= patience.closed(start)
