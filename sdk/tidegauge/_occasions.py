"""Calls that were counted: the first and the latest of everything that a counter counts apart."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import TYPE_CHECKING

from tidegauge._histogram import Example, example_of

if TYPE_CHECKING:
    from tidegauge._prediction import Prediction
    from tidegauge._table import Table


class Occasions:
    """At most two sampled calls by what was counted, whatever the number of calls.

    Example:
        >>> occasions = Occasions()
        >>> for time in (1, 2, 3):
        ...     occasions.keep("red", Example(1, time, trace_id=time, span_id=time))
        >>> [example.time for example in occasions.shown("red")]
        [1, 3]
    """

    __slots__ = ("_found",)

    def __init__(self) -> None:
        self._found: dict[Hashable, list[Example]] = {}

    def add(self, counted: Hashable, call: Prediction) -> None:
        """Let ``call`` exemplify what was counted, when it was sampled."""
        example = example_of(1, call)
        if example is not None:
            self.keep(counted, example)

    def add_rows(self, table: Table, counted: Mapping[Hashable, Iterable[int]]) -> None:
        """Let the calls of some rows of ``table`` exemplify what was counted of them."""
        for name, rows in counted.items():
            for row in rows:
                self.add(name, table.owner(row))

    def keep(self, counted: Hashable, example: Example) -> None:
        """Keep the first example and the latest."""
        known = self._found.setdefault(counted, [])
        if example not in known:
            known[1:] = [example]

    def absorb(self, later: Occasions) -> None:
        """Add what was counted after this."""
        for counted, examples in later._found.items():
            for example in examples:
                self.keep(counted, example)

    def shown(self, counted: Hashable) -> list[Example]:
        """None, one or two examples."""
        return self._found.get(counted, [])
