"""How large numbers may be that come from outside, so that no total of them ever leaves 64 bits.

A sender can write any number of 64 bits, and totals of them wrap silently in arrays and cannot be said over OTLP. So
every count is bounded where it is read, and so is what is added up of them:

* a point counts up to `LARGEST_COUNT`, and so does all that one window of one model version takes in;
* a window is merged with some dozens of others: up to 8,191 of them stay within 64 bits;
* so does all that a baseline is learned from, or holds;
* totals of a model version begin anew above `LARGEST_TOTAL`, as counters over OTLP may.

Times lie between the epoch and `LATEST`, so that times between them and ends of windows fit as well.
"""

from __future__ import annotations

from typing import Final

LARGEST_COUNT: Final = 2**50
"""Rows, values or calls: at ten million a second three and a half years of them."""
LARGEST_TOTAL: Final = 2**62
LARGEST_INTEGER: Final = 2**63 - 1
"""What OTLP has room for."""
LATEST: Final = 7_258_118_400 * 10**9
"""The year 2200, ns since the epoch."""

COUNT_LIMIT: Final = "count_limit"
"""Why something is not counted: its total would be larger than any honest one."""


def whole(value: float) -> int:
    """A count from a sender.

    Raises:
        ValueError: it is no whole number, below zero or larger than `LARGEST_COUNT`.
    """
    if not 0 <= value <= LARGEST_COUNT or value != int(value):
        raise ValueError(f"{value} is not a count: a whole number from 0 to {LARGEST_COUNT}")
    return int(value)
