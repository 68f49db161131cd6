"""Names that become attributes, bounded: the first ones keep their name, all later ones are counted as ``_other``."""

from __future__ import annotations

from tidegauge.summaries import OTHER


class Vocabulary:
    """Lets the first ``limit`` different names pass.

    Which names keep their own never changes during the life of a process, so that counters add up over intervals.

    Args:
        limit: how many names there may be.

    Example:
        >>> colours = Vocabulary(2)
        >>> [colours.admit(name) for name in ("red", "blue", "puce", "red")]
        ['red', 'blue', '_other', 'red']
    """

    __slots__ = ("_limit", "_names")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._names: set[object] = set()

    def admit(self, name: str) -> str:
        """``name`` itself, or `OTHER`."""
        return name if self.knows(name) else OTHER

    def knows(self, name: object) -> bool:
        """Whether ``name`` is, or by this question becomes, one of the names that pass."""
        if name in self._names:
            return True
        if len(self._names) >= self._limit:
            return False
        self._names.add(name)
        return True
