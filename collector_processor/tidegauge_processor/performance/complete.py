"""Are the labels of a cohort in? Tests look at each cohort once, and not before.

Young labels are no sample of all: those of one class often come sooner, and a test takes that for a change of the
model. Weights mend numbers, but not tests: the shares that weights come from are estimates themselves, and their error
is the same for every cohort, so that merging cohorts turns it into evidence. So a cohort is tested when hardly any of
its labels are missing, and then never again: a second look at more labels would be a second chance of a false alarm.

The labels of a cohort are in when one of these holds:

* `ENOUGH` of the predictions have a label;
* at the age of its youngest prediction, `ENOUGH` of the labels of each class have come, as arrivals say. What lacks can
  then move the share of a class by a quarter of a percent at most. Arrivals are learned from cohorts a third as old as
  cohorts get, and know nothing of later labels; so they are believed only up to half of that age, for when hardly any
  labels come in its second half, hardly any come after it;
* the user has said by a wait how long labels take, and arrivals do not know better;
* it takes no more labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from tidegauge_processor.performance.arrivals import Arrivals
from tidegauge_processor.performance.table import Table

ENOUGH: Final = 0.99
"""Share of labels that must have come."""


class Patience(NamedTuple):
    """How long labels are waited for, all in ns.

    Attributes:
        cohort: length of a cohort of predictions.
        wait: how long after its end a cohort waits for labels before it is looked at; 0: nobody knows how long.
        retention: how long a cohort takes labels.

    Example:
        >>> patience = Patience(cohort=24, wait=36, retention=2160)
        >>> patience.tick(0), patience.last_tick(60), patience.last_tick(83), patience.mature(0), patience.closed(0)
        (60, 0, 0, 744, 2184)
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

    def mature(self, start: int) -> int:
        """When the cohort from ``start`` on is so old that arrivals are learned from it."""
        return start + self.cohort + self.retention // 3

    def closed(self, start: int) -> int:
        """When the cohort from ``start`` on takes no more labels."""
        return start + self.cohort + self.retention


def ripe(
    starts: Iterable[int], now: int, patience: Patience, arrivals: Arrivals, complete: Callable[[int], bool]
) -> Iterator[int]:
    """The cohorts whose labels are in, oldest first.

    Args:
        starts: of cohorts that have waited, ns since the epoch.
        now: time up to which labels have been taken.
        patience: how long labels are waited for.
        arrivals: how soon labels arrive.
        complete: whether enough of the predictions of a cohort have a label, see `is_complete`.
    """
    of_age = True  # the younger are not when the older are not
    for start in sorted(starts):
        of_age = of_age and is_of_age(start, now, patience, arrivals)
        if of_age or complete(start):
            yield start


def is_complete(labels: int, predictions: int | None) -> bool:
    """Whether enough of the predictions have a label; not known where some predictions have not been counted.

    >>> [is_complete(labels, 1000) for labels in (989, 990, 1000, 2000)], is_complete(1000, None)
    ([False, True, True, False], False)
    """
    return predictions is not None and ENOUGH * predictions <= labels <= predictions / ENOUGH


def complete_at(now: int, labels: int, predictions: int | None, table: Callable[[], Table]) -> bool:
    """Whether enough of the predictions had a label at ``now``.

    Args:
        now: time up to which labels count, ns since the epoch.
        labels: of any time; with too few of them nobody need look at their times.
        predictions: how many there are; None when nobody has counted them.
        table: gives the outcomes.
    """
    if predictions is None or labels < ENOUGH * predictions:
        return False
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
    age, oldest = now - start - patience.cohort, patience.retention // 3
    share = arrivals.least_share(min(age, oldest // 2))
    known = share is not None and share >= ENOUGH
    believed = patience.wait > 0 and (share is None or age >= oldest)
    return known or believed or now >= patience.closed(start)
