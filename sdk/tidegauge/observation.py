"""One column held against its reference: its summary, and what in it breaks the schema.

Live calls and the spans of other clients are read by the same functions, so that both count alike.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Generic, TypeVar

import numpy as np

from tidegauge.baseline import CategoricalFeature, NumericFeature
from tidegauge.columns import CategoricalColumn, NumericColumn, category
from tidegauge.summaries import OTHER, UNSEEN, CategorySummary, ExponentialSummary, NumericSummary

MISSING: Final = "missing"
NON_FINITE: Final = "non_finite"
TYPE_MISMATCH: Final = "type_mismatch"
OUT_OF_RANGE: Final = "out_of_range"
UNSEEN_CATEGORY: Final = "unseen_category"
UNEXPECTED_FEATURE: Final = "unexpected_feature"

_TRUTHS: Final = {"false": "0", "true": "1"}
_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?", re.ASCII)  # as `category` spells them

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Observation(Generic[S]):
    """What one column showed.

    Attributes:
        summary: of the values that can be counted.
        violations: number of values by kind of violation; kinds that did not occur are left out.
    """

    summary: S
    violations: dict[str, int]


def observe_numeric(
    column: NumericColumn, feature: NumericFeature | None
) -> Observation[NumericSummary | ExponentialSummary]:
    """Hold a numeric column against its reference; without one its bins are exponential and nothing is out of range.

    >>> from tidegauge.columns import numeric_column
    >>> observe_numeric(numeric_column([1.0, None, "x"]), None).violations
    {'missing': 1, 'type_mismatch': 1}
    """
    finite = column.finite
    violations = {
        MISSING: int(column.missing.sum()),
        TYPE_MISMATCH: int(column.mismatched.sum()),
        NON_FINITE: int(np.isinf(column.values).sum()),
    }
    summary: NumericSummary | ExponentialSummary
    if feature is None:
        summary = ExponentialSummary.of(finite)
    else:
        summary = NumericSummary.of(finite, feature.bins)
        violations[OUT_OF_RANGE] = int(np.count_nonzero((finite < feature.low) | (finite > feature.high)))
    return Observation(summary, _occurred(violations))


def observe_categorical(column: CategoricalColumn, feature: CategoricalFeature) -> Observation[CategorySummary]:
    """Hold a categorical column against its reference.

    Values that the reference has no count for are counted as ``_other`` or ``_unseen``.
    """
    placed: Counter[str] = Counter()
    for value, count in Counter(column.values).items():
        if value is not None:
            placed[feature.place(value)] += count
    violations = {MISSING: column.missing, TYPE_MISMATCH: column.mismatched, UNSEEN_CATEGORY: placed[UNSEEN]}
    return Observation(CategorySummary({name: count for name, count in placed.items() if count}), _occurred(violations))


def class_name(value: Any, classes: Sequence[str]) -> str | None:
    """Name of the class that ``value`` stands for: a name itself, else the place of one; None when it is no class.

    A place is a whole number from 0, also as text, and of two classes ``false`` or ``true``. Names that are other
    numbers than their places have none, since 1 may be meant for either; and where only the most frequent classes have
    names, nobody knows their places.

    >>> [class_name(value, ("on_time", "late")) for value in (1, True, "late", "1", "True", 7, [])]
    ['late', 'late', 'late', 'late', 'late', '7', None]
    >>> [class_name(value, ("1", "2", "3")) for value in (0, 1.0, True)]
    ['0', '1', 'true']
    """
    name = category(value)
    if name is None or name in classes:
        return name
    place = _TRUTHS.get(name.lower(), "") if len(classes) == 2 else ""
    return _by_place(tuple(classes)).get(place or name, name)


@lru_cache(maxsize=256)
def _by_place(classes: tuple[str, ...]) -> dict[str, str]:
    """Classes by place, as text; empty where they have none."""
    found = {str(place): name for place, name in enumerate(classes)}
    others = OTHER in classes or any(_NUMBER.fullmatch(name) for name in classes)
    return {} if others and list(found) != list(classes) else found


def _occurred(violations: dict[str, int]) -> dict[str, int]:
    return {kind: count for kind, count in violations.items() if count}
