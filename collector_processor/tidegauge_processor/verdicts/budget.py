"""One budget of false alarms per model and month, divided over everything that could raise one.

    level = share / (streams x windows a month x scales x statistics x theta)

By Bonferroni's inequality the expected number of false incidents a month is then at most the budget, however streams,
scales and statistics depend on each other. ``theta`` is for time: windows merged at one hour and at the next share most
of their rows, so alarms of long stretches come in clumps, and a clump is one incident. A fraction ``theta`` of alarms
begins one. With ``S`` windows merged, independent of each other, and a threshold ``c`` in standard deviations it is

    theta = c**2 / S * nu(c sqrt(2 / S))

with Siegmund's ``nu``, which is what discrete steps add to the theory of continuous paths: 0.97 for three windows, 0.23
for 72. Windows that are alike beyond that make larger clumps, and fewer incidents.

The budget is first shared between families of streams, so that a model with 500 features does not silence the watch
over its predictions. A family that a model does not have leaves its share to the others; but what labels may say of
performance, and what groups show, keep their shares from the first day, because labels come later.

Two tenths of the budget are kept back: a promise is to hold for every kind of data, the tails are approximations (those
of G may be a third too small), and how far windows differ is only estimated. Tests of groups are exact, and need no
such reserve.

Sources: D. Siegmund (1985), Sequential Analysis, chapters 4 and 8; D. Aldous (1989), Probability Approximations via the
Poisson Clumping Heuristic, section C.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from tidegauge_processor.verdicts.types import Policy, Reference, Stream

Floats = NDArray[np.float64]

STREAMS: Final = 0.5
"""Part of the budget that tests of streams may spend."""
LABELS: Final = 0.1
"""Part of the budget that tests of labels may spend; see `tidegauge_processor.performance.judging`."""
FAIRNESS: Final = 0.2
"""Part that tests of groups may spend; see there."""
SHARES: Final[Mapping[str, float]] = MappingProxyType({"features": 0.5, "predictions": 0.25, "quality": 0.25})
"""Part of `STREAMS` that each family may spend."""

_FAMILIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "feature": "features",
        "joint": "features",
        "attribution": "features",
        "prediction": "predictions",
        "score": "predictions",
        "quality": "quality",
    }
)


def levels(references: Mapping[Stream, Reference], policy: Policy) -> dict[Stream, Floats]:
    """Levels of each stream by scale, shape ``(scales,)``: a p-value at or below its level is significant.

    Raises:
        ValueError: a stream's target is not known.

    Example:
        >>> cells = np.array([[50, 50]])
        >>> streams = {Stream("feature", "age"): Reference(cells, np.array([0.0]))}
        >>> found = levels(streams, Policy(scales=(1, 24)))[Stream("feature", "age")]
        >>> [round(float(level * 720 * 2 * 4 / 0.5), 2) for level in found]
        [1.0, 2.69]
    """
    families = {stream: _family(stream) for stream in references}
    members = Counter(families.values())
    present = sum(SHARES[family] for family in members)
    scales = np.array(policy.scales, dtype=np.float64)

    @cache
    def of(family: str, tests: int) -> Floats:
        share = policy.false_incidents_per_month * STREAMS * SHARES[family] / present
        level = share / (members[family] * policy.windows_per_month * scales.size * tests)
        return level / clump_starts(scales, level)

    return {stream: of(families[stream], statistics(reference)) for stream, reference in references.items()}


def clump_starts(scales: Floats, level: float) -> Floats:
    """Fraction of the alarms at a level that begin a clump, where each merges ``scales`` windows: shape ``(scales,)``.

    Example:
        >>> clump_starts(np.array([1.0, 3, 24, 72]), 1e-6).round(2).tolist()
        [1.0, 0.97, 0.47, 0.23]
    """
    threshold = -2 * np.log(min(level, 0.5))  # squared; not below that of a normal or chi-square law at this level
    step = np.sqrt(2 * threshold / scales)
    density = np.exp(-(step**2) / 8) / np.sqrt(2 * np.pi)
    nu = 2 / step * (special.ndtr(step / 2) - 0.5) / (step / 2 * special.ndtr(step / 2) + density)
    return np.where(scales > 1, np.minimum(threshold / scales * nu, 1.0), 1.0)


class Share(NamedTuple):
    """What a family of streams may spend, and on what.

    Attributes:
        family: its name.
        budget: false incidents a month.
        streams: how many there are.
        comparisons: tests of all of them in a month.
        level: of the strictest of them, at the shortest scale.
    """

    family: str
    budget: float
    streams: int
    comparisons: float
    level: float


def spending(references: Mapping[Stream, Reference], policy: Policy) -> list[Share]:
    """How the budget is spent, family by family.

    Example:
        >>> age = {Stream("feature", "age"): Reference(np.array([[50, 50]]), np.array([0.0]))}
        >>> [(share.family, share.budget, share.comparisons) for share in spending(age, Policy(scales=(1, 24)))]
        [('features', 0.5, 5760.0)]
    """
    found = levels(references, policy)
    members: dict[str, list[Stream]] = {family: [] for family in SHARES}
    for stream in references:
        members[_family(stream)].append(stream)
    present = sum(SHARES[family] for family, streams in members.items() if streams)
    shares: list[Share] = []
    for family, streams in members.items():
        if streams:
            per_stream = policy.windows_per_month * len(policy.scales)
            tests = per_stream * sum(statistics(references[stream]) for stream in streams)
            budget = policy.false_incidents_per_month * STREAMS * SHARES[family] / present
            strictest = min(float(found[stream].min()) for stream in streams)
            shares.append(Share(family, round(budget, 12), len(streams), tests, strictest))
    return shares


def statistics(reference: Reference) -> int:
    """Statistics computed for one comparison: see the table of `evidence`."""
    if reference.bounds is not None:
        return 4
    return 1 if reference.cells == 2 else 2


def _family(stream: Stream) -> str:
    try:
        return _FAMILIES[stream.target]
    except KeyError:
        raise ValueError(f"unknown target {stream.target!r}: known are {', '.join(_FAMILIES)}") from None
