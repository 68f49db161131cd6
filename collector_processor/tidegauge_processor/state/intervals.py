"""Which intervals of one writer's stream have been counted.

The OTLP data model says that the intervals of one writer and stream do not overlap, so a delta point is known by its
interval. What has been seen is the union of those intervals: ordinarily a single one that grows at its end, however
many points it stands for. A point inside the union is a duplicate, a point outside is new, and one that lies across
an edge contradicts the data model and cannot be counted exactly.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from enum import StrEnum


class Fate(StrEnum):
    """What becomes of a point."""

    NEW = "new"
    DUPLICATE = "duplicate"
    MALFORMED = "malformed"


class Intervals:
    """A union of half-open intervals ``[start, end)`` of ns since the epoch.

    Args:
        edges: start and end of each interval in turn, ascending.

    Example:
        >>> seen = Intervals()
        >>> [seen.add(*interval).value for interval in ((0, 10), (20, 30), (10, 20), (0, 20), (25, 35))]
        ['new', 'new', 'new', 'duplicate', 'malformed']
        >>> seen.edges
        [0, 30]
    """

    __slots__ = ("edges",)

    def __init__(self, edges: list[int] | None = None) -> None:
        self.edges = edges or []

    def add(self, start: int, end: int) -> Fate:
        """Take up ``[start, end)`` unless it is there already, in whole or in part."""
        edges = self.edges
        if edges and start == edges[-1]:  # the usual case: the next flush of a living writer
            edges[-1] = end
            return Fate.NEW
        # An odd position lies inside an interval, an even one between two.
        first, last = bisect_right(edges, start), bisect_left(edges, end)
        if first != last:
            return Fate.MALFORMED
        if first % 2:
            return Fate.DUPLICATE
        touches_left = first > 0 and edges[first - 1] == start
        touches_right = first < len(edges) and edges[first] == end
        edges[first - touches_left : first + touches_right] = [
            *([] if touches_left else [start]),
            *([] if touches_right else [end]),
        ]
        return Fate.NEW
