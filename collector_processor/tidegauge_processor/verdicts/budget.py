"""One budget of false alarms per model and month, divided over everything that could raise one.

    level = share / (streams x windows a month x scales x statistics)

By Bonferroni's inequality the expected number of false alarms a month is then at most the budget, however the streams,
the overlapping merged windows and the statistics depend on each other. An incident takes at least one alarm, so the
number of false incidents is bounded too.

The budget is first shared between families of streams, so that a model with 500 features does not silence the watch
over its predictions. A family that a model does not have leaves its share to the others; but what labels may say, of
performance and of fairness, keeps its share from the first day, because labels come later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from tidegauge_processor.verdicts.types import Policy, Reference, Stream

LABELS: Final = 0.1
"""Part of the budget that tests of labels may spend; see `tidegauge_processor.performance.judging`."""
SHARES: Final[Mapping[str, float]] = MappingProxyType({"features": 0.45, "predictions": 0.225, "quality": 0.225})
"""Part of the budget that each family of streams may spend; with `LABELS` they make it up."""

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


def levels(references: Mapping[Stream, Reference], policy: Policy) -> dict[Stream, float]:
    """Level of each stream: a p-value at or below it is significant.

    Raises:
        ValueError: a stream's target is not known.

    Example:
        >>> import numpy as np
        >>> cells = np.array([[50, 50]])
        >>> streams = {Stream("feature", "age"): Reference(cells, np.array([0.0]))}
        >>> found = levels(streams, Policy(scales=(1, 24)))[Stream("feature", "age")]
        >>> abs(found - 0.9 / (1 * 720 * 2 * 4)) < 1e-15
        True
    """
    families = {stream: _family(stream) for stream in references}
    members = Counter(families.values())
    present = sum(SHARES[family] for family in members)
    found: dict[Stream, float] = {}
    for stream, reference in references.items():
        family = families[stream]
        share = policy.false_incidents_per_month * (1 - LABELS) * SHARES[family] / present
        comparisons = members[family] * policy.windows_per_month * len(policy.scales)
        found[stream] = share / (comparisons * statistics(reference))
    return found


class Share(NamedTuple):
    """What a family of streams may spend, and on what.

    Attributes:
        family: its name.
        budget: false incidents a month.
        streams: how many there are.
        comparisons: tests of all of them in a month.
        level: of the strictest of them.
    """

    family: str
    budget: float
    streams: int
    comparisons: float
    level: float


def spending(references: Mapping[Stream, Reference], policy: Policy) -> list[Share]:
    """How the budget is spent, family by family.

    Example:
        >>> import numpy as np
        >>> age = {Stream("feature", "age"): Reference(np.array([[50, 50]]), np.array([0.0]))}
        >>> [(share.family, share.budget, share.comparisons) for share in spending(age, Policy(scales=(1, 24)))]
        [('features', 0.9, 5760.0)]
    """
    found = levels(references, policy)
    month = policy.windows_per_month * len(policy.scales)
    shares: list[Share] = []
    for family in SHARES:
        streams = [stream for stream in references if _family(stream) == family]
        if streams:
            tests = month * sum(statistics(references[stream]) for stream in streams)
            budget = month * sum(found[stream] * statistics(references[stream]) for stream in streams)
            strictest = min(found[stream] for stream in streams)
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
