"""Which streams moved? A list with few wrong names on it, for the reader of an incident.

An incident is opened by the budget, which is strict. Once it is open, the question is another one: which of hundreds of
streams belong to it. There the share of wrong names on the list is what matters, and Benjamini and Hochberg's procedure
keeps its mean below a rate, also for streams that are positively dependent.

Source: Y. Benjamini, Y. Hochberg (1995), Controlling the false discovery rate, JRSS B 57, 289-300.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from tidegauge_processor.verdicts.types import Stream, Verdict

WRONG_NAMES: Final = 0.05
"""Mean share of wrong names on the list."""


def strongest(verdicts: Iterable[Verdict]) -> dict[Stream, Verdict]:
    """The verdict with the strongest evidence of each stream that was tested, over scales."""
    found: dict[Stream, Verdict] = {}
    for verdict in verdicts:
        known = found.get(verdict.stream)
        if verdict.tests and (known is None or strength(verdict) < strength(known)):
            found[verdict.stream] = verdict
    return found


def strength(verdict: Verdict) -> tuple[bool, float, float, int]:
    """Sorts the strongest first: states that alarm, then p-value, size and the shortest scale."""
    return not verdict.state.alarming, verdict.p_value, -verdict.effect_lower, verdict.scale


def corrected_p(verdicts: Iterable[Verdict]) -> dict[Stream, float]:
    """One p-value for each stream that was tested: the smallest one times the number of tests (Bonferroni)."""
    smallest: dict[Stream, float] = {}
    tests: dict[Stream, int] = {}
    for verdict in verdicts:
        if verdict.tests:
            smallest[verdict.stream] = min(verdict.p_value, smallest.get(verdict.stream, 1.0))
            tests[verdict.stream] = tests.get(verdict.stream, 0) + len(verdict.tests)
    return {stream: min(1.0, p * tests[stream]) for stream, p in smallest.items()}


def benjamini_hochberg(p_values: Mapping[Stream, float], rate: float = WRONG_NAMES) -> list[Stream]:
    """Streams on the list, strongest evidence first.

    Example:
        >>> p = {Stream("feature", name): p for name, p in zip("abcd", (0.9, 0.02, 0.001, 0.03))}
        >>> [stream.name for stream in benjamini_hochberg(p)]
        ['c', 'b', 'd']
    """
    ordered = sorted(p_values, key=lambda stream: (p_values[stream], stream))
    passing = [rank for rank, stream in enumerate(ordered, 1) if p_values[stream] <= rate * rank / len(ordered)]
    return ordered[: max(passing, default=0)]
