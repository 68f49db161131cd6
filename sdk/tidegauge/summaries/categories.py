"""How often each category of a column occurred."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

OTHER: Final = "_other"
"""Stands for the known categories that have no count of their own."""
UNSEEN: Final = "_unseen"
"""Stands for values that the baseline has never seen."""


class CategorySummary:
    """Counts by category; merging is exact.

    Args:
        counts: number of values by category.

    Example:
        >>> colours = CategorySummary.of(["red", "blue", "red"])
        >>> colours += CategorySummary.of(["blue"])
        >>> colours.dump()
        {'blue': 2, 'red': 2}
    """

    __slots__ = ("counts",)

    def __init__(self, counts: dict[str, int] | None = None) -> None:
        self.counts = counts or {}

    @classmethod
    def of(cls, values: Iterable[str]) -> CategorySummary:
        """Count ``values``."""
        return cls(dict(Counter(values)))

    @property
    def count(self) -> int:
        """Number of values."""
        return sum(self.counts.values())

    def __iadd__(self, other: CategorySummary) -> CategorySummary:
        for category, count in other.counts.items():
            self.counts[category] = self.counts.get(category, 0) + count
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CategorySummary) and self.counts == other.counts

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"CategorySummary({self.dump()})"

    def dump(self) -> dict[str, int]:
        """Canonical plain values, for JSON: categories in order."""
        return dict(sorted(self.counts.items()))

    @classmethod
    def load(cls, plain: dict[str, int]) -> CategorySummary:
        """Read what `dump` wrote."""
        return cls(dict(plain))
