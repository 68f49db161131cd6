"""How often each group is selected: all predictions of a stretch of time by segment, group and predicted class.

Every prediction counts, whether or not anybody ever learns what came of it. The rate of the rows with a label is
another number: an applicant who is refused never has an outcome, and labels of one class often come sooner than those
of the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from tidegauge_processor.performance.classes import PAIRS
from tidegauge_processor.performance.evaluate import MOST_SEGMENTS
from tidegauge_processor.performance.fairness import Counts

MOST_CELLS: Final = 10_000
"""Segments, groups and classes that are counted apart; with more of them none is counted."""

_MOST_CLASSES: Final = 2


class Selection:
    """Counts of predictions; any order of adding leaves the same.

    Attributes:
        whole: whether everything was counted that there was to count.

    Example:
        >>> seen = Selection()
        >>> seen.add("region", "north", "1", 30)
        >>> seen.add("region", "north", "0", 70)
        >>> seen.add("region", "south", "0", 50)
        >>> seen.groups("1")
        {'region': {'north': (70, 30), 'south': (50, 0)}}
    """

    __slots__ = ("_cells", "whole")

    def __init__(self) -> None:
        self.whole = True
        self._cells: dict[tuple[str, str, str], int] = {}

    def __bool__(self) -> bool:
        """Whether there is anything to say, be it that not everything was counted."""
        return bool(self._cells) or not self.whole

    def __iter__(self) -> Iterator[tuple[str, str, str, int]]:
        """Segment, group, class and rows, in order."""
        return ((*cell, rows) for cell, rows in sorted(self._cells.items()))

    def add(self, segment: str, group: str, klass: str, rows: int) -> None:
        """Count ``rows`` of a group that were predicted as one class."""
        if not self.whole:
            return
        cell = segment, group, klass
        self._cells[cell] = self._cells.get(cell, 0) + rows
        if len(self._cells) > MOST_CELLS:
            self.lose()

    def lose(self) -> None:
        """Say that something was not counted: what is left may be one class of a group without the other."""
        self.whole = False
        self._cells.clear()

    def __iadd__(self, other: Selection) -> Selection:
        if not other.whole:
            self.lose()
        for cell in other:
            self.add(*cell)
        return self

    def groups(self, positive: str | None) -> dict[str, Counts]:
        """Rows not selected, and selected, by segment and group: of each segment the largest groups.

        Args:
            positive: the class of those that are selected; None when nobody has said, and then ``1`` and ``true`` are.

        Returns:
            Nothing where it is not known which class that is, or there are more than two.
        """
        chosen = _positive({klass for _, _, klass in self._cells}, positive)
        if chosen is None:
            return {}
        found: dict[str, dict[str, tuple[int, int]]] = {}
        for segment, group, klass, rows in self:
            misses, hits = found.setdefault(segment, {}).get(group, (0, 0))
            found[segment][group] = (misses, hits + rows) if klass == chosen else (misses + rows, hits)
        return {segment: _largest(groups) for segment, groups in found.items()}

    def dump(self) -> dict[str, Any]:
        """Canonical plain values, for JSON."""
        return {"whole": self.whole, "cells": [list(cell) for cell in self]}

    @classmethod
    def load(cls, plain: dict[str, Any]) -> Selection:
        """Read what `dump` wrote."""
        found = cls()
        for cell in plain["cells"]:
            found.add(*cell)
        found.whole = plain["whole"]
        return found


def _positive(names: set[str], positive: str | None) -> str | None:
    """The class of those selected, by the rules of `classes.read_binary`."""
    if positive is None:
        positive = next((pair[1] for pair in PAIRS if names and names <= set(pair)), None)
    return positive if positive is not None and len(names | {positive}) <= _MOST_CLASSES else None


def _largest(groups: dict[str, tuple[int, int]]) -> Counts:
    largest = sorted(groups, key=lambda group: (-sum(groups[group]), group))[:MOST_SEGMENTS]
    return {group: groups[group] for group in sorted(largest)}
