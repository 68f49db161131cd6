"""A look at one row for its span: how many features, how many missing, what breaks the baseline's schema.

The counts that verdicts rest on are made at flush, from all rows. This look happens during the call, and only where a
span is recorded, so it must cost little: a row without fault is recognised by one pass of comparisons, and only a row
with a fault is looked at value by value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, Final, NamedTuple

from tidegauge.baseline import Baseline, CategoricalFeature, Feature
from tidegauge.columns import ODD, categorical_column, is_missing, numeric_column
from tidegauge.observation import MISSING, NON_FINITE, OUT_OF_RANGE, TYPE_MISMATCH, UNEXPECTED_FEATURE, UNSEEN_CATEGORY
from tidegauge.summaries import UNSEEN

_MOST_SHOWN: Final = 100


class Findings(NamedTuple):
    """What one row showed."""

    features: int
    missing: int
    violations: list[str]


class RowCheck:
    """Looks at single rows.

    Args:
        baseline: gives the schema; without one only missing and non-finite values are found.

    Example:
        >>> RowCheck(None).look({"age": None, "income": float("inf"), "name": "x"})
        Findings(features=3, missing=1, violations=['age: missing', 'income: non_finite'])
    """

    def __init__(self, baseline: Baseline | None) -> None:
        self._baseline = baseline
        self._features: dict[str, Feature] = {}
        if baseline is None:
            return
        self._features = {feature.name: feature for feature in baseline.features}
        numeric = [feature for feature in baseline.features if not isinstance(feature, CategoricalFeature)]
        self._lows = [feature.low for feature in numeric]
        self._highs = [feature.high for feature in numeric]
        self._numbers = _getter([feature.name for feature in numeric])
        categorical = [feature for feature in baseline.features if isinstance(feature, CategoricalFeature)]
        self._known = [_known(feature) for feature in categorical]
        self._categories = _getter([feature.name for feature in categorical])

    def look(
        self, row: Mapping[str, Any], aside: frozenset[str] = frozenset(), excused: frozenset[str] = frozenset()
    ) -> Findings:
        """Look at one row.

        Args:
            row: values by name.
            aside: columns that are no features.
            excused: columns that may come with a row although the baseline does not know them.
        """
        if self._baseline is None:
            return self._without_schema(row, aside)
        if self._is_faultless(row, excused):
            return Findings(len(self._features), 0, [])
        return self._against_schema(row, excused)

    def _is_faultless(self, row: Mapping[str, Any], excused: frozenset[str]) -> bool:
        try:
            for value, low, high in zip(self._numbers(row), self._lows, self._highs, strict=True):
                if not low <= value <= high:
                    return False
            for value, known in zip(self._categories(row), self._known, strict=True):
                if value not in known:
                    return False
        except ODD:  # something is missing, or cannot be compared
            return False
        return len(row) == len(self._features) or all(name in self._features or name in excused for name in row)

    def _against_schema(self, row: Mapping[str, Any], excused: frozenset[str]) -> Findings:
        found: list[str] = []
        missing = 0
        for name, feature in self._features.items():
            kind = violation(feature, row.get(name))
            if kind is not None:
                missing += kind == MISSING
                found.append(f"{name}: {kind}")
        unexpected = [name for name in row if name not in self._features and name not in excused]
        found += [f"{name}: {UNEXPECTED_FEATURE}" for name in unexpected]
        return Findings(len(self._features.keys() & row.keys()) + len(unexpected), missing, found[:_MOST_SHOWN])

    def _without_schema(self, row: Mapping[str, Any], aside: frozenset[str]) -> Findings:
        if not aside:
            try:
                if math.isfinite(math.fsum(row.values())):
                    return Findings(len(row), 0, [])
            except ODD:  # a text, something missing, masked or odd: look closer
                return self._value_by_value(row, aside)
        return self._value_by_value(row, aside)

    def _value_by_value(self, row: Mapping[str, Any], aside: frozenset[str]) -> Findings:
        found: list[str] = []
        missing = 0
        for name, value in row.items():
            if name in aside or type(value) is str:
                continue
            if is_missing(value):
                missing += 1
                found.append(f"{name}: {MISSING}")
            elif issubclass(type(value), float) and math.isinf(value):
                found.append(f"{name}: {NON_FINITE}")
        return Findings(len(row) - len(aside & row.keys()), missing, found[:_MOST_SHOWN])


def violation(feature: Feature, value: Any) -> str | None:
    """How ``value`` breaks the schema of ``feature``; None when it does not."""
    if is_missing(value):
        return MISSING
    if isinstance(feature, CategoricalFeature):
        (spelled,) = categorical_column([value]).values
        if spelled is None:
            return TYPE_MISMATCH
        return UNSEEN_CATEGORY if feature.place(spelled) == UNSEEN else None
    column = numeric_column([value])
    if column.mismatched[0]:
        return TYPE_MISMATCH
    number = float(column.values[0])
    if not math.isfinite(number):
        return NON_FINITE
    return None if feature.low <= number <= feature.high else OUT_OF_RANGE


class _Everything:
    """Stands for an open vocabulary: every text is known."""

    def __contains__(self, value: object) -> bool:
        return type(value) is str


def _known(feature: CategoricalFeature) -> frozenset[str] | _Everything:
    return _Everything() if feature.open else frozenset(feature.categories + feature.others)


def _getter(names: list[str]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    if not names:
        return lambda row: ()
    if len(names) == 1:
        return lambda row: (row[names[0]],)
    return itemgetter(*names)
