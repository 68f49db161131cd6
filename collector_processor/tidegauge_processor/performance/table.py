"""Outcomes as columns: what every metric is computed from, whether they come from a cohort or from a file."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidegauge.score_codes import CODE


class Kind(NamedTuple):
    """What many outcomes share: the texts, and which numbers there are.

    Attributes:
        actual: the true class; None when the outcome is a number.
        klass: the predicted class; None without one.
        has_score: whether there is a score.
        has_value: whether there is a predicted number.
        segments: names and values of slices.
        class_set: fingerprint of the classes of which there are scores; empty without them.
        classes: how many classes these are.
    """

    actual: str | None
    klass: str | None
    has_score: bool
    has_value: bool
    segments: tuple[tuple[str, str], ...]
    class_set: str = ""
    classes: int = 0

    def order(self) -> tuple[Any, ...]:
        """The kind as something that sorts: numbers before texts, then the rest."""
        actual, klass = self.actual, self.klass
        return actual is not None, actual or "", klass is not None, klass or "", *self[2:]


class Table(NamedTuple):
    """The outcomes of a cohort as columns, in the order of their hashed ids.

    Attributes:
        kinds: kinds of outcomes, ``k`` of them.
        kind: index of each outcome's kind, shape ``(n,)``.
        score: scores, shape ``(n,)``; NaN without one.
        value: predicted numbers, shape ``(n,)``; NaN without one.
        actual: true numbers, shape ``(n,)``; NaN where the kind has a true class.
        predicted_at: when the predictions were made, ns since the epoch, shape ``(n,)``.
        delay: time from there until their outcomes were recorded, ns, shape ``(n,)``; 0 where they say an earlier time.
        group: hashed name of the list that a ranked item belongs to, shape ``(n,)``; 0 without one.
        weight: rows that each outcome stands for, above zero, shape ``(n,)``; 1 unless somebody weighs them.
        codes: of the scores of every class, shape ``(n, c)`` with as many columns as some kind has classes; zeros
            where a kind has fewer.
    """

    kinds: tuple[Kind, ...]
    kind: NDArray[np.int64]
    score: NDArray[np.float64]
    value: NDArray[np.float64]
    actual: NDArray[np.float64]
    predicted_at: NDArray[np.int64]
    delay: NDArray[np.int64]
    group: NDArray[np.int64]
    weight: NDArray[np.float64]
    codes: NDArray[np.uint16]

    def take(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> Table:
        """The outcomes where ``rows``, shape ``(n,)``, is true, or those at the places ``rows``."""
        return self._replace(**{name: column[rows] for name, column in self._asdict().items() if name != "kinds"})

    def until(self, now: int) -> Table:
        """The outcomes that had come at ``now`` (ns since the epoch), with no kinds but theirs."""
        rows = self.take(self.predicted_at + self.delay <= now)
        codes, kind = np.unique(rows.kind, return_inverse=True)
        return rows._replace(kinds=tuple(self.kinds[code] for code in codes.tolist()), kind=kind.astype(np.int64))

    def without_class_scores(self) -> Table:
        """The same without the scores of every class, which take most of the room."""
        kinds = tuple(kind._replace(class_set="", classes=0) for kind in self.kinds)
        return self._replace(kinds=kinds, codes=np.empty((self.kind.size, 0), dtype=CODE))
