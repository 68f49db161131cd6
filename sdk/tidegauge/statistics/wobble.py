"""How far blocks of the reference differ from the rest of it, beyond what independent rows would.

Rows of an hour share something: the weather, a campaign, a batch job. So even when nothing has changed, the statistic
``T`` of a window is larger than independent rows would make it. What they share does not average out over rows, hence

    E[T] = mean + m_eff w                       with       m_eff = n m / (n + m)

where ``mean`` is that of independent rows, ``n`` and ``m`` are the sizes of reference and window, and ``w >= 0`` is a
component of variance for each effective row: the excess grows with the traffic. ``w`` is measured on blocks of the
reference, each against the rest of it, for blocks as long as the merged windows that are judged later; it is known
only as well as the number of blocks allows, which is kept as degrees of freedom.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

METHODS: Final = ("anderson_darling", "klotz", "g_test", "fisher_exact")
"""Tests whose statistic is measured; that of Fisher's test is Pearson's."""

FEWEST_BLOCKS: Final = 8
"""With fewer blocks nothing is known of how they differ."""


class Excess(NamedTuple):
    """How much larger than with independent rows a statistic was.

    Attributes:
        ratio: mean of the statistic over its mean with independent rows.
        per_row: the latter over the mean number of effective rows: ``w`` is ``(ratio - 1) per_row``.
        degrees: of freedom of ``ratio``.
    """

    ratio: float
    per_row: float
    degrees: float


@dataclass(frozen=True)
class Wobble:
    """What blocks of one stream showed.

    Attributes:
        blocks: pairs of a block's length in hours and the number of blocks, ascending.
        excess: what they showed, by length in hours and method; a method that had nothing to look at is left out.

    Raises:
        ValueError: a length, a number or a method that cannot be.
    """

    blocks: tuple[tuple[int, int], ...] = ()
    excess: tuple[tuple[int, str, Excess], ...] = ()

    def __post_init__(self) -> None:
        lengths = [length for length, _ in self.blocks]
        if any(type(number) is not int or number < 1 for pair in self.blocks for number in pair):
            raise ValueError("blocks are pairs of a length in hours and a number of blocks")
        if lengths != sorted(set(lengths)):
            raise ValueError("lengths of blocks should ascend")
        for length, method, (ratio, per_row, degrees) in self.excess:
            if length not in lengths or method not in METHODS:
                raise ValueError(f"excess of {method!r} over {length!r} hours belongs to no blocks")
            if not (0 <= ratio < float("inf") and 0 <= per_row < float("inf") and 0 < degrees < float("inf")):
                raise ValueError(f"excess of {method!r} over {length} hours is not finite and positive")

    @property
    def measured(self) -> bool:
        """Whether blocks of any length were enough to say something."""
        return any(number >= FEWEST_BLOCKS for _, number in self.blocks)

    def over(self, hours: float) -> int:
        """Length of the blocks that tell of a stretch of ``hours``: the longest that is not longer; else the shortest.

        What rows share averages out over time, so shorter blocks are on the safe side.

        >>> Wobble(blocks=((1, 672), (24, 28))).over(6)
        1
        """
        known = [length for length, number in self.blocks if number >= FEWEST_BLOCKS]
        return max((length for length in known if length <= hours), default=min(known, default=0))

    def found(self, length: int) -> dict[str, Excess]:
        """What blocks of ``length`` hours showed, by method."""
        return {method: excess for at, method, excess in self.excess if at == length}

    def to_plain(self) -> dict[str, Any]:
        """Write as plain JSON values."""
        return {
            "blocks": [list(pair) for pair in self.blocks],
            "excess": [[length, method, *excess] for length, method, excess in self.excess],
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Sequence[Any]]) -> Wobble:
        """Read what `to_plain` wrote.

        >>> wobble = Wobble(((1, 9),), ((1, "g_test", Excess(1.5, 0.25, 20.0)),))
        >>> Wobble.from_plain(wobble.to_plain()) == wobble
        True
        """
        excess = tuple((length, method, Excess(*map(float, rest))) for length, method, *rest in plain["excess"])
        return cls(tuple((length, number) for length, number in plain["blocks"]), excess)


UNKNOWN: Final = Wobble()
"""Nothing is known: rows are taken to be independent."""
