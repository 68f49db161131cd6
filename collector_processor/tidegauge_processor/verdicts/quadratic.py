"""Anderson-Darling's test and what it could have seen, for streams of all shapes at once.

Streams have different numbers of cells, but the law of the statistic is computed column by column, and a column that a
stream lacks adds nothing: so all streams of a model go through one pass, and the price of a pass is paid once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidegauge.statistics.anderson_darling import anderson_darling
from tidegauge_processor.verdicts.bridge import Bridge, joined
from tidegauge_processor.verdicts.comparisons import Comparisons
from tidegauge_processor.verdicts.detectable import detectable_shifts
from tidegauge_processor.verdicts.types import Reference
from tidegauge_processor.verdicts.uncertain import p_values

Floats = NDArray[np.float64]


class Quadratic(NamedTuple):
    """Results of some comparisons, each of shape ``(k,)``."""

    statistic: Floats
    p_value: Floats
    shift: Floats
    """Smallest shift that would have been found every other time; see `detectable`."""


def quadratic(
    parts: Sequence[Comparisons], levels: Sequence[Floats], references: Sequence[Sequence[Reference]]
) -> list[Quadratic]:
    """Test all comparisons of ordered cells.

    Args:
        parts: comparisons, of one shape in each part, none without rows.
        levels: of the comparisons of each part.
        references: of the comparisons of each part.
    """
    if not parts:
        return []
    found = joined([anderson_darling(part.reference, part.window) for part in parts])
    n, m = (np.concatenate([getattr(part, side) for part in parts]) for side in ("size", "rows"))
    effective = n * m / (n + m)
    excess = np.concatenate([part.beyond["anderson_darling"] for part in parts]) * effective[:, None]
    law = Bridge(found)
    known = [reference for part in references for reference in part]
    shifts = detectable_shifts(law, excess, effective, np.concatenate(levels), known)
    together = found.statistic, p_values(law, found.statistic, excess), shifts
    ends = np.cumsum([part.rows.size for part in parts])[:-1]
    return [Quadratic(*part) for part in zip(*(np.split(values, ends) for values in together), strict=True)]
