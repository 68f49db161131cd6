"""Which label means which class: predictions and outcomes of a cohort brought to one set of names.

The outcome comes from another process, often in another language, and weeks later: it may say ``1`` or ``1.0`` where
the model says ``"late"`` or ``"true"``. Where there is a baseline, a class is said by its name or else by its place
among the baseline's classes (`by_name`), whoever says it. Without one numbers are spelled as everywhere in Tidegauge
(1.0 is ``"1"``), and ``0``/``1`` stand for ``false``/``true`` and back where only one of the pairs is in use. What then
still names no class is set aside and counted; to take it for the negative class, as comparing with the positive one
would, makes a wrong number.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegauge.columns import category
from tidegauge.observation import class_name
from tidegauge_processor.performance.estimates import UndefinedMetricError
from tidegauge_processor.performance.table import Table

PAIRS: Final = (("0", "1"), ("false", "true"), ("1", "-1"))
"""Names of two classes of which it is known which is the positive one: the second. scikit-learn calls anomalies -1."""

_TWINS: Final = {"0": "false", "1": "true", "false": "0", "true": "1"}


@dataclass(frozen=True, slots=True)
class Classified:
    """The outcomes whose actual class is known, ``n`` of them.

    Attributes:
        names: the classes, in order of their names; codes index them.
        predicted: code of the predicted class, shape ``(n,)``; -1 without one.
        actual: code of the true class, shape ``(n,)``.
        score: shape ``(n,)``; NaN without one.
        weight: rows that each row stands for, above zero, shape ``(n,)``.
        row: place of each outcome in its table, shape ``(n,)``.
        unreadable: outcomes set aside, because their actual names no class of the model.
    """

    names: tuple[str, ...]
    predicted: NDArray[np.int64]
    actual: NDArray[np.int64]
    score: NDArray[np.float64]
    weight: NDArray[np.float64]
    row: NDArray[np.int64]
    unreadable: int

    def take(self, rows: NDArray[np.bool_]) -> Classified:
        """The outcomes where ``rows``, shape ``(n,)``, is true."""
        return replace(
            self,
            predicted=self.predicted[rows],
            actual=self.actual[rows],
            score=self.score[rows],
            weight=self.weight[rows],
            row=self.row[rows],
        )


def by_name(table: Table, classes: Sequence[str]) -> Table:
    """The outcomes with the names of classes where they say places, see `tidegauge.observation.class_name`.

    Args:
        table: of a cohort.
        classes: as the baseline orders them; without any there are no places.
    """
    if not classes:
        return table
    kinds = [
        kind._replace(
            actual=None if kind.actual is None else class_name(kind.actual, classes),
            klass=None if kind.klass is None else class_name(kind.klass, classes),
        )
        for kind in table.kinds
    ]
    rows = np.flatnonzero(~np.isnan(table.actual))
    values, places = np.unique(table.actual[rows], return_inverse=True)
    names = [class_name(value, classes) for value in values.tolist()]
    known = np.array([name in classes for name in names], dtype=np.bool_)[places]
    rows, places = rows[known], places[known]
    codes, of_code = np.unique(table.kind[rows] * max(len(names), 1) + places, return_inverse=True)
    actual, kind = table.actual.copy(), table.kind.copy()
    actual[rows], kind[rows] = np.nan, len(kinds) + of_code
    for code in codes.tolist():  # a number that stands for a class becomes its name, in a kind of its own
        kinds.append(kinds[code // len(names)]._replace(actual=names[code % len(names)]))
    return table._replace(kinds=tuple(kinds), kind=kind, actual=actual)


def read_binary(table: Table, positive: str | None) -> tuple[Classified, str | None]:
    """Read the outcomes of a model with two classes.

    Args:
        table: of the cohort.
        positive: the positive class; None when nobody has said.

    Returns:
        The outcomes, and the positive class; None when it is not said and the names do not tell.

    Raises:
        UndefinedMetricError: there are more than two classes.
    """
    predicted, texts, numbers = _names(table)
    names = predicted | ({positive} if positive is not None else set())
    found = texts or numbers
    for pair in PAIRS:
        if (names or found) <= set(pair) and (names or found):
            names, positive = set(pair), positive or pair[1]
    if len(names) < 2:
        names = names | found
    if len(names) > 2:
        some = ", ".join(repr(name) for name in sorted(names)[:4]) + (", ..." if len(names) > 4 else "")
        raise UndefinedMetricError(f"a binary task has two classes, but the outcomes have {len(names)}: {some}")
    return _classify(table, names), positive


def read_multiclass(table: Table) -> Classified:
    """Read the outcomes of a model with any number of classes.

    A true class that was never predicted counts when it came as text. A number counts when a class has its name, or
    when there are no texts at all.
    """
    predicted, texts, numbers = _names(table)
    return _classify(table, (predicted | texts) or numbers)


def _names(table: Table) -> tuple[set[str], set[str], set[str]]:
    """Names of predicted classes, of true classes that came as text, and of those that came as numbers."""
    predicted = {kind.klass for kind in table.kinds if kind.klass is not None}
    texts = {kind.actual for kind in table.kinds if kind.actual is not None}
    numbers = np.unique(table.actual[~np.isnan(table.actual)])
    return predicted, texts, {name for name in _spelled(numbers) if name is not None}


def _classify(table: Table, names: Collection[str]) -> Classified:
    ordered = tuple(sorted(names))
    codes = {name: code for code, name in enumerate(ordered)}
    codes |= {twin: codes[name] for twin, name in _TWINS.items() if name in codes and twin not in codes}
    predicted = _coded(codes, (kind.klass for kind in table.kinds))[table.kind]
    actual = _coded(codes, (kind.actual for kind in table.kinds))[table.kind]
    number = ~np.isnan(table.actual)
    distinct, places = np.unique(table.actual[number], return_inverse=True)
    actual[number] = _coded(codes, _spelled(distinct))[places]
    readable = actual >= 0
    unreadable = int(np.count_nonzero(~readable))
    found = Classified(ordered, predicted, actual, table.score, table.weight, np.arange(actual.size), unreadable)
    return found.take(readable) if unreadable else found


def _coded(codes: Mapping[str, int], names: Iterable[str | None]) -> NDArray[np.int64]:
    return np.array([-1 if name is None else codes.get(name, -1) for name in names], dtype=np.int64)


def _spelled(numbers: NDArray[np.float64]) -> list[str | None]:
    return [category(number) for number in numbers.tolist()]
