"""How long calls took, added up over the life of a model version.

A cumulative histogram has the bounds that it began with. Clients may time calls in other buckets: those are counted as
calls, but not here. Where nobody uses the first bounds any more, the histogram begins anew with those that most calls
came in, as OTLP allows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tidegauge.summaries import NumericSummary
from tidegauge_processor.state.aggregates import has_same_bins
from tidegauge_processor.state.memory import Memory


def add_durations(memory: Memory, found: Mapping[str, Sequence[NumericSummary]]) -> int:
    """Add the durations of a window to those of the model version.

    Args:
        memory: of the model version.
        found: summaries by ``error.type``, one for each set of bounds.

    Returns:
        How many summaries stand on other bounds and are left out.
    """
    left_out = 0
    for error_type, summaries in found.items():
        known = memory.durations.get(error_type)
        if known is None or not any(has_same_bins(known, each) for each in summaries):
            most = max(summaries, key=lambda each: (each.count, each.bounds.tolist()))
            known = memory.durations[error_type] = NumericSummary(most.bounds)
        for each in summaries:
            if has_same_bins(known, each):
                known += each
            else:
                left_out += 1
    return left_out
